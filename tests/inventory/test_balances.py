"""What stood where at a past instant: the ledger against a replay of what happened, and the API over it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inventory.balances import Balance, balances, balances_of, check_instant, ledger_begins_at
from inventory.errors import BeforeTheLedger
from inventory.exposure import Context
from inventory.models import LedgerStart
from inventory.services import Held, StockEvent, Want, apply_stock_events, consume_reservations
from inventory.services.ledger_months import open_months
from inventory.services.retention import forget_months
from oms.errors import Invalid
from oms.invariants import all_invariants
from tests.factories.inventory import (
    NOW,
    make_location,
    make_locations,
    make_product,
    make_products,
    reserve,
    set_stocks,
)

pytestmark = pytest.mark.django_db

URL = "/api/v1/stock/balances/"
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def shelf(db):
    make_product("A")
    make_location("S")


def tell(number: int, kind: str, units: int, at: datetime, told_at: datetime, **values: object) -> str:
    event = StockEvent(f"e{number}", "A", "S", kind, units, at, **values)
    with transaction.atomic():
        [result] = apply_stock_events([event], source="t", actor="t", as_of=told_at)
    return result.status


def on_hand_at(at: datetime) -> int:
    [balance] = balances_of([("A", "S")], as_of=at)
    return balance.on_hand


# ---- against a replay ----------------------------------------------------------------------------

DAY = timedelta(days=1)
BROKEN = ("damaged", "repair")
FIRST = datetime(2026, 1, 1, tzinfo=UTC)

# What happens: its kind, how many, on which day, and how many days later we hear of it. What a count of before a repair
# says after it is for the guards of `truth`: none are mended twice.
happenings = st.lists(
    st.tuples(
        st.sampled_from(["delta", "delta", "damaged", "repair", "count", "sale"]),
        st.integers(-5, 12),
        st.integers(0, 100),
        st.integers(0, 40),
    ),
    min_size=1,
    max_size=14,
)


def replay(accepted: list[tuple[datetime, str, int]], until: datetime) -> tuple[int, int]:
    """On hand and damaged by plain arithmetic over what happened, in the order in which it did."""
    on_hand = damaged = 0
    for at, kind, units in sorted(accepted, key=lambda one: one[0]):
        if at > until:
            break
        if kind == "count":
            on_hand, damaged = units, min(damaged, units)
        else:
            on_hand += units
            damaged += units if kind in BROKEN else 0
    return on_hand, damaged


def live_through(told: list[tuple[str, int, int, int]]) -> Iterator[tuple[datetime, str, int]]:
    """Tell all of it in the order in which we hear; yields what was accepted."""
    heard = sorted(told, key=lambda one: one[2] + one[3])
    last_repair = FIRST
    for number, (kind, units, day, later) in enumerate(heard):
        at, told_at = FIRST + day * DAY, FIRST + (day + later) * DAY
        if kind == "sale":
            if sell(number, abs(units) + 1, told_at):
                yield told_at, "sale", -abs(units) - 1
            continue
        if kind == "count" and at < last_repair:
            continue
        event_kind, condition = "count" if kind == "count" else "delta", "damaged" if kind in BROKEN else None
        units = {"count": abs(units), "damaged": abs(units), "repair": -abs(units)}.get(kind, units)
        if tell(number, event_kind, units, at, told_at, condition=condition) == "applied":
            last_repair = max(last_repair, at) if kind == "repair" else last_repair
            yield at, kind, units


def sell(number: int, units: int, at: datetime) -> bool:
    """An order reserves and takes away, as far as there is something."""
    demand = f"order_line:{number}"
    with transaction.atomic():
        if reserve(Want(demand, "A", "S", units), context=Context(as_of=at)):
            return False
        consume_reservations([Held(demand, "A", "S", units)], cause="shipped", reference="f", actor="t", as_of=at)
        return True


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=happenings, months=st.booleans(), forgotten=st.integers(0, 4))
def test_every_balance_is_what_a_replay_says_before_and_after_months_are_forgotten(told, months, forgotten):
    with transaction.atomic():
        if months:
            open_months_here()
        accepted = list(live_through(told))
        horizon = datetime(2026, 1 + forgotten, 1, tzinfo=UTC)

        for at in (FIRST + day * DAY + MINUTE for day in range(0, 145, 6)):
            assert balance_at(at) == replay(accepted, at)
        forget_here(horizon)
        for at in (horizon + day * DAY for day in range(0, 60, 5)):
            assert balance_at(at) == replay(accepted, at)
        assert [sentence for invariant in all_invariants() for sentence in invariant.broken()] == []
        transaction.set_rollback(True)


def balance_at(at: datetime) -> tuple[int, int]:
    found = [(balance.on_hand, balance.damaged) for balance in balances(as_of=at)]
    return found[0] if found else (0, 0)


def open_months_here() -> None:
    """Use cases do not nest: here the test's own block stands for theirs."""
    with_blocks_of_the_test(lambda: open_months(since=FIRST, as_of=FIRST + 100 * DAY))


