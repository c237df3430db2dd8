"""Orders that no place was told of yet are planned again together: cheaper in all, for nobody later than promised."""

import itertools
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from inventory.models import StockLevel
from oms import cache
from oms.actors import CLOCK
from oms.backoffice.sentences import say
from oms.clock import now
from oms.models import Channel, Deadline, Event
from orders.models import Exclusion, Fulfillment, Order, Payment, Reoptimisation
from orders.tasks import reoptimise
from routing.models import CapacityDay, CarrierService, Decision, GivenPromise, Rate, Zone
from routing.queries import RATES
from tests.factories.inventory import (
    make_exposure_rule,
    make_location,
    make_locations,
    make_product,
    set_stock,
    set_stocks,
)
from tests.factories.orders import (
    ADDRESS,
    LILLE,
    LYON,
    PARIS,
    make_channel,
    make_key,
    order_body,
    pickup_body,
    reserved,
)
from tests.flows.conftest import Answer, Api, pass_time, relay

#: What a parcel costs from PARIS, LILLE and LYON, by the shopper's postal code.
TOY = {"75001": (2, 5, 6), "75002": (7, 19, 20), "75003": (8, 15, 18)}
PLACES = {"PARIS": PARIS, "LILLE": LILLE, "LYON": LYON}
NOTHING_MORE = {"left": 0, "outrun": 0, "swaps": []}

Way = Counter[tuple[str, str]]  # units by SKU and place


def make_post(prices: dict[str, tuple[int, ...]], days: tuple[int, ...]) -> None:
    """A carrier that counts places less than 100 km away, less than 300, and further."""
    with transaction.atomic():
        post = CarrierService.objects.create(code="post", carrier="Post", name="Parcel", service="standard")
        for number, (code, asked) in enumerate(prices.items()):
            for position, (max_km, price) in enumerate(zip((100, 300, None), asked, strict=True)):
                zone = Zone.objects.create(
                    carrier_service=post,
                    code=f"z{number}-{position}",
                    position=10 * number + position,
                    max_distance_km=max_km,
                    transit_days=days[position],
                    postal_prefixes=[code],
                )
                Rate.objects.create(zone=zone, max_weight_g=30_000, price=price)
        cache.bump(RATES)


def make_shop(
    units: int = 1, *, prices: dict[str, tuple[int, ...]] | None = None, days: tuple[int, ...] = (1, 1, 1), **place: Any
) -> None:
    """Channel web, whose orders wait for half an hour, and three places with this many units of SKU-1 each."""
    make_channel(grace_minutes={"ship": 30})
    make_post(prices or TOY, days)
    make_product("SKU-1", weight_g=400)
    for code, at in PLACES.items():
        make_location(code, **at, **place)
        set_stock("SKU-1", code, units)


def buy(api: Api, postal_code: str, *lines: tuple[str, int], **body: Any) -> dict[str, Any]:
    """Each is a customer of their own."""
    given = {"shipping_address": {**ADDRESS, "postal_code": postal_code}, "customer": {"email": "a@example.org"}}
    answer = api.post("orders/", order_body(*lines, **{**given, **body}))
    assert answer.status == 201, answer
    return answer.json


def live(api: Api, order: dict[str, Any]) -> list[dict[str, Any]]:
    return [work for work in api.order(order["number"])["fulfillments"] if work["status"] != "canceled"]


def where(api: Api, orders: Iterable[dict[str, Any]]) -> list[list[str]]:
    return [sorted(work["location"] for work in live(api, order)) for order in orders]


def cost(api: Api, orders: Iterable[dict[str, Any]]) -> Decimal:
    return sum((Decimal(work["cost"]) for order in orders for work in live(api, order)), Decimal(0))


def again(api: Api) -> dict[str, Any]:
    answer = api.post("orders/reoptimise/")
    assert answer.status == 200, answer
    return answer.json


@pytest.fixture
def toy(api: Api) -> list[dict[str, Any]]:
    """Three orders, placed one after another: the first takes what the others need more."""
    make_shop()
    return [buy(api, code) for code in TOY]


