"""What must hold of stock at any time, as queries."""

from inventory import books
from inventory.services import repairs
from oms.invariants import by_query, register

_LEDGER = f"""
SELECT coalesce(s.sku, l.sku) AS sku, coalesce(s.location_id, l.location_id) AS location,
    coalesce(s.on_hand, 0) AS on_hand, coalesce(s.damaged, 0) AS damaged, coalesce(s.quarantined, 0) AS quarantined,
    coalesce(l.on_hand, 0) AS ledger_on_hand, coalesce(l.damaged, 0) AS ledger_damaged,
    coalesce(l.quarantined, 0) AS ledger_quarantined
FROM inventory_stocklevel s
FULL JOIN ({books.LEDGER}) l ON l.sku = s.sku AND l.location_id = s.location_id
WHERE (coalesce(s.on_hand, 0), coalesce(s.damaged, 0), coalesce(s.quarantined, 0))
    <> (coalesce(l.on_hand, 0), coalesce(l.damaged, 0), coalesce(l.quarantined, 0))
ORDER BY 1, 2"""

_RESERVED = f"""
SELECT coalesce(s.sku, r.sku) AS sku, coalesce(s.location_id, r.location_id) AS location,
       coalesce(s.reserved, 0) AS stored, coalesce(r.reserved, 0) AS summed
FROM inventory_stocklevel s
FULL JOIN ({books.HELD}) r ON r.sku = s.sku AND r.location_id = s.location_id
WHERE coalesce(s.reserved, 0) <> coalesce(r.reserved, 0) ORDER BY 1, 2"""

# What the ledger says of a delivery or transfer it says under its id, and not before it was announced; what a feed
# tells under that id is a change of its own. Of those announced before the months that are kept it has forgotten.
_BEGINS = "coalesce((SELECT max(begins_at) FROM inventory_ledgerstart), '-infinity')"
_RECEIVED = f"""
SELECT i.id, line.sku, i.location_id AS location, line.received, line.damaged, line.quarantined,
       moved.units, moved.damaged AS moved_damaged, moved.quarantined AS moved_quarantined
FROM inventory_inboundline line JOIN inventory_inbound i ON i.id = line.inbound_id
CROSS JOIN LATERAL (
    SELECT coalesce(sum(m.quantity), 0) AS units, coalesce(sum(m.damaged_delta), 0) AS damaged,
           coalesce(sum(m.quarantined_delta), 0) AS quarantined
    FROM inventory_stockmovement m
    WHERE m.sku = line.sku AND m.location_id = i.location_id AND m.occurred_at >= i.created_at
        AND m.recorded_at >= i.created_at AND m.reference = i.id AND m.external_id IS NULL
) moved
WHERE i.created_at >= {_BEGINS}
  AND (line.received, line.damaged, line.quarantined) <> (moved.units, moved.damaged, moved.quarantined)
ORDER BY 1, 2"""

_IN_TRANSIT = f"""
SELECT i.id, line.sku, i.origin_id AS origin, line.quantity, line.received, line.missing, line.remaining, sent.units
FROM inventory_inbound i JOIN inventory_inboundline line ON line.inbound_id = i.id
CROSS JOIN LATERAL (
    SELECT -coalesce(sum(m.quantity), 0) AS units FROM inventory_stockmovement m
    WHERE m.sku = line.sku AND m.location_id = i.origin_id AND m.occurred_at >= i.created_at
        AND m.recorded_at >= i.created_at AND m.reference = i.id AND m.external_id IS NULL
) sent
WHERE i.origin_id IS NOT NULL AND i.created_at >= {_BEGINS}
  AND sent.units + greatest(0, line.received - line.quantity) <> line.received + line.missing + line.remaining
ORDER BY 1, 2"""

_PROMISED = """
SELECT i.id, line.sku, line.promised, coalesce(p.units, 0) AS summed
FROM inventory_inboundline line JOIN inventory_inbound i ON i.id = line.inbound_id
LEFT JOIN (
    SELECT line_id, sum(quantity) AS units, min(sku) AS sku, max(sku) AS last FROM inventory_supplypromise GROUP BY 1
) p ON p.line_id = line.id
WHERE line.promised <> coalesce(p.units, 0) OR p.sku <> line.sku OR p.last <> line.sku ORDER BY 1, 2"""

_NEGATIVE = """
SELECT sku, location_id AS location, reserved, damaged, quarantined FROM inventory_stocklevel
WHERE reserved < 0 OR damaged < 0 OR quarantined < 0 ORDER BY 1, 2"""


def register_all() -> None:
    register(
        by_query(
            "each stock level is what its ledger says: opening balance and movements",
            _LEDGER,
            "%(sku)s at %(location)s: %(on_hand)s on hand, %(damaged)s damaged, %(quarantined)s quarantined;"
            " the ledger says %(ledger_on_hand)s, %(ledger_damaged)s, %(ledger_quarantined)s",
            mend=repairs.mend_by_ledger,
        )
    )
    register(
        by_query(
            "reserved of each stock level equals its active reservations",
            _RESERVED,
            "%(sku)s at %(location)s: reserved is %(stored)s, active reservations hold %(summed)s",
            mend=repairs.mend_by_reservations,
        )
    )
    register(
        by_query(
            "nothing is negative that cannot be",
            _NEGATIVE,
            "%(sku)s at %(location)s: reserved %(reserved)s, damaged %(damaged)s, quarantined %(quarantined)s",
        )
    )
    register(
        by_query(
            "what a delivery or transfer says was received came into stock",
            _RECEIVED,
            "%(id)s, %(sku)s: %(received)s received, but the ledger of %(location)s says %(units)s",
        )
    )
    register(
        by_query(
            "what left for another place was received there, is missing or is in transit",
            _IN_TRANSIT,
            "%(id)s, %(sku)s: %(units)s left %(origin)s, but %(received)s received, %(missing)s missing,"
            " %(remaining)s in transit",
        )
    )
    register(
        by_query(
            "promised of each line of a delivery equals its promises, for its product",
            _PROMISED,
            "%(id)s, %(sku)s: promised is %(promised)s, its promises add up to %(summed)s",
        )
    )
