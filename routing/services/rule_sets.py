"""Drafting, publishing and finding rule sets.

Who is bound to a channel decides for that one alone, never for those without rules of their own.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Max

from oms.cache import bump
from oms.errors import ChannelNotAllowed
from oms.models import Channel
from oms.transactions import in_transaction, use_case
from routing import queries
from routing.documents import RuleSetDocument, parse, unknown_channels
from routing.errors import InvalidDocument, NotADraft, RuleSetMissing
from routing.models import RuleSet, RuleSetSlot
from routing.states import RULE_SET_MOVES, RuleSetStatus


@use_case
def create_draft(*, document: Mapping[str, Any], bound_to: str | None = None) -> RuleSet:
    """A new draft; the next version if the name is taken. Errors: InvalidDocument, ChannelNotAllowed."""
    checked = checked_document(document)
    _require_own(checked.channels, bound_to)
    return write_draft(RuleSet(), checked)


@use_case
def change_draft(*, rule_set_id: str, changes: Mapping[str, Any], bound_to: str | None = None) -> RuleSet:
    """Replace the named top-level keys. Errors: RuleSetMissing, ChannelNotAllowed, NotADraft, InvalidDocument."""
    rule_set = _lock(rule_set_id)
    _require_own(rule_set.channels, bound_to)
    _require_draft(rule_set)
    checked = checked_document({**rule_set.document, **changes})
    _require_own(checked.channels, bound_to)
    return write_draft(rule_set, checked)


@use_case
def delete_draft(*, rule_set_id: str, bound_to: str | None = None) -> None:
    """Errors: RuleSetMissing, ChannelNotAllowed, NotADraft (a decision may name it)."""
    rule_set = _lock(rule_set_id)
    _require_own(rule_set.channels, bound_to)
    _require_draft(rule_set)
    rule_set.delete()


@use_case
def publish_rule_set(*, rule_set_id: str, actor: str, as_of: datetime, bound_to: str | None = None) -> RuleSet:
    """Let a draft decide for its channels; what decided there before is archived once it decides nowhere.

    Errors: RuleSetMissing, ChannelNotAllowed, IllegalMove, InvalidDocument (a channel has gone).
    """
    with connection.cursor() as cursor:  # one publication at a time: slots and statuses change together
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('routing.publish'))")
    rule_set = _lock(rule_set_id)
    _require_own(rule_set.channels, bound_to)
    checked = checked_document(rule_set.document)
    RULE_SET_MOVES.move(
        rule_set,
        to=RuleSetStatus.PUBLISHED,
        actor=actor,
        as_of=as_of,
        version=rule_set.version,  # it names the text, which a move does not change
        published_at=as_of,
    )
    for channel in checked.channels or ("",):
        RuleSetSlot.objects.update_or_create(channel=channel, defaults={"rule_set": rule_set})
    for idle in RuleSet.objects.filter(status=RuleSetStatus.PUBLISHED, slots=None).select_for_update(of=("self",)):
        RULE_SET_MOVES.move(idle, to=RuleSetStatus.ARCHIVED, actor=actor, as_of=as_of, version=idle.version)
    bump(queries.RULE_SETS)
    return rule_set


@in_transaction
def write_draft(rule_set: RuleSet, document: RuleSetDocument) -> RuleSet:
    """Give a draft its text; under a new name it becomes that name's next version."""
    if document.name != rule_set.name:
        rule_set.version = _next_version(document.name)
    rule_set.name = document.name
    rule_set.channels = list(document.channels)
    rule_set.document = document.as_json()
    rule_set.save()
    return rule_set


def find_rule_set(rule_set_id: str) -> RuleSet:
    """Errors: RuleSetMissing."""
    try:
        return RuleSet.objects.get(pk=rule_set_id)
    except RuleSet.DoesNotExist:
        raise RuleSetMissing() from None


@in_transaction
def _lock(rule_set_id: str) -> RuleSet:
    try:
        return RuleSet.objects.select_for_update().get(pk=rule_set_id)
    except RuleSet.DoesNotExist:
        raise RuleSetMissing() from None


def _require_own(channels: Iterable[str], bound_to: str | None) -> None:
    if bound_to is not None and set(channels) != {bound_to}:
        raise ChannelNotAllowed()


def _require_draft(rule_set: RuleSet) -> None:
    if rule_set.status != RuleSetStatus.DRAFT:
        raise NotADraft(current=rule_set.status)


def checked_document(document: Mapping[str, Any]) -> RuleSetDocument:
    """Well formed, and its channels exist. Errors: InvalidDocument."""
    checked = parse(document)
    if checked.channels:
        known = set(Channel.objects.filter(code__in=checked.channels).values_list("code", flat=True))
        if faults := unknown_channels(checked, known):
            raise InvalidDocument(errors=faults)
    return checked


@in_transaction
def _next_version(name: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"routing.rule_set:{name}"])
    return (RuleSet.objects.filter(name=name).aggregate(last=Max("version"))["last"] or 0) + 1
