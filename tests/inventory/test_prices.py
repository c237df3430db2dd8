"""What is in force when, by the pure rules: thousands of cases, no database."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.prices import BACKWARDS, HISTORY, OVERLAP, Span, amend, end, enter

DAY_0 = datetime(2026, 3, 1, tzinfo=UTC)
TODAY = 10


def day(number: float) -> datetime:
    return DAY_0 + timedelta(days=number)


def span(from_day: float, until_day: float | None, amount: str = "10.00", id: str = "") -> Span:
    until_at = None if until_day is None else day(until_day)
    return Span(id or f"pri_{from_day}_{until_day}", Decimal(amount), "EUR", day(from_day), until_at)


def shown(spans: tuple[Span, ...]) -> list[tuple[float, float | None, str]]:
    def number(at: datetime | None) -> float | None:
        return None if at is None else (at - DAY_0) / timedelta(days=1)

    ordered = sorted(spans, key=lambda each: each.from_at)
    return [(number(each.from_at), number(each.until_at), str(each.amount)) for each in ordered]  # type: ignore[misc]


def price_on(spans: tuple[Span, ...] | list[Span], at: datetime) -> Decimal | None:
    found = [each.amount for each in spans if each.from_at <= at and (each.until_at is None or at < each.until_at)]
    assert len(found) <= 1
    return found[0] if found else None


REGULAR = span(0, None, "50.00")
SUMMER = span(20, 30, "40.00")


@pytest.mark.parametrize(
    ("there", "new", "takes_over", "status", "after"),
    [
        ([], span(12, 15), False, "created", [(12, 15, "10.00")]),
        ([SUMMER], span(30, None), False, "created", [(20, 30, "40.00"), (30, None, "10.00")]),
        ([SUMMER], span(1, 2), False, "created", [(1, 2, "10.00"), (20, 30, "40.00")]),
        ([REGULAR], span(12, None, "50.00"), False, "unchanged", [(0, None, "50.00")]),
        ([REGULAR], span(12, 15, "50.00"), True, "unchanged", [(0, None, "50.00")]),
        ([SUMMER], replace(SUMMER, id="pri_other"), False, "unchanged", [(20, 30, "40.00")]),
        ([SUMMER], span(20, 30, "35.00"), False, "updated", [(20, 30, "35.00")]),
        ([SUMMER], span(20, 25, "40.00"), False, "updated", [(20, 25, "40.00")]),
        ([REGULAR], span(0, 60, "50.00"), False, "updated", [(0, 60, "50.00")]),
        (
            [REGULAR],
            span(12, 15),
            True,
            "created",
            [(0, 12, "50.00"), (12, 15, "10.00"), (15, None, "50.00")],
        ),
        ([REGULAR], span(4, None), True, "created", [(0, TODAY, "50.00"), (TODAY, None, "10.00")]),
        ([SUMMER], span(15, 40), True, "created", [(15, 40, "10.00")]),
        ([SUMMER], span(15, 25), True, "created", [(15, 25, "10.00"), (25, 30, "40.00")]),
        ([SUMMER], span(20, 25), True, "updated", [(20, 25, "10.00"), (25, 30, "40.00")]),
    ],
)
def test_a_price_is_set_beside_the_others(
    there: list[Span], new: Span, takes_over: bool, status: str, after: list[tuple[float, float | None, str]]
) -> None:
    entry = enter(there, new, takes_over=takes_over, as_of=day(TODAY))

    assert (entry.refusal, entry.status) == ("", status)
    assert shown(entry.spans) == after


@pytest.mark.parametrize(
    ("there", "new", "takes_over", "refusal"),
    [
        ([REGULAR], span(12, 15), False, OVERLAP),
        ([SUMMER], span(15, 21), False, OVERLAP),
        ([SUMMER, span(30, None)], span(20, 31, "40.00"), False, OVERLAP),
        ([REGULAR], span(0, None, "60.00"), False, HISTORY),
        ([REGULAR], span(0, 5, "50.00"), False, HISTORY),
        ([span(0, 5)], span(0, 20), False, HISTORY),
        ([], span(5, 5), False, BACKWARDS),
        ([], span(5, 9), True, BACKWARDS),  # it would take over from now on, and now is after its end
    ],
)
def test_what_does_not_fit_is_refused(there: list[Span], new: Span, takes_over: bool, refusal: str) -> None:
    assert enter(there, new, takes_over=takes_over, as_of=day(TODAY)).refusal == refusal


def test_the_price_that_gives_way_keeps_its_id_before_and_gets_none_after() -> None:
    entry = enter([REGULAR], span(12, 15, id="pri_sale"), takes_over=True, as_of=day(TODAY))

    assert [each.id for each in sorted(entry.spans, key=lambda each: each.from_at)] == [REGULAR.id, "pri_sale", ""]
    assert entry.id == "pri_sale"


@pytest.mark.parametrize(
    ("former", "changes", "refusal"),
    [
        (SUMMER, {"amount": Decimal("1.00")}, ""),
        (SUMMER, {"from_at": day(19)}, ""),
        (REGULAR, {"until_at": day(TODAY)}, ""),
        (REGULAR, {"until_at": day(TODAY - 1)}, HISTORY),
        (REGULAR, {"amount": Decimal("1.00")}, HISTORY),
        (REGULAR, {"from_at": day(TODAY + 1)}, HISTORY),
        (span(0, 5), {"until_at": day(TODAY + 1)}, HISTORY),
        (span(0, 5), {}, ""),
        (SUMMER, {"until_at": day(20)}, BACKWARDS),
    ],
)
def test_of_what_has_begun_only_the_end_is_changed(former: Span, changes: dict, refusal: str) -> None:
    assert amend([former], former, replace(former, **changes), as_of=day(TODAY)).refusal == refusal


def test_ending_stops_what_runs_takes_back_what_has_not_begun_and_refuses_the_rest() -> None:
    running, ended = span(5, None), span(0, 5)
    spans = [ended, running, SUMMER]

    assert shown(end(spans, running, as_of=day(TODAY)).spans) == [(0, 5, "10.00"), (5, 10, "10.00"), (20, 30, "40.00")]
    assert shown(end(spans, SUMMER, as_of=day(TODAY)).spans) == [(0, 5, "10.00"), (5, None, "10.00")]
    assert end(spans, ended, as_of=day(TODAY)).refusal == HISTORY


# ---- whatever is set, in whatever order -------------------------------------------------------------

DAYS = st.integers(0, 24)
WISHES = st.lists(
    st.tuples(DAYS, st.none() | DAYS, st.sampled_from(["1.00", "2.00", "3.00"]), st.booleans(), st.integers(0, 24)),
    max_size=12,
)


@given(WISHES)
def test_at_any_instant_there_is_one_price_and_the_past_stays_as_it_was(
    wishes: list[tuple[int, int | None, str, bool, int]],
) -> None:
    """Against the simplest model there is: a table of days."""
    spans: tuple[Span, ...] = ()
    clock = 0
    for number, (from_day, until_day, amount, takes_over, later) in enumerate(wishes):
        clock = max(clock, later)
        before = {hour: price_on(spans, day(hour)) for hour in range(30)}
        new = span(from_day, until_day, amount, id=f"pri_{number}")
        entry = enter(spans, new, takes_over=takes_over, as_of=day(clock))
        if entry.refusal:
            continue
        spans = tuple(
            each if each.id else replace(each, id=f"rest_{number}_{place}") for place, each in enumerate(entry.spans)
        )
        begins = max(from_day, clock) if takes_over else from_day
        for hour in range(30):
            inside = begins <= hour and (until_day is None or hour < until_day)
            was, now = before[hour], price_on(spans, day(hour))
            if hour < clock:
                assert now == was or (was is None and inside)  # a gap may be told of later
            elif inside:
                assert now == Decimal(amount)
            elif takes_over or entry.status == "created":
                assert now == was
        assert len({each.id for each in spans}) == len(spans)
        assert entry.id in {each.id for each in spans}


@given(WISHES)
def test_setting_the_same_again_changes_nothing(wishes: list[tuple[int, int | None, str, bool, int]]) -> None:
    spans: tuple[Span, ...] = ()
    for number, (from_day, until_day, amount, takes_over, _later) in enumerate(wishes):
        new = span(from_day, until_day, amount, id=f"pri_{number}")
        entry = enter(spans, new, takes_over=takes_over, as_of=day(8))
        if entry.refusal:
            continue
        spans = tuple(each if each.id else replace(each, id=f"rest_{number}") for each in entry.spans)

        again = enter(spans, replace(new, id="pri_again"), takes_over=takes_over, as_of=day(8))

        assert (again.status, again.spans) == ("unchanged", spans)
