"""The real worker and the real beat, with nobody's hand on the clock."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from oms.clock import now
from oms.models import Deadline
from orders.models import Fulfillment
from tests.chaos import sleepers
from tests.chaos.system import System
from tests.oms.dev.helpers import wait_until


def test_a_store_that_sleeps_loses_the_order_to_the_next_best_place(system: System) -> None:
    api = sleepers.make_world(asleep_after_seconds=1)
    system.start_clock()

    order = sleepers.place(api, 0).json
    wait_until(sleepers.is_settled, seconds=120)

    found = api.order(order["number"])["fulfillments"]
    assert [(f["location"], f["status"], f["attempt"]) for f in found] == [
        ("PARIS", "timed_out", 1),
        ("LILLE", "timed_out", 2),
        ("LYON", "timed_out", 3),
        ("DEPOT", "assigned", 4),
    ]
    late = api.act(found[0]["id"], "acknowledge")
    assert (late.status, late.json["code"], late.json["current"]) == (409, "illegal_move", "timed_out")
    sleepers.assert_nothing_was_lost_and_nothing_done_twice(orders=1)
    assert system.dead() == []


def _late_all_at_once(count: int, system: System) -> list[float]:
    """Seconds from the common deadline until each replacement could be seen, sorted."""
    api = sleepers.make_world(asleep_after_seconds=3600)
    for number in range(count):
        assert sleepers.place(api, 3 * number).status == 201
    system.start_clock()
    deadline = now() + timedelta(seconds=8)  # the worker is up by then
    Fulfillment.objects.update(acknowledge_by=deadline)
    Deadline.objects.filter(kind="orders.acknowledge").update(due_at=deadline, retry_at=deadline)
    seen: dict[str, float] = {}

    def all_are_seen() -> bool:
        for pk in Fulfillment.objects.filter(attempt=2).values_list("pk", flat=True):
            seen.setdefault(pk, (now() - deadline).total_seconds())
        return len(seen) == count

    wait_until(all_are_seen, seconds=60)
    lost = Fulfillment.objects.filter(attempt=1).values_list("location_id", "status").distinct()
    taken_over = Fulfillment.objects.filter(attempt=2).values_list("location_id", "status").distinct()
    assert (list(lost), list(taken_over)) == ([("PARIS", "timed_out")], [("LILLE", "assigned")])
    assert Fulfillment.objects.count() == 2 * count
    return sorted(seen.values())


@pytest.mark.long
def test_a_hundred_late_at_the_same_moment_are_given_away_within_seconds(
    system: System, record_property: Callable[[str, object], None]
) -> None:
    seconds = _late_all_at_once(100, system)

    record_property("deadline to assignment, p50", f"{seconds[49]:.2f} s")
    record_property("deadline to assignment, p95", f"{seconds[94]:.2f} s")
    record_property("deadline to assignment, last", f"{seconds[99]:.2f} s")
    assert seconds[0] > 0
    assert seconds[94] <= 5
