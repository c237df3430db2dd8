"""Everything that may happen to stock, interleaved as Hypothesis likes; after each step the product says what the model says.

Each example begins in a savepoint and ends by rolling it back. The clock stands still unless the machine moves it.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from inventory.balances import balances
from inventory.errors import NotReserved
from inventory.exposure import Context
from inventory.queries import sellable_units
from inventory.services import (
    Held,
    StockEvent,
    apply_stock_events,
    consume_reservations,
    mark_damaged,
    mark_suspect,
    release_reservations,
    reserve_stock,
    set_protection,
)
from inventory.services import Want as Wanted
from inventory.services.announcements import Announcement, announce_delivery
from inventory.services.cart_holds import HoldLine, commit_hold, forget_ended_holds, hold_cart, release_hold, renew_hold
from inventory.services.exposure_rules import ExposureRow, create_exposure_rule, remove_exposure_rule
from inventory.services.inbound import cancel_inbound, change_inbound
from inventory.services.receiving import Receipt, receive_inbound
from inventory.services.stock_conditions import Adjustment, adjust_stock
from inventory.services.transfers import send_transfer
from inventory.supply import Supply, future_supply, supply_shown
from oms import cache
from oms.errors import DomainError
from oms.idempotency import fingerprint
from oms.invariants import all_invariants
from tests.factories.inventory import NOW, make_location, make_product
from tests.factories.orders import make_channel
from tests.inventory.truth.model import Asker, Coming, Line, Place, Rule, Told, Want, World

SKUS = {"A": frozenset({"shoes", "red"}), "B": frozenset({"red"})}
PLACES = {
    "S1": Place(groups=frozenset({"city"})),
    "S2": Place(safety=1, groups=frozenset({"city", "north"})),
    "S3": Place(country="US", groups=frozenset({"north"}), timezone="America/New_York"),
}
MOST_UNITS_HELD, MOST_CARTS = 9, 2
CHANNELS = ("web", "app")
ANYONE = Asker()
ASKERS = [ANYONE, Asker("web", "pickup"), Asker("app", "ship", "express")]
DEMANDS = ("line:1", "line:2", "line:3")
MOST_RULES = 3


def make_shop(settings: Any) -> None:
    """What stands before every example, once a test."""
    settings.HOLD_MOST_UNITS, settings.HOLD_MOST_PER_KEY = MOST_UNITS_HELD, MOST_CARTS
    settings.VERSIONED_CACHE_SECONDS = 1_000_000  # the machine throws away what it knows by heart when it changes
    for channel in CHANNELS:
        make_channel(channel)
    for sku, tags in SKUS.items():
        make_product(sku, tags=sorted(tags))
    for code, place in PLACES.items():
        make_location(
            code,
            safety_stock=place.safety,
            country=place.country,
            groups=sorted(place.groups),
            timezone=place.timezone,
            abilities=["receive_transfer"],
        )


# ---- what may be asked ---------------------------------------------------------------------------

skus, codes = st.sampled_from(sorted(SKUS)), st.sampled_from(sorted(PLACES))
few = st.integers(1, 5)
askers = st.sampled_from(ASKERS)
customers = st.sampled_from([asker for asker in ASKERS if asker.channel])
seconds_ago = st.sampled_from([0, 0, 0, 1, 2, 30, 90])
conditions = st.sampled_from(["", "", "", "sellable", "damaged", "quarantined"])
# id, is it a count, units, seconds ago, condition; the last two lie in the future: a little, and too far
words = st.tuples(
    *(skus, codes, st.booleans(), st.integers(-4, 9), st.one_of(seconds_ago, st.sampled_from([-60, -301])), conditions)
)
wants = st.lists(st.tuples(askers, st.builds(Want, st.sampled_from(DEMANDS), skus, codes, few)), min_size=1, max_size=3)
cart_lines = st.lists(
    st.builds(Line, skus, few, st.one_of(st.none(), codes)),
    min_size=1,
    max_size=2,
)
parcels = st.dictionaries(skus, few, min_size=1, max_size=2).map(Counter)
# 14 and 20 hours from the beginning it is midnight in Paris and in New York; late ones are believed for seven days
hours = st.sampled_from([-8 * 24, -7 * 24, -6 * 24, -1, 0, 1, 14, 20, 48])
receipts = st.lists(st.tuples(skus, few, st.sampled_from(["", "", "damaged", "quarantined"])), max_size=3)
lifetimes = st.sampled_from([1, 60, 600, 3600])


def some(*values: str) -> st.SearchStrategy[tuple[str, ...]]:
    """Mostly none: a condition that does not restrict."""
    return st.sampled_from([(), (), *((value,) for value in values)])


rules_said = st.fixed_dictionaries(
    {
        "channel": st.sampled_from(["", *CHANNELS]),
        "method": st.sampled_from(["", "", "ship", "pickup"]),
        "service": st.sampled_from(["", "", "", "express"]),
        "countries": some("FR", "US"),
        "groups": some("city", "north"),
        "places": some(*PLACES),
        "tags": some("shoes", "red"),
        "skus": some(*SKUS),
        "units": st.integers(0, 4),
        "share": st.sampled_from([0, 0, 2500, 3333, 10_000]),
        "hides": st.sampled_from([False, False, False, True]),
    }
)


class StockMachine(RuleBasedStateMachine):
    books_every = 5  # steps: all invariants take as long as everything else

    def __init__(self) -> None:
        super().__init__()
        cache.clear_all()
        self._example = transaction.atomic()
        self._example._from_testcase = True  # use cases may open theirs inside, as in any test
        self._example.__enter__()
        self.world = World(
            now=NOW,
            places=PLACES,
            tags=SKUS,
            most_units_held=MOST_UNITS_HELD,
            most_carts=MOST_CARTS,
        )
        self.told: list[Told] = []
        self.steps = 0

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self._example.__exit__(None, None, None)
        cache.clear_all()

    # ---- feeds -----------------------------------------------------------------------------------

    @initialize(units=st.lists(st.integers(0, 8), min_size=6, max_size=6))
    def count_everything(self, units: list[int]) -> None:
        keys = [(sku, place) for sku in SKUS for place in PLACES]
        self._tell([self._new(*key, True, n, 0, "") for key, n in zip(keys, units, strict=True)])

    @rule(several=st.lists(words, min_size=1, max_size=3))
    def a_feed_tells(self, several: list[tuple]) -> None:
        events: list[Told] = []
        for said in several:
            events.append(self._new(*said, number=len(self.told) + len(events)))
        self._tell(events)

    @rule(which=st.integers(0, 50), change=st.sampled_from([None, None, None, "units", "place", "is_count"]))
    def a_feed_tells_again(self, which: int, change: str | None) -> None:
        event = self.told[which % len(self.told)]
        if change == "units":
            event = event._replace(units=event.units + 1)
        elif change == "place":
            event = event._replace(place="S1" if event.place != "S1" else "S2")
        elif change == "is_count":
            event = event._replace(is_count=not event.is_count)
        self._tell([event, event] if which % 2 else [event])

    @rule(sku=st.sampled_from(["A", "nobody's"]), place=st.sampled_from(["nowhere"]), units=few)
    def a_feed_tells_of_what_nobody_knows(self, sku: str, place: str, units: int) -> None:
        self._tell([self._new(sku, place, False, units, 0, "")])

    def _new(self, sku, place, is_count, units, ago, condition, number=None) -> Told:
        name = f"e{len(self.told) if number is None else number}-{len(self.world.heard)}"
        units = abs(units) if is_count else units or 1
        return Told(name, sku, place, is_count, units, self.world.now - timedelta(seconds=ago), condition)

    def _tell(self, events: list[Told]) -> None:
        self.told += events
        expected = [self.world.hear(event) for event in events]
        with transaction.atomic():
            results = apply_stock_events(
                [_event(told) for told in events], source="feed", actor="t", as_of=self.world.now
            )
        assert [result.code or result.status for result in results] == expected

    # ---- reservations ----------------------------------------------------------------------------

    @rule(asked=wants)
    def orders_reserve(self, asked: list[tuple[Asker, Want]]) -> None:
        expected = self.world.reserve(asked)
        with transaction.atomic():
            assert self._reserve(asked) == _as_refused(expected)

    @precondition(lambda self: self._reserved())
    @rule(which=st.integers(0, 50), units=st.integers(1, 7), is_gone=st.booleans(), twice=st.booleans())
    def orders_let_go(self, which: int, units: int, is_gone: bool, twice: bool) -> None:
        reserved = self._reserved()
        demand, (sku, place), there = reserved[which % len(reserved)]
        want = Want(demand, sku, place, min(units, there + 1))
        wants = [want, want] if twice else [want]
        items = [Held(*want) for want in wants]

        def act() -> None:
            if is_gone:
                consume_reservations(items, cause="shipped", reference="ful", actor="t", as_of=self.world.now)
            else:
                release_reservations(items, as_of=self.world.now)

        expected = self.world.let_go(wants, is_gone=is_gone)
        assert (_tried(transaction.atomic(act)) != NotReserved.code) == expected

    def _reserve(self, asked: list[tuple[Asker, Want]], *, own: str = "") -> list[tuple]:
        wanted = [(self._context(asker, own=own), [Wanted(*want)]) for asker, want in asked]
        return [tuple(refused) for refused in reserve_stock(wanted, as_of=self.world.now)]

    def _reserved(self) -> list[tuple[str, tuple[str, str], int]]:
        levels = self.world.levels.items()
        return sorted((demand, key, n) for key, level in levels for demand, n in level.reserved.items() if n)

    # ---- carts -----------------------------------------------------------------------------------

    @rule(cart=st.sampled_from(["c1", "c2", "c3"]), asker=customers, lines=cart_lines, seconds=lifetimes)
    def a_cart_holds(self, cart: str, asker: Asker, lines: list[Line], seconds: int) -> None:
        said = [asker, lines]
        made: list[str] = []

        def act() -> None:
            held = hold_cart(
                cart=cart,
                channel=asker.channel,
                lines=_hold_lines(lines),
                ttl_seconds=seconds,
                method=asker.method,
                service=asker.service,
                fingerprint=fingerprint(said),
                owner="key",
                among=None,
                as_of=self.world.now,
            )
            made.append(held.id)

        refused = _tried(act)
        name = made[0] if made else "refused"
        assert (refused or name) == self.world.hold(
            name, cart=cart, asker=asker, lines=lines, seconds=seconds, words=said
        )

    @precondition(lambda self: self.world.holds)
    @rule(which=st.integers(0, 9), lines=st.one_of(st.none(), cart_lines), seconds=lifetimes, asker=customers)
    def a_cart_renews(self, which: int, lines: list[Line] | None, seconds: int, asker: Asker) -> None:
        name = self._hold(which)
        asker = asker._replace(channel=self.world.holds[name].channel)

        def act() -> None:
            renew_hold(
                hold_id=name,
                ttl_seconds=seconds,
                lines=None if lines is None else _hold_lines(lines),
                method=asker.method,
                service=asker.service,
                among=None,
                as_of=self.world.now,
            )

        assert _tried(act) == self.world.renew(name, asker=asker, lines=lines, seconds=seconds)

    @precondition(lambda self: self.world.holds)
    @rule(which=st.integers(0, 9))
    def a_cart_lets_go(self, which: int) -> None:
        name = self._hold(which)
        refused = _tried(lambda: release_hold(hold_id=name, as_of=self.world.now))
        assert refused == self.world.release(name)

    @precondition(lambda self: self.world.holds)
    @rule(which=st.integers(0, 9), as_held=st.booleans(), asked=wants)
    def a_cart_becomes_an_order(self, which: int, as_held: bool, asked: list[tuple[Asker, Want]]) -> None:
        name = self._hold(which)
        hold = self.world.holds[name]
        if as_held:
            asker = Asker(hold.channel, "ship", "standard")
            asked = [(asker, Want("line:1", *key, units)) for key, units in sorted(hold.pins.items())]

        def act() -> None:
            commit_hold(name, as_of=self.world.now)
            if self._reserve(asked, own=name):
                raise _Refused

        assert _tried(transaction.atomic(act)) == self.world.order_from(name, asked)

    @rule()
    def the_sweeper_comes(self) -> None:
        forget_ended_holds(as_of=self.world.now, older_than=NOW - timedelta(days=1))
        self.world.sweep()

    def _hold(self, which: int) -> str:
        names = list(self.world.holds)
        return names[-1 - which % len(names)]

    # ---- what people decide ----------------------------------------------------------------------

    @precondition(lambda self: len(self.world.rules) < MOST_RULES)
    @rule(said=rules_said)
    def somebody_makes_a_rule(self, said: dict[str, Any]) -> None:
        self.world.now += timedelta(microseconds=1)  # the newest of equals counts: no two are made at once
        made = Rule(self.world.now, **said)
        row = ExposureRow(
            channel=made.channel or None,
            order_type=made.method,
            service=made.service,
            countries=made.countries,
            groups=made.groups,
            locations=made.places,
            tags=made.tags,
            skus=made.skus,
            keep_units=made.units,
            keep_share=Decimal(made.share) / 10_000,
            hidden=made.hides,
        )
        self.world.rules[create_exposure_rule(row, actor="t", as_of=self.world.now).pk] = made
        cache.clear_all()

    @precondition(lambda self: self.world.rules)
    @rule(which=st.integers(0, MOST_RULES))
    def somebody_removes_a_rule(self, which: int) -> None:
        name = list(self.world.rules)[which % len(self.world.rules)]
        remove_exposure_rule(name, actor="t", as_of=self.world.now)
        del self.world.rules[name]
        cache.clear_all()

    @rule(sku=skus, place=codes, units=st.one_of(st.none(), st.integers(0, 4)))
    def somebody_protects(self, sku: str, place: str, units: int | None) -> None:
        with transaction.atomic():
            set_protection(sku=sku, location=place, safety_stock=units, actor="t", as_of=self.world.now)
        self.world.levels[sku, place].safety = units

    @rule(sku=skus, place=codes)
    def somebody_does_not_find_it(self, sku: str, place: str) -> None:
        with transaction.atomic():
            mark_suspect([(sku, place)], reference="ful", actor="t", as_of=self.world.now)
        level = self.world.levels[sku, place]
        level.suspect_since = level.suspect_since or self.world.now

    @rule(sku=skus, place=codes, units=few)
    def somebody_finds_it_broken(self, sku: str, place: str, units: int) -> None:
        with transaction.atomic():
            mark_damaged([(sku, place, units)], reference="ful", actor="t", as_of=self.world.now)
        self.world.breaks(sku, place, units)

    @rule(
        kind=st.sampled_from(["damage", "repair", "quarantine", "release", "write_off", "found"]),
        sku=skus,
        place=codes,
        units=few,
        condition=st.sampled_from(["", "", "damaged", "sellable"]),
    )
    def somebody_adjusts(self, kind: str, sku: str, place: str, units: int, condition: str) -> None:
        given = Adjustment(sku, place, kind, units, "seen", condition=condition)
        refused = _tried(lambda: adjust_stock(given, actor="t", as_of=self.world.now))
        assert refused == self.world.adjust(kind, sku, place, units, condition)

    # ---- deliveries and transfers ------------------------------------------------------------------

    @rule(place=codes, units=parcels, in_hours=hours)
    def a_delivery_is_announced(self, place: str, units: Counter[str], in_hours: int) -> None:
        expected_at = self.world.now + timedelta(hours=in_hours)
        announcement = Announcement(place, expected_at, list(units.items()))
        name = announce_delivery(announcement, actor="t", as_of=self.world.now)["inbound"]
        self.world.coming[name] = Coming(place, expected_at, units)

    @rule(way=st.permutations(sorted(PLACES)), units=parcels, in_hours=hours)
    def a_transfer_is_sent(self, way: list[str], units: Counter[str], in_hours: int) -> None:
        origin, place, _other = way
        expected_at = self.world.now + timedelta(hours=in_hours)
        transfer = Announcement(place, expected_at, list(units.items()), origin=origin)
        made: list[str] = []
        refused = _tried(
            lambda: made.append(send_transfer(transfer, actor="t", as_of=self.world.now)["inbound"]),
        )
        assert refused == self.world.send(made[0] if made else "", origin, place, units, expected_at)

    @precondition(lambda self: self.world.coming)
    @rule(which=st.integers(0, 9), came=st.one_of(st.none(), receipts), is_last=st.booleans())
    def goods_arrive(self, which: int, came: list[tuple[str, int, str]] | None, is_last: bool) -> None:
        name = self._coming(which)
        told = came if came is None else [Receipt(sku, n, condition or "sellable") for sku, n, condition in came]

        def act() -> None:
            receive_inbound(inbound_id=name, receipts=told, final=is_last, actor="t", as_of=self.world.now)

        assert _tried(act) == self.world.receive(name, came, is_last=is_last)

    @precondition(lambda self: self.world.coming)
    @rule(which=st.integers(0, 9), units=st.one_of(st.none(), parcels), in_hours=st.one_of(st.none(), hours))
    def a_delivery_is_changed(self, which: int, units: Counter[str] | None, in_hours: int | None) -> None:
        name = self._coming(which)
        expected_at = None if in_hours is None else self.world.now + timedelta(hours=in_hours)
        lines = None if units is None else list(units.items())

        def act() -> None:
            change_inbound(inbound_id=name, expected_at=expected_at, lines=lines, actor="t", as_of=self.world.now)

        assert _tried(act) == self.world.change(name, expected_at, units)

    @precondition(lambda self: self.world.coming)
    @rule(which=st.integers(0, 9))
    def a_delivery_is_canceled(self, which: int) -> None:
        name = self._coming(which)
        refused = _tried(lambda: cancel_inbound(inbound_id=name, actor="t", as_of=self.world.now))
        assert refused == self.world.cancel(name)

    def _coming(self, which: int) -> str:
        names = list(self.world.coming)
        return names[-1 - which % len(names)]

    # ---- time ------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([1, 1, 45, 3000]))
    def time_passes(self, seconds: int) -> None:
        self.world.now += timedelta(seconds=seconds)

    @precondition(lambda self: self.world.live_holds())
    @rule(less=st.sampled_from([0, 0, 1]))
    def time_passes_until_a_cart_is_given_up(self, less: int) -> None:
        """To the very instant, or to just before."""
        ends_at = min(hold.ends_at for _name, hold in self.world.live_holds())
        self.world.now = max(self.world.now, ends_at - timedelta(microseconds=less))

    # ---- what must be so after every step --------------------------------------------------------

    @invariant()
    def stock_is_what_happened_to_it(self) -> None:
        assert _stored(self.world.now) == {
            key: (
                *(level.total(part) for part in ("on_hand", "damaged", "quarantined")),
                level.reserved.total(),
                level.suspect_since,
                level.safety,
                +level.reserved,
                +Counter({name: hold.pins[key] for name, hold in self.world.live_holds()}),
            )
            for key, level in self.world.levels.items()
        }

    @invariant()
    def each_asker_sees_what_it_may(self) -> None:
        for asker in ASKERS:
            self._sees_what_it_may(asker)
        for name, hold in self.world.live_holds()[-1:]:
            self._sees_what_it_may(Asker(hold.channel, "ship", "standard"), own=name)

    def _sees_what_it_may(self, asker: Asker, *, own: str = "") -> None:
        seen = sellable_units(list(SKUS), context=self._context(asker, own=own))
        expected = Counter({key: self.world.sees(asker, *key, own=own) for key in self.world.levels})
        assert Counter({(sku, place): n for sku, here in seen.items() for place, n in here.items()}) == expected, asker

    def _context(self, asker: Asker, *, own: str = "") -> Context:
        return Context(self.world.now, asker.channel, order_type=asker.method, service=asker.service, hold=own)

    @invariant()
    def what_is_to_come_is_known(self) -> None:
        if self.world.coming:
            assert _expected(future_supply(list(SKUS), as_of=self.world.now)) == self.world.expects()
            asker = ASKERS[self.steps % len(ASKERS)]
            assert _expected(supply_shown(list(SKUS), context=self._context(asker))) == self.world.expects(asker)

    @invariant()
    def the_books_balance(self) -> None:
        self.steps += 1
        if self.steps % self.books_every == 0:
            assert [sentence for each in all_invariants() for sentence in each.broken()] == []

    @rule(which=st.integers(0, 50), later=st.sampled_from([0, 1]))
    def somebody_asks_for_the_past(self, which: int, later: int) -> None:
        instants = sorted({move.at for level in self.world.levels.values() for move in level.moves})
        instant = instants[which % len(instants)] + timedelta(microseconds=later)
        found = {(each.sku, each.location): each for each in balances(as_of=instant)}
        assert found.keys() == self.world.levels.keys()
        for key, level in self.world.levels.items():
            for part in ("on_hand", "damaged", "quarantined"):
                assert getattr(found[key], part) == level.total(part, until=instant), (key, instant)


# ---- from the model's words to the product's -------------------------------------------------------


_STORED = """
SELECT s.sku, s.location_id, s.on_hand, s.damaged, s.quarantined, s.reserved, s.suspect_at, s.safety_stock,
    (SELECT json_object_agg(r.demand, r.remaining) FROM inventory_reservation r
     WHERE r.sku = s.sku AND r.location_id = s.location_id AND r.status = 'active'),
    (SELECT json_object_agg(h.hold_id, h.quantity) FROM inventory_cartholdline h
     WHERE h.sku = s.sku AND h.location_id = s.location_id AND h.expires_at > %s)
