"""What sources mean by their figures, written down. Whoever writes takes turns at the version of what is known by heart."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from inventory.errors import AlreadyExists
from inventory.feeds import VERSION
from inventory.models import Feed
from oms.cache import bump
from oms.errors import Missing
from oms.idempotency import idempotent
from oms.transactions import in_transaction, use_case


@dataclass(frozen=True, slots=True)
class FeedRow:
    code: str
    name: str = ""
    kind: str = "other"
    counts_exclude_reserved: bool = False
    reports_our_work: bool = False


@use_case
@idempotent
def create_feed(row: FeedRow, *, as_of: datetime) -> str:
    """Returns its code. Errors: AlreadyExists."""
    if not save_feed(row, as_of=as_of):
        raise AlreadyExists()
    return row.code


@use_case
def put_feed(row: FeedRow, *, as_of: datetime) -> bool:
    """Make or replace one; True if it is new."""
    return save_feed(row, as_of=as_of)


@use_case
def change_feed(code: str, change: Callable[[Feed], FeedRow], *, as_of: datetime) -> None:
    """Replace a feed by what `change` makes of it. Errors: Missing."""
    bump(VERSION)  # first: here they take turns
    save_feed(change(_existing(code)), as_of=as_of)


@use_case
def delete_feed(code: str, *, as_of: datetime) -> None:
    """`remove_feed` in a transaction of its own."""
    remove_feed(code)


@in_transaction
def save_feed(row: FeedRow, *, as_of: datetime) -> bool:
    """Make or replace one; True if it is new. What comes from its source is read this way within a second."""
    bump(VERSION)
    values = {name: getattr(row, name) for name in ("name", "kind", "counts_exclude_reserved", "reports_our_work")}
    made = {**values, "created_at": as_of, "updated_at": as_of}
    _feed, is_new = Feed.objects.update_or_create(
        code=row.code, defaults={**values, "updated_at": as_of}, create_defaults=made
    )
    return is_new


@in_transaction
def remove_feed(code: str) -> None:
    """Its source is one that nobody has described, again. Errors: Missing."""
    bump(VERSION)
    _existing(code).delete()


def _existing(code: str) -> Feed:
    feed = Feed.objects.filter(pk=code).first()
    if feed is None:
        raise Missing()
    return feed
