"""What this app does when a timer rings or a fact reaches it."""

from inventory.events import (
    INBOUND_BEGUN,
    INBOUND_ENDED_OR_CHANGED,
    LOCATION_LIMITED,
    RESERVATION_CONSUMED,
    STOCK_SHORT,
)
from oms.deadlines import on_deadline
from oms.outbox import subscribe
from orders.services import (
    authorisation,
    backorders,
    clocks,
    holds,
    lead_times,
    limits,
    offers,
    payments,
    reassignment,
    release,
    resolution,
    sharing,
    shortages,
    till,
    waiting,
)
from orders.services.exceptions import CASE_WAITS

on_deadline("orders.settle_payment")(authorisation.on_settle_payment)
on_deadline("orders.payment_operation")(payments.on_payment_operation)
on_deadline("orders.hold_expires")(holds.on_hold_expires)
on_deadline("orders.release")(release.on_release)
on_deadline("orders.acknowledge")(reassignment.on_acknowledge)
on_deadline("orders.prepare")(reassignment.on_prepare)
on_deadline("orders.hand_over")(reassignment.on_hand_over)
on_deadline("orders.escalate")(reassignment.on_escalate)
on_deadline("orders.collect")(reassignment.on_collect)
on_deadline("orders.offer_around")(sharing.on_offer_around)
on_deadline("orders.called_back")(sharing.on_called_back)
on_deadline(CASE_WAITS)(resolution.on_case_waits)
on_deadline(waiting.LOOK_AGAIN)(backorders.on_look_again)
on_deadline(waiting.ENDS)(backorders.on_ends)
on_deadline(limits.BOOK)(limits.on_book)
on_deadline(clocks.WARN)(clocks.on_warn)
on_deadline(clocks.WARN_MANAGER)(clocks.on_warn_manager)

subscribe(
    *("orders.lead_times", lead_times.SENT, lead_times.READY, lead_times.ARRIVED, lead_times.COLLECTED),
    *lead_times.ENDED,
)(lead_times.on_work)
subscribe("orders.backorders", *INBOUND_BEGUN, *INBOUND_ENDED_OR_CHANGED)(backorders.on_inbound)
subscribe("orders.offers", *offers.OUTCOMES)(offers.on_offer)
subscribe("orders.sharing", *sharing.ENDED)(sharing.on_answered)
subscribe("orders.limits", LOCATION_LIMITED)(limits.on_location_limited)
subscribe("orders.till", RESERVATION_CONSUMED)(till.on_reservation_consumed)
subscribe("orders.shortages", STOCK_SHORT)(shortages.on_stock_short)
