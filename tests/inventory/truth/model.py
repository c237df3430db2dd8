"""What stock should be, in plain Python: a diary of what moved at each level, sums over it, and a few lists.

Shares nothing with the product: what is right is written here a second time, as simply as it can be said.
"""

from collections import Counter
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

Key = tuple[str, str]  # sku, place

LONGEST_HOLD = timedelta(minutes=60)
BELIEVED_LATE = timedelta(days=7)
FAST_CLOCK = timedelta(minutes=5)
FARTHEST_DAY = timedelta(days=3 * 366)
MOST_UNITS = 2_000_000_000
NET, ECHO = "net", "echo"
"""Sources of a kind of their own: one's counts leave out what is reserved, the other repeats what we book ourselves."""


@dataclass(frozen=True)
class Place:
    safety: int = 0
    country: str = "FR"
    groups: frozenset[str] = frozenset()
    timezone: str = "Europe/Paris"


class Move(NamedTuple):
    at: datetime
    on_hand: int = 0
    damaged: int = 0
    quarantined: int = 0

    @property
    def good(self) -> int:
        return self.on_hand - self.damaged - self.quarantined


@dataclass
class Reservation:
    """`units`: all that it ever was. It has ended when none are left."""

    demand: str
    units: int
    left: int
    made_at: datetime
    ended_at: datetime | None = None


@dataclass
class Level:
    moves: list[Move] = field(default_factory=list)
    reservations: list[Reservation] = field(default_factory=list)
    given: Counter[str] = field(default_factory=Counter)  # to this place, by demand, and not taken from it again
    safety: int | None = None
    counted_at: datetime | None = None
    suspect_since: datetime | None = None
    confidence: float | None = None
    bin: str = ""

    def total(self, part: str, *, after: datetime | None = None, until: datetime | None = None) -> int:
        return sum(
            getattr(move, part)
            for move in self.moves
            if (after is None or move.at > after) and (until is None or move.at <= until)
        )

    @property
    def good(self) -> int:
        return self.total("good")

    @property
    def short(self) -> int:
        """Promised units that are not there."""
        return max(0, self.reserved.total() - max(0, self.good))

    @property
    def reserved(self) -> Counter[str]:
        return Counter({one.demand: one.left for one in self.reservations if one.left})

    def reserved_at(self, instant: datetime) -> int:
        """As near as anybody knows: of what ended since all it ever was, of what lives on what is left."""
        then = [one for one in self.reservations if one.made_at <= instant]
        return sum(one.left if one.left else one.units for one in then if one.left or one.ended_at > instant)

    def reserve(self, demand: str, units: int, now: datetime) -> None:
        self.given[demand] += units
        for one in self.reservations:
            if one.demand == demand and one.left:
                one.units += units
                one.left += units
                return
        self.reservations.append(Reservation(demand, units, units, now))

    def let_go(self, demand: str, units: int, now: datetime) -> None:
        [one] = [one for one in self.reservations if one.demand == demand and one.left]
        one.left -= units
        one.ended_at = now

    def looked(self, *, agrees: bool) -> None:
        """Somebody looked at the shelf: of five looks, the four before this one count as they did."""
        before = 0.5 if self.confidence is None else self.confidence
        self.confidence = (4 * before + agrees) / 5


class Asker(NamedTuple):
    channel: str = ""
    method: str = ""
    service: str = ""


class Told(NamedTuple):
    """What a feed says. `condition` empty: of nothing in particular. `damaged`: so many of the counted are.

    `is_look`: somebody stood at the shelf.
    """

    id: str
    sku: str
    place: str
    is_count: bool
    units: int
    at: datetime
    condition: str = ""
    source: str = "feed"
    order: str = ""
    damaged: int | None = None
    bin: str = ""
    is_look: bool = False

    @property
    def is_of_good_ones(self) -> bool:
        return self.condition in ("", "sellable")

    @property
    def names_order(self) -> bool:
        return self.order != "" and not self.is_count and self.is_of_good_ones


class Row(NamedTuple):
    """Of a file of counts. No SKU or no units: it cannot be read."""

    sku: str
    place: str
    units: int | None

    @property
    def is_readable(self) -> bool:
        return self.sku != "" and self.units is not None


class HandedOver(NamedTuple):
    """What an order had reserved and a till gave to the shopper."""

    order: str
    sku: str
    place: str
    units: tuple[tuple[str, int], ...]  # by demand