def test_three_orders_and_three_places_cost_28_instead_of_39(api: Api, toy: Any, invariants_hold: Any) -> None:
    assert (where(api, toy), cost(api, toy)) == ([["PARIS"], ["LILLE"], ["LYON"]], 39)

    told = again(api)

    assert (where(api, toy), cost(api, toy)) == ([["LYON"], ["PARIS"], ["LILLE"]], 28)
    assert (told["considered"], told["outrun"]) == (3, 0)
    (swap,) = told["swaps"]
    assert (swap["saved"], swap["currency"]) == ("11.00", "EUR")
    assert {change["order"]: (change["before"], change["after"], change["saved"]) for change in swap["changes"]} == {
        toy[0]["number"]: (["PARIS"], ["LYON"], "-4.00"),
        toy[1]["number"]: (["LILLE"], ["PARIS"], "12.00"),
        toy[2]["number"]: (["LYON"], ["LILLE"], "3.00"),
    }
    invariants_hold()
    assert again(api) == {"considered": 3, **NOTHING_MORE}


def test_whoever_takes_over_keeps_the_date_the_release_and_the_reason(api: Api, toy: Any, invariants_hold: Any) -> None:
    before = [live(api, order)[0] for order in toy]
    waits = dict(Deadline.objects.filter(kind="orders.release").values_list("subject", "due_at"))

    (swap,) = again(api)["swaps"]
    relay()

    for order, was, own_saved in zip(toy, before, ("-4.00", "12.00", "3.00"), strict=True):
        (new,) = live(api, order)
        assert (new["status"], new["replaces"], new["attempt"]) == ("planned", was["id"], 1)
        assert new["promised_at"] == was["promised_at"]
        assert api.order(order["number"])["promised_at"] == order["promised_at"]
        pending = Deadline.objects.get(kind="orders.release", subject=new["id"])
        assert (pending.done_at, pending.due_at) == (None, Fulfillment.objects.get(pk=new["id"]).release_at)
        assert not Deadline.objects.filter(subject=was["id"], done_at=None).exists()
        assert pending.due_at == waits[was["id"]]
        old_promise, new_promise = (GivenPromise.objects.get(reference=work["id"]) for work in (was, new))
        assert (old_promise.outcome, new_promise.outcome) == ("withdrawn", "open")
        assert new_promise.promised_at == old_promise.promised_at
        latest = api.get(f"orders/{order['number']}/decisions/").json["results"][0]
        assert (latest["id"], latest["reoptimised"]["orders"]) == (new["decision"], 3)
        assert (latest["reoptimised"]["saved"], latest["reoptimised"]["own_saved"]) == ("11.00", own_saved)
    row = Reoptimisation.objects.get()
    assert (row.pk, row.saved, row.considered, row.actor) == (swap["id"], 11, 3, "key:shop")
    assert row.numbers == [int(order["number"]) for order in toy]
    pass_time(minutes=31)
    assert [[work["status"] for work in live(api, order)] for order in toy] == [["assigned"]] * 3
    assert where(api, toy) == [["LYON"], ["PARIS"], ["LILLE"]]
    invariants_hold()


