"""How much of the prices of scarce stock should count: chosen on a part of the past, told on a later part.

`θ` is the weight `scarcity` in units of the weight `cost`: by how much dearer a unit is taken for that is worth a price
to those who may still come. Orders are replayed with each θ, over stock that runs out and with prices that could be
known then. The choice is made on the earlier half and holds only if the later half, which it has not seen, agrees.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from inventory.stock_book import stock_book
from oms.errors import FieldError, Invalid
from routing.capacity_book import capacity_book
from routing.documents import written_out
from routing.editing import Edit, apply, fingerprint
from routing.models import RuleSet, Simulation
from routing.replay import World
from routing.services.acceptance import AcceptanceThen
from routing.services.demand_facts import Wanted
from routing.services.rule_sets import copy_to_draft, edit_draft, find_rule_set
from routing.services.scarcity import Foresight
from routing.services.simulation_work import Orders, orders_of
from routing.services.simulations import Choice, DemandFile, Period, rules_as_if, unsaved_simulation
from routing.states import RuleSetStatus

GRID = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
#: Without other word a unit that is not served counts twice what a parcel costs in the mean, as for the prices themselves.
_TIMES_A_PARCEL = 2


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of the orders of a part under one θ. `paid` in the currency; `splits`: parcels beyond an order's first."""

    scale: float
    orders: int
    paid: Decimal
    parcels: int
    splits: int
    unfilled: int

    def money(self, lost_per_unit: Decimal) -> Decimal:
        """Paid and lost."""
        return self.paid + lost_per_unit * self.unfilled

    def is_no_worse_than(self, other: "Trial") -> bool:
        return self.splits <= other.splits and self.unfilled <= other.unfilled


@dataclass(frozen=True, slots=True)
class Chosen:
    """`earlier`: a trial of each θ. `later`: of θ = 0 and of the chosen one (one trial where that is 0)."""

    scale: float
    currency: str
    lost_per_unit: Decimal
    earlier: Sequence[Trial]
    later: Sequence[Trial]
    document: dict[str, Any]

    @property
    def is_confirmed(self) -> bool:
        """Whether it is worth having on orders that the choice has not seen."""
        without, ours = self.later[0], self.later[-1]
        return (
            self.scale > 0
            and ours.is_no_worse_than(without)
            and ours.money(self.lost_per_unit) < without.money(self.lost_per_unit)
        )


Heard = Callable[[Trial], None]


def choose_scale(
    *,
    rule_set: Choice,
    orders: Period | DemandFile,
    grid: Sequence[float] = GRID,
    lost_per_unit: Decimal | None = None,
    as_of: datetime,
    heard: Heard = lambda trial: None,
) -> Chosen:
    """Replay; nothing is written. `heard` is told each trial as it ends.

    Errors: as `request_simulation`; Invalid where there are fewer than two orders.
    """
    row = unsaved_simulation(rule_set=rule_set, orders=orders, as_of=as_of)
    wanted = orders_of(row)
    every = [one for batch in wanted.batches(0) for one in batch]
    if len(every) < 2:
        raise Invalid(errors=[FieldError("/placed_after", "too_few_orders", "Two orders at least are needed")])
    past = _Past(row, wanted, every)
    half = len(every) // 2

    without = past.world(0.0, row.stock_as_of)
    trials = [past.trial(without, every[:half], 0.0)]
    heard(trials[0])
    for scale in sorted({*grid} - {0.0}):
        trials.append(past.trial(past.world(scale, row.stock_as_of), every[:half], scale))
        heard(trials[-1])
    lost = _TIMES_A_PARCEL * trials[0].paid / max(1, trials[0].parcels) if lost_per_unit is None else lost_per_unit
    scale = best_of(trials, lost)
    later = []
    for again in sorted({0.0, scale}):
        later.append(past.trial(past.world_later(again, every[half - 1].at, without), every[half:], again))
        heard(later[-1])
    return Chosen(scale, past.currency, lost, trials, later, row.document)


def best_of(trials: Sequence[Trial], lost_per_unit: Decimal) -> float:
    """The θ that costs least; none that splits more, or leaves more units unserved, than no price at all. The smaller
    of equals."""
    without = next(trial for trial in trials if not trial.scale)
    able = [trial for trial in trials if trial.is_no_worse_than(without)]
    return min(able, key=lambda trial: (trial.money(lost_per_unit), trial.scale)).scale


def write_scale(*, rule_set_id: str, chosen: Chosen) -> RuleSet:
    """Write the chosen θ into this draft, or into a copy of what is published. Nothing is published by it.

    Errors: RuleSetMissing; DraftChanged, where it is another text by now than was replayed.
    """
    row = find_rule_set(rule_set_id)
    if row.status == RuleSetStatus.DRAFT:
        return edit_draft(rule_set_id=row.pk, edit=weighing(chosen.scale), seen=fingerprint(chosen.document))
    draft = copy_to_draft(rule_set_id=rule_set_id)  # in full, while what was stored may be short of newer keys
    return edit_draft(rule_set_id=draft.pk, edit=weighing(chosen.scale), seen=fingerprint(draft.document))


def weighing(scale: float) -> Edit:
    """Let each step that weighs cost weigh scarcity so much as well; others, which count no money, are left alone."""

    def edit(document: dict[str, Any]) -> None:
        for rule in document["rules"]:
            for step in rule["steps"]:
                weights = step["weights"]
                if weights["cost"]:
                    weights["scarcity"] = round(scale * weights["cost"], 6)

    return edit


class _Past:
    """The worlds in which trials are made."""

    def __init__(self, row: Simulation, wanted: Orders, every: Sequence[Wanted]):
        self.row = row
        self.skus = wanted.skus()
        self.foresight = Foresight(wanted.wishes)
        self.acceptance = AcceptanceThen(row.created_at)
        self.currency = _commonest(one.demand.currency for one in every)

    def world(self, scale: float, stock_as_of: datetime) -> World:
        row = self.row
        until = row.placed_before if row.stock_moves else None
        rules = rules_as_if(apply(written_out(row.document), weighing(scale)), row.slots, id=row.rule_set)
        books = stock_book(self.skus, as_of=stock_as_of, until=until), capacity_book(as_of=stock_as_of, until=until)
        return World(rules, *books, foresight=self.foresight, acceptance=self.acceptance)

    def world_later(self, scale: float, at: datetime, before: World) -> World:
        """Stock as it really stood then; where it is at rest, what the world `before` has left of it."""
        if self.row.stock_moves:
            return self.world(scale, at)
        world = self.world(scale, self.row.stock_as_of)
        world.resume(before.taken, before.booked)
        return world

    def trial(self, world: World, wanted: Sequence[Wanted], scale: float) -> Trial:
        """All take stock; those in the currency count."""
        orders = parcels = splits = unfilled = 0
        paid = Decimal(0)
        for one in wanted:
            outcome = world.decide(one)
            if one.demand.currency != self.currency:
                continue
            orders += 1
            paid += outcome.paid
            parcels += len(outcome.sent)
            splits += max(0, len(outcome.sent) - 1)
            served = sum(sum(sent.units.values()) for sent in outcome.sent)
            unfilled += sum(line.quantity for line in one.demand.lines) - served
        return Trial(scale, orders, paid, parcels, splits, unfilled)


def _commonest(currencies: Iterable[str]) -> str:
    count = Counter(currencies)
    return max(sorted(count), key=count.__getitem__)
