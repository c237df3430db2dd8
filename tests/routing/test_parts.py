"""The largest part of a demand that can be had, held against every smaller demand there is."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from routing.documents import parse
from routing.queries import ActiveRules
from routing.services.parts import largest_part, out_of_reach
from routing.services.sourcing import Demand, Line, SourcingPlan, plan
from tests.factories.inventory import make_locations, make_products

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 2, 11, 0, tzinfo=UTC)
PLACES = ("P1", "P2", "P3")
WORTH = {"A": Decimal(10), "B": Decimal(25)}
Stock = Mapping[str, Mapping[str, int]]


@dataclass
class Shop:
    """Units of memory under these rules."""

    stock: Stock
    rules: ActiveRules
    asked: int = 0

    def plan_under(self, demand: Demand, rules: ActiveRules) -> SourcingPlan:
        return plan(demand, as_of=NOON, rules=rules, stock=self._read)

    def _read(self, skus: Any, **_asked: Any) -> dict[str, dict[str, int]]:
        return {sku: {code: n for code, n in self.stock.get(sku, {}).items() if n} for sku in skus}

    def ask(self, demand: Demand) -> "Answer":
        self.asked += 1
        source = self.plan_under(demand, self.rules)
        return Answer(source, {rest.key: rest.quantity for rest in source.rest})

    def part_of(self, demand: Demand) -> "Answer | None":
        whole = self.ask(demand)
        return largest_part(whole, ask=self.ask, plan_under=self.plan_under) if whole.lacking else whole


@dataclass(frozen=True)
class Answer:
    source: SourcingPlan
    lacking: Mapping[str, int] = field(default_factory=dict)

    @property
    def units(self) -> dict[str, int]:
        """By line."""
        found = Counter[str]()
        for line in (line for parcel in self.source.parcels for line in parcel.lines):
            found[line.key] += line.quantity
        return found


def rules(*steps: dict[str, Any]) -> ActiveRules:
    return ActiveRules(parse({"rules": [{"steps": [{"rest": "next"} | step for step in steps]}]}).as_engine())


def demand(*lines: tuple[str, int, str | None]) -> Demand:
    found = tuple(Line(f"l{n}", sku, units, group, WORTH[sku]) for n, (sku, units, group) in enumerate(lines, start=1))
    return Demand(channel="web", currency="EUR", lines=found, value=worth(found))


def worth(lines: tuple[Line, ...]) -> Decimal:
    return sum((line.unit_value * line.quantity for line in lines), Decimal(0))


@pytest.fixture
def places(web: Any) -> None:
    make_products(*WORTH)
    make_locations(*PLACES)


steps = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "complete": st.just(True),
            "max_parcels": st.integers(1, 2),
            "min_parcel_value": st.sampled_from(["15", "30"]),
            "no_split_below": st.just("1000"),
            "from": st.builds(
                lambda codes: {"locations": codes}, st.lists(st.sampled_from(PLACES), min_size=1, unique=True)
            ),
        },
    ),
    min_size=1,
    max_size=2,
)
stocks = st.fixed_dictionaries({sku: st.fixed_dictionaries(dict.fromkeys(PLACES, st.integers(0, 2))) for sku in WORTH})
wishes = st.lists(
    st.tuples(st.sampled_from(sorted(WORTH)), st.integers(1, 2), st.sampled_from([None, None, "g"])),
    min_size=1,
    max_size=3,
)


def smaller(whole: Demand) -> list[Demand]:
    """All that asks for less, with its groups whole."""
    found = []
    for units in product(*(range(line.quantity + 1) for line in whole.lines)):
        kept = tuple(replace(line, quantity=n) for line, n in zip(whole.lines, units, strict=True) if n)
        cut = {line.group for line, n in zip(whole.lines, units, strict=True) if n < line.quantity}
        if kept and not any(line.group and line.group in cut for line in kept):
            found.append(replace(whole, lines=kept, value=worth(kept)))
    return found


@given(wish=wishes, stock=stocks, asked=steps)
@example(  # the loose line is served first, and what is left is too little for the group
    wish=[("A", 2, None), ("A", 2, "g")],
    stock={"A": {"P1": 0, "P2": 1, "P3": 2}, "B": {"P1": 0, "P2": 0, "P3": 0}},
    asked=[{"max_parcels": 1}, {}],
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_smaller_demand_that_would_be_served_is_larger(places: None, wish: Any, stock: Stock, asked: Any) -> None:
    shop = Shop(stock, rules(*asked[:-1], {**asked[-1], "rest": "refuse"}))
    whole = demand(*wish)

    part = shop.part_of(whole)

    had = [sum(line.quantity for line in less.lines) for less in smaller(whole) if not shop.ask(less).lacking]
    assert (sum(part.units.values()) if part else 0) == max(had, default=0)
    if part is None:
        return
    assert part.lacking == {}
    assert part.source.demand.value == worth(part.source.demand.lines)
    assert part.units == {line.key: line.quantity for line in part.source.demand.lines}
    assert all(part.units[line.key] in (0, line.quantity) for line in whole.lines if line.group)
    given_out = Counter[tuple[str, str]]()
    for parcel in part.source.parcels:
        for line in parcel.lines:
            given_out[line.sku, parcel.location] += line.quantity
    assert all(n <= stock[sku][code] for (sku, code), n in given_out.items())


def test_it_asks_once_more_where_the_plan_tells_what_it_lacks(places: None) -> None:
    shop = Shop({"A": {"P1": 2, "P2": 1}}, rules({"rest": "refuse"}))

    part = shop.part_of(demand(("A", 9, None)))

    assert part is not None and part.units == {"l1": 3}
    assert shop.asked == 2


def test_it_gives_up_where_nothing_is_to_be_had(places: None) -> None:
    shop = Shop({}, rules({"complete": True}, {"rest": "refuse"}))

    assert shop.part_of(demand(("A", 9, None), ("B", 1, None))) is None
    assert shop.asked == 1


def test_most_units_count_before_cost(places: None) -> None:
    """In one parcel: two of the cheap product rather than one of the dear one."""
    one = rules({"no_split_below": "1000", "rest": "refuse"})
    shop = Shop({"A": {"P1": 2}, "B": {"P2": 1}}, one)

    part = shop.part_of(demand(("B", 1, None), ("A", 2, None)))

    assert part is not None and part.units == {"l2": 2}


def test_what_no_place_has_is_lacking_of_the_last_lines_and_of_groups_as_a_whole() -> None:
    """The gift takes a unit of A first, but goes for want of B, and leaves it to the loose lines."""
    asked = demand(("A", 1, "gift"), ("A", 2, None), ("B", 2, "gift"), ("A", 2, None))

    assert out_of_reach(asked, {"A": 3, "B": 1}) == {"l1": 1, "l3": 2, "l4": 1}
    assert out_of_reach(asked, {"A": 3, "B": 2}) == {"l4": 2}
    assert out_of_reach(asked, {"A": 5, "B": 2}) == {}
