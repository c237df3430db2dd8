"""What is kept back from whom: the rules weighed by hand, and everybody who asks told the same."""

import math
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inventory.exposure import HIDDEN, NOTHING, Context, Kept, Rule, weigh
from inventory.models import ExposureRule, Location, Product, StockLevel
from inventory.queries import places, sellable_units
from inventory.services import StockEvent, Want, apply_stock_events, mark_damaged
from oms import cache
from oms.models import Channel
from tests.factories.inventory import NOW, level, make_location, make_product, reserve, set_stocks

# ---- the resolver --------------------------------------------------------------------------------


class Spot:
    code, groups, country, safety_stock, is_active = "LYON", frozenset({"city", "south"}), "FR", 0, True


def kept(*rules: Rule) -> int:
    """Units kept of SKU A at Spot; the rules come newest first, as they are stored."""
    return weigh(rules, "A", Spot()).kept.units


def keeps(units: int, **conditions) -> Rule:
    given = {name: frozenset(value) if isinstance(value, set) else value for name, value in conditions.items()}
    return Rule(id=f"r{units}", keep_units=units, **given)


def test_no_rule_keeps_nothing():
    assert weigh([], "A", Spot()).kept == NOTHING


@pytest.mark.parametrize(
    ("wins", "loses"),
    [
        ({"skus": {"A"}}, {"tags": {"t"}}),
        ({"tags": {"t"}}, {}),
        ({"skus": {"A"}}, {"locations": {"LYON"}, "channel": "web"}),
        ({"locations": {"LYON"}}, {"groups": {"city"}}),
        ({"groups": {"city"}}, {"countries": {"FR"}}),
        ({"countries": {"FR"}}, {"channel": "web", "service": "express", "order_type": "ship"}),
        ({"channel": "web"}, {"service": "express", "order_type": "ship"}),
        ({"service": "express"}, {"order_type": "ship"}),
        ({"order_type": "ship"}, {}),
    ],
)
def test_the_more_specific_rule_speaks_whatever_its_age(wins, loses):
    assert kept(keeps(1, **wins), keeps(2, **loses)) == 1
    assert kept(keeps(2, **loses), keeps(1, **wins)) == 1


def test_among_equals_the_newest_speaks():
    assert kept(keeps(1, channel="web"), keeps(2, channel="web")) == 1


def test_any_hidden_rule_hides_however_general():
    assert kept(keeps(1, skus={"A"}, locations={"LYON"}), Rule("h", hidden=True)) == HIDDEN


def test_a_rule_for_other_places_or_products_says_nothing():
    assert kept(keeps(1, locations={"PARIS"}), keeps(2, groups={"north"}), keeps(3, countries={"DE"})) == 0
    assert not keeps(1, skus={"B"}, tags={"t"}).is_of("A", {"u"})


def test_a_rule_naming_several_kinds_of_places_is_for_all_of_them():
    assert kept(keeps(4, locations={"PARIS"}, groups={"city"})) == 4


def test_doubt_keeps_its_part_besides_the_plain_rule():
    doubt = Rule("d", below_confidence=0.8, keep_units=3, keep_share=1000)

    assert weigh([doubt, keeps(1)], "A", Spot()).kept == Kept(1, 0, 0.8, 3, 1000)


def test_a_context_is_matched_by_rules_that_ask_no_more_than_it_tells():
    rule = keeps(1, channel="web", order_type="ship", service="express")

    assert rule.is_for("web", "ship", "express")
    assert not rule.is_for("web", "ship", "")
    assert not replace(rule, channel="app").is_for("web", "ship", "express")


# ---- everybody is told the same ------------------------------------------------------------------

pytestmark = []
in_the_database = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
SKUS, PLACES, TAGS, GROUPS = ("A", "B"), ("P1", "P2", "P3"), ("new", "old"), ("g1", "g2")


def some(values):
    return st.lists(st.sampled_from(values), max_size=1)


