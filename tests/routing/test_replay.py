"""Orders decided again: in time order, over stock and days that run out, judged in money that is paid."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from inventory.models import Location
from inventory.stock_book import stock_book
from oms import cache
from oms.channels import channels
from oms.models import Channel
from routing.capacity_book import Booked, CapacityBook, capacity_book
from routing.documents import parse
from routing.leadtimes import LeadTimes
from routing.models import GivenPromise, LearnedTable, OfferOutcome
from routing.queries import ActiveRules, LearnedThen
from routing.replay import Comparison, Tally, World
from routing.services.acceptance import AcceptanceThen, Offered, observe_offers
from routing.services.demand_facts import Wanted
from routing.services.sourcing import Demand, Destination, Line
from tests.factories.orders import make_network

pytestmark = pytest.mark.django_db(transaction=True)

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
IN_PARIS = Destination("FR", "75011", latitude=48.86, longitude=2.38)


def rules_of(**step):
    document = {"rules": [{"steps": [{"weights": {"cost": 1}, "rest": "exception", **step}]}]}
    rules = ActiveRules(parse(document).as_engine())
    return lambda _channel: rules


def world(rules=None, **more) -> World:
    return World(rules or rules_of(), stock_book(["SKU-1", "SKU-2"], as_of=MONDAY), capacity_book(as_of=MONDAY), **more)


def wanted(number: int, *lines: tuple[str, int], **more) -> Wanted:
    asked = tuple(
        Line(f"l{n}", sku, units, unit_value=Decimal("19.90"), weight_g=400)
        for n, (sku, units) in enumerate(lines or (("SKU-1", 1),))
    )
    values = {"channel": "web", "currency": "EUR", "lines": asked, "destination": IN_PARIS, **more}
    return Wanted(f"dlv_{number}", MONDAY + timedelta(minutes=number), Demand(**values))


def places(outcome) -> list[str]:
    return [sent.location for sent in outcome.sent]


def test_who_comes_first_takes_the_nearest_units():
    make_network(paris=2, lille=1, lyon=5)
    ours = world()

    chosen = [places(ours.decide(wanted(n))) for n in range(5)]

    assert chosen == [["PARIS"], ["PARIS"], ["LILLE"], ["LYON"], ["LYON"]]
    assert ours.taken == {("SKU-1", "PARIS"): 2, ("SKU-1", "LILLE"): 1, ("SKU-1", "LYON"): 2}


def test_a_world_goes_on_where_another_stopped():
    make_network(paris=2, lille=1, lyon=5)
    stopped, whole, resumed = world(), world(), world()
    expected = [places(whole.decide(wanted(n))) for n in range(5)]
    for n in range(3):
        stopped.decide(wanted(n))

    resumed.resume(stopped.taken, stopped.booked)

    assert [places(resumed.decide(wanted(n))) for n in (3, 4)] == expected[3:]
    assert resumed.taken == whole.taken


def test_what_would_have_been_refused_takes_nothing():
    make_network(paris=2, lille=0, lyon=0)
    ours = world()

    refused = ours.decide(wanted(1, ("SKU-1", 3)))

    assert (refused.verdict, refused.sent, refused.rest) == ("refused", (), {"SKU-1": 1})
    assert not ours.taken
    assert places(ours.decide(wanted(2, ("SKU-1", 2)))) == ["PARIS"]


def test_what_no_place_may_serve_stands_before_a_person_or_is_refused_as_the_rule_says():
    make_network()
    assert (
        world(rules_of(max_parcels=1, **{"from": {"locations": ["LYON"]}})).decide(wanted(1, ("SKU-1", 6))).verdict
        == "left"
    )
    assert (
        world(rules_of(**{"from": {"locations": ["LYON"]}}, rest="refuse")).decide(wanted(1, ("SKU-1", 6))).verdict
        == "refused"
    )


@pytest.mark.parametrize(
    ("values", "rest", "verdict", "sent"),
    [
        ({"may_be_cut": True}, "exception", "cut", ["PARIS"]),
        ({"may_be_cut": True}, "refuse", "cut", ["PARIS"]),
        ({"may_be_cut": True, "may_wait": True}, "backorder", "waiting", ["PARIS"]),
        ({"may_be_cut": True}, "backorder", "cut", ["PARIS"]),
        ({}, "refuse", "refused", []),
    ],
)
def test_who_may_be_cut_gets_what_is_there(values, rest, verdict, sent):
    make_network(paris=1, lille=0, lyon=0)
    ours = world(rules_of(rest=rest))
    one = replace(wanted(1, ("SKU-1", 2), ("SKU-2", 1)), **values)

    outcome = ours.decide(one)

    assert (outcome.verdict, places(outcome)) == (verdict, sent)
    assert outcome.rest == {"SKU-1": 1, "SKU-2": 1}
    assert ours.taken == ({("SKU-1", "PARIS"): 1} if sent else {})


@pytest.mark.parametrize(("may_wait", "verdict", "sent"), [(True, "waiting", ["PARIS"]), (False, "refused", [])])
def test_who_may_wait_gets_what_is_there_and_waits_for_the_rest(may_wait, verdict, sent):
    make_network(paris=2, lille=0, lyon=0)
    outcome = world(rules_of(rest="backorder")).decide(replace(wanted(1, ("SKU-1", 3)), may_wait=may_wait))
    assert (outcome.verdict, places(outcome), outcome.rest) == (verdict, sent, {"SKU-1": 1})


def test_a_full_day_sends_the_work_elsewhere_and_back_on_the_next():
    make_network()
    Location.objects.filter(code="PARIS").update(daily_capacity=1)
    cache.clear_all()
    ours = world()

    assert [places(ours.decide(wanted(n))) for n in (0, 1, 24 * 60)] == [["PARIS"], ["LILLE"], ["PARIS"]]
    assert sum(ours.booked.values()) == 2


def test_a_world_that_only_looks_on_takes_nothing():
    make_network(paris=1)
    looking = world(takes=False)
    assert [places(looking.decide(wanted(n))) for n in range(2)] == [["PARIS"], ["PARIS"]]
    assert not looking.taken


def test_what_is_paid_does_not_depend_on_what_rules_weigh():
    make_network()
    Location.objects.filter(code="PARIS").update(handling_cost="1.50", currency="EUR")
    cache.clear_all()

    by_distance = world(rules_of(weights={"distance_km": 1})).decide(wanted(1))

    assert places(by_distance) == ["PARIS"]
    assert by_distance.paid == Decimal("5.50")  # 4.00 for the parcel, 1.50 for the work
    assert "distance" in by_distance.sent[0].parts


@pytest.mark.parametrize(
    ("wanted_by", "is_late"),
    [
        (datetime(2026, 3, 3, 11, tzinfo=UTC), False),  # noon of the day at whose end it is promised
        (datetime(2026, 3, 2, 23, tzinfo=UTC), False),  # midnight: that day begins in Paris
        (datetime(2026, 3, 2, 22, 59, tzinfo=UTC), True),
    ],
)
def test_late_is_what_rules_call_late(wanted_by, is_late):
    """By the shopper's day, not by the instant: what `on_time` lets through is not counted as late."""
    make_network(lille=0, lyon=0)
    tally, asked = Tally(), wanted(1, wanted_by=wanted_by)
    in_time = world(rules_of(**{"from": {"on_time": True}})).decide(asked)

    outcome = world().decide(asked)
    tally.add(asked, outcome)

    assert outcome.promised_at == datetime(2026, 3, 3, 22, 59, tzinfo=UTC)
    assert (tally.late, not in_time.sent) == (is_late, is_late)


