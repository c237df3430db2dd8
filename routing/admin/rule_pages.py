"""What the pages of rule sets show, as plain values: templates ask the database nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from oms.backoffice.words import Tone, badge, who
from routing import queries, words
from routing.differences import Difference, differences, yaml_diff
from routing.documents import parse, written_out
from routing.editing import fingerprint
from routing.engine.review import Finding
from routing.models import RuleSet, Simulation
from routing.remarks import difference_sentence, finding_sentence
from routing.services import rule_sets
from routing.services.reviews import review_document
from routing.states import NARROWED, RuleSetStatus

DONE: Mapping[str, Any] = {
    "up": gettext_lazy("“%(name)s” comes earlier now."),
    "down": gettext_lazy("“%(name)s” comes later now."),
    "copy": gettext_lazy("“%(name)s” stands there twice now."),
    "remove": gettext_lazy("“%(name)s” is gone."),
}
_BADGES: dict[str, tuple[Tone, str]] = {
    RuleSetStatus.DRAFT: ("busy", "edit_note"),
    RuleSetStatus.PUBLISHED: ("good", "check_circle"),
    RuleSetStatus.ARCHIVED: ("quiet", "inventory_2"),
}


def status_badge(rule_set: RuleSet) -> SafeString:
    return badge(rule_set.get_status_display(), *_BADGES[rule_set.status])


def channels_words(rule_set: RuleSet) -> str:
    """For which it decides today; of what decides nowhere, for which it would."""
    here = queries.decides_for(rule_set)
    return _named(rule_set.channels if here is None else here)


def _named(channels: Sequence[str]) -> str:
    return ", ".join(channels) or _("all other channels")


def sentence(text: str) -> str:
    """A phrase on its own."""
    return f"{capfirst(text)}."


# ---- one rule set ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Remark:
    """A finding. `where`: the rule and step it is about, in words; `anchor`: where they stand on the page."""

    text: str
    where: str
    anchor: str
    is_fault: bool


@dataclass(frozen=True, slots=True)
class StepCard:
    index: int
    name: str
    sentence: str
    place: str  # `2:0`, as the buttons tell it
    remarks: list[Remark]
    is_first: bool
    is_last: bool


@dataclass(frozen=True, slots=True)
class RuleCard:
    index: int
    name: str
    condition: str
    steps: list[StepCard]
    rest: str
    remarks: list[Remark]
    is_first: bool
    is_last: bool

    @property
    def number(self) -> int:
        return self.index + 1


@dataclass(frozen=True, slots=True)
class Told:
    """A line of the history."""

    at: datetime
    text: str
    actor: str
    icon: str


@dataclass(frozen=True, slots=True)
class RuleSetPage:
    badge: SafeString
    channels: str
    seen: str
    rules: list[RuleCard]
    remarks: list[Remark]
    faults: int
    history: list[Told]
    versions: list[RuleSet]


def rule_set_page(rule_set: RuleSet) -> RuleSetPage:
    document = written_out(rule_set.document)
    remarks = remarks_on(document, queries.decides_for(rule_set))
    return RuleSetPage(
        badge=status_badge(rule_set),
        channels=channels_words(rule_set),
        seen=fingerprint(rule_set.document),
        rules=[
            _rule(number, rule, remarks, is_last=number == len(document["rules"]) - 1)
            for number, rule in enumerate(document["rules"])
        ],
        remarks=remarks,
        faults=sum(remark.is_fault for remark in remarks),
        history=[_told(publication) for publication in rule_sets.publications(rule_set.name)],
        versions=list(RuleSet.objects.filter(name=rule_set.name).exclude(pk=rule_set.pk).order_by("-version")[:20]),
    )


def _rule(number: int, rule: Mapping[str, Any], remarks: list[Remark], *, is_last: bool) -> RuleCard:
    steps = rule["steps"]
    anchor = f"rule-{number + 1}"
    return RuleCard(
        index=number,
        name=rule["name"],
        condition=words.condition_sentence(rule["when"]),
        steps=[_step(number, turn, step, remarks, is_last=turn == len(steps) - 1) for turn, step in enumerate(steps)],
        rest=sentence(_("the rest %(rest)s") % {"rest": words.rest_of_rule(steps[-1])}),
        remarks=[remark for remark in remarks if remark.anchor == anchor],
        is_first=number == 0,
        is_last=is_last,
    )


def _step(number: int, turn: int, step: Mapping[str, Any], remarks: list[Remark], *, is_last: bool) -> StepCard:
    told = words.step_sentence(dict(step)) if is_last else words.step_with_rest(dict(step))
    anchor = f"rule-{number + 1}-step-{turn + 1}"
    return StepCard(
        index=turn,
        name=step["name"],
        sentence=told,
        place=f"{number}:{turn}",
        remarks=[remark for remark in remarks if remark.anchor == anchor],
        is_first=turn == 0,
        is_last=is_last,
    )


def remarks_on(document: Mapping[str, Any], decides_for: Sequence[str] | None = None) -> list[Remark]:
    return [_remark(finding, document) for finding in review_document(parse(document), decides_for)]


def _remark(finding: Finding, document: Mapping[str, Any]) -> Remark:
    """`/rules/2/steps/0/from` is of the first step of the third rule."""
    keys = finding.pointer.split("/")[1:]
    where, anchor = "", "rules"
    if len(keys) > 1:
        rule = document["rules"][int(keys[1])]
        where, anchor = rule["name"], f"rule-{int(keys[1]) + 1}"
        if keys[2:3] == ["steps"]:
            where = f"{where} › {rule['steps'][int(keys[3])]['name']}"
            anchor += f"-step-{int(keys[3]) + 1}"
    return Remark(finding_sentence(finding), where, anchor, finding.is_fault)


_HISTORY = {
    "published": (gettext_lazy("%(rules)s was published."), "check_circle"),
    "archived": (gettext_lazy("%(rules)s was replaced."), "inventory_2"),
    NARROWED: (gettext_lazy("%(rules)s lost %(channels)s to %(by)s."), "call_split"),
}


def _told(publication: rule_sets.Publication) -> Told:
    text, icon = _HISTORY.get(publication.became, (publication.became, "circle"))
    facts = {"rules": publication.rule_set, "channels": ", ".join(publication.channels), "by": publication.by_name}
    return Told(publication.at, str(text) % facts, who(publication.actor), icon)


# ---- two versions ------------------------------------------------------------------------------------

_LOOKS: Mapping[str, tuple[Any, Tone, str]] = {
    "added": (gettext_lazy("new"), "good", "add"),
    "removed": (gettext_lazy("gone"), "bad", "remove"),
    "moved": (gettext_lazy("moved"), "busy", "swap_vert"),
    "changed": (gettext_lazy("changed"), "warn", "edit"),
}


@dataclass(frozen=True, slots=True)
class Comparison:
    before: str
    after: str
    other: RuleSet | None
    rows: list[tuple[SafeString, str]]
    diff: list[tuple[str, str]]
    choices: list[RuleSet]


def comparison(rule_set: RuleSet, other_id: str = "") -> Comparison:
    """Errors: RuleSetMissing."""
    before, other = rule_sets.compared_with(rule_set, other_id)
    after = written_out(rule_set.document)
    old_name = str(other) if other else _("the built-in rules")
    text = yaml_diff(before, after, old_name=old_name, new_name=str(rule_set))
    return Comparison(
        before=old_name,
        after=str(rule_set),
        other=other,
        rows=[(_look(difference), difference_sentence(difference)) for difference in differences(before, after)],
        diff=[(_kind_of(line), line) for line in text.splitlines()],
        choices=list(RuleSet.objects.exclude(pk=rule_set.pk).order_by("-pk")[:100]),
    )


def _look(difference: Difference) -> SafeString:
    word, tone, icon = _LOOKS[difference.kind]
    return badge(word, tone, icon)


def _kind_of(line: str) -> str:
    """A line of a unified diff: of its head, of the old text, of the new one, or of both."""
    if line.startswith(("---", "+++", "@@")):
        return "head"
    return {"+": "new", "-": "old"}.get(line[:1], "both")


@dataclass(frozen=True, slots=True)
class Publication:
    """`simulation`: the last one of this very text; `must_simulate`: the house wants one first, and there is none."""

    remarks: list[Remark]
    faults: int
    comparison: Comparison
    effect: str
    simulation: Simulation | None
    must_simulate: bool


def publication(rule_set: RuleSet) -> Publication:
    remarks = remarks_on(written_out(rule_set.document))
    simulation = rule_sets.last_simulation(rule_set)
    return Publication(
        remarks=remarks,
        faults=sum(remark.is_fault for remark in remarks),
        comparison=comparison(rule_set),
        effect=" ".join([_effect(rule_set), *map(_takeover, rule_sets.takeovers(rule_set))]),
        simulation=simulation,
        must_simulate=settings.PUBLISHING_NEEDS_SIMULATION and simulation is None,
    )


def _effect(rule_set: RuleSet) -> str:
    replaced = rule_sets.replaced_by(rule_set)
    facts = {"channels": channels_words(rule_set), "rules": ", ".join(map(str, replaced))}
    if not replaced:
        return _("It will decide for %(channels)s, where the built-in rules decide today.") % facts
    return (
        ngettext(
            "It will decide for %(channels)s, where %(rules)s decides today.",
            "It will decide for %(channels)s, where %(rules)s decide today.",
            len(replaced),
        )
        % facts
    )


def _takeover(found: rule_sets.Takeover) -> str:
    facts = {"channels": _named(found.channels), "rules": found.rule_set, "left": _named(found.left)}
    if not found.left:
        return _("%(rules)s decides nowhere then and is archived.") % facts
    return _("It takes %(channels)s over from %(rules)s, which goes on to decide for %(left)s.") % facts


# ---- taking back -------------------------------------------------------------------------------------

_UNDO = "rule_set_undo"
_MOST_KEPT = 200_000  # letters of a text; a session is no archive


def remember_undo(request: HttpRequest, *, before: RuleSet, after: RuleSet) -> None:
    """Keep the text as it was, for as long as nothing else changes the draft."""
    kept = before.document if len(str(before.document)) < _MOST_KEPT else None
    request.session[_UNDO] = {"id": after.pk, "seen": fingerprint(after.document), "before": kept}


def undo_of(request: HttpRequest, rule_set: RuleSet) -> dict[str, Any] | None:
    """The text to go back to, if the last change of this draft was made here."""
    kept = request.session.get(_UNDO) or {}
    is_last = kept.get("id") == rule_set.pk and kept.get("seen") == fingerprint(rule_set.document)
    return kept["before"] if is_last else None


def forget_undo(request: HttpRequest) -> None:
    request.session.pop(_UNDO, None)
