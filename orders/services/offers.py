"""What places make of work that the rules gave them tells routing how surely they take it.

Heard from our own events after the fact, so that nobody at the counter waits for it; hearing one twice changes nothing.
Pickups are left out: the shopper chose the place, and it is not asked whether it will.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from oms.models import Event
from orders.models import Fulfillment
from orders.services.fulfillments import NOTHING_FOUND
from orders.states import FulfillmentStatus as F
from orders.states import Method
from routing.services.acceptance import Offered, Outcome, observe_offers

OUTCOMES = {
    f"orders.fulfillment.{F.ACCEPTED}": Outcome.ACCEPTED,
    f"orders.fulfillment.{F.DECLINED}": Outcome.DECLINED,
    f"orders.fulfillment.{F.TIMED_OUT}": Outcome.TIMED_OUT,
    "orders.fulfillment.short": Outcome.SHORT,
}
_BATCH = 1000


def on_offer(event: Event) -> None:
    tell_offers([event])


def tell_offers(events: Sequence[Event]) -> None:
    """Of the types in `OUTCOMES`; later ones of a piece of work come later."""
    works = Fulfillment.objects.filter(pk__in={event.subject for event in events}, method=Method.SHIP)
    known = {work.pk: work for work in works.prefetch_related("lines__order_line__product")}
    observe_offers([_offered(event, known[event.subject]) for event in events if event.subject in known])


def _offered(event: Event, work: Fulfillment) -> Offered:
    named = {line["line"] for line in event.payload.get("lines", ())}
    lines = [line.order_line for line in work.lines.all()]
    products = [line.product for line in lines if not named or line.ref in named]
    return Offered(
        reference=work.pk,
        location=work.location_id,
        offered_at=work.assigned_at or event.occurred_at,
        outcome=_outcome(event),
        tags=frozenset().union(*(product.tags for product in products)),
    )


def _outcome(event: Event) -> Outcome:
    """Work ends as declined also where it was picked and nothing of it was there."""
    return Outcome.SHORT if event.payload.get("why") == NOTHING_FOUND else OUTCOMES[event.type]


def retell_offers(*, since: datetime) -> int:
    """All that happened since then once more, for a system that did not listen yet. Returns how many events were read."""
    told = 0
    for batch in _batches(since):
        tell_offers(batch)
        told += len(batch)
    return told


def _batches(since: datetime) -> Iterator[list[Event]]:
    events = Event.objects.filter(type__in=OUTCOMES, occurred_at__gt=since).order_by("pk")
    last = 0
    while batch := list(events.filter(pk__gt=last)[:_BATCH]):
        yield batch
        last = batch[-1].pk
