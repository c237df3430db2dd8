from datetime import UTC, datetime

import pytest

from oms.errors import IllegalMove
from oms.invariants import all_invariants
from oms.models import Channel, Event
from routing.errors import InvalidDocument, NotADraft, RuleSetMissing
from routing.models import RuleSet, RuleSetSlot
from routing.queries import rules_for
from routing.services.rule_sets import change_draft, create_draft, delete_draft, publish_rule_set

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def draft(name="default", channels=(), rule="all"):
    return create_draft(document={"name": name, "channels": list(channels), "rules": [{"name": rule, "steps": [{}]}]})


def publish(rule_set):
    return publish_rule_set(rule_set_id=rule_set.pk, actor="test", as_of=NOON)


def statuses():
    return {(row.name, row.version): row.status for row in RuleSet.objects.all()}


def broken():
    return [sentence for invariant in all_invariants() for sentence in invariant.broken()]


@pytest.fixture(autouse=True)
def _channels(web):
    Channel.objects.create(code="app", name="App", currency="EUR")


def test_versions_count_the_sets_of_one_name():
    assert [draft().version, draft().version, draft("other").version] == [1, 2, 1]


def test_a_draft_decides_nothing():
    draft(rule="mine")

    assert rules_for("web").rules[0].name == "cheapest places"
    assert rules_for("web").id == ""


def test_the_channels_own_rule_set_comes_before_the_default():
    default, own = publish(draft("default")), publish(draft("for the web", ["web"]))

    assert rules_for("web").id == own.id
    assert rules_for("app").id == default.id
    assert (rules_for("app").version, broken()) == (1, [])


def test_publishing_archives_what_it_replaces_everywhere():
    publish(draft("both", ["web", "app"]))
    publish(draft("web only", ["web"]))

    assert statuses() == {("both", 1): "published", ("web only", 1): "published"}
    publish(draft("app only", ["app"]))

    assert statuses() == {("both", 1): "archived", ("web only", 1): "published", ("app only", 1): "published"}
    assert set(RuleSetSlot.objects.values_list("channel", "rule_set__name")) == {
        ("web", "web only"),
        ("app", "app only"),
    }
    assert broken() == []


def test_publication_is_told_once_and_keeps_the_version():
    published = publish(draft())

    published.refresh_from_db()
    assert (published.version, published.published_at) == (1, NOON)
    assert list(Event.objects.values_list("type", "subject")) == [("routing.rule_set.published", published.pk)]


def test_what_is_published_never_changes():
    published = publish(draft())
    before = published.document

    with pytest.raises(NotADraft):
        change_draft(rule_set_id=published.pk, changes={"name": "else"})
    with pytest.raises(NotADraft):
        delete_draft(rule_set_id=published.pk)
    with pytest.raises(IllegalMove):
        publish(published)

    published.refresh_from_db()
    assert (published.document, published.status, Event.objects.count()) == (before, "published", 1)


def test_a_draft_may_change_part_by_part():
    made = draft()

    changed = change_draft(rule_set_id=made.pk, changes={"channels": ["web"]})

    assert (changed.channels, changed.version) == (["web"], 1)
    assert changed.document["rules"][0]["name"] == "all"


def test_a_wrong_change_leaves_the_draft_as_it_was():
    made = draft()

    with pytest.raises(InvalidDocument):
        change_draft(rule_set_id=made.pk, changes={"rules": []})

    assert RuleSet.objects.get().document["rules"][0]["name"] == "all"


def test_unknown_channels_are_refused():
    with pytest.raises(InvalidDocument) as refusal:
        draft(channels=["web", "fax"])

    assert [(fault.pointer, fault.code) for fault in refusal.value.errors] == [("/channels/1", "unknown_channel")]
    assert not RuleSet.objects.exists()


def test_a_deleted_draft_is_gone():
    made = draft()

    delete_draft(rule_set_id=made.pk)

    with pytest.raises(RuleSetMissing):
        publish_rule_set(rule_set_id=made.pk, actor="test", as_of=NOON)
