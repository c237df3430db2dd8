"""Planning for somebody who only wants to know."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from inventory import queries as inventory
from oms.errors import FieldError, Invalid
from oms.models import Channel
from oms.transactions import use_case
from routing.documents import parse
from routing.errors import InvalidDocument, RuleSetMissing
from routing.queries import ActiveRules, active_rules
from routing.services.decisions import record_decisions
from routing.services.rule_sets import find_rule_set
from routing.services.sourcing import COLLECTED, Demand, Destination, Line, SourcingPlan, plan

DRY_RUN = "dry run"


@dataclass(frozen=True, slots=True)
class WantedLine:
    sku: str
    quantity: int
    group: str | None = None


def plan_dry_run(
    *,
    channel: str,
    lines: Sequence[WantedLine],
    destination: Destination | None,
    method: str,
    service: str,
    location: str | None,
    rule_set: str | Mapping[str, Any] | None,
    exclude: Sequence[str],
    customer_tags: Sequence[str],
    keep: bool,
    as_of: datetime,
) -> SourcingPlan:
    """Plan a basket at today's stock and prices; nothing is stored but, with `keep`, the decision.

    `rule_set`: None the published one, an id, or a whole document. Errors: Invalid with every unknown
    channel, SKU, place or rule set named.
    """
    products = inventory.products_by_sku({line.sku for line in lines})
    found = Channel.objects.filter(code=channel, is_active=True).first()
    faults = [*_unknown_skus(lines, products), *_unknown_places(location, exclude)]
    if method in COLLECTED and location is None:
        faults.append(FieldError("/delivery/location", "required", "name the place where the shopper collects"))
    if found is None:
        faults.append(FieldError("/channel", "unknown_channel", f"there is no active channel {channel}"))
    rules = _rules(rule_set, faults)
    if faults or found is None:
        raise Invalid(errors=faults)
    demand = Demand(
        channel=channel,
        currency=found.currency,
        lines=tuple(_line(i, line, products[line.sku]) for i, line in enumerate(lines, start=1)),
        method=method,
        service=service,
        destination=destination,
        location=location,
        customer_tags=customer_tags,
        excluded={f"l{i}": exclude for i in range(1, len(lines) + 1)} if exclude else {},
    )
    planned = plan(demand, as_of=as_of, rules=rules)
    if keep:
        _keep_decision(planned)
    return planned


@use_case
def _keep_decision(planned: SourcingPlan) -> None:
    record_decisions([(planned, DRY_RUN)])


def _line(number: int, line: WantedLine, product: inventory.ProductInfo) -> Line:
    return Line(f"l{number}", line.sku, line.quantity, line.group, product.price, product.weight_g, product.tags)


def _unknown_skus(lines: Sequence[WantedLine], products: Mapping[str, Any]) -> list[FieldError]:
    return [
        FieldError(f"/lines/{i}/sku", "unknown_sku", f"there is no product {line.sku}")
        for i, line in enumerate(lines)
        if line.sku not in products
    ]


def _unknown_places(location: str | None, exclude: Sequence[str]) -> list[FieldError]:
    places = inventory.places()
    named = [("/delivery/location", location)] if location is not None else []
    named += [(f"/exclude/{i}", code) for i, code in enumerate(exclude)]
    return [
        FieldError(pointer, "unknown_location", f"there is no place {code}")
        for pointer, code in named
        if code not in places
    ]


def _rules(rule_set: str | Mapping[str, Any] | None, faults: list[FieldError]) -> ActiveRules | None:
    try:
        if isinstance(rule_set, str):
            return active_rules(find_rule_set(rule_set))
        return None if rule_set is None else ActiveRules(parse(rule_set).as_engine())
    except RuleSetMissing:
        faults.append(FieldError("/rule_set", "unknown_rule_set", f"there is no rule set {rule_set}"))
    except InvalidDocument as refusal:
        faults += [FieldError(f"/rule_set{fault.pointer}", fault.code, fault.detail) for fault in refusal.errors]
    return None
