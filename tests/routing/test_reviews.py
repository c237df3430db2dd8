"""What is said about rule sets before they decide, over the services and the API."""

import inspect
import re
from datetime import UTC, datetime

import pytest
from django.db import transaction
from django.utils.translation import override

from inventory.models import Location
from oms.cache import bump
from oms.models import Channel, Event
from routing import queries
from routing.differences import Difference
from routing.documents import parse
from routing.engine import review
from routing.engine.review import FAULTS, Finding
from routing.errors import InvalidDocument, RuleSetFaulty
from routing.models import RuleSet, RuleSetSlot
from routing.queries import rules_for
from routing.remarks import FINDINGS, difference_sentence, finding_sentence
from routing.services.reviews import faulty_rule_sets, require_sound, review_document
from routing.services.rule_sets import (
    compared_with,
    create_draft,
    import_draft,
    publications,
    publish_rule_set,
    replaced_by,
    takeovers,
)
from tests.factories.inventory import make_location, make_product

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
EVENING = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)


def draft(*rules, name="default", channels=(), **when):
    rules = rules or ({"name": "all", "when": when, "steps": [{}]},)
    return create_draft(document={"name": name, "channels": list(channels), "rules": list(rules)})


def of_places(**source):
    return {"name": "near", "steps": [{"name": "near", "from": source}]}


def publish(rule_set, at=NOON, actor="user:ada"):
    return publish_rule_set(rule_set_id=rule_set.pk, actor=actor, as_of=at)


def pairs(rows):
    return [(row["pointer"], row["code"], row["serious"]) for row in rows]


@pytest.fixture(autouse=True)
def _network(web):
    Channel.objects.create(code="app", name="App", currency="EUR")
    make_location("PARIS", groups=["city"], latitude=48.85, longitude=2.35)
    make_product("SKU-1", tags=["heavy"])


def test_a_sound_rule_set_has_nothing_said_of_it(client):
    answer = client.get(f"/api/v1/rule-sets/{draft().pk}/review/")

    assert (answer.status_code, answer.json()) == (200, {"may_publish": True, "findings": []})


def test_the_review_names_what_is_wrong_and_where(client):
    wrong = draft(
        {
            "name": "first",
            "when": {"channels": ["fax"], "skus": ["SKU-1", "SKU-9"], "tags": ["heavy", "light"]},
            "steps": [{}],
        },
        of_places(groups=["city", "gone"]),
        of_places(kinds=["supplier"]),
    )

    found = client.get(f"/api/v1/rule-sets/{wrong.pk}/review/").json()

    assert found["may_publish"] is False
    assert pairs(found["findings"]) == [
        ("/rules/0/when/channels", "unknown_channel", True),
        ("/rules/0/when/skus", "unknown_sku", False),
        ("/rules/0/when/tags", "unused_tag", False),
        ("/rules/1/steps/0/from", "unknown_group", True),
        ("/rules/2", "unreachable_rule", False),
        ("/rules/2/steps/0/from", "nobody_let_in", True),
    ]
    assert [row["detail"] for row in found["findings"]][1:5] == [
        "There is no product: SKU-9.",
        "No product has the tag: light.",
        "No place is in the group: gone.",
        "Never reached: every order it speaks for is taken by the rule “near” before.",
    ]


@pytest.mark.parametrize(
    ("source", "codes"),
    [
        ({"locations": ["LYON"]}, ["places_out_of_use", "nobody_let_in"]),
        ({"groups": ["hill"]}, ["nobody_let_in"]),
        ({"locations": ["LYON", "PARIS"]}, ["places_out_of_use"]),
        ({"groups": ["hill", "city"]}, []),
    ],
)
def test_rules_for_a_place_that_is_out_of_use_are_told_and_not_published_where_nobody_is_left(client, source, codes):
    make_location("LYON", groups=["hill"], is_active=False)
    made = draft(of_places(**source))

    found = client.get(f"/api/v1/rule-sets/{made.pk}/review/").json()

    assert [row["code"] for row in found["findings"]] == codes
    assert found["may_publish"] is ("nobody_let_in" not in codes)
    if not found["may_publish"]:
        with pytest.raises(RuleSetFaulty):
            publish(made)
        assert RuleSetSlot.objects.count() == 0


def test_a_rule_for_a_channel_that_the_set_does_not_decide_for_is_told(client):
    wrong = create_draft(
        document={
            "name": "web",
            "channels": ["web"],
            "rules": [{"name": "a", "when": {"channels": ["app"]}, "steps": [{}]}, {"name": "b", "steps": [{}]}],
        }
    )

    found = client.get(f"/api/v1/rule-sets/{wrong.pk}/review/").json()["findings"]

    assert pairs(found) == [("/rules/0/when", "never_matches", True)]