def test_each_tells_why_it_is_not_where_it_would_rather_be(api: Api, toy: Any) -> None:
    """The first alone would cost 2 from PARIS, 5 from LILLE and 6 from LYON, where it is now."""
    again(api)

    decision = api.get(f"orders/{toy[0]['number']}/decisions/").json["results"][0]
    why_not = {code: api.get(f"decisions/{decision['id']}/why-not/?location={code}").json for code in PLACES}

    ids = [Order.objects.get(number=order["number"]).pk for order in toy]
    assert decision["reoptimised"]["kept_for"] == [
        {"location": "LILLE", "orders": 1, "named": [ids[2]]},
        {"location": "PARIS", "orders": 1, "named": [ids[1]]},
    ]
    assert {code: told["is_as_decided"] for code, told in why_not.items()} == dict.fromkeys(PLACES, True)
    assert {code: told["is_asked_anew"] for code, told in why_not.items()} == dict.fromkeys(PLACES, False)
    assert (why_not["LYON"]["is_used"], why_not["LYON"]["kept"]) == (True, None)
    paris, lille = why_not["PARIS"], why_not["LILLE"]
    assert [step["excluded_because"] for step in (*paris["steps"], *lille["steps"])] == ["kept_for_others"] * 2
    assert (paris["kept"]["units"], paris["kept"]["named"], paris["kept"]["saved"]) == ({"SKU-1": 1}, [ids[1]], "4.00")
    assert (lille["kept"]["step"]["verdict"], lille["kept"]["saved"]) == ("used", "1.00")
    assert [
        (need["parameter"], need["actual"], need["needed"]) for need in paris["needs"] if need["found"] == "value"
    ] == [("stock", 1, 2)]
    assert paris["words"][1:4] == [
        "1 × SKU-1: kept there for 1 other order that was planned together with this one.",
        "Had that been free, this order would have left from there, for 4.00\N{NO-BREAK SPACE}EUR less.",
        "Told for this order alone: the plans of those it was planned together with are taken as they are.",
    ]


@pytest.mark.parametrize(
    ("language", "sentence", "why"),
    [
        (
            "en",
            "Planned again together with 2 other orders: saves 11.00\N{NO-BREAK SPACE}EUR in all. Place PARIS → Place LYON",
            "The work was taken away from Place PARIS: planned again together with other orders",
        ),
        (
            "fr",
            "Replanifiée avec 2 autres commandes\N{NO-BREAK SPACE}: économise 11,00\N{NO-BREAK SPACE}EUR en tout. Place PARIS → Place LYON",
            "Le travail a été retiré à Place PARIS\N{NO-BREAK SPACE}: replanifié avec d’autres commandes",
        ),
    ],
)
def test_the_timeline_says_why_in_words(api: Api, toy: Any, language: str, sentence: str, why: str) -> None:
    again(api)

    told = api.get(f"orders/{toy[0]['number']}/timeline/").json["results"]

    by_type = {event["type"]: event["payload"] for event in told}
    with translation.override(language):
        assert say("orders.order.reoptimised", by_type["orders.order.reoptimised"], place="") == sentence
        assert say("orders.fulfillment.canceled", by_type["orders.fulfillment.canceled"], place="Place PARIS") == why


def test_the_clock_does_it_every_few_minutes(api: Api, toy: Any, invariants_hold: Any) -> None:
    reoptimise()
    reoptimise()

    assert cost(api, toy) == 28
    assert [row.actor for row in Reoptimisation.objects.all()] == [CLOCK]
    invariants_hold()


def test_who_waits_beyond_what_one_run_looks_at_is_counted(api: Api, toy: Any, settings: Any) -> None:
    settings.REOPTIMISED_FULFILLMENTS = 1

    told = again(api)

    assert (told["considered"], told["left"]) == (1, 2)


def test_nobody_comes_later_than_promised(api: Api, invariants_hold: Any) -> None:
    """From LYON it takes two days more, so the first order, promised for the next, cannot go there."""
    make_shop(days=(1, 1, 3))
    orders = [buy(api, code) for code in TOY]
    promised = [order["promised_at"] for order in orders]

    again(api)

    assert (where(api, orders), cost(api, orders)) == ([["LILLE"], ["PARIS"], ["LYON"]], 5 + 7 + 18)
    shown = [api.order(order["number"]) for order in orders]
    assert [order["promised_at"] for order in shown] == promised
    assert all(order["expected_at"] <= order["promised_at"] for order in shown)
    invariants_hold()


