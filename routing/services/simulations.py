"""Simulations as people and clients handle them: asked for, called off, forgotten. The work is done in `simulation_work`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, Max, Min, QuerySet
from django.utils.translation import gettext as _

from inventory.balances import check_instant
from inventory.errors import BeforeTheLedger
from oms.backoffice.subjects import numbers_of
from oms.backoffice.words import exact_instant
from oms.clock import EARLIEST, LATEST
from oms.errors import FieldError, IllegalMove, Invalid, Missing
from oms.idempotency import idempotent
from oms.outbox import publish
from oms.transactions import in_transaction, use_case
from routing.demand_files import pack, read_demands
from routing.documents import BUILT_IN, parse
from routing.errors import InvalidDocument, RuleSetMissing, TooManySimulations
from routing.models import DemandFact, RuleSet, RuleSetSlot, SimulatedChange, Simulation
from routing.queries import ActiveRules, active_rules
from routing.replay import RulesOf
from routing.services.demand_facts import Wanted
from routing.services.rule_sets import find_rule_set
from routing.states import LIVE_SIMULATIONS, SIMULATION_MOVES, SimulationStatus

Choice = str | Mapping[str, Any]
"""A rule set by its id, or a whole document."""


@dataclass(frozen=True, slots=True)
class Period:
    """Orders of a past time; both ends as in `placed_after < … <= placed_before`. `stock_as_of`: of another instant than
    the beginning, and then at rest."""

    placed_after: datetime
    placed_before: datetime
    stock_as_of: datetime | None = None


@dataclass(frozen=True, slots=True)
class DemandFile:
    """Orders of a CSV (see `routing.demand_files`) over stock at rest (default: as it is now)."""

    data: bytes
    file_name: str = ""
    stock_as_of: datetime | None = None


@use_case
@idempotent
def request_simulation(
    *, rule_set: Choice, orders: Period | DemandFile, baseline: Choice | None = None, actor: str, as_of: datetime
) -> str:
    """Let orders be decided again under `rule_set` as if it were published, beside what decides now, or would if
    `baseline` were published. Returns the simulation's id.

    Errors: Invalid (unknown or broken rules, a period without orders, before the ledger or too long, rules that would
    decide none of these orders), BadDemandFile, TooManySimulations.
    """
    if Simulation.objects.filter(status__in=LIVE_SIMULATIONS).count() >= settings.SIMULATIONS_WAITING:
        raise TooManySimulations(limit=settings.SIMULATIONS_WAITING)
    faults: list[FieldError] = []
    other = None if baseline is None else _chosen("/baseline", baseline, faults)
    row = _unsaved(rule_set, orders, faults, as_of)
    row.actor, row.baseline, row.baseline_document = (
        actor,
        other.name if other else "",
        other.document if other else None,
    )
    row.save(force_insert=True)
    facts = {"rule_set": row.rule_set, "orders": row.orders_total}
    publish([SIMULATION_MOVES.fact(row, to=row.status, actor=actor, payload=facts)], as_of=as_of)
    return row.pk


def unsaved_simulation(*, rule_set: Choice, orders: Period | DemandFile, as_of: datetime) -> Simulation:
    """What was asked for, looked at, for somebody who replays it otherwise. Errors: as `request_simulation`."""
    return _unsaved(rule_set, orders, [], as_of)


def _unsaved(rule_set: Choice, orders: Period | DemandFile, faults: list[FieldError], as_of: datetime) -> Simulation:
    """Errors: Invalid with these faults, too; BadDemandFile."""
    ours = _chosen("/rule_set", rule_set, faults)
    slots = dict(RuleSetSlot.objects.values_list("channel", "rule_set_id"))
    values = _of_period(orders, faults, as_of) if isinstance(orders, Period) else _of_file(orders, faults, as_of)
    if faults or ours is None:
        raise Invalid(errors=faults)
    by_channel = values.pop("by_channel")
    judged = sum(count for channel, count in by_channel.items() if decides(ours.document, channel, slots))
    if not judged:
        detail = _(
            "These rules would decide none of the orders: none is of their channels, or those have rules of their own"
        )
        raise Invalid(errors=[FieldError("/rule_set", "decides_nothing", detail)])
    return Simulation(
        status=SimulationStatus.PENDING,
        rule_set=ours.id,
        name=ours.name,
        document=ours.document,
        slots=slots,
        orders_total=sum(by_channel.values()),
        orders_judged=judged,
        created_at=as_of,
        updated_at=as_of,
        served_at=as_of,
        **values,
    )


@use_case
def cancel_simulation(*, simulation_id: str, actor: str, as_of: datetime) -> None:
    """Errors: Missing, IllegalMove (it has ended). Canceling twice is no error."""
    row = Simulation.objects.select_for_update(no_key=True).filter(pk=simulation_id).first()
    if row is None:
        raise Missing()
    if row.status == SimulationStatus.CANCELED:
        return
    if row.status not in LIVE_SIMULATIONS:
        raise IllegalMove(current=row.status, actions=[])
    end(row, to=SimulationStatus.CANCELED, actor=actor, as_of=as_of)


@in_transaction
def end(row: Simulation, *, to: SimulationStatus, actor: str, as_of: datetime, **more: Any) -> None:
    """Nobody works on it any more, and nothing is kept to go on with. `more`: as `StateTable.move` takes it."""
    ended: dict[str, Any] = {"lease": "", "leased_until": None, "finished_at": as_of, "state": None}
    SIMULATION_MOVES.move(row, to=to, actor=actor, as_of=as_of, **ended, **more)


@use_case
def forget_simulations(*, before: datetime) -> int:
    """Those that ended before. Returns how many are gone."""
    found = Simulation.objects.filter(finished_at__lt=before)
    count = found.count()
    found.delete()
    return count


def order_numbers(row: Simulation, changes: Iterable[SimulatedChange]) -> Mapping[str, int]:
    """By reference, the numbers of the orders that these are deliveries of; none of a file, whose orders are nowhere else."""
    if row.source == Simulation.Source.FILE:
        return {}
    return numbers_of({change.reference for change in changes})


# ---- whose rules decide --------------------------------------------------------------------------------


def decides(document: Mapping[str, Any], channel: str, slots: Mapping[str, Any]) -> bool:
    """Whether this document, published, would decide for the channel. `slots`: those that were published before."""
    bound = document["channels"]
    return channel in bound if bound else not (channel and channel in slots)


def rules_as_if(document: Mapping[str, Any] | None, slots: Mapping[str, str], *, id: str = "") -> RulesOf:
    """What decides by channel: these slots, over them the document."""
    published = {row.pk: active_rules(row) for row in RuleSet.objects.filter(pk__in=slots.values())}
    ours = ActiveRules(parse(document).as_engine(), id) if document else None
    built_in = ActiveRules(BUILT_IN.as_engine())

    def rules_of(channel: str) -> ActiveRules:
        if ours and document and decides(document, channel, slots):
            return ours
        return published.get(slots.get(channel) or slots.get("", ""), built_in)

    return rules_of


@dataclass(frozen=True, slots=True)
class _Chosen:
    id: str
    name: str
    document: dict[str, Any]


def _chosen(pointer: str, choice: Choice, faults: list[FieldError]) -> _Chosen | None:
    try:
        if isinstance(choice, str):
            row = find_rule_set(choice)
            return _Chosen(row.pk, str(row), row.document)
        checked = parse(choice)
        return _Chosen("", checked.name, checked.as_json())
    except RuleSetMissing:
        faults.append(FieldError(pointer, "unknown_rule_set", _("There is no such rule set")))
    except InvalidDocument as refusal:
        faults += [FieldError(f"{pointer}{fault.pointer}", fault.code, fault.detail) for fault in refusal.errors]
    return None


# ---- which orders -------------------------------------------------------------------------------------


def facts_of_period(placed_after: datetime, placed_before: datetime) -> QuerySet[DemandFact]:
    """In the order in which they were decided: what a shopper collects at a chosen place before the rest of its order."""
    return DemandFact.objects.filter(at__gt=placed_after, at__lte=placed_before).order_by("at", "-location", "id")


def _of_period(period: Period, faults: list[FieldError], as_of: datetime) -> dict[str, Any]:
    stock_as_of = period.stock_as_of or period.placed_after
    wrong = _period_faults(period, as_of)
    faults += wrong
    if period.stock_as_of or not wrong:
        faults += _stock_faults("/stock_as_of" if period.stock_as_of else "/placed_after", stock_as_of, as_of)
    by_channel: dict[str, int] = {}
    last = 0
    if not faults:
        facts = facts_of_period(period.placed_after, period.placed_before).order_by()
        counted = facts.values("channel").annotate(count=Count("id"), last=Max("id"))
        for channel, count, newest in counted.values_list("channel", "count", "last"):
            by_channel[channel], last = count, max(last, newest)
        faults += _count_faults(sum(by_channel.values()))
    return {
        "source": Simulation.Source.PERIOD,
        "placed_after": period.placed_after,
        "placed_before": period.placed_before,
        "stock_as_of": stock_as_of,
        "stock_moves": period.stock_as_of is None,
        "last_fact": last,
        "by_channel": by_channel,
    }


def _period_faults(period: Period, as_of: datetime) -> list[FieldError]:
    if not EARLIEST <= period.placed_before < LATEST:  # the beginning is looked at with the stock of then
        detail = _("A moment between the years 1900 and 2200 is needed")
        return [FieldError("/placed_before", "out_of_reach", detail)]
    if period.placed_before <= period.placed_after:
        return [FieldError("/placed_before", "empty_range", _("The period ends before it begins"))]
    if period.placed_after >= as_of:
        return [FieldError("/placed_after", "in_the_future", _("This has not happened yet"))]
    return []


def _count_faults(orders: int) -> list[FieldError]:
    most = settings.SIMULATION_MOST_ORDERS
    if orders > most:
        detail = _("%(orders)d orders were placed in it; at most %(most)d can be replayed at once")
        return [FieldError("/placed_before", "too_many_orders", detail % {"orders": orders, "most": most})]
    if orders:
        return []
    known = DemandFact.objects.aggregate(first=Min("at"), last=Max("at"))
    if known["first"] is None:
        detail = _("No order is known yet; what was wanted is told every quarter of an hour")
    else:
        detail = _("No order was placed in it; orders are known from %(first)s to %(last)s") % {
            "first": exact_instant(known["first"]),
            "last": exact_instant(known["last"]),
        }
    return [FieldError("/placed_after", "empty_period", detail)]


def _stock_faults(pointer: str, instant: datetime, as_of: datetime) -> list[FieldError]:
    try:
        check_instant(instant, as_of=as_of)
    except BeforeTheLedger as refusal:
        return [FieldError(pointer, refusal.code, str(refusal.detail))]
    except Invalid as refusal:
        return [FieldError(pointer, fault.code, fault.detail) for fault in refusal.errors]
    return []


def _of_file(file: DemandFile, faults: list[FieldError], as_of: datetime) -> dict[str, Any]:
    stock_as_of = file.stock_as_of or as_of
    faults += _stock_faults("/stock_as_of", stock_as_of, as_of)
    wanted: Sequence[Wanted] = read_demands(file.data, most_orders=settings.SIMULATION_MOST_ORDERS)
    by_channel: dict[str, int] = {}
    for one in wanted:
        by_channel[one.demand.channel] = by_channel.get(one.demand.channel, 0) + 1
    return {
        "source": Simulation.Source.FILE,
        "file_name": file.file_name[:200],
        "demands": pack(wanted),
        "placed_after": wanted[0].at - timedelta(seconds=1),
        "placed_before": wanted[-1].at,
        "stock_as_of": stock_as_of,
        "stock_moves": False,
        "by_channel": by_channel,
    }
