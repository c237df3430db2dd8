"""How rules were tried before they decide: their simulations, and what they would have done beside the live ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.utils.safestring import SafeString

from oms.backoffice.words import badge
from routing.admin.base import percent
from routing.admin.simulation_page import ChangeRow, MeasureRow, change_row, measure_rows
from routing.admin.simulations import LOOKS
from routing.models import RuleSet, Shadow, SimulatedChange, Simulation
from routing.services.rule_sets import last_simulation
from routing.states import RuleSetStatus

_SIMULATIONS_SHOWN = 3
_EXAMPLES_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Tried:
    pk: str
    badge: SafeString
    created_at: datetime
    changed: int | None
    cost: str
    tone: str
    note: str


@dataclass(frozen=True, slots=True)
class ShadowShown:
    started_at: datetime
    judged_until: datetime | None
    judged: int
    changed: int
    share: str
    measures: Sequence[MeasureRow]
    examples: Sequence[ChangeRow]


@dataclass(frozen=True, slots=True)
class Trials:
    """`must_be_simulated`: the house wants it, and this very text was not."""

    simulations: Sequence[Tried]
    shadow: ShadowShown | None
    is_draft: bool
    must_be_simulated: bool


def trials_of(rule_set: RuleSet) -> Trials:
    is_draft = rule_set.status == RuleSetStatus.DRAFT
    found = Simulation.objects.filter(rule_set=rule_set.pk).defer("demands", "state", "document")
    shadow = Shadow.objects.filter(rule_set=rule_set).first()
    return Trials(
        simulations=[_tried(row) for row in found[:_SIMULATIONS_SHOWN]],
        shadow=_shadow_shown(shadow) if shadow else None,
        is_draft=is_draft,
        must_be_simulated=settings.PUBLISHING_NEEDS_SIMULATION and is_draft and last_simulation(rule_set) is None,
    )


def _tried(row: Simulation) -> Tried:
    cost = measure_rows(row.figures)[0] if row.figures else None
    return Tried(
        pk=row.pk,
        badge=badge(row.get_status_display(), *LOOKS[row.status]),
        created_at=row.created_at,
        changed=row.figures["comparison"]["changed"] if row.figures else None,
        cost=(cost.share or cost.change) if cost else "",
        tone=cost.tone if cost else "quiet",
        note=cost.note if cost else "",
    )


def _shadow_shown(shadow: Shadow) -> ShadowShown:
    return ShadowShown(
        started_at=shadow.started_at,
        judged_until=shadow.judged_until,
        judged=shadow.judged,
        changed=shadow.changed,
        share=percent(shadow.changed / shadow.judged) if shadow.judged else "",
        measures=[row for row in measure_rows(shadow.figures) if row.change != "="] if shadow.figures else (),
        examples=[change_row(_change(number, told)) for number, told in enumerate(shadow.examples[:_EXAMPLES_SHOWN])],
    )


def _change(number: int, told: dict[str, Any]) -> SimulatedChange:
    """An example as the row that a simulation would keep of it."""
    at, cost = datetime.fromisoformat(told["at"]), Decimal(told["cost_change"])
    return SimulatedChange(**{**told, "pk": number, "at": at, "cost_change": cost})
