"""The two sums that a stock level has to equal: its ledger, and what its reservations hold."""

_OF_KEYS = "WHERE (sku, location_id) IN (SELECT * FROM unnest(%(skus)s::text[], %(locations)s::text[]))"

_LEDGER = """
SELECT sku, location_id, sum(on_hand)::bigint AS on_hand, sum(damaged)::bigint AS damaged,
    sum(quarantined)::bigint AS quarantined
FROM (
    SELECT sku, location_id, quantity AS on_hand, damaged_delta AS damaged, quarantined_delta AS quarantined
    FROM inventory_stockmovement {of}
    UNION ALL
    SELECT sku, location_id, on_hand, damaged, quarantined FROM inventory_stockbalance {of}
) entry GROUP BY sku, location_id"""
_HELD = """
SELECT sku, location_id, sum(remaining)::bigint AS reserved FROM inventory_reservation
{of} status = 'active' GROUP BY sku, location_id"""

LEDGER = _LEDGER.format(of="")
LEDGER_OF_KEYS = _LEDGER.format(of=_OF_KEYS)
HELD = _HELD.format(of="WHERE")
HELD_OF_KEYS = _HELD.format(of=f"{_OF_KEYS} AND")
