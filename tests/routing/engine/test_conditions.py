import datetime as dt
from decimal import Decimal

import pytest

from routing.engine.conditions import holds, matching_rule
from routing.engine.types import Rule, When

from .world import a_demand, line

DEMAND = a_demand(
    line("A", 2, weight_g=400, tags=frozenset({"fragile"})),
    line("B", 1, weight_g=200),
    channel="web",
    method="ship",
    service="express",
    country="FR",
    postal_code="75011",
    value=Decimal("80.00"),
    weekday="tue",
    time=dt.time(18, 30),
    date=dt.date(2026, 11, 27),
    customer_tags=frozenset({"gold", "press"}),
)  # weighs 1,000 g, 3 units


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({}, True),
        ({"channels": frozenset({"web", "app"})}, True),
        ({"channels": frozenset({"app"})}, False),
        ({"methods": frozenset({"ship"})}, True),
        ({"methods": frozenset({"pickup"})}, False),
        ({"services": frozenset({"express"})}, True),
        ({"services": frozenset({"standard"})}, False),
        ({"countries": frozenset({"FR", "BE"})}, True),
        ({"countries": frozenset({"BE"})}, False),
        ({"postal_prefixes": ("69", "75")}, True),
        ({"postal_prefixes": ("69",)}, False),
        ({"skus": frozenset({"B", "C"})}, True),  # one line is enough
        ({"skus": frozenset({"C"})}, False),
        ({"skus": frozenset({"B"}), "tags": frozenset({"fragile"})}, True),  # of whichever lines
        ({"skus": frozenset({"C"}), "tags": frozenset({"fragile"})}, False),
        ({"tags": frozenset({"fragile", "large"})}, True),
        ({"tags": frozenset({"large"})}, False),
        ({"min_value": Decimal("80.00")}, True),
        ({"min_value": Decimal("80.01")}, False),
        ({"max_value": Decimal("80.00")}, True),
        ({"max_value": Decimal("79.99")}, False),
        ({"min_weight_g": 1000}, True),
        ({"min_weight_g": 1001}, False),
        ({"max_weight_g": 1000}, True),
        ({"max_weight_g": 999}, False),
        ({"weekdays": frozenset({"mon", "tue"})}, True),
        ({"weekdays": frozenset({"sat"})}, False),
        ({"from_time": dt.time(18, 30)}, True),
        ({"from_time": dt.time(18, 31)}, False),
        ({"until_time": dt.time(18, 31)}, True),
        ({"until_time": dt.time(18, 30)}, False),
        ({"from_time": dt.time(9), "until_time": dt.time(19)}, True),
        ({"from_time": dt.time(9), "until_time": dt.time(18)}, False),
        ({"from_time": dt.time(18), "until_time": dt.time(6)}, True),  # over midnight
        ({"from_time": dt.time(22), "until_time": dt.time(6)}, False),
        ({"customer_tags": frozenset({"gold", "staff"})}, True),
        ({"customer_tags": frozenset({"staff"})}, False),
        ({"min_units": 3}, True),
        ({"min_units": 4}, False),
        ({"max_units": 3}, True),
        ({"max_units": 2}, False),
        ({"from_date": dt.date(2026, 11, 27)}, True),
        ({"from_date": dt.date(2026, 11, 28)}, False),
        ({"until_date": dt.date(2026, 11, 27)}, True),  # the last day counts
        ({"until_date": dt.date(2026, 11, 26)}, False),
        ({"channels": frozenset({"web"}), "countries": frozenset({"BE"})}, False),  # all must hold
    ],
)
def test_a_rule_speaks_only_where_all_its_conditions_hold(conditions, expected):
    assert holds(When(**conditions), DEMAND) is expected


def test_a_demand_without_a_day_meets_no_condition_on_days():
    assert not holds(When(from_date=dt.date(2026, 1, 1)), a_demand())
    assert holds(When(), a_demand())


def test_the_first_matching_rule_wins():
    rules = [
        Rule("for the app", (), When(channels=frozenset({"app"}))),
        Rule("for express", (), When(services=frozenset({"express"}))),
        Rule("for all", ()),
    ]

    assert matching_rule(rules, DEMAND).name == "for express"


def test_without_a_matching_rule_there_is_none():
    assert matching_rule([Rule("for the app", (), When(channels=frozenset({"app"})))], DEMAND) is None