def forget_here(before: datetime) -> None:
    with_blocks_of_the_test(lambda: list(forget_months(before=before, actor="t", as_of=FIRST + 150 * DAY)))


def with_blocks_of_the_test(act) -> None:
    block = connection.atomic_blocks[-1]
    block._from_testcase = True
    try:
        act()
    finally:
        block._from_testcase = False


# ---- instants and levels -------------------------------------------------------------------------


def test_what_was_told_late_counts_from_when_it_happened():
    tell(1, "count", 10, NOW, NOW)
    tell(2, "delta", -3, NOW + MINUTE, NOW + 60 * MINUTE)

    assert [on_hand_at(NOW + n * MINUTE) for n in (0, 0.5, 1, 2, 90)] == [10, 10, 7, 7, 7]


def test_a_count_that_comes_late_makes_the_balance_what_was_counted():
    tell(1, "count", 10, NOW, NOW)
    tell(2, "delta", -1, NOW + 10 * MINUTE, NOW + 10 * MINUTE)

    tell(3, "count", 6, NOW + 5 * MINUTE, NOW + 20 * MINUTE)

    assert [on_hand_at(NOW + n * MINUTE) for n in (4, 5, 9, 10)] == [10, 6, 6, 5]


def test_levels_are_chosen_by_product_and_place():
    make_products("B")
    make_locations("T")
    set_stocks({("A", "S"): 1, ("A", "T"): 2, ("B", "T"): 3})

    def found(**which):
        return [(balance.sku, balance.location, balance.on_hand) for balance in balances(as_of=NOW, **which)]

    assert found() == [("A", "S", 1), ("A", "T", 2), ("B", "T", 3)]
    assert found(skus=["A"]) == [("A", "S", 1), ("A", "T", 2)]
    assert found(locations=["T"]) == [("A", "T", 2), ("B", "T", 3)]
    assert found(skus=["B"], locations=["S", "T"]) == [("B", "T", 3)]
    assert found(skus=[]) == []
    assert balances_of([("B", "T"), ("B", "S")], as_of=NOW) == [Balance("B", "T", 3, 0, 0)]
    assert found(skus=["A"]) == [("A", "S", 1), ("A", "T", 2)]


def test_the_ledger_begins_with_what_was_first_recorded():
    assert ledger_begins_at() is None
    check_instant(datetime(1990, 1, 1, tzinfo=UTC), as_of=NOW)  # nothing was ever moved: nothing stood anywhere

    tell(1, "count", 10, NOW - 60 * MINUTE, NOW)

    assert ledger_begins_at() == NOW
    check_instant(NOW, as_of=NOW)
    with pytest.raises(BeforeTheLedger) as refused:
        check_instant(NOW - MINUTE, as_of=NOW)
    assert refused.value.facts == {"begins_at": NOW.isoformat()}
    with pytest.raises(Invalid):
        check_instant(NOW + MINUTE, as_of=NOW)


