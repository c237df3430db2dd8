"""Work that may still move, planned again together: the same promises, from what it holds and what is left.

Reads without locks and decides nothing for good, as `sourcing.plan` does: whoever acts on a swap gives back and takes
anew in one transaction, and does without when that is refused. A swap is as small as it can be: what it takes is
there once it has given back, whatever becomes of the other swaps.

Askers may be shown different numbers of one level. Here everybody keeps to the smallest that somebody is shown, and
where the work holds more than that already, nobody is given more of it; what is held may stay. The same holds for
days of capacity. So whatever is found passes the same judgement under the locks, in any order.
"""

import time as monotonic_time
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from inventory import queries as inventory
from inventory.exposure import Context
from routing import queries
from routing.engine import batch
from routing.engine import types as engine
from routing.engine.tariffs import Tier
from routing.engine.types import Budget, from_micro
from routing.services.sourcing import Demand, Planning, Reoptimised, SourcingPlan

CENT = Decimal("0.01")

Level = tuple[str, str]  # SKU, place
Slot = tuple[str, date]  # place, day
Stock = dict[str, dict[str, int]]


@dataclass(frozen=True, slots=True)
class StandingParcel:
    """What a place has of a delivery: units by line, the date given for them and the one expected today, the day booked."""

    location: str
    units: Mapping[str, int]
    promised_at: datetime
    expected_at: datetime
    capacity_date: date | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """Work of one delivery that may still move; `demand` asks for just these units. `root` is its order."""

    key: str
    root: str
    demand: Demand
    release_at: datetime
    parcels: tuple[StandingParcel, ...]


@dataclass(frozen=True, slots=True)
class Better:
    """A plan for all the units of a standing; less than nothing is `saved` where others save more."""

    key: str
    plan: SourcingPlan
    saved: Decimal


@dataclass(frozen=True, slots=True)
class Swap:
    """Plans that come true together or not at all."""

    changes: tuple[Better, ...]
    currency: str
    saved: Decimal


def find_swaps(standing: Sequence[Standing], *, as_of: datetime, budget_seconds: float) -> list[Swap]:
    """What is better together, the most first; nobody comes later than promised, or than expected where that is later.

    Costs are compared at the prices of now, each order under the step of today's rules that its parcels are of; what no
    step would do stays as it is. A swap that saves less than a cent is none.
    """
    budget = Budget.of(budget_seconds, monotonic_time.monotonic)
    by_currency: dict[str, list[Standing]] = defaultdict(list)
    for one in standing:
        by_currency[one.demand.currency].append(one)
    found = [swap for group in by_currency.values() for swap in _Together(group, as_of).swaps(budget)]
    return sorted(found, key=lambda swap: (-swap.saved, swap.changes[0].key))


# ---- the world without them ----------------------------------------------------------------------


class _World:
    """Stock and days of capacity, with what the standing work holds."""

    def __init__(self, standing: Sequence[Standing], as_of: datetime):
        self.as_of = as_of
        self.directory = inventory.places()
        self.held = _total(_units_of(one) for one in standing)
        self.held_days: Counter[Slot] = _total(_days_of(one) for one in standing)
        self._views = self._read(standing)
        self._limits = self._smallest_shown()
        self.booked = self._booked(standing)

    def _read(self, standing: Sequence[Standing]) -> dict[Context, Stock]:
        """What each kind of asker could have, were nothing held."""
        tags: dict[Context, dict[str, frozenset[str]]] = defaultdict(dict)
        for one in standing:
            tags[one.demand.context(self.as_of)] |= {line.sku: line.tags for line in one.demand.lines}
        return {
            context: inventory.sellable_once_given_back(sorted(skus), self.held, context=context, tags=skus)
            for context, skus in tags.items()
        }

    def _smallest_shown(self) -> dict[Level, int]:
        limits: dict[Level, int] = {}
        for view in self._views.values():
            for sku, here in view.items():
                for code, units in here.items():
                    limits[sku, code] = min(units, limits.get((sku, code), units))
        return limits

    def is_given(self, level: Level) -> bool:
        """Whether somebody may get more of it than they hold."""
        return self.held[level] <= self._limits.get(level, 0)

    def limit(self, level: Level) -> int:
        return self._limits[level] if self.is_given(level) else self.held[level]

    def stock_for(self, one: Standing) -> Stock:
        view, own = self._views[one.demand.context(self.as_of)], _units_of(one)
        found: Stock = {}
        for sku in {line.sku for line in one.demand.lines}:
            found[sku] = {code: units for (held, code), units in own.items() if held == sku}
            found[sku] |= {code: self.limit((sku, code)) for code in view[sku] if self.is_given((sku, code))}
        return found

    def _booked(self, standing: Sequence[Standing]) -> dict[str, dict[date, int]]:
        limited = {code for _sku, code in self._limits if self.directory[code].daily_capacity is not None}
        first = min(one.release_at for one in standing).date()
        booked = queries.booked_by_day(sorted(limited), from_date=first - timedelta(days=1))  # west of the date line
        for (code, day), parcels in self.held_days.items():
            booked.setdefault(code, {})[day] = booked.get(code, {}).get(day, 0) - parcels
        return booked

    def room(self, slot: Slot) -> int | None:
        """Parcels that may be prepared then, with those that are held; None: no limit."""
        code, day = slot
        capacity = self.directory[code].daily_capacity
        return None if capacity is None else max(0, capacity - self.booked.get(code, {}).get(day, 0))


