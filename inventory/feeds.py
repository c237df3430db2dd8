"""What sources mean by their figures, known by heart: asked for every event."""

from collections.abc import Mapping
from dataclasses import dataclass

from inventory.models import Feed
from oms.cache import VersionedCache

VERSION = "feeds"


@dataclass(frozen=True, slots=True)
class FeedSettings:
    """See `inventory.models.Feed`; these are those of a source that nobody has described."""

    counts_exclude_reserved: bool = False
    reports_our_work: bool = False


_UNKNOWN = FeedSettings()


def _load() -> Mapping[str, FeedSettings]:
    names = ("counts_exclude_reserved", "reports_our_work")
    return {code: FeedSettings(*settings) for code, *settings in Feed.objects.values_list("code", *names)}


_feeds: VersionedCache[Mapping[str, FeedSettings]] = VersionedCache(VERSION, _load)


def feed_of(source: str) -> FeedSettings:
    """At most a second old."""
    return _feeds.get().get(source, _UNKNOWN)