def test_a_step_that_can_serve_nobody_is_told_with_its_figures(client):
    make_location("LYON", daily_capacity=20)
    with transaction.atomic():
        Location.objects.filter(code="PARIS").update(daily_capacity=30, latitude=None, longitude=None)
        bump("places")
    wrong = draft(
        {
            "name": "web",
            "when": {"max_value": "49.90"},
            "steps": [
                {"name": "quiet", "from": {"min_capacity_left": 31}},
                {"name": "near", "from": {"max_distance_km": 50}},
                {"name": "dear", "from": {"min_capacity_left": 30}, "min_parcel_value": "50.00"},
            ],
        },
        {"name": "none", "when": {"max_units": 0}, "steps": [{}]},
        of_places(),
    )

    found = client.get(f"/api/v1/rule-sets/{wrong.pk}/review/").json()["findings"]

    assert pairs(found) == [
        ("/rules/0/steps/0/from/min_capacity_left", "nobody_has_room", True),
        ("/rules/0/steps/1/from/max_distance_km", "no_distance_known", True),
        ("/rules/0/steps/2/min_parcel_value", "parcel_worth_too_much", True),
        ("/rules/1/when", "never_matches", True),
    ]
    assert [row["detail"] for row in found] == [
        "Less room than is wanted (31): no place that passes prepares more than 30 parcels a day, so that the step would"
        " never serve anything.",
        "The distance is limited, but none of the places that pass is on the map: the step would never serve anything.",
        "Each parcel is to be worth 50.00 at least, but the rule is for orders of 49.90 at most: the step would never"
        " serve anything.",
        "No order can meet these conditions: they exclude each other (every order has a unit at least).",
    ]
    with override("fr"):
        told = [finding_sentence(finding) for finding in review_document(parse(wrong.document))]
    assert "31" in told[0] and "30" in told[0] and "49,90" in told[2]


def test_rules_for_all_of_the_sets_channels_speak_for_every_order(client):
    made = create_draft(
        document={
            "name": "web",
            "channels": ["web"],
            "rules": [{"name": "a", "when": {"channels": ["web", "app"]}, "steps": [{}]}],
        }
    )

    assert client.get(f"/api/v1/rule-sets/{made.pk}/review/").json()["findings"] == []


@pytest.mark.parametrize(
    "source", [{"groups": ["gone"]}, {"locations": ["LYON"]}, {"kinds": ["supplier"]}], ids=lambda s: next(iter(s))
)
def test_a_fault_refuses_publication_and_changes_nothing(client, source):
    publish(draft())
    wrong = draft(of_places(**source))
    before = list(RuleSet.objects.order_by("id").values()), list(RuleSetSlot.objects.values()), Event.objects.count()

    answer = client.post(f"/api/v1/rule-sets/{wrong.pk}/publish/")

    problem = answer.json()
    assert (answer.status_code, answer["Content-Type"]) == (422, "application/problem+json")
    assert problem["code"] == "rule_set_faulty"
    assert [fault["pointer"] for fault in problem["errors"]] == ["/rules/0/steps/0/from"]
    after = list(RuleSet.objects.order_by("id").values()), list(RuleSetSlot.objects.values()), Event.objects.count()
    assert after == before
    assert rules_for("web").version == 1


def test_what_only_deserves_a_look_may_be_published():
    assert publish(draft(of_places(), of_places(), {"name": "web", "when": {"tags": ["light"]}, "steps": [{}]}))


def test_a_group_that_disappears_is_told_of_what_is_published(client):
    published = publish(draft(of_places(groups=["city"])))

    with transaction.atomic():
        Location.objects.update(groups=[])
        bump("places")
    found = client.get(f"/api/v1/rule-sets/{published.pk}/review/").json()["findings"]

    assert pairs(found) == [("/rules/0/steps/0/from", "unknown_group", True)]


def test_every_finding_has_words():
    said = set(re.findall(r'Finding\([^,]+, "(\w+)"', inspect.getsource(review)))
    assert said == set(FINDINGS) and said > FAULTS
    assert finding_sentence(Finding("", "unknown_location", {"locations": [f"P{n}" for n in range(13)]})).endswith(
        "P10, P11 and 1 more."
    )


# ---- differences -------------------------------------------------------------------------------------


