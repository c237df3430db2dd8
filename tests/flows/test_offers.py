"""What stores make of work is learned, and weighed by rules that ask for it."""

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse

from oms.clock import now
from orders.services.offers import retell_offers
from routing.models import AcceptanceRate, Decision, OfferOutcome
from routing.services.acceptance import refresh, refresh_if_old
from routing.services.rule_sets import create_draft, publish_rule_set
from tests.factories.inventory import make_products
from tests.factories.orders import make_network, order_body, pickup_body
from tests.flows.conftest import Api, pass_time, relay


@pytest.fixture
def shop(api: Api, settings: Any) -> Api:
    settings.VERSIONED_CACHE_SECONDS = 0
    make_network(paris=500, lille=500, lyon=500)
    make_products("SKU-1", weight_g=400, tags=["new", "soft"])
    return api


def offered(shop: Api, *lines: tuple[str, int]) -> str:
    """The id of work that PARIS, the nearest, was offered."""
    [work] = shop.post("orders/", order_body(*lines)).json["fulfillments"]
    assert work["location"] == "PARIS"
    return work["id"]


def told() -> dict[str, tuple[str, str, list[str]]]:
    relay()
    return {o.reference: (o.location, o.outcome, o.tags) for o in OfferOutcome.objects.all()}


def test_each_offer_is_told_once_as_it_ended(shop: Api) -> None:
    taken, declined, short, slow, silent = (offered(shop) for _ in range(5))
    for work in (taken, short, slow):
        shop.act(work, "acknowledge")
    assert told() == dict.fromkeys((taken, short, slow), ("PARIS", "accepted", ["new", "soft"]))
    shop.act(declined, "decline", {"reason": "too_busy"})
    shop.act(taken, "start")
    shop.act(short, "start")
    answer = shop.act(short, "pick", {"lines": [{"line": "l1", "picked": 0, "short_reason": "damaged"}]})
    assert answer.status == 200, answer.json
    pass_time(minutes=241)  # nobody answers for `silent`, and `slow` is not prepared

    first = {reference: (place, outcome) for reference, (place, outcome, _tags) in told().items() if place == "PARIS"}

    assert first == {
        taken: ("PARIS", "accepted"),
        declined: ("PARIS", "declined"),
        short: ("PARIS", "short"),  # all of it was missing
        slow: ("PARIS", "timed_out"),
        silent: ("PARIS", "timed_out"),
    }


def test_of_a_short_pick_only_what_was_missing_counts(shop: Api) -> None:
    from tests.factories.inventory import set_stock

    make_products("SKU-2", weight_g=900, tags=["bulky"])
    set_stock("SKU-2", "PARIS", 5)
    work = offered(shop, ("SKU-1", 1), ("SKU-2", 1))
    for action in ("acknowledge", "start"):
        shop.act(work, action)

    lines = [{"line": "l1", "picked": 1}, {"line": "l2", "picked": 0, "short_reason": "not_found"}]
    assert shop.act(work, "pick", {"lines": lines}).status == 200

    assert told()[work] == ("PARIS", "short", ["bulky"])


def test_a_pickup_is_no_offer(shop: Api) -> None:
    [work] = shop.post("orders/", pickup_body()).json["fulfillments"]
    shop.act(work["id"], "acknowledge")

    assert told() == {}


def test_the_past_can_be_told_again_and_changes_nothing_that_was_heard(shop: Api) -> None:
    taken, declined = offered(shop), offered(shop)
    shop.act(taken, "acknowledge")
    shop.act(declined, "decline", {"reason": "closed"})
    heard = told()
    assert retell_offers(since=now() - timedelta(days=1)) == 2
    assert told() == heard

    OfferOutcome.objects.all().delete()
    assert retell_offers(since=now() - timedelta(days=1)) == 2
    assert told() == heard


def test_a_store_that_declines_is_asked_less_where_a_rule_fears_it(shop: Api, admin_client: Any) -> None:
    for _ in range(8):
        shop.act(offered(shop), "decline", {"reason": "too_busy"})
        [taken_over] = shop.get("fulfillments/?status=assigned").json["results"]
        assert taken_over["location"] == "LILLE"
        shop.act(taken_over["id"], "acknowledge")
    relay()
    assert refresh_if_old(as_of=now()) and not refresh_if_old(as_of=now() + timedelta(minutes=30))
    chances = {rate.location: rate.probability for rate in AcceptanceRate.objects.filter(day_part="")}
    # all 17.5 / 26; without PARIS 17.5 / 18, so 9.72 / 18 there; without LILLE 9.5 / 18, so 13.28 / 18 there
    assert chances == pytest.approx({"": 0.673, "PARIS": 0.54, "LILLE": 0.738}, abs=0.001)

    offered(shop)  # the built-in rules fear nothing
    steps = [{"weights": {"cost": 1, "refusal": 10}}]
    draft = create_draft(document={"rules": [{"name": "careful", "steps": steps}]})
    publish_rule_set(rule_set_id=draft.pk, actor="test", as_of=now())
    order = shop.post("orders/", order_body()).json

    [work] = order["fulfillments"]
    assert work["location"] == "LILLE"
    decision = Decision.objects.get(pk=work["decision"])
    page = admin_client.get(reverse("admin:orders_fulfillment_why", args=[work["id"]])).content.decode()
    assert decision.subject == order["id"]
    assert "Place LILLE: one in 4 offers fails here, counted as" in page
    assert "Place PARIS: one in 2 offers fails here, counted as" in page
    assert admin_client.get(reverse("admin:routing_acceptancerate_changelist")).status_code == 200
    assert admin_client.get(reverse("admin:routing_offeroutcome_changelist")).status_code == 200


def test_nothing_learned_is_nothing_feared_of_anybody(shop: Api) -> None:
    assert refresh(as_of=now()) == 0

    steps = [{"weights": {"cost": 1, "refusal": 10}}]
    planned = shop.post(
        "routing/plan/",
        {
            "channel": "web",
            "lines": [{"sku": "SKU-1", "quantity": 1}],
            "destination": {"country": "FR", "postal_code": "75011", "latitude": 48.86, "longitude": 2.38},
            "rule_set": {"rules": [{"steps": steps}]},
        },
    ).json

    [best, *_others] = sorted(planned["explanation"]["candidates"], key=lambda candidate: float(candidate["score"]))
    assert (best["location"], best["cost"]["refusal"]) == ("PARIS", "0.50")
