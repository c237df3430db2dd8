"""A day of trade lived over HTTP, then replayed: the live rules choose what they chose, others tell what would change."""

import random
import sys
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction

from inventory.models import Location
from oms.clock import now
from orders.services.demand_history import tell_demands
from routing.models import CarrierService, DemandFact, Rate, Simulation, Zone
from routing.services.rule_sets import create_draft, publish_rule_set
from routing.services.simulation_work import work_on_simulations
from tests.factories.inventory import make_locations, make_products, set_stocks
from tests.factories.orders import ADDRESS, make_channel, make_network, make_rates, order_body, pickup_body
from tests.flows.conftest import Api, pass_time, relay

SKUS = tuple(f"SKU-{n}" for n in range(1, 7))
ORDERS = 150
LIVE = {
    "name": "live",
    "rules": [{"steps": [{"weights": {"cost": 1, "parcels": 0.5, "workload": 3}, "rest": "exception"}]}],
}
NEAREST = {"name": "nearest", "rules": [{"steps": [{"weights": {"distance_km": 1}, "rest": "exception"}]}]}


class Trade:
    """Orders from all over the country, and what else happens to stock meanwhile, by chance of a fixed seed."""

    def __init__(self, api: Api, seed: int):
        self.api = api
        self.draw = random.Random(seed)
        self.answers: Counter[int] = Counter()
        self.acts: Counter[str] = Counter()
        self.open: list[tuple[str, dict[str, Any]]] = []

    def build(self) -> None:
        make_channel(grace_minutes={"ship": 0})
        make_rates()
        with transaction.atomic():
            express = CarrierService.objects.create(code="fast", carrier="Fast", name="Fast", service="express")
            Rate.objects.create(
                zone=Zone.objects.create(carrier_service=express, code="all", transit_days=1),
                max_weight_g=30_000,
                price=9,
            )
        make_products(*SKUS, weight_g=700)
        for n in range(15):
            where = {"latitude": self.draw.uniform(43, 50.5), "longitude": self.draw.uniform(-1, 7)}
            make_locations(f"S{n:02}", handling_cost=self.draw.choice((0, 1, 2)), **where)
        Location.objects.filter(code__in=["S01", "S04", "S07"]).update(daily_capacity=20)
        places = list(Location.objects.values_list("code", flat=True))
        set_stocks({(sku, code): self.draw.randint(0, 18) for sku in SKUS for code in places})

    def live(self) -> None:
        for _ in range(ORDERS):
            self.place()
            if self.draw.random() < 0.35:
                getattr(self, self.draw.choice(("sell", "deliver", "ship", "ship", "cancel", "decline")))()
            relay()

    def place(self) -> None:
        lines = [(sku, self.draw.randint(1, 2)) for sku in self.draw.sample(SKUS, self.draw.randint(1, 4))]
        if self.draw.random() < 0.1:
            body = pickup_body(*lines[:1], location=self.draw.choice(("S00", "S01", "S02")))
        else:
            where = {"latitude": self.draw.uniform(43, 50.5), "longitude": self.draw.uniform(-1, 7)}
            service = self.draw.choice(("standard", "standard", "express"))
            body = order_body(
                *lines, shipping_address={**ADDRESS, **where}, delivery={"method": "ship", "service": service}
            )
        answer = self.api.post("orders/", body)
        self.answers[answer.status] += 1
        if answer.status == 201:
            self.open += [(answer.json["number"], work) for work in answer.json["fulfillments"]]

    def sell(self) -> None:
        self.tell(-1)

    def deliver(self) -> None:
        self.tell(self.draw.randint(3, 8))

    def tell(self, quantity: int) -> None:
        event = {
            "id": f"e{self.acts.total()}",
            "sku": self.draw.choice(SKUS),
            "location": f"S{self.draw.randrange(15):02}",
            "kind": "delta",
            "quantity": quantity,
            "occurred_at": (now() - timedelta(seconds=self.draw.choice((0, 0, 60)))).isoformat(),
        }
        assert self.api.post("stock/events/", {"events": [event]}).status < 300
        self.acts["stock"] += 1

    def any_open(self) -> tuple[str, dict[str, Any]]:
        return self.open.pop(self.draw.randrange(len(self.open)))

    def ship(self) -> None:
        _number, work = self.any_open()
        if work["method"] != "ship":
            return
        lines = [{"line": line["line"], "picked": line["quantity"]} for line in work["lines"]]
        for act, body in (("acknowledge", None), ("pick", {"lines": lines}), ("pack", None)):
            self.api.act(work["id"], act, body)
        done = self.api.act(work["id"], "ship", {"carrier_service": "post", "tracking_number": f"T{self.acts.total()}"})
        self.acts["shipped"] += done.status == 200

    def cancel(self) -> None:
        number, _work = self.any_open()
        done = self.api.post(f"orders/{number}/cancel/", {"reason": "changed_mind"})
        self.acts["canceled"] += done.status == 200

    def decline(self) -> None:
        _number, work = self.any_open()
        done = self.api.act(work["id"], "decline", {"reason": "too_busy"})
        self.acts["declined"] += done.status == 200


def simulate(api: Api, body: dict[str, Any]) -> dict[str, Any]:
    asked = api.post("simulations/", body)
    assert asked.status == 202, asked
    work_on_simulations(now=now, seconds=300)
    return api.get(f"simulations/{asked.json['id']}/").json