rules = st.fixed_dictionaries(
    {
        "channel_id": st.sampled_from([None, None, "web", "app"]),
        "order_type": st.sampled_from(["", "", "ship", "pickup"]),
        "service": st.sampled_from(["", "", "express"]),
        "countries": some(["FR", "BE"]),
        "groups": some(GROUPS),
        "locations": some(PLACES),
        "tags": some(TAGS),
        "skus": some(SKUS),
        "below_confidence": st.sampled_from([None, None, None, 0.5, 0.9]),
        "keep_units": st.sampled_from([None, 0, 1, 3]),
        "keep_share": st.sampled_from([None, Decimal("0.1"), Decimal("0.25"), Decimal("1")]),
        "hidden": st.sampled_from([False] * 9 + [True]),
    }
).filter(lambda rule: (rule["keep_units"] is not None or rule["keep_share"] is not None) != rule["hidden"])
rules = rules.filter(lambda rule: not (rule["hidden"] and rule["below_confidence"]))
contexts = st.builds(
    Context,
    as_of=st.just(NOW),
    channel=st.sampled_from(["", "web", "app"]),
    order_type=st.sampled_from(["", "ship", "pickup"]),
    service=st.sampled_from(["", "express"]),
)
stocks = st.fixed_dictionaries(
    {
        "on_hand": st.integers(-2, 12),
        "damaged": st.integers(0, 3),
        "safety_stock": st.sampled_from([None, None, 0, 2]),
        "confidence": st.sampled_from([None, 0.3, 0.7, 1.0]),
    }
)


def stand(sku, place, *, on_hand, damaged, **columns):
    """Bring a level of one unit to this, as feeds and staff would."""
    event = StockEvent(f"{sku}/{place}", sku, place, "delta", on_hand - 1, NOW)
    apply_stock_events([event], source="t", actor="t", as_of=NOW)
    mark_damaged([(sku, place, damaged)], reference="f", actor="t", as_of=NOW)
    StockLevel.objects.filter(product=sku, location=place).update(**columns)


def oracle(stored: list[dict], context: Context, product: Product, place: Location, shelf: StockLevel) -> int:
    """The sentence of the docstring, told as a dull loop over rules in the order they were made."""
    good = shelf.on_hand - shelf.damaged
    best: dict[bool, tuple] = {}
    for age, rule in enumerate(stored):
        if rule["channel_id"] not in (None, context.channel or "?"):
            continue
        if rule["order_type"] and rule["order_type"] != context.order_type:
            continue
        if rule["service"] and rule["service"] != context.service:
            continue
        names_sku, names_tag = product.sku in rule["skus"], bool(set(rule["tags"]) & set(product.tags))
        if (rule["skus"] or rule["tags"]) and not (names_sku or names_tag):
            continue
        at, of, within = (
            place.code in rule["locations"],
            bool(set(rule["groups"]) & set(place.groups)),
            place.country in rule["countries"],
        )
        if (rule["locations"] or rule["groups"] or rule["countries"]) and not (at or of or within):
            continue
        if rule["hidden"]:
            return 0
        score = 1000 * (20 if names_sku else 10 if names_tag else 0) + 100 * (
            3 if at else 2 if of else 1 if within else 0
        )
        score += (40 if rule["channel_id"] else 0) + (20 if rule["service"] else 0) + (10 if rule["order_type"] else 0)
        is_doubt = rule["below_confidence"] is not None
        if is_doubt not in best or (score, age) > best[is_doubt][:2]:
            best[is_doubt] = score, age, rule
    keep = place.safety_stock if shelf.safety_stock is None else shelf.safety_stock
    for is_doubt, (_score, _age, rule) in best.items():
        if is_doubt and (shelf.confidence is None or shelf.confidence >= rule["below_confidence"]):
            continue
        share = math.ceil(Decimal(max(good, 0)) * (rule["keep_share"] or 0))
        keep = max(keep, rule["keep_units"] or 0, share)
    return max(0, good - keep)


