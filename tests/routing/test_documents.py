import datetime as dt
from decimal import Decimal

import pytest

from routing.documents import BUILT_IN, parse
from routing.engine.types import BY_COST, Rest, Weights
from routing.errors import InvalidDocument


def a_rule_set(**changes):
    """The example of the API's description, whole."""
    return {
        "name": "default", "channels": [],
        "rules": [{
            "name": "marketplace from warehouses",
            "when": {"channels": ["marketplace"], "methods": [], "services": [], "countries": [],
                     "postal_prefixes": ["75"], "skus": ["SKU-1"], "tags": [], "min_value": None, "max_value": "99.90",
                     "min_weight_g": None, "max_weight_g": None,
                     "weekdays": ["mon"], "from_time": "22:00", "until_time": "06:00", "customer_tags": ["gold"],
                     "min_units": 1, "max_units": 9, "from_date": "2026-11-27", "until_date": "2026-11-30"},
            "steps": [{
                "name": "one warehouse near",
                "from": {"kinds": ["warehouse"], "groups": [], "exclude_groups": [], "locations": ["W2", "W1"],
                         "abilities": [], "max_distance_km": 160, "ignore_capacity": False, "min_sellable": 0,
                         "min_left_after": 0, "open_now": False, "on_time": False, "min_capacity_left": 2,
                         "min_confidence": 0.8, "before_cut_off": True},
                "weights": {"cost": 1, "distance_km": 0.5, "parcels": 0, "lateness_days": 0, "workload": 0,
                            "carbon_kg": 0, "scarcity": 0, "location_order": 0, "markdown": 1, "refusal": 4},
                "max_parcels": 1, "min_parcel_value": None, "keep_groups": True, "complete": True,
                "rest": "exception", "no_split_below": "50.00", "no_split_tags": ["set"],
                "no_split_customer_tags": ["gold"], "cancel_after_days": 14,
                "offer_to": 3,
            }],
        }],
        **changes,
    }  # fmt: skip


def faults(document):
    with pytest.raises(InvalidDocument) as refusal:
        parse(document)
    return {(fault.pointer, fault.code) for fault in refusal.value.errors}


def test_the_documented_example_becomes_rules():
    (rule,) = parse(a_rule_set()).as_engine()
    (step,) = rule.steps

    assert rule.name == "marketplace from warehouses"
    assert rule.when.channels == frozenset({"marketplace"})
    assert rule.when.postal_prefixes == ("75",)
    assert rule.when.skus == frozenset({"SKU-1"})
    assert rule.when.max_value == Decimal("99.90")
    assert (rule.when.from_time, rule.when.until_time) == (dt.time(22), dt.time(6))
    assert step.source.kinds == frozenset({"warehouse"})
    assert step.source.locations == ("W2", "W1")
    assert step.source.max_distance_km == 160
    assert (rule.when.customer_tags, rule.when.min_units, rule.when.max_units) == (frozenset({"gold"}), 1, 9)
    assert (rule.when.from_date, rule.when.until_date) == (dt.date(2026, 11, 27), dt.date(2026, 11, 30))
    assert (step.source.min_capacity_left, step.source.min_confidence, step.source.before_cut_off) == (2, 0.8, True)
    assert step.weights == Weights(cost=1, distance_km=0.5, markdown=1, refusal=4)
    assert (step.max_parcels, step.complete, step.rest) == (1, True, Rest.EXCEPTION)
    assert (step.no_split_below, step.no_split_tags) == (Decimal("50.00"), frozenset({"set"}))
    assert (step.no_split_customer_tags, step.cancel_after_days) == (frozenset({"gold"}), 14)
    assert step.offer_to == 3


def test_what_is_stored_reads_back_as_the_same_document():
    stored = parse(a_rule_set()).as_json()

    assert parse(stored).as_json() == stored


def test_absent_and_null_conditions_do_not_restrict():
    (bare,) = parse({"rules": [{"steps": [{}]}]}).as_engine()
    (null,) = parse({"rules": [{"when": None, "steps": [{"from": None, "weights": None}]}]}).as_engine()
    (empty,) = parse({"rules": [{"when": {"channels": None}, "steps": [{"from": {"kinds": []}}]}]}).as_engine()

    assert bare == null == empty
    assert bare.steps[0].weights == BY_COST
    assert (bare.steps[0].complete, bare.steps[0].keep_groups, bare.steps[0].rest) == (False, True, Rest.NEXT)