def test_replaying_the_live_rules_decides_what_was_decided(api: Api, invariants_hold: Any) -> None:
    trade = Trade(api, seed=5)
    trade.build()
    live = create_draft(document=LIVE)
    publish_rule_set(rule_set_id=live.pk, actor="test", as_of=now())
    draft = create_draft(document=NEAREST)
    begin = now()
    trade.live()
    end = now()
    tell_demands(as_of=now())
    period = {"placed_after": begin.isoformat(), "placed_before": end.isoformat()}

    done = simulate(api, {"rule_set": live.pk, **period})

    agreement = done["figures"]["agreement"]
    sys.stdout.write(f"\nreplayed as decided: {agreement}, answers {trade.answers}, meanwhile {trade.acts}\n")
    assert min(trade.acts[act] for act in ("stock", "shipped", "canceled", "declined")) >= 4
    assert agreement["known"] >= ORDERS * 0.6
    assert agreement["rate"] >= 0.99
    assert done["figures"]["comparison"]["changed"] == 0
    assert done["figures"]["baseline"] == done["figures"]["candidate"]

    other = simulate(api, {"rule_set": draft.pk, **period})

    figures = other["figures"]
    assert figures["agreement"] == agreement
    assert figures["comparison"]["changed"] > 20
    assert figures["candidate"]["distance_km_per_parcel"] < figures["baseline"]["distance_km_per_parcel"]
    assert {one["measure"] for one in other["differences"]} >= {"cost", "split", "distance", "refused"}
    changes = api.get(f"simulations/{other['id']}/changes/?page_size=500").json["results"]
    assert len(changes) == figures["comparison"]["changed"] == Simulation.objects.get(pk=other["id"]).changes_kept
    assert changes[0]["baseline"]["parcels"] != changes[0]["candidate"]["parcels"]
    invariants_hold()


def test_what_waited_for_a_delivery_waits_in_a_replay_too(api: Api, invariants_hold: Any) -> None:
    """Wholly or in part; it is told before or after the goods have come, and a step that refuses them tells that."""
    make_network(paris=3, lyon=0, lille=0)
    waits, refuses = (
        create_draft(document={"rules": [{"steps": [{"rest": rest}]}]}) for rest in ("backorder", "refuse")
    )
    publish_rule_set(rule_set_id=waits.pk, actor="test", as_of=now())
    lines = [{"sku": "SKU-1", "quantity": 5}]
    expected_at = (now() + timedelta(days=3)).isoformat()
    inbound = api.post("inbound/", {"location": "LILLE", "expected_at": expected_at, "lines": lines}).json["id"]
    begin = now()
    for units, may_wait in ((2, False), (3, True), (2, True)):
        body = order_body(("SKU-1", units), allow_backorder=may_wait)
        assert api.post("orders/", body).status == 201
    tell_demands(as_of=begin)  # nothing yet
    assert api.post(f"inbound/{inbound}/receive/", {}).status == 200
    relay()
    pass_time()
    assert api.post("orders/", order_body(("SKU-1", 1))).status == 201  # the one that nobody waited for
    end = now()
    tell_demands(as_of=end)
    period = {"placed_after": begin.isoformat(), "placed_before": end.isoformat()}

    figures = simulate(api, {"rule_set": refuses.pk, **period})["figures"]

    live, other = figures["baseline"], figures["candidate"]
    assert figures["agreement"] == {"known": 3, "same": 3, "rate": 1.0}  # of the third, nothing was decided at first
    assert [live[name] for name in ("served", "waiting", "left_to_people", "refused")] == [2, 2, 0, 0]
    assert (live["units"], live["units_not_served"]) == (4, 4)
    assert (other["waiting"], other["refused"]) == (0, 2)
    invariants_hold()


def test_what_was_cut_is_cut_in_a_replay_too(api: Api, invariants_hold: Any) -> None:
    """Wanted is what was asked for, so rules that serve less, or stock that is there, tell it."""
    make_network(paris=3, lyon=4, lille=0)
    wide, near = (
        create_draft(document={"rules": [{"steps": [{"from": from_, "rest": "refuse"}]}]})
        for from_ in ({}, {"locations": ["PARIS"]})
    )
    publish_rule_set(rule_set_id=wide.pk, actor="test", as_of=now())
    begin = now()
    for units, may_be_cut in ((5, True), (3, False), (4, True)):  # all, a refusal, the last two
        api.post("orders/", order_body(("SKU-1", units), allow_partial=may_be_cut))
    end = now()
    tell_demands(as_of=end)
    period = {"placed_after": begin.isoformat(), "placed_before": end.isoformat()}

    figures = simulate(api, {"rule_set": near.pk, **period})["figures"]

    live, other = figures["baseline"], figures["candidate"]
    assert figures["agreement"] == {"known": 2, "same": 2, "rate": 1.0}
    assert [live[name] for name in ("orders", "served", "cut", "refused")] == [2, 1, 1, 0]
    assert (live["units"], live["units_not_served"]) == (7, 2)
    assert [other[name] for name in ("orders", "served", "cut", "refused")] == [2, 0, 1, 1]
    assert (other["units"], other["units_not_served"]) == (3, 6)
    assert list(DemandFact.objects.order_by("at").values_list("value", flat=True)) == [
        Decimal("99.50"),
        Decimal("79.60"),
    ]
    invariants_hold()
