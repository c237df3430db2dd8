"""Stock in memory, as it stood at an instant of the past and as it changed from then on, for whoever decides it again.

What was known then counts: a movement changes the book when it was recorded, not when it is said to have happened.
Units in good condition come from the levels as they are less what was recorded later; what was reserved comes from
the reservations, which are kept when they end. Not remembered, and so taken as they are now: safety stock, exposure
rules, confidence and doubt (a level that is suspect now is closed from then on), and what carts held (nothing).
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.db import connection

from inventory.exposure import NOTHING, Context, Kept, Protections
from inventory.queries import places, protections
from inventory.sellable import units_kept
from inventory.supply import ARRIVED


@dataclass(slots=True)
class LevelThen:
    """`good`: on hand in sellable condition. `safety_stock` None: the place's.

    `reserved` falls when promised units leave. Below zero, so many have left that nobody had promised in this book: they
    were promised elsewhere by whoever decides, and so never left. `given_back`: promises that ended with the goods here.
    """

    good: int
    reserved: int = 0
    given_back: int = 0
    safety_stock: int | None = None
    confidence: float | None = None
    is_closed: bool = False


class Change(NamedTuple):
    """So many more or fewer units at a level, from an instant on. `closes`: its goods were not found."""

    at: datetime
    sku: str
    location: str
    good: int = 0
    reserved: int = 0
    given_back: int = 0
    closes: bool = False


Levels = dict[str, dict[str, LevelThen]]
_Kept = Mapping[str, Kept]


@dataclass(slots=True)
class _Shown:
    """Sellable units by place as they were told last. `seen`: how many changes of the SKU's levels they know of."""

    units: dict[str, int]
    seen: int


class StockBook:
    """Levels by SKU and place, and what is still to happen to them. Owns what it is given."""

    def __init__(self, levels: Levels, changes: Iterable[Change] = ()):
        self._levels = levels
        self._changes = sorted(changes, key=lambda change: change.at)
        self._next = 0
        self._shown: dict[str, dict[int, _Shown]] = {}  # by SKU, then by whose rules
        self._touched: dict[str, list[str]] = defaultdict(list)  # by SKU the places whose levels changed, one by one
        self._rules: list[Protections] = []  # keeps them alive, so that their numbers stay theirs
        self._kept: dict[tuple[int, str], _Kept] = {}

    def advance(self, until: datetime) -> None:
        """Let happen what happened before that instant."""
        while self._next < len(self._changes) and self._changes[self._next].at < until:
            change = self._changes[self._next]
            self._next += 1
            level = self._level(change.sku, change.location)
            level.good += change.good
            level.reserved += change.reserved
            level.given_back += change.given_back
            level.is_closed |= change.closes

    def take(self, sku: str, location: str, units: int) -> None:
        """Promise units of a level to somebody."""
        self._level(sku, location).reserved += units

    def _level(self, sku: str, location: str) -> LevelThen:
        if sku in self._shown:
            self._touched[sku].append(location)
        return self._levels.setdefault(sku, {}).setdefault(location, LevelThen(0))

    def sellable_units(
        self,
        skus: Iterable[str],
        *,
        context: Context,
        locations: Collection[str] | None = None,
        tags: Mapping[str, Collection[str]] | None = None,
    ) -> dict[str, dict[str, int]]:
        """As `inventory.queries.sellable_units` answers; products that are out of use by now are not left out."""
        rules = protections(context)
        number = self._number_of(rules)
        found = {sku: self._of(sku, rules, number, (tags or {}).get(sku, ())) for sku in skus}
        if locations is None:
            return {sku: dict(units) for sku, units in found.items()}
        return {sku: {code: units[code] for code in locations if code in units} for sku, units in found.items()}

    def _number_of(self, rules: Protections) -> int:
        if not any(known is rules for known in self._rules):
            self._rules.append(rules)
        return id(rules)

    def _of(self, sku: str, rules: Protections, number: int, tags: Collection[str]) -> dict[str, int]:
        """Worked out anew only where something changed."""
        levels, kept = self._levels.get(sku, {}), self._kept_of(sku, rules, number, tags)
        by_rules, touched = self._shown.setdefault(sku, {}), self._touched[sku]
        shown = by_rules.get(number)
        if shown is None:
            shown = by_rules[number] = _Shown({}, len(touched))
            codes: Iterable[str] = levels
        else:
            codes = set(touched[shown.seen :])
        for code in codes:
            if units := _sellable(levels[code], code, kept.get(code, NOTHING)):
                shown.units[code] = units
            else:
                shown.units.pop(code, None)
        shown.seen = len(touched)
        return shown.units

    def _kept_of(self, sku: str, rules: Protections, number: int, tags: Collection[str]) -> _Kept:
        if not rules.has_rules:
            return {}
        if (number, sku) not in self._kept:
            self._kept[number, sku] = {code: rules.kept(sku, tags, code) for code in self._levels.get(sku, {})}
        return self._kept[number, sku]


def _sellable(level: LevelThen, code: str, kept: Kept) -> int:
    place = places().get(code)
    if place is None or not place.is_active or level.is_closed or kept.is_hidden:
        return 0
    safety = place.safety_stock if level.safety_stock is None else level.safety_stock
    good = level.good + max(0, -level.reserved)
    back = units_kept(good, safety=safety, confidence=level.confidence, kept=kept)
    return max(0, good - max(0, level.reserved - level.given_back) - back)


