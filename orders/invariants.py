"""What must always be true of orders, their work and their money (architecture §4)."""

from oms.invariants import by_query, register
from orders.models import ExceptionCase
from orders.services import clocks, limits, repairs
from orders.services.reoptimisation import REOPTIMISED
from orders.states import LIVE

_LIVE = ", ".join(f"'{status}'" for status in sorted(LIVE))
_BEGUN = ", ".join(f"'{status}'" for status in clocks.BEGUN)
_CLOCKS = ", ".join(f"'{kind}'" for kind in clocks.CLOCKS)
_ABOUT_LATENESS = ", ".join(f"'{reason}'" for reason in sorted(ExceptionCase.ABOUT_LATENESS))
_LOST = """CASE WHEN lost.status IN ('declined', 'timed_out', 'canceled')
    THEN ll.quantity - ll.picked - ll.canceled ELSE ll.short END"""

register(
    by_query(
        "orders: units at places are exactly the units of live fulfillments",
        f"""
        SELECT l.id AS line, l.allocated + l.picked + l.packed + l.in_transit AS in_buckets, coalesce(w.units, 0) AS at_places
        FROM orders_orderline l
        LEFT JOIN (
            SELECT fl.order_line_id, sum(fl.quantity - fl.short - fl.canceled) AS units
            FROM orders_fulfillmentline fl JOIN orders_fulfillment f ON f.id = fl.fulfillment_id
            WHERE f.status IN ({_LIVE}) GROUP BY 1
        ) w ON w.order_line_id = l.id
        WHERE l.allocated + l.picked + l.packed + l.in_transit <> coalesce(w.units, 0)
        """,
        "line %(line)s has %(in_buckets)s units at places, its live fulfillments %(at_places)s",
    )
)
register(
    by_query(
        "orders: units at places are reserved there, unit for unit",
        f"""
        SELECT coalesce(w.line, r.line) AS line, coalesce(w.location, r.location) AS location,
               coalesce(w.units, 0) AS at_place, coalesce(r.units, 0) AS reserved
        FROM (
            SELECT fl.order_line_id AS line, f.location_id AS location, sum(fl.quantity - fl.short - fl.canceled) AS units
            FROM orders_fulfillmentline fl JOIN orders_fulfillment f ON f.id = fl.fulfillment_id
            WHERE f.status IN ({_LIVE}) GROUP BY 1, 2
            HAVING sum(fl.quantity - fl.short - fl.canceled) > 0
        ) w FULL JOIN (
            SELECT substr(demand, 12) AS line, location_id AS location, sum(remaining) AS units
            FROM inventory_reservation WHERE status = 'active' AND demand LIKE 'order_line:%' GROUP BY 1, 2
        ) r ON r.line = w.line AND r.location = w.location
        WHERE coalesce(w.units, 0) <> coalesce(r.units, 0)
        """,
        "line %(line)s at %(location)s: %(at_place)s units of work, %(reserved)s reserved",
    )
)
register(
    by_query(
        "orders: open units stand in front of a person",
        f"""
        SELECT l.id AS line, l.open AS open, coalesce(c.units, 0) AS in_queue
        FROM orders_orderline l
        LEFT JOIN (
            SELECT e.order_id, line->>'line' AS ref, sum((line->>'quantity')::int) AS units
            FROM orders_exceptioncase e, jsonb_array_elements(e.lines) line
            WHERE e.status = 'open' AND e.reason NOT IN ({_ABOUT_LATENESS}) GROUP BY 1, 2
        ) c ON c.order_id = l.order_id AND c.ref = l.ref
        WHERE l.open <> coalesce(c.units, 0)
        """,
        "line %(line)s has %(open)s open units, %(in_queue)s in the exception queue",
    )
)
register(
    by_query(
        "orders: a place that lost a line did not get it again",
        f"""
        SELECT f.id AS fulfillment, f.location_id AS location FROM orders_fulfillment f
        JOIN orders_fulfillmentline fl ON fl.fulfillment_id = f.id
        JOIN orders_exclusion x ON x.order_line_id = fl.order_line_id AND x.location_id = f.location_id
            AND x.created_at < f.assigned_at
        WHERE f.status IN ({_LIVE}) AND f.attempt > 1
          AND NOT EXISTS (SELECT 1 FROM orders_exceptioncase e WHERE e.fulfillment_id = f.replaces_id
              AND e.resolution = 'reroute')
        """,
        "fulfillment %(fulfillment)s went back to %(location)s",
    )
)
register(
    by_query(
        "orders: no more units of a line take over than its place lost",
        f"""
        SELECT lost.id AS fulfillment, ll.order_line_id AS line, sum(l.quantity) AS units, ({_LOST}) AS lost
        FROM orders_fulfillment f
        JOIN orders_fulfillmentline l ON l.fulfillment_id = f.id
        JOIN orders_fulfillment lost ON lost.id = f.replaces_id
        JOIN orders_fulfillmentline ll ON ll.fulfillment_id = lost.id AND ll.order_line_id = l.order_line_id
        WHERE f.status <> 'canceled' AND NOT EXISTS (SELECT 1 FROM oms_event e WHERE e.root = lost.order_id
            AND e.subject = lost.id AND e.type = 'orders.fulfillment.canceled' AND e.payload->>'why' = '{REOPTIMISED}')
        GROUP BY lost.id, ll.id HAVING sum(l.quantity) > {_LOST}
        """,
        "of line %(line)s %(units)s units took over from fulfillment %(fulfillment)s, which lost %(lost)s",
    )
)
register(
    by_query(
        "orders: work that was handed to no place waits for something",
        """
        SELECT f.id AS fulfillment FROM orders_fulfillment f
        WHERE f.status = 'planned'
          AND NOT EXISTS (SELECT 1 FROM orders_hold h WHERE h.order_id = f.order_id AND h.released_at IS NULL)
          AND NOT EXISTS (SELECT 1 FROM oms_deadline d
              WHERE d.subject = f.id AND d.kind = 'orders.release' AND d.done_at IS NULL)
          AND NOT EXISTS (SELECT 1 FROM oms_deadline d JOIN orders_payment p ON p.id = d.subject
              WHERE p.order_id = f.order_id AND d.kind = 'orders.settle_payment' AND d.done_at IS NULL)
        """,
        "fulfillment %(fulfillment)s is planned, and neither a hold nor a clock will hand it out",
    )
)
register(
    by_query(
        "orders: the clocks of places stand still while their order is held, and only then",
        f"""
        SELECT f.id AS fulfillment, CASE WHEN f.clocks_left IS NULL THEN 'runs' ELSE 'stands still' END AS clock
        FROM orders_fulfillment f
        WHERE (f.clocks_left IS NOT NULL AND f.status IN ('assigned', 'accepted', {_BEGUN}) AND NOT EXISTS (
                SELECT 1 FROM orders_hold h WHERE h.order_id = f.order_id AND h.released_at IS NULL))
            OR (f.status IN ({_LIVE}) AND EXISTS (
                SELECT 1 FROM orders_hold h WHERE h.order_id = f.order_id AND h.released_at IS NULL)
              AND EXISTS (SELECT 1 FROM oms_deadline d
                WHERE d.subject = f.id AND d.kind IN ({_CLOCKS}) AND d.done_at IS NULL))
        """,
        "the clock of fulfillment %(fulfillment)s %(clock)s, which its order's holds do not agree with",
    )
)
register(
    by_query(
        "orders: units on back-order are promised from deliveries or arrived for them, unit for unit",
        """
        SELECT coalesce(l.id, p.line) AS line, coalesce(l.backordered, 0) AS waiting, coalesce(p.units, 0) AS promised
        FROM orders_orderline l FULL JOIN (
            SELECT substr(demand, 12) AS line, sum(units) AS units FROM (
                SELECT demand, quantity AS units FROM inventory_supplypromise
                UNION ALL SELECT substr(demand, 9), remaining FROM inventory_reservation
                WHERE status = 'active' AND demand LIKE 'arrived:%'
            ) AS found WHERE demand LIKE 'order_line:%' GROUP BY 1
        ) p ON p.line = l.id
        WHERE coalesce(l.backordered, 0) <> coalesce(p.units, 0)
        """,
        "line %(line)s has %(waiting)s units on back-order, but %(promised)s are promised or arrived for it",
    )
)
register(
    by_query(
        "orders: what waits for a delivery is looked at again",
        """
        SELECT l.id AS line FROM orders_orderline l WHERE l.backordered > 0 AND NOT EXISTS (
            SELECT 1 FROM oms_deadline d
            WHERE d.subject = l.delivery_id AND d.kind = 'orders.backorder' AND d.done_at IS NULL)
        """,
        "line %(line)s waits for a delivery, and no clock will look at it",
    )
)
register(
    by_query(
        "orders: the lines' totals make the order's",
        """
        SELECT o.number AS number FROM orders_order o JOIN orders_orderline l ON l.order_id = o.id
        GROUP BY o.id HAVING sum(l.total) <> o.items_total - o.discount_total
        """,
        "order %(number)s: lines do not add up",
    )
)
register(
    by_query(
        "orders: captured and refunded money is told by its operations",
        """
        SELECT p.id AS payment FROM orders_payment p LEFT JOIN orders_paymentoperation o ON o.payment_id = p.id
            AND o.status = 'succeeded'
        WHERE p.gateway <> 'in_store' GROUP BY p.id
        HAVING p.captured_amount <> coalesce(sum(o.amount) FILTER (WHERE o.kind = 'capture'), 0)
            OR p.refunded_amount <> coalesce(sum(o.amount) FILTER (WHERE o.kind = 'refund'), 0)
        """,
        "payment %(payment)s: sums and operations differ",
    )
)
register(
    by_query(
        "orders: every fulfillment has the history of its status",
        """
        SELECT f.id AS fulfillment, f.status AS status FROM orders_fulfillment f
        WHERE NOT EXISTS (
            SELECT 1 FROM oms_event e WHERE e.root = f.order_id AND e.subject = f.id
            AND e.type = 'orders.fulfillment.' || CASE f.status WHEN 'ready_for_pickup' THEN 'ready' ELSE f.status END)
        """,
        "fulfillment %(fulfillment)s is %(status)s, and no event says so",
    )
)

register(
    by_query(
        "orders: work that a place with a limit is to prepare is booked on a day",
        f"""
        SELECT f.id AS fulfillment, f.location_id AS location FROM orders_fulfillment f
        JOIN inventory_location l ON l.code = f.location_id AND l.daily_capacity IS NOT NULL
        WHERE f.capacity_date IS NULL AND f.status IN ({", ".join(f"'{status}'" for status in limits.TO_PREPARE)})
        """,
        "fulfillment %(fulfillment)s at %(location)s takes no day",
        mend=limits.mend_unbooked,
    )
)
register(
    by_query(
        "orders: capacity booked at a place on a day is the work it got for that day and did not lose",
        repairs.CAPACITY,
        "%(location)s on %(date)s: %(booked)s booked, %(works)s pieces of work",
        mend=repairs.mend_capacity,
    )
)
