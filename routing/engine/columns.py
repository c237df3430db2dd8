"""Exact for orders too large to count all states: every parcel that could be sent, priced first, combined afterwards.

A column is one possible parcel: a place and how many of each item. A linear programme over all columns prices the
items; at these prices no column gains anything, and a plan costs more than the bound by what its columns lose. So a
plan cheaper than the best one known can only be made of columns that lose less than the gap between the two. Of these
few, `_Combination` finds the cheapest set that serves everything, window by window: what is found first is the best.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import floor

import numpy as np

from . import master, milp
from .master import Prices
from .problem import Problem, Solution, priced
from .types import MICRO, Budget

MAX_COLUMNS = 300_000
_MAX_COLUMNS_OF_ONE = 100_000
_MAX_REMEMBERED = 20_000
_BEAM = 300
_CHUNK = 400_000
_SLACK_MICRO = 2  # prices are floats


def cheapest(problem: Problem, known: Solution | None, budget: Budget, least_parcels: int = 2) -> Solution | None:
    """As `milp.cheapest`, which is asked where there are too many columns or not everything can be served."""
    if known and budget.is_spent:
        return known
    serves_all = known if known and known.units == problem.most_units else None
    rows, parcels = (
        milp.promising(problem, serves_all, least_parcels)
        if serves_all
        else (np.arange(len(problem.offers)), problem.max_parcels)
    )
    if serves_all and (len(rows) < least_parcels or (parcels is not None and parcels < least_parcels)):
        return serves_all.bounded_by(serves_all.cost_micro)
    columns = enumerated(problem, rows)
    if columns is None:
        return milp.cheapest(problem, known, budget, least_parcels)
    if serves_all:
        columns = columns.only(_may_be_better(problem, columns, serves_all, least_parcels))
    try:
        prices = _priced(problem, columns, parcels, least_parcels if serves_all else 0, budget)
    except master.Short as short:
        if serves_all is None:
            return None if problem.complete and short.is_final else milp.cheapest(problem, known, budget)
        if short.prices is None:
            return serves_all.bounded_by(serves_all.cost_micro)
        prices = short.prices
    found = _Search(problem, columns, prices, budget).run(serves_all)
    return found or milp.cheapest(problem, known, budget, least_parcels)


# All parcels ------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Columns:
    """Sorted by place; `place` is a row of the problem's offers."""

    place: np.ndarray
    counts: np.ndarray
    costs: np.ndarray

    def only(self, which: np.ndarray) -> "Columns":
        return Columns(self.place[which], self.counts[which], self.costs[which])


def _all_counts(available: tuple[int, ...]) -> np.ndarray:
    """Every way to take some of what is there."""
    found = np.indices([count + 1 for count in available], dtype=np.int64)
    return found.reshape(len(available), -1).T[1:]


_remembered_counts = lru_cache(maxsize=512)(_all_counts)


def enumerated(problem: Problem, rows: np.ndarray) -> Columns | None:
    available = problem.available[rows]
    with np.errstate(over="ignore"):
        sizes = np.prod(available + 1.0, axis=1)
    if not len(rows) or sizes.max() > _MAX_COLUMNS_OF_ONE or sizes.sum() > MAX_COLUMNS:
        return None
    blocks = [
        (_remembered_counts if size <= _MAX_REMEMBERED else _all_counts)(tuple(counts))
        for size, counts in zip(sizes.tolist(), available.tolist(), strict=True)
    ]
    place = np.repeat(rows, [len(block) for block in blocks])
    counts = np.concatenate(blocks)
    fits = np.ones(len(place), dtype=bool)
    if problem.least_value_micro is not None:
        fits &= counts @ problem.values_micro >= problem.least_value_micro
    for shared in problem.shared:
        fits &= counts @ shared.takes <= shared.stock[place]
    place, counts = place[fits], counts[fits]
    weights = counts @ problem.weights_g
    offers = problem.offers
    costs = offers.fixed[place]
    for number, charge in enumerate(offers.charges):
        of_charge = offers.charge_of[place] == number
        costs[of_charge] += charge.tariff.prices_micro(weights[of_charge])
    if offers.carbon_per_g is not None:
        costs += np.rint(offers.carbon_per_g[place] * weights).astype(np.int64)
    if problem.unit_costs is not None:
        costs += (counts * problem.unit_costs[place]).sum(axis=1)
    return Columns(place, counts, costs)