# ---- reading the past --------------------------------------------------------------------------------


def stock_book(
    skus: Collection[str], *, as_of: datetime, until: datetime | None = None, follows: bool = False
) -> StockBook:
    """The levels of these products as they were at `as_of`; with `until`, changing as they did up to then.

    `follows`: what was reserved meanwhile changes them too, so that they stand at every instant as they stood. Without,
    whoever decides takes units by `take`, and the first reservations of new demands are left out. What became of them
    happens all the same, where it happened: units that were given back can be had again, and those that were then found
    elsewhere are taken there. Units that were sent leave only from where they were taken.
    """
    levels = _levels(skus, as_of)
    changes = [*_moved(skus, as_of, until)] if until is not None else []
    changes += _promised(levels, skus, as_of, until, follows=follows)
    return StockBook(levels, changes)


_LEVELS = """
SELECT s.sku, s.location_id, (s.on_hand - s.damaged - s.quarantined - coalesce(later.good, 0))::bigint,
    s.safety_stock, s.confidence, coalesce(s.suspect_at <= %(as_of)s, false)
FROM inventory_stocklevel s
LEFT JOIN (
    SELECT m.sku, m.location_id, sum(m.quantity - m.damaged_delta - m.quarantined_delta) AS good
    FROM inventory_stockmovement m WHERE m.recorded_at > %(as_of)s AND m.sku = ANY(%(skus)s::text[])
    GROUP BY m.sku, m.location_id
) later ON later.sku = s.sku AND later.location_id = s.location_id
WHERE s.sku = ANY(%(skus)s::text[])"""

_MOVED = """
SELECT m.recorded_at, m.sku, m.location_id, m.quantity - m.damaged_delta - m.quarantined_delta, 0, 0, false
FROM inventory_stockmovement m
WHERE m.recorded_at > %(as_of)s AND m.recorded_at <= %(until)s AND m.sku = ANY(%(skus)s::text[])
UNION ALL
SELECT s.suspect_at, s.sku, s.location_id, 0, 0, 0, true FROM inventory_stocklevel s
WHERE s.suspect_at > %(as_of)s AND s.suspect_at <= %(until)s AND s.sku = ANY(%(skus)s::text[])"""

_RESERVATIONS = """
SELECT r.demand, r.sku, r.location_id, r.quantity, r.remaining, r.status, r.created_at, r.updated_at
FROM inventory_reservation r
WHERE r.sku = ANY(%(skus)s::text[]) AND r.created_at <= %(until)s AND (r.status = 'active' OR r.updated_at > %(as_of)s)
ORDER BY r.created_at, r.id"""


class _Reserved(NamedTuple):
    demand: str
    sku: str
    location: str
    quantity: int
    remaining: int
    status: str
    created_at: datetime
    updated_at: datetime

    def standing(self, as_of: datetime) -> int:
        """Units promised at an instant before its end. Of a part that was let go only the last instant is known."""
        return self.remaining if self.status == "active" and self.updated_at <= as_of else self.quantity

    def ended(self, units: int) -> Change:
        """What became of so many units that stood."""
        if self.status == "consumed":
            return Change(self.updated_at, self.sku, self.location, reserved=-units)
        return Change(self.updated_at, self.sku, self.location, given_back=units)


def _levels(skus: Collection[str], as_of: datetime) -> Levels:
    levels: Levels = defaultdict(dict)
    for sku, location, good, safety, confidence, is_closed in _rows(_LEVELS, skus, as_of=as_of):
        levels[sku][location] = LevelThen(good, safety_stock=safety, confidence=confidence, is_closed=is_closed)
    return dict(levels)


def _moved(skus: Collection[str], as_of: datetime, until: datetime) -> Iterator[Change]:
    return (Change(*row) for row in _rows(_MOVED, skus, as_of=as_of, until=until))


def _promised(
    levels: Levels, skus: Collection[str], as_of: datetime, until: datetime | None, *, follows: bool
) -> list[Change]:
    """Count what was promised at `as_of` at its levels; what became of promises is left to happen."""
    rows = [_Reserved(*row) for row in _rows(_RESERVATIONS, skus, as_of=as_of, until=until or as_of)]
    first: dict[str, datetime] = {}
    changes: list[Change] = []
    for row in rows:
        arrived = row.demand.startswith(
            ARRIVED
        )  # it came for a demand that had waited for it: nobody decides that anew
        begun = first.setdefault(row.demand.removeprefix(ARRIVED), row.created_at)
        units = row.standing(as_of)
        if row.created_at <= as_of:
            levels.setdefault(row.sku, {}).setdefault(row.location, LevelThen(0)).reserved += units
        elif follows or arrived or row.created_at > begun:
            changes.append(Change(row.created_at, row.sku, row.location, reserved=units))
        if until is not None and units > row.remaining:
            changes.append(row.ended(units - row.remaining))
    return changes


def _rows(statement: str, skus: Collection[str], **instants: datetime) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"skus": list(skus), **instants})
        return cursor.fetchall()
