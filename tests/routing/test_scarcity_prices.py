"""Scarcity prices from what was wanted to what is decided."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from routing import queries
from routing.documents import parse
from routing.models import DemandFact, ScarcityPrice
from routing.queries import ActiveRules
from routing.services.demand_facts import Wanted, forget_demands, record_demands, told
from routing.services.scarcity import refresh, refresh_if_old
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


def test_prices_end_by_themselves_and_are_renewed_before():
    make_network(paris=1, lille=0, lyon=9)
    remember(PARIS, 40)
    assert refresh_if_old(as_of=NOON)
    assert not refresh_if_old(as_of=NOON + timedelta(hours=1))
    assert queries.scarcity_prices("EUR", as_of=NOON + timedelta(hours=2)) == {"SKU-1": {"PARIS": 2_000_000}}
    assert queries.scarcity_prices("EUR", as_of=NOON + timedelta(hours=3)) == {}
    assert queries.scarcity_prices("SEK", as_of=NOON) == {}
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
