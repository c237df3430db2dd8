"""What must hold of stock at any time, as queries."""

from oms.invariants import by_query, register

_LEDGER = """
SELECT coalesce(s.sku, m.sku) AS sku, coalesce(s.location_id, m.location_id) AS location,
       coalesce(s.{column}, 0) AS stored, coalesce(m.total, 0) AS summed
FROM inventory_stocklevel s
FULL JOIN (SELECT sku, location_id, sum({delta}) AS total FROM inventory_stockmovement GROUP BY 1, 2) m
  ON m.sku = s.sku AND m.location_id = s.location_id
WHERE coalesce(s.{column}, 0) <> coalesce(m.total, 0) ORDER BY 1, 2"""

_RESERVED = """
SELECT coalesce(s.sku, r.sku) AS sku, coalesce(s.location_id, r.location_id) AS location,
       coalesce(s.reserved, 0) AS stored, coalesce(r.total, 0) AS summed
FROM inventory_stocklevel s
FULL JOIN (
    SELECT sku, location_id, sum(remaining) AS total FROM inventory_reservation WHERE status = 'active' GROUP BY 1, 2
) r ON r.sku = s.sku AND r.location_id = s.location_id
WHERE coalesce(s.reserved, 0) <> coalesce(r.total, 0) ORDER BY 1, 2"""

_NEGATIVE = """
SELECT sku, location_id AS location, reserved, damaged, quarantined FROM inventory_stocklevel
WHERE reserved < 0 OR damaged < 0 OR quarantined < 0 ORDER BY 1, 2"""


def register_all() -> None:
    for column, delta in (("on_hand", "quantity"), ("damaged", "damaged_delta"), ("quarantined", "quarantined_delta")):
        register(
            by_query(
                f"{column} of each stock level equals its movements",
                _LEDGER.format(column=column, delta=delta),
                f"%(sku)s at %(location)s: {column} is %(stored)s, movements say %(summed)s",
            )
        )
    register(
        by_query(
            "reserved of each stock level equals its active reservations",
            _RESERVED,
            "%(sku)s at %(location)s: reserved is %(stored)s, active reservations hold %(summed)s",
        )
    )
    register(
        by_query(
            "nothing is negative that cannot be",
            _NEGATIVE,
            "%(sku)s at %(location)s: reserved %(reserved)s, damaged %(damaged)s, quarantined %(quarantined)s",
        )
    )
