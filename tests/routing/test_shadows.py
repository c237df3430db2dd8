"""A draft decides new orders beside the live rules, over stock as it stood; differences are counted."""

from datetime import timedelta

import pytest

from inventory.models import StockLevel
from oms.clock import now
from oms.errors import DomainError
from orders.services.demand_history import tell_demands
from routing.models import Decision, Shadow
from routing.services import shadows
from routing.services.rule_sets import change_draft, create_draft, publish_rule_set
from routing.services.shadows import EXAMPLES_KEPT, judge_shadows, start_shadow, stop_shadow
from tests.factories.orders import make_channel, make_key, make_network, order_body
from tests.flows.conftest import Api

pytestmark = pytest.mark.django_db(transaction=True)

FAR = {"name": "far", "rules": [{"steps": [{"from": {"locations": ["LYON"]}, "rest": "exception"}]}]}


@pytest.fixture
def api():
    make_network(paris=2, lille=40, lyon=40)
    return Api(make_key())


@pytest.fixture
def draft(api):
    return create_draft(document=FAR)


def place(api: Api, times: int, **values) -> list[str]:
    """Where they went."""
    placed = [api.post("orders/", order_body(**values)).json for _ in range(times)]
    return [work["location"] for order in placed for work in order["fulfillments"]]


def judge() -> int:
    tell_demands(as_of=now() + timedelta(seconds=1))
    return judge_shadows(as_of=now())


def start(draft) -> Shadow:
    return start_shadow(rule_set_id=draft.pk, actor="test", as_of=now())


def test_new_orders_are_decided_beside_the_live_rules_over_stock_as_it_stood(api, draft):
    place(api, 1)
    tell_demands(as_of=now() + timedelta(seconds=1))
    start(draft)
    before = list(StockLevel.objects.values_list("location_id", "reserved"))

    assert place(api, 3) == ["PARIS", "LILLE", "LILLE"]  # the first order of all had taken one in Paris
    decisions = Decision.objects.count()
    after = list(StockLevel.objects.values_list("location_id", "reserved"))
    assert judge() == 3
    assert judge() == 0

    shadow = Shadow.objects.get()
    assert (shadow.judged, shadow.changed) == (3, 3)
    # each at its own instant: the live rules are replayed as they decided, and nothing that the draft wanted is taken
    assert shadow.figures["agreement"] == {"known": 3, "same": 3, "rate": 1.0}
    assert {p["location"]: p["parcels"] for p in shadow.figures["baseline"]["places"]} == {"LILLE": 2, "PARIS": 1}
    assert {p["location"]: p["parcels"] for p in shadow.figures["candidate"]["places"]} == {"LYON": 3}
    newest, *_others = shadow.examples
    assert [newest[side]["parcels"][0]["location"] for side in ("baseline", "candidate")] == ["LILLE", "LYON"]
    assert newest["cost_change"] == "1.00"
    assert Decision.objects.count() == decisions
    assert before != after == list(StockLevel.objects.values_list("location_id", "reserved"))


def test_orders_placed_before_it_began_are_not_judged(api, draft):
    place(api, 2)
    start(draft)
    place(api, 1)

    assert judge() == 3  # told together

    assert Shadow.objects.get().judged == 1


def test_counts_go_on_and_the_newest_examples_stay(api, draft):
    start(draft)
    place(api, 4)
    judge()
    place(api, EXAMPLES_KEPT)
    judge()
    shadow = Shadow.objects.get()
    assert (shadow.judged, shadow.changed, len(shadow.examples)) == (
        EXAMPLES_KEPT + 4,
        EXAMPLES_KEPT + 4,
        EXAMPLES_KEPT,
    )
    assert shadow.figures["candidate"]["orders"] == EXAMPLES_KEPT + 4
    assert shadow.examples[0]["at"] > shadow.examples[-1]["at"]


def test_orders_of_channels_it_would_not_decide_for_are_left_out(api):
    make_channel("shop")
    start(create_draft(document={**FAR, "channels": ["shop"]}))
    place(api, 2)
    place(api, 1, channel="shop")
    assert judge() == 3
    assert Shadow.objects.get().judged == 1


def test_a_draft_that_is_changed_begins_anew(api, draft):
    start(draft)
    place(api, 2)
    judge()
    change_draft(rule_set_id=draft.pk, changes={"rules": [{"steps": [{"rest": "exception"}]}]})
    place(api, 1)
    judge()
    shadow = Shadow.objects.get()
    assert (shadow.judged, shadow.changed, shadow.examples) == (1, 0, [])


def test_a_draft_that_is_changed_and_no_longer_asked_does_not_come_back(api, draft, monkeypatch):
    start(draft)
    change_draft(rule_set_id=draft.pk, changes={"name": "farther"})
    begin_anew = shadows._begin_anew_if_changed

    def stopped_meanwhile(shadow, **more):
        stop_shadow(rule_set_id=draft.pk)
        begin_anew(shadow, **more)

    monkeypatch.setattr(shadows, "_begin_anew_if_changed", stopped_meanwhile)
    place(api, 1)
    judge()
    assert not Shadow.objects.exists()


def test_what_is_published_decides_no_more_in_the_shadow(api, draft):
    start(draft)
    publish_rule_set(rule_set_id=draft.pk, actor="test", as_of=now())
    place(api, 1)
    judge()
    assert not Shadow.objects.exists()
    with pytest.raises(DomainError) as refused:
        start(draft)
    assert (refused.value.code, refused.value.facts) == ("not_a_draft", {"current": "published"})


def test_only_so_many_decide_beside_the_live_rules(api, draft, settings):
    settings.SHADOWS_AT_ONCE = 1
    assert start(draft) == start(draft)
    with pytest.raises(DomainError) as refused:
        start(create_draft(document=FAR))
    assert refused.value.code == "too_many_shadows"
    assert [shadow.rule_set for shadow in Shadow.objects.all()] == [draft]
    stop_shadow(rule_set_id=draft.pk)
    stop_shadow(rule_set_id=draft.pk)
    assert not Shadow.objects.exists()


def test_two_that_judge_at_once_count_an_order_once(api, draft, monkeypatch):
    start(draft)
    place(api, 2)
    tell_demands(as_of=now() + timedelta(seconds=1))
    save, again = shadows._save, []

    def beaten(*asked, **more):
        monkeypatch.setattr(shadows, "_save", save)
        again.append(judge_shadows(as_of=now()))
        return save(*asked, **more)

    monkeypatch.setattr(shadows, "_save", beaten)
    assert judge_shadows(as_of=now()) == 0
    assert again == [2]
    assert Shadow.objects.get().judged == 2


def test_the_api_starts_follows_and_stops_it(api, draft):
    address = f"rule-sets/{draft.pk}/shadow/"
    assert api.get(address).status == 404
    assert api.post(address).json["judged"] == 0
    place(api, 1)
    judge()
    told = api.get(address).json
    assert (told["judged"], told["changed"], told["examples"][0]["cost_change"]) == (1, 1, "2.00")
    assert Api(make_key("bound", channel="web")).get(address).status == 404
    assert api.call("DELETE", address).status == 204
    assert api.get(address).status == 404
    refused = api.post("rule-sets/rul_none/shadow/")
    assert (refused.status, refused.json["code"]) == (404, "rule_set_not_found")
