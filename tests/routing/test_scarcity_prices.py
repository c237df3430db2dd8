"""Scarcity prices from what was wanted to what is decided."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import orjson
import pytest

from inventory.stock_book import stock_book
from routing import queries
from routing.capacity_book import capacity_book
from routing.documents import parse
from routing.models import DemandFact, ScarcityPrice
from routing.queries import ActiveRules
from routing.replay import World
from routing.services.demand_facts import Wanted, fact_of, forget_demands, record_demands, told
from routing.services.scarcity import Foresight, refresh, refresh_if_old, wish_of, wishes_before
from routing.services.sourcing import Demand, Destination, Line, plan
from tests.factories.orders import make_network

pytestmark = pytest.mark.django_db(transaction=True)

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PARIS = Destination("FR", "75011", latitude=48.8566, longitude=2.3522)
LILLE = Destination("FR", "59000", latitude=50.6292, longitude=3.0573)


def demand(there: Destination, quantity: int = 1) -> Demand:
    line = Line("l1", "SKU-1", quantity, unit_value=Decimal("19.90"), weight_g=400)
    return Demand(channel="web", currency="EUR", lines=(line,), destination=there)


def remember(there: Destination, times: int) -> None:
    """So many deliveries over the last weeks."""
    days = [NOON - timedelta(days=28 * (n + 0.5) / times) for n in range(times)]
    record_demands([Wanted(f"{there.postal_code}-{n}", at, demand(there)) for n, at in enumerate(days)])


def prices() -> dict[str, Decimal]:
    return dict(ScarcityPrice.objects.values_list("location", "price"))


def serves(there: Destination, *, scarcity: float, as_of: datetime = NOON) -> str:
    document = {"rules": [{"steps": [{"weights": {"cost": 1, "scarcity": scarcity}}]}]}
    planned = plan(demand(there), as_of=as_of, rules=ActiveRules(parse(document).as_engine()))
    return planned.parcels[0].location


def test_the_last_unit_near_many_is_kept_for_them():
    make_network(paris=1, lille=0, lyon=9)
    remember(PARIS, 40)
    assert serves(LILLE, scarcity=0) == "PARIS"

    refresh(as_of=NOON)

    assert list(prices()) == ["PARIS"]
    assert prices()["PARIS"] == 2  # from Lyon a parcel to Paris costs 6.00 instead of 4.00
    assert serves(LILLE, scarcity=1) == "LYON"
    assert serves(PARIS, scarcity=0.9) == "PARIS"


def test_plenty_and_nobody_are_worth_nothing():
    make_network(paris=500, lille=5, lyon=5)
    refresh(as_of=NOON)
    remember(PARIS, 20)
    refresh(as_of=NOON)
    assert prices() == {}


def test_plenty_costs_nothing_while_the_prices_hold():
    """Nobody knows: 10 × 1/2 for Paris, 10 × 1/9 for Lyon, from where a parcel to Paris costs 2.00 more."""
    make_network(paris=2, lille=0, lyon=9)
    remember(PARIS, 1)
    assert serves(PARIS, scarcity=10) == "LYON"

    refresh(as_of=NOON)

    assert (prices(), queries.scarcity_prices("EUR", as_of=NOON)) == ({}, {})
    assert serves(PARIS, scarcity=10) == "PARIS"
    assert not refresh_if_old(as_of=NOON + timedelta(hours=1))
    assert serves(PARIS, scarcity=10, as_of=NOON + timedelta(hours=3)) == "LYON"


def test_prices_end_by_themselves_and_are_renewed_before():
    make_network(paris=1, lille=0, lyon=9)
    remember(PARIS, 40)
    assert refresh_if_old(as_of=NOON)
    assert not refresh_if_old(as_of=NOON + timedelta(hours=1))
    assert queries.scarcity_prices("EUR", as_of=NOON + timedelta(hours=2)) == {"SKU-1": {"PARIS": 2_000_000}}
    assert queries.scarcity_prices("EUR", as_of=NOON + timedelta(hours=3)) is None
    assert queries.scarcity_prices("SEK", as_of=NOON) is None
    assert refresh_if_old(as_of=NOON + timedelta(hours=2))


def test_no_unit_is_worth_more_than_the_cap(settings):
    settings.SCARCITY_CAP = Decimal("0.50")
    make_network(paris=1, lille=0, lyon=9)
    remember(PARIS, 40)
    refresh(as_of=NOON)
    assert prices() == {"PARIS": Decimal("0.50")}


def test_without_time_levels_are_priced_one_by_one():
    make_network(paris=1, lille=0, lyon=9)
    remember(PARIS, 40)
    refresh(as_of=NOON, seconds=0)
    (price,) = ScarcityPrice.objects.all()
    assert price.method == ScarcityPrice.Method.CLOSED_FORM
    assert 0 < price.price <= 2


def world(foresight: Foresight, *, scarcity: float = 1.0, begin: datetime = NOON) -> World:
    document = {"rules": [{"steps": [{"weights": {"cost": 1, "scarcity": scarcity}}]}]}
    rules = ActiveRules(parse(document).as_engine())
    return World(lambda _: rules, stock_book(["SKU-1"], as_of=begin), capacity_book(as_of=begin), foresight=foresight)


def served_by(ours: World, there: Destination, at: datetime = NOON) -> str:
    return ours.decide(Wanted(f"then-{at}", at, demand(there))).sent[0].location


def test_a_replay_reckons_with_what_could_be_known_then():
    """Paris is wanted only from tomorrow on; today nobody could know."""
    make_network(paris=1, lille=0, lyon=9)
    tomorrow = NOON + timedelta(days=1)
    wishes = [wish_of(fact_of(Wanted(f"{n}", tomorrow + timedelta(minutes=n), demand(PARIS)))) for n in range(40)]
    foresight = Foresight(lambda: wishes)

    assert served_by(world(foresight), LILLE) == "PARIS"
    assert served_by(world(foresight), LILLE, tomorrow + timedelta(hours=1)) == "LYON"

    remember(PARIS, 40)  # and what is known now, long after, counts nothing
    refresh(as_of=NOON)
    assert prices() == {"PARIS": 2}
    assert served_by(world(foresight), LILLE) == "PARIS"


def test_the_last_units_of_a_replay_are_those_that_it_has_itself():
    make_network(paris=500, lille=0, lyon=9)
    remember(PARIS, 40)
    foresight = Foresight(lambda: wishes_before(NOON))
    ours = world(foresight)
    assert served_by(ours, LILLE) == "PARIS"

    ours.stock.take("SKU-1", "PARIS", 498)
    assert ours.prices("EUR", as_of=NOON) == {}  # worked out already
    assert served_by(ours, LILLE, NOON + timedelta(hours=6)) == "LYON"
    assert ours.prices("EUR", as_of=NOON + timedelta(hours=6)) == {"SKU-1": {"PARIS": 2_000_000}}


def test_a_replay_that_goes_on_keeps_the_prices_it_had():
    """Worked out anew from what is left by now they would be others."""
    make_network(paris=500, lille=0, lyon=9)
    remember(PARIS, 40)
    foresight = Foresight(lambda: wishes_before(NOON))
    stopped, resumed, alone = world(foresight), world(foresight), world(foresight)
    assert stopped.prices("EUR", as_of=NOON) == {}
    told = orjson.loads(orjson.dumps(stopped.prices.as_json()))
    taken = {("SKU-1", "PARIS"): 499}

    resumed.resume(taken, {})
    resumed.prices.resume(told)
    alone.resume(taken, {})

    soon = NOON + timedelta(minutes=5)
    assert resumed.prices("EUR", as_of=soon) == {}
    assert alone.prices("EUR", as_of=soon) == {"SKU-1": {"PARIS": 2_000_000}}


def test_a_replay_asks_for_no_forecast_that_no_rule_weighs():
    make_network()

    def unheard_of():
        raise AssertionError("nobody needs it")

    assert served_by(world(Foresight(unheard_of), scarcity=0), LILLE) == "LILLE"


def test_a_demand_is_remembered_once_and_reads_back_without_its_address():
    make_network()
    exact = Destination("FR", "75011", "Paris", latitude=48.85661, longitude=2.35222)
    wanted = [Wanted("dlv_1", NOON, demand(exact, 2), decision="dec_1")]
    record_demands(wanted)
    record_demands(wanted)
    (fact,) = told(DemandFact.objects.all())
    read = fact.demand
    assert (fact.reference, fact.at, fact.decision) == ("dlv_1", NOON, "dec_1")
    assert read.destination == Destination("FR", "75011", latitude=48.86, longitude=2.35)
    assert (read.lines, read.value, read.channel) == (demand(exact, 2).lines, Decimal("39.80"), "web")
    assert forget_demands(before=NOON) == 0
    assert forget_demands(before=NOON + timedelta(seconds=1)) == 1