def test_who_is_expected_late_already_gets_no_later_but_may_come_sooner(api: Api, invariants_hold: Any) -> None:
    """The third comes from LYON, two days later than from elsewhere, and was promised a date that is over."""
    make_shop(days=(1, 1, 3))
    orders = [buy(api, code) for code in TOY]
    earlier = datetime.fromisoformat(orders[2]["promised_at"]).replace(year=2020)
    Fulfillment.objects.filter(order_id=orders[2]["id"]).update(promised_at=earlier)

    again(api)

    assert where(api, orders) == [["LILLE"], ["PARIS"], ["LYON"]]
    (late,) = live(api, orders[2])
    assert datetime.fromisoformat(late["promised_at"]) == earlier
    set_stock("SKU-1", "PARIS", 3)
    again(api)
    assert where(api, orders)[2] == ["PARIS"]
    assert api.order(orders[2]["number"])["expected_at"] < orders[2]["expected_at"]
    invariants_hold()


def _hold(api: Api, order: dict[str, Any]) -> None:
    assert api.post(f"orders/{order['number']}/hold/", {"kind": "address"}).status == 200


def _doubt(api: Api, order: dict[str, Any]) -> None:
    Payment.objects.filter(order_id=order["id"]).update(status="unknown")


def _release(api: Api, order: dict[str, Any]) -> None:
    Fulfillment.objects.filter(order_id=order["id"]).update(release_at=now())
    Deadline.objects.filter(kind="orders.release", subject=order["fulfillments"][0]["id"]).update(retry_at=now())
    pass_time()


def _exhaust(api: Api, order: dict[str, Any]) -> None:
    Fulfillment.objects.filter(order_id=order["id"]).update(attempt=99)


@pytest.mark.parametrize("touch", [_hold, _doubt, _release, _exhaust])
def test_what_is_not_free_to_change_stays(api: Api, toy: Any, touch: Any, invariants_hold: Any) -> None:
    touch(api, toy[0])

    told = again(api)

    assert told["considered"] == 2
    assert where(api, toy) == [["PARIS"], ["LYON"], ["LILLE"]]  # 20 + 15 instead of 19 + 18
    invariants_hold()


def test_a_chosen_pickup_place_is_left_alone(api: Api, invariants_hold: Any) -> None:
    make_shop()
    Channel.objects.update(grace_minutes={"ship": 30, "pickup": 30})
    cache.clear_all()
    collected = api.post("orders/", pickup_body(location="PARIS")).json
    sent = [buy(api, "75002"), buy(api, "75003")]

    told = again(api)

    assert told["considered"] == 2
    assert where(api, [collected]) == [["PARIS"]]
    assert {place for places in where(api, sent) for place in places} == {"LILLE", "LYON"}
    invariants_hold()


def test_a_place_that_lost_a_line_does_not_get_it_back(api: Api, toy: Any, invariants_hold: Any) -> None:
    line = Order.objects.get(pk=toy[0]["id"]).lines.get()
    Exclusion.objects.create(order_line=line, location_id="LYON", reason="rerouted", created_at=now())

    again(api)

    assert (where(api, toy), cost(api, toy)) == ([["LILLE"], ["PARIS"], ["LYON"]], 30)
    invariants_hold()


def test_an_order_in_two_parcels_is_finished_in_one(api: Api, invariants_hold: Any) -> None:
    """At placement no place had both; now one has, and what stays where it is stays as it is."""
    make_shop(0)
    make_product("SKU-2", weight_g=400)
    set_stocks({("SKU-1", "PARIS"): 1, ("SKU-2", "LILLE"): 1})
    order = buy(api, "75001", ("SKU-1", 1), ("SKU-2", 1))
    paris, lille = sorted(live(api, order), key=lambda work: work["location"], reverse=True)
    assert cost(api, [order]) == 7
    set_stock("SKU-2", "PARIS", 1)

    (swap,) = again(api)["swaps"]

    (change,) = swap["changes"]
    assert (change["before"], change["after"], swap["saved"]) == (["LILLE", "PARIS"], ["PARIS"], "5.00")
    (work,) = live(api, order)
    assert (work["location"], work["cost"], len(work["lines"])) == ("PARIS", "2.00", 2)
    assert work["replaces"] in (paris["id"], lille["id"])
    assert (reserved("SKU-1", "PARIS"), reserved("SKU-2", "PARIS"), reserved("SKU-2", "LILLE")) == (1, 1, 0)
    invariants_hold()


