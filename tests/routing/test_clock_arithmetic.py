"""A clock that stops and runs on, against walking through opening hours minute by minute."""

from datetime import timedelta

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from inventory.hours import Calendar
from routing.dates import later, share_gone_at, time_left
from tests.inventory.test_clock_changes import DAYS, places
from tests.inventory.wall_clock import MINUTE, Oracle
from tests.routing.test_dates import shop

PAUSES = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 600)), max_size=4)


def _world(place):
    zone, start, week, more, _at = place
    calendar = Calendar(zone, week, **more)
    return shop(timezone=zone, calendar=calendar), Oracle(zone, start, DAYS, week=week, **more), start


@settings(max_examples=300, deadline=None)
@given(place=places(), work=st.integers(1, 900), pauses=PAUSES)
def test_held_and_released_it_runs_for_just_the_open_minutes_it_was_given(place, work, pauses):
    where, oracle, start = _world(place)
    due_at = later(where, work * MINUTE, as_of=start)
    at, stopped = start, []
    for run, stood in pauses:
        at += run * MINUTE
        if due_at <= at:  # it has rung before
            break
        left = time_left(where, due_at=due_at, as_of=at)
        stopped.append((at, at + stood * MINUTE))
        at += stood * MINUTE
        due_at = later(where, left, as_of=at)

    running = [m for m in oracle.after(start) if not any(begin <= m < end for begin, end in stopped)]
    assume(len(running) >= work)
    assert due_at == running[work - 1] + MINUTE


@settings(max_examples=300, deadline=None)
@given(place=places(), work=st.integers(1, 900), gone=st.integers(0, 900), tenths=st.integers(0, 10))
def test_the_warning_comes_when_its_share_of_open_minutes_is_gone(place, work, gone, tenths):
    """Also for a time of which part was used before: what counts is what is left."""
    where, oracle, start = _world(place)
    work *= 10  # so that a tenth is whole minutes
    left = max(1, work - gone)
    due_at = later(where, left * MINUTE, as_of=start)
    ahead = oracle.after(start)
    assume(len(ahead) > left)

    warned = share_gone_at(where, work, tenths / 10, due_at=due_at, as_of=start)

    until_warned = left - work * (10 - tenths) // 10
    expected = ahead[until_warned - 1] + MINUTE if until_warned > 0 else ahead[0]
    assert abs(warned - expected) < timedelta(milliseconds=1)  # shares are fractions
