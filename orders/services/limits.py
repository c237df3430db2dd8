"""A place that took what came is given a limit: the work it has takes its days as well, or as much again would come.

Where nothing limits a place its days are not booked, which would have all its orders wait for one row. Work that was
given to it then is booked when the limit is told: full or not, for it was promised. Limits that are taken away leave
what was booked as it is; it is given back as ever.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from inventory.models import Location
from oms import deadlines
from oms.clock import now
from oms.deadlines import Claimed
from oms.invariants import Row
from oms.models import Event
from oms.sql import update_rows
from oms.transactions import use_case
from orders.locks import lock_order, lock_work_in
from orders.models import Fulfillment
from orders.services import planning
from orders.states import BEFORE_PICKING, FulfillmentStatus

BOOK = "orders.book_limited"
"""The deadline of a place that was given a limit: what others gave it meanwhile, who knew of none yet, is booked too."""

TO_PREPARE = sorted({*BEFORE_PICKING, FulfillmentStatus.PICKING})
_EVERYBODY_KNOWS = timedelta(minutes=1)


def on_location_limited(event: Event) -> None:
    """Books what is not booked yet, so a repeat does no harm."""
    as_of = now()
    _look_later(event.subject, as_of=as_of)
    book_standing_work(event.subject, as_of=as_of)


@use_case
def _look_later(location: str, *, as_of: datetime) -> None:
    deadlines.retime(BOOK, location, as_of + _EVERYBODY_KNOWS, as_of=as_of)


def on_book(deadline: Claimed, as_of: datetime) -> None:
    book_standing_work(deadline.subject, as_of=as_of)
    _finish(deadline)


@use_case
def _finish(deadline: Claimed) -> None:
    deadlines.finish(deadline)


def book_standing_work(location: str, *, as_of: datetime) -> list[str]:
    """An order at a time, for whoever changes its work has locked it first. Returns the work that was booked."""
    if not Location.objects.filter(pk=location, daily_capacity__isnull=False).exists():
        return []
    unbooked = Fulfillment.objects.filter(location=location, status__in=TO_PREPARE, capacity_date=None)
    orders = list(unbooked.order_by("order_id").values_list("order_id", flat=True).distinct())
    return [work for order_id in orders for work in _book_order(order_id, location, as_of=as_of)]


@use_case
def _book_order(order_id: str, location: str, *, as_of: datetime) -> list[str]:
    order = lock_order(order_id)
    works = [w for w in lock_work_in(order, TO_PREPARE) if w.location_id == location and w.capacity_date is None]
    days = [(work, planning.day_of(work, as_of=as_of)) for work in works]
    update_rows(Fulfillment, [{"id": work.pk, "capacity_date": day} for work, day in days])
    planning.move_capacity(planning.other_days(days))
    return [work.pk for work in works]


def mend_unbooked(broken: Sequence[Row], *, actor: str, as_of: datetime) -> list[str]:
    places = sorted({row["location"] for row in broken})
    return [f"{work}: booked" for place in places for work in book_standing_work(place, as_of=as_of)]