def test_work_that_stays_as_it_is_goes_on(api: Api, invariants_hold: Any) -> None:
    """One of two parcels changes its place; the other keeps its fulfillment."""
    make_shop(0)
    make_product("SKU-2", weight_g=400)
    set_stocks({("SKU-1", "PARIS"): 1, ("SKU-2", "LYON"): 1})
    order = buy(api, "75001", ("SKU-1", 1), ("SKU-2", 1))
    before = {work["location"]: work["id"] for work in live(api, order)}
    set_stock("SKU-2", "LILLE", 1)

    again(api)

    after = {work["location"]: work["id"] for work in live(api, order)}
    assert set(after) == {"PARIS", "LILLE"}
    assert after["PARIS"] == before["PARIS"]
    assert api.get(f"fulfillments/{after['LILLE']}/").json["replaces"] == before["LYON"]
    invariants_hold()


def test_what_the_clock_cut_short_at_placement_is_finished(api: Api, settings: Any, invariants_hold: Any) -> None:
    """Without any time the plan is what a greedy hand finds: here PARIS for two, and two parcels more."""
    make_shop(0, prices={"75001": (2, 5, 6)})
    for sku in ("SKU-2", "SKU-3", "SKU-4"):
        make_product(sku, weight_g=400)
    lines = [("SKU-1", 1), ("SKU-2", 1), ("SKU-3", 1), ("SKU-4", 1)]
    set_stocks({("SKU-1", "PARIS"): 1, ("SKU-2", "LILLE"): 1, ("SKU-3", "LILLE"): 1, ("SKU-4", "LYON"): 1})
    set_stocks({("SKU-1", "LYON"): 1, ("SKU-2", "LYON"): 1, ("SKU-3", "LYON"): 1})
    settings.PLANNING_BUDGET_MS = 0
    order = buy(api, "75001", *lines)

    again(api)

    assert (where(api, [order]), cost(api, [order])) == ([["LYON"]], 6)
    assert Decision.objects.get(pk=live(api, order)[0]["decision"]).optimal
    invariants_hold()


def test_the_days_of_the_places_move_with_the_work(api: Api, invariants_hold: Any) -> None:
    """Stock for all in PARIS, which can prepare one parcel: the one that gains most from it gets it."""
    make_shop(3)
    assert api.call("PATCH", "locations/PARIS/", {"daily_capacity": 1}).status == 200
    orders = [buy(api, code) for code in TOY]
    assert where(api, orders) == [["PARIS"], ["LILLE"], ["LILLE"]]

    again(api)

    assert where(api, orders) == [["LILLE"], ["PARIS"], ["LILLE"]]
    assert list(CapacityDay.objects.values_list("location_id", "booked")) == [("PARIS", 1)]
    invariants_hold()


def test_a_unit_that_is_kept_from_one_channel_is_not_taken_for_it(api: Api, invariants_hold: Any) -> None:
    """Two channels are shown different numbers: PARIS keeps its last unit from the application's shoppers."""
    make_shop()
    make_channel("app", grace_minutes={"ship": 30})
    make_exposure_rule(name="Web first", channel_id="app", locations=["PARIS"], keep_units=1)
    orders = [buy(api, "75001"), buy(api, "75002", channel="app"), buy(api, "75003")]
    assert where(api, orders) == [["PARIS"], ["LILLE"], ["LYON"]]

    told = again(api)

    assert told["outrun"] == 0
    assert (where(api, orders)[2], cost(api, orders)) == (["PARIS"], 8 + 19 + 6)  # as much as 8 + 20 + 5
    invariants_hold()


def test_what_a_place_owes_is_not_taken_anew(api: Api, toy: Any, invariants_hold: Any) -> None:
    """Since the orders were placed PARIS keeps a unit back: who has its only one may keep it, nobody else gets it."""
    make_exposure_rule(name="Keep", locations=["PARIS"], keep_units=1)

    told = again(api)

    assert told["outrun"] == 0
    assert where(api, toy) == [["PARIS"], ["LYON"], ["LILLE"]]
    invariants_hold()


# ---- refusals --------------------------------------------------------------------------------------


