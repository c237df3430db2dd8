"""How Orvane trades: channels, carriers and their rates, what places owe, and the rules that choose places."""

import copy
from collections.abc import Mapping, Sequence
from datetime import datetime, time
from decimal import Decimal
from typing import Any

from inventory.models import ExposureRule
from inventory.services.exposure_rules import ExposureRow, create_exposure_rule
from oms.cache import bump
from oms.channels import save_channel
from oms.demo import ACTOR
from oms.models import Channel
from oms.transactions import use_case
from routing import queries
from routing.models import CarrierService, RuleSet, ServiceLevel
from routing.services.carriers import Price, ZoneRow, change_carrier_service, create_carrier_service
from routing.services.rule_sets import create_draft, publish_rule_set
from routing.states import RuleSetStatus

WEB, MARKETPLACE, STORE = "web", "marketplace", "store"

CHANNELS = (
    Channel(code=WEB, name="orvane.example", currency="EUR", payment_hold_minutes=30),
    Channel(
        code=MARKETPLACE,
        name="Place des Marques",
        currency="EUR",
        on_payment_failure="cancel",
        grace_minutes={"ship": 10},  # until then its orders may be planned again together
    ),
    Channel(code=STORE, name="Orvane stores", currency="EUR", authorizes_late=True),
)


@use_case
def save_channels() -> None:
    for channel in CHANNELS:
        save_channel(channel)


# ---- carriers --------------------------------------------------------------------------------------

# Invented carriers.


def _zone(
    code: str, countries: Sequence[str], max_distance_km: float | None, transit_days: int, prices: Mapping[int, str]
) -> ZoneRow:
    """`transit_days`: working days. `prices` by weight in grams."""
    rates = [Price(Decimal(price), grams) for grams, price in prices.items()]
    return ZoneRow(code, transit_days, rates, countries=countries, max_distance_km=max_distance_km)


_NEAR = _zone("near", ["FR"], 80, 1, {1000: "3.90", 5000: "5.20", 15000: "8.90", 30000: "14.50"})
_MAINLAND = _zone("mainland", ["FR"], 1300, 2, {1000: "4.90", 5000: "6.90", 15000: "11.90", 30000: "18.90"})
_OVERSEAS = _zone("overseas", ["FR"], None, 8, {1000: "14.50", 5000: "29.00", 15000: "74.00", 30000: "139.00"})
_BENELUX = _zone("benelux", ["BE", "LU"], None, 3, {1000: "7.90", 5000: "10.50", 15000: "16.90", 30000: "26.00"})
_BULKY = _zone("mainland", ["FR"], 1300, 4, {30000: "24.00", 70000: "39.00"})
_EXPRESS = _zone("mainland", ["FR"], 1300, 1, {1000: "9.90", 5000: "13.90", 15000: "21.90", 30000: "34.00"})
_EXPRESS_NEAR = _zone("near", ["FR", "BE", "LU"], 120, 1, {1000: "7.90", 5000: "10.90", 15000: "16.90"})
_COURIER = _zone("city", ["FR"], 25, 0, {5000: "8.50", 15000: "12.50"})

CARRIERS: Sequence[tuple[Mapping[str, Any], Sequence[ZoneRow]]] = (
    (
        {
            "code": "colivia-home",
            "carrier": "Colivia",
            "name": "Domicile",
            "service": "standard",
            "max_weight_g": 30000,
            "cut_off": time(18),
        },
        (_NEAR, _MAINLAND, _OVERSEAS, _BENELUX),
    ),
    (
        {
            "code": "portelo-bulky",
            "carrier": "Portelo",
            "name": "Volumineux",
            "service": "standard",
            "max_weight_g": 70000,
        },
        (_BULKY,),
    ),
    (
        {
            "code": "colivia-express",
            "carrier": "Colivia",
            "name": "Express 24 h",
            "service": "express",
            "max_weight_g": 30000,
            "cut_off": time(19),
        },
        (_EXPRESS_NEAR, _EXPRESS),
    ),
    (
        {
            "code": "velox-courier",
            "carrier": "Vélox",
            "name": "Coursier",
            "service": "same_day",
            "max_weight_g": 15000,
        },
        (_COURIER,),
    ),
)


