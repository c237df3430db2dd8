"""Everything that may happen to stock, interleaved as Hypothesis likes; after each step the product says what the model says.

Each example begins in a savepoint and ends by rolling it back. The clock stands still unless the machine moves it.
"""

import io
import json
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import combinations
from typing import Any, NamedTuple
from unittest.mock import patch

from django.db import connection, transaction
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from inventory import demands, events
from inventory.balances import balances
from inventory.demands import OrderDemand, register_order_demands
from inventory.errors import NotReserved
from inventory.exposure import Context
from inventory.imports.upload import save_stream
from inventory.models import Inbound, InboundLine, StockImport
from inventory.queries import network_stock, sellable_units
from inventory.services import (
    Held,
    LocationRow,
    NewImport,
    ProductRow,
    StockEvent,
    apply_stock_events,
    consume_reservations,
    count_stock,
    mark_damaged,
    mark_suspect,
    receive_import,
    release_reservations,
    reserve_stock,
    save_locations,
    save_products,
    set_protection,
    work_on_imports,
)
from inventory.services import Want as Wanted
from inventory.services.announcements import Announcement, announce_delivery
from inventory.services.cart_holds import (
    HoldLine,
    commit_hold,
    forget_ended_holds,
    hold_cart,
    lock_hold,
    release_hold,
    renew_hold,
)
from inventory.services.exposure_rules import ExposureRow, create_exposure_rule, remove_exposure_rule
from inventory.services.feeds import FeedRow, put_feed
from inventory.services.inbound import cancel_inbound, change_inbound
from inventory.services.receiving import Receipt, receive_inbound
from inventory.services.retention import forget_months
from inventory.services.stock_conditions import Adjustment, adjust_stock
from inventory.services.supply_promises import Promised, exchange_promises, withdraw_promises
from inventory.services.transfers import send_transfer
from inventory.supply import Supply, future_supply, sendable_units
from oms import cache
from oms.idempotency import fingerprint
from oms.ids import new_id
from oms.invariants import all_invariants
from tests.factories.inventory import NOW
from tests.factories.orders import make_channel
from tests.inventory.truth.counting import CountRules, Refused, tried
from tests.inventory.truth.model import (
    ECHO,
    NET,
    Asker,
    Coming,
    HandedOver,
    Line,
    Place,
    Row,
    Rule,
    Told,
    Want,
    World,
)
from tests.inventory.truth.model_counts import MANAGERS_VALUE, SMALL_VALUE, Counting

SKUS = {"A": frozenset({"shoes", "red"}), "B": frozenset({"red"})}
PLACES = {
    "S1": Place(groups=frozenset({"city"})),
    "S2": Place(safety=1, groups=frozenset({"city", "north"})),
    "S3": Place(country="US", groups=frozenset({"north"}), timezone="America/New_York"),
}
PRICES = {"A": 19.9, "B": 60.0}  # one of B more or fewer is no small matter
MOST_UNITS_HELD, MOST_CARTS = 9, 2
CHANNELS = ("web", "app")
ANYONE = Asker()
ASKERS = [ANYONE, Asker("web", "pickup"), Asker("app", "ship", "express")]
METHODS = ("ship", "pickup")
DEMANDS = ("line:1", "line:2", "line:3")
ORDERS = {"order:1": ("line:1", "line:2"), "order:2": ("line:3",)}
CLOSED = {"from_at": "2020-01-01T00:00:00+01:00", "until_at": "2099-12-31T00:00:00+01:00", "note": "for good"}
IDLE: dict[str, dict[str, Any]] = {"no daily capacity": {"daily_capacity": 0}, "never open": {"closures": [CLOSED]}}
MOST_RULES = 3
MID_MARCH, APRIL, MAY = (datetime(2026, month, day, tzinfo=UTC) for month, day in [(3, 15), (4, 1), (5, 1)])


