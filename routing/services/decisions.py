"""Writing decisions down, in the transaction that acts on them."""

from collections.abc import Sequence
from typing import Any

from oms.sql import Tables, insert_rows
from oms.transactions import in_transaction
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
