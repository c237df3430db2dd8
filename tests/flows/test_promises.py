"""The date given, what became of it, and what the next shopper is told because of that. Over the API, on a Monday."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from oms import cache, outbox
from oms.clock import now
from oms.models import Event
from routing.models import GivenPromise, LeadTimeObservation, LearnedTable
from routing.services.learning import forget_lead_times, learn_dates
from tests.factories.orders import make_network, order_body, pickup_body
from tests.flows.conftest import Api, pass_time
from tests.orders.conftest import shop

__all__ = ["shop"]
MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
WHERE = {"country": "FR", "postal_code": "75011", "latitude": 48.86, "longitude": 2.38}


@pytest.fixture(autouse=True)
def _network(db: None) -> Any:
    with time_machine.travel(MONDAY, tick=False) as clock:
        make_network(paris=500)
        yield clock


@pytest.fixture
def clock(_network: Any) -> Any:
    return _network


def _hear() -> None:
    while outbox.relay(as_of=now()):
        pass


def _send(shop: Api, clock: Any, work: str, *, minutes: float, days: float | None = None) -> None:
    """Accept, pick and ship after so many minutes; delivered so many days later."""
    began = now()
    for action, body in (("acknowledge", None), ("pick", {"lines": [{"line": "l1", "picked": 1}]})):
        assert shop.act(work, action, body).status == 200
    clock.move_to(began + timedelta(minutes=minutes))
    assert shop.act(work, "ship", {"carrier_service": "post"}).status == 200
    if days is not None:
        clock.move_to(now() + timedelta(days=days))
        assert shop.act(work, "deliver").status == 200
    clock.move_to(began)


def _placed(shop: Api, body: dict[str, Any] | None = None) -> dict[str, Any]:
    answer = shop.post("orders/", body or order_body())
    assert answer.status == 201, answer
    return answer.json


def _quote(shop: Api, **values: Any) -> dict[str, Any]:
    body = {"channel": "web", "currency": "EUR", "lines": [{"sku": "SKU-1", "quantity": 1}], "destination": WHERE}
    answer = shop.post("quotes/", {**body, "methods": ["ship"], **values})
    assert answer.status == 200, answer
    return answer.json["options"][0]


def test_a_promise_stands_in_the_ledger_until_it_is_kept(shop: Api, clock: Any) -> None:
    order = _placed(shop)
    (work,) = order["fulfillments"]

    given = GivenPromise.objects.get()
    assert (given.reference, given.root, given.location_id, given.carrier_service) == (
        *(work["id"], order["id"], "PARIS", "post"),
    )
    assert (given.outcome, given.hour, given.destination_area, given.confidence) == ("open", 10, "FR-75", None)
    assert given.promised_at.isoformat() == "2026-03-03T22:59:00+00:00"  # Tuesday's end in Paris

    _send(shop, clock, work["id"], minutes=90, days=1)
    _hear()

    given.refresh_from_db()
    assert (given.outcome, given.prepared_at, given.ended_at) == (
        *("kept", MONDAY + timedelta(minutes=90), MONDAY + timedelta(days=1, minutes=90)),
    )
    preparation, transit = LeadTimeObservation.objects.order_by("kind")
    assert (preparation.kind, preparation.value, preparation.hour, preparation.backlog) == ("preparation", 90, 10, 0)
    assert (transit.kind, transit.value, transit.carrier_service) == ("transit", 1, "post")
    assert (transit.origin_area, transit.destination_area, transit.configured_days) == ("FR-75", "FR-75", 1)


def test_hearing_it_again_changes_nothing(shop: Api, clock: Any) -> None:
    (work,) = _placed(shop)["fulfillments"]
    _send(shop, clock, work["id"], minutes=90, days=5)
    _hear()
    before = (list(GivenPromise.objects.values()), list(LeadTimeObservation.objects.values()))

    from orders.services.lead_times import on_work

    for event in Event.objects.filter(root__startswith="ord_").order_by("id"):
        if event.type in ("orders.fulfillment.shipped", "orders.fulfillment.delivered"):
            on_work(event)

    assert before[0][0]["outcome"] == "late"
    assert (list(GivenPromise.objects.values()), list(LeadTimeObservation.objects.values())) == before


def test_a_pickup_is_kept_when_it_is_ready(shop: Api, clock: Any) -> None:
    (work,) = _placed(shop, pickup_body())["fulfillments"]
    for action, body in (("acknowledge", None), ("pick", {"lines": [{"line": "l1", "picked": 1}]})):
        shop.act(work["id"], action, body)
    clock.move_to(MONDAY + timedelta(minutes=30))
    assert shop.act(work["id"], "ready").status == 200
    _hear()

    assert GivenPromise.objects.get().outcome == "kept"
    assert (LeadTimeObservation.objects.get().kind, LeadTimeObservation.objects.get().value) == ("preparation", 30)


def test_whoever_takes_over_keeps_the_date_that_was_given_and_lateness_is_told(shop: Api, clock: Any) -> None:
    order = _placed(shop)
    clock.move_to(MONDAY + timedelta(hours=11))  # by the evening nobody has answered

    pass_time(minutes=1)
    _hear()

    lost, taken_over = GivenPromise.objects.order_by("id")
    assert (lost.outcome, taken_over.outcome, taken_over.location_id) == ("withdrawn", "open", "LILLE")
    assert taken_over.promised_at == lost.promised_at < taken_over.expected_at
    now_shown = shop.order(order["number"])
    assert now_shown["promised_at"] == order["promised_at"] < now_shown["expected_at"]
    live = [work for work in now_shown["fulfillments"] if work["status"] == "assigned"]
    assert [(work["promised_at"], work["expected_at"]) for work in live] == [
        (order["promised_at"], now_shown["expected_at"])
    ]
    delayed = Event.objects.get(type="orders.order.delayed")
    assert (delayed.root, delayed.is_public) == (order["id"], True)
    assert delayed.payload["promised_at"] == lost.promised_at.isoformat()
    assert delayed.payload["expected_at"] == taken_over.expected_at.isoformat()


def test_a_re_plan_that_still_keeps_the_date_tells_nobody(shop: Api) -> None:
    order = _placed(shop)
    (work,) = order["fulfillments"]

    shop.act(work["id"], "decline", {"reason": "too_busy"})
    _hear()

    shown = shop.order(order["number"])
    assert shown["promised_at"] == order["promised_at"]
    assert Event.objects.filter(type="orders.order.delayed").count() == (shown["expected_at"] > shown["promised_at"])


def test_dates_are_learned_once_there_are_enough_cases(shop: Api, clock: Any) -> None:
    """PARIS needs a quarter of an hour where four hours are configured, and the post two days where one is."""
    for _ in range(29):
        _send(shop, clock, _placed(shop)["fulfillments"][0]["id"], minutes=15, days=2)
    clock.move_to(MONDAY + timedelta(days=7))
    _hear()
    learn_dates(as_of=now())
    cache.clear_all()
    before = _quote(shop)
    assert (before["confidence"], before["promised_at"]) == (None, "2026-03-10T22:59:00+00:00")

    clock.move_to(MONDAY)
    _send(shop, clock, _placed(shop)["fulfillments"][0]["id"], minutes=15, days=2)
    clock.move_to(MONDAY + timedelta(days=7))
    _hear()
    learn_dates(as_of=now())
    cache.clear_all()

    after = _quote(shop)
    assert (after["confidence"], after["promised_at"]) == (0.9, "2026-03-11T22:59:00+00:00")
    assert after["earliest_at"] == after["promised_at"]
    assert LearnedTable.objects.count() == 2
    table = LearnedTable.objects.first()
    assert table and (table.preparations, table.transits) == (30, 30)
    order = _placed(shop)  # the same date everywhere
    assert order["promised_at"] == after["promised_at"]
    assert GivenPromise.objects.order_by("-id")[0].confidence == 0.9


def test_a_policy_turns_it_off_and_sets_how_sure_a_date_is(shop: Api, clock: Any) -> None:
    for number in range(40):
        _send(shop, clock, _placed(shop)["fulfillments"][0]["id"], minutes=15, days=1 + number % 4)
    clock.move_to(MONDAY + timedelta(days=7))
    _hear()
    learn_dates(as_of=now())
    cache.clear_all()

    usual = _quote(shop)
    policy = shop.post("date-policies/", {"channel": "web", "quantile": 0.5})
    assert policy.status == 201, policy
    even = _quote(shop)
    assert (usual["confidence"], even["confidence"]) == (0.9, 0.5)
    assert even["promised_at"] < usual["promised_at"]
    off = shop.call("PATCH", f"date-policies/{policy.json['id']}/", {"mode": "off"})
    assert off.status == 200, off
    assert (_quote(shop)["confidence"], _quote(shop)["promised_at"]) == (None, "2026-03-10T22:59:00+00:00")
    again = shop.post("date-policies/", {"channel": "web"})
    assert (again.status, again.json["errors"][0]["code"]) == (422, "duplicate")


def test_learned_pickups_are_the_same_on_the_product_page_in_the_cart_and_in_the_order(shop: Api, clock: Any) -> None:
    for _ in range(30):
        (work,) = _placed(shop, pickup_body())["fulfillments"]
        for action, body in (("acknowledge", None), ("pick", {"lines": [{"line": "l1", "picked": 1}]})):
            shop.act(work["id"], action, body)
        clock.move_to(MONDAY + timedelta(minutes=20))
        shop.act(work["id"], "ready")
        clock.move_to(MONDAY)
    clock.move_to(MONDAY + timedelta(days=1, seconds=30))
    _hear()
    learn_dates(as_of=now())
    cache.clear_all()

    page = shop.get("availability/?sku=SKU-1&channel=web&method=pickup&location=PARIS").json["results"][0]
    quote = _quote(shop, methods=["pickup"])
    order = _placed(shop, pickup_body())

    assert quote["location"] == "PARIS"
    assert (
        page["locations"][0]["pickup_at"] == quote["promised_at"] == order["promised_at"] == "2026-03-03T09:21:00+00:00"
    )
    assert quote["confidence"] == 0.9


def test_old_lead_times_and_ended_promises_are_forgotten(shop: Api, clock: Any) -> None:
    (kept,) = _placed(shop)["fulfillments"]
    _send(shop, clock, kept["id"], minutes=15, days=1)
    _hear()
    still_open = _placed(shop)["fulfillments"][0]["id"]

    forget_lead_times(as_of=MONDAY + timedelta(days=100))
    assert (LeadTimeObservation.objects.count(), GivenPromise.objects.count()) == (2, 2)
    forget_lead_times(as_of=MONDAY + timedelta(days=800))

    assert LeadTimeObservation.objects.count() == 0
    assert [promise.reference for promise in GivenPromise.objects.all()] == [still_open]


def test_an_order_that_names_its_quote_keeps_the_quoted_date(shop: Api, clock: Any) -> None:
    answer = shop.post(
        "quotes/",
        {"channel": "web", "currency": "EUR", "lines": [{"sku": "SKU-1", "quantity": 1}], "destination": WHERE}
        | {"methods": ["ship"]},
    ).json
    clock.move_to(MONDAY + timedelta(minutes=29))
    from inventory.models import Location
    from oms.cache import bump

    Location.objects.filter(pk="PARIS").update(preparation_minutes=1440)  # meanwhile it has become slower
    bump.__wrapped__("places")  # type: ignore[attr-defined]

    order = _placed(shop, order_body(quote=answer["quote"]))

    assert order["promised_at"] == answer["options"][0]["promised_at"] < order["expected_at"]
    assert Event.objects.filter(type="orders.order.delayed", root=order["id"]).count() == 1
    assert GivenPromise.objects.get().promised_at.isoformat()[:16] == order["promised_at"][:16]
