from typing import get_args

import pytest
from django.utils.text import capfirst
from django.utils.translation import override

from routing import documents, words
from routing.differences import differences
from routing.documents import Ability, Kind, Method, Service, Source, Weekday, Weights, When, parse
from routing.engine import filters
from routing.engine import types as engine
from routing.engine.planner import CHOSEN_PLACE
from routing.engine.types import Place, Step
from routing.remarks import difference_sentence
from routing.words import NOTES, OUTCOMES, PARTS, REASONS, WORDS, reason, rule_sentence

from .engine.world import a_demand, network, planned


def sentences(*rules):
    return [capfirst(rule_sentence(rule)) for rule in parse({"rules": list(rules)}).as_json()["rules"]]


def test_a_rule_reads_as_a_sentence():
    rule = {
        "when": {"channels": ["web"], "countries": ["FR"], "max_weight_g": 2000},
        "steps": [
            {"from": {"kinds": ["warehouse"], "max_distance_km": 300}, "max_parcels": 1, "complete": True},
            {"max_parcels": 1, "complete": True},
            {"weights": {"cost": 1, "distance_km": 0.5}, "max_parcels": 3, "rest": "backorder"},
        ],
    }

    assert sentences(rule) == [
        "Orders from web, to FR, weighing at most 2000 g: "
        "one parcel from a warehouse within 300 km, if it serves everything; "
        "else one parcel from any place, if it serves everything; "
        "else at most 3 parcels from any place, weighing cost × 1, distance (km) × 0.5; the rest on back-order."
    ]


def test_a_bare_rule_speaks_for_every_order():
    assert sentences({"steps": [{}]}) == ["Every order: any number of parcels from any place; the rest to a person."]


def test_every_condition_and_filter_is_told():
    rule = {
        "when": {
            "methods": ["ship", "locker"],
            "services": ["express"],
            "postal_prefixes": ["75", "92"],
            "skus": ["SKU-1", "SKU-2"],
            "tags": ["xl"],
            "weekdays": ["sat"],
            "min_value": "10",
            "max_value": "99.50",
            "min_weight_g": 5,
            "from_time": "09:00",
            "until_time": "12:00",
            "customer_tags": ["gold"],
            "min_units": 2,
            "max_units": 9,
            "from_date": "2026-11-27",
            "until_date": "2026-11-30",
        },
        "steps": [
            {
                "from": {
                    "locations": ["A", "B", "C"],
                    "groups": ["idf"],
                    "exclude_groups": ["outlet"],
                    "abilities": ["ship", "curbside"],
                    "min_sellable": 3,
                    "min_left_after": 1,
                    "open_now": True,
                    "on_time": True,
                    "ignore_capacity": True,
                    "min_confidence": 0.8,
                    "min_capacity_left": 3,
                    "before_cut_off": True,
                },
                "min_parcel_value": "20.00",
                "keep_groups": False,
                "no_split_below": "50.00",
                "no_split_tags": ["set"],
                "no_split_customer_tags": ["gold"],
                "offer_to": 3,
                "rest": "backorder",
                "cancel_after_days": 14,
            }
        ],
    }

    assert sentences(rule) == [
        "Orders by delivery or locker, with service express, to postal codes 75 or 92, with product SKU-1 or SKU-2, "
        "with products tagged xl, of customers tagged gold, on Saturday, worth at least 10, worth at most 99.50, weighing at least 5 g, "
        "of at least 2 units, of at most 9 units, from 09:00, until 12:00, from Nov. 27, 2026 on, "
        "up to and with Nov. 30, 2026: "
        "any number of parcels from A, B or C of idf, not of outlet, able to ship and hand over at the curb, "
        "with at least 3 units, keeping 1 unit, "
        "whose stock is at least 80% certain, with room for 3 parcels, open now, before its cut-off, in time, "
        "whatever its capacity, each worth at least 20.00, even if what belongs together is parted, unsplit below 50.00, "
        "unsplit with products tagged set, unsplit for customers tagged gold, offered to 3 places at once; "
        "the rest on back-order, canceled after 14 days."
    ]


def test_one_is_told_as_one():
    rule = {"when": {"max_units": 1}, "steps": [{"from": {"min_sellable": 1, "min_capacity_left": 1}}]}

    assert sentences(rule) == [
        "Orders of at most 1 unit: any number of parcels from any place, with at least 1 unit, with room for 1 parcel; "
        "the rest to a person."
    ]