@use_case
def save_carriers() -> None:
    """Replaces those of the same code: a load may be the second attempt."""
    bump(queries.RATES)
    known = CarrierService.objects.in_bulk()
    for values, zones in CARRIERS:
        if values["code"] in known:
            change_carrier_service(known[values["code"]], values, zones=zones)
        else:
            create_carrier_service(values, zones=zones)


# ---- what places owe -------------------------------------------------------------------------------

# Short, so that whoever watches the demo sees a sleeping store lose its work.
SERVICE_LEVELS: Sequence[Mapping[str, Any]] = (
    {"acknowledge_minutes": 5, "prepare_minutes": 60, "collect_hours": 96, "max_attempts": 3},
    {
        "kinds": ["store"],
        "acknowledge_minutes": 4,
        "prepare_minutes": 45,
        "hand_over_minutes": 90,
        "collect_hours": 96,
        "max_attempts": 3,
    },
    {"groups": ["hub"], "acknowledge_minutes": 3, "prepare_minutes": 20, "collect_hours": 72, "max_attempts": 3},
    {"kinds": ["warehouse"], "acknowledge_minutes": 5, "prepare_minutes": 120, "collect_hours": 96, "max_attempts": 3},
    {"kinds": ["supplier"], "acknowledge_minutes": 60, "prepare_minutes": 960, "collect_hours": 96, "max_attempts": 2},
    {
        "kinds": ["store"],
        "services": ["express", "same_day"],
        "acknowledge_minutes": 3,
        "prepare_minutes": 30,
        "max_attempts": 4,
    },
)


@use_case
def save_service_levels() -> None:
    """Replaces them all: the table is ours, and a load may be the second attempt."""
    bump(queries.SERVICE_LEVELS)
    ServiceLevel.objects.all().delete()
    for values in SERVICE_LEVELS:
        ServiceLevel.objects.create(**values)


# ---- rules -----------------------------------------------------------------------------------------


def _step(
    name: str, *, rest: str = "next", weights: Mapping[str, float] | None = None, **values: Any
) -> dict[str, Any]:
    limits: dict[str, Any] = {key: values.pop(key) for key in ("max_parcels", "complete", "offer_to") if key in values}
    return {"name": name, "from": values, "weights": weights or {"cost": 1}, "rest": rest, **limits}


# What is missing waits for deliveries, where the shopper agrees; else the order is refused.
_ANYWHERE = _step("any places, three parcels at most", max_parcels=3, rest="backorder")

DEFAULT_RULES: Mapping[str, Any] = {
    "name": "default",
    "channels": [],
    "rules": [
        {
            "name": "pickup where the shopper chose",
            "when": {"methods": ["pickup"]},
            "steps": [_step("the chosen store", rest="refuse")],
        },
        {
            "name": "same day from the city",
            "when": {"services": ["same_day"]},
            "steps": [
                _step("the hub of the city", groups=["hub"], max_distance_km=25, max_parcels=1, complete=True),
                _step(
                    "a store that is open",
                    kinds=["store"],
                    open_now=True,
                    max_distance_km=25,
                    max_parcels=1,
                    complete=True,
                    offer_to=3,
                ),
                _step("two places of the city", max_distance_km=25, max_parcels=2, rest="refuse"),
            ],
        },
        {
            "name": "express",
            "when": {"services": ["express"]},
            "steps": [
                _step(
                    "a hub or a warehouse near",
                    groups=["hub", "central"],
                    max_distance_km=300,
                    max_parcels=1,
                    complete=True,
                ),
                _step(
                    "one place that is open",
                    open_now=True,
                    max_parcels=1,
                    complete=True,
                    weights={"cost": 1, "lateness_days": 4},
                ),
                _ANYWHERE,
            ],
        },
        {
            "name": "overseas from the island first",
            "when": {"countries": ["FR"], "postal_prefixes": ["97"]},
            "steps": [
                _step(
                    "the store of the island", groups=["overseas"], max_distance_km=250, max_parcels=1, complete=True
                ),
                _step("one warehouse", kinds=["warehouse"], max_parcels=1, complete=True),
                _ANYWHERE,
            ],
        },
        {
            "name": "heavy and bulky goods from suppliers and warehouses",
            "when": {"tags": ["bulky", "heavy"]},
            "steps": [
                _step("suppliers and warehouses", kinds=["supplier", "warehouse"], max_parcels=2, complete=True),
                _ANYWHERE,
            ],
        },
        {
            "name": "end of collection from the outlets",
            "when": {"tags": ["outlet"]},
            "steps": [
                _step(
                    "one outlet",
                    groups=["outlet"],
                    max_parcels=1,
                    complete=True,
                    weights={"cost": 1, "markdown": 0.3},
                ),
                _ANYWHERE,
            ],
        },
        {
            "name": "loyal customers rather in time than cheaply",
            "when": {"methods": ["ship"], "customer_tags": ["loyal"]},
            "steps": [
                _step("one place in time", max_parcels=1, complete=True, weights={"cost": 1, "lateness_days": 2}),
                _ANYWHERE,
            ],
        },
        {
            "name": "home delivery",
            "when": {"methods": ["ship"]},
            "steps": [
                _step(
                    "one store near that can spare it",
                    kinds=["store"],
                    exclude_groups=["outlet", "overseas"],
                    max_distance_km=60,
                    min_left_after=1,
                    max_parcels=1,
                    complete=True,
                    offer_to=3,
                    weights={"cost": 1, "distance_km": 0.02, "workload": 4, "refusal": 3},
                ),
                _step("any single place", max_parcels=1, complete=True, weights={"cost": 1, "lateness_days": 0.5}),
                _ANYWHERE,
            ],
        },
    ],
}

