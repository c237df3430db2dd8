"""Conditions that together leave nothing of another, beside a look at every order there could be."""

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.engine import review
from routing.engine.conditions import holds
from routing.engine.coverage import METHODS, SERVICES, WEEKDAYS, Coverage, TooMany
from routing.engine.types import Demand, Line, Rest, Rule, Step, When

from .test_review import PLACES


def some(words):
    return st.frozensets(st.sampled_from(sorted(words)), max_size=len(words))


def bounds(low, high, values):
    return st.fixed_dictionaries({low: st.none() | st.sampled_from(values), high: st.none() | st.sampled_from(values)})


def lines(quantity=1, tags=(), grams=0):
    return {"lines": (Line("l", "x", quantity, weight_g=grams, tags=frozenset(tags)),)}


def subsets(words):
    return [
        {word for word, is_in in zip(words, chosen, strict=True) if is_in}
        for chosen in product((0, 1), repeat=len(words))
    ]


CLOCK = [dt.time(hour) for hour in (0, 8, 16, 20)]
DAYS = [dt.date(2026, 1, day) for day in (1, 10, 11)]
PREFIXES = ["7", "75", "750", "69"]
#: What is asked, and one order of each kind that can be told apart.
QUESTIONS = {
    "channels": (some("ab"), [{"channel": one} for one in "abc"]),
    "methods": (some(METHODS), [{"method": one} for one in METHODS]),
    "services": (some(SERVICES), [{"service": one} for one in SERVICES]),
    "countries": (some(["BE", "FR"]), [{"country": one} for one in ("BE", "FR", "DE", "")]),
    "weekdays": (some(WEEKDAYS), [{"weekday": one} for one in WEEKDAYS]),
    "postal_prefixes": (
        st.lists(st.sampled_from(PREFIXES), max_size=3).map(tuple),
        [{"postal_code": one} for one in ("71000", "75100", "75011", "69001", "13001", "")],
    ),
    "value": (
        bounds("min_value", "max_value", [0, 1, 2]),
        [{"value": Decimal(c) / 100} for c in (0, 1, 99, 100, 101, 199, 200, 201)],
    ),
    "weight": (bounds("min_weight_g", "max_weight_g", [0, 1, 2, 3]), [lines(grams=grams) for grams in range(5)]),
    "units": (bounds("min_units", "max_units", [1, 2, 3]), [lines(quantity) for quantity in range(1, 5)]),
    "dates": (
        bounds("from_date", "until_date", DAYS),
        [{"date": DAYS[0] + dt.timedelta(days=day)} for day in (-1, 0, 1, 9, 10, 11)],
    ),
    "hours": (
        bounds("from_time", "until_time", CLOCK),
        [{"time": one} for one in (*CLOCK, dt.time(7, 59), dt.time(23, 59))],
    ),
    "skus": (some("pq"), [{"skus": skus} for skus in subsets("pq")]),
    "tags": (some("rst"), [lines(tags=tags) for tags in subsets("rst")]),
    "customer_tags": (some("uv"), [{"customer_tags": frozenset(tags)} for tags in subsets("uv")]),
}
TELL_OF_LINES = {"weight", "units", "tags"}


def an_order(parts, *, has_units_told):
    """One line per product named, at most so many as it has units; None where it has too few. One of no name else."""
    told = lines() | {"date": DAYS[0], "weekday": "mon", "value": Decimal(1)}
    told |= {key: value for part in parts for key, value in part.items()}
    first, *others = sorted(told.pop("skus", ())) or ["x"]
    (line,) = told["lines"]
    quantity = line.quantity - len(others) if has_units_told else line.quantity
    if quantity < 1:
        return None
    more = (Line(f"l-{sku}", sku, 1) for sku in others)
    return Demand(**told | {"lines": (replace(line, sku=first, quantity=quantity), *more)})


@st.composite
def worlds(draw):
    """Conditions on one to three questions, and every order that answers those otherwise."""
    names = draw(st.lists(st.sampled_from(sorted(QUESTIONS)), min_size=1, max_size=3, unique=True))
    if len(TELL_OF_LINES.intersection(names)) > 1:
        names = [name for name in names if name not in TELL_OF_LINES] + ["tags"]

    def when():
        asked = {}
        for name in names:
            found = draw(QUESTIONS[name][0])
            asked |= found if isinstance(found, dict) else {name: found}
        return When(**asked)

    answers = product(*(QUESTIONS[name][1] for name in names))
    orders = [an_order(parts, has_units_told="units" in names) for parts in answers]
    return [when() for _ in range(draw(st.integers(1, 5)))], when(), [order for order in orders if order]


@settings(max_examples=250, deadline=None)
@given(worlds())
def test_together_they_take_all_orders_or_one_is_left(world):
    whens, special, orders = world

    found = Coverage([*whens, special]).covering(special, len(whens))

    def takes_all(numbers):
        return all(any(holds(whens[n], order) for n in numbers) for order in orders if holds(special, order))

    assert (found is not None) == takes_all(range(len(whens)))
    if found is not None:
        assert takes_all(found)
        assert not any(takes_all([other for other in found if other != number]) for number in found)  # none in vain


def test_halves_of_a_country_leave_nothing_of_it():
    light, heavy = When(countries=frozenset({"FR"}), max_weight_g=999), When(min_weight_g=1000)
    rules = [Rule(name, (Step(rest=Rest.EXCEPTION),), when) for name, when in (("light", light), ("heavy", heavy))]
    late = Rule("late", (Step(rest=Rest.EXCEPTION),), When(countries=frozenset({"FR"}), methods=frozenset({"ship"})))

    found = review.review([*rules, late], PLACES, frozenset())

    assert [(one.pointer, one.code, dict(one.facts)) for one in found] == [
        ("/rules/2", "unreachable_rule_together", {"rules": ["light", "heavy"]}),
        ("/rules", "not_for_every_order", {}),
    ]


def test_rules_that_are_for_every_order_together_are_not_said_to_leave_any():
    days = [frozenset({"sat", "sun"}), WEEKDAYS - {"sat", "sun"}]
    rules = [Rule(str(n), (Step(rest=Rest.EXCEPTION),), When(weekdays=those)) for n, those in enumerate(days)]

    assert review.review(rules, PLACES, frozenset()) == []


def test_the_search_ends_whatever_the_rules_are():
    """Each takes orders that have one of two tags, one of which is the next one's, too; at last all that is left is taken."""
    tangled = [When(tags=frozenset({f"t{n}", f"t{n + 1}"}), min_units=n + 1, max_weight_g=1000 - n) for n in range(40)]

    with pytest.raises(TooMany):
        Coverage([*tangled, When()], most_looks=500).covering(When(), 41)
