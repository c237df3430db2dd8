"""Drafting, publishing and finding rule sets.

Who is bound to a channel decides for that one alone, never for those without rules of their own.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Max
from django.utils.translation import gettext as _

from oms.cache import bump
from oms.errors import ChannelNotAllowed, FieldError
from oms.idempotency import idempotent
from oms.models import Channel, Event
from oms.outbox import Fact, publish
from oms.transactions import in_transaction, use_case
from routing import queries
from routing.differences import Document
from routing.documents import BUILT_IN, RuleSetDocument, parse, unknown_channels, written_out
from routing.editing import Edit, apply, fingerprint
from routing.errors import DraftChanged, InvalidDocument, NotADraft, NotSimulated, RuleSetMissing
from routing.models import RuleSet, RuleSetSlot, Simulation
from routing.services.reviews import require_sound
from routing.states import NARROWED, RULE_SET_MOVES, RuleSetStatus, SimulationStatus
from routing.yaml_text import read_yaml


@use_case
def create_draft(*, document: Mapping[str, Any], bound_to: str | None = None) -> RuleSet:
    """A new draft; the next version if the name is taken. Errors: InvalidDocument, ChannelNotAllowed."""
    return _new_draft(document, bound_to)


@use_case
def import_draft(raw: bytes, *, bound_to: str | None = None) -> RuleSet:
    """A draft from a file of YAML. Errors: InvalidDocument, each fault with its line; ChannelNotAllowed."""
    return _draft_of_text(raw, bound_to)


@use_case
@idempotent
def send_draft(sent: bytes | Mapping[str, Any], *, bound_to: str | None, as_of: datetime) -> str:
    """A draft that a program sends, a document or a file of YAML. Returns its id. Errors: as the two above."""
    draft = _draft_of_text(sent, bound_to) if isinstance(sent, bytes) else _new_draft(sent, bound_to)
    return draft.pk


@in_transaction
def _new_draft(document: Mapping[str, Any], bound_to: str | None) -> RuleSet:
    checked = checked_document(document)
    _require_own(checked.channels, bound_to)
    return write_draft(RuleSet(), checked)


@in_transaction
def _draft_of_text(raw: bytes, bound_to: str | None) -> RuleSet:
    text = read_yaml(raw)
    if not isinstance(text.data, dict):
        raise InvalidDocument(errors=text.located((FieldError("", "dict_type", _("A rule set is needed")),)))
    try:
        return _new_draft(text.data, bound_to)
    except InvalidDocument as refusal:
        raise InvalidDocument(errors=text.located(refusal.errors)) from None


@use_case
def change_draft(
    *, rule_set_id: str, changes: Mapping[str, Any], seen: str = "", bound_to: str | None = None
) -> RuleSet:
    """Replace the named top-level keys; `seen`: of this text (`editing.fingerprint`), or nothing is.

    Errors: RuleSetMissing, ChannelNotAllowed, NotADraft, DraftChanged, InvalidDocument.
    """
    rule_set = _lock(rule_set_id)
    _require_own(rule_set.channels, bound_to)
    _require_draft(rule_set)
    _require_seen(rule_set, seen)
    checked = checked_document({**rule_set.document, **changes})
    _require_own(checked.channels, bound_to)
    return write_draft(rule_set, checked)


@use_case
def edit_draft(*, rule_set_id: str, edit: Edit, seen: str, bound_to: str | None = None) -> RuleSet:
    """One change to a draft as somebody `seen` it (`editing.fingerprint`).

    Errors: RuleSetMissing, ChannelNotAllowed, NotADraft, DraftChanged, InvalidDocument (nothing is left of a list).
    """
    rule_set = _lock(rule_set_id)
    _require_own(rule_set.channels, bound_to)
    _require_draft(rule_set)
    _require_seen(rule_set, seen)
    checked = checked_document(apply(written_out(rule_set.document), edit))
    _require_own(checked.channels, bound_to)
    return write_draft(rule_set, checked)


def copy_to_draft(*, rule_set_id: str, bound_to: str | None = None) -> RuleSet:
    """The next version of the same name, to be changed. Errors: RuleSetMissing, ChannelNotAllowed, InvalidDocument."""
    return create_draft(document=find_rule_set(rule_set_id).document, bound_to=bound_to)


@use_case
def delete_draft(*, rule_set_id: str, seen: str = "", bound_to: str | None = None) -> None:
    """Errors: RuleSetMissing, ChannelNotAllowed, NotADraft (a decision may name it), DraftChanged."""
    rule_set = _lock(rule_set_id)
    _require_own(rule_set.channels, bound_to)
    _require_draft(rule_set)
    _require_seen(rule_set, seen)
    rule_set.delete()


@use_case
def publish_rule_set(
    *, rule_set_id: str, actor: str, as_of: datetime, seen: str = "", bound_to: str | None = None
) -> RuleSet:
    """Let a draft decide for its channels; what decided there before is archived once it decides nowhere.

    `seen`: the text somebody decided about (`editing.fingerprint`), which is published or nothing is.

    Errors: RuleSetMissing, ChannelNotAllowed, IllegalMove, InvalidDocument (a channel has gone), DraftChanged,
    RuleSetFaulty, NotSimulated (the house wants it, see `PUBLISHING_NEEDS_SIMULATION`).
    """
    with connection.cursor() as cursor:  # one publication at a time: slots and statuses change together
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('routing.publish'))")
    rule_set = _lock(rule_set_id)
    _require_own(rule_set.channels, bound_to)
    checked = checked_document(rule_set.document)
    if rule_set.status == RuleSetStatus.DRAFT:  # of any other it is told that it cannot move
        _require_seen(rule_set, seen)
        require_sound(checked)
    if settings.PUBLISHING_NEEDS_SIMULATION and last_simulation(rule_set) is None:
        raise NotSimulated()
    RULE_SET_MOVES.move(
        rule_set,
        to=RuleSetStatus.PUBLISHED,
        actor=actor,
        as_of=as_of,
        version=rule_set.version,  # it names the text, which a move does not change
        published_at=as_of,
    )
    taken = takeovers(rule_set)
    for channel in checked.channels or ("",):
        RuleSetSlot.objects.update_or_create(channel=channel, defaults={"rule_set": rule_set})
    for idle in RuleSet.objects.filter(status=RuleSetStatus.PUBLISHED, slots=None).select_for_update(of=("self",)):
        RULE_SET_MOVES.move(idle, to=RuleSetStatus.ARCHIVED, actor=actor, as_of=as_of, version=idle.version)
    publish([_narrowed(one, rule_set, actor) for one in taken if one.left], as_of=as_of)
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


def replaced_by(rule_set: RuleSet) -> list[RuleSet]:
    """What decides today where this one would decide: of its first channel first, each once.

    A channel without rules of its own is decided by the default ones.
    """
    slots = {slot.channel: slot.rule_set for slot in RuleSetSlot.objects.select_related("rule_set")}
    there = (slots.get(channel) or slots.get("") for channel in rule_set.channels or ("",))
    return list({found.pk: found for found in there if found}.values())


@dataclass(frozen=True, slots=True)
class Takeover:
    """Of another rule set, the channels that a publication takes, and those that are left to it."""

    rule_set: RuleSet
    channels: list[str]
    left: list[str]


def takeovers(rule_set: RuleSet) -> list[Takeover]:
    """What a draft would take from whom. Default rules lose nothing to a channel's own: they decide for the others."""
    wanted = rule_set.channels or [""]
    losers = RuleSet.objects.filter(pk__in=RuleSetSlot.objects.filter(channel__in=wanted).values("rule_set"))
    return [
        Takeover(loser, [c for c in here if c in wanted], [c for c in here if c not in wanted])
        for loser in losers.prefetch_related("slots")
        if (here := queries.decides_for(loser) or [""])
    ]


