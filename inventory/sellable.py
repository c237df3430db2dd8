"""What can be sold of a level: one arithmetic for whoever reads, plans or reserves.

It is SQL because it runs where the rows are; what a place protects by default comes in as a parameter,
because readers know it by heart and the reserver reads it under the lock.
"""


def sellable_sql(level: str, protection: str) -> str:
    """Units for sale of the stock level with this alias; `protection` is what its place keeps back by default."""
    return f"""CASE WHEN {level}.suspect_at IS NOT NULL THEN 0
    ELSE greatest(0, {level}.on_hand - {level}.damaged - {level}.quarantined - {level}.reserved
                     - coalesce({level}.safety_stock, {protection})) END"""