def test_a_text_stored_before_rules_could_name_products_is_for_all_of_them():
    stored = parse(a_rule_set()).as_json()
    del stored["rules"][0]["when"]["skus"]

    document = parse(stored)

    assert document.as_engine()[0].when.skus == frozenset()
    assert document.as_json()["rules"][0]["when"]["skus"] == []


def test_postal_prefixes_are_compared_without_spaces_and_in_capitals():
    (rule,) = parse({"rules": [{"when": {"postal_prefixes": ["sw1a 1"]}, "steps": [{}]}]}).as_engine()

    assert rule.when.postal_prefixes == ("SW1A1",)


def test_what_is_left_of_a_postal_prefix_is_measured():
    """Of blanks nothing is left, which would be the beginning of every code; ß in capitals is two letters."""
    document = {"rules": [{"when": {"postal_prefixes": ["  ", "ß" * 11, "s w 1 a" + " " * 20]}, "steps": [{}]}]}

    assert faults(document) == {
        ("/rules/0/when/postal_prefixes/0", "string_too_short"),
        ("/rules/0/when/postal_prefixes/1", "string_too_long"),
    }


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"rules": []}, {("/rules", "empty")}),
        ({}, {("/rules", "required")}),
        ({"rules": [{"steps": []}]}, {("/rules/0/steps", "empty")}),
        ({"rules": [{"steps": [{}]}], "ruls": 1}, {("/ruls", "unknown_field")}),
        ({"rules": [{"steps": [{"form": {}}]}]}, {("/rules/0/steps/0/form", "unknown_field")}),
        ({"rules": [{"steps": [{"from": {"kind": []}}]}]}, {("/rules/0/steps/0/from/kind", "unknown_field")}),
        ({"rules": [{"steps": [{"from": {"kinds": ["shop"]}}]}]}, {("/rules/0/steps/0/from/kinds/0", "literal_error")}),
        ({"rules": [{"steps": [{"max_parcels": 0}]}]}, {("/rules/0/steps/0/max_parcels", "greater_than_equal")}),
        (
            {"rules": [{"steps": [{"weights": {"cost": -1}}]}]},
            {("/rules/0/steps/0/weights/cost", "greater_than_equal")},
        ),
        ({"rules": [{"steps": [{"rest": "never"}]}]}, {("/rules/0/steps/0/rest", "literal_error")}),
        (
            {"rules": [{"when": {"from_time": "25:00"}, "steps": [{}]}]},
            {("/rules/0/when/from_time", "string_pattern_mismatch")},
        ),
        (
            {"rules": [{"when": {"countries": ["France"]}, "steps": [{}]}]},
            {("/rules/0/when/countries/0", "string_pattern_mismatch")},
        ),
        (
            {"rules": [{"when": {"skus": ["A,B", "x" * 65]}, "steps": [{}]}]},
            {("/rules/0/when/skus/0", "string_pattern_mismatch"), ("/rules/0/when/skus/1", "string_too_long")},
        ),
        (
            {"rules": [{"when": {"skus": [f"S{n}" for n in range(10_001)]}, "steps": [{}]}]},
            {("/rules/0/when/skus", "too_long")},
        ),
        ({"rules": [{"steps": [{}]}], "channels": ["a", "a"]}, {("", "duplicate")}),
        (
            {"rules": [{"when": {"from_date": 20000, "until_date": "2026-02-30"}, "steps": [{}]}]},
            {("/rules/0/when/from_date", "not_a_day"), ("/rules/0/when/until_date", "not_a_day")},
        ),
        (
            {"rules": [{"when": {"from_date": "2026-12-01", "until_date": "2026-11-30"}, "steps": [{}]}]},
            {("/rules/0/when", "empty_range")},
        ),
        ({"rules": [{"when": {"min_units": 3, "max_units": 2}, "steps": [{}]}]}, {("/rules/0/when", "empty_range")}),
        (
            {"rules": [{"steps": [{"from": {"min_confidence": 1.1}}]}]},
            {("/rules/0/steps/0/from/min_confidence", "less_than_equal")},
        ),
        (
            {"rules": [{"steps": [{"rest": "refuse", "cancel_after_days": 3}]}]},
            {("/rules/0/steps/0", "nothing_waits")},
        ),
        ({"rules": [{"steps": [{"offer_to": 0}]}]}, {("/rules/0/steps/0/offer_to", "greater_than_equal")}),
        ([], {("", "model_type")}),
    ],
)
def test_each_fault_is_named_by_its_pointer(document, expected):
    assert faults(document) == expected


def test_the_built_in_rules_leave_the_rest_to_a_person():
    (rule,) = BUILT_IN.as_engine()

    assert [step.rest for step in rule.steps] == [Rest.EXCEPTION]