def make_shop(settings: Any, directory: Any) -> None:
    """What stands before every example, once a test. `directory`: where files are put."""
    settings.HOLD_MOST_UNITS, settings.HOLD_MOST_PER_KEY = MOST_UNITS_HELD, MOST_CARTS
    settings.COUNT_TOLERANCE_UNITS, settings.COUNT_TOLERANCE_VALUE = 1, SMALL_VALUE
    settings.COUNT_HEADQUARTERS_VALUE = MANAGERS_VALUE
    settings.VERSIONED_CACHE_SECONDS = 1_000_000  # the machine throws away what it knows by heart when it changes
    settings.IMPORT_DIR = directory
    for channel in CHANNELS:
        make_channel(channel)
    put_feed(FeedRow(NET, counts_exclude_reserved=True), as_of=NOW)
    put_feed(FeedRow(ECHO, reports_our_work=True), as_of=NOW)
    with transaction.atomic():
        save_products([_product(sku) for sku in SKUS], as_of=NOW)
        save_locations([_location(code) for code in PLACES], as_of=NOW)


def _product(sku: str) -> ProductRow:
    return ProductRow(sku, f"Thing {sku}", Decimal(str(PRICES[sku])), tags=sorted(SKUS[sku]))


def _location(code: str) -> LocationRow:
    place = PLACES[code]
    return LocationRow(
        code,
        f"Place {code}",
        "store",
        safety_stock=place.safety,
        country=place.country,
        groups=sorted(place.groups),
        timezone=place.timezone,
        abilities=["receive_transfer", *METHODS],
    )


# ---- what may be asked ---------------------------------------------------------------------------

skus, codes = st.sampled_from(sorted(SKUS)), st.sampled_from(sorted(PLACES))
few = st.integers(1, 5)
askers = st.sampled_from(ASKERS)
customers = st.sampled_from([asker for asker in ASKERS if asker.channel])
seconds_ago = st.sampled_from([0, 0, 0, 1, 2, 30, 90])
any_seconds = st.one_of(seconds_ago, st.sampled_from([-60, -301]))  # in the future: a little, and too far
conditions = st.sampled_from(["", "", "", "sellable", "damaged", "quarantined"])


class Said(NamedTuple):
    """What a feed is to say; a change of nothing is one of one."""

    sku: str
    place: str
    units: int
    is_count: bool = False
    ago: int = 0  # seconds
    condition: str = ""
    order: str = ""
    source: str = "feed"


words = st.builds(
    Said,
    skus,
    codes,
    st.integers(-4, 9),
    st.booleans(),
    any_seconds,
    conditions,
    st.sampled_from(["", "", *ORDERS, "order:9"]),
    st.sampled_from(["feed", "feed", ECHO]),
)
wants = st.lists(st.tuples(askers, st.builds(Want, st.sampled_from(DEMANDS), skus, codes, few)), min_size=1, max_size=3)
cart_lines = st.lists(
    st.builds(Line, skus, few, st.one_of(st.none(), codes)),
    min_size=1,
    max_size=2,
)
parcels = st.dictionaries(skus, few, min_size=1, max_size=2).map(Counter)
# 14 and 20 hours from the beginning it is midnight in Paris and in New York; late ones are believed for seven days
hours = st.sampled_from([-8 * 24, -7 * 24, -6 * 24, -1, 0, 1, 14, 20, 48, 4 * 366 * 24])
senders_names = st.sampled_from(["", "", "n1", "n2"])
told_units = st.sampled_from([None, *range(10)])
rows_told = st.lists(
    st.builds(Row, st.sampled_from(["A", "A", "B", "B", "nobody's", ""]), codes, told_units), min_size=1, max_size=3
)
seen = st.sampled_from(["", "", "now", "before"])
receipts = st.lists(st.tuples(skus, few, st.sampled_from(["", "", "damaged", "quarantined"])), max_size=3)
lifetimes = st.sampled_from([1, 60, 600, 3600, 7200])


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
        "in_doubt_below": st.sampled_from([None, None, 0.45, 0.65]),
    }
)


