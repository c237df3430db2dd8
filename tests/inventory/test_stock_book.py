"""Stock of the past in memory: held against what readers were told at that very instant."""

import random
from datetime import datetime, timedelta

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inventory.exposure import Context, Kept
from inventory.locks import lock_stock
from inventory.models import Location
from inventory.queries import sellable_units
from inventory.sellable import sellable_sql, units_kept
from inventory.services import (
    Held,
    StockEvent,
    Want,
    apply_stock_events,
    consume_reservations,
    mark_suspect,
    release_reservations,
)
from inventory.services.reservations import keep_reserved
from inventory.services.supply_promises import claim_arrivals
from inventory.stock_book import stock_book
from oms import cache
from tests.factories.inventory import NOW, make_exposure_rule, make_locations, make_products, reserve, set_stocks

SKUS, PLACES = ("A", "B"), ("S1", "S2", "S3")
TAGS = {"A": ["bulky"], "B": []}


def context(at: datetime) -> Context:
    return Context(at, channel="web", order_type="ship", service="standard")


class Trade:
    """A few days of sales, counts, promises and their ends, by chance. It notes what readers were told on the way."""

    def __init__(self, seed: int):
        self.draw = random.Random(seed)
        self.at = NOW
        self.held: list[Held] = []
        self.told: list[tuple[datetime, dict]] = []

    def live(self, acts: int) -> None:
        for number in range(acts):
            self.at += timedelta(minutes=self.draw.randint(1, 90))
            self.told.append((self.at, sellable_units(SKUS, context=context(self.at), tags=TAGS)))
            getattr(self, self.draw.choice(["count", "sell", "promise", "promise", "ship", "give_back"]))(number)

    def level(self) -> tuple[str, str]:
        return self.draw.choice(SKUS), self.draw.choice(PLACES)

    def count(self, number: int) -> None:
        late = timedelta(minutes=self.draw.choice((0, 0, 200)))  # told long after it was counted
        self.tell(StockEvent(f"c{number}", *self.level(), "count", self.draw.randint(0, 20), self.at - late))

    def sell(self, number: int) -> None:
        self.tell(StockEvent(f"s{number}", *self.level(), "delta", -self.draw.randint(1, 3), self.at))

    def tell(self, event: StockEvent) -> None:
        apply_stock_events([event], source="till", actor="test", as_of=self.at)

    def promise(self, number: int) -> None:
        want = Want(f"order_line:{number}", *self.level(), self.draw.randint(1, 3))
        if not reserve(want, context=context(self.at)):
            self.held.append(Held(*want))

    def ship(self, _number: int) -> None:
        if self.held:
            consume_reservations([self.any_held()], cause="shipped", reference="ful_1", actor="test", as_of=self.at)

    def give_back(self, _number: int) -> None:
        if self.held:
            release_reservations([self.any_held()], as_of=self.at)

    def any_held(self) -> Held:
        return self.held.pop(self.draw.randrange(len(self.held)))


@pytest.fixture
def shelves(db):
    with transaction.atomic():
        make_products("A", tags=["bulky"])
        make_products("B")
        make_locations(*PLACES, safety_stock=1)
        set_stocks({(sku, place): 12 for sku in SKUS for place in PLACES})
        make_exposure_rule(keep_share="0.25", tags=["bulky"])
        make_exposure_rule(keep_units=3, locations=["S2"])
        yield


@pytest.mark.parametrize("seed", range(12))
def test_a_book_that_follows_says_at_every_instant_what_readers_were_told(shelves, seed):
    trade = Trade(seed)
    trade.live(60)
    begin = trade.told[20][0]

    book = stock_book(SKUS, as_of=begin - timedelta(seconds=1), until=trade.at, follows=True)

    for at, told in trade.told[20:]:
        book.advance(at)
        assert book.sellable_units(SKUS, context=context(at), tags=TAGS) == told, at


@pytest.mark.parametrize("seed", range(6))
def test_whoever_takes_what_was_promised_then_finds_what_readers_were_told(shelves, seed):
    trade = Trade(seed)
    trade.live(20)
    begin, first = trade.at, len(trade.told)
    promised: list[tuple[datetime, Want]] = []
    make = trade.promise

    def promise(number: int) -> None:
        before = len(trade.held)
        make(number + 1000)
        promised.extend((trade.at, Want(*held)) for held in trade.held[before:])

    trade.promise = promise  # type: ignore[method-assign]
    trade.live(60)

    book = stock_book(SKUS, as_of=begin, until=trade.at)
    for at, told in trade.told[first:]:
        book.advance(at)
        assert book.sellable_units(SKUS, context=context(at), tags=TAGS) == told, at
        for _at, want in [one for one in promised if one[0] == at]:
            book.take(want.sku, want.location, want.quantity)


