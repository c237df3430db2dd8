"""A place's day is booked with the work it gets, and given back when it loses it; work that was done took its day."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inventory.hours import WEEKDAYS
from inventory.models import Location
from oms import cache, deadlines, outbox
from oms.idempotency import Once
from oms.invariants import all_invariants
from orders.commands import (
    CancelLine,
    CancelOrder,
    Decline,
    HoldOrder,
    Pick,
    PickLine,
    PlaceOrder,
    Ready,
    ReleaseHold,
    Reroute,
    ResolveException,
    Ship,
)
from orders.models import ExceptionCase, Fulfillment, Order
from orders.services import fulfillments as work
from orders.services.cancellation import cancel_order
from orders.services.holds import hold_order, release_hold
from orders.services.placement import place_order
from orders.services.resolution import reroute, resolve_exception
from orders.states import DeclineReason, ShortReason
from routing.models import CapacityDay
from tests.factories.inventory import make_location, set_stock
from tests.factories.orders import PARIS, make_network, order_body, pickup_body

pytestmark = pytest.mark.django_db(transaction=True)

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)  # 10:00 in Paris
HOURS = dict.fromkeys(WEEKDAYS, (("10:00", "19:00"),))
CLERK = "user:lea"


@pytest.fixture(autouse=True)
def network(db: None) -> None:
    make_network()
    set_stock("SKU-2", "PARIS", 5)
    Location.objects.update(daily_capacity=10, opening_hours=HOURS)


def placed(body: dict[str, Any] | None = None, *, as_of: datetime = MONDAY) -> Fulfillment:
    command = PlaceOrder.model_validate(body or order_body())
    done = place_order(command=command, once=Once("", "", b"0" * 32), has_key=False, actor="key:t", as_of=as_of)
    return Fulfillment.objects.select_related("order").get(order=done.order_id)


def booked() -> dict[tuple[str, date], int]:
    return {(day.location_id, day.date): day.booked for day in CapacityDay.objects.exclude(booked=0)}


def on(day: int, *places: str) -> dict[tuple[str, date], int]:
    return {(code, date(2026, 3, day)): 1 for code in places}


def pass_time(until: datetime) -> None:
    while deadlines.sweep(now=lambda: until):
        pass


def accepted(row: Fulfillment) -> None:
    work.acknowledge(fulfillment_id=row.pk, actor=CLERK, as_of=MONDAY)


def found(row: Fulfillment, picked: int = 1, reason: ShortReason | None = None, line: str = "l1") -> None:
    command = Pick(lines=[PickLine(line=line, picked=picked, short_reason=reason)])
    work.pick(fulfillment_id=row.pk, command=command, actor=CLERK, as_of=MONDAY)


def shipped(row: Fulfillment) -> None:
    work.ship(fulfillment_id=row.pk, command=Ship(), actor=CLERK, as_of=MONDAY)


def cancel(row: Fulfillment, *lines: str) -> None:
    named = [CancelLine(id=line, quantity=1) for line in lines] or None
    cancel_order(number=row.order.number, command=CancelOrder(lines=named), actor=CLERK, as_of=MONDAY)


def hold(row: Fulfillment, *, as_of: datetime = MONDAY, until: datetime | None = None, kind: Any = "manual") -> None:
    command = HoldOrder(kind=kind, expires_at=until)
    hold_order(number=row.order.number, command=command, actor=CLERK, as_of=as_of)


def release(row: Fulfillment, as_of: datetime) -> None:
    release_hold(number=row.order.number, command=ReleaseHold(), actor=CLERK, as_of=as_of)


# ---- what takes and what gives back -----------------------------------------------------------------


def test_placing_takes_the_day_on_which_preparation_is_due() -> None:
    placed()
    placed(as_of=MONDAY + timedelta(hours=6))  # four hours of work from 16:00 end on Tuesday

    assert booked() == {**on(2, "PARIS"), **on(3, "PARIS")}


def test_a_full_day_sends_the_order_elsewhere() -> None:
    Location.objects.filter(pk="PARIS").update(daily_capacity=1)

    assert [placed().location_id for _ in range(2)] == ["PARIS", "LILLE"]
    assert booked() == on(2, "PARIS", "LILLE")


def timed_out(row: Fulfillment) -> None:
    pass_time(row.acknowledge_by + timedelta(seconds=1))


def declined(row: Fulfillment) -> None:
    command = Decline(reason=DeclineReason.TOO_BUSY)
    work.decline(fulfillment_id=row.pk, command=command, actor=CLERK, as_of=MONDAY)


def rerouted(row: Fulfillment) -> None:
    command = Reroute(fulfillment=row.pk)
    reroute(number=row.order.number, command=command, actor=CLERK, as_of=MONDAY)


def short_of_all(row: Fulfillment) -> None:
    accepted(row)
    found(row, 0, ShortReason.NOT_FOUND)


@pytest.mark.parametrize("lose", [timed_out, declined, rerouted, short_of_all])
def test_work_that_goes_elsewhere_moves_its_booking(lose: Callable[[Fulfillment], None]) -> None:
    lose(placed())

    assert Fulfillment.objects.latest("id").location_id == "LILLE"
    assert booked() == on(2, "LILLE")


def test_a_decline_in_two_steps_gives_the_day_back_with_the_second() -> None:
    row = placed(order_body(("SKU-1", 1), ("SKU-2", 1)))

    for line in ("l1", "l2"):
        assert on(2, "PARIS").items() <= booked().items()
        command = Decline(reason=DeclineReason.DAMAGED, lines=[line])
        work.decline(fulfillment_id=row.pk, command=command, actor=CLERK, as_of=MONDAY)

    assert booked() == on(2, "LILLE")  # the other article is nowhere else: it stands before a person


def test_a_short_line_leaves_the_rest_of_the_parcel_its_day() -> None:
    row = placed(order_body(("SKU-1", 1), ("SKU-2", 1)))
    accepted(row)
    found(row, 0, ShortReason.DAMAGED)

    assert booked() == on(2, "PARIS", "LILLE")


def test_a_line_found_after_another_was_canceled_and_then_missing_gives_the_day_back() -> None:
    row = placed(order_body(("SKU-1", 1), ("SKU-2", 1)))
    cancel(row, "l2")
    assert booked() == on(2, "PARIS")
    short_of_all(row)

    assert booked() == on(2, "LILLE")


def test_canceling_gives_the_day_back_once_nothing_is_left_of_the_work() -> None:
    row = placed(order_body(("SKU-1", 1), ("SKU-2", 1)))

    cancel(row, "l1")
    assert booked() == on(2, "PARIS")
    cancel(row, "l2")
    assert booked() == {}


def test_a_line_declined_then_the_rest_canceled_gives_the_day_back() -> None:
    row = placed(order_body(("SKU-1", 1), ("SKU-2", 1)))
    command = Decline(reason=DeclineReason.OUT_OF_STOCK, lines=["l1"])
    work.decline(fulfillment_id=row.pk, command=command, actor=CLERK, as_of=MONDAY)

    cancel(row, "l2")

    assert booked() == on(2, "LILLE")


@pytest.mark.parametrize("token", ["tok_declined", "tok_timeout"])
def test_a_payment_that_never_comes_gives_the_day_back(token: str) -> None:
    body = order_body()
    body["payments"][0]["token"] = token
    placed(body)
    assert booked() == on(2, "PARIS")  # planned, and held until it is paid

    pass_time(MONDAY + timedelta(days=2))

    assert Order.objects.get().status == "canceled"
    assert booked() == {}


def test_work_that_is_done_took_its_day() -> None:
    row = placed()
    accepted(row)
    found(row)
    work.ship(fulfillment_id=row.pk, command=Ship(), actor=CLERK, as_of=MONDAY)

    assert booked() == on(2, "PARIS")


@pytest.mark.parametrize("end", ["put_back", "cancel"])
def test_a_pickup_that_nobody_collects_took_its_day(end: str) -> None:
    row = placed(pickup_body())
    accepted(row)
    found(row)
    work.make_ready(fulfillment_id=row.pk, command=Ready(), actor=CLERK, as_of=MONDAY)
    row.refresh_from_db()
    late = row.collect_by + timedelta(seconds=1)
    pass_time(late)
    if end == "put_back":
        work.put_back(fulfillment_id=row.pk, actor=CLERK, as_of=late)
    else:
        command = ResolveException(action="cancel")
        resolve_exception(case_id=ExceptionCase.objects.get().pk, command=command, actor=CLERK, as_of=late)

    assert booked() == on(2, "PARIS")


def test_a_declined_pickup_gives_its_day_back_and_takes_that_of_the_store_agreed_on() -> None:
    declined(placed(pickup_body()))
    assert booked() == {}

    command = ResolveException(action="reroute", location="LYON")
    resolve_exception(case_id=ExceptionCase.objects.get().pk, command=command, actor=CLERK, as_of=MONDAY)

    assert booked() == on(2, "LYON")


def test_a_late_pickup_keeps_its_day_until_it_is_moved_by_hand() -> None:
    row = placed(pickup_body())
    later = MONDAY + timedelta(days=1, hours=4)
    pass_time(MONDAY + timedelta(hours=3))  # its manager is warned
    pass_time(later)  # and does nothing
    assert booked() == on(2, "PARIS")

    command = ResolveException(action="reroute", location="LYON")
    resolve_exception(case_id=ExceptionCase.objects.get().pk, command=command, actor=CLERK, as_of=later)

    row.refresh_from_db()
    assert (row.status, booked()) == ("canceled", on(3, "LYON"))


# ---- holds ---------------------------------------------------------------------------------------


def test_work_on_hold_keeps_its_day_and_takes_that_of_its_release() -> None:
    row = placed()
    hold(row)
    assert booked() == on(2, "PARIS")

    release(row, MONDAY + timedelta(days=2))

    row.refresh_from_db()
    assert (row.status, row.capacity_date, booked()) == ("assigned", date(2026, 3, 4), on(4, "PARIS"))


def test_a_hold_that_runs_out_moves_the_booking_too() -> None:
    row = placed()
    hold(row, until=MONDAY + timedelta(days=1))

    pass_time(MONDAY + timedelta(days=1, seconds=1))

    assert booked() == on(3, "PARIS")


def test_what_was_promised_comes_back_to_a_day_that_is_full() -> None:
    Location.objects.filter(pk="PARIS").update(daily_capacity=1)
    row = placed()
    hold(row)
    tuesday = MONDAY + timedelta(days=1)
    assert placed(as_of=tuesday).location_id == "PARIS"

    release(row, tuesday)

    assert booked() == {("PARIS", date(2026, 3, 3)): 2}


def test_a_place_that_got_or_lost_its_limit_meanwhile_is_booked_as_it_is_now() -> None:
    row = placed()
    hold(row)
    Location.objects.update(daily_capacity=None)
    make_known()
    release(row, MONDAY)
    assert booked() == {}

    hold(row)
    Location.objects.update(daily_capacity=10)
    make_known()
    release(row, MONDAY)
    assert booked() == on(2, "PARIS")


def make_known() -> None:
    cache.clear_all()


def limit(units: int | None) -> None:
    make_location("PARIS", **{**PARIS, "daily_capacity": units, "opening_hours": HOURS})
    cache.clear_all()


def hear(as_of: datetime = MONDAY) -> None:
    while outbox.relay(as_of=as_of):
        pass


def test_work_that_a_place_has_takes_its_days_when_it_is_given_a_limit() -> None:
    limit(None)
    first = placed()
    assert (booked(), first.capacity_date) == ({}, None)

    limit(2)
    with time_machine.travel(MONDAY, tick=False):
        hear()
        limit(2)
        hear()

    assert booked() == on(2, "PARIS")
    assert [placed().location_id for _ in range(2)] == ["PARIS", "LILLE"]
    assert booked() == {**on(2, "LILLE"), ("PARIS", date(2026, 3, 2)): 2}
    assert broken() == []
    cancel(Fulfillment.objects.select_related("order").get(pk=first.pk))
    assert booked() == on(2, "PARIS", "LILLE")


def test_more_than_the_limit_is_booked_too_and_work_that_has_left_is_not() -> None:
    limit(None)
    rows = [placed() for _ in range(3)]
    accepted(rows[0])
    found(rows[0])
    shipped(rows[0])
    limit(1)
    assert len(broken()) == 2

    with time_machine.travel(MONDAY, tick=False):
        hear()

    assert booked() == {("PARIS", date(2026, 3, 2)): 2}
    assert broken() == []


def test_what_is_given_before_everybody_knows_of_the_limit_is_booked_a_little_later() -> None:
    limit(None)
    first = placed()
    limit(2)
    with time_machine.travel(MONDAY, tick=False):
        hear()
    with as_if_unlimited():
        placed()
    assert len(broken()) == 1

    pass_time(MONDAY + timedelta(minutes=1))

    assert booked() == {("PARIS", date(2026, 3, 2)): 2}
    assert broken() == []
    assert Fulfillment.objects.get(pk=first.pk).capacity_date == date(2026, 3, 2)


def test_a_limit_that_is_taken_away_and_given_again_counts_each_work_once() -> None:
    limit(None)
    row = placed()
    limit(5)
    with time_machine.travel(MONDAY, tick=False):
        hear()
        limit(None)
        hear()
        cancel(row)
        placed()
        limit(5)
        hear()

    assert booked() == on(2, "PARIS")
    assert broken() == []


def test_work_without_its_day_is_found_and_mended() -> None:
    limit(None)
    placed()
    Location.objects.update(daily_capacity=2)
    assert len(broken()) == 1

    call_command("check_invariants", "--repair", stdout=StringIO())

    assert sum(booked().values()) == 1
    assert broken() == []


def broken() -> list[str]:
    about = [invariant for invariant in all_invariants() if "capacity" in invariant.name or "limit" in invariant.name]
    return [sentence for invariant in about for sentence in invariant.broken()]


@contextmanager
def as_if_unlimited() -> Iterator[None]:
    """A process that has not heard of the limit yet."""
    limited = dict(Location.objects.values_list("code", "daily_capacity"))
    Location.objects.update(daily_capacity=None)
    cache.clear_all()
    yield
    for code, units in limited.items():
        Location.objects.filter(pk=code).update(daily_capacity=units)
    cache.clear_all()


def test_handing_out_work_on_the_day_planned_leaves_the_book_alone() -> None:
    row = placed()
    hold(row)

    with CaptureQueriesContext(connection) as said:
        release(row, MONDAY + timedelta(minutes=1))

    assert not [query for query in said.captured_queries if "capacityday" in query["sql"]]


# ---- the invariant ---------------------------------------------------------------------------------


def test_a_book_that_is_wrong_is_found_and_mended() -> None:
    placed()
    CapacityDay.objects.filter(location="PARIS").update(booked=7)
    CapacityDay.objects.create(location_id="LYON", date=date(2026, 3, 9), booked=2)
    CapacityDay.objects.create(location_id="LYON", date=date(2026, 3, 10), booked=0)
    said = StringIO()

    with pytest.raises(CommandError):
        call_command("check_invariants", stdout=said)
    assert "PARIS on 2026-03-02: 7 booked, 1 pieces of work" in said.getvalue()

    call_command("check_invariants", "--repair", stdout=said)

    assert "repaired: LYON on 2026-03-09: 0 booked" in said.getvalue()
    assert booked() == on(2, "PARIS")


def test_a_day_without_a_book_is_found_and_opened() -> None:
    placed()
    CapacityDay.objects.all().delete()

    call_command("check_invariants", "--repair", stdout=StringIO())

    assert booked() == on(2, "PARIS")