def test_a_rule_reads_as_a_sentence_in_french():
    rule = {
        "when": {
            "channels": ["web"],
            "methods": ["ship"],
            "skus": ["SKU-1", "SKU-2"],
            "weekdays": ["sat"],
            "max_weight_g": 2000,
        },
        "steps": [
            {
                "from": {
                    "kinds": ["warehouse", "store"],
                    "groups": ["idf"],
                    "exclude_groups": ["outlet"],
                    "abilities": ["ship"],
                    "max_distance_km": 30,
                    "min_sellable": 3,
                    "min_left_after": 1,
                    "open_now": True,
                },
                "max_parcels": 1,
                "no_split_tags": ["set"],
                "no_split_customer_tags": ["gold"],
            },
            {"weights": {"cost": 1, "distance_km": 0.5}, "max_parcels": 3, "complete": True, "rest": "backorder"},
        ],
    }

    with override("fr"):
        told = sentences(rule)

    assert [sentence.replace("\N{NO-BREAK SPACE}", " ") for sentence in told] == [
        "Commandes du canal web, en livraison, avec le produit SKU-1 ou SKU-2, le samedi, pesant au plus 2000 g : "
        "un seul colis depuis un entrepôt ou un magasin du groupe idf à moins de 30 km, hors groupe outlet, pouvant "
        "expédier, avec un stock d’au moins 3, en conservant un stock d’au moins 1, ouvert maintenant, "
        "sans partage si un produit est étiqueté set, sans partage pour les clients étiquetés gold ; "
        "sinon au plus 3 colis depuis n’importe quel lieu, à condition de tout servir, "
        "en pondérant coût × 1, distance (km) × 0,5 ; le reste est mis en attente de stock."
    ]


#: Of every field two values that mean different things, and differ from nothing at all.
WHEN = {
    "channels": (["web"], ["app"]),
    "methods": (["ship"], ["pickup"]),
    "services": (["express"], ["standard"]),
    "countries": (["FR"], ["SE"]),
    "postal_prefixes": (["75"], ["75", "92"]),
    "skus": (["A"], ["B"]),
    "tags": (["xl"], ["xs"]),
    "min_value": ("0.00", "5000.50"),
    "max_value": ("9000", "9000.01"),
    "min_weight_g": (0, 1),
    "max_weight_g": (2_000_000, 2_000_001),
    "weekdays": (["sat"], ["sun"]),
    "from_time": ("09:00", "09:01"),
    "until_time": ("12:00", "12:01"),
    "customer_tags": (["gold"], ["vip"]),
    "min_units": (0, 2),
    "max_units": (8, 9),
    "from_date": ("2026-11-27", "2026-11-28"),
    "until_date": ("2026-11-30", "2026-12-01"),
}
SOURCE = {
    "kinds": (["store"], ["warehouse", "store"]),
    "groups": (["north"], ["south"]),
    "exclude_groups": (["east"], ["west"]),
    "locations": (["A", "C"], ["C", "A"]),
    "abilities": (["pickup"], ["curbside"]),
    "max_distance_km": (0, 1234.567),
    "ignore_capacity": (True,),
    "min_sellable": (1, 2),
    "min_left_after": (1, 2),
    "open_now": (True,),
    "on_time": (True,),
    "min_capacity_left": (1, 2),
    "min_confidence": (0.801, 0.8),
    "before_cut_off": (True,),
}
STEP = {
    "max_parcels": (1, 2),
    "min_parcel_value": ("0.00", "20.00"),
    "keep_groups": (False,),
    "complete": (True,),
    "no_split_below": ("0.00", "50.00"),
    "no_split_tags": (["set"], ["pair"]),
    "no_split_customer_tags": (["gold"], ["vip"]),
    "offer_to": (2, 3),
}
REST = {"rest": ("refuse", "exception", "backorder"), "cancel_after_days": (1, 14)}
WEIGHTS = {name: (0.5, 0.5000001) for name in Weights.model_fields}


def test_the_table_below_knows_every_field():
    rest = {"name", "from", "weights", *REST}

    assert set(WHEN) == set(When.model_fields)
    assert set(SOURCE) == set(Source.model_fields)
    assert set(STEP) | rest == {field.alias or name for name, field in documents.Step.model_fields.items()}