class StockMachine(CountRules, RuleBasedStateMachine):
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
            orders=ORDERS,
            most_units_held=MOST_UNITS_HELD,
            most_carts=MOST_CARTS,
        )
        self.counting = Counting(self.world, PRICES)
        self.told: list[Told] = []
        self.waiting: dict[str, int] = {}  # units of demands that were promised of deliveries, and not given up
        self.steps = 0
        self.versions: dict[tuple[str, int], int] = {}  # of a delivery that has changed so often
        self.short: Counter[tuple[str, str]] = Counter()
        self.heard_until = _last_fact()
        self._lookup = demands._lookup
        register_order_demands(self._demands_of)

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self._example.__exit__(None, None, None)
        register_order_demands(self._lookup)
        cache.clear_all()

    def _demands_of(self, references: Collection[str]) -> Mapping[str, Sequence[OrderDemand]]:
        """What the orders' room would say: so many were given to each place."""
        return {
            order: [
                OrderDemand(demand, *key, level.given[demand])
                for demand in ORDERS[order]
                for key, level in self.world.levels.items()
            ]
            for order in references
            if order in ORDERS
        }

    # ---- feeds -----------------------------------------------------------------------------------

    @initialize(units=st.lists(st.integers(0, 8), min_size=6, max_size=6))
    def count_everything(self, units: list[int]) -> None:
        keys = [(sku, place) for sku in SKUS for place in PLACES]
        self.a_feed_tells([Said(*key, n, is_count=True) for key, n in zip(keys, units, strict=True)])

    @rule(several=st.lists(words, min_size=1, max_size=3), stutters=st.sampled_from([False, False, True]))
    def a_feed_tells(self, several: list[Said], stutters: bool = False) -> None:
        told = [self._new(said, number) for number, said in enumerate(several)]
        self._tell([*told, *told[:stutters]])

    @rule(sku=skus, place=codes, units=st.integers(0, 9), ago=seconds_ago, condition=conditions)
    def a_feed_counts_what_is_not_reserved(
        self, sku: str, place: str, units: int, ago: int = 0, condition: str = ""
    ) -> None:
        self._tell([self._new(Said(sku, place, units, is_count=True, ago=ago, condition=condition, source=NET))])

    @rule(which=st.integers(0, 50), change=st.sampled_from([None, None, None, "units", "place", "is_count"]))
    def a_feed_tells_again(self, which: int, change: str | None = None) -> None:
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
        self._tell([self._new(Said(sku, place, units))])

    def _new(self, said: Said, number: int = 0) -> Told:
        return Told(
            f"e{len(self.told) + number}",
            said.sku,
            said.place,
            said.is_count,
            abs(said.units) if said.is_count else said.units or 1,
            self.world.now - timedelta(seconds=said.ago),
            said.condition,
            said.source,
            said.order,
        )

    def _tell(self, events: list[Told]) -> None:
        self.told += events
        expected = [self.world.hear(event) for event in events]
        with transaction.atomic():
            results = apply_stock_events([_event(told) for told in events], source="", actor="t", as_of=self.world.now)
        assert [result.code or result.status for result in results] == expected

    @rule(rows=rows_told, place=codes, is_all=st.booleans(), ago=any_seconds, source=st.sampled_from(["erp", NET]))
    def a_file_counts(
        self,
        rows: list[Row],
        place: str = "S1",
        is_all: bool = False,
        ago: int = 0,
        source: str = "erp",
    ) -> None:
        """With `is_all`, it is of that place and names all that stands there."""
        if is_all:
            rows = [row._replace(place=place) for row in rows]
        lines = [f"{sku},{where},{'?' if units is None else units}" for sku, where, units in rows]
        written = "\n".join(["sku,location,quantity", *lines, ""])
        name = new_id("imp")
        saved = save_stream(name, io.BytesIO(written.encode()).read, most_bytes=10_000)
        occurred_at = self.world.now - timedelta(seconds=ago)
        mode, where = ("snapshot", place) if is_all else ("counts", None)
        new = NewImport(name, mode, where, source, "csv", saved.bytes, saved.digest, occurred_at)
        refused = tried(lambda: receive_import(new, actor="t", as_of=self.world.now))
        with patch.object(connection, "close"):  # a worker whose chunk fails drops its connection, which is ours
            while work_on_imports(now=lambda: self.world.now, seconds=60):
                pass
        applied = self.world.read_file(source, place, rows, ago=ago, is_all=is_all)
        if isinstance(applied, str):
            assert refused == applied
            return
        done = StockImport.objects.get(pk=name)
        assert (done.status, done.rows_applied, done.rows_rejected) == ("completed", applied, len(rows) - applied)

    # ---- reservations ----------------------------------------------------------------------------

    @rule(asked=wants)
    def orders_reserve(self, asked: list[tuple[Asker, Want]]) -> None:
        expected = self.world.reserve(asked)
        with transaction.atomic():
            assert self._reserve(asked) == _as_refused(expected)

    @precondition(lambda self: self._reserved())
    @rule(which=st.integers(0, 50), units=st.integers(1, 7), is_gone=st.booleans(), twice=st.booleans())
    def orders_let_go(self, units: int, is_gone: bool, twice: bool = False, which: int = 0) -> None:
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
        assert (tried(transaction.atomic(act)) != NotReserved.code) == expected

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

        refused = tried(act)
        name = made[0] if made else "refused"
        assert (refused or name) == self.world.hold(
            name, cart=cart, asker=asker, lines=lines, seconds=seconds, words=said
        )

    @precondition(lambda self: self.world.holds)
    @rule(
        which=st.integers(0, 9),
        lines=st.one_of(st.none(), cart_lines),
        seconds=lifetimes,
        asker=st.one_of(st.none(), customers),
    )
    def a_cart_renews(
        self, seconds: int, lines: list[Line] | None = None, asker: Asker | None = None, which: int = 0
    ) -> None:
        name = self._hold(which)
        asker = asker and asker._replace(channel=self.world.holds[name].channel)

        def act() -> None:
            renew_hold(
                hold_id=name,
                ttl_seconds=seconds,
                lines=None if lines is None else _hold_lines(lines),
                method=asker and asker.method,
                service=asker and asker.service,
                among=None,
                as_of=self.world.now,
            )

        assert tried(act) == self.world.renew(name, asker=asker, lines=lines, seconds=seconds)

    @precondition(lambda self: self.world.holds)
    @rule(which=st.integers(0, 9))
    def a_cart_lets_go(self, which: int = 0) -> None:
        name = self._hold(which)
        refused = tried(lambda: release_hold(hold_id=name, as_of=self.world.now))
        assert refused == self.world.release(name)

    @precondition(lambda self: self.world.holds)
    @rule(which=st.integers(0, 9), as_held=st.booleans(), asked=wants)
    def a_cart_becomes_an_order(self, asked: list[tuple[Asker, Want]], as_held: bool = False, which: int = 0) -> None:
        name = self._hold(which)
        hold = self.world.holds[name]
        if as_held:
            asker = Asker(hold.channel, "ship", "standard")
            asked = [(asker, Want("line:1", *key, units)) for key, units in sorted(hold.pins.items())]

        def act() -> None:
            lock_hold(name)
            refused = self._reserve(asked, own=name)
            commit_hold(name, as_of=self.world.now)
            if refused:
                raise Refused

        assert tried(transaction.atomic(act)) == self.world.order_from(name, asked)

    @rule()
    def the_sweeper_comes(self, forgets_after: timedelta = timedelta(days=1)) -> None:
        forget_ended_holds(as_of=self.world.now, older_than=self.world.now - forgets_after)
        self.world.sweep(forgets_after)

    def _hold(self, which: int) -> str:
        names = list(self.world.holds)
        return names[-1 - which % len(names)]

    # ---- what people decide ----------------------------------------------------------------------

    @precondition(lambda self: len(self.world.rules) < MOST_RULES)
    @rule(said=rules_said)
    def somebody_makes_a_rule(self, said: dict[str, Any]) -> None:
        self.world.now += timedelta(microseconds=1)  # the newest of equals counts: no two are made at once
        made = Rule(self.world.now, **said)
        made.in_doubt_below = None if made.hides else made.in_doubt_below  # doubt keeps back, it does not hide
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
            below_confidence=made.in_doubt_below,
        )
        self.world.rules[create_exposure_rule(row, actor="t", as_of=self.world.now)] = made
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
        self.world.does_not_find(sku, place)

    @rule(sku=skus, place=codes, units=st.integers(0, 9))
    def somebody_counts(self, sku: str, place: str, units: int) -> None:
        told = Told(f"look-{self.steps}", sku, place, True, units, self.world.now, source="t", is_look=True)
        refused = tried(lambda: count_stock(sku=sku, location=place, quantity=units, actor="t", as_of=self.world.now))
        assert refused == ("" if self.world.hear(told) == "applied" else "invalid")

    @rule(sku=skus, is_sold=st.booleans())
    def somebody_takes_it_off_sale(self, sku: str, is_sold: bool = False) -> None:
        with transaction.atomic():
            save_products([replace(_product(sku), is_active=is_sold)], as_of=self.world.now)
        (self.world.off_sale.discard if is_sold else self.world.off_sale.add)(sku)

    @rule(
        place=codes,
        is_open=st.booleans(),
        takes_orders=st.booleans(),
        idle=st.sampled_from(["", "", *IDLE]),
        takes_transfers=st.sampled_from([True, True, False]),
        able=st.sampled_from([METHODS, METHODS, *combinations(METHODS, 1), ()]),
    )
    def somebody_closes_a_place(
        self,
        place: str,
        is_open: bool = False,
        takes_orders: bool = True,
        idle: str = "",
        takes_transfers: bool = True,
        able: tuple[str, ...] = METHODS,
    ) -> None:
        usual = _location(place)
        abilities = [*able, "receive_transfer"] if takes_transfers else [*able]
        row = replace(
            usual, is_active=is_open, accepting_orders=takes_orders, abilities=abilities, **IDLE.get(idle, {})
        )
        with transaction.atomic():
            save_locations([row], as_of=self.world.now)
        (self.world.closed.discard if is_open else self.world.closed.add)(place)
        (self.world.declining.discard if is_open and takes_orders else self.world.declining.add)(place)
        (self.world.idle.add if idle else self.world.idle.discard)(place)
        (self.world.refusing.discard if takes_transfers else self.world.refusing.add)(place)
        for method in METHODS:
            (self.world.unable.discard if method in able else self.world.unable.add)((place, method))
        cache.clear_all()

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
    def somebody_adjusts(self, kind: str, sku: str, place: str, units: int, condition: str = "") -> None:
        given = Adjustment(sku, place, kind, units, "seen", condition=condition)
        refused = tried(lambda: adjust_stock(given, actor="t", as_of=self.world.now))
        assert refused == self.world.adjust(kind, sku, place, units, condition)

    # ---- deliveries and transfers ------------------------------------------------------------------

    @rule(place=codes, units=parcels, in_hours=hours, name=senders_names)
    def a_delivery_is_announced(self, place: str, units: Counter[str], in_hours: int = 1, name: str = "") -> None:
        self._announce(Coming(place, self._in(in_hours), units), name, announce_delivery)

    @rule(way=st.permutations(sorted(PLACES)), units=parcels, in_hours=hours, name=senders_names)
    def a_transfer_is_sent(self, way: list[str], units: Counter[str], in_hours: int = 1, name: str = "") -> None:
        origin, place = way[:2]
        self._announce(Coming(place, self._in(in_hours), units, origin), name, send_transfer)

    def _announce(self, given: Coming, name: str, announce: Callable[..., dict[str, Any]]) -> None:
        announcement = Announcement(
            given.place,
            given.expected_at,
            list(given.announced.items()),
            origin=given.origin or None,
            external_id=name or None,
            fingerprint=fingerprint(given.words),
        )
        made: list[dict[str, Any]] = []
        refused = tried(lambda: made.append(announce(announcement, actor="t", as_of=self.world.now)))
        expected = self.world.announce(given, name=name)
        ours = made[0]["inbound"] if made else ""
        if made and made[0]["is_new"]:
            assert expected == ""
            self.world.is_announced(ours, given, name=name)
            self._see(ours)
        else:
            assert expected == (refused or ours)

    @precondition(lambda self: self.world.coming)
    @rule(which=st.integers(0, 9), came=st.one_of(st.none(), receipts), is_last=st.booleans(), seen=seen)
    def goods_arrive(
        self, came: list[tuple[str, int, str]] | None = None, is_last: bool = False, seen: str = "", which: int = 0
    ) -> None:
        name = self._coming(which)
        told = came if came is None else [Receipt(sku, n, condition or "sellable") for sku, n, condition in came]
        version = self._version(name, seen)

        def act() -> None:
            receive_inbound(
                inbound_id=name, receipts=told, final=is_last, version=version, actor="t", as_of=self.world.now
            )

        assert tried(act) == self.world.receive(name, came, is_last=is_last, is_old_news=seen == "before")
        self._see(name)

    @precondition(lambda self: self.world.coming)
    @rule(which=st.integers(0, 9), units=st.one_of(st.none(), parcels), in_hours=st.one_of(st.none(), hours), seen=seen)
    def a_delivery_is_changed(
        self, units: Counter[str] | None = None, in_hours: int | None = None, seen: str = "", which: int = 0
    ) -> None:
        name = self._coming(which)
        expected_at = None if in_hours is None else self._in(in_hours)
        lines = None if units is None else list(units.items())
        version = self._version(name, seen)

        def act() -> None:
            change_inbound(
                inbound_id=name, expected_at=expected_at, lines=lines, version=version, actor="t", as_of=self.world.now
            )

        assert tried(act) == self.world.change(name, expected_at, units, is_old_news=seen == "before")
        self._see(name)

    @precondition(lambda self: self.world.coming)
    @rule(which=st.integers(0, 9), sku=skus, units=few, asker=askers)
    def somebody_waits_for_it(self, sku: str, units: int, which: int = 0, asker: Asker = ANYONE) -> None:
        name = self._coming(which)
        line = InboundLine.objects.filter(inbound=name, product=sku).values_list("pk", flat=True).first()
        demand = f"waits:{len(self.waiting)}"
        now = [Promised(demand, sku, line or 0, units)]
        with transaction.atomic():
            done = exchange_promises([], [(self._context(asker), now)], demands=[demand], since=self.world.now)
        assert done == self.world.promise(name, demand, sku, units, asker=asker)
        if done:
            self.waiting[demand] = units

    @precondition(lambda self: self.waiting)
    @rule(which=st.integers(0, 9), units=few)
    def somebody_gives_up_waiting(self, which: int = 0, units: int = 1) -> None:
        demand = list(self.waiting)[which % len(self.waiting)]
        units = min(units, self.waiting[demand])
        with transaction.atomic():
            release_reservations(withdraw_promises({demand: units}), as_of=self.world.now)
        self.world.gives_up(demand, units)
        self.waiting[demand] -= units

    def _in(self, hours: int) -> datetime:
        return self.world.now + timedelta(hours=hours)

    def _see(self, name: str) -> None:
        self.versions[name, self.world.coming[name].changes] = Inbound.objects.get(pk=name).version

    def _version(self, name: str, seen: str) -> int | None:
        """What the caller says it saw: nothing, the delivery as it is, or as it was before its last change."""
        changes = self.world.coming[name].changes
        return {"now": self.versions[name, changes], "before": self.versions.get((name, changes - 1), 0)}.get(seen)

    @precondition(lambda self: self.world.coming)
    @rule(which=st.integers(0, 9))
    def a_delivery_is_canceled(self, which: int = 0) -> None:
        name = self._coming(which)
        refused = tried(lambda: cancel_inbound(inbound_id=name, actor="t", as_of=self.world.now))
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

    @precondition(lambda self: self.world.begins_at is None)
    @rule(before=st.sampled_from([APRIL, APRIL, MID_MARCH, MAY]))
    def the_month_ends_and_is_forgotten(self, before: datetime = APRIL) -> None:
        """Whole months are, and never the present one."""
        self.world.now = APRIL + timedelta(hours=9)
        refused = tried(lambda: list(forget_months(before=before, actor="t", as_of=self.world.now)))
        assert refused == ("" if before == APRIL else "invalid")
        if before == APRIL:
            self.world.forget(APRIL)

    # ---- what must be so after every step --------------------------------------------------------

    @invariant()
    def stock_is_what_happened_to_it(self) -> None:
        assert _stored(self.world.now) == {
            key: (
                *(level.total(part) for part in ("on_hand", "damaged", "quarantined")),
                level.reserved.total(),
                level.suspect_since,
                level.safety,
                None if level.confidence is None else round(level.confidence, 9),
                level.bin,
                level.reserved,
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

    @invariant()
    def what_is_added_up_is_what_is_seen(self) -> None:
        asker, nearest = ASKERS[self.steps % len(ASKERS)], min(PLACES)
        for sku, told in network_stock(list(SKUS), context=self._context(asker), near=[nearest]).items():
            open_ = [at for at in PLACES if (sku, at) in self.world.levels and self.world.serves(asker, at)]
            seen = {place: self.world.sees(asker, sku, place) for place in open_}
            assert (told.total, told.units.get(nearest, 0)) == (sum(seen.values()), seen.get(nearest, 0)), (asker, sku)

    def _context(self, asker: Asker, *, own: str = "") -> Context:
        return Context(
            self.world.now, asker.channel, order_type=asker.method, service=asker.service, holds=(own,) if own else ()
        )

    @invariant()
    def each_place_knows_what_it_can_send(self) -> None:
        for place in PLACES:
            spare = sendable_units(place, SKUS, as_of=self.world.now)
            assert spare == {sku: self.world.spare(sku, place) for sku in SKUS}, place

    @invariant()
    def those_concerned_are_told(self) -> None:
        """Of every shortage that grew, as it is now; of all that a till gave to an order's shopper, once."""
        short = Counter({key: level.short for key, level in self.world.levels.items()})
        told, handed_over = self._facts()
        for key, reserved, missing in told:
            assert reserved == self.world.levels[key].reserved.total(), key
            assert missing == short[key] > 0, key
        assert (short - self.short).keys() <= {key for key, *_figures in told}
        assert handed_over == self.world.handed_over
        self.short, self.world.handed_over = short, []

    def _facts(self) -> tuple[list[tuple], list[HandedOver]]:
        """What was told since this was asked before: of shortages, and of orders' units that are gone."""
        with connection.cursor() as cursor:
            cursor.execute(_TOLD, [self.heard_until, [events.STOCK_SHORT, events.RESERVATION_CONSUMED]])
            rows = cursor.fetchall()
        self.heard_until = rows[-1][0] if rows else self.heard_until
        facts = [(kind, json.loads(payload)) for _id, kind, payload in rows]
        short = [
            ((said["sku"], said["location"]), said["reserved"], said["short"])
            for kind, said in facts
            if kind == events.STOCK_SHORT
        ]
        gone = [
            HandedOver(
                said["order"],
                said["sku"],
                said["location"],
                tuple((part["demand"], part["quantity"]) for part in said["demands"]),
            )
            for kind, said in facts
            if kind == events.RESERVATION_CONSUMED
        ]
        return short, gone

    @invariant()
    def what_is_to_come_is_known(self) -> None:
        if self.world.coming:
            assert _lines_to_come() == {
                (name, sku): figures
                for name, coming in self.world.coming.items()
                for sku in SKUS
                if any(figures := (coming.received[sku], coming.remaining()[sku], coming.missing()[sku]))
            }
            assert _waits_for() == self.world.waits_for()
            for asker in ASKERS:
                assert _expected(future_supply(list(SKUS), context=self._context(asker))) == self.world.expects(asker)

    @invariant()
    def the_books_balance(self) -> None:
        self.steps += 1
        if self.steps % self.books_every == 0:
            assert [sentence for each in all_invariants() for sentence in each.broken()] == []

    @rule(which=st.integers(0, 50), later=st.sampled_from([0, 1]))
    def somebody_asks_for_the_past(self, which: int, later: int) -> None:
        begins_at = self.world.begins_at or NOW
        moves = [move for level in self.world.levels.values() for move in level.moves]
        instants = sorted({begins_at, *(move.at for move in moves if move.at > begins_at)})
        instant = instants[which % len(instants)] + timedelta(microseconds=later)
        found = {(each.sku, each.location): each for each in balances(as_of=instant)}
        assert found.keys() == self.world.levels.keys()
        for key, level in self.world.levels.items():
            for part in ("on_hand", "damaged", "quarantined"):
                assert getattr(found[key], part) == level.total(part, until=instant), (key, instant)


# ---- from the model's words to the product's -------------------------------------------------------


_STORED = """
SELECT s.sku, s.location_id, s.on_hand, s.damaged, s.quarantined, s.reserved, s.suspect_at, s.safety_stock,
    round(s.confidence::numeric, 9)::float8, s.bin,
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


_TOLD = "SELECT id, type, payload::text FROM oms_event WHERE id > %s AND type = ANY(%s) ORDER BY id"


def _last_fact() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(id), 0) FROM oms_event")
        return cursor.fetchone()[0]


_TO_COME = """
SELECT inbound_id, sku, received, remaining, missing FROM inventory_inboundline
WHERE (received, remaining, missing) <> (0, 0, 0)"""


def _lines_to_come() -> dict[tuple[str, str], tuple[int, int, int]]:
    """What was received of each line, may still come, or is missing."""
    with connection.cursor() as cursor:
        cursor.execute(_TO_COME)
        return {(name, sku): tuple(figures) for name, sku, *figures in cursor.fetchall()}


_WAITS = """
SELECT p.demand, coalesce(line.inbound_id, ''), p.quantity
FROM inventory_supplypromise p LEFT JOIN inventory_inboundline line ON line.id = p.line_id"""


def _waits_for() -> dict[tuple[str, str], int]:
    with connection.cursor() as cursor:
        cursor.execute(_WAITS)
        return {(demand, name): units for demand, name, units in cursor.fetchall()}


def _event(told: Told) -> StockEvent:
    return StockEvent(
        id=told.id,
        sku=told.sku,
        location=told.place,
        kind="count" if told.is_count else "delta",
        quantity=told.units,
        occurred_at=told.at,
        condition=told.condition or None,
        reference=told.order,
        source=told.source,
    )


def _expected(supplies: Mapping[str, Sequence[Supply]]) -> Counter[tuple[str, date, str]]:
    return Counter({(sku, one.date, one.location): one.units for sku, several in supplies.items() for one in several})


def _hold_lines(lines: list[Line]) -> list[HoldLine]:
    return [HoldLine(line.sku, line.units, line.place) for line in lines]


def _as_refused(expected: list[tuple[Want, int]]) -> list[tuple]:
    return [(want.demand, want.sku, want.place, want.units, left) for want, left in expected]
