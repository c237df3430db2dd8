"""The test bench: baskets with real or typed-in stock under two rule sets, over services, API and page."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from inventory.models import StockLevel
from inventory.services import PriceRow, receive_prices
from oms import roles
from oms.clock import now
from oms.errors import Invalid
from oms.models import Event
from routing.models import Decision, DemandFact, RuleSet
from routing.services.bench import find_demands, outcome_of
from routing.services.dry_runs import TypedLevel, WantedLine, Wish, plan_dry_run, plan_side_by_side
from routing.services.rule_sets import create_draft, publish_rule_set
from routing.services.sourcing import Destination
from tests.admin.conftest import client_as, placed  # noqa: F401
from tests.factories.inventory import make_location, make_product, set_stock, set_stocks
from tests.factories.orders import make_network, order_body, pickup_body

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PARIS = Destination("FR", "75011", "", 48.86, 2.38)
CHEAPEST = {"name": "cheapest", "rules": [{"name": "cheapest", "steps": [{"name": "any"}]}]}
LYON_FIRST = {
    "name": "lyon",
    "rules": [
        {
            "name": "lyon first",
            "steps": [{"name": "lyon", "from": {"locations": ["LYON"]}, "weights": {"cost": 2}}, {"name": "any"}],
        }
    ],
}


@pytest.fixture
def network(db):
    make_network()


@pytest.fixture
def office(network):
    client = Client()
    client.force_login(User.objects.create_superuser("boss", password="x"))
    return client


@pytest.fixture
def two(network):
    """What is published, and a draft that prefers Lyon."""
    published = publish_rule_set(rule_set_id=create_draft(document=CHEAPEST).pk, actor="user:ada", as_of=NOON)
    return published, create_draft(document=LYON_FIRST)


def wish(*stock, units=2, **more):
    typed = [TypedLevel("SKU-1", place, left) for place, left in stock]
    return Wish(
        **{"channel": "web", "lines": [WantedLine("SKU-1", units)], "destination": PARIS, "stock": typed, **more}
    )


def sent(planned):
    return {place: dict(units) for place, units in outcome_of(planned).units_at.items()}


def side_by_side(asked, *rule_sets):
    return plan_side_by_side(asked, rule_sets=rule_sets, as_of=NOON)


# ---- services ----------------------------------------------------------------------------------------


def test_one_basket_is_planned_under_two_rule_sets(two):
    published, draft = two

    by_draft, by_published = side_by_side(wish(), draft.pk, None).plans

    assert (sent(by_draft), sent(by_published)) == ({"LYON": {"SKU-1": 2}}, {"PARIS": {"SKU-1": 2}})
    assert (by_draft.rules.id, by_published.rules.id) == (draft.pk, published.pk)


def test_what_is_paid_is_told_whatever_the_rules_weigh(two):
    _published, draft = two
    by_distance = {"rules": [{"steps": [{"weights": {"distance_km": 1}}]}]}

    plans = side_by_side(wish(), draft.pk, None, by_distance).plans

    assert plans[0].outcome.cost == 12  # 6.00, weighed twice
    assert [outcome_of(planned).paid for planned in plans] == [Decimal("6.00"), Decimal("4.00"), Decimal("4.00")]


def test_typed_in_stock_stands_instead_of_the_books(two):
    nothing_in_paris = side_by_side(wish(("PARIS", 0)), None)
    assert sent(nothing_in_paris.plans[0]) == {"LILLE": {"SKU-1": 2}}
    assert nothing_in_paris.sellable["SKU-1"]["PARIS"] == 0

    a_lot = side_by_side(wish(("PARIS", 90), units=80), None)
    assert sent(a_lot.plans[0]) == {"PARIS": {"SKU-1": 80}}
    assert a_lot.sellable["SKU-1"]["LYON"] == 5  # real


@pytest.mark.parametrize("confidence", [None, 0.2, 0.95])
def test_typed_in_stock_is_believed_as_its_level_is(two, confidence):
    """One half, where nobody has looked or there is no level; what was learned of one that is empty now."""
    make_location("NICE")
    set_stocks({("SKU-1", place): 0 for place in ("PARIS", "LYON", "LILLE")})
    StockLevel.objects.update(confidence=confidence)
    asked = wish(("LYON", 5), ("NICE", 5))

    def places_with(least):
        rules = {"rules": [{"steps": [{"from": {"min_confidence": least}}]}]}
        (planned,) = side_by_side(asked, rules).plans
        return {c.location for c in planned.outcome.candidates if c.is_eligible}

    assert ("LYON" in places_with(0.5), "NICE" in places_with(0.5)) == (confidence != 0.2, True)
    assert places_with(0.6) == ({"LYON"} if confidence == 0.95 else set())
    assert places_with(1) == set()


def test_the_books_are_not_touched_and_nothing_is_kept(two):
    before = list(StockLevel.objects.order_by("pk").values()), Event.objects.count()

    side_by_side(wish(("PARIS", 1), ("LYON", 7), units=9), two[1].pk, None)

    assert (list(StockLevel.objects.order_by("pk").values()), Event.objects.count()) == before
    assert not Decision.objects.exists()


def test_one_more_rule_set_costs_nothing_but_its_own_text(two):
    _published, draft = two

    def asked(*rule_sets):
        """Of tables: whether what is in memory is still right is looked up once a second, in tests each time."""
        with CaptureQueriesContext(connection) as statements:
            side_by_side(wish(), *rule_sets)
        return [q["sql"] for q in statements.captured_queries if "oms_version" not in q["sql"]]

    asked(draft.pk, None)
    one, both = asked(draft.pk), asked(draft.pk, draft.pk)

    assert sum("inventory_stocklevel" in statement for statement in both) == 1
    assert len(both) - len(one) == 1


def test_what_is_unknown_is_refused_by_name(two):
    with pytest.raises(Invalid) as refusal:
        plan_dry_run(
            wish(
                lines=[WantedLine("SKU-1", 1), WantedLine("NONE", 1)],
                channel="fax",
                stock=[TypedLevel("SKU-2", "PARIS", 1), TypedLevel("SKU-1", "NOWHERE", 1)],
            ),
            rule_set="rul_none",
            keep=False,
            as_of=NOON,
        )

    assert [(fault.pointer, fault.code) for fault in refusal.value.errors] == [
        ("/lines/1/sku", "unknown_sku"),
        ("/stock/0/sku", "unknown_sku"),
        ("/stock/1/location", "unknown_location"),
        ("/rule_set", "unknown_rule_set"),
        ("/channel", "unknown_channel"),
    ]


def test_a_plan_with_typed_in_stock_is_not_kept(two):
    with pytest.raises(Invalid) as refusal:
        plan_dry_run(wish(("PARIS", 1)), rule_set=None, keep=True, as_of=NOON)

    assert [fault.code for fault in refusal.value.errors] == ["typed_stock"]
    assert not Decision.objects.exists()


def test_the_value_of_the_order_decides_where_it_is_told(two):
    costly = {
        "rules": [{"name": "costly", "when": {"min_value": "500"}, "steps": [{}]}, {"name": "all", "steps": [{}]}]
    }

    rules = [side_by_side(wish(value=value), costly).plans[0].outcome.rule for value in (None, Decimal(600))]

    assert rules == ["all", "costly"]


def test_the_value_of_lines_is_that_of_the_channel_at_that_instant(two):
    make_product("DEAR", price=Decimal("10.00"))
    price = PriceRow("DEAR", "web", Decimal("5.00"), from_at=NOON, until_at=NOON + timedelta(hours=1))
    receive_prices([price], actor="test", as_of=NOON)
    set_stock("DEAR", "PARIS", 5)
    costly = {"rules": [{"name": "costly", "when": {"min_value": "8"}, "steps": [{}]}, {"name": "all", "steps": [{}]}]}
    asked = wish(lines=[WantedLine("DEAR", 1)])

    def rule(at):
        return plan_side_by_side(asked, rule_sets=[costly], as_of=at).plans[0].outcome.rule

    assert [rule(NOON + timedelta(minutes=minutes)) for minutes in (-1, 0, 59, 60)] == [
        "costly",
        "all",
        "all",
        "costly",
    ]


def test_an_order_is_found_by_its_number_its_delivery_or_its_decision(network):
    order = placed(order_body(("SKU-1", 2)))
    decision = Decision.objects.get()
    DemandFact.objects.create(
        reference="old-1",
        at=NOON,
        channel="web",
        currency="EUR",
        method="ship",
        service="standard",
        country="FR",
        value="12",
        lines=[["SKU-2", 3, None, "4.00", 900, []]],
    )

    (by_number,) = find_demands(f"#{order.number}")
    (by_decision,) = find_demands(decision.pk)
    (by_reference,) = find_demands("old-1")

    assert [(line.sku, line.quantity) for line in by_number.lines] == [("SKU-1", 2)]
    assert by_number.value == order.items_total
    assert by_number.destination.postal_code == by_decision.destination.postal_code == "75011"
    assert [(line.sku, line.quantity) for line in by_decision.lines] == [("SKU-1", 2)]
    assert [(line.sku, line.quantity) for line in by_reference.lines] == [("SKU-2", 3)]
    for unknown in ("", "999999", "abc", "0" * 30, "²"):
        assert find_demands(unknown) == []


# ---- API ---------------------------------------------------------------------------------------------


def test_the_api_plans_with_typed_in_stock(client, two):
    body = {
        "channel": "web",
        "lines": [{"sku": "SKU-1", "quantity": 7}],
        "destination": {"country": "FR", "postal_code": "75011", "latitude": 48.86, "longitude": 2.38},
        "stock": [
            {"sku": "SKU-1", "location": "LILLE", "sellable": 50},
            {"sku": "SKU-1", "location": "PARIS", "sellable": 0},
        ],
    }

    plan = client.post("/api/v1/routing/plan/", body, format="json").json()
    assert [(f["location"], f["lines"]) for f in plan["fulfillments"]] == [("LILLE", [{"sku": "SKU-1", "quantity": 7}])]

    refused = client.post("/api/v1/routing/plan/", {**body, "keep": True}, format="json")
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "typed_stock")
    for wrong in ([{"sku": "SKU-1", "location": "PARIS", "sellable": -1}], [body["stock"][0]] * 1001):
        assert client.post("/api/v1/routing/plan/", {**body, "stock": wrong}, format="json").status_code == 422


# ---- page --------------------------------------------------------------------------------------------

BENCH = reverse("admin:routing_ruleset_bench")
TYPED = {
    "channel": "web",
    "method": "ship",
    "service": "standard",
    "country": "fr",
    "postal_code": "75011",
    "latitude": "48.86",
    "longitude": "2.38",
    "near": "FR 75011",
    "sku": ["SKU-1", ""],
    "quantity": ["2", ""],
}


def said(answer):
    assert answer.status_code == 200
    return " ".join(unescape(answer.content.decode()).split())


def facts(answer):
    return {fact.name: (*fact.values, fact.differs) for fact in answer.context["result"].facts}


def test_a_typed_order_is_shown_under_both(office, two):
    published, draft = two

    answer = office.get(BENCH, {**TYPED, "rules": draft.pk})

    assert facts(answer) == {
        "Rule that decides": ("lyon first", "cheapest", True),
        "Parcels": ("1", "1", False),
        "Who sends what": ("Place LYON: 2 × SKU-1", "Place PARIS: 2 × SKU-1", True),
        "Without a place": ("nothing", "nothing", False),
        "Carriage, packaging and handling": ("6.00\xa0EUR", "4.00\xa0EUR", True),
        "Promised for": (*facts(answer)["Promised for"][:2], True),
    }
    shown = said(answer)
    assert "They differ" in shown and f"{draft}" in shown and f"{published}" in shown
    assert "is not among the places the rule names" in shown  # Paris, by the draft
    assert [place.code for place in answer.context["result"].places][:2] == ["LYON", "PARIS"]


def test_an_article_on_two_lines_is_added_up(office, two):
    answer = office.get(BENCH, {**TYPED, "sku": ["SKU-1", "SKU-1"], "quantity": ["2", "1"], "rules": two[1].pk})

    assert facts(answer)["Who sends what"][:2] == ("Place LYON: 3 × SKU-1", "Place PARIS: 3 × SKU-1")
    assert [[parcel.units for parcel in side.parcels] for side in answer.context["result"].sides] == [["3 × SKU-1"]] * 2


def test_stock_typed_in_is_marked(office, two):
    stock = {"stock_sku": ["SKU-1"], "stock_place": ["PARIS"], "stock_units": ["1"]}

    answer = office.get(BENCH, {**TYPED, **stock, "rules": two[1].pk})

    assert facts(answer)["Who sends what"][1] == "Place LILLE: 2 × SKU-1"
    assert "1 × SKU-1 (typed in)" in said(answer)


def test_an_order_is_picked_by_its_number(office, two):
    order = placed(order_body(("SKU-1", 2)))

    answer = office.get(BENCH, {"order": f"#{order.number}", "take": "1", "rules": two[1].pk}, follow=True)

    address = answer.redirect_chain[0][0]
    assert "sku=SKU-1" in address and "latitude=48.86" in address and f"rules={two[1].pk}" in address
    assert facts(answer)["Who sends what"][:2] == ("Place LYON: 2 × SKU-1", "Place PARIS: 2 × SKU-1")
    assert 'value="75011"' in said(answer)


def test_a_pickup_stays_at_its_place(office, two):
    order = placed(pickup_body(("SKU-1", 1)))

    answer = office.get(BENCH, {"order": order.number, "take": "1", "rules": two[1].pk}, follow=True)

    assert facts(answer)["Who sends what"][1] == "Place PARIS: 1 × SKU-1"


def test_an_order_nobody_knows_is_told(office, two):
    answer = office.get(BENCH, {"order": "77", "take": "1"}, follow=True)

    assert "Nobody knows an order “77”." in said(answer)


@pytest.mark.parametrize("take", ["0", "2", "0001999", "9" * 5000, "²"])
def test_a_delivery_that_an_order_has_not_is_its_first(office, two, take):
    order = placed(order_body(("SKU-1", 2)))

    answer = office.get(BENCH, {"order": order.number, "take": take, "rules": two[1].pk}, follow=True)

    assert facts(answer)["Who sends what"][0] == "Place LYON: 2 × SKU-1"


@pytest.mark.parametrize("parts", ["1", "201", "00200000000", "9" * 5000, "²"])
def test_no_order_has_so_many_deliveries(office, two, parts):
    answer = office.get(BENCH, {**TYPED, "rules": two[1].pk, "parts": parts, "part": "1"})

    assert answer.context["deliveries"] == []


def test_a_date_to_keep_can_be_tried(office, two):
    in_time = {"name": "in time", "rules": [{"name": "all", "steps": [{"name": "x", "from": {"on_time": True}}]}]}
    asked = {**TYPED, "rules": create_draft(document=in_time).pk}

    on_any_day = office.get(BENCH, asked)
    yesterday = office.get(BENCH, {**asked, "wanted_by": str(now().date() - timedelta(days=1))})

    assert facts(on_any_day)["Without a place"][0] == "nothing"
    assert facts(yesterday)["Without a place"][0] == "2 × SKU-1"
    assert "would be late" in said(yesterday) and "would be late" not in said(on_any_day)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"sku": ["NONE"]}, "There is no product NONE"),
        ({"sku": []}, "Type in an article, or pick an order"),
        ({"quantity": ["-1"]}, "SKU-1: a whole number of units is needed"),
        ({"quantity": ["9" * 40]}, "SKU-1: a whole number of units is needed"),
        ({"quantity": ["0" * 8 + "1" + "9" * 40]}, "SKU-1: a whole number of units is needed"),
        ({"method": "pickup"}, "Name the place where the shopper collects"),
        ({"stock_sku": ["SKU-1"], "stock_place": ["X"], "stock_units": ["1"]}, "There is no place X"),
        ({"stock_sku": ["SKU-1"], "stock_place": ["PARIS"]}, "SKU-1, PARIS: a whole number of units is needed"),
        ({"rules": "rul_none"}, "Something below is not right."),
        ({"latitude": "nan"}, "Something below is not right."),
        ({"value": "-3"}, "Something below is not right."),
        ({"wanted_by": "3999-01-01"}, "At most ten years from now are possible"),
    ],
)
def test_what_cannot_be_planned_is_told_and_stays_as_typed(office, two, changes, told):
    answer = office.get(BENCH, {**TYPED, "rules": two[1].pk, **changes})

    assert told in said(answer)
    assert answer.context["result"] is None
    assert 'value="75011"' in said(answer)


def test_the_bench_opens_with_the_newest_draft(office, two):
    answer = office.get(BENCH)

    assert answer.context["form"]["rules"].value() == two[1].pk
    assert answer.context["result"] is None


def test_without_any_rule_set_it_says_what_to_do(office):
    assert "There is no rule set yet: make one first." in said(office.get(BENCH))


def test_a_draft_is_tried_before_anything_was_published(office, network):
    draft = create_draft(document=LYON_FIRST)

    answer = office.get(BENCH, {**TYPED, "rules": draft.pk})

    assert "the built-in rules" in said(answer)
    assert RuleSet.objects.get().status == "draft"


def test_the_bench_writes_nothing(office, two):
    before = Decision.objects.count(), Event.objects.count()

    office.get(BENCH, {**TYPED, "rules": two[1].pk})

    assert (Decision.objects.count(), Event.objects.count()) == before


def test_who_may_not_see_rules_may_not_try_them(client_as, network):  # noqa: F811
    assert client_as(roles.CUSTOMER_SERVICE).get(BENCH).status_code == 403
    assert client_as(roles.OPERATIONS).get(BENCH).status_code == 200
