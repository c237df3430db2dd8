"""What stock should be, in plain Python: a diary of what moved at each level, sums over it, and a few lists.

Shares nothing with the product: what is right is written here a second time, as simply as it can be said.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

Key = tuple[str, str]  # sku, place

LONGEST_HOLD = timedelta(minutes=60)
BELIEVED_LATE = timedelta(days=7)
FAST_CLOCK = timedelta(minutes=5)


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
class Level:
    moves: list[Move] = field(default_factory=list)
    reserved: Counter[str] = field(default_factory=Counter)  # by demand
    safety: int | None = None
    counted_at: datetime | None = None
    suspect_since: datetime | None = None

    def total(self, part: str, *, after: datetime | None = None, until: datetime | None = None) -> int:
        return sum(
            getattr(move, part)
            for move in self.moves
            if (after is None or move.at > after) and (until is None or move.at <= until)
        )

    @property
    def good(self) -> int:
        return self.total("good")


class Asker(NamedTuple):
    channel: str = ""
    method: str = ""
    service: str = ""


class Told(NamedTuple):
    """What a feed says. `condition` empty: of nothing in particular."""

    id: str
    sku: str
    place: str
    is_count: bool
    units: int
    at: datetime
    condition: str = ""


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
    pins: Counter[Key]
    made_at: datetime
    ends_at: datetime
    ended: str = ""


@dataclass
class Coming:
    """A delivery that was announced or, with an origin, a transfer that was sent."""

    place: str
    expected_at: datetime
    announced: Counter[str]  # units by SKU
    origin: str = ""
    received: Counter[str] = field(default_factory=Counter)
    ended: str = ""

    def remaining(self) -> Counter[str]:
        return Counter() if self.ended else self.announced - self.received


@dataclass
class World:
    """Stock as it should be. Whoever changes it is told what it should be answered."""

    now: datetime
    places: dict[str, Place]
    tags: dict[str, frozenset[str]]
    most_units_held: int
    most_carts: int
    levels: dict[Key, Level] = field(default_factory=dict)
    heard: dict[str, tuple[Key, int]] = field(default_factory=dict)
    rules: dict[str, Rule] = field(default_factory=dict)
    holds: dict[str, Hold] = field(default_factory=dict)
    coming: dict[str, Coming] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.levels = {(sku, place): Level() for sku in self.tags for place in self.places}

    # ---- what is seen ----------------------------------------------------------------------------

    def sees(self, asker: Asker, sku: str, place: str, *, own: str = "") -> int:
        """Units for sale to this asker, whose own hold does not stand in the way."""
        level, kept = self.levels[sku, place], self.kept(asker, sku, place)
        if level.suspect_since is not None or kept is None:
            return 0
        return max(0, level.good - level.reserved.total() - self.held(sku, place, but=own) - kept)

    def kept(self, asker: Asker, sku: str, place: str) -> int | None:
        """None: it is hidden."""
        here = self.places[place]
        heard = [(rule.rank(asker, sku, self.tags[sku], place, here), rule) for rule in self.rules.values()]
        heard = [(rank, rule) for rank, rule in heard if rank is not None]
        if any(rule.hides for _rank, rule in heard):
            return None
        level = self.levels[sku, place]
        kept = [here.safety if level.safety is None else level.safety]
        if heard:
            _rank, rule = max(heard, key=lambda one: one[0])
            kept += [rule.units, -(-max(0, level.good) * rule.share // 10_000)]
        return max(kept)

    def is_live(self, hold: Hold) -> bool:
        return not hold.ended and self.now < hold.ends_at

    def held(self, sku: str, place: str, *, but: str = "") -> int:
        return sum(hold.pins[sku, place] for name, hold in self.live_holds() if name != but)

    def live_holds(self) -> list[tuple[str, Hold]]:
        return [(name, hold) for name, hold in self.holds.items() if self.is_live(hold)]

    # ---- feeds -----------------------------------------------------------------------------------

    def hear(self, told: Told) -> str:
        key = told.sku, told.place
        if told.id in self.heard:
            known, units = self.heard[told.id]
            same = known == key and (told.is_count or units == told.units)
            return "duplicate" if same else "id_reused"
        at = min(told.at, self.now) if told.at <= self.now + FAST_CLOCK else told.at
        if at > self.now:
            return "in_the_future"
        if key not in self.levels:
            return "unknown_location" if told.sku in self.tags else "unknown_sku"
        level = self.levels[key]
        if level.counted_at is not None and at < level.counted_at:
            return "stale"
        move = self._counted(level, told, at) if told.is_count else self._moved(told.units, told.condition, at)
        if min(level.total("damaged") + move.damaged, level.total("quarantined") + move.quarantined) < 0:
            return "below_zero"
        level.moves.append(move)
        self.heard[told.id] = key, move.on_hand
        if told.is_count and told.condition in ("", "sellable"):
            level.counted_at = at
            if level.suspect_since is not None and level.suspect_since <= at:
                level.suspect_since = None
        return "applied"

    @staticmethod
    def _moved(units: int, condition: str, at: datetime) -> Move:
        damaged, quarantined = (units if condition == name else 0 for name in ("damaged", "quarantined"))
        return Move(at, units, damaged, quarantined)

    def _counted(self, level: Level, told: Told, at: datetime) -> Move:
        """Whatever makes it as many as were found, and what moved since."""
        part = {"": "on_hand", "sellable": "good"}.get(told.condition, told.condition)
        there = told.units + level.total(part, after=at)
        if part in ("damaged", "quarantined"):
            there = max(0, there)
        return self._moved(there - level.total(part), told.condition, at)

    # ---- what people find ------------------------------------------------------------------------

    def breaks(self, sku: str, place: str, units: int) -> None:
        self.levels[sku, place].moves.append(Move(self.now, 0, units))

    def adjust(self, kind: str, sku: str, place: str, units: int, condition: str) -> str:
        level = self.levels[sku, place]
        there = {name: level.total(name) for name in ("damaged", "quarantined")} | {"sellable": max(0, level.good)}
        if condition and kind not in ("write_off", "found"):
            return "invalid"
        if kind == "found":
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

    def send(self, name: str, origin: str, place: str, units: Counter[str], expected_at: datetime) -> str:
        if any(units[sku] > self.spare(sku, origin) for sku in units):
            return "insufficient_stock"
        for sku in units:
            self.levels[sku, origin].moves.append(Move(self.now, -units[sku]))
        self.coming[name] = Coming(place, expected_at, units, origin)
        return ""

    def spare(self, sku: str, place: str) -> int:
        """What can be sent elsewhere: rules about who may buy do not count."""
        level = self.levels[sku, place]
        if level.suspect_since is not None:
            return 0
        safety = self.places[place].safety if level.safety is None else level.safety
        return max(0, level.good - level.reserved.total() - self.held(sku, place) - safety)

    def receive(self, name: str, came: list[tuple[str, int, str]] | None, *, is_last: bool) -> str:
        inbound = self.coming[name]
        if inbound.ended:
            return "illegal_move"
        if came is None:
            came = [(sku, units, "") for sku, units in inbound.remaining().items()]
        if not came and not is_last:
            return "invalid"
        for sku, units, condition in came:
            inbound.received[sku] += units
            self.levels[sku, inbound.place].moves.append(self._moved(units, condition, self.now))
        if is_last or not inbound.remaining():
            inbound.ended = "received"
        return ""

    def change(self, name: str, expected_at: datetime | None, units: Counter[str] | None) -> str:
        inbound = self.coming[name]
        if inbound.ended:
            return "illegal_move"
        if units is not None and inbound.origin:
            return "conflict"
        inbound.expected_at = expected_at or inbound.expected_at
        if units is not None:
            inbound.announced = units
            if not inbound.remaining():
                inbound.ended = "received"
        return ""

    def cancel(self, name: str) -> str:
        inbound = self.coming[name]
        if inbound.ended or inbound.received:
            return "illegal_move"
        if inbound.origin:
            for sku, units in inbound.announced.items():
                self.levels[sku, inbound.origin].moves.append(Move(self.now, units))
        inbound.ended = "canceled"
        return ""

    def expects(self, asker: Asker | None = None) -> Counter[tuple[str, date, str]]:
        """Units by SKU, the day they count from, and place; what is hidden from the asker left out."""
        found: Counter[tuple[str, date, str]] = Counter()
        for inbound in self.coming.values():
            zone = ZoneInfo(self.places[inbound.place].timezone)
            day = inbound.expected_at.astimezone(zone).date()
            if inbound.expected_at <= self.now:
                day = self.now.astimezone(zone).date() + timedelta(days=1)
            if inbound.expected_at > self.now - BELIEVED_LATE:
                for sku, units in inbound.remaining().items():
                    if asker is None or self.kept(asker, sku, inbound.place) is not None:
                        found[sku, day, inbound.place] += units
        return found

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
            self.levels[want.sku, want.place].reserved[want.demand] += want.units
        return refused

    def let_go(self, wants: list[Want], *, is_gone: bool) -> bool:
        """All or nothing. `is_gone`: the units have left the place."""
        asked: Counter[tuple[str, Key]] = Counter()
        for want in wants:
            asked[want.demand, (want.sku, want.place)] += want.units
        if any(self.levels[key].reserved[demand] < units for (demand, key), units in asked.items()):
            return False
        for (demand, key), units in asked.items():
            self.levels[key].reserved[demand] -= units
            if is_gone:
                self.levels[key].moves.append(Move(self.now, -units))
        return True

    # ---- carts -----------------------------------------------------------------------------------

    def hold(self, name: str, *, cart: str, asker: Asker, lines: list[Line], seconds: int, words: object) -> str:
        """Returns why not, or the name of the hold that the cart has now."""
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
        self.holds[name] = Hold(cart, asker.channel, words, pins, self.now, ends_at)
        return name

    def renew(self, name: str, *, asker: Asker, lines: list[Line] | None, seconds: int) -> str:
        hold = self.holds[name]
        if lines is not None and sum(line.units for line in lines) > self.most_units_held:
            return "reservation_too_large"
        pins = hold.pins if lines is None else self._pinned(lines, asker, own=name)
        if pins is None:
            return "insufficient_stock"
        if not self.is_live(hold):
            return "reservation_is_over"
        ends_at = min(self.now + timedelta(seconds=seconds), hold.made_at + LONGEST_HOLD)
        if ends_at <= self.now:
            return "reservation_lived_long_enough"
        hold.ends_at, hold.pins = ends_at, pins
        return ""

    def release(self, name: str) -> str:
        hold = self.holds[name]
        if hold.ended == "committed":
            return "reservation_is_over"
        hold.ended = hold.ended or ("released" if self.is_live(hold) else "expired")
        return ""

    def sweep(self) -> None:
        """Writes down who has ended; of no consequence."""
        for hold in self.holds.values():
            hold.ended = hold.ended or ("" if self.is_live(hold) else "expired")

    def order_from(self, name: str, asked: list[tuple[Asker, Want]]) -> str:
        """The order has what it asks for, and the cart nothing any more; or nothing is as before."""
        hold = self.holds[name]
        if hold.ended in ("committed", "released"):
            return "reservation_is_over"
        was = {key: Counter(level.reserved) for key, level in self.levels.items()}
        if self.reserve(asked, own=name):
            for key, reserved in was.items():
                self.levels[key].reserved = reserved
            return "refused"
        if self.is_live(hold):
            hold.ended = "committed"
        return ""

    def _pinned(self, lines: list[Line], asker: Asker, *, own: str = "") -> Counter[Key] | None:
        """The fullest place first, and what can be had in one place only before the rest."""
        left = {key: self.sees(asker, *key, own=own) for key in self.levels}
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
