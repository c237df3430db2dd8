"""Whatever is found out about a place can be said."""

from random import Random

import pytest
from django.utils.translation import override

from routing.engine.counterfactual import (
    Alternative,
    LastUnits,
    StepVerdict,
    Verdict,
    what_would_have_to_be_true,
    why_not,
)
from routing.services.explanations import PlaceExplained
from routing.whys import need_sentences, sentences

from .engine.test_counterfactual import a_world, case_of, unused, uses
from .engine.told import CENT, random_world
from .engine.world import UNHURRIED

pytestmark = pytest.mark.django_db


def told(*steps: StepVerdict, needs=()) -> PlaceExplained:
    return PlaceExplained("LYON", "EUR", False, steps, needs, is_as_decided=True, is_asked_anew=False)


def said_of(verdict: Verdict, *, missing_units: int = 0, is_best: bool = True) -> str:
    alternative = Alternative((), 700 * CENT, 700 * CENT, 600 * CENT, {}, (), missing_units, (), is_best)
    (sentence,) = sentences(told(StepVerdict(0, "near", verdict, alternative=alternative)))
    return sentence


def test_every_verdict_and_every_need_has_its_words():
    verdicts, parameters = set(), set()
    for seed in range(100):
        world = random_world(Random(seed), most_places=4)
        case = case_of(world)
        run = case.run(UNHURRIED)
        for code in unused(world)[:2]:
            steps = why_not(run, code, UNHURRIED)
            needs = what_would_have_to_be_true(case, code, UNHURRIED)

            said = sentences(told(*steps, needs=needs)) + need_sentences(told(*steps, needs=needs))

            assert all(said) and not any("%(" in sentence for sentence in said)
            verdicts |= {step.verdict for step in steps}
            parameters |= {need.parameter for need in needs}
    assert verdicts >= {Verdict.EXCLUDED, Verdict.NOT_TRIED, Verdict.DEARER, Verdict.SERVES_LESS}
    assert len(parameters) >= 18


def test_what_was_not_proven_says_so():
    assert said_of(Verdict.SERVES_LESS, missing_units=2) == ("Step “near”: the best plan with it serves 2 units fewer.")
    assert said_of(Verdict.SERVES_LESS, missing_units=1, is_best=False) == (
        "Step “near”: the best plan with it serves 1 unit fewer; a better plan with it may exist."
    )


def test_a_plan_that_serves_more_for_more_is_not_called_cheaper():
    assert said_of(Verdict.NOT_FOUND_IN_TIME, missing_units=-2) == (
        "Step “near”: a plan with it serves 2 units more; the time to plan was over before."
    )


def needs_said(world: dict, code: str) -> list[str]:
    case = case_of(world)
    steps = why_not(case.run(UNHURRIED), code, UNHURRIED)
    return need_sentences(told(*steps, needs=what_would_have_to_be_true(case, code, UNHURRIED)))


def far_lyon() -> dict:
    """A near step takes Paris; Lyon is beyond its limit, and dearer."""
    world = a_world(lyon=(1, 900), paris=(1, 0))
    world["places"]["lyon"] |= {"km": 90.0, "handling": 0, "packaging": 900}
    world["steps"][0] |= {"source": {"max_distance_km": 50.0}, "max_parcels": 1}
    world["steps"].append({**world["steps"][0], "source": {"locations": ["lyon"]}, "max_parcels": None})
    return world


def test_what_came_to_nothing_is_told_with_the_way_in_which_it_was_changed():
    """Lowered, the limit leaves the order to the second step and so to Lyon: nothing is said of that."""
    world = far_lyon()
    world["steps"][0]["source"]["max_distance_km"] = 5.0
    assert uses(world, "lyon")

    assert needs_said(far_lyon(), "lyon") == [
        "None of these alone would have done it: more stock of A there, cheaper packaging there, "
        "a higher distance limit in step “step 1”, more parcels in step “step 1”."
    ]


def test_a_limit_that_reaches_the_place_was_lowered_as_far_as_it_still_does():
    world = a_world(lyon=(1, 900), paris=(1, 0))
    world["steps"][0]["source"] = {"max_distance_km": 50.0}

    assert needs_said(world, "lyon")[-1] == (
        "None of these alone would have done it: more stock of A there, "
        "a lower distance limit that still reaches it in step “step 1”."
    )


def test_the_way_in_which_it_was_changed_is_told_in_french():
    with override("fr"):
        (said,) = needs_said(far_lyon(), "lyon")
    assert said == (
        "Aucun de ces éléments seul n’aurait suffi : plus de stock de A sur place, un emballage moins cher sur place, "
        "une limite de distance plus haute à l’étape « step 1 », plus de colis à l’étape « step 1 »."
    )


@pytest.mark.parametrize(
    ("place", "source", "used", "french", "tried"),
    [
        ({"is_accepting": False}, {}, "it had taken orders", "s’il avait pris des commandes", "taking orders"),
        (
            {"is_paused": True},
            {},
            "its manager had not paused it",
            "si son responsable ne l’avait pas mis en pause",
            "no pause by its manager",
        ),
        (
            {"is_open": False},
            {"open_now": True},
            "it had been open then",
            "s’il avait été ouvert à ce moment-là",
            "being open then",
        ),
        (
            {"is_open_that_day": False},
            {"before_cut_off": True},
            "it had been open that day",
            "s’il avait été ouvert ce jour-là",
            "being open that day",
        ),
        (
            {"is_before_cut_off": False},
            {"before_cut_off": True},
            "its cut-off had not passed",
            "si son heure limite n’avait pas été passée",
            "a later cut-off there",
        ),
    ],
)
def test_what_is_so_or_not_is_said_as_a_condition(place, source, used, french, tried):
    cheaper, dearer = a_world(lyon=(1, 0), paris=(1, 100)), a_world(lyon=(1, 100), paris=(1, 0))
    for world in (cheaper, dearer):
        world["places"]["lyon"] |= place
        world["steps"][0]["source"] = source

    assert f"Used if {used}." in needs_said(cheaper, "lyon")
    assert tried in needs_said(dearer, "lyon")[-1]
    with override("fr"):
        assert f"Utilisé {french}." in needs_said(cheaper, "lyon")


@pytest.mark.parametrize("held", [0, 1, 2])
def test_how_many_units_there_are_agrees_with_no_noun_in_french(held):
    step = StepVerdict(0, "near", Verdict.EXCLUDED, "partial_stock", held, 3)
    with override("fr"):
        (said,) = sentences(told(step))
    assert f"({held} sur 3)" in said


def dearer(parts: dict[str, int], last_units: tuple[LastUnits, ...] = ()) -> str:
    alternative = Alternative((), 650 * CENT, 650 * CENT, 600 * CENT, parts, (), 0, last_units, True)
    (sentence,) = sentences(told(StepVerdict(0, "near", Verdict.DEARER, alternative=alternative)))
    return sentence.partition("more ")[2]


def test_what_is_less_than_a_cent_is_not_told():
    parts = {"refusal": 90 * CENT, "handling": -40 * CENT, "scarcity": -25}

    assert dearer(parts, (LastUnits("SKU-1", 492, 2_033),)) == "(risk of refusal: +0.90; handling: −0.40)."


def test_where_all_is_less_than_a_cent_the_largest_is_told():
    assert dearer({"handling": 3_000, "scarcity": 25}) == "(handling: +0.00)."