class Want(NamedTuple):
    demand: str
    sku: str
    place: str
    units: int


class Line(NamedTuple):
    """What a cart asks for; no place: wherever there is most."""

    sku: str
    units: int
    place: str | None = None


@dataclass
class Rule:
    """`share` in ten-thousandths. Empty conditions do not restrict."""

    made_at: datetime
    channel: str = ""
    method: str = ""
    service: str = ""
    countries: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    skus: tuple[str, ...] = ()
    units: int = 0
    share: int = 0
    hides: bool = False
    in_doubt_below: float | None = None  # counts where the level is believed less than this, and besides the others

    def product_rank(self, sku: str, tags: frozenset[str]) -> int | None:
        """None: not this product."""
        if sku in self.skus:
            return 2
        if tags & set(self.tags):
            return 1
        return None if self.skus or self.tags else 0

    def place_rank(self, code: str, place: Place) -> int | None:
        if code in self.places:
            return 3
        if place.groups & set(self.groups):
            return 2
        if place.country in self.countries:
            return 1
        return None if self.places or self.groups or self.countries else 0

    def rank(self, asker: Asker, sku: str, tags: frozenset[str], code: str, place: Place) -> tuple | None:
        """The larger, the more it has to say; None: nothing."""
        told = [(self.channel, asker.channel), (self.service, asker.service), (self.method, asker.method)]
        product, where = self.product_rank(sku, tags), self.place_rank(code, place)
        if product is None or where is None or any(wanted not in ("", given) for wanted, given in told):
            return None
        return product, where, *(wanted != "" for wanted, _given in told), self.made_at


@dataclass
class Hold:
    cart: str
    channel: str
    words: object  # what was asked for at first
    lines: list[Line]  # what is asked for now
    pins: Counter[Key]
    made_at: datetime
    ends_at: datetime
    ended: str = ""
    ended_at: datetime | None = None
    is_forgotten: bool = False

    def end(self, how: str, now: datetime) -> None:
        self.ended, self.ended_at = how, now


class Waits(NamedTuple):
    demand: str
    sku: str
    units: int


@dataclass
class Coming:
    """A delivery that was announced or, with an origin, a transfer that was sent."""

    place: str
    expected_at: datetime
    announced: Counter[str]  # units by SKU
    origin: str = ""
    received: Counter[str] = field(default_factory=Counter)
    ended: str = ""
    changes: int = 0
    waiting: list[Waits] = field(default_factory=list)  # who was promised of it, the first first

    @property
    def words(self) -> object:
        return self.place, self.expected_at, sorted(self.announced.items()), self.origin

    def remaining(self) -> Counter[str]:
        return Counter() if self.ended else self.announced - self.received

    def promised(self) -> Counter[str]:
        units: Counter[str] = Counter()
        for one in self.waiting:
            units[one.sku] += one.units
        return units

    def missing(self) -> Counter[str]:
        """It has ended, and these never came."""
        return self.announced - self.received if self.ended == "received" else Counter()


