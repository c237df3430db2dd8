"""What became of work tells routing how long things take, and whether the date given was kept.

Heard from our own events after the fact, so that nobody at the counter waits for it; hearing one twice changes nothing.
"""

from oms.models import Event
from orders.models import Fulfillment, Shipment
from orders.states import FulfillmentStatus as F
from routing.services import promise_ledger

SENT, READY = "orders.fulfillment.shipped", "orders.fulfillment.ready"
ARRIVED, COLLECTED = "orders.fulfillment.delivered", "orders.fulfillment.collected"
ENDED = tuple(f"orders.fulfillment.{status}" for status in (F.DECLINED, F.TIMED_OUT, F.CANCELED, F.EXPIRED))


def on_prepared(event: Event) -> None:
    work = Fulfillment.objects.filter(pk=event.subject).values_list("assigned_at", flat=True).first()
    if work is not None:
        promise_ledger.work_prepared(
            event.subject,
            started_at=work,
            prepared_at=event.occurred_at,
            carrier_service=event.payload.get("carrier_service", ""),
            is_ready=event.type == READY,
        )


def on_delivered(event: Event) -> None:
    shipment = Shipment.objects.filter(fulfillment=event.subject).first()
    if shipment is not None:
        promise_ledger.work_delivered(
            event.subject,
            handed_over_at=shipment.handed_over_at,
            delivered_at=event.occurred_at,
            carrier_service=shipment.carrier_service,
        )


def on_ended(event: Event) -> None:
    """The shopper has it, or this place will not do it."""
    if event.type == COLLECTED:
        promise_ledger.work_collected(event.subject, at=event.occurred_at)
    else:
        promise_ledger.work_withdrawn(event.subject, at=event.occurred_at)


def on_work(event: Event) -> None:
    """One subscriber for all of it, so that a piece of work is heard of in order."""
    if event.type in (SENT, READY):
        on_prepared(event)
    elif event.type == ARRIVED:
        on_delivered(event)
    else:
        on_ended(event)
