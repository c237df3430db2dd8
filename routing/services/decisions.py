"""Writing decisions down, in the transaction that acts on them."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any

from oms.ids import first_id
from oms.sql import Tables, insert_rows
from oms.transactions import in_transaction, use_case
from routing.models import Decision
from routing.services.sourcing import SourcingPlan
from routing.snapshots import evidence_of, snapshot_of


def decision_rows(plans: Sequence[tuple[SourcingPlan, str]]) -> Tables:
    """(plan, subject) pairs as rows, for a statement that writes what was decided as well."""
    return {Decision: [_row(plan, subject=subject) for plan, subject in plans]}


def _row(plan: SourcingPlan, *, subject: str) -> dict[str, Any]:
    return {
        "id": plan.decision_id,
        "subject": subject,
        "rule_set": plan.rules.id,
        "rule_set_version": plan.rules.version,
        "cost": plan.outcome.cost,
        "lower_bound": plan.outcome.lower_bound,
        "optimal": plan.outcome.optimal,
        "elapsed_ms": plan.elapsed_ms,
        "snapshot": snapshot_of(plan),
        "evidence": "\\x" + evidence_of(plan).hex(),  # rows travel as text
        "created_at": plan.as_of,
    }


@in_transaction
def record_decisions(plans: Sequence[tuple[SourcingPlan, str]]) -> None:
    """Write (plan, subject) pairs in one statement, under each plan's own `decision_id`."""
    insert_rows(decision_rows(plans))


def step_that_served(decision_id: str, location: str) -> tuple[int, str]:
    """Number and name of the step by which a decision sends from there; of the first where nobody knows any more."""
    snapshot = Decision.objects.filter(pk=decision_id).values_list("snapshot", flat=True).first() or {}
    tried = enumerate(snapshot.get("steps", ()))
    steps = [(number, name) for number, (name, _outcome, _let_in, parcels, _cost) in tried for _ in range(parcels)]
    chosen = [place for place, *_rest in snapshot.get("chosen", ())]
    return dict(zip(chosen, steps, strict=False)).get(location, (0, ""))


_CHUNK = 1000


@use_case
def forget_decisions(
    *, before: datetime, after_id: str, still_needed: Callable[[Collection[str]], Collection[str]]
) -> tuple[int, str]:
    """Forget the next chunk of decisions that were made before that instant, but for subjects that are still needed.

    Returns how many were forgotten, and the id to go on after; an empty one when all were looked at.
    """
    old = Decision.objects.filter(pk__gt=after_id, pk__lt=first_id("dec", before)).order_by("pk")
    chunk = dict(old.values_list("pk", "subject")[:_CHUNK])
    needed = set(still_needed(set(chunk.values())))
    gone = [pk for pk, subject in chunk.items() if subject not in needed]
    Decision.objects.filter(pk__in=gone).delete()
    return len(gone), max(chunk) if len(chunk) == _CHUNK else ""
