"""What can be sold of a level: one arithmetic for whoever reads, plans or reserves.

It is SQL because it runs where the rows are. The level is named `s`, its location `l`.
"""

SELLABLE = """CASE WHEN s.suspect_at IS NOT NULL THEN 0
    ELSE greatest(0, s.on_hand - (s.damaged + s.quarantined) - s.reserved - coalesce(s.safety_stock, l.safety_stock))
    END"""
