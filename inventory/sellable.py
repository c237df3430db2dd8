"""What can be sold of a level: one arithmetic for whoever reads, plans or reserves.

It is SQL because it runs where the rows are. What is protected beyond safety stock will be one more term here.
"""


def sellable_sql(level: str, location: str) -> str:
    """Units for sale, given the aliases of a stock level and of its location."""
    return f"""CASE WHEN {level}.suspect_at IS NOT NULL THEN 0
    ELSE greatest(0, {level}.on_hand - {level}.damaged - {level}.quarantined - {level}.reserved
                     - coalesce({level}.safety_stock, {location}.safety_stock)) END"""


SELLABLE = sellable_sql("s", "l")