def _state() -> tuple[Any, ...]:
    return (
        list(Fulfillment.objects.order_by("pk").values_list("pk", "status", "version")),
        list(StockLevel.objects.order_by("pk").values_list("reserved", flat=True)),
        Event.objects.count(),
        Decision.objects.count(),
    )


def _refused(toy: list[dict[str, Any]], answer: Answer, status: int, code: str, before: Any) -> None:
    assert (answer.status, answer.json["code"]) == (status, code)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert _state() == before


def test_only_those_who_route_for_all_may_ask_for_it(api: Api, toy: Any) -> None:
    before = _state()
    bound = {"scopes": ("routing:write",)}
    place, channel = make_key("store", **bound, locations=["PARIS"]), make_key("web", **bound, channel="web")

    _refused(
        toy, Api(make_key("shop", scopes=("orders:write",))).post("orders/reoptimise/"), 403, "missing_scope", before
    )
    _refused(toy, Api(place).post("orders/reoptimise/"), 403, "place_not_allowed", before)
    _refused(toy, Api(channel).post("orders/reoptimise/"), 403, "channel_not_allowed", before)
    _refused(toy, api.post("orders/reoptimise/", {"orders": [1]}), 422, "invalid", before)


def test_nothing_waits_and_nothing_is_done(api: Api) -> None:
    assert again(api) == {"considered": 0, **NOTHING_MORE}


# ---- random batches --------------------------------------------------------------------------------

MONDAY = "2026-11-23 11:00+00:00"
CODES = tuple(PLACES)


@dataclass
class Random:
    """Up to six orders of one or two products in three places, placed one after the other."""

    api: Api
    seed: int
    orders: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        dice = random.Random(self.seed)
        self.prices = {f"7500{n}": tuple(dice.randint(1, 20) for _ in CODES) for n in range(6)}
        self.days = dict(zip(CODES, dice.choice([(1, 1, 1), (1, 2, 3), (3, 1, 2)]), strict=True))
        self.capacity = {code: dice.choice([None, None, 2, 3]) for code in CODES}
        self.stock = {(sku, code): dice.choice([1, 1, 2, 3]) for sku in ("SKU-1", "SKU-2") for code in CODES}
        make_shop(0, prices=self.prices, days=tuple(self.days.values()))
        make_product("SKU-2", weight_g=300)
        set_stocks(self.stock)
        for code, limit in self.capacity.items():
            self.api.call("PATCH", f"locations/{code}/", {"daily_capacity": limit})
        for code in self.prices:
            skus = dice.choice([["SKU-1"], ["SKU-1"], ["SKU-2"], ["SKU-1", "SKU-2"]])
            lines = [(sku, dice.choice([1, 1, 1, 2])) for sku in skus]
            body = order_body(*lines, shipping_address={**ADDRESS, "postal_code": code}, customer={"email": "a@b.org"})
            answer = self.api.post("orders/", body)
            if answer.status == 201 and live(self.api, answer.json):
                self.orders.append(answer.json)

    def way_of(self, order: dict[str, Any]) -> Way:
        return Counter(
            {
                (line["sku"], work["location"]): line["quantity"]
                for work in live(self.api, order)
                for line in work["lines"]
            }
        )

    def cost_of(self, order: dict[str, Any], way: Way) -> int:
        prices = dict(zip(CODES, self.prices[order["shipping_address"]["postal_code"]], strict=True))
        return sum(prices[code] for code in {code for (_sku, code), units in way.items() if units})

    def cheapest(self) -> int:
        """By trying every way to serve what each of the orders has, none of whose lines comes later than it was to."""
        standing = [self.way_of(order) for order in self.orders]
        choices = [list(self._ways(order, way)) for order, way in zip(self.orders, standing, strict=True)]
        room = {code: limit for code, limit in self.capacity.items() if limit is not None}
        return self._best(choices, Counter(self.stock), room)

    def _ways(self, order: dict[str, Any], standing: Way) -> Iterator[tuple[int, Way]]:
        latest = {
            sku: min(self.days[code] for (held, code), units in standing.items() if held == sku and units)
            for sku in {sku for sku, _code in standing}
        }
        if any(self.days[code] > latest[sku] for sku, code in standing):  # one line in two parcels of different days
            yield self.cost_of(order, standing), standing
            return
        wanted = Counter(sku for sku, _code in standing.elements())
        splits = [self._splits(sku, units, latest[sku]) for sku, units in sorted(wanted.items())]
        for parts in itertools.product(*splits):
            way = Counter({key: units for part in parts for key, units in part.items() if units})
            yield self.cost_of(order, way), way

    def _splits(self, sku: str, quantity: int, latest: int) -> list[Way]:
        places = [code for code in CODES if self.days[code] <= latest]
        return [
            Counter(dict(zip(((sku, code) for code in places), parts, strict=True)))
            for parts in itertools.product(range(quantity + 1), repeat=len(places))
            if sum(parts) == quantity
        ]

    def _best(self, choices: list[list[tuple[int, Way]]], free: Way, room: dict[str, int]) -> int:
        if not choices:
            return 0
        best = 10**6
        for price, way in choices[0]:
            places = {code for _sku, code in way}
            if any(units > free[key] for key, units in way.items()) or any(room.get(code, 1) < 1 for code in places):
                continue
            left = Counter(free)
            left.subtract(way)
            still = {code: limit - (code in places) for code, limit in room.items()}
            best = min(best, price + self._best(choices[1:], left, still))
        return best


