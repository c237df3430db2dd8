"""How surely places take work: the arithmetic against a dull oracle, and whether it pays to price refusals in."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.acceptance import ALL, FEWEST_OF_A_TAG, PRIOR, STRENGTH, Acceptance, Offer, learn
from routing.engine.planner import plan
from routing.engine.types import Network, Place, Rule, Step, Weights
from routing.models import AcceptanceRate, OfferOutcome
from routing.services.acceptance import AcceptanceThen, Offered, forget_offers, observe_offers, refresh
from tests.factories.inventory import NOW

from .engine.world import UNHURRIED, a_demand, line, network, place

PLACES, PARTS, TAGS = ("P", "Q"), ("m", "e"), ("bulky", "new")
offers = st.lists(
    st.builds(
        Offer,
        st.sampled_from(PLACES),
        st.sampled_from(PARTS),
        st.lists(st.sampled_from(TAGS), max_size=3),
        st.booleans(),
        st.floats(0, 180),
    ),
    max_size=40,
)


def dull(seen: list[Offer], place: str, part: str, tag: str) -> float:
    """What is believed of one group, from its definition, every offer looked at again for each wider one."""
    here = _of(seen, place, part, tag)
    if tag and sum(_weights(here)) < 2:
        return dull(seen, place, part, "")
    return _believed(here, _said_by_others(seen, here, place, part, tag))


def _said_by_others(seen: list[Offer], here: list[Offer], place: str, part: str, tag: str) -> float:
    if not place:
        return 0.95
    around = (place, part, "") if tag else (place, "", "") if part else ("", "", "")
    wider = _of(seen, *around)
    others = [offer for offer in wider if not any(offer is one for one in here)]
    return _believed(others, _said_by_others(seen, wider, *around))


def _of(seen: list[Offer], place: str, part: str, tag: str) -> list[Offer]:
    return [
        offer
        for offer in seen
        if place in ("", offer.place) and part in ("", offer.day_part) and (not tag or tag in offer.tags)
    ]


def _weights(offers: list[Offer]) -> list[float]:
    return [2 ** -(offer.age_days / 30) for offer in offers]


def _believed(offers: list[Offer], otherwise: float) -> float:
    kept = sum(weight for offer, weight in zip(offers, _weights(offers), strict=True) if offer.is_kept)
    return (kept + 10 * otherwise) / (sum(_weights(offers)) + 10)


@settings(max_examples=300, deadline=None)
@given(offers)
def test_it_is_what_the_definition_says(seen):
    learned = learn(seen)

    for where in PLACES:
        for part in PARTS:
            assert learned.probability(where, part, []) == pytest.approx(dull(seen, where, part, ""), abs=1e-9)
            for tag in TAGS:
                assert learned.probability(where, part, [tag]) == pytest.approx(dull(seen, where, part, tag), abs=1e-9)
            both = min(dull(seen, where, part, tag) for tag in TAGS)
            assert learned.probability(where, part, TAGS) == pytest.approx(both, abs=1e-9)
    assert learned.probability("unheard of", "m", ["bulky"]) == pytest.approx(dull(seen, "", "", ""), abs=1e-9)


@settings(max_examples=200, deadline=None)
@given(offers, st.randoms(use_true_random=False))
def test_the_order_in_which_it_is_told_does_not_matter(seen, draw):
    mixed = draw.sample(seen, len(seen))

    one, other = learn(seen).groups, learn(mixed).groups

    assert one.keys() == other.keys()
    assert all(one[group].probability == pytest.approx(other[group].probability, abs=1e-12) for group in one)


@settings(max_examples=200, deadline=None)
@given(offers, st.integers(0, 39))
def test_one_more_failure_makes_nobody_surer(seen, number):
    if number >= len(seen):
        return
    worse = [replace_kept(offer, is_kept=False) if at == number else offer for at, offer in enumerate(seen)]
    before, after = learn(seen).groups, learn(worse).groups

    assert all(after[group].probability <= before[group].probability + 1e-12 for group in before)
    assert all(0 < belief.probability < 1 for belief in after.values())


def replace_kept(offer: Offer, *, is_kept: bool) -> Offer:
    return offer._replace(is_kept=is_kept)


def test_few_offers_lean_on_the_wider_group_and_many_speak_for_themselves():
    steady = [Offer("GOOD", "m", (), True, 0)] * 1000
    one = learn([*steady, Offer("BAD", "m", ("new",), False, 0)]).probability("BAD", "m", ["new"])
    many = learn([*steady, *[Offer("BAD", "m", (), False, 0)] * 500]).probability("BAD", "m", [])

    assert one == pytest.approx(0.9085, abs=0.001)  # 10 × 0.9995 of 11, for it counts once
    assert many < 0.02


def test_what_happened_long_ago_is_forgotten():
    bad_year_ago = [Offer("BAD", "m", (), False, 360)] * 50
    lately = [Offer("BAD", "m", (), True, 1)] * 50

    assert learn([*bad_year_ago, *lately]).probability("BAD", "m", []) > 0.97


def test_a_store_may_be_sure_in_the_morning_and_not_in_the_evening_nor_of_bulky_goods():
    seen = [Offer("P", "m", ("new",), True, 0)] * 120 + [Offer("P", "e", ("new",), False, 0)] * 40
    seen += [Offer("P", "m", ("bulky",), False, 0)] * 40
    learned = learn(seen)

    assert learned.probability("P", "m", ["new"]) > 0.9
    assert learned.probability("P", "e", ["new"]) < 0.2
    assert learned.probability("P", "m", ["new", "bulky"]) < 0.3
    assert learned.probability("P", "m", ["never seen"]) == learned.probability("P", "m", [])


def test_before_anything_was_offered_all_places_are_as_sure():
    assert (PRIOR, STRENGTH, FEWEST_OF_A_TAG) == (0.95, 10, 2)  # the oracle has them by heart
    assert Acceptance().probability("P", "m", ["new"]) == 0.95
    assert learn([]).groups.get(ALL) is None


# ---- what is kept of offers --------------------------------------------------------------------------

Outcome = OfferOutcome.Outcome


def offered(reference: str, outcome: OfferOutcome.Outcome, *, days_ago: int = 1) -> Offered:
    return Offered(reference, "P", NOW - timedelta(days=days_ago), outcome, frozenset({"new"}))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("heard", [*permutations([Outcome.ACCEPTED, Outcome.SHORT, Outcome.ACCEPTED])])
def test_a_failure_is_final_in_whatever_order_it_is_told(heard):
    for outcome in heard:
        observe_offers([offered("ful_1", outcome)])

    assert list(OfferOutcome.objects.values_list("reference", "outcome")) == [("ful_1", "short")]


@pytest.mark.django_db(transaction=True)
def test_what_no_rate_is_learned_from_is_forgotten(settings):
    settings.ACCEPTANCE_DAYS = 30
    observe_offers([offered("ful_1", Outcome.DECLINED, days_ago=30), offered("ful_2", Outcome.ACCEPTED, days_ago=15)])

    refresh(as_of=NOW)
    forget_offers(as_of=NOW + timedelta(seconds=1))

    of_all = AcceptanceRate.objects.get(location="", day_part="", tag="")
    assert (of_all.kept, of_all.offers) == (pytest.approx(0.5**0.5), pytest.approx(0.5**0.5))
    assert [offer.reference for offer in OfferOutcome.objects.all()] == ["ful_2"]


@pytest.mark.django_db(transaction=True)
def test_of_the_past_only_what_was_known_then_is_known():
    """Four days of one offer each: declined, then accepted ones. On a day those of the day before may still be open."""
    outcomes = [Outcome.DECLINED, *[Outcome.ACCEPTED] * 3]
    observe_offers([offered(f"ful_{n}", outcome, days_ago=9 - n) for n, outcome in enumerate(outcomes)])
    then = AcceptanceThen(NOW - timedelta(days=6))

    def known(days_ago: int) -> tuple[float, float]:
        belief = then.at(NOW - timedelta(days=days_ago)).groups.get(ALL)
        return (0, 0) if belief is None else (round(belief.kept), round(belief.offers))

    assert [known(days_ago) for days_ago in (9, 8, 7, 6)] == [(0, 0), (0, 0), (0, 1), (1, 2)]
    assert known(0) == (1, 2)  # of what comes after the last instant, as of then
    assert then.at(NOW) is then.at(NOW - timedelta(days=6))


# ---- does it pay? ------------------------------------------------------------------------------------

#: Parcels in cents, and how often the place really takes work. The cheapest ones are the flakiest.
TRUTH = {"FLAKY": (400, 0.4), "FAIR": (450, 0.9), "SURE": (520, 0.99)}
ATTEMPT_CENTS = 150  # what a failed attempt costs: calls, a day, a disappointed shopper


def season(*, is_priced_in: bool, orders: int = 600) -> tuple[int, int]:
    """Re-routes and cents paid in all, by orders that come one after the other and are learned from."""
    draw = Random(2026)
    fate = {code: [draw.random() < share for _ in range(orders * 3)] for code, (_cents, share) in TRUTH.items()}
    places = [place(code, handling=str(cents / 100)) for code, (cents, _share) in TRUTH.items()]
    weights = Weights(cost=1, refusal=ATTEMPT_CENTS / 100 if is_priced_in else 0)
    seen: list[Offer] = []
    asked: Counter[str] = Counter()
    reroutes = paid = 0
    for number in range(orders):
        if number % 20 == 0:
            learned = learn(offer._replace(age_days=(number - offer.age_days) / 20) for offer in seen)
        lost: set[str] = set()
        while len(lost) < len(TRUTH):
            net = believing(learned, places)
            demand = replace(a_demand(line("A")), excluded={line("A").key: frozenset(lost)})
            [parcel] = plan(demand, [Rule("all", (Step(weights=weights),))], net, UNHURRIED).parcels
            takes = fate[parcel.location][asked[parcel.location]]
            asked[parcel.location] += 1
            seen.append(Offer(parcel.location, "m", (), takes, number))
            if takes:
                paid += TRUTH[parcel.location][0]
                break
            lost.add(parcel.location)
            reroutes, paid = reroutes + 1, paid + ATTEMPT_CENTS
    return reroutes, paid


def believing(learned: Acceptance, places: list[Place]) -> Network:
    stock = {("A", code): 1 for code in TRUTH}
    return network(places, stock, acceptance=lambda here: learned.probability(here.code, "m", []))


def test_with_refusals_priced_in_less_is_given_out_twice_and_it_costs_no_more():
    """By cost alone FLAKY is asked each time, and three of five parcels go out again."""
    careless, dear = season(is_priced_in=False)
    careful, cheap = season(is_priced_in=True)

    assert careless > 250
    assert careful < careless / 2
    assert cheap <= dear
