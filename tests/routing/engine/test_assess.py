"""What a step sends in one parcel or not at all."""

from decimal import Decimal

import pytest

from routing.engine.assess import mates, sent_together
from routing.engine.types import Demand, Line, Rest, Step

LINES = (
    Line("a", "A", 1, group="set", tags=frozenset({"fragile"})),
    Line("b", "B", 2, group="set"),
    Line("c", "C", 1, group="pair"),
    Line("d", "D", 1),
)
ALL, SET, PAIR = frozenset("abcd"), frozenset("ab"), frozenset("c")


@pytest.mark.parametrize(
    ("step", "parcels"),
    [
        (Step(), [SET, PAIR]),
        (Step(keep_groups=False), []),
        (Step(no_split_below=Decimal(101)), [ALL]),
        (Step(no_split_below=Decimal(100)), [SET, PAIR]),
        (Step(no_split_tags=frozenset({"fragile"})), [ALL]),
        (Step(no_split_customer_tags=frozenset({"vip"}), keep_groups=False), [ALL]),
        (Step(no_split_customer_tags=frozenset({"gold"}), keep_groups=False), []),
        (Step(complete=True, max_parcels=1), [ALL]),
        (Step(complete=True, max_parcels=2), [SET, PAIR]),
        (Step(max_parcels=1), [SET, PAIR]),
    ],
)
def test_what_a_step_sends_together(step: Step, parcels: list[frozenset[str]]) -> None:
    demand = Demand(lines=LINES, channel="web", value=Decimal(100), customer_tags=frozenset({"vip"}))

    assert sent_together(step, demand) == parcels


WHOLE, FREE = Step(no_split_below=Decimal(999), rest=Rest.NEXT), Step(keep_groups=False, rest=Rest.NEXT)
GROUPS = Step(rest=Rest.NEXT)


@pytest.mark.parametrize(
    ("steps", "lost", "kept"),
    [
        ([], "b", ""),
        ([WHOLE], "b", "abcd"),
        ([GROUPS], "b", "ab"),
        ([GROUPS], "d", ""),
        ([GROUPS], "bc", "abc"),
        ([WHOLE, GROUPS], "b", "ab"),
        ([WHOLE, GROUPS], "d", ""),
        ([WHOLE, FREE], "b", ""),
        ([WHOLE, GROUPS, FREE], "b", ""),
        ([Step(no_split_below=Decimal(999), rest=Rest.EXCEPTION), FREE], "b", "abcd"),
    ],
)
def test_what_no_step_sends_without_what_is_lost(steps: list[Step], lost: str, kept: str) -> None:
    demand = Demand(lines=LINES, channel="web", value=Decimal(100))

    assert mates(steps, demand, frozenset(lost)) == frozenset(kept)