def test_a_draft_is_held_against_what_decides_in_its_place(client):
    default = publish(draft(of_places(max_distance_km=50)))
    made = draft(of_places(max_distance_km=80), name="web", channels=["web"])

    told = client.get(f"/api/v1/rule-sets/{made.pk}/differences/").json()

    assert told["compared_with"] == {"id": default.pk, "name": "default", "version": 1}
    assert [row["detail"] for row in told["differences"]] == [
        "Name: web instead of default.",
        "Channels: web instead of nothing.",
        "Rule “near”, step “near”, distance of at most (km): 80 instead of 50.",
    ]
    assert told["differences"][2]["where"] == ["rules", "near", "steps", "near", "from", "max_distance_km"]
    assert told["diff"].startswith("--- default v1\n+++ web v1\n")


def test_figures_are_told_in_full_and_in_the_readers_language():
    def told(before, after):
        return difference_sentence(
            Difference("changed", ("rules", "r", "steps", "s", "weights", "cost"), before, after)
        )

    assert told(0.05, 1234567.25).endswith(": 1234567.25 instead of 0.05.")
    assert told(1.0, 300.0).endswith(": 300 instead of 1.")
    with override("fr"):
        assert told(1.0, 0.25).endswith("0,25 au lieu de 1.")


def test_two_rule_sets_are_compared_by_their_ids(client):
    one, other = draft(of_places()), draft(of_places(), {"name": "more", "steps": [{"rest": "refuse"}]})

    told = client.get(f"/api/v1/rule-sets/{one.pk}/differences/?with={other.pk}").json()

    assert [row["detail"] for row in told["differences"]] == [
        "Rule “more” is gone: Every order: any number of parcels from any place; the rest is refused."
    ]
    assert client.get(f"/api/v1/rule-sets/{one.pk}/differences/?with=rul_none").status_code == 404
    assert client.get(f"/api/v1/rule-sets/{one.pk}/differences/?without=1").status_code == 422


def test_before_anything_is_published_the_built_in_rules_are_compared_with(client):
    told = client.get(f"/api/v1/rule-sets/{draft().pk}/differences/").json()

    assert told["compared_with"] == {"id": None, "name": "built-in", "version": None}


def test_what_is_replaced_is_what_decides_for_each_channel():
    default, web = publish(draft()), publish(draft(name="web", channels=["web"]))

    assert replaced_by(draft(name="both", channels=["web", "app"])) == [web, default]
    assert replaced_by(draft(name="new default")) == [default]
    assert compared_with(draft(name="app", channels=["app"]))[1] == default


def test_who_published_what_and_when_is_known(client):
    first, second = draft(), draft()
    publish(first, at=NOON, actor="user:ada")
    publish(second, at=EVENING, actor="key:deploy")
    publish(draft(name="web", channels=["web"]))

    told = [(one.rule_set.version, one.became, one.at, one.actor) for one in publications("default")]

    assert told == [
        (1, "archived", EVENING, "key:deploy"),
        (2, "published", EVENING, "key:deploy"),
        (1, "published", NOON, "user:ada"),
    ]
    answer = client.get(f"/api/v1/rule-sets/{draft().pk}/history/").json()
    assert answer["name"] == "default"
    assert [(move["version"], move["became"], move["actor"]) for move in answer["moves"]] == [
        (version, became, actor) for version, became, _at, actor in told
    ]
    assert client.get("/api/v1/rule-sets/rul_none/history/").json()["code"] == "rule_set_not_found"


def test_a_channel_taken_over_is_decided_for_no_longer(client):
    both = publish(draft(name="both", channels=["web", "app"]))
    taker = draft(name="web only", channels=["web"])
    assert [(one.rule_set, one.channels, one.left) for one in takeovers(taker)] == [(both, ["web"], ["app"])]
    publish(taker, at=EVENING, actor="user:bea")

    def told(rule_set):
        return client.get(f"/api/v1/rule-sets/{rule_set.pk}/").json()

    assert (told(both)["decides_for"], told(both)["channels"]) == (["app"], ["web", "app"])
    assert told(taker)["decides_for"] == ["web"]
    exported = client.get(f"/api/v1/rule-sets/{both.pk}/export/", {"format": "json"}).json()
    assert exported["channels"] == ["web", "app"]
    (moved, _published) = client.get(f"/api/v1/rule-sets/{both.pk}/history/").json()["moves"]
    assert moved == {
        "id": both.pk,
        "version": 1,
        "became": "narrowed",
        "at": "2026-03-02T18:00:00+00:00",
        "actor": "user:bea",
        "channels": ["web"],
        "by": taker.pk,
    }

    publish(draft(name="app only", channels=["app"]))
    assert (told(both)["decides_for"], told(both)["status"]) == (None, "archived")
    assert [one.became for one in publications("both")] == ["archived", "narrowed", "published"]


