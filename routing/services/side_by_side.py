"""Two worlds that are asked the same: sums of both, what changed, and how often the live rules chose again what they chose."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

from routing.models import Decision
from routing.replay import Agreement, Comparison, Outcome, Tally, World
from routing.services.demand_facts import Wanted

SIDES = ("baseline", "candidate")
Allocation = Mapping[tuple[str, str], int]
"""Units by place and SKU."""


@dataclass
class Replay:
    """`worlds` by side. What it has summed up and taken can be written down and gone on with."""

    worlds: dict[str, World]
    tallies: dict[str, Tally] = field(default_factory=lambda: {side: Tally() for side in SIDES})
    comparison: Comparison = field(default_factory=Comparison)
    agreement: Agreement = field(default_factory=Agreement)

    def decide(self, wanted: Wanted, decided: Allocation | None = None) -> dict[str, Any] | None:
        """Both sides' plans, where they differ. `decided`: what the live rules had chosen, where that is known."""
        outcomes = {side: world.decide(wanted) for side, world in self.worlds.items()}
        for side, outcome in outcomes.items():
            self.tallies[side].add(wanted, outcome)
        if decided is not None:
            self.agreement.add(decided, outcomes["baseline"])
        is_changed = self.comparison.add(*(outcomes[side] for side in SIDES))
        return _change(wanted, outcomes) if is_changed else None

    @property
    def figures(self) -> dict[str, Any]:
        sides = {side: self.tallies[side].figures(world.capacity) for side, world in self.worlds.items()}
        agreement = {**asdict(self.agreement), "rate": self.agreement.rate}
        return {**sides, "comparison": asdict(self.comparison), "agreement": agreement}

    def as_json(self) -> dict[str, Any]:
        return {
            "tallies": {side: tally.as_json() for side, tally in self.tallies.items()},
            "comparison": asdict(self.comparison),
            "agreement": asdict(self.agreement),
            "taken": {side: [[*key, n] for key, n in world.taken.items()] for side, world in self.worlds.items()},
            "booked": {side: [[*key, n] for key, n in world.booked.items()] for side, world in self.worlds.items()},
            "prices": {side: world.prices.as_json() for side, world in self.worlds.items() if world.prices},
        }

    def resume(self, state: Mapping[str, Any]) -> None:
        """Go on where another one stopped."""
        self.tallies = {side: Tally.from_json(state["tallies"][side]) for side in SIDES}
        self.comparison = Comparison(**state["comparison"])
        self.agreement = Agreement(**state["agreement"])
        for side, world in self.worlds.items():
            taken = {(sku, location): n for sku, location, n in state["taken"][side]}
            booked = {(location, date.fromisoformat(str(day))): n for location, day, n in state["booked"][side]}
            world.resume(taken, booked)
            if world.prices and (prices := state.get("prices", {}).get(side)):
                world.prices.resume(prices)


def _change(wanted: Wanted, outcomes: Mapping[str, Outcome]) -> dict[str, Any]:
    demand = wanted.demand
    return {
        "reference": wanted.reference,
        "at": wanted.at,
        "channel": demand.channel,
        "currency": demand.currency,
        "lines": [{"sku": line.sku, "quantity": line.quantity} for line in demand.lines],
        "baseline": outcomes["baseline"].as_json(),
        "candidate": outcomes["candidate"].as_json(),
        "cost_change": round(outcomes["candidate"].paid - outcomes["baseline"].paid, 2),
    }


def with_decisions(
    batch: Sequence[Wanted], *, live: Collection[str]
) -> Iterator[tuple[Wanted, dict[tuple[str, str], int] | None]]:
    """Demands with what was decided about them; None where nobody knows, or other rules than these decided."""
    ids = [one.decision for one in batch if one.decision] if live else []
    rows = Decision.objects.filter(pk__in=ids).values_list("pk", "rule_set", "snapshot__chosen") if ids else []
    decided = {pk: allocation_of(chosen) for pk, rules, chosen in rows if rules in live}
    return ((one, decided.get(one.decision)) for one in batch)


def allocation_of(chosen: Sequence[Any]) -> dict[tuple[str, str], int]:
    """Of what a decision's snapshot says was chosen."""
    found: dict[tuple[str, str], int] = {}
    for location, lines, *_ in chosen:
        for _key, sku, units in lines:
            found[location, sku] = found.get((location, sku), 0) + units
    return found


def ids_of_live(slots: Mapping[str, str]) -> set[str]:
    """Of the rule sets that decide; the built-in one, which decides where none is published for all, has none."""
    return {*slots.values()} | ({""} if "" not in slots else set())
