"""`manage.py simulate`: what rules would have done, for people at a terminal and for tests of rules in a CI."""

import json
import time
from argparse import ArgumentTypeError
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from oms.clock import now
from oms.errors import DomainError
from routing.errors import InvalidDocument
from routing.measures import NAMES, Bound, Difference, broken, differences, held_to
from routing.models import Simulation
from routing.services.simulation_work import work_on_simulations
from routing.services.simulations import Choice, DemandFile, Period, request_simulation
from routing.states import LIVE_SIMULATIONS, SimulationStatus
from routing.yaml_text import read_yaml

WORSE, BAD_INPUT = 1, 2
_STEP_SECONDS = 5.0
_SOMEBODY_ELSE_SECONDS = 0.5


def _bound(text: str) -> Bound:
    try:
        return Bound.read(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


class Command(BaseCommand):
    help = (
        "Replay past orders, or those of a file, under rules as if they were published, and print the figures beside"
        " those of what decides now. Ends with 1 if a measure is worse than its bound, or if"
        " more units go without a place and neither --max-unserved nor --max-refused, --max-left and their like say how many"
        " may; with 2 if something is wrong with what was asked."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--rule-set", required=True, metavar="FILE|ID", help="a document (JSON or YAML), or an id")
        parser.add_argument("--baseline", metavar="FILE|ID", help="beside these rules (default: what decides now)")
        add_orders(parser)
        parser.add_argument("--json", action="store_true", help="print all figures as JSON")
        limits = parser.add_argument_group("bounds", "+2%% above the other rules, +0.05 above them, or 0.3 at most")
        for name in NAMES:
            limits.add_argument(f"--max-{name}", type=_bound, metavar="BOUND")

    def handle(self, *args: Any, **options: Any) -> None:
        asked = {name: bound for name in NAMES if (bound := options[f"max_{name}"]) is not None}
        try:
            made = request_simulation(
                rule_set=rules_asked_for(options["rule_set"]),
                baseline=rules_asked_for(options["baseline"]) if options["baseline"] else None,
                orders=orders_asked_for(options),
                actor="system:simulate",
                as_of=now(),
            )
        except DomainError as refusal:
            raise CommandError(told(refusal), returncode=BAD_INPUT) from None
        row = self._finished(made, is_quiet=options["json"])
        found = differences(row.figures or {})
        bounds = held_to(found, asked)
        worse = list(broken(found, bounds))
        if options["json"]:
            self.stdout.write(json.dumps(row.figures, indent=2, ensure_ascii=False))
        else:
            self._print(row, found, bounds, worse)
        if worse:
            said = (f"{_name(one)}: {one.candidate:.4f} goes beyond {bounds[one.measure.name].text}" for one in worse)
            raise CommandError("worse than allowed: " + "; ".join(said), returncode=WORSE)

    def _finished(self, simulation_id: str, *, is_quiet: bool) -> Simulation:
        """Work on it here, or wait for the simulator that was quicker."""
        while True:
            worked = work_on_simulations(now=now, seconds=_STEP_SECONDS, only=simulation_id)
            row = Simulation.objects.defer("demands", "state").get(pk=simulation_id)
            if row.status not in LIVE_SIMULATIONS:
                break
            if not is_quiet:
                self.stderr.write(f"{row.orders_done} of {row.orders_total} orders")
            if not worked:
                time.sleep(_SOMEBODY_ELSE_SECONDS)
        if row.status != SimulationStatus.COMPLETED:
            raise CommandError(f"the simulation {row.pk} ended as {row.status}", returncode=BAD_INPUT)
        return row

    def _print(
        self, row: Simulation, found: list[Difference], bounds: Mapping[str, Bound], worse: list[Difference]
    ) -> None:
        figures = row.figures or {}
        comparison = figures["comparison"]
        self.stdout.write(
            f"{row.name} beside {row.baseline or 'what decides now'}: {row.orders_total} orders,"
            f" {comparison['changed']} changed ({comparison['cheaper']} cheaper, {comparison['dearer']} dearer)  {row.pk}"
        )
        self.stdout.write(f"{'measure':16}{'before':>14}{'after':>14}{'±':>12}{'± %':>9}  bound")
        for one in found:
            share = "" if one.relative is None else f"{one.relative:+.1%}"
            bound = bounds.get(one.measure.name)
            said = f"{bound.text}{'  BEYOND' if one in worse else ''}" if bound else ""
            line = f"{_name(one):16}{one.baseline:14.4f}{one.candidate:14.4f}{one.change:+12.4f}{share:>9}  {said}"
            self.stdout.write(line.rstrip())
        agreement = figures["agreement"]
        if agreement["rate"] is not None:
            self.stdout.write(f"decided again as live: {agreement['rate']:.1%} of {agreement['known']}")


def _name(one: Difference) -> str:
    return f"{one.measure.name} {one.measure.currency}".strip()


# ---- what other commands ask for in the same words ------------------------------------------------------


def add_orders(parser: CommandParser) -> None:
    parser.add_argument("--from", dest="placed_after", metavar="INSTANT", help="orders placed after it, as 2026-11-20")
    parser.add_argument("--to", dest="placed_before", metavar="INSTANT", help="until then (default: now)")
    parser.add_argument("--demands", type=Path, metavar="FILE", help="the orders of a CSV instead of a period")
    parser.add_argument("--stock-as-of", metavar="INSTANT", help="stock of this instant, at rest")


def told(refusal: DomainError) -> str:
    return "\n".join([f"{fault.pointer}: {fault.detail}" for fault in refusal.errors] or [str(refusal)])


def rules_asked_for(given: str) -> Choice:
    """An id stays one; anything else is a file. Errors: CommandError."""
    path = Path(given)
    try:
        if not path.exists():
            return given
    except OSError as error:  # too long for a name: a document itself, say
        raise CommandError(
            f"--rule-set and --baseline name a file or an id: {error}"[:200], returncode=BAD_INPUT
        ) from None
    try:
        document = read_yaml(path.read_bytes()).data
    except OSError as error:
        raise CommandError(f"{path}: {error}", returncode=BAD_INPUT) from None
    except InvalidDocument as refusal:
        told = "; ".join(fault.detail for fault in refusal.errors)
        raise CommandError(f"{path}: {told}", returncode=BAD_INPUT) from None
    if not isinstance(document, dict):
        raise CommandError(f"{path}: not a rule set", returncode=BAD_INPUT)
    return document


def orders_asked_for(options: dict[str, Any]) -> Period | DemandFile:
    stock_as_of = _instant("--stock-as-of", options["stock_as_of"])
    if (path := options["demands"]) is not None:
        if options["placed_after"] or options["placed_before"]:
            raise CommandError("name a period or a file, not both", returncode=BAD_INPUT)
        try:
            return DemandFile(path.read_bytes(), path.name, stock_as_of)
        except OSError as error:
            raise CommandError(f"{path}: {error}", returncode=BAD_INPUT) from None
    placed_after = _instant("--from", options["placed_after"])
    if placed_after is None:
        raise CommandError("name a period (--from, --to) or a file (--demands)", returncode=BAD_INPUT)
    return Period(placed_after, _instant("--to", options["placed_before"]) or now(), stock_as_of)


def _instant(name: str, text: str | None) -> datetime | None:
    """A day begins at midnight, UTC, as does what names no zone."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{name}: {text} is not an instant", returncode=BAD_INPUT) from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
