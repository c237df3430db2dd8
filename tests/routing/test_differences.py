"""What is said to have changed, told back and forth."""

import copy

import yaml
from hypothesis import given
from hypothesis import strategies as st

from routing.differences import Difference, as_yaml, differences, yaml_diff
from routing.documents import parse, written_out


def document(*rules, **changes):
    return parse({"name": "default", "rules": list(rules), **changes}).as_json()


def rule(name, *steps, **when):
    return {"name": name, "when": when, "steps": list(steps) or [{"name": "any"}]}


def test_the_same_text_differs_in_nothing():
    one = document(rule("a"), rule("b"))
    assert differences(one, copy.deepcopy(one)) == []
    assert yaml_diff(one, one, old_name="v1", new_name="v2") == ""


def test_by_cost_is_by_cost_however_it_is_said():
    stored = document(rule("a"))
    stored["rules"][0]["steps"][0]["weights"]["cost"] = 0  # as it was once written out

    same = [document(rule("a", {"name": "any", "weights": said})) for said in (None, {}, {"parcels": 0}, {"cost": 1})]

    assert [differences(written_out(stored), one) for one in same] == [[]] * 4
    assert written_out(stored)["rules"][0]["steps"][0]["weights"]["cost"] == 1
    assert as_yaml(stored) == as_yaml(document(rule("a", {"name": "any"})))
    (found, more) = differences(written_out(stored), document(rule("a", {"name": "any", "weights": {"parcels": 2}})))
    assert [(f.where[-1], f.before, f.after) for f in (found, more)] == [("cost", 1, 0), ("parcels", 0, 2)]


def test_a_rule_put_in_front_is_one_addition():
    old, new = document(rule("a"), rule("b")), document(rule("first"), rule("a"), rule("b"))
    (found,) = differences(old, new)
    assert (found.kind, found.where, found.before) == ("added", ("rules", "first"), None)
    assert found.after["name"] == "first"
    (found,) = differences(new, old)
    assert (found.kind, found.where, found.after) == ("removed", ("rules", "first"), None)


def test_a_change_deep_inside_is_told_with_its_names():
    old = document(rule("web", {"name": "near", "from": {"max_distance_km": 50}}, channels=["web"]))
    new = document(rule("web", {"name": "near", "from": {"max_distance_km": 80}}, channels=["web", "app"]))
    assert differences(old, new) == [
        Difference("changed", ("rules", "web", "when", "channels"), ["web"], ["web", "app"]),
        Difference("changed", ("rules", "web", "steps", "near", "from", "max_distance_km"), 50.0, 80.0),
    ]


def test_rules_that_change_places_are_moved():
    old, new = document(rule("a"), rule("b")), document(rule("b"), rule("a"))
    assert [(d.kind, d.where[-1], d.before, d.after) for d in differences(old, new)] == [
        ("moved", "b", 2, 1),
        ("moved", "a", 1, 2),
    ]


def test_rules_of_one_name_are_told_apart_by_their_turn():
    old, new = document(rule("a"), rule("a", channels=["web"])), document(rule("a"), rule("a"))
    (found,) = differences(old, new)
    assert found == Difference("changed", ("rules", "a (2)", "when", "channels"), ["web"], [])


def test_the_diff_of_exports_reads_like_one_of_files():
    old, new = document(rule("a")), document(rule("a"), channels=["web"])
    text = yaml_diff(old, new, old_name="default v1", new_name="default v2")
    assert text.startswith("--- default v1\n+++ default v2\n")
    assert "-channels: []\n+channels:\n+- web\n" in text


_rules = st.lists(
    st.builds(
        lambda name, channels, km: rule(name, {"name": "s", "from": {"max_distance_km": km}}, channels=channels),
        st.sampled_from("abcd"),
        st.lists(st.sampled_from(["web", "app"]), unique=True, max_size=2),
        st.sampled_from([None, 10, 20]),
    ),
    min_size=1,
    max_size=4,
)


@given(_rules, _rules)
def test_texts_differ_exactly_when_something_is_told(one, other):
    old, new = document(*one), document(*other)
    assert bool(differences(old, new)) == (old != new)
    mirrored = {"added": "removed", "removed": "added", "moved": "moved", "changed": "changed"}
    there = {(d.kind, d.where) for d in differences(old, new)}
    assert {(mirrored[d.kind], d.where) for d in differences(new, old)} == there


@given(_rules)
def test_an_export_reads_back_as_the_same_document(rules):
    stored = document(*rules)
    assert parse(yaml.safe_load(as_yaml(stored))).as_json() == stored


def test_an_export_as_yaml_says_what_somebody_said_and_no_more():
    stored = document(
        rule("far", {"name": "near", "from": {"max_distance_km": 50}, "keep_groups": False}, countries=["FR"]),
        rule("all", {"weights": {"cost": 1, "parcels": 2}, "rest": "backorder", "cancel_after_days": 9}),
    )
    assert as_yaml(stored).splitlines() == [
        "name: default",
        "channels: []",
        "rules:",
        "- name: far",
        "  when:",
        "    countries:",
        "    - FR",
        "  steps:",
        "  - name: near",
        "    from:",
        "      max_distance_km: 50.0",
        "    keep_groups: false",
        "    rest: next",
        "- name: all",
        "  steps:",
        "  - name: step",
        "    weights:",
        "      cost: 1.0",
        "      parcels: 2.0",
        "    rest: backorder",
        "    cancel_after_days: 9",
    ]
