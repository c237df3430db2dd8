"""Planning for somebody who only wants to know."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from inventory import queries as inventory
from inventory.exposure import Context
from inventory.services.cart_holds import unknown_hold
from oms.channels import ChannelInfo, channels
from oms.errors import FieldError, Invalid
from oms.transactions import use_case
from routing.documents import parse
from routing.errors import InvalidDocument, RuleSetMissing
from routing.queries import ActiveRules, active_rules
from routing.services.backorders import await_rest
from routing.services.decisions import record_decisions
from routing.services.parts import Judged, lacking, largest_part
from routing.services.rule_sets import find_rule_set
from routing.services.sourcing import COLLECTED, Demand, Destination, Line, SourcingPlan, plan

DRY_RUN = "dry run"


@dataclass(frozen=True, slots=True)
class WantedLine:
    sku: str
    quantity: int
    group: str | None = None


@dataclass(frozen=True, slots=True)
class TypedLevel:
    """So many units to sell, whatever the books say."""

    sku: str
    location: str
    sellable: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A basket somebody wants to see planned, at today's prices. `value`: of the whole order (default: of the lines).
    `may_be_cut`: the most of it that can be had will do. `wanted_by`: a date to keep, for rules that ask what is late.
    `reservation`: the cart's hold, whose units are its own.
    """

    channel: str
    lines: Sequence[WantedLine]
    destination: Destination | None = None
    method: str = "ship"
    service: str = "standard"
    location: str | None = None
    exclude: Sequence[str] = ()
    customer_tags: Sequence[str] = ()
    value: Decimal | None = None
    stock: Sequence[TypedLevel] = ()
    may_be_cut: bool = False
    wanted_by: datetime | None = None
    reservation: str | None = None


RulesAsked = str | Mapping[str, Any] | None
"""None the published ones, an id, or a whole document."""


def plan_dry_run(wish: Wish, *, rule_set: RulesAsked, keep: bool, as_of: datetime) -> SourcingPlan:
    """Plan a basket at today's stock and prices; nothing is stored but, with `keep`, the decision.

    Errors: Invalid with every unknown channel, SKU, place or rule set named; what was kept would not tell that its stock
    was typed in, and is refused.
    """
    if keep and wish.stock:
        raise Invalid(errors=[FieldError("/keep", "typed_stock", _("A plan with stock typed in is not kept"))])
    found = plan_side_by_side(wish, rule_sets=[rule_set], as_of=as_of)
    (planned,) = found.plans
    if wish.may_be_cut:
        planned = _most_of(planned, found.sellable)
    if keep:
        _keep_decision(planned)
    return planned


def _most_of(whole: SourcingPlan, sellable: Mapping[str, Mapping[str, int]]) -> SourcingPlan:
    """As placing an order would cut it, were the shopper to wait for what the rules back-order."""
    stock = StockOfDay(found={sku: dict(units) for sku, units in sellable.items()})
    method = whole.demand.method
    there = {sku: sum(inventory.units_for(method, units).values()) for sku, units in sellable.items()}

    def plan_under(demand: Demand, rules: ActiveRules) -> SourcingPlan:
        return plan(demand, as_of=whole.as_of, release_at=whole.release_at, rules=rules, stock=stock)

    def judge(planned: SourcingPlan) -> Judged:
        awaited = await_rest(planned)
        return Judged(planned, lacking(planned, there) if awaited is None else awaited.lacking)

    first = judge(whole)
    if not first.lacking:
        return whole
    part = largest_part(first, ask=lambda demand: judge(plan_under(demand, whole.rules)), plan_under=plan_under)
    return part.source if part else whole


def cut_of(wish: Wish, planned: SourcingPlan) -> list[WantedLine]:
    """What of it was not planned any more."""
    kept = {line.key: line.quantity for line in planned.demand.lines}
    asked = ((line, line.quantity - kept.get(f"l{number}", 0)) for number, line in enumerate(wish.lines, start=1))
    return [replace(line, quantity=units) for line, units in asked if units]


