"""The outbox: one row per fact, written in the transaction that made it true.

It is the timeline, the history of states, the source of webhooks and the event feed at once. The
relay alone stamps `position` (under an advisory lock, so the feed has no gaps and never goes back);
readers see stamped rows only. Each subscriber has a cursor and gets every event at least once, in
order; a handler therefore tolerates repeats.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from oms import request_context, set_aside
from oms.models.outbox import Event, SetAside, Subscription
from oms.sql import Tables, insert_rows
from oms.transactions import in_transaction, use_case

log = logging.getLogger(__name__)

_RELAY_LOCK = 0x6F6D73  # "oms"
_BATCH = 500
_MAX_BACKOFF = timedelta(minutes=5)
ATTEMPTS = 8
"""About two minutes of pauses: longer than a restart, shorter than a day without news."""
_LEASE = timedelta(seconds=30)  # how long a killed relay holds a cursor


@dataclass(frozen=True, slots=True)
class Fact:
    """What happened. `root` is the aggregate whose timeline shows it (the order), `subject` the thing itself."""

    type: str
    subject: str
    root: str
    actor: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    is_public: bool = False


@in_transaction
def publish(facts: Sequence[Fact], *, as_of: datetime) -> None:
    """Write the facts in order, in one statement. They leave when this transaction commits."""
    insert_rows(event_rows(facts, as_of=as_of))


def event_rows(facts: Sequence[Fact], *, as_of: datetime) -> Tables:
    """The facts as rows, for a statement that writes what they tell of as well."""
    request_id = request_context.request_id()
    return {
        Event: [
            {
                "type": fact.type,
                "subject": fact.subject,
                "root": fact.root,
                "actor": fact.actor,
                "payload": fact.payload,
                "is_public": fact.is_public,
                "occurred_at": as_of,
                "request_id": request_id,
            }
            for fact in facts
        ]
    }


# ---- subscribers -----------------------------------------------------------------------------

Handler = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Subscriber:
    name: str
    types: frozenset[str]
    handle: Handler


_subscribers: dict[str, Subscriber] = {}


def subscribe(name: str, *types: str) -> Callable[[Handler], Handler]:
    """Hear events of these types as `name` (stable: it names the cursor). Used in `handlers.py`.

    The handler is called outside any transaction, at least once per event, in order. What it raises is
    logged and the event comes again, with growing pauses, and nothing overtakes it; after some attempts it is set
    aside for a person, with all that comes later of the same root, and the rest goes on (`oms.set_aside`).
    """

    def register(handle: Handler) -> Handler:
        if name in _subscribers:
            raise ValueError(f"two subscribers are named {name}")
        _subscribers[name] = Subscriber(name, frozenset(types), handle)
        return handle

    return register


class _LeaseLost(Exception):
    """The handler took longer than the lease, and another relay has the cursor now."""


# ---- relay -----------------------------------------------------------------------------------


@use_case
def stamp_positions() -> int:
    """Give committed events their place in the feed. Returns how many were stamped."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_RELAY_LOCK])
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute(
            "WITH fresh AS (SELECT id, row_number() OVER (ORDER BY id) AS n FROM oms_event"
            " WHERE position IS NULL ORDER BY id LIMIT %s),"
            " base AS (SELECT coalesce(max(position), 0) AS top FROM oms_event)"
            " UPDATE oms_event e SET position = base.top + fresh.n FROM fresh, base WHERE e.id = fresh.id",
            [_BATCH * 10],
        )
        return cursor.rowcount


def relay(*, as_of: datetime) -> int:
    """Stamp what is new and hand it to every subscriber that is not backing off. Returns deliveries."""
    stamp_positions()
    return sum(_deliver(subscriber, as_of=as_of) for subscriber in list(_subscribers.values()))


