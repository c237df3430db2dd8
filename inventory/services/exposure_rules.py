"""Exposure rules: made, changed, taken away; every process knows within a second."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from inventory import events
from inventory.models import ExposureRule, Product
from inventory.queries import EXPOSURE, places
from oms.cache import bump
from oms.channels import channels
from oms.errors import FieldError, Invalid, Missing
from oms.idempotency import idempotent
from oms.outbox import publish
from oms.transactions import in_transaction, use_case


@dataclass(frozen=True, slots=True)
class ExposureRow:
    """What staff say of a rule; empty conditions do not restrict. `keep_share` between 0 and 1."""

    name: str = ""
    channel: str | None = None
    order_type: str = ""
    service: str = ""
    countries: Sequence[str] = ()
    groups: Sequence[str] = ()
    locations: Sequence[str] = ()
    tags: Sequence[str] = ()
    skus: Sequence[str] = ()
    below_confidence: float | None = None
    keep_units: int | None = None
    keep_share: Decimal | None = None
    hidden: bool = False
    is_active: bool = True


@use_case
@idempotent
def create_exposure_rule(row: ExposureRow, *, actor: str, as_of: datetime) -> str:
    """Returns its id. Errors: Invalid (names nobody knows)."""
    return save_exposure_rule(ExposureRule(created_at=as_of), row, actor=actor, as_of=as_of).pk


@use_case
def change_exposure_rule(
    rule_id: str, change: Callable[[ExposureRule], ExposureRow], *, actor: str, as_of: datetime
) -> ExposureRule:
    """Replace a rule by what `change` makes of it under its lock. Errors: Missing, Invalid."""
    rule = _locked(rule_id)
    return save_exposure_rule(rule, change(rule), actor=actor, as_of=as_of)


@use_case
def remove_exposure_rule(rule_id: str, *, actor: str, as_of: datetime) -> None:
    """Errors: Missing."""
    drop_exposure_rule(_locked(rule_id), actor=actor, as_of=as_of)


@in_transaction
def _locked(rule_id: str) -> ExposureRule:
    rule = ExposureRule.objects.select_for_update(of=("self",)).filter(pk=rule_id).first()
    if rule is None:
        raise Missing()
    return rule


@in_transaction
def drop_exposure_rule(rule: ExposureRule, *, actor: str, as_of: datetime) -> None:
    publish([events.exposure_rule_changed(rule.pk, "removed", {}, actor=actor)], as_of=as_of)
    rule.delete()
    bump(EXPOSURE)


@in_transaction
def save_exposure_rule(rule: ExposureRule, row: ExposureRow, *, actor: str, as_of: datetime) -> ExposureRule:
    """Write what `row` says into a new or locked rule. Errors: Invalid (names nobody knows)."""
    if faults := unknown_names(row):
        raise Invalid(errors=faults)
    values = asdict(row)
    rule.channel_id = values.pop("channel")
    for name, value in values.items():
        setattr(rule, name, list(value) if isinstance(value, list | tuple) else value)
    verb = "created" if rule._state.adding else "changed"
    rule.updated_at = as_of
    rule.save()
    publish([events.exposure_rule_changed(rule.pk, verb, _told(row), actor=actor)], as_of=as_of)
    bump(EXPOSURE)
    return rule


def _told(row: ExposureRow) -> dict[str, Any]:
    """What the rule says, for the record of who changed what."""
    values = {name: value for name, value in asdict(row).items() if value not in (None, "", False, (), [])}
    return values | ({"keep_share": str(row.keep_share)} if row.keep_share is not None else {})


def unknown_names(row: ExposureRow) -> list[FieldError]:
    known_skus = set(Product.objects.filter(pk__in=row.skus).values_list("pk", flat=True)) if row.skus else set()
    channel = [] if row.channel is None else [row.channel]
    faults = [
        FieldError("/channel", "unknown_channel", _("No such channel")) for code in channel if code not in channels()
    ]
    faults += [
        FieldError(f"/locations/{n}", "unknown_location", _("There is no such location"))
        for n, code in enumerate(row.locations)
        if code not in places()
    ]
    faults += [
        FieldError(f"/skus/{n}", "unknown_sku", _("There is no such product"))
        for n, sku in enumerate(row.skus)
        if sku not in known_skus
    ]
    return faults
