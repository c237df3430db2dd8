"""Whatever the hour at which the past ends, the clock owes it nothing and the books are right."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.test.utils import override_settings

from inventory.models import StockMovement
from oms import cache
from oms.demo import history, load
from oms.demo.shoppers import Item
from oms.invariants import all_invariants
from oms.models import Deadline, Event
from orders.models import Hold, Order, Shipment
from routing.models import GivenPromise
from tests.factories.transactions import undone_at_the_end

MIDNIGHT = datetime(2026, 11, 25, tzinfo=UTC)  # a Wednesday, before a full week of trade


@pytest.fixture(scope="module")
def items(django_db_setup: None, django_db_blocker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Item]]:
    """A shop with stock and without a past, for all tests of this module."""
    media = tmp_path_factory.mktemp("home") / "media"
    with django_db_blocker.unblock(), undone_at_the_end(), override_settings(MEDIA_ROOT=Path(media)):
        cache.clear_all()
        yield load.open_shop(scale=0.03, as_of=MIDNIGHT, say=lambda _sentence: None)


def _live_until(until: datetime, items: list[Item], *, orders: int) -> None:
    """So many orders of the last hours, each lived through."""
    history.fill(orders, items=items, until=until, told=lambda _number: None, days=history.LIVED_DAYS)


def _owed(until: datetime) -> list[str]:
    return [str(deadline) for deadline in Deadline.objects.filter(done_at=None, due_at__lte=until)]


@pytest.fixture
def _odd_fates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever seldom happens happens often."""
    tokens = ("tok_declined", "tok_pending", "tok_timeout", "tok_timeout_after_success")
    monkeypatch.setattr(history, "_TOKENS", dict.fromkeys(tokens, 0.15))
    for fate in ("_SLEEPS", "_DECLINES", "_SHORT", "_NEVER_COLLECTS", "_CHANGES_MIND", "_LOOKS_LIKE_FRAUD"):
        monkeypatch.setattr(history, fate, 0.15)


@pytest.mark.parametrize("hour", [0, 3, 9, 12, 17.25, 21])
def test_nothing_is_overdue_and_all_adds_up(items: list[Item], _odd_fates: None, db: None, hour: float) -> None:
    """Few orders: among many, what rings for one rings for all that was forgotten before."""
    until = MIDNIGHT + timedelta(hours=hour)

    _live_until(until, items, orders=6)

    assert Order.objects.count() == 6
    assert _owed(until) == []
    assert [sentence for invariant in all_invariants() for sentence in invariant.broken()] == []


def test_nothing_of_the_past_lies_in_the_future(items: list[Item], db: None) -> None:
    until = MIDNIGHT + timedelta(hours=12)

    history.fill(150, items=items, until=until, told=lambda _number: None)

    on_their_way = Shipment.objects.filter(delivered_at=None)
    assert on_their_way.filter(handed_over_at__lt=until - timedelta(days=history.LIVED_DAYS)).exists()
    assert Event.objects.filter(occurred_at__gt=until).count() == 0
    assert StockMovement.objects.filter(occurred_at__gt=until).count() == 0
    assert GivenPromise.objects.filter(ended_at__gt=until).count() == 0
    assert [sentence for invariant in all_invariants() for sentence in invariant.broken()] == []


@pytest.mark.long
@pytest.mark.parametrize("quarter", range(96))
def test_nothing_is_overdue_at_any_quarter_of_an_hour(items: list[Item], db: None, quarter: int) -> None:
    until = MIDNIGHT + timedelta(days=quarter % 7, minutes=15 * quarter)

    _live_until(until, items, orders=100)

    assert _owed(until) == []
    assert not Deadline.objects.filter(
        done_at=None, kind="orders.hold_expires", subject__in=Hold.objects.exclude(released_at=None).values("pk")
    ).exists()
    assert [sentence for invariant in all_invariants() for sentence in invariant.broken()] == []