def rest_dates(planned: SourcingPlan) -> dict[str, date]:
    """By line, the shopper's day on which what waits for a delivery would be there; nothing for what nobody brings."""
    awaited = await_rest(planned)
    if awaited is None:
        return {}
    days: dict[str, date] = {}
    for part in awaited.parts:
        day = part.promised_at.astimezone(planned.zone).date()
        days[part.key] = max(day, days.get(part.key, day))
    return {key: day for key, day in days.items() if key not in awaited.lacking}


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Plans of one basket, and the units they all reckoned with, by SKU and place."""

    plans: list[SourcingPlan]
    sellable: Mapping[str, Mapping[str, int]]


def plan_side_by_side(wish: Wish, *, rule_sets: Sequence[RulesAsked], as_of: datetime) -> SideBySide:
    """The same basket under several rule sets, with the same stock, as an order placed then. Errors: as of a dry run."""
    faults: list[FieldError] = []
    rules = [_rules(rule_set, faults) for rule_set in rule_sets]
    channel, demand = _asked(wish, faults, as_of=as_of)
    release_at = channel.release_at(wish.method, wish.service, placed_at=as_of)
    stock = StockOfDay(wish.stock)
    plans = [plan(demand, as_of=as_of, release_at=release_at, rules=asked, stock=stock) for asked in rules]
    return SideBySide(plans, stock.found or {})


def _asked(wish: Wish, faults: list[FieldError], *, as_of: datetime) -> tuple[ChannelInfo, Demand]:
    """Errors: Invalid with these faults and those of the wish."""
    products = inventory.products_of_channel({line.sku for line in wish.lines}, channel=wish.channel, as_of=as_of)
    channel = channels().get(wish.channel)
    faults = [*_unknown_skus(wish, products), *_unknown_places(wish), *faults]
    faults += unknown_hold(wish.channel, wish.reservation)
    if wish.method in COLLECTED and wish.location is None:
        faults.append(FieldError("/delivery/location", "required", _("name the place where the shopper collects")))
    if channel is None or not channel.is_active:
        text = _("there is no active channel %(channel)s") % {"channel": wish.channel}
        faults.append(FieldError("/channel", "unknown_channel", text))
    if faults or channel is None:
        raise Invalid(errors=faults)
    return channel, _demand(wish, channel, products)


def _demand(wish: Wish, channel: ChannelInfo, products: Mapping[str, inventory.ProductInfo]) -> Demand:
    return Demand(
        channel=wish.channel,
        currency=channel.currency,
        lines=tuple(_line(i, line, products[line.sku]) for i, line in enumerate(wish.lines, start=1)),
        method=wish.method,
        service=wish.service,
        destination=wish.destination,
        location=wish.location,
        customer_tags=wish.customer_tags,
        value=wish.value,
        wanted_by=wish.wanted_by,
        holds=(wish.reservation,) if wish.reservation else (),
        excluded={f"l{i}": wish.exclude for i in range(1, len(wish.lines) + 1)} if wish.exclude else {},
    )


@dataclass
class StockOfDay:
    """A reader for plans that are compared: the books are read once, and what was typed in stands instead."""

    typed: Sequence[TypedLevel] = ()
    found: dict[str, dict[str, int]] | None = None

    def __call__(
        self,
        skus: Sequence[str],
        *,
        context: Context,
        locations: Collection[str] | None = None,
        tags: Mapping[str, Collection[str]] | None = None,
    ) -> dict[str, dict[str, int]]:
        if self.found is None:
            self.found = inventory.sellable_units(skus, context=context, locations=locations, tags=tags)
            for level in self.typed:
                if level.sku in self.found and (locations is None or level.location in locations):
                    self.found[level.sku][level.location] = level.sellable
        return {sku: {code: units for code, units in self.found[sku].items() if units} for sku in skus}


@use_case
def _keep_decision(planned: SourcingPlan) -> None:
    record_decisions([(planned, DRY_RUN)])


def _line(number: int, line: WantedLine, product: inventory.ProductInfo) -> Line:
    return Line(f"l{number}", line.sku, line.quantity, line.group, product.price, product.weight_g, product.tags)


def _unknown_skus(wish: Wish, products: Mapping[str, Any]) -> list[FieldError]:
    """Of stock typed in, it must be of what is wanted: of anything else it would change nothing."""
    wanted = {line.sku for line in wish.lines}
    unknown = [
        FieldError(f"/lines/{i}/sku", "unknown_sku", _("there is no product %(sku)s") % {"sku": line.sku})
        for i, line in enumerate(wish.lines)
        if line.sku not in products
    ]
    return unknown + [
        FieldError(f"/stock/{i}/sku", "unknown_sku", _("%(sku)s is not in the basket") % {"sku": level.sku})
        for i, level in enumerate(wish.stock)
        if level.sku not in wanted
    ]


def _unknown_places(wish: Wish) -> list[FieldError]:
    places = inventory.places()
    named = [("/delivery/location", wish.location)] if wish.location is not None else []
    named += [(f"/exclude/{i}", code) for i, code in enumerate(wish.exclude)]
    named += [(f"/stock/{i}/location", level.location) for i, level in enumerate(wish.stock)]
    return [
        FieldError(pointer, "unknown_location", _("there is no place %(place)s") % {"place": code})
        for pointer, code in named
        if code not in places
    ]


def _rules(rule_set: RulesAsked, faults: list[FieldError]) -> ActiveRules | None:
    try:
        if isinstance(rule_set, str):
            return active_rules(find_rule_set(rule_set))
        return None if rule_set is None else ActiveRules(parse(rule_set).as_engine())
    except RuleSetMissing:
        faults.append(FieldError("/rule_set", "unknown_rule_set", _("there is no rule set %(id)s") % {"id": rule_set}))
    except InvalidDocument as refusal:
        faults += [FieldError(f"/rule_set{fault.pointer}", fault.code, fault.detail) for fault in refusal.errors]
    return None