@dataclass
class World:
    """Stock as it should be. Whoever changes it is told what it should be answered."""

    now: datetime
    places: dict[str, Place]
    tags: dict[str, frozenset[str]]
    orders: dict[str, tuple[str, ...]]  # their demands, in the order in which they are served
    most_units_held: int
    most_carts: int
    levels: dict[Key, Level] = field(default_factory=dict)
    heard: dict[tuple[str, str], tuple[Key, int, datetime]] = field(default_factory=dict)  # by source and id, and when
    begins_at: datetime | None = None  # what moved before is summed up
    recognized: Counter[tuple[str, Key]] = field(default_factory=Counter)  # of an order, told by who repeats our work
    handed_over: list[HandedOver] = field(default_factory=list)
    off_sale: set[str] = field(default_factory=set)
    closed: set[str] = field(default_factory=set)
    declining: set[str] = field(default_factory=set)  # places that take no orders
    idle: set[str] = field(default_factory=set)  # places that can do no work on any day
    refusing: set[str] = field(default_factory=set)  # places that take no transfers
    unable: set[tuple[str, str]] = field(default_factory=set)  # places, and the delivery methods they cannot do
    rules: dict[str, Rule] = field(default_factory=dict)
    holds: dict[str, Hold] = field(default_factory=dict)
    coming: dict[str, Coming] = field(default_factory=dict)
    announced: dict[str, tuple[str, object]] = field(default_factory=dict)  # by its sender's name: ours, and the words
    in_vain: Counter[tuple[str, str]] = field(default_factory=Counter)  # by demand and SKU: waits, and nobody brings it

    def __post_init__(self) -> None:
        self.levels = {(sku, place): Level() for sku in self.tags for place in self.places}

    # ---- what is seen ----------------------------------------------------------------------------

    def sees(self, asker: Asker, sku: str, place: str, *, own: str = "") -> int:
        """Units for sale to this asker, whose own hold does not stand in the way."""
        level, kept = self.levels[sku, place], self.kept(asker, sku, place)
        if level.suspect_since is not None or kept is None or sku in self.off_sale or place in self.closed:
            return 0
        free = level.good - level.reserved.total() - self.held(sku, place, but=own)
        in_own = self.holds[own].pins[sku, place] if own and self.is_live(self.holds[own]) else 0
        return max(0, free - kept, min(free, in_own))  # what is held for a cart is kept from it by no later rule

    def kept(self, asker: Asker, sku: str, place: str) -> int | None:
        """None: it is hidden."""
        level, safety = self.levels[sku, place], self.places[place].safety
        kept = self.kept_by_rules(asker, sku, place, level.good)
        return None if kept is None else max(kept, safety if level.safety is None else level.safety)

    def kept_by_rules(self, asker: Asker, sku: str, place: str, good: int) -> int | None:
        """Of so many good units; None: it is hidden."""
        here = self.places[place]
        heard = [(rule.rank(asker, sku, self.tags[sku], place, here), rule) for rule in self.rules.values()]
        heard = [(rank, rule) for rank, rule in heard if rank is not None]
        if any(rule.hides for _rank, rule in heard):
            return None
        level = self.levels[sku, place]
        kept = [0]
        usual = [one for one in heard if one[1].in_doubt_below is None]
        doubtful = [one for one in heard if one[1].in_doubt_below is not None]
        for some in (usual, doubtful):
            if some:
                _rank, rule = max(some, key=lambda one: one[0])
                if rule.in_doubt_below is None or _is_doubtful(level, rule.in_doubt_below):
                    kept += [rule.units, -(-max(0, good) * rule.share // 10_000)]
        return max(kept)

    def is_live(self, hold: Hold) -> bool:
        return not hold.ended and self.now < hold.ends_at

    def held(self, sku: str, place: str, *, but: str = "") -> int:
        return sum(hold.pins[sku, place] for name, hold in self.live_holds() if name != but)

    def live_holds(self) -> list[tuple[str, Hold]]:
        return [(name, hold) for name, hold in self.holds.items() if self.is_live(hold)]

    # ---- feeds -----------------------------------------------------------------------------------

    def hear(self, told: Told) -> str:
        """Returns what the source is answered."""
        key = told.sku, told.place
        if (told.source, told.id) in self.heard:
            known, units, _at = self.heard[told.source, told.id]
            same = known == key and (told.is_count or units == told.units)
            return "duplicate" if same else "id_reused"
        at = min(told.at, self.now) if told.at <= self.now + FAST_CLOCK else told.at
        if at > self.now:
            return "in_the_future"
        if key not in self.levels:
            return "unknown_location" if told.sku in self.tags else "unknown_sku"
        if self._is_forgotten(at):
            return "before_the_ledger"
        level = self.levels[key]
        if level.counted_at is not None and at < level.counted_at:
            if not self._hand_over(told, level):
                return "stale"
            self.heard[told.source, told.id] = key, told.units, self.now  # the count knew already that they were gone
            return "applied"
        ours = self._our_work(told, level)
        move = self._counted(level, told, at) if told.is_count else self._moved(told.units - ours, told.condition, at)
        after = {part: level.total(part) + getattr(move, part) for part in ("on_hand", "damaged", "quarantined")}
        if min(after["damaged"], after["quarantined"]) < 0:
            return "below_zero"
        if max(map(abs, [*after.values(), *move[1:]])) > MOST_UNITS:
            return "out_of_range"
        level.moves.append(move)
        self.heard[told.source, told.id] = key, move.on_hand if told.is_count else told.units, self.now
        if told.is_count and told.is_of_good_ones:
            self._is_counted(level, at)
        if told.is_look:
            broken, said = (0, 0) if told.damaged is None else (told.damaged, told.damaged - move.damaged)
            level.looked(agrees=agree((told.units, broken), (told.units - move.on_hand, said)))
        level.bin = told.bin or level.bin
        self.recognized[told.order, key] -= ours
        self._hand_over(told, level)
        return "our_own_work" if ours and ours == told.units else "applied"

    def read_file(self, source: str, place: str, rows: Sequence[Row], *, ago: int, is_all: bool) -> int | str:
        """A file of counts. Returns how many rows were believed, or why none was read.

        With `is_all`, whatever of the place it does not name is none; unless nobody can tell what a row names, or
        nothing of it was believed.
        """
        at = self.now - timedelta(seconds=ago)
        if at > self.now + FAST_CLOCK:
            return "invalid"
        at = min(at, self.now)
        said = {(row.sku, row.place): row.units for row in rows if row.is_readable}  # the last word about a level
        named = {row.sku for row in rows}
        believed = sum(self._is_believed(source, key, units, at) for key, units in said.items())
        if is_all and believed and "" not in named:
            for sku in self.tags.keys() - named:
                self._is_believed(source, (sku, place), 0, at)
        return believed

    def _is_believed(self, source: str, key: Key, units: int, at: datetime) -> bool:
        level = self.levels.get(key)
        if level is None or self._is_forgotten(at) or (level.counted_at is not None and at < level.counted_at):
            return False
        move = self._counted(level, Told("", *key, True, units, at, source=source), at)
        if max(abs(level.total("on_hand") + move.on_hand), abs(move.on_hand)) > MOST_UNITS:
            return False
        level.moves.append(move)
        self._is_counted(level, at)
        return True

    def forget(self, before: datetime) -> None:
        """Ids of the last day before are kept: a fast clock may have named an instant that is not forgotten."""
        self.begins_at = before
        kept = before - timedelta(days=1)
        self.heard = {name: heard for name, heard in self.heard.items() if heard[-1] >= kept}

    def _is_forgotten(self, at: datetime) -> bool:
        return self.begins_at is not None and at < self.begins_at

    @staticmethod
    def _is_counted(level: Level, at: datetime) -> None:
        level.counted_at = at
        if level.suspect_since is not None and level.suspect_since <= at:
            level.suspect_since = None

    @staticmethod
    def _moved(units: int, condition: str, at: datetime) -> Move:
        damaged, quarantined = (units if condition == name else 0 for name in ("damaged", "quarantined"))
        return Move(at, units, damaged, quarantined)

    def _counted(self, level: Level, told: Told, at: datetime) -> Move:
        """Whatever makes it as many as were found, and what moved since."""
        found = told.units + (level.reserved_at(at) if told.source == NET and told.is_of_good_ones else 0)
        part = {"": "on_hand", "sellable": "good"}.get(told.condition, told.condition)
        move = self._moved(self._missing(level, part, found, at), told.condition, at)
        return move if told.condition else self._of_all(level, told, found, move)

    @staticmethod
    def _of_all(level: Level, told: Told, found: int, move: Move) -> Move:
        """Who finds so many of all found no more of a kind; but what was mended since cannot be mended again."""
        now = {part: level.total(part) for part in ("damaged", "quarantined")}
        then = {part: units - level.total(part, after=move.at) for part, units in now.items()}
        broken = min(found, then["damaged"]) if told.damaged is None else told.damaged
        seen = {"damaged": broken, "quarantined": min(found - max(0, broken), then["quarantined"])}
        return move._replace(**{part: max(-now[part], units - then[part]) for part, units in seen.items()})

    @staticmethod
    def _missing(level: Level, part: str, found: int, at: datetime) -> int:
        there = found + level.total(part, after=at)
        if part in ("damaged", "quarantined"):
            there = max(0, there)
        return there - level.total(part)

    def _our_work(self, told: Told, level: Level) -> int:
        """So much of what is told is what we book ourselves, and was not told before."""
        if told.source != ECHO or not told.names_order:
            return 0
        known = self.recognized[told.order, (told.sku, told.place)]
        if told.units > 0:
            return min(told.units, known)  # what they had picked is put back
        given = sum(level.given[demand] for demand in self.orders.get(told.order, ()))
        return -min(-told.units, max(0, given - known))

    def _hand_over(self, told: Told, level: Level) -> bool:
        """The order has what it had reserved here."""
        if told.source == ECHO or not told.names_order or told.units > 0:
            return False
        left, parts = -told.units, []
        for demand in self.orders.get(told.order, ()):
            part = min(left, level.reserved[demand])
            if part:
                level.let_go(demand, part, self.now)
                parts.append((demand, part))
                left -= part
        if parts:
            self.handed_over.append(HandedOver(told.order, told.sku, told.place, tuple(parts)))
        return bool(parts)

    # ---- what people find ------------------------------------------------------------------------

    def does_not_find(self, sku: str, place: str) -> None:
        level = self.levels[sku, place]
        if level.suspect_since is None:
            level.suspect_since = self.now
            level.looked(agrees=False)

    def breaks(self, sku: str, place: str, units: int) -> None:
        self.levels[sku, place].moves.append(Move(self.now, 0, units))

    def adjust(self, kind: str, sku: str, place: str, units: int, condition: str) -> str:
        level = self.levels[sku, place]
        there = {name: level.total(name) for name in ("damaged", "quarantined")} | {"sellable": max(0, level.good)}
        if condition and kind not in ("write_off", "found"):
            return "invalid"
        if kind == "found":
            if level.total("on_hand") + units > MOST_UNITS:
                return "invalid"
            level.moves.append(self._moved(units, condition, self.now))
            return ""
        if kind == "write_off":
            gone = self._written_off({condition: there[condition]} if condition else there, units)
            move = Move(self.now, -units, -gone["damaged"], -gone["quarantined"])
            is_enough = gone.total() == units
        else:
            # what becomes of good ones, or of which good ones become
            part, sign = {"damage": (1, 1), "repair": (1, -1), "quarantine": (2, 1), "release": (2, -1)}[kind]
            is_enough = units <= there["sellable" if sign > 0 else ("damaged", "quarantined")[part - 1]]
            move = Move(self.now, 0, *(sign * units if part == n else 0 for n in (1, 2)))
        if not is_enough:
            return "fewer_there"
        level.moves.append(move)
        return ""

    @staticmethod
    def _written_off(there: dict[str, int], units: int) -> Counter[str]:
        """The broken go first, then the quarantined, the good ones last."""
        gone: Counter[str] = Counter()
        for name in ("damaged", "quarantined", "sellable"):
            gone[name] = min(there.get(name, 0), units - gone.total())
        return gone

    # ---- deliveries and transfers ----------------------------------------------------------------

    def announce(self, given: Coming, *, name: str = "") -> str:
        """Returns why not, or our name of what was announced under that of its sender; empty: it is new."""
        if given.place in self.closed or (
            given.origin and (given.origin in self.closed or given.origin == given.place)
        ):
            return "invalid"
        if given.origin and given.place in self.refusing:
            return "invalid"
        if abs(given.expected_at - self.now) > FARTHEST_DAY:
            return "invalid"
        if name in self.announced:
            ours, words = self.announced[name]
            return ours if words == given.words else "invalid"
        if given.origin and any(units > self.spare(sku, given.origin) for sku, units in given.announced.items()):
            return "insufficient_stock"
        return ""

    def is_announced(self, ours: str, given: Coming, *, name: str = "") -> None:
        """What `announce` had nothing against."""
        self.coming[ours] = given
        if name:
            self.announced[name] = ours, given.words
        if given.origin:
            for sku, units in given.announced.items():
                self.levels[sku, given.origin].moves.append(Move(self.now, -units))

    def spare(self, sku: str, place: str) -> int:
        """What can be sent elsewhere: rules about who may buy do not count."""
        level = self.levels[sku, place]
        if level.suspect_since is not None:
            return 0
        safety = self.places[place].safety if level.safety is None else level.safety
        return max(0, level.good - level.reserved.total() - self.held(sku, place) - safety)

    def receive(self, name: str, came: list[tuple[str, int, str]] | None, *, is_last: bool, is_old_news: bool) -> str:
        inbound = self.coming[name]
        if inbound.ended:
            return "illegal_move"
        if is_old_news:
            return "changed_meanwhile"
        if came is None:
            came = [(sku, units, "") for sku, units in inbound.remaining().items()]
        if not came and not is_last:
            return "invalid"
        if any(self._is_too_many(inbound, sku, came) for sku in self.tags):
            return "invalid"
        for sku, units, condition in came:
            inbound.received[sku] += units
            self.levels[sku, inbound.place].moves.append(self._moved(units, condition, self.now))
        if is_last or not inbound.remaining():
            inbound.ended = "received"
        good = Counter[str]()
        for sku, units, condition in came:
            good[sku] += units if condition in ("", "sellable") else 0
        self._goods_for_those_who_wait(inbound, good)
        inbound.changes += 1
        return ""

    # ---- who waits for what comes ------------------------------------------------------------------

    def promise(self, name: str, demand: str, sku: str, units: int, *, asker: Asker) -> bool:
        inbound = self.coming[name]
        if units > self._may_have(asker, sku, inbound.place).get(name, 0):
            return False
        inbound.waiting.append(Waits(demand, sku, units))
        return True

    def _goods_for_those_who_wait(self, inbound: Coming, good: Counter[str]) -> None:
        """In turn: first each is served, then keeps what may still come; for the rest nobody comes any more."""
        room, waiting = inbound.remaining(), inbound.waiting
        left = {sku: min(good[sku], self._unowed(sku, inbound.place)) for sku in self.tags}
        counted = Counter(good)  # also what its level owes to others is theirs no more
        inbound.waiting = []
        for demand, sku, units in waiting:
            came = min(units, counted[sku])
            counted[sku] -= came
            stays = min(units - came, room[sku])
            room[sku] -= stays
            served = min(came, left[sku])
            left[sku] -= served
            if served:
                self.levels[sku, inbound.place].reserve(f"arrived:{demand}", served, self.now)
            if stays:
                inbound.waiting.append(Waits(demand, sku, stays))
            self.in_vain[demand, sku] += units - served - stays

    def _unowed(self, sku: str, place: str) -> int:
        """What of a level nobody has reserved; nothing where it is off sale."""
        if sku in self.off_sale or place in self.closed:
            return 0
        level = self.levels[sku, place]
        return max(0, level.good - level.reserved.total())

    def waits_for(self) -> dict[tuple[str, str], int]:
        """By demand and delivery, none where nobody brings it."""
        found = Counter({(demand, ""): units for (demand, _sku), units in self.in_vain.items()})
        for name, inbound in self.coming.items():
            for one in inbound.waiting:
                found[one.demand, name] += one.units
        return dict(+found)

    def gives_up(self, demand: str, units: int) -> str:
        """What nobody brings, then what is to come, then what has come."""
        for key in [key for key in self.in_vain if key[0] == demand]:
            taken = min(units, self.in_vain[key])
            self.in_vain[key] -= taken
            units -= taken
        for inbound in self.coming.values():
            for number, one in enumerate(inbound.waiting):
                if one.demand == demand:
                    taken = min(units, one.units)
                    inbound.waiting[number] = one._replace(units=one.units - taken)
                    units -= taken
            inbound.waiting = [one for one in inbound.waiting if one.units]
        for level in self.levels.values():
            if taken := min(units, level.reserved[f"arrived:{demand}"]):
                level.let_go(f"arrived:{demand}", taken, self.now)
                units -= taken
        return ""

    def _is_too_many(self, inbound: Coming, sku: str, came: list[tuple[str, int, str]]) -> bool:
        units = sum(units for known, units, _condition in came if known == sku)
        level = self.levels[sku, inbound.place]
        return max(inbound.received[sku], level.total("on_hand")) + units > MOST_UNITS

    def change(self, name: str, expected_at: datetime | None, units: Counter[str] | None, *, is_old_news: bool) -> str:
        inbound = self.coming[name]
        if inbound.ended:
            return "illegal_move"
        if is_old_news:
            return "changed_meanwhile"
        if expected_at is not None and abs(expected_at - self.now) > FARTHEST_DAY:
            return "invalid"
        if units is not None and inbound.origin:
            return "conflict"
        inbound.changes += units is not None or expected_at not in (None, inbound.expected_at)
        inbound.expected_at = expected_at or inbound.expected_at
        if units is not None:
            inbound.announced = units
            if not inbound.remaining():
                inbound.ended = "received"
            self._goods_for_those_who_wait(inbound, Counter())
        return ""

    def cancel(self, name: str) -> str:
        inbound = self.coming[name]
        if inbound.ended or inbound.received:
            return "illegal_move"
        if inbound.origin:
            for sku, units in inbound.announced.items():
                self.levels[sku, inbound.origin].moves.append(Move(self.now, units))
        inbound.ended = "canceled"
        self._goods_for_those_who_wait(inbound, Counter())
        return ""

    def expects(self, asker: Asker) -> Counter[tuple[str, date, str]]:
        """Units that this asker may be promised by SKU, the day they count from, and place."""
        found: Counter[tuple[str, date, str]] = Counter()
        for sku, place in self.levels:
            if place in self.idle or (place, asker.method) in self.unable:
                continue
            zone = ZoneInfo(self.places[place].timezone)
            for name, units in self._may_have(asker, sku, place).items():
                found[sku, self._counts_from(self.coming[name]).astimezone(zone).date(), place] += units
        return +found

    def _counts_from(self, inbound: Coming) -> datetime:
        if inbound.expected_at > self.now:
            return inbound.expected_at
        tomorrow = self.now.astimezone(ZoneInfo(self.places[inbound.place].timezone)) + timedelta(days=1)
        return tomorrow.replace(hour=0, minute=0, second=0, microsecond=0)

    def _may_have(self, asker: Asker, sku: str, place: str) -> dict[str, int]:
        """Units by delivery: whatever could be sold for the first time when this one has come, those before it too."""
        if sku in self.off_sale or place in self.closed:
            return {}
        believed = [
            (self._counts_from(inbound), name)
            for name, inbound in self.coming.items()
            if inbound.place == place and inbound.remaining()[sku] and inbound.expected_at > self.now - BELIEVED_LATE
        ]
        names = [name for _at, name in sorted(believed)]
        could_sell = [self._could_sell(asker, sku, place, names[:count]) for count in range(len(names) + 1)]
        return {name: max(could_sell[: count + 2]) - max(could_sell[: count + 1]) for count, name in enumerate(names)}

    def _could_sell(self, asker: Asker, sku: str, place: str, came: list[str]) -> int:
        level = self.levels[sku, place]
        good = level.good + sum(self.coming[name].remaining()[sku] for name in came)
        spoken_for = sum(self.coming[name].promised()[sku] for name in came)
        kept = self.kept_by_rules(asker, sku, place, good)
        if kept is None:
            return 0
        return max(0, good - level.reserved.total() - self.held(sku, place) - spoken_for - kept)

    # ---- reservations ----------------------------------------------------------------------------

    def reserve(self, asked: list[tuple[Asker, Want]], *, own: str = "") -> list[tuple[Want, int]]:
        """Grants each that fits, one after the other; returns the others, with what was left for each."""
        refused, taken = [], Counter[Key]()
        before = [self.sees(asker, want.sku, want.place, own=own) for asker, want in asked]
        for (_asker, want), seen in zip(asked, before, strict=True):
            left = max(0, seen - taken[want.sku, want.place])
            if want.units > left:
                refused.append((want, left))
                continue
            taken[want.sku, want.place] += want.units
            self.levels[want.sku, want.place].reserve(want.demand, want.units, self.now)
        return refused

    def let_go(self, wants: list[Want], *, is_gone: bool) -> bool:
        """All or nothing. `is_gone`: the units have left the place."""
        asked: Counter[tuple[str, Key]] = Counter()
        for want in wants:
            asked[want.demand, (want.sku, want.place)] += want.units
        if any(self.levels[key].reserved[demand] < units for (demand, key), units in asked.items()):
            return False
        for (demand, key), units in asked.items():
            self.levels[key].let_go(demand, units, self.now)
            if is_gone:
                self.levels[key].moves.append(Move(self.now, -units))
            else:
                self.levels[key].given[demand] -= units
        return True

    # ---- carts -----------------------------------------------------------------------------------

    def hold(self, name: str, *, cart: str, asker: Asker, lines: list[Line], seconds: int, words: object) -> str:
        """Returns why not, or the name of the hold that the cart has now."""
        if any(line.sku in self.off_sale or line.place in self.closed for line in lines):
            return "invalid"
        if sum(line.units for line in lines) > self.most_units_held:
            return "reservation_too_large"
        for known, hold in self.live_holds():
            if (hold.cart, hold.channel) == (cart, asker.channel):
                return known if hold.words == words else "idempotency_key_reused"
        pins = self._pinned(lines, asker)
        if pins is None:
            return "insufficient_stock"
        if len(self.live_holds()) >= self.most_carts:
            return "too_many_reservations"
        ends_at = self.now + timedelta(seconds=seconds)
        self.holds[name] = Hold(cart, asker.channel, words, lines, pins, self.now, ends_at)
        return name

    def renew(self, name: str, *, asker: Asker | None, lines: list[Line] | None, seconds: int) -> str:
        """`asker`: None where it is not said how the units are to be had."""
        hold = self.holds[name]
        if hold.is_forgotten:
            return "not_found"
        if lines is None and asker is not None:
            lines = hold.lines
        if not self.is_live(hold):
            return "reservation_is_over"
        ends_at = min(self.now + timedelta(seconds=seconds), hold.made_at + LONGEST_HOLD)
        if ends_at <= self.now:
            return "reservation_lived_long_enough"
        if lines is not None and any(line.sku in self.off_sale or line.place in self.closed for line in lines):
            return "invalid"
        if lines is not None and sum(line.units for line in lines) > self.most_units_held:
            return "reservation_too_large"
        asker = asker or Asker(hold.channel, "ship", "standard")
        pins = hold.pins if lines is None else self._pinned(lines, asker, own=name)
        if pins is None:
            return "insufficient_stock"
        hold.ends_at, hold.pins, hold.lines = ends_at, pins, hold.lines if lines is None else lines
        return ""

    def release(self, name: str) -> str:
        hold = self.holds[name]
        if hold.is_forgotten:
            return "not_found"
        if hold.ended == "committed":
            return "reservation_is_over"
        if not hold.ended:
            hold.end("released" if self.is_live(hold) else "expired", self.now)
        return ""

    def sweep(self, forgets_after: timedelta) -> None:
        """Writes down who has ended, and forgets who did so long ago; of no consequence for stock."""
        for hold in self.holds.values():
            if not hold.ended and not self.is_live(hold):
                hold.end("expired", self.now)
            hold.is_forgotten |= hold.ended_at is not None and hold.ended_at < self.now - forgets_after

    def order_from(self, name: str, asked: list[tuple[Asker, Want]]) -> str:
        """The order has what it asks for, and the cart nothing any more; or nothing is as before."""
        hold = self.holds[name]
        if hold.is_forgotten:
            return "not_found"
        if hold.ended in ("committed", "released"):
            return "reservation_is_over"
        was = deepcopy(self.levels)
        if self.reserve(asked, own=name):
            self.levels = was
            return "refused"
        if self.is_live(hold):
            hold.end("committed", self.now)
        return ""

    def serves(self, asker: Asker, place: str) -> bool:
        """Whether the place would do the work that selling to this asker makes."""
        return not (place in self.declining | self.idle or (place, asker.method) in self.unable)

    def _pinned(self, lines: list[Line], asker: Asker, *, own: str = "") -> Counter[Key] | None:
        """The fullest place first, and what can be had in one place only before the rest."""
        left = {key: self.sees(asker, *key, own=own) if self.serves(asker, key[1]) else 0 for key in self.levels}
        together: Counter[tuple[str, str | None]] = Counter()
        for line in sorted(lines, key=lambda line: line.place is None):
            together[line.sku, line.place] += line.units
        pins: Counter[Key] = Counter()
        for (sku, wanted), units in together.items():
            for place in sorted(self.places, key=lambda place: (-left[sku, place], place)):
                if wanted in (None, place):
                    part = min(units, left[sku, place])
                    left[sku, place] -= part
                    pins[sku, place] += part
                    units -= part
            if units:
                return None
        return +pins


def _is_doubtful(level: Level, below: float) -> bool:
    """Where nobody ever looked there is nothing to doubt."""
    return level.confidence is not None and level.confidence < below


def in_question(found: tuple[int, int], expected: tuple[int, int]) -> int:
    """Of both how many in all and how many of them broken: a good one that is broken, or the other way round, is one."""
    (units, broken), (were, were_broken) = found, expected
    more = [(units - broken) - (were - were_broken), broken - were_broken]
    return max(sum(max(0, one) for one in more), sum(max(0, -one) for one in more))


def agree(found: tuple[int, int], expected: tuple[int, int]) -> bool:
    """Whether a look confirms the books: one unit in question does, but no good ones where none should be."""
    (units, broken), (were, were_broken) = found, expected
    return in_question(found, expected) <= 1 and (units > broken) == (were > were_broken)