def _rule(when, source, weights, step):
    """`weights` beside another one: alone a weight is no more than a unit of account."""
    return {"when": when, "steps": [{"from": source, "weights": {"cost": 1, "parcels": 1, **weights}, **step}, {}]}


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("are_others_set", [True, False])
def test_every_change_of_a_condition_a_filter_or_a_limit_changes_the_sentence(are_others_set, language):
    waits = {"rest": "backorder"}
    boxes = [WHEN, SOURCE, WEIGHTS, STEP | REST]
    usual = [{name: values[0] for name, values in box.items()} if are_others_set else {} for box in boxes]
    usual[3] |= waits
    alike = []
    for number, box in enumerate(boxes):
        for name, values in box.items():
            without = {key: value for key, value in usual[number].items() if key != name}
            if name == "rest":  # nothing is canceled of what does not wait
                without.pop("cancel_after_days", None)
            variants = [without | ({name: value} if value is not None else {}) for value in (None, *values)]
            with override(language):
                told = [sentences(_rule(*usual[:number], one, *usual[number + 1 :]))[0] for one in variants]
            if len(set(told)) < len(told):
                alike.append((name, told))
    assert alike == []


def test_places_that_are_named_must_be_of_the_kinds_as_well():
    def told(**source):
        (sentence,) = sentences({"steps": [{"from": source}]})
        return sentence.removeprefix("Every order: any number of parcels from ").removesuffix("; the rest to a person.")

    assert told(locations=["A", "C"]) == "A or C"
    assert told(locations=["A", "C"], kinds=["store"]) == "a store among A, C"
    assert told(locations=["A"], kinds=["store", "locker"], groups=["idf"]) == "a store or a locker among A of idf"


def test_what_becomes_of_the_rest_of_a_step_before_the_last_is_told():
    rule = {"steps": [{"max_parcels": 1, "rest": "refuse"}, {}]}

    assert sentences(rule) == [
        "Every order: one parcel from any place; the rest is refused; else any number of parcels from any place; "
        "the rest to a person."
    ]


def test_numbers_are_told_as_the_reader_writes_them():
    rule = {
        "when": {"min_value": "5000.50"},
        "steps": [
            {
                "from": {"max_distance_km": 2.5, "min_confidence": 0.805},
                "weights": {"cost": 1, "parcels": 0.1},
                "min_parcel_value": "20.00",
                "no_split_below": "49.90",
            }
        ],
    }

    with override("fr"):
        (told,) = sentences(rule)
        (changed,) = differences(
            parse({"rules": [{"steps": [{}]}]}).as_json(),
            parse({"rules": [{"when": {"min_value": "5000.50"}, "steps": [{}]}]}).as_json(),
        )
        assert "5000,50 au lieu de" in difference_sentence(changed)
    for number in ("5000,50", "à moins de 2,5 km", "80,5 %", "× 0,1", "20,00", "49,90"):
        assert number in told.replace("\N{NO-BREAK SPACE}", " ")
    assert "5000.50" in sentences(rule)[0] and "within 2.5 km" in sentences(rule)[0] and "80.5%" in sentences(rule)[0]


def test_every_word_of_the_document_is_worded():
    vocabularies = {"methods": Method, "services": Service, "weekdays": Weekday, "kinds": Kind, "abilities": Ability}

    assert {key: set(get_args(literal)) for key, literal in vocabularies.items()} | {
        "weights": set(Weights.model_fields)
    } == {key: set(words) for key, words in WORDS.items()}


def _parts_of_a_plan_that_weighs_everything():
    names = Weights.model_fields
    place = Place("X", packaging_micro=1)
    plan = planned(
        a_demand(), network([place], {("A", "X"): 1}), Step(weights=engine.Weights(**dict.fromkeys(names, 1)))
    )
    return set(plan.parcels[0].parts)


def test_every_code_of_the_engine_has_words():
    assert set(filters.REASONS) - {None} | {"other_place_chosen"} == set(REASONS)  # which no step gives
    assert {"served", "partly", "incomplete", "nobody"} == set(OUTCOMES)
    assert {"no_rule", "destination_not_placed"} <= set(NOTES)
    assert _parts_of_a_plan_that_weighs_everything() <= set(PARTS)
    assert reason("no_capacity") == "has no capacity left that day"


def test_the_step_of_a_place_the_shopper_chose_is_told_in_everybodys_language():
    with override("fr"):
        assert words.step_name(CHOSEN_PLACE) == "lieu choisi"
        assert words.step_name("corner") == "corner"
