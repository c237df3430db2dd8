"""Planning over real stock, rates, hours and capacity."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from inventory.models import StockLevel
from oms.cache import bump
from routing import queries
from routing.documents import parse
from routing.models import (
    CapacityDay,
    CarrierService,
    Decision,
    PostalArea,
    Rate,
    ScarcityPrice,
    ScarcityTable,
    ServiceLevel,
    Zone,
)
from routing.queries import ActiveRules
from routing.services.decisions import record_decisions
from routing.services.sourcing import Demand, Destination, Line, parcel_prices, plan
from routing.snapshots import explanation
from tests.factories.inventory import make_location, make_locations, make_product, make_products, set_stocks

pytestmark = pytest.mark.django_db

MONDAY_NOON = datetime(2026, 3, 2, 11, 0, tzinfo=UTC)  # 12:00 in Paris
IN_PARIS = Destination("FR", "75011", "Paris", 48.8594, 2.3787)


def ask(*lines: Line, as_of=MONDAY_NOON, rules=None, **more):
    values = {"channel": "web", "currency": "EUR", "destination": IN_PARIS, **more}
    chosen = ActiveRules(parse({"rules": rules}).as_engine()) if rules else None
    return plan(Demand(lines=lines or (Line("l1", "SKU-1", 1),), **values), as_of=as_of, rules=chosen)


def make_carrier(code="post", service="standard", prices=((500, "4.00"), (None, "9.00")), transit=2, **zone):
    carrier = CarrierService.objects.create(code=code, carrier="Post", name=code, service=service, currency="EUR")
    found = Zone.objects.create(carrier_service=carrier, code="all", transit_days=transit, **zone)
    for limit, price in prices:
        Rate.objects.create(zone=found, max_weight_g=limit, price=price)
    return carrier


def price_scarcity(sku, prices):
    times = {"computed_at": MONDAY_NOON, "valid_until": MONDAY_NOON + timedelta(hours=3)}
    ScarcityTable.objects.get_or_create(currency="EUR", defaults=times)
    ScarcityPrice.objects.bulk_create(
        ScarcityPrice(
            sku=sku,
            location=code,
            currency="EUR",
            price=price,
            units=1,
            expected=1,
            method="programme",
            **times,
        )
        for code, price in prices.items()
    )
    bump(queries.SCARCITY)


def places_of(planned):
    return {parcel.location: {line.key: line.quantity for line in parcel.lines} for parcel in planned.parcels}


@pytest.fixture
def two_places():
    make_product("SKU-1", weight_g=400)
    make_location("PARIS", latitude=48.85, longitude=2.35, preparation_minutes=60, handling_cost=Decimal("2.00"))
    make_location("LYON", latitude=45.76, longitude=4.83, preparation_minutes=60)
    set_stocks({("SKU-1", "PARIS"): 3, ("SKU-1", "LYON"): 3})


def test_the_cheapest_place_by_rate_and_handling_is_chosen(two_places):
    make_carrier()

    planned = ask(Line("l1", "SKU-1", 1, weight_g=400))

    assert places_of(planned) == {"LYON": {"l1": 1}}
    (parcel,) = planned.parcels
    assert (parcel.cost, parcel.carrier_service) == (Decimal("4"), "post")
    assert planned.outcome.optimal
    assert {c.location: c.score_micro for c in planned.outcome.candidates} == {"LYON": 4_000_000, "PARIS": 6_000_000}


def test_packaging_counts_per_parcel_and_handling_per_unit_too():
    make_product("SKU-1")
    make_location("BOXES", packaging_cost=Decimal("0.60"))
    make_location("HANDS", handling_cost_per_unit=Decimal("0.25"))
    make_location("DOLLARS", packaging_cost=Decimal("9.00"), currency="USD")
    set_stocks({("SKU-1", code): 3 for code in ("BOXES", "HANDS", "DOLLARS")})
    make_carrier(prices=((None, "1.00"),))
    rules = [{"steps": [{"from": {"locations": ["BOXES", "HANDS"]}}]}]

    two, three = ask(Line("l1", "SKU-1", 2), rules=rules), ask(Line("l1", "SKU-1", 3), rules=rules)
    anywhere = ask(Line("l1", "SKU-1", 3))

    assert places_of(two) == {"HANDS": {"l1": 2}}
    assert two.parcels[0].cost == Decimal("1.50")
    assert places_of(three) == {"BOXES": {"l1": 3}}
    assert three.outcome.parcels[0].parts == {"shipping": 1_000_000, "handling": 0, "packaging": 600_000}
    assert places_of(anywhere) == {"DOLLARS": {"l1": 3}}  # what is asked in another currency cannot be compared


def test_a_parcels_price_has_all_that_is_paid_for_it():
    make_location(
        "SHOP", handling_cost=Decimal(2), handling_cost_per_unit=Decimal("0.25"), packaging_cost=Decimal("0.40")
    )
    make_carrier(prices=((500, "4.00"), (None, "9.00")))
    demand = Demand(lines=(Line("l1", "SKU-1", 1),), channel="web", currency="EUR", destination=IN_PARIS)

    asked = parcel_prices(demand, ["SHOP"], [(1, 500), (3, 1500)], as_of=MONDAY_NOON)

    assert asked == {"SHOP": [6_650_000, 12_150_000]}  # 4 + 2 + 0.40 + 0.25, 9 + 2 + 0.40 + 3 × 0.25


def test_the_price_of_a_zone_holds_where_it_reaches(two_places):
    near = make_carrier("courier", prices=((None, "1.00"),), max_distance_km=20)
    Zone.objects.create(carrier_service=near, code="far", position=1, transit_days=3, countries=["FR"])
    Rate.objects.create(zone=near.zones.get(code="far"), price="8.00")

    planned = ask()

    assert places_of(planned) == {"PARIS": {"l1": 1}}
    assert planned.parcels[0].cost == Decimal("3")  # 1.00 + handling 2.00, against 8.00 from Lyon


def test_of_several_services_each_parcel_takes_the_cheapest_for_its_weight(two_places):
    make_carrier("light", prices=((500, "3.00"), (None, "20.00")))
    make_carrier("heavy", prices=((None, "7.00"),))

    light, heavy = ask(Line("l1", "SKU-1", 1, weight_g=400)), ask(Line("l1", "SKU-1", 3, weight_g=400))

    assert (light.parcels[0].carrier_service, light.parcels[0].cost) == ("light", Decimal("3"))
    assert (heavy.parcels[0].carrier_service, heavy.parcels[0].cost) == ("heavy", Decimal("7"))


def test_where_no_zone_reaches_nothing_can_be_sent(two_places):
    make_carrier(countries=["BE"])

    planned = ask()

    assert planned.parcels == ()
    assert {c.reason for c in planned.outcome.candidates} == {"no_rate"}
    assert [(r.sku, r.quantity, r.disposition) for r in planned.rest] == [("SKU-1", 1, "exception")]


def test_without_any_carrier_service_parcels_travel_free_and_it_is_noted(two_places):
    planned = ask()

    assert places_of(planned) == {"LYON": {"l1": 1}}
    assert planned.notes == ("no_carrier_service",)


def test_a_pickup_comes_only_from_the_chosen_place_and_costs_nothing(two_places):
    planned = ask(method="pickup", location="PARIS", destination=None)

    assert places_of(planned) == {"PARIS": {"l1": 1}}
    assert planned.parcels[0].cost == 0
    assert planned.promised_at == MONDAY_NOON + timedelta(hours=1)


def test_a_place_that_cannot_hand_over_is_no_pickup_place():
    make_product("SKU-1")
    make_location("W", kind="warehouse", abilities=["ship"])
    set_stocks({("SKU-1", "W"): 3})

    planned = ask(method="pickup", location="W", destination=None)

    assert planned.parcels == ()
    assert [(c.location, c.reason) for c in planned.outcome.candidates] == [("W", "ability")]


def test_an_excluded_place_never_gets_the_line_again(two_places):
    planned = ask(excluded={"l1": {"LYON"}})

    assert places_of(planned) == {"PARIS": {"l1": 1}}


def test_units_that_other_deliveries_count_on_are_gone(two_places):
    planned = ask(Line("l1", "SKU-1", 2), taken={("SKU-1", "LYON"): 2})

    assert places_of(planned) == {"PARIS": {"l1": 2}}


def test_a_place_that_takes_no_orders_is_left_out(two_places):
    make_location("LYON", latitude=45.76, longitude=4.83, accepting_orders=False)

    assert places_of(ask()) == {"PARIS": {"l1": 1}}


def test_a_full_day_is_left_out_unless_the_rule_ignores_capacity(two_places):
    make_location("LYON", latitude=45.76, longitude=4.83, preparation_minutes=60, daily_capacity=2)
    CapacityDay.objects.create(location_id="LYON", date=date(2026, 3, 2), booked=2)

    assert places_of(ask()) == {"PARIS": {"l1": 1}}
    forced = ask(rules=[{"steps": [{"from": {"ignore_capacity": True}}]}])
    assert places_of(forced) == {"LYON": {"l1": 1}}
    assert (forced.parcels[0].capacity_date, forced.parcels[0].ignores_capacity) == (date(2026, 3, 2), True)


def test_capacity_is_that_of_the_day_on_which_preparation_is_due(two_places):
    hours = {day: [["10:00", "19:00"]] for day in ("mon", "tue")}
    make_location("LYON", daily_capacity=2, opening_hours=hours, preparation_minutes=60, latitude=45.76, longitude=4.83)
    CapacityDay.objects.create(location_id="LYON", date=date(2026, 3, 2), booked=2)

    late = ask(as_of=datetime(2026, 3, 2, 17, 45, tzinfo=UTC))  # 18:45 in Lyon: due on Tuesday

    assert places_of(late) == {"LYON": {"l1": 1}}
    assert late.parcels[0].capacity_date == date(2026, 3, 3)


def test_workload_prefers_the_emptier_place(two_places):
    for code in ("LYON", "PARIS"):
        make_location(code, daily_capacity=10, preparation_minutes=60)
    CapacityDay.objects.create(location_id="LYON", date=date(2026, 3, 2), booked=5)

    assert places_of(ask(rules=[{"steps": [{"weights": {"workload": 1}}]}])) == {"PARIS": {"l1": 1}}


def test_lateness_prefers_the_place_that_keeps_the_wished_date(two_places):
    make_carrier(transit=1)
    make_location("LYON", preparation_minutes=3 * 24 * 60, latitude=45.76, longitude=4.83)
    wanted_by = datetime(2026, 3, 3, 22, 0, tzinfo=UTC)  # Tuesday evening

    by_date = ask(rules=[{"steps": [{"weights": {"lateness_days": 1}}]}], wanted_by=wanted_by)
    on_time_only = ask(rules=[{"steps": [{"from": {"on_time": True}}]}], wanted_by=wanted_by)

    assert places_of(by_date) == places_of(on_time_only) == {"PARIS": {"l1": 1}}
    assert by_date.outcome.cost == 0
    late = {c.location: c.reason for c in on_time_only.outcome.candidates}
    assert late == {"LYON": "late", "PARIS": None}


def test_the_date_is_promised_after_preparation_and_transit(two_places):
    make_carrier(transit=2)

    planned = ask()

    assert planned.promised_at == datetime(2026, 3, 4, 22, 59, tzinfo=UTC)  # Wednesday 23:59 in Paris


def test_service_levels_give_the_time_to_prepare(two_places):
    ServiceLevel.objects.create(acknowledge_minutes=30, prepare_minutes=90)
    ServiceLevel.objects.create(acknowledge_minutes=30, prepare_minutes=45, locations=["LYON"])

    assert ask().parcels[0].ready_by == MONDAY_NOON + timedelta(minutes=45)


def test_the_most_specific_service_level_wins_and_among_equals_the_newest(two_places):
    from inventory.queries import places

    for minutes, scope in [
        (1, {}), (2, {"methods": ["ship"]}), (3, {"kinds": ["store"]}), (4, {"groups": ["idf"]}),
        (5, {"locations": ["PARIS"], "services": ["express"]}), (6, {"locations": ["LYON"]}), (7, {"kinds": ["store"]}),
    ]:  # fmt: skip
        ServiceLevel.objects.create(acknowledge_minutes=minutes, **scope)
    make_location("BERCY", groups=["idf"], kind="store")
    make_location("DEPOT", kind="warehouse")

    def minutes_of(code, method="ship", service="standard"):
        return queries.policy_for(places()[code], method=method, service=service).acknowledge_minutes

    assert minutes_of("LYON") == 6
    assert minutes_of("PARIS") == 7
    assert minutes_of("PARIS", service="express") == 5
    assert minutes_of("BERCY") == 4
    assert minutes_of("DEPOT") == 2
    assert minutes_of("DEPOT", method="pickup") == 1


def test_postal_areas_give_the_address_a_place_on_the_map(two_places):
    PostalArea.objects.create(country="FR", code="69", name="Rhône", latitude=45.75, longitude=4.85)
    PostalArea.objects.create(country="FR", code="69001", name="Lyon 1er", latitude=45.77, longitude=4.83)
    with transaction.atomic():
        bump(queries.POSTAL_AREAS)
    by_distance = [{"steps": [{"weights": {"distance_km": 1}}]}]

    exact = ask(destination=Destination("FR", "69 001"), rules=by_distance)
    prefix = ask(destination=Destination("FR", "69007"), rules=by_distance)

    assert places_of(exact) == places_of(prefix) == {"LYON": {"l1": 1}}
    assert exact.parcels[0].distance_km == pytest.approx(1.1, abs=0.1)
    assert prefix.parcels[0].distance_km == pytest.approx(1.9, abs=0.2)
    assert exact.notes == prefix.notes == ("no_carrier_service",)


def test_an_unknown_postal_code_lies_among_its_neighbours_and_that_is_noted():
    PostalArea.objects.create(country="FR", code="75001", latitude=48.0, longitude=2.0)
    PostalArea.objects.create(country="FR", code="75003", latitude=49.0, longitude=3.0)

    found = queries.geocode("FR", "75002")

    assert (found.latitude, found.longitude, found.is_exact) == (48.5, 2.5, False)
    assert queries.geocode("FR", "13001") is None
    assert queries.geocode("BE", "75001") is None


def test_an_address_off_the_map_is_planned_without_distances(two_places):
    planned = ask(
        destination=Destination("ZZ", "?"), rules=[{"steps": [{"weights": {"distance_km": 1}}, {"rest": "refuse"}]}]
    )

    assert places_of(planned) == {"LYON": {"l1": 1}}
    assert "destination_not_placed" in planned.notes


def test_conditions_see_the_shoppers_weekday_and_time(two_places):
    monday_noon = [
        {
            "when": {"weekdays": ["mon"], "from_time": "12:00", "until_time": "12:01"},
            "steps": [{"from": {"locations": ["PARIS"]}}],
        }
    ]

    assert places_of(ask(rules=monday_noon)) == {"PARIS": {"l1": 1}}
    late = ask(rules=monday_noon, as_of=MONDAY_NOON + timedelta(minutes=1))
    assert (late.parcels, late.notes) == ((), ("no_rule", "no_carrier_service"))


def test_a_rule_may_ask_how_far_stock_can_be_believed(two_places, settings, django_assert_num_queries):
    """What nobody has looked at is as sure as not; it is read only for rules that ask, and only once."""
    settings.VERSIONED_CACHE_SECONDS = 3600
    StockLevel.objects.filter(location="PARIS").update(confidence=0.8)
    sure = {"from": {"min_confidence": 0.8}}
    surer = {"from": {"min_confidence": 0.81}}
    ask(), ask(rules=[{"steps": [sure]}])  # the caches are warm

    with django_assert_num_queries(1):
        assert places_of(ask(rules=[{"steps": [{}]}])) == {"LYON": {"l1": 1}}
    with django_assert_num_queries(2):
        asked = ask(rules=[{"steps": [surer, sure]}])

    assert places_of(asked) == {"PARIS": {"l1": 1}}
    assert [(c.location, c.reason) for c in asked.outcome.candidates] == [("LYON", "low_confidence"), ("PARIS", None)]
    assert places_of(ask(rules=[{"steps": [{"from": {"min_confidence": 0.5}}]}])) == {"LYON": {"l1": 1}}


def test_a_rule_that_does_not_match_asks_for_nothing(two_places, settings, django_assert_num_queries):
    settings.VERSIONED_CACHE_SECONDS = 3600
    rules = [{"when": {"channels": ["shop"]}, "steps": [{"from": {"min_confidence": 0.8}}]}, {"steps": [{}]}]
    ask(rules=rules)

    with django_assert_num_queries(1):
        ask(rules=rules)


def test_conditions_see_the_shoppers_day_and_who_the_shopper_is(two_places):
    """Half past midnight in Paris is still the day before in UTC."""
    rules = [
        {
            "when": {"from_date": "2026-07-14", "until_date": "2026-07-14"},
            "steps": [{"from": {"locations": ["PARIS"]}}],
        },
        {"when": {"customer_tags": ["gold"]}, "steps": [{"from": {"locations": ["LYON"]}}]},
    ]
    just_after_midnight = datetime(2026, 7, 13, 22, 30, tzinfo=UTC)

    assert places_of(ask(rules=rules, as_of=just_after_midnight)) == {"PARIS": {"l1": 1}}
    assert places_of(ask(rules=rules, as_of=just_after_midnight - timedelta(hours=1))) == {}
    assert places_of(ask(rules=rules, customer_tags=["gold"])) == {"LYON": {"l1": 1}}


def test_a_rule_for_a_product_speaks_for_every_order_with_it_and_for_no_other(two_places):
    rules = [
        {"when": {"skus": ["SKU-2"]}, "steps": [{"from": {"locations": ["LYON"]}}]},
        {"steps": [{"from": {"locations": ["PARIS"]}}]},
    ]
    make_product("SKU-2")
    set_stocks({("SKU-2", "LYON"): 5, ("SKU-2", "PARIS"): 5})

    assert places_of(ask(rules=rules)) == {"PARIS": {"l1": 1}}
    assert places_of(ask(Line("l1", "SKU-1", 1), Line("l2", "SKU-2", 1), rules=rules)) == {"LYON": {"l1": 1, "l2": 1}}


def test_an_order_of_some_customers_is_not_split(two_places):
    rules = [{"steps": [{"no_split_customer_tags": ["gold", "staff"]}]}]
    lines = Line("l1", "SKU-1", 4, weight_g=400)

    assert places_of(ask(lines, rules=rules)) == {"LYON": {"l1": 3}, "PARIS": {"l1": 1}}
    assert places_of(ask(lines, rules=rules, customer_tags=["new"])) == {"LYON": {"l1": 3}, "PARIS": {"l1": 1}}
    assert places_of(ask(lines, rules=rules, customer_tags=["gold"])) == {}


def test_the_cheapest_service_that_meets_the_date_is_taken(two_places):
    make_carrier("slow", prices=((None, "3.00"),), transit=5)
    make_carrier("quick", prices=((None, "6.00"),), transit=1)
    wanted_by = datetime(2026, 3, 4, 22, 0, tzinfo=UTC)

    def service(**step):
        (parcel,) = ask(rules=[{"steps": [{"from": {"locations": ["LYON"]}} | step]}], wanted_by=wanted_by).parcels
        return parcel.carrier_service, parcel.cost

    assert service() == ("slow", Decimal(3))
    assert service(**{"from": {"locations": ["LYON"], "on_time": True}}) == ("quick", Decimal(6))
    assert service(weights={"cost": 1, "lateness_days": 0.5}) == ("slow", Decimal("5.5"))  # on Monday, 5 days late
    assert service(weights={"cost": 1, "lateness_days": 1}) == ("quick", Decimal(6))


def test_places_past_their_cut_off_can_be_left_out(two_places):
    make_location("LYON", cut_off={"standard": "11:59"}, latitude=45.76, longitude=4.83)
    rules = [{"steps": [{"from": {"before_cut_off": True}}]}]

    at_noon = ask(rules=rules)
    before = ask(rules=rules, as_of=MONDAY_NOON - timedelta(minutes=1))

    assert {c.location: c.reason for c in at_noon.outcome.candidates} == {"LYON": "past_cut_off", "PARIS": None}
    assert {c.location: c.reason for c in before.outcome.candidates} == {"LYON": None, "PARIS": None}


def test_the_number_of_statements_does_not_grow_with_places(two_places):
    def statements():
        ask()  # caches are warm
        with CaptureQueriesContext(connection) as captured:
            ask()
        return len([q for q in captured if "oms_version" not in q["sql"]])

    before = statements()
    make_locations(*(f"S{i}" for i in range(30)), latitude=47.0, longitude=3.0, daily_capacity=5)
    set_stocks({("SKU-1", f"S{i}"): 2 for i in range(30)})

    assert before == 1
    assert statements() == 2  # stock, and capacity now that some places have a limit


# ---- decisions -----------------------------------------------------------------------------------


def test_a_decision_keeps_every_place_that_held_a_unit(two_places, in_use_case):
    make_carrier()
    make_location("EMPTY")
    make_location("CLOSED", accepting_orders=False)
    set_stocks({("SKU-1", "CLOSED"): 1})
    planned = ask(Line("l1", "SKU-1", 1, weight_g=400))

    with transaction.atomic():
        record_decisions([(planned, "100001")])

    kept = Decision.objects.get()
    assert (kept.id, kept.subject, kept.cost, kept.lower_bound, kept.optimal) == (
        planned.decision_id,
        "100001",
        4,
        4,
        True,
    )
    told = explanation(kept)
    assert [(c["location"], c["excluded_because"], c["score"]) for c in told["candidates"]] == [
        ("CLOSED", "not_accepting", None),
        ("LYON", None, "4.00"),
        ("PARIS", None, "6.00"),
    ]
    assert told["candidates"][2]["cost"] == {"handling": "2.00", "shipping": "4.00"}
    assert told["excluded_counts"] == {"not_accepting": 1, "no_stock": 1}
    assert told["chosen"] == [
        {
            "location": "LYON",
            "lines": [{"line": "l1", "sku": "SKU-1", "quantity": 1}],
            "cost": "4.00",
            "parts": {"shipping": "4.00", "handling": "0.00"},
            "carrier_service": "post",
        }
    ]


def test_several_decisions_are_written_in_one_statement(two_places, in_use_case, django_assert_num_queries):
    plans = [(ask(), "1"), (ask(), "2"), (ask(), "3")]

    with transaction.atomic(), django_assert_num_queries(1):
        record_decisions(plans)

    assert Decision.objects.count() == 3


def test_a_decision_over_a_hundred_places_and_five_lines_takes_less_than_eight_kilobytes(in_use_case):
    """With all that a rule can weigh, for places that are all different."""
    skus = [f"SKU-{n}" for n in range(1, 6)]
    make_products(*skus, weight_g=400)
    make_carrier(max_distance_km=300)
    make_carrier("quick", prices=((500, "5.10"), (2000, "6.30"), (None, "11.00")), transit=1)
    codes = [f"MONOPRIX-{i:04}" for i in range(100)]
    for i, code in enumerate(codes):
        place = {
            "latitude": 43 + i / 20.3,
            "longitude": i / 30.7,
            "handling_cost": Decimal(i) / 7,
            "daily_capacity": 20,
        }
        make_location(code, **place)
    set_stocks({(sku, code): 1 + (i * 7 + n * 3) % 29 for n, sku in enumerate(skus) for i, code in enumerate(codes)})
    for n, sku in enumerate(skus):
        price_scarcity(sku, {code: (i * 37 + n * 11) % 977 / 100 + 0.013 for i, code in enumerate(codes)})
    weights = {"cost": 1, "distance_km": 0.01, "lateness_days": 1, "workload": 1, "scarcity": 1}
    step = {"name": "all", "weights": weights, "rest": "exception"}
    lines = [Line(f"oli_01kjq2m8f1c3e5g7j9k2m4n6p{n}", sku, 2, weight_g=400) for n, sku in enumerate(skus)]
    planned = ask(*lines, rules=[{"name": "all", "steps": [step]}])

    with transaction.atomic():
        record_decisions([(planned, "100001")])

    decision = Decision.objects.get()
    assert len(explanation(decision)["candidates"]) == 100
    assert len(json.dumps(decision.snapshot)) + len(decision.evidence) < 8 * 1024


def test_the_dearest_plan_that_documents_allow_is_written_down(in_use_case):
    """The most units, each a package of its own, at the dearest rate, under the largest weights."""
    largest = [{"steps": [{"weights": {"cost": 1_000_000, "parcels": 1_000_000, "location_order": 1_000_000}}]}]
    make_carrier(prices=((1000, "999999999.99"),))
    make_location("W1", handling_cost="999999999.99", handling_cost_per_unit="999999999.99")
    skus = [f"S{i}" for i in range(200)]
    make_products(*skus)
    set_stocks({(sku, "W1"): 100_000 for sku in skus})
    planned = ask(*(Line(sku, sku, 100_000, weight_g=1000) for sku in skus), rules=largest)

    with transaction.atomic():
        record_decisions([(planned, "100001")])

    kept = Decision.objects.get()
    figure = Decimal(10) ** 11  # what any figure counts at most
    assert kept.cost == planned.outcome.cost == 20_000_000 * (figure + figure) + figure + 1_000_000
    assert kept.lower_bound <= kept.cost
