"""Events that a subscriber could not handle, however often it tried: set aside, so that the feed goes on.

What belongs to the same whole must not overtake: while one event of a root stands aside for a subscriber, later
ones of that root are put behind it. A person tries them again, or leaves one out; the relay, which alone holds the
subscriber's cursor, then hands them over in their order.
"""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Max, Q, QuerySet

from oms.models.outbox import Event, SetAside
from oms.transactions import in_transaction, use_case

_ERROR_CHARS = 500
_BATCH = 500


def waiting(subscriber: str) -> QuerySet[SetAside]:
    return SetAside.objects.filter(subscriber=subscriber, ended_at=None)


def roots_waiting(subscriber: str) -> set[str]:
    """The wholes of which an event stands aside."""
    return set(waiting(subscriber).values_list("root", flat=True).distinct())


@in_transaction
def put(subscriber: str, event: Event, *, attempts: int, error: Exception | None, as_of: datetime) -> None:
    """Set this event aside; without an error it only waits behind another."""
    SetAside.objects.create(
        subscriber=subscriber, event=event, root=event.root, attempts=attempts, error=told(error), set_aside_at=as_of
    )


def told(error: Exception | None) -> str:
    return f"{type(error).__name__}: {error}"[:_ERROR_CHARS] if error else ""


def due(subscriber: str) -> list[SetAside]:
    """What is to be handed over again, by root and in order: somebody asked for it, or nothing failed before it."""
    roots = (
        waiting(subscriber)
        .values("root")
        .annotate(failed=Max("attempts"), asked=Max("asked_at"))
        .filter(Q(failed=0) | Q(asked__isnull=False))
        .values("root")
    )
    rows = waiting(subscriber).filter(root__in=roots).select_related("event")
    return list(rows.order_by("root", "event__position")[:_BATCH])


@in_transaction
def end(row: SetAside, *, as_of: datetime) -> None:
    """Its subscriber has taken it in."""
    standing = SetAside.objects.filter(pk=row.pk, ended_at=None)
    standing.update(ended_at=as_of, outcome=SetAside.Outcome.HANDLED, attempts=row.attempts + 1)


@in_transaction
def leave_standing(row: SetAside, *, error: Exception) -> None:
    """It failed once more: until somebody asks again, it stays, and so does what waits behind it."""
    waiting(row.subscriber).filter(root=row.root).update(asked_at=None)
    waiting(row.subscriber).filter(pk=row.pk).update(attempts=row.attempts + 1, error=told(error))


# ---- what people do ------------------------------------------------------------------------------------


@use_case
def try_again(*, ids: Iterable[int], actor: str, as_of: datetime) -> int:
    """Have these handed over once more, and what waits behind them. Returns how many wait for it."""
    return sum(
        waiting(subscriber).filter(root=root).update(asked_at=as_of, asked_by=actor)
        for subscriber, root in _wholes(ids)
    )


@use_case
def leave_out(*, ids: Iterable[int], actor: str, as_of: datetime) -> int:
    """Give these up: their subscriber never hears them, and what waited behind them goes on. Returns how many."""
    chosen = SetAside.objects.filter(pk__in=list(ids), ended_at=None)
    return chosen.update(ended_at=as_of, outcome=SetAside.Outcome.LEFT_OUT, asked_by=actor)


def _wholes(ids: Iterable[int]) -> list[tuple[str, str]]:
    chosen = SetAside.objects.filter(pk__in=list(ids), ended_at=None)
    return list(chosen.values_list("subscriber", "root").distinct())