FROM inventory_stocklevel s"""


def _stored(now: datetime) -> dict[tuple[str, str], tuple]:
    """Levels with what each demand has reserved and each cart holds of them."""
    with connection.cursor() as cursor:
        cursor.execute(_STORED, [now])
        return {
            (sku, place): (*numbers, Counter(reserved or {}), Counter(held or {}))
            for sku, place, *numbers, reserved, held in cursor.fetchall()
        }


class _Refused(Exception):
    code = "refused"


def _tried(act: Callable[[], Any]) -> str:
    """The code of the refusal; empty when it was done."""
    try:
        act()
    except (DomainError, _Refused) as error:
        return error.code
    return ""


def _event(told: Told) -> StockEvent:
    return StockEvent(
        id=told.id,
        sku=told.sku,
        location=told.place,
        kind="count" if told.is_count else "delta",
        quantity=told.units,
        occurred_at=told.at,
        condition=told.condition or None,
    )


def _expected(supplies: Mapping[str, Sequence[Supply]]) -> Counter[tuple[str, date, str]]:
    return Counter({(sku, one.date, one.location): one.units for sku, several in supplies.items() for one in several})


def _hold_lines(lines: list[Line]) -> list[HoldLine]:
    return [HoldLine(line.sku, line.units, line.place) for line in lines]


def _as_refused(expected: list[tuple[Want, int]]) -> list[tuple]:
    return [(want.demand, want.sku, want.place, want.units, left) for want, left in expected]
