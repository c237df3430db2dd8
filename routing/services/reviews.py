"""What is wrong with a rule set, seen against the places, channels and products there are today."""

from collections.abc import Iterable

from inventory import queries as inventory
from inventory.groups import known_groups
from oms.clock import now
from oms.errors import FieldError
from oms.models import Channel
from routing import queries
from routing.documents import RuleSetDocument
from routing.engine import review
from routing.engine.review import Finding
from routing.engine.types import Rule
from routing.errors import RuleSetFaulty
from routing.remarks import finding_sentence


def review_document(document: RuleSetDocument) -> list[Finding]:
    """All findings in the order of the document, faults and what only deserves a look."""
    rules, as_of = document.as_engine(), now()
    return review.review(
        rules,
        queries.engine_places("", as_of=as_of).values(),
        frozenset(known_groups()),
        channels=frozenset(Channel.objects.values_list("code", flat=True)),
        tags=inventory.tags_in_use(_tags_named(rules)),
        decides_for=frozenset(document.channels),
        today=as_of.date(),
    )


def require_sound(document: RuleSetDocument) -> None:
    """Errors: RuleSetFaulty with every finding that makes a rule or a step useless."""
    faults = [as_fault(finding) for finding in review_document(document) if finding.is_fault]
    if faults:
        raise RuleSetFaulty(errors=faults)


def as_fault(finding: Finding) -> FieldError:
    return FieldError(finding.pointer, finding.code, finding_sentence(finding))


def _tags_named(rules: Iterable[Rule]) -> frozenset[str]:
    return frozenset().union(*(rule.when.tags | _no_split_tags(rule) for rule in rules))


def _no_split_tags(rule: Rule) -> frozenset[str]:
    return frozenset().union(*(step.no_split_tags for step in rule.steps))
