"""What is wrong with a rule set, seen against the places, channels and products there are today."""

from collections.abc import Iterable, Sequence

from inventory import queries as inventory
from oms.channels import channels
from oms.clock import now
from oms.errors import FieldError
from routing import queries
from routing.documents import RuleSetDocument
from routing.engine import review
from routing.engine.review import Finding
from routing.engine.types import Rule
from routing.errors import RuleSetFaulty
from routing.models import RuleSet
from routing.remarks import finding_sentence


def review_document(document: RuleSetDocument, decides_for: Sequence[str] | None = None) -> list[Finding]:
    """All findings in the order of the document, faults and what only deserves a look.

    `decides_for`: the channels of which it still decides (`queries.decides_for`); None: all that it names.
    """
    rules = document.as_engine()
    return _review(
        rules,
        frozenset(document.channels if decides_for is None else decides_for),
        skus=_known_skus(rules),
        tags=inventory.tags_in_use(_tags_named(rules)),
    )


def _review(
    rules: Sequence[Rule],
    decides_for: frozenset[str],
    *,
    skus: frozenset[str] | None = None,
    tags: frozenset[str] | None = None,
) -> list[Finding]:
    """Without `skus` and `tags`, the products are not looked at."""
    as_of, directory = now(), inventory.places()
    limited = {code: most for code, place in directory.items() if (most := place.daily_capacity) is not None}
    return review.review(
        rules,
        queries.engine_places("", as_of=as_of).values(),
        frozenset().union(*(place.groups for place in directory.values())),
        channels=frozenset(channels()),
        skus=skus,
        tags=tags,
        decides_for=decides_for,
        today=as_of.date(),
        capacities=limited,
        out_of_use=frozenset(code for code, place in directory.items() if not place.is_active),
    )


def faulty_rule_sets() -> list[tuple[RuleSet, int]]:
    """Those that decide today although something in them must be mended, as when their group has gone, with how much.

    Told from memory: only of what is faulty the database is asked.
    """
    faults = {
        rules.id: sum(finding.is_fault for finding in _review(rules.rules, decides_for))
        for rules, decides_for in queries.live_rules()
    }
    faulty = RuleSet.objects.in_bulk([pk for pk, count in faults.items() if count])
    return [(rules, faults[pk]) for pk, rules in faulty.items()]


def require_sound(document: RuleSetDocument) -> None:
    """Errors: RuleSetFaulty with every finding that makes a rule or a step useless."""
    faults = [as_fault(finding) for finding in review_document(document) if finding.is_fault]
    if faults:
        raise RuleSetFaulty(errors=faults)


def as_fault(finding: Finding) -> FieldError:
    return FieldError(finding.pointer, finding.code, finding_sentence(finding))


def _known_skus(rules: Iterable[Rule]) -> frozenset[str]:
    """Of those that the rules name."""
    named = frozenset().union(*(rule.when.skus for rule in rules))
    return frozenset(inventory.products_by_sku(named)) if named else named


def _tags_named(rules: Iterable[Rule]) -> frozenset[str]:
    return frozenset().union(*(rule.when.tags | _no_split_tags(rule) for rule in rules))


def _no_split_tags(rule: Rule) -> frozenset[str]:
    return frozenset().union(*(step.no_split_tags for step in rule.steps))
