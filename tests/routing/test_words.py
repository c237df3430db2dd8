from typing import get_args

from django.utils.translation import override

from routing.documents import Ability, Kind, Method, Service, Weekday, Weights, parse
from routing.words import NOTES, OUTCOMES, PARTS, REASONS, WORDS, document_sentences, reason


def sentences(*rules):
    return document_sentences(parse({"rules": list(rules)}).as_json())


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
        "one parcel from a warehouse within 300 km if it serves everything; "
        "else one parcel from any place if it serves everything; "
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
            "tags": ["xl"],
            "weekdays": ["sat"],
            "min_value": "10",
            "max_value": "99.50",
            "min_weight_g": 5,
            "from_time": "09:00",
            "until_time": "12:00",
        },
        "steps": [
            {
                "from": {
                    "locations": ["A", "B", "C"],
                    "groups": ["idf"],
                    "exclude_groups": ["outlet"],
                    "abilities": ["ship"],
                    "min_sellable": 3,
                    "min_left_after": 1,
                    "open_now": True,
                    "on_time": True,
                    "ignore_capacity": True,
                },
                "min_parcel_value": "20.00",
                "rest": "refuse",
            }
        ],
    }

    assert sentences(rule) == [
        "Orders by delivery or locker, with service express, to postal codes 75 or 92, with products tagged xl, on Saturday, "
        "worth at least 10, worth at most 99.50, weighing at least 5 g, from 09:00 o'clock, until 12:00 o'clock: "
        "any number of parcels from A, B or C of idf not of outlet able to ship with at least 3 units keeping 1 units "
        "open now in time whatever its capacity each worth at least 20.00; the rest is refused."
    ]


def test_a_rule_reads_as_a_sentence_in_french():
    rule = {
        "when": {"channels": ["web"], "methods": ["ship"], "weekdays": ["sat"], "max_weight_g": 2000},
        "steps": [
            {"from": {"kinds": ["warehouse", "store"], "groups": ["idf"], "abilities": ["ship"]}, "max_parcels": 1},
            {"weights": {"cost": 1, "distance_km": 0.5}, "max_parcels": 3, "complete": True, "rest": "backorder"},
        ],
    }

    with override("fr"):
        told = sentences(rule)

    assert [sentence.replace("\N{NO-BREAK SPACE}", " ") for sentence in told] == [
        "Commandes du canal web, en livraison, le samedi, pesant au plus 2000 g : "
        "un seul colis depuis un entrepôt ou un magasin du groupe idf pouvant expédier ; "
        "sinon au plus 3 colis depuis n’importe quel lieu à condition de tout servir, "
        "en pondérant coût × 1, distance (km) × 0,5 ; le reste est mis en attente de stock."
    ]


def test_every_word_of_the_document_is_worded():
    vocabularies = {"methods": Method, "services": Service, "weekdays": Weekday, "kinds": Kind, "abilities": Ability}

    assert {key: set(get_args(literal)) for key, literal in vocabularies.items()} | {
        "weights": set(Weights.model_fields)
    } == {key: set(words) for key, words in WORDS.items()}


def test_every_code_of_the_engine_has_words():
    import pathlib
    import re

    engine = pathlib.Path("routing/engine")
    planner, filters, explain = ((engine / f"{name}.py").read_text() for name in ("planner", "filters", "explain"))
    reasons = set(re.findall(r'return "(\w+)"', planner + filters)) | set(re.findall(r'code, "(\w+)"', explain))
    reasons |= set(re.findall(r'reason = (?:0, )?"(\w+)"', filters)) | {"no_stock", "excluded"}

    assert reasons <= set(REASONS)
    assert {"served", "partly", "incomplete", "nobody"} == set(OUTCOMES)
    assert {"no_rule", "destination_not_placed"} <= set(NOTES)
    assert {"shipping", "handling", "units"} <= set(PARTS)
    assert reason("no_capacity") == "has no capacity left that day"
