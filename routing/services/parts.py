"""`largest_part(…)`: of a demand that cannot be had whole, the most that can. Nothing is written.

What is left out is cut before it is planned: the answer is the very plan that the smaller demand would have got had it been
all that was asked for. So whatever the rules want – one parcel, all from one step, groups, values – holds for it, and it is
judged as every demand is, by the asker's own `ask`.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from heapq import heappop, heappush
from itertools import chain
from typing import Protocol, TypeVar

from routing.engine.parts import in_part
from routing.engine.types import Line
from routing.queries import ActiveRules
from routing.services import sourcing
from routing.services.sourcing import Demand, SourcingPlan

#: Plans made for one demand before it is given up; hardly any needs more than two.
_MOST_ASKED = 12
#: Units of a loose line that make way for a group, at most.
_MOST_GIVEN_WAY = 4


class Answer(Protocol):
    """What came of asking. `lacking`: units by line because of which it would be refused."""

    @property
    def source(self) -> SourcingPlan: ...

    @property
    def lacking(self) -> Mapping[str, int]: ...


@dataclass(frozen=True, slots=True)
class Judged:
    """An answer that is no more than a plan."""

    source: SourcingPlan
    lacking: Mapping[str, int]


A = TypeVar("A", bound=Answer)


@dataclass(frozen=True, slots=True, order=True)
class _Part:
    """The most units first, then the least cost, then the one that was found first."""

    rank: tuple[int, Decimal, int]
    demand: Demand = field(compare=False)


def largest_part(
    first: A, *, ask: Callable[[Demand], A], plan_under: Callable[[Demand, ActiveRules], SourcingPlan]
) -> A | None:
    """What is had of it when it asks for less; None: nothing. `first`: what came of asking for all.

    Each line keeps its key; a group stays whole or goes, and of lines of one SKU the first keep most.
    """
    answer, parts, known = first, list[_Part](), set[tuple[tuple[str, int], ...]]()
    for _ in range(_MOST_ASKED):
        favoured = _with_groups_whole(first) if answer is first else ()
        for demand, cost in chain(_smaller(answer, plan_under), favoured):
            units = tuple((line.key, line.quantity) for line in demand.lines)
            if units and units not in known:
                known.add(units)
                heappush(parts, _Part((-sum(n for _key, n in units), cost, len(known)), demand))
        if not parts:
            return None
        answer = ask(heappop(parts).demand)
        if not answer.lacking:
            return answer
    return None


def lacking(planned: SourcingPlan, sellable: Mapping[str, int]) -> dict[str, int]:
    """Units by line of a plan's rest because of which placing an order refuses it. `sellable`: what stands where it
    can be served, by SKU.

    What the rules leave to a person is accepted, as far as it stands there.
    """
    if not planned.rest:
        return {}
    if any(rest.disposition != "exception" for rest in planned.rest):
        return {rest.key: rest.quantity for rest in planned.rest}
    return out_of_reach(planned.demand, sellable)


def out_of_reach(demand: Demand, sellable: Mapping[str, int]) -> dict[str, int]:
    """Units by line that no place has, when the first lines get theirs first and groups are whole."""
    left, units = Counter(sellable), dict[str, int]()
    for members in _groups(demand.lines):
        needed = Counter[str]()
        for line in members:
            needed[line.sku] += line.quantity
        is_whole = all(n <= left[sku] for sku, n in needed.items())
        for line in members:
            units[line.key] = line.quantity if is_whole else 0 if line.group else left[line.sku]
            left[line.sku] -= units[line.key]
    return {line.key: line.quantity - units[line.key] for line in demand.lines if line.quantity > units[line.key]}


def _groups(lines: tuple[Line, ...]) -> list[list[Line]]:
    """What stands or falls together, each where its first line stands."""
    found: dict[tuple[str, str], list[Line]] = {}
    for line in lines:
        found.setdefault(("group", line.group) if line.group else ("line", line.key), []).append(line)
    return list(found.values())


# ---- what to ask for instead ----------------------------------------------------------------------


def _smaller(
    answer: Answer, plan_under: Callable[[Demand, ActiveRules], SourcingPlan]
) -> Iterator[tuple[Demand, Decimal]]:
    """Without what is lacking; and what the steps that send all or nothing could send. Each with what it would cost."""
    planned = answer.source
    demand = planned.demand
    yield _without(demand, answer.lacking), planned.outcome.cost
    if any(rest.disposition == "exception" for rest in planned.rest):
        return  # a person decides about the rest, whatever could be sent
    for rules in _rules_in_part(planned):
        found = plan_under(demand, rules)
        unserved = {rest.key: rest.quantity for rest in found.rest}
        yield _without(demand, unserved), found.outcome.cost


def _with_groups_whole(answer: Answer) -> Iterator[tuple[Demand, Decimal]]:
    """What a group lacks, loose lines of its products may have taken: a unit less for them, or two, and it may be whole."""
    demand, cost = answer.source.demand, answer.source.outcome.cost
    broken = {line.group for line in demand.lines if line.group and answer.lacking.get(line.key)}
    last = {line.sku: line for line in demand.lines if not line.group}
    lacking = Counter({line.key: answer.lacking.get(line.key, 0) for line in demand.lines if not line.group})
    wanted = Counter[str]()
    for line in demand.lines:
        if line.group in broken and line.sku in last:
            wanted[line.sku] += line.quantity
    for sku, units in wanted.items():
        for fewer in range(1, min(units, _MOST_GIVEN_WAY) + 1):
            yield _without(demand, lacking + Counter({last[sku].key: fewer})), cost


def _rules_in_part(planned: SourcingPlan) -> Iterator[ActiveRules]:
    rule = next((rule for rule in planned.rules.rules if rule.name == planned.outcome.rule), None)
    if rule is not None:
        asked = sourcing.Planning(planned.demand, planned.as_of, planned.release_at).engine_demand()
        yield from (ActiveRules((other,)) for other in in_part(rule, asked))


def _without(demand: Demand, lacking: Mapping[str, int]) -> Demand:
    """A group of which anything is lacking goes; of loose lines of one SKU the last ones go first."""
    broken = {line.group for line in demand.lines if line.group and lacking.get(line.key)}
    loose = Counter[str]()
    for line in demand.lines:
        if not line.group:
            loose[line.sku] += line.quantity - lacking.get(line.key, 0)
    kept = []
    for line in demand.lines:
        units = line.quantity
        if line.group:
            units = 0 if line.group in broken else units
        else:
            units = min(units, max(0, loose[line.sku]))
            loose[line.sku] -= units
        if units:
            kept.append(replace(line, quantity=units))
    gone = sum((line.unit_value * line.quantity for line in demand.lines), Decimal(0))
    gone -= sum((line.unit_value * line.quantity for line in kept), Decimal(0))
    return replace(demand, lines=tuple(kept), value=None if demand.value is None else demand.value - gone)
