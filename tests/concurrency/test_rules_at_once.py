"""Two people change one draft at the same moment: the second is told, and no change is lost without a word."""

from typing import Any

import pytest

from oms.models import Channel
from routing.editing import fingerprint
from routing.errors import DraftChanged
from routing.models import RuleSet
from routing.services import rule_sets
from tests.concurrency.threads import Rival

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def draft() -> RuleSet:
    Channel.objects.create(code="web", name="Web", currency="EUR")
    document = {"name": "rules", "rules": [{"name": "a", "steps": [{}]}, {"name": "b", "steps": [{}]}]}
    return rule_sets.create_draft(document=document)


def rename(draft: RuleSet, number: int, to: str, meanwhile: Any = lambda: None) -> RuleSet:
    """Change the name of one rule, as the draft was seen at first."""

    def edit(document: dict[str, Any]) -> None:
        meanwhile()
        document["rules"][number]["name"] = to

    return rule_sets.edit_draft(rule_set_id=draft.pk, edit=edit, seen=fingerprint(draft.document))


def names(draft: RuleSet) -> list[str]:
    draft.refresh_from_db()
    return [rule["name"] for rule in draft.document["rules"]]


def test_the_second_waits_and_is_told_that_the_draft_has_changed(draft: RuleSet) -> None:
    seen = RuleSet.objects.get()
    rival = Rival(lambda: rename(seen, 1, "theirs"))

    rename(draft, 0, "mine", meanwhile=rival)

    with pytest.raises(DraftChanged):
        _ = rival.outcome
    assert names(draft) == ["mine", "b"]


def test_without_the_lock_the_second_change_is_lost(draft: RuleSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rule_sets, "_lock", rule_sets.find_rule_set)
    seen = RuleSet.objects.get()
    rival = Rival(lambda: rename(seen, 1, "theirs"))

    rename(draft, 0, "mine", meanwhile=rival)

    assert rival.outcome.pk == draft.pk  # they were told it was saved
    assert names(draft) == ["mine", "b"]
