"""A decision told later, whatever has become of the world."""

from datetime import timedelta
from decimal import Decimal
from random import Random

import pytest
from django.db import transaction

from inventory.models import Location
from oms.cache import bump, clear_all
from routing import queries
from routing.api.documents import decision_document, plan_document
from routing.models import CapacityDay, CarrierService, Decision, Rate
from routing.services.decisions import record_decisions
from routing.services.sourcing import Line
from routing.snapshots import explanation, explanation_of
from tests.factories.inventory import make_location, make_products, set_stocks
from tests.routing.test_sourcing import MONDAY_NOON, ask, make_carrier

pytestmark = pytest.mark.django_db

CODES = [f"S{n}" for n in range(8)]
SKUS = ["SKU-1", "SKU-2", "SKU-3"]


def a_country(draw: Random) -> None:
    make_products(*SKUS, weight_g=400)
    make_carrier(max_distance_km=300)
    make_carrier("quick", prices=((800, "5.10"), (None, "7.30")), transit=1)
    for n, code in enumerate(CODES):
        make_location(
            code,
            latitude=43 + draw.random() * 7,
            longitude=draw.random() * 6,
            handling_cost=Decimal(draw.randint(0, 300)) / 100,
            daily_capacity=draw.choice((None, 1, 3)),
            kind="warehouse" if n == 0 else "store",
            preparation_minutes=60,
            accepting_orders=draw.random() < 0.9,
        )
        if draw.random() < 0.5:
            CapacityDay.objects.create(location_id=code, date=MONDAY_NOON.date(), booked=1)
    set_stocks({(sku, code): draw.randint(1, 4) for sku in SKUS for code in CODES if draw.random() < 0.7})


RULES = [
    {
        "name": "all",
        "steps": [
            {"name": "near", "from": {"max_distance_km": 250, "open_now": True}, "complete": True, "max_parcels": 1},
            {
                "name": "any",
                "from": {"before_cut_off": True},
                "weights": {"cost": 1, "distance_km": 0.01, "lateness_days": 0.5, "workload": 1, "scarcity": 1},
                "rest": "exception",
            },
        ],
    }
]


def another_world() -> None:
    Location.objects.update(handling_cost=9, latitude=0, longitude=0, accepting_orders=False, daily_capacity=0)
    Rate.objects.update(price=99)
    CarrierService.objects.update(is_active=False)
    CapacityDay.objects.all().delete()
    set_stocks({(sku, code): 0 for sku in SKUS for code in CODES})
    bump(queries.RATES)
    clear_all()


@pytest.mark.parametrize("seed", range(6))
def test_a_decision_is_told_the_same_when_stock_prices_and_places_have_changed(seed, in_use_case):
    draw = Random(seed)
    a_country(draw)
    lines = [Line(f"l{n}", sku, draw.randint(1, 3), weight_g=400) for n, sku in enumerate(SKUS)]
    planned = ask(*lines, rules=RULES)
    told_then = explanation_of(planned)
    with transaction.atomic():
        record_decisions([(planned, "100001")])

    another_world()

    assert explanation(Decision.objects.get()) == told_then


@pytest.mark.parametrize("seed", range(6))
def test_the_cost_of_a_split_plan_is_told_in_parts_that_add_up(seed, in_use_case):
    a_country(Random(seed))
    planned = ask(*[Line(f"l{n}", sku, 4, weight_g=400) for n, sku in enumerate(SKUS)], rules=RULES)
    with transaction.atomic():
        record_decisions([(planned, "100001")])
    another_world()
    kept = Decision.objects.get()

    told = decision_document(kept)["chosen"]

    assert len(told) > 1
    for place in told:
        assert {"shipping", "handling", "distance"} <= place["parts"].keys()
        assert sum(map(Decimal, place["parts"].values())) == Decimal(place["cost"])
    assert sum(Decimal(part) for place in told for part in place["parts"].values()) == kept.cost
    given = plan_document(planned, decision=None)["fulfillments"]
    assert [place["parts"] for place in given] == [place["parts"] for place in told]


def test_telling_a_decision_asks_nothing_of_the_database(in_use_case, django_assert_num_queries):
    a_country(Random(1))
    with transaction.atomic():
        record_decisions([(ask(), "100001")])
    decision = Decision.objects.get()

    with django_assert_num_queries(0):
        explanation(decision)


def test_a_decision_of_before_evidence_was_kept_is_still_told(in_use_case):
    decision = Decision(
        subject="100001",
        cost=4,
        lower_bound=4,
        optimal=True,
        elapsed_ms=1.0,
        created_at=MONDAY_NOON - timedelta(days=300),
        snapshot={
            "demand": {"destination": None, "lines": [["l1", "SKU-1", 1]], "as_of": "2025-05-06T11:00:00+00:00"},
            "rule": "all",
            "chosen": [["LYON", [["l1", "SKU-1", 1]], "4.00", "post"]],
            "rest": [],
            "parts": ["handling", "shipping"],
            "candidates": [["LYON", None, 391.2, [0.0, 4.0]], ["PARIS", "too_far", 2.1]],
            "counts": {"too_far": 1, "no_stock": 3},
            "steps": [["any place", "served", 1, 1, 4.0]],
            "notes": [],
        },
    )

    told = explanation(decision)

    assert [(c["location"], c["excluded_because"], c["score"]) for c in told["candidates"]] == [
        ("LYON", None, "4.00"),
        ("PARIS", "too_far", None),
    ]
    assert told["excluded_counts"] == {"too_far": 1, "no_stock": 3}
    assert [place["parts"] for place in told["chosen"]] == [None]


def test_a_plan_that_the_engine_would_not_make_again_says_so(in_use_case):
    a_country(Random(2))
    with transaction.atomic():
        record_decisions([(ask(), "100001")])
    decision = Decision.objects.get()
    decision.snapshot["chosen"][0][2] = "0.01"  # as decided by an engine that counted otherwise

    told = explanation(decision)

    assert told["notes"] == ["planned_otherwise"]
    assert [place["parts"] for place in told["chosen"]] == [None]