def _total(counts: Iterable[Counter[Any]]) -> Counter[Any]:
    return sum(counts, Counter())


def _units_of(one: Standing) -> Counter[Level]:
    skus = {line.key: line.sku for line in one.demand.lines}
    found: Counter[Level] = Counter()
    for parcel in one.parcels:
        for key, units in parcel.units.items():
            found[skus[key], parcel.location] += units
    return found


def _days_of(one: Standing) -> Counter[Slot]:
    return Counter((p.location, p.capacity_date) for p in one.parcels if p.capacity_date is not None)


# ---- one of them -----------------------------------------------------------------------------------


class _Order:
    """A standing as the engine sees it. `pending` is None where its parcels are none of today's rules'."""

    def __init__(self, standing: Standing, world: _World):
        self.standing = standing
        self.world = world
        promised_at = max(parcel.promised_at for parcel in standing.parcels)
        demand = replace(standing.demand, wanted_by=promised_at)
        self.stock = world.stock_for(standing)
        self.planning = Planning(
            demand,
            world.as_of,
            standing.release_at,
            stock=lambda *_skus, **_asked: self.stock,
            booked=lambda *_places, **_days: world.booked,
        )
        self.rules = queries.rules_for(demand.channel)
        self.slots: dict[str, Slot] = {}
        self.network = replace(self.planning.network(), capacity_left=self.capacity_left)
        self.own_days = _days_of(standing)
        self.pending = self._pending()

    def slot(self, code: str) -> Slot:
        """The day on which a place would prepare it."""
        if code not in self.slots:
            self.slots[code] = (code, self.planning.preparation_day(self.world.directory[code]))
        return self.slots[code]

    def capacity_left(self, place: engine.Place) -> int | None:
        if self.world.directory[place.code].daily_capacity is None:
            return None
        slot = self.slot(place.code)
        room = self.world.room(slot)
        return self.own_days[slot] if room is None or self.world.held_days[slot] > room else room

    def arrives(self, place: engine.Place, tier: Tier) -> datetime:
        at = self.world.directory[place.code]
        return self.planning.promise(at, tier.carrier_service, tier.transit_days).promised_at

    def _pending(self) -> batch.Pending | None:
        parcels = [(parcel.location, parcel.units) for parcel in self.standing.parcels]
        for is_late in (False, True):
            pending = self._promised(is_late)
            plan = batch.present_plan(pending, parcels)
            if plan:
                return replace(pending, plan=plan)
        return None

    def _promised(self, is_late: bool) -> batch.Pending:
        """`is_late`: the promise cannot be kept where it is; then it may come when it is expected now."""
        dates: dict[str, datetime] = {}
        for parcel in self.standing.parcels:
            latest = max(parcel.promised_at, parcel.expected_at) if is_late else parcel.promised_at
            dates |= {key: min(latest, dates.get(key, latest)) for key in parcel.units}
        latest = max(dates.values())
        return batch.Pending(
            key=self.standing.key,
            demand=self.planning.engine_demand(),
            rules=self.rules.rules,
            network=self.network,
            plan=batch.NO_PLAN,
            promise=latest,
            arrives=self.arrives,
            sooner={key: at for key, at in dates.items() if at < latest},
            slot=self.slot,
        )


# ---- all of them -----------------------------------------------------------------------------------