def test_what_was_promised_before_and_is_given_back_can_be_had_again(shelves):
    reserve(Want("order_line:1", "B", "S1", 4), context=context(NOW))
    later = NOW + timedelta(hours=2)
    release_reservations([Held("order_line:1", "B", "S1", 4)], as_of=NOW + timedelta(hours=1))
    reserve(Want("order_line:1", "B", "S3", 4), context=context(later))  # it was moved: not a new demand
    reserve(Want("order_line:2", "B", "S3", 2), context=context(later))  # a new one: whoever decides, takes

    book = stock_book(["B"], as_of=NOW, until=later + timedelta(hours=1))

    def there() -> dict[str, int]:
        return book.sellable_units(["B"], context=context(later))["B"]

    assert there() == {"S1": 7, "S2": 9, "S3": 11}
    book.advance(later)
    assert there() == {"S1": 11, "S2": 9, "S3": 11}
    book.advance(later + timedelta(minutes=1))
    assert there() == {"S1": 11, "S2": 9, "S3": 7}


def test_what_came_for_somebody_is_theirs_in_every_world(shelves):
    came, claimed = NOW + timedelta(hours=1), NOW + timedelta(hours=2)
    with transaction.atomic():
        lock_stock([("B", "S1")])
        keep_reserved([Want("arrived:order_line:1", "B", "S1", 4)], as_of=came)
    with transaction.atomic():
        claim_arrivals([(Held("order_line:1", "B", "S1", 4), "order_line:1")], as_of=claimed)

    book = stock_book(["B"], as_of=NOW, until=claimed + timedelta(hours=1))

    left = []
    for at in (NOW, came, claimed, claimed + timedelta(minutes=1)):
        book.advance(at)
        left.append(book.sellable_units(["B"], context=context(claimed))["B"]["S1"])
    assert left == [11, 11, 7, 7]


@pytest.mark.parametrize("is_resumed", [False, True])
def test_what_was_sent_leaves_only_from_where_it_was_taken(shelves, is_resumed):
    """A rule keeps a quarter of A, which is bulky: of all that is there, sent elsewhere or not."""
    hour, sent = timedelta(hours=1), [Held("order_line:1", "A", "S1", 4), Held("order_line:1", "B", "S1", 4)]
    for held in sent:
        reserve(Want(*held), context=context(NOW + hour))
    consume_reservations(sent, cause="shipped", reference="ful_1", actor="test", as_of=NOW + 2 * hour)

    def there(place: str) -> dict[str, int]:
        """What is left at S1 of who took all of it there."""
        book = stock_book(SKUS, as_of=NOW, until=NOW + 5 * hour)
        if not is_resumed:
            book.advance(NOW + hour)
        for sku in SKUS:
            book.take(sku, place, 4)
        book.advance(NOW + 3 * hour)
        found = book.sellable_units(SKUS, context=context(NOW), tags=TAGS)
        book.take("B", "S1", 3)
        assert book.sellable_units(["B"], context=context(NOW))["B"]["S1"] == found["B"]["S1"] - 3
        return {sku: units["S1"] for sku, units in found.items()}

    assert there("S1") == {"A": 6, "B": 7}  # 12 − 4 − a quarter of 8; 12 − 4 − the safety stock of one
    assert there("S3") == {"A": 9, "B": 11}  # live it left from here, but not in this book


def test_a_level_is_closed_from_when_its_goods_were_not_found(shelves):
    mark_suspect([("B", "S1")], reference="ful_1", as_of=NOW + timedelta(hours=1), actor="test")

    book = stock_book(["B"], as_of=NOW, until=NOW + timedelta(hours=3))
    book.advance(NOW + timedelta(hours=1))
    assert "S1" in book.sellable_units(["B"], context=context(NOW))["B"]
    book.advance(NOW + timedelta(hours=2))
    assert book.sellable_units(["B"], context=context(NOW), locations=["S1", "S2"])["B"] == {"S2": 9}


def test_places_out_of_use_sell_nothing(shelves):
    Location.objects.filter(code="S1").update(is_active=False)
    cache.clear_all()
    assert "S1" not in stock_book(["B"], as_of=NOW).sellable_units(["B"], context=context(NOW))["B"]


_UNITS = st.integers(-50, 200)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    good=_UNITS,
    safety=st.one_of(st.none(), st.integers(0, 20)),
    default=st.integers(0, 20),
    confidence=st.one_of(st.none(), st.floats(0, 1)),
    kept=st.builds(
        Kept, st.integers(0, 30), st.integers(0, 10_000), st.floats(0, 1), st.integers(0, 30), st.integers(0, 10_000)
    ),
)
def test_both_arithmetics_keep_the_same(db, good, safety, default, confidence, kept):
    level = (
        "SELECT %s::int AS on_hand, 0 AS damaged, 0 AS quarantined, 0 AS reserved, %s::int AS safety_stock,"
        " %s::float8 AS confidence, NULL::timestamptz AS suspect_at"
    )
    row = ", ".join(f"%s::{'float8' if name == 'doubt_below' else 'int'} AS {name}" for name in Kept._fields)
    sellable = sellable_sql("s", safety=str(default), kept="k", held="0")
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {sellable} FROM ({level}) s, (SELECT {row}) k", [good, safety, confidence, *kept])
        [(found,)] = cursor.fetchall()

    floor = default if safety is None else safety
    assert max(0, good - units_kept(good, safety=floor, confidence=confidence, kept=kept)) == found