def _may_be_better(problem: Problem, columns: Columns, known: Solution, least_parcels: int) -> np.ndarray:
    """The columns that with the least that the rest could cost, in so many parcels together, cost less than `known`."""
    offers = problem.offers
    others = np.sort(offers.floor)[: least_parcels - 1].sum()
    if problem.unit_costs is None:
        return np.flatnonzero(columns.costs + others < known.cost_micro)
    units = np.where(problem.available > 0, problem.unit_costs, np.iinfo(np.int64).max).min(axis=0)
    rest = others + problem.counts @ units - columns.counts @ units
    return np.flatnonzero(columns.costs + rest < known.cost_micro)


def _priced(problem: Problem, columns: Columns, parcels: int | None, least_parcels: int, budget: Budget) -> Prices:
    _, group = np.unique(columns.place, return_inverse=True)
    most = min(int(problem.counts.sum()), len(problem.offers))
    is_limited = parcels is not None and parcels < most
    limits = [float(parcels)] if is_limited and parcels else []
    signs = [1.0] * len(limits)
    if least_parcels:
        limits, signs = [*limits, -float(least_parcels)], [*signs, -1.0]
    uses = np.tile(signs, (len(group), 1))
    priced = master.Columns(group, columns.costs, columns.counts, uses)
    return master.priced(priced, problem.counts, np.array(limits), budget)


# Combining --------------------------------------------------------------------------------------


class _Search:
    def __init__(self, problem: Problem, columns: Columns, prices: Prices, budget: Budget):
        self.problem = problem
        self.columns = columns
        self.losses = prices.losses
        self.base = self.bound = max(0, floor(prices.bound_micro) - _SLACK_MICRO)
        self.budget = budget

    def run(self, known: Solution | None) -> Solution | None:
        """The best plan that serves all; None when none was found."""
        if known is None:
            # Nothing is known yet: one look is had, whatever the time.
            known = self._below(2 * self.base + MICRO, _BEAM, is_hurried=False)[0]
        elif known.cost_micro > self.bound:
            known = self._below(known.cost_micro, _BEAM)[0] or known
        window = max(MICRO, (known.cost_micro if known else 2 * self.base) - self.base) // 8
        while (known is None or known.cost_micro > self.bound) and not self.budget.is_spent:
            ceiling = min(self.base + window, known.cost_micro) if known else self.base + window
            better, is_final = self._below(ceiling, None)
            known = better or known
            if not is_final or (known is None and window > self.base):
                break
            if better:
                return better.bounded_by(better.cost_micro)
            self.bound = ceiling
            window *= 2
        return known.bounded_by(self.bound) if known else None

    def _below(self, ceiling: int, beam: int | None, is_hurried: bool = True) -> tuple[Solution | None, bool]:
        """The best plan cheaper than that, if any, and whether nothing was passed over."""
        window = ceiling - self.base + _SLACK_MICRO
        which = np.flatnonzero(self.losses < window)
        combination = _Combination(
            self.problem, self.columns.only(which), self.losses[which], ceiling, window, self.budget, beam, is_hurried
        )
        parcels = combination.run()
        return (priced(self.problem, parcels, bound_micro=self.bound) if parcels else None), not combination.is_cut


