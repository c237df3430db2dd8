"""Channels as every request needs them: frozen, cached by version."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from oms.cache import VersionedCache, bump
from oms.models import Channel
from oms.transactions import in_transaction


@dataclass(frozen=True, slots=True)
class ChannelInfo:
    code: str
    name: str
    currency: str
    is_active: bool
    on_payment_failure: str
    payment_hold_minutes: int
    authorizes_late: bool
    grace_minutes: Mapping[str, int]

    def grace(self, method: str, service: str) -> timedelta:
        """How long the shopper may still change everything; nobody waits for express and pickup."""
        if method == "pickup" or service in ("express", "same_day"):
            return timedelta(0)
        return timedelta(minutes=self.grace_minutes.get(method, 0))

    def release_at(self, method: str, service: str, *, placed_at: datetime) -> datetime:
        """When the places learn of an order placed then: the instant that capacity, cut-offs and dates are reckoned from."""
        return placed_at + self.grace(method, service)


def _load() -> dict[str, ChannelInfo]:
    fields = ChannelInfo.__dataclass_fields__
    return {row["code"]: ChannelInfo(**row) for row in Channel.objects.values(*fields)}


_cache: VersionedCache[dict[str, ChannelInfo]] = VersionedCache("channels", _load)


def channels() -> Mapping[str, ChannelInfo]:
    return _cache.get()


@in_transaction
def save_channel(channel: Channel) -> None:
    channel.save()
    bump("channels")
