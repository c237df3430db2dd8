"""Telling routing what was wanted: every few minutes, behind the orders, so that placing them costs nothing more."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Max, Q

from orders.models import Delivery, Fulfillment, Order
from orders.services import planning
from routing.models import Decision, DemandFact
from routing.services.demand_facts import Wanted, record_demands

#: An order becomes visible when its transaction ends, a little after `placed_at`: so far back it is read again.
_OVERLAP = timedelta(minutes=10)
_BATCH = 500


def tell_demands(*, as_of: datetime) -> int:
    """All deliveries of orders placed since the last told. Kill and repeat it at will. Returns how many were read."""
    told = 0
    for batch in _batches(since=_last_told(), until=as_of):
        record_demands(batch)
        told += len(batch)
    return told


def _last_told() -> datetime | None:
    last = DemandFact.objects.filter(source=DemandFact.Source.LIVE).aggregate(at=Max("at"))["at"]
    return last and last - _OVERLAP


def _batches(*, since: datetime | None, until: datetime) -> Iterator[list[Wanted]]:
    """By time; each batch begins behind the last order of the one before."""
    orders = Order.objects.filter(placed_at__lte=until).order_by("placed_at", "pk")
    if since is not None:
        orders = orders.filter(placed_at__gt=since)
    while batch := list(orders[:_BATCH]):
        yield list(_wanted(batch))
        last = batch[-1]
        orders = orders.filter(Q(placed_at__gt=last.placed_at) | Q(placed_at=last.placed_at, pk__gt=last.pk))


def _wanted(orders: list[Order]) -> Iterator[Wanted]:
    decisions = _first_decisions(orders)
    deliveries = Delivery.objects.filter(order__in=orders).select_related("order").order_by("pk")
    for delivery, demand in planning.demands_as_asked(list(deliveries.prefetch_related("lines__product"))):
        order = delivery.order
        yield Wanted(
            delivery.pk,
            order.placed_at,
            demand,
            decision=decisions.get(delivery.pk, ""),
            may_wait=order.allows_backorder,
            may_be_cut=order.allows_partial,
        )


def _first_decisions(orders: list[Order]) -> dict[str, str]:
    """By delivery; one for which no place was found has none that could be told from the others of its order.

    What waited for goods got its place later, by another decision.
    """
    first = Fulfillment.objects.filter(order__in=orders, attempt=1, replaces=None)
    found = list(first.values_list("delivery_id", "decision", "order__placed_at"))
    decisions = Decision.objects.filter(pk__in=[decision for _delivery, decision, _at in found])
    made = dict(decisions.values_list("pk", "created_at"))
    return {delivery: decision for delivery, decision, placed_at in found if made.get(decision) == placed_at}