@pytest.mark.parametrize("at", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
def test_an_instant_out_of_any_reach_is_refused(at):
    with pytest.raises(Invalid) as refused:
        check_instant(at, as_of=NOW)
    assert refused.value.errors[0].code == "out_of_reach"


# ---- the API -------------------------------------------------------------------------------------


def test_balances_are_answered_by_page_and_filter(client):
    make_locations("T", "U")
    set_stocks({("A", place): units for place, units in (("S", 5), ("T", 6), ("U", 7))})

    first = client.get(URL, {"as_of": NOW.isoformat(), "page_size": 2}).json()
    second = client.get(first["next"]).json()
    here = client.get(URL, {"as_of": NOW.isoformat(), "location": "T,U", "sku": "A"}).json()

    assert first["results"][0] == {
        "sku": "A",
        "location": "S",
        "on_hand": 5,
        "damaged": 0,
        "quarantined": 0,
        "as_of": "2026-03-02T09:00:00+00:00",
    }
    assert [row["location"] for row in first["results"] + second["results"]] == ["S", "T", "U"]
    assert [row["on_hand"] for row in here["results"]] == [6, 7]


def test_a_page_takes_as_many_statements_for_many_levels_as_for_few(client, django_assert_num_queries):
    make_products(*[f"P{n}" for n in range(60)])
    set_stocks({(f"P{n}", "S"): n for n in range(60)})

    with django_assert_num_queries(5):  # the key, the two begins of the ledger, the page, its balances
        assert len(client.get(URL, {"as_of": NOW.isoformat(), "page_size": 60}).json()["results"]) == 60


@pytest.mark.parametrize(
    "given, code",
    [
        ({}, "required"),
        ({"as_of": "yesterday"}, "datetime_from_date_parsing"),
        ({"as_of": "2026-03-02T09:00:00"}, "timezone_aware"),
        ({"as_of": "2026-03-02T08:59:59Z"}, "before_the_ledger"),
        ({"as_of": "2199-03-02T08:59:59Z"}, "in_the_future"),
    ],
)
def test_an_instant_that_cannot_be_answered_is_refused(client, given, code):
    set_stocks({("A", "S"): 5})

    answer = client.get(URL, given)

    assert answer.status_code == 422
    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [("/as_of", code)]


def test_the_refusal_says_where_the_ledger_begins(client):
    LedgerStart.objects.create(begins_at=NOW)

    problem = client.get(URL, {"as_of": "2026-03-01T00:00:00Z"}).json()

    assert (problem["code"], problem["begins_at"]) == ("before_the_ledger", "2026-03-02T09:00:00+00:00")


@pytest.mark.parametrize("begins_at", [NOW, NOW - timedelta(seconds=59.5)])
def test_where_the_ledger_begins_is_told_as_people_say_it(client, begins_at):
    LedgerStart.objects.create(begins_at=begins_at)

    problem = client.get(URL, {"as_of": "2026-03-01T00:00:00Z"}, headers={"accept-language": "fr"}).json()

    assert problem["detail"] == "Le journal du stock commence le 2 mars 2026 09:00 UTC"


def test_a_key_bound_to_places_sees_balances_of_those_only(client_with):
    make_locations("T")
    set_stocks({("A", "S"): 5, ("A", "T"): 6})
    bound = client_with("stock:read", locations=["T"])

    assert [row["location"] for row in bound.get(URL, {"as_of": NOW.isoformat()}).json()["results"]] == ["T"]
    assert bound.get(URL, {"as_of": NOW.isoformat(), "location": "S"}).json()["results"] == []
    assert client_with("orders:read").get(URL, {"as_of": NOW.isoformat()}).status_code == 403


# ---- cost ----------------------------------------------------------------------------------------


def plan_of(act) -> str:
    with CaptureQueriesContext(connection) as captured:
        act()
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {captured[-1]['sql']}")
        return "\n".join(row[0] for row in cursor.fetchall())


def test_a_balance_reads_the_months_since_its_instant_only():
    open_months(since=datetime(2025, 1, 1, tzinfo=UTC), as_of=datetime(2026, 6, 15, tzinfo=UTC))

    plan = plan_of(lambda: balances_of([("A", "S")], as_of=datetime(2026, 5, 10, tzinfo=UTC)))

    assert "inventory_stockmovement_2026_05" in plan
    assert "inventory_stockmovement_2026_04" not in plan
    assert "inventory_stockmovement_2025" not in plan