def test_the_sums_add_up_and_survive_being_written_down():
    make_network(paris=1, lille=2, lyon=0)
    ours, tally = world(), Tally()
    late = wanted(2, wanted_by=MONDAY)
    for one in (wanted(1, ("SKU-1", 2)), late, wanted(3, ("SKU-1", 9))):
        tally.add(one, ours.decide(one))

    figures = tally.figures(ours.capacity)

    assert (figures["orders"], figures["served"], figures["refused"], figures["left_to_people"]) == (3, 2, 1, 0)
    assert (figures["parcels"], figures["split_rate"], figures["units"]) == (2, 0.0, 3)  # both of one order from Lille
    assert figures["cost"] == {"EUR": "9.00"}  # 5.00 from Lille, 4.00 from Paris
    assert figures["cost_per_order"] == {"EUR": "4.5000"}
    assert figures["late"] == 1
    assert [(place["location"], place["units"]) for place in figures["places"]] == [("LILLE", 2), ("PARIS", 1)]
    assert Tally.from_json(tally.as_json()) == tally
    assert Tally.from_json(tally.as_json()).figures(ours.capacity) == figures


def test_a_comparison_counts_what_changed_and_which_way():
    make_network()
    cheap, near = world(), world(rules_of(weights={"distance_km": 1}))
    far = world(rules_of(**{"from": {"locations": ["LYON"]}}))
    comparison = Comparison()

    assert not comparison.add(cheap.decide(wanted(1)), near.decide(wanted(1)))
    assert comparison.add(cheap.decide(wanted(2)), far.decide(wanted(2)))

    assert comparison == Comparison(changed=1, dearer=1, later=1)