@pytest.mark.parametrize("seed", [0, 1, 4, 7, 13, 20, 21, 26, 28, 35])
def test_small_batches_end_at_the_joint_optimum_and_keep_every_promise(
    api: Api, seed: int, invariants_hold: Any
) -> None:
    assert_best(api, seed, invariants_hold)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 200))
def test_so_do_a_hundred_more(api: Api, seed: int, invariants_hold: Any) -> None:
    assert_best(api, seed, invariants_hold)


def assert_best(api: Api, seed: int, invariants_hold: Any) -> None:
    with time_machine.travel(MONDAY):
        case = Random(api, seed)
        before = cost(api, case.orders)
        promised = dict(Order.objects.values_list("number", "promised_at"))
        dates = _dates_by_line(case.orders)
        best = case.cheapest()

        told = again(api)

        assert told["outrun"] == 0
        assert sum(Decimal(swap["saved"]) for swap in told["swaps"]) == before - best
        assert cost(api, case.orders) == best <= before
        assert dict(Order.objects.values_list("number", "promised_at")) == promised
        assert all(units <= dates[line] for line, units in _dates_by_line(case.orders).items())
        assert all(o.expected_at <= o.promised_at for o in Order.objects.exclude(expected_at=None))
        invariants_hold()
        assert again(api)["swaps"] == []


def _dates_by_line(orders: list[dict[str, Any]]) -> dict[str, datetime]:
    """The latest date on which units of a line are expected."""
    rows = Fulfillment.objects.filter(order__in=[order["id"] for order in orders]).exclude(status="canceled")
    latest: dict[str, datetime] = {}
    for line, at in rows.values_list("lines__order_line", "expected_at"):
        latest[line] = max(at, latest.get(line, at))
    return latest


# ---- statements ------------------------------------------------------------------------------------


def _statements(api: Api) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert len(again(api)["swaps"]) == 1
    return len(captured)


def test_it_costs_the_same_among_three_places_and_two_hundred(api: Api, settings: Any) -> None:
    settings.VERSIONED_CACHE_SECONDS = settings.KEY_CACHE_SECONDS = 3600
    make_shop()
    [buy(api, code) for code in TOY]
    among_three = _statements(api)
    codes = [f"S-{n:03}" for n in range(200)]
    make_locations(*codes, **LYON)
    set_stocks({("SKU-1", code): 1 for code in (*PLACES, *codes)})
    Fulfillment.objects.all().update(status="canceled")
    StockLevel.objects.update(reserved=0)
    cache.clear_all()
    [buy(api, code) for code in TOY]

    assert _statements(api) == among_three