MARKETPLACE_RULES: Mapping[str, Any] = {
    "name": "marketplace",
    "channels": [MARKETPLACE],
    "rules": [
        {
            "name": "marketplace from warehouses",
            "steps": [
                _step("one warehouse", kinds=["warehouse"], max_parcels=1, complete=True),
                _step("warehouses and suppliers", kinds=["warehouse", "supplier"], max_parcels=2, complete=True),
                _step("stores that have plenty", kinds=["store"], min_left_after=2, max_parcels=2, complete=True),
                _step("any places", max_parcels=3, rest="refuse"),
            ],
        }
    ],
}

WEB_RULES: Mapping[str, Any] = {**DEFAULT_RULES, "name": "web", "channels": [WEB]}


def _rules_to_try() -> dict[str, Any]:
    """The web's rules as somebody would have them next: stores from further away, small parcels from the corner."""
    document = copy.deepcopy(dict(WEB_RULES))
    rules = {rule["name"]: rule for rule in document["rules"]}
    near = rules["home delivery"]["steps"][0]
    near["from"]["max_distance_km"] = 120
    near["weights"] = {**near["weights"], "distance_km": 0.01, "workload": 6}
    light = {
        "name": "small parcels from the corner",
        "when": {"methods": ["ship"], "services": ["standard"], "max_weight_g": 500, "max_units": 2},
        "steps": [
            _step("a store of the neighbourhood", kinds=["store"], max_distance_km=15, max_parcels=1, complete=True),
            _step("any single place", max_parcels=1, complete=True),
            _ANYWHERE,
        ],
    }
    document["rules"].insert(document["rules"].index(rules["home delivery"]), light)
    return document


def publish_rules(*, as_of: datetime) -> None:
    """One rule set for all, one of its own for each channel that sells, and a draft to try out; those there are stay."""
    for document in (DEFAULT_RULES, WEB_RULES, MARKETPLACE_RULES):
        if not RuleSet.objects.filter(name=document["name"], status=RuleSetStatus.PUBLISHED).exists():
            publish_rule_set(rule_set_id=create_draft(document=document).pk, actor=ACTOR, as_of=as_of)
    if not RuleSet.objects.filter(name=WEB_RULES["name"], status=RuleSetStatus.DRAFT).exists():
        create_draft(document=_rules_to_try())


# ---- who sees how much stock -----------------------------------------------------------------------

EXPOSURE = (
    ExposureRow(name="Marketplaces do not get the last ones", channel=MARKETPLACE, keep_units=2),
    ExposureRow(name="Shop windows stay dressed", order_type="ship", groups=["flagship"], keep_share=Decimal("0.1")),
    ExposureRow(name="Outlets sell over the counter", channel=MARKETPLACE, groups=["outlet"], hidden=True),
    ExposureRow(name="Careful where counts were wrong", below_confidence=0.6, keep_units=2),
)


def save_exposure_rules(*, as_of: datetime) -> None:
    """Those that are not there yet: a load that goes on makes none twice."""
    known = set(ExposureRule.objects.values_list("name", flat=True))
    for row in EXPOSURE:
        if row.name not in known:
            create_exposure_rule(row, actor=ACTOR, as_of=as_of)