class _Together:
    """Orders whose costs can be added up."""

    def __init__(self, standing: Sequence[Standing], as_of: datetime):
        self.started = monotonic_time.perf_counter()
        self.world = _World(standing, as_of)
        self.orders = {one.key: _Order(one, self.world) for one in standing}
        self.movable = [order.pending for order in self.orders.values() if order.pending]

    def swaps(self, budget: Budget) -> Iterator[Swap]:
        found = batch.reoptimise(self.movable, self._pool(), budget)
        changes = [
            self._better(pending, found.plans[pending.key]) for pending in self.movable if pending.key in found.changed
        ]
        for group in self._groups(changes):
            saved = sum((change.saved for change in group), Decimal(0))
            if saved >= CENT:
                roots = {self.orders[change.key].standing.root for change in group}
                why = Reoptimised(len(roots), round(saved, 2))
                told = tuple(self._told(change, why, found.plans) for change in group)
                yield Swap(told, group[0].plan.demand.currency, why.saved)

    def _told(self, change: Better, why: Reoptimised, plans: Mapping[str, engine.Plan]) -> Better:
        kept_for = self._kept_for(change, plans)
        why = replace(why, own_saved=round(change.saved, 2), kept_for=kept_for)
        return replace(change, plan=replace(change.plan, reoptimised=why))

    def _kept_for(self, change: Better, plans: Mapping[str, engine.Plan]) -> dict[str, tuple[str, ...]]:
        """By place where others keep some of what this order asks for: their orders."""
        recall = change.plan.outcome.evidence
        if recall is None:
            return {}
        told, found = recall(), {}
        for code in sorted(told.contested):
            skus = set() if told.kept_parcels.get(code) else set(told.kept_at(code))
            there = {
                key: units for key in self.orders if key != change.key and (units := self._units_at(key, code, plans))
            }
            takers = [key for key, units in there.items() if not skus or not skus.isdisjoint(units)]
            found[code] = tuple(sorted({self.orders[key].standing.root for key in takers}))
        return found

    def _units_at(self, key: str, code: str, plans: Mapping[str, engine.Plan]) -> Counter[str]:
        """What an order of these has there in the end, by SKU."""
        units: Counter[str] = Counter()
        if key in plans:
            for parcel in plans[key].parcels:
                units.update({line.sku: line.quantity for line in parcel.lines if parcel.location == code})
            return units
        held = _units_of(self.orders[key].standing)
        return Counter({sku: number for (sku, place), number in held.items() if place == code})

    def _pool(self) -> batch.Pool:
        """Without what those hold who cannot move."""
        staying = [order.standing for order in self.orders.values() if not order.pending]
        units, days = _total(map(_units_of, staying)), _total(map(_days_of, staying))
        stock: Stock = defaultdict(dict)
        for order in self.orders.values():
            for sku, here in order.stock.items():
                for code in here:
                    stock[sku][code] = self.world.limit((sku, code)) - units[sku, code]
        capacity: dict[Hashable, int] = {}
        for slot in {slot for order in self.orders.values() for slot in order.slots.values()}:
            room = self.world.room(slot)
            if room is not None:
                capacity[slot] = max(room, self.world.held_days[slot]) - days[slot]
        return batch.Pool(stock, capacity)

    def _better(self, pending: batch.Pending, outcome: engine.Plan) -> Better:
        order = self.orders[pending.key]
        plan = order.planning.plan_of(outcome, order.rules, started=self.started)
        return Better(pending.key, plan, from_micro(pending.plan.cost_micro - outcome.cost_micro))

    def _groups(self, changes: Sequence[Better]) -> list[list[Better]]:
        """Those that need what others of them give back belong together."""
        moved = {change.key: self._moved(change) for change in changes}
        total: Counter[Any] = Counter()
        for units in moved.values():
            for key, more in units.items():
                total[key] += max(0, more)
        tight = {key for key, taken in total.items() if taken > self._free(key)}
        group = {change.key: {change.key} for change in changes}
        for key in tight:
            joined = set().union(*(group[one] for one in moved if moved[one].get(key)))
            group |= dict.fromkeys(joined, joined)
        by_key = {change.key: change for change in changes}
        unique = {min(keys): keys for keys in group.values()}
        return [[by_key[key] for key in sorted(keys)] for keys in unique.values()]

    def _moved(self, change: Better) -> dict[Any, int]:
        """What the change takes more of, by level and slot; less than nothing: what it gives back."""
        order = self.orders[change.key]
        new: Counter[Any] = Counter()
        for parcel in change.plan.parcels:
            if parcel.capacity_date is not None:
                new[parcel.location, parcel.capacity_date] += 1
            for line in parcel.lines:
                new[line.sku, parcel.location] += line.quantity
        new.subtract(_units_of(order.standing))
        new.subtract(order.own_days)
        return {key: more for key, more in new.items() if more}

    def _free(self, key: tuple[str, Any]) -> int:
        """What nobody holds of a level or slot."""
        if isinstance(key[1], date):
            room = self.world.room(key)
            return 0 if room is None else room - self.world.held_days[key]
        return self.world.limit(key) - self.world.held[key]