def test_what_is_not_sent_is_no_saving():
    make_network()
    cheap, nowhere = world(), world(rules_of(**{"from": {"max_distance_km": 0}}, rest="refuse"))
    comparison = Comparison()

    comparison.add(cheap.decide(wanted(1)), refused := nowhere.decide(wanted(1)))

    assert refused.verdict == "refused"
    assert comparison == Comparison(changed=1)


def test_days_are_booked_by_promises_and_given_back_when_they_are_withdrawn():
    make_network()
    Location.objects.filter(code="PARIS").update(daily_capacity=5)
    cache.clear_all()
    outcomes = GivenPromise.Outcome

    def promise(number: int, given_at: datetime, outcome=outcomes.OPEN, ended_at=None, root="") -> None:
        GivenPromise.objects.create(
            reference=f"ful_{number}", root=root or f"ord_{number}", channel="web", location_id="PARIS", method="ship", service="standard",
            given_at=given_at, release_at=given_at, hour=9, promised_at=MONDAY + timedelta(days=3),
            expected_at=MONDAY + timedelta(days=3), outcome=outcome, ended_at=ended_at,
        )  # fmt: skip

    hour = timedelta(hours=1)
    promise(1, MONDAY - hour)
    promise(2, MONDAY - hour, outcomes.WITHDRAWN, MONDAY - hour / 2)  # was over by then
    promise(3, MONDAY - hour, outcomes.WITHDRAWN, MONDAY + hour)  # was not
    promise(4, MONDAY + hour)
    promise(5, MONDAY + hour, root="ord_3")  # the third found another place here

    def booked(book: CapacityBook, at: datetime) -> int:
        book.advance(at)
        return sum(book.booked_by_day(["PARIS"], from_date=MONDAY.date()).get("PARIS", {}).values())

    until = MONDAY + 5 * hour
    alone, following = capacity_book(as_of=MONDAY, until=until), capacity_book(as_of=MONDAY, until=until, follows=True)
    assert [booked(alone, MONDAY), booked(alone, MONDAY + 2 * hour)] == [2, 2]
    assert [booked(following, MONDAY), booked(following, MONDAY + 2 * hour)] == [2, 3]
    assert booked(capacity_book(as_of=MONDAY), until) == 2


def test_a_book_owns_its_days():
    book = CapacityBook({}, [Booked(MONDAY, "PARIS", MONDAY.date(), 2)])
    assert book.booked_by_day(["PARIS"], from_date=MONDAY.date()) == {}
    book.advance(MONDAY + timedelta(seconds=1))
    assert book.fullest("PARIS") == 2


def test_the_grace_of_a_channel_is_for_those_who_can_wait():
    make_network()
    Channel.objects.filter(code="web").update(grace_minutes={"ship": 30, "pickup": 30})
    cache.clear_all()
    channel = channels()["web"]
    assert channel.grace("ship", "standard") == timedelta(minutes=30)
    assert channel.grace("pickup", "standard") == channel.grace("ship", "express") == timedelta(0)


def test_a_place_is_believed_as_it_was_then():
    """On Monday Paris declines all, Lille nothing; rates are learned from what was known when a day began."""
    make_network()
    at = MONDAY + timedelta(hours=3)
    of = {"PARIS": OfferOutcome.Outcome.DECLINED, "LILLE": OfferOutcome.Outcome.ACCEPTED}
    observe_offers([Offered(f"{code}-{n}", code, at, of[code], frozenset()) for code in of for n in range(60)])
    ours = world(rules_of(weights={"cost": 1, "refusal": 10}), acceptance=AcceptanceThen(MONDAY + timedelta(days=9)))
    assert [places(ours.decide(wanted(n))) for n in (0, 60 * 5, 60 * 24 * 2)] == [["PARIS"], ["PARIS"], ["LILLE"]]


def test_dates_are_those_of_what_was_learned_by_then():
    make_network()
    for days, learned_at in ((1, MONDAY - timedelta(days=2)), (2, MONDAY + timedelta(days=2))):
        LearnedTable.objects.create(
            learned_at=learned_at, window_days=days, preparations=0, transits=0, document=LeadTimes().as_json()
        )
    then, first, second = LearnedThen(), *LearnedTable.objects.order_by("pk").values_list("learned_at", flat=True)

    assert then.at(first - timedelta(seconds=1)) is then.at(first - timedelta(days=9))  # nothing yet
    assert then.at(first) is then.at(MONDAY) is not then.at(first - timedelta(seconds=1))
    assert then.at(second) is not then.at(MONDAY)