@pytest.mark.django_db
@in_the_database
@given(stored=st.lists(rules, max_size=5), context=contexts, data=st.data())
def test_reader_and_reserver_agree_with_a_dull_loop(stored, context, data):
    with transaction.atomic():
        Channel.objects.bulk_create([Channel(code=code, name=code, currency="EUR") for code in ("web", "app")])
        make_product("A", tags=["new"])
        make_product("B", tags=["new", "old"])
        make_location("P1", groups=["g1"], safety_stock=1)
        make_location("P2", groups=["g1", "g2"], country="BE")
        make_location("P3")
        set_stocks({(sku, place): 1 for sku in SKUS for place in PLACES})
        for age, rule in enumerate(stored):
            made = NOW + timedelta(minutes=age)
            ExposureRule.objects.create(**rule, created_at=made, updated_at=made)
        for sku in SKUS:
            for place in PLACES:
                stand(sku, place, **data.draw(stocks))
        cache.clear_all()

        shown = sellable_units(SKUS, context=context)

        for sku in SKUS:
            for place in PLACES:
                expected = oracle(
                    stored, context, Product.objects.get(pk=sku), Location.objects.get(pk=place), level(sku, place)
                )
                assert shown[sku].get(place, 0) == expected, (sku, place)
                [refused] = reserve(Want("d:1", sku, place, expected + 1), context=context)
                assert refused.sellable == expected
                if expected:
                    assert reserve(Want("d:2", sku, place, expected), context=context) == []
        transaction.set_rollback(True)


@pytest.mark.django_db
def test_what_differs_for_a_thousand_places_goes_with_one_statement(django_assert_num_queries):
    make_product("A")
    for number in range(30):
        make_location(f"S{number}", groups=[f"g{number % 3}"])
    set_stocks({("A", f"S{number}"): 10 for number in range(30)})
    for group, units in (("g0", 1), ("g1", 2)):
        ExposureRule.objects.create(groups=[group], keep_units=units, created_at=NOW, updated_at=NOW)
    context = Context(NOW, "web")
    sellable_units(["A"], context=context)
    places()

    with django_assert_num_queries(3):  # versions of rules and places (tests trust no cache); stock
        stock = sellable_units(["A"], context=context)["A"]

    assert {stock[f"S{number}"] for number in range(0, 30, 3)} == {9}
    assert {stock[f"S{number}"] for number in range(1, 30, 3)} == {8}
    assert {stock[f"S{number}"] for number in range(2, 30, 3)} == {10}


@pytest.mark.django_db
def test_places_of_every_class_and_spelling_are_told_apart():
    make_product("A")
    make_location('say "hi"', groups=["g1"])
    make_location("back\\slash", groups=["g2"], safety_stock=3)
    make_location("{café}", groups=["g1"], safety_stock=2)
    make_location("usual 1")
    make_location("usual 2")
    make_location("out of use", is_active=False)
    every = ['say "hi"', "back\\slash", "{café}", "usual 1", "usual 2", "out of use"]
    set_stocks({("A", place): 10 for place in every})
    ExposureRule.objects.create(groups=["g1"], keep_units=1, created_at=NOW, updated_at=NOW)
    ExposureRule.objects.create(groups=["g2"], keep_share=Decimal("0.55"), created_at=NOW, updated_at=NOW)

    shown = sellable_units(["A"], context=Context(NOW))["A"]

    assert shown == {'say "hi"': 9, "back\\slash": 4, "{café}": 8, "usual 1": 10, "usual 2": 10}


@pytest.mark.django_db
def test_nothing_is_sold_where_all_places_are_hidden_or_out_of_use():
    make_product("A")
    make_location("S1")
    make_location("S2")
    make_location("S3", is_active=False)
    set_stocks({("A", place): 10 for place in ("S1", "S2", "S3")})
    ExposureRule.objects.create(countries=["FR"], hidden=True, created_at=NOW, updated_at=NOW)

    assert sellable_units(["A"], context=Context(NOW)) == {"A": {}}