def test_default_rules_and_drafts_say_where_they_decide(client, django_assert_num_queries):
    default, waiting = publish(draft()), draft()
    publish(draft(name="web", channels=["web"]))

    rows = client.get("/api/v1/rule-sets/").json()["results"]
    assert {row["id"]: row["decides_for"] for row in rows}.items() >= {default.pk: [], waiting.pk: None}.items()
    assert takeovers(draft(name="app", channels=["app"])) == []
    assert [one.left for one in takeovers(waiting)] == [[]]
    with django_assert_num_queries(2):
        assert {tuple(queries.decides_for(one) or ()) for one in RuleSet.objects.prefetch_related("slots")} == {
            (),
            ("web",),
        }


def test_what_is_published_is_reviewed_for_the_channels_that_are_left_to_it(client):
    of_web = {"name": "of web", "when": {"channels": ["web"]}, "steps": [{}]}
    both = publish(draft(of_web, {"name": "all", "steps": [{}]}, name="both", channels=["web", "app"]))
    publish(draft(name="web only", channels=["web"]))

    found = client.get(f"/api/v1/rule-sets/{both.pk}/review/").json()["findings"]

    assert [(row["pointer"], row["code"]) for row in found] == [("/rules/0/when", "never_matches")]
    assert [(rules, faults) for rules, faults in faulty_rule_sets()] == [(both, sum(row["serious"] for row in found))]


# ---- files -------------------------------------------------------------------------------------------


def post_yaml(client, text):
    return client.generic("POST", "/api/v1/rule-sets/", text, content_type="application/yaml")


def test_an_export_is_imported_as_the_next_version(client):
    made = draft(of_places(groups=["city"], max_distance_km=12.5), name="default")
    text = client.get(f"/api/v1/rule-sets/{made.pk}/export/?format=yaml").content.decode()

    answer = post_yaml(client, text)

    assert (answer.status_code, answer.json()["version"], answer.json()["status"]) == (201, 2, "draft")
    assert RuleSet.objects.get(version=2).document == made.document


def test_a_refusal_is_a_problem_document_also_where_yaml_was_wanted(client):
    answer = client.get("/api/v1/rule-sets/rul_none/export/?format=yaml")

    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
    assert answer.json()["code"] == "rule_set_not_found"


def test_a_wrong_file_is_told_line_by_line_and_nothing_is_kept(client):
    answer = post_yaml(
        client,
        "name: default\nchannels: [fax]\nrules:\n- name: a\n  steps:\n  - weights:\n      cost: -1\n    colour: red\n",
    )

    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "invalid_rule_set")
    assert [(fault["pointer"], fault["detail"]) for fault in problem["errors"]] == [
        ("/rules/0/steps/0/weights/cost", "Line 7: At least 0 is needed"),
        ("/rules/0/steps/0/colour", "Line 8: There is no such field"),
    ]
    assert not RuleSet.objects.exists()


def test_a_file_that_is_none_is_told(client):
    for text, code in ((" ", "dict_type"), ("just words", "dict_type"), ("a: &x [*x]", "anchor"), ("a: [", "not_yaml")):
        problem = post_yaml(client, text).json()
        assert (problem["code"], problem["errors"][0]["code"]) == ("invalid_rule_set", code), text
    with pytest.raises(InvalidDocument):
        import_draft(b"rules: []")


def test_weights_and_texts_beyond_reason_are_refused(client):
    for step in ("weights: {cost: 1000001}", "weights: {cost: .nan}", "weights: {cost: -0.5}", "max_parcels: 0"):
        assert post_yaml(client, f"rules:\n- steps:\n  - {{{step}}}\n").status_code == 422
    assert post_yaml(client, "rules: []\n").json()["errors"][0]["detail"] == "Line 1: At least one is needed"
    assert post_yaml(client, "#" * 1_000_001).json()["errors"][0]["code"] == "too_large"


def test_who_is_bound_to_a_channel_imports_for_that_alone(client_with):
    bound = client_with("all", channel="app")

    assert post_yaml(bound, "rules:\n- steps:\n  - {}\n").json()["code"] == "channel_not_allowed"
    assert post_yaml(bound, "name: app\nchannels: [app]\nrules:\n- steps:\n  - {}\n").status_code == 201


def test_the_review_is_read_with_few_statements(django_assert_num_queries):
    tagged = {"name": "tagged", "when": {"tags": ["x"]}, "steps": [{"no_split_tags": ["y"]}]}
    document = parse(draft(tagged, of_places(), of_places(groups=["city"])).document)
    review_document(document)
    with django_assert_num_queries(4):  # channels, tags, and twice whether the places in memory are still right
        review_document(document)
    with pytest.raises(RuleSetFaulty):
        require_sound(parse(draft(of_places(groups=["gone"])).document))