@dataclass(frozen=True, eq=False)
class _Labels:
    """What was reached: states by the place used last, with the least cost and the least loss so far."""

    keys: np.ndarray
    costs: np.ndarray
    losses: np.ndarray

    def merged(self) -> "_Labels":
        order = np.argsort(self.keys, kind="stable")
        keys = self.keys[order]
        if not len(keys):
            return self
        starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
        return _Labels(
            keys[starts],
            np.minimum.reduceat(self.costs[order], starts),
            np.minimum.reduceat(self.losses[order], starts),
        )

    def best(self, number: int) -> "_Labels":
        order = np.sort(np.argsort(self.losses, kind="stable")[:number])
        return _Labels(self.keys[order], self.costs[order], self.losses[order])

    def between(self, low: int, high: int) -> Iterator[tuple[int, int]]:
        """(key, cost) of the keys from `low` up to but without `high`, the cheapest first."""
        begin, end = np.searchsorted(self.keys, (low, high))
        costs = self.costs[begin:end]
        for at in np.argsort(costs, kind="stable").tolist():
            yield int(self.keys[begin + at]), int(costs[at])


class _Combination:
    """Item by item, the rarest first: in its turn an item is served in full, by columns without any item before it.

    The places of one turn come in rising order, so none is used twice; between turns that is checked when the
    parcels are traced back, with the least cost of every label as the bound.
    """

    def __init__(
        self,
        problem: Problem,
        columns: Columns,
        losses: np.ndarray,
        ceiling: int,
        window: float,
        budget: Budget,
        beam: int | None,
        is_hurried: bool,
    ):
        self.columns, self.losses = columns, losses
        self.ceiling, self.window = ceiling, window
        self.budget, self.beam, self.is_hurried = budget, beam, is_hurried
        self.is_cut = False
        self.counts = problem.counts
        rarity = (columns.counts > 0).sum(axis=0)
        self.order = np.argsort(rarity, kind="stable")
        self.span = len(problem.offers) + 1
        self._lay_out(problem.max_parcels)
        has = columns.counts[:, self.order] > 0
        self.lead = has.argmax(axis=1)

    def _lay_out(self, max_parcels: int | None) -> None:
        """Bit fields, one per item and one for the parcels, each with a guard that a sum too large turns off."""
        fields = self.counts.tolist()
        values = [self.columns.counts[:, k] for k in range(len(fields))]
        most = int(self.counts.sum())
        if max_parcels is not None and max_parcels < most:
            fields, values = [*fields, max_parcels], [*values, np.ones(len(self.losses), dtype=np.int64)]
        self.codes = np.zeros(len(self.losses), dtype=np.int64)
        self.ceiling_code = self.guards = shift = 0
        self.places: list[tuple[int, int]] = []  # shift and full value of each item's field
        for count, value in zip(fields, values, strict=True):
            self.codes += value << shift
            self.ceiling_code |= count << shift
            self.places.append((shift, count))
            shift += (2 * count).bit_length()
            self.guards |= 1 << shift
            shift += 1
        self.bits = shift
        self.ceiling_code |= self.guards

    def run(self) -> list[tuple[int, np.ndarray]] | None:
        if self.bits + self.span.bit_length() > 62:
            self.is_cut = True
            return None
        labels = _Labels(np.zeros(1, np.int64), np.zeros(1, np.int64), np.zeros(1))
        self.tables: list[list[_Labels]] = []
        if not len(self.losses):
            return None
        for turn, item in enumerate(self.order.tolist()):
            labels = self._turn(turn, item, labels)
            if not len(labels.keys):
                return None
        self.found: list[tuple[int, np.ndarray]] | None = None
        self._trace_turn(len(self.tables) - 1, labels, 0, frozenset(), ())
        return self.found

    def _turn(self, turn: int, item: int, labels: _Labels) -> _Labels:
        """All ways to serve the item in full; afterwards the place used last no longer matters."""
        which = np.flatnonzero(self.lead == turn)
        tables, done = [labels], []
        shift, full = self.places[item]
        while True:
            states = tables[-1].keys // self.span
            served = (states >> shift) & ((1 << (2 * full).bit_length()) - 1)
            is_full = served == full
            done.append(_Labels(states[is_full] * self.span, tables[-1].costs[is_full], tables[-1].losses[is_full]))
            if is_full.all() or not len(which):
                break
            open_ = ~is_full
            tables.append(
                self._sent(_Labels(tables[-1].keys[open_], tables[-1].costs[open_], tables[-1].losses[open_]), which)
            )
            if not len(tables[-1].keys):
                break
        self.tables.append(tables)
        joined = _Labels(
            np.concatenate([part.keys for part in done]),
            np.concatenate([part.costs for part in done]),
            np.concatenate([part.losses for part in done]),
        )
        return self._narrowed(joined.merged())

    def _sent(self, labels: _Labels, which: np.ndarray) -> _Labels:
        """One more parcel of this turn, from a place after the last one."""
        codes, places = self.codes[which], self.columns.place[which] + 1
        parts = []
        per_chunk = max(1, _CHUNK // len(which))
        for begin in range(0, len(labels.keys), per_chunk):
            if self.budget.is_spent and (self.is_hurried or begin):
                self.is_cut = True
                break
            keys = labels.keys[begin : begin + per_chunk]
            states, last = keys // self.span, keys % self.span
            losses = labels.losses[begin : begin + per_chunk]
            fits = (self.ceiling_code - (states[:, None] + codes)) & self.guards == self.guards
            fits &= (places > last[:, None]) & (losses[:, None] + self.losses[which] < self.window)
            a, b = np.nonzero(fits)
            parts.append(
                _Labels(
                    (states[a] + codes[b]) * self.span + places[b],
                    labels.costs[begin : begin + per_chunk][a] + self.columns.costs[which][b],
                    losses[a] + self.losses[which][b],
                )
            )
        return self._narrowed(
            _Labels(
                np.concatenate([part.keys for part in parts] or [np.zeros(0, np.int64)]),
                np.concatenate([part.costs for part in parts] or [np.zeros(0, np.int64)]),
                np.concatenate([part.losses for part in parts] or [np.zeros(0)]),
            ).merged()
        )

    def _narrowed(self, labels: _Labels) -> _Labels:
        if self.beam is None or len(labels.keys) <= self.beam:
            return labels
        self.is_cut = True
        return labels.best(self.beam)

    # Back from the end --------------------------------------------------------------------------

    def _trace_turn(
        self, turn: int, labels: _Labels | None, state: int, used: frozenset[int], parcels: Sequence[int]
    ) -> None:
        """Every way the state was reached at the end of a turn, while it could beat the best one found."""
        states = (labels.keys // self.span).tolist() if labels is not None else [state]
        spent = sum(int(self.columns.costs[c]) for c in parcels)
        for reached in states:
            for number, table in enumerate(self.tables[turn]):
                for key, cost in table.between(reached * self.span, (reached + 1) * self.span):
                    if cost + spent >= self.ceiling:
                        break
                    self._trace(turn, number, key, used, parcels, spent)

    def _trace(
        self, turn: int, number: int, key: int, used: frozenset[int], parcels: Sequence[int], spent: int
    ) -> None:
        if self.budget.is_spent:
            self.is_cut = True
            return
        state, last = divmod(key, self.span)
        if number == 0:
            if turn:
                self._trace_turn(turn - 1, None, state, used, parcels)
            else:
                self.ceiling = spent
                self.found = [(int(self.columns.place[c]), self.columns.counts[c]) for c in parcels]
            return
        if last - 1 in used:
            return
        which = np.flatnonzero((self.lead == turn) & (self.columns.place == last - 1))
        for column in which[np.argsort(self.columns.costs[which], kind="stable")].tolist():
            before = state - int(self.codes[column])
            if before < 0:
                continue
            now_spent = spent + int(self.columns.costs[column])
            for earlier, cost in self.tables[turn][number - 1].between(before * self.span, before * self.span + last):
                if cost + now_spent >= self.ceiling:
                    break
                self._trace(turn, number - 1, earlier, used | {last - 1}, (*parcels, column), now_spent)