def _deliver(subscriber: Subscriber, *, as_of: datetime) -> int:
    """One batch for one subscriber, unless another relay has its cursor or it is backing off."""
    state = _lease(subscriber.name, as_of=as_of)
    if state is None:
        return 0
    try:
        delivered = _deliver_set_aside(subscriber, state, as_of=as_of)
        delivered += _deliver_batch(subscriber, state, as_of=as_of)
        _save(state, leased_until=None)
    except _LeaseLost:
        log.warning("another relay took over", extra={"subscriber": subscriber.name})
        return 0
    return delivered


@use_case
def _lease(name: str, *, as_of: datetime) -> Subscription | None:
    Subscription.objects.bulk_create([Subscription(name=name)], ignore_conflicts=True)
    free = (
        Subscription.objects.select_for_update(skip_locked=True, no_key=True)
        .exclude(leased_until__gt=as_of)
        .exclude(retry_at__gt=as_of)
    )
    state = free.filter(name=name).first()
    if state:
        state.leased_until = as_of + _LEASE
        state.save(update_fields=["leased_until"])
    return state


def _deliver_batch(subscriber: Subscriber, state: Subscription, *, as_of: datetime) -> int:
    top = Event.objects.order_by("-position").exclude(position=None).values_list("position", flat=True).first() or 0
    events = list(
        Event.objects.filter(position__gt=state.position, position__lte=top, type__in=subscriber.types).order_by(
            "position"
        )[:_BATCH]
    )
    aside = set_aside.roots_waiting(subscriber.name) if events else set()
    for done, event in enumerate(events):
        if event.root in aside:
            _set_aside(state, event, attempts=0, error=None, as_of=as_of)
            continue
        try:
            subscriber.handle(event)
        except Exception as error:
            log.exception("subscriber failed", extra={"subscriber": subscriber.name, "event_id": event.pk})
            failures = state.failures + 1
            if failures < ATTEMPTS:
                pause = min(timedelta(seconds=2 ** min(state.failures, 10)), _MAX_BACKOFF)
                _save(state, position=(event.position or 1) - 1, failures=failures, retry_at=as_of + pause)
                return done
            _set_aside(state, event, attempts=failures, error=error, as_of=as_of)
            aside.add(event.root)
        else:
            _save(state, position=event.position, failures=0, retry_at=None)
    if len(events) < _BATCH and top > state.position:
        _save(state, position=top, failures=0, retry_at=None)
    return len(events)


@use_case
def _set_aside(state: Subscription, event: Event, *, attempts: int, error: Exception | None, as_of: datetime) -> None:
    """The cursor goes on, and the event stands aside: both or neither."""
    _save(state, position=event.position, failures=0, retry_at=None)
    set_aside.put(state.name, event, attempts=attempts, error=error, as_of=as_of)


def _deliver_set_aside(subscriber: Subscriber, state: Subscription, *, as_of: datetime) -> int:
    """Hand over again what was asked for. Where one fails, those of its root stay behind it."""
    stuck: set[str] = set()
    handled = 0
    for row in set_aside.due(subscriber.name):
        if row.root in stuck:
            continue
        try:
            subscriber.handle(row.event)
        except Exception as error:
            log.exception("subscriber failed again", extra={"subscriber": subscriber.name, "event_id": row.event_id})
            stuck.add(row.root)
            _tried(state, row, error=error, as_of=as_of)
        else:
            handled += 1
            _tried(state, row, error=None, as_of=as_of)
    return handled


@use_case
def _tried(state: Subscription, row: SetAside, *, error: Exception | None, as_of: datetime) -> None:
    _save(state, leased_until=state.leased_until)
    if error is None:
        set_aside.end(row, as_of=as_of)
    else:
        set_aside.leave_standing(row, error=error)


def _save(state: Subscription, **values: Any) -> None:
    """Move the cursor, but only while we hold its lease: a slow relay must not move it back. Errors: _LeaseLost."""
    if not Subscription.objects.filter(name=state.name, leased_until=state.leased_until).update(**values):
        raise _LeaseLost()
    for name, value in values.items():
        setattr(state, name, value)
