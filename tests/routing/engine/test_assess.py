"""What a step sends in one parcel or not at all."""

from decimal import Decimal

import pytest

from routing.engine.assess import sent_together
from routing.engine.types import Demand, Line, Step

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