def _narrowed(takeover: Takeover, by: RuleSet, actor: str) -> Fact:
    told = {"channels": takeover.channels, "by": by.pk, "by_name": str(by)}
    return RULE_SET_MOVES.fact(takeover.rule_set, to=NARROWED, actor=actor, payload=told)


def compared_with(rule_set: RuleSet, other_id: str = "") -> tuple[Document, RuleSet | None]:
    """The text a rule set is held against: the named one's, else what decides today, else the built-in.

    Errors: RuleSetMissing.
    """
    other = find_rule_set(other_id) if other_id else next(iter(replaced_by(rule_set)), None)
    return (written_out(other.document) if other else BUILT_IN.as_json()), other


@dataclass(frozen=True, slots=True)
class Publication:
    """What became of a version, when, and who did it. `channels`: those that `by` took over, where it was narrowed."""

    rule_set: RuleSet
    became: str
    at: datetime
    actor: str
    channels: Sequence[str] = ()
    by: str = ""
    by_name: str = ""


_MOST_VERSIONS = 100


def publications(name: str) -> list[Publication]:
    """What became of the latest versions of a name, the newest first."""
    versions = {row.pk: row for row in RuleSet.objects.filter(name=name).order_by("-version")[:_MOST_VERSIONS]}
    told = Event.objects.filter(root__in=list(versions), type__startswith=f"{RULE_SET_MOVES.noun}.").order_by("-id")
    return [_publication(versions[event.root], event) for event in told]


def _publication(rule_set: RuleSet, event: Event) -> Publication:
    became = event.type.rpartition(".")[2]
    more = {name: event.payload[name] for name in ("channels", "by", "by_name")} if became == NARROWED else {}
    return Publication(rule_set, became, event.occurred_at, event.actor, **more)


def find_rule_set(rule_set_id: str) -> RuleSet:
    """Errors: RuleSetMissing."""
    try:
        return RuleSet.objects.get(pk=rule_set_id)
    except RuleSet.DoesNotExist:
        raise RuleSetMissing() from None


def last_simulation(rule_set: RuleSet) -> Simulation | None:
    """The newest completed one of this very text."""
    same = Simulation.objects.filter(rule_set=rule_set.pk, document=rule_set.document)
    return same.filter(status=SimulationStatus.COMPLETED).defer("demands", "state").first()


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


def _require_seen(rule_set: RuleSet, seen: str) -> None:
    if seen and seen != fingerprint(rule_set.document):
        raise DraftChanged()


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
