"""Working out what slow stock is worth to get rid of, once a day, behind the pace that inventory keeps."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice

from django.conf import settings
from django.db import connection
from django.db.models import Max

from inventory.slow_stock import SlowLevel, slow_levels
from oms.transactions import use_case
from routing.markdown import MarkdownTerms, gain_per_unit
from routing.models import SlowStock

_LIFE = timedelta(days=2)  # stock that was slow last night is so tonight, should one night fail
_AGE = timedelta(hours=20)
_LONG_ENOUGH = timedelta(minutes=15)
_AT_ONCE = 5000
_ONE_AT_A_TIME = 0x736C6F77  # "slow"


def refresh_if_old(*, as_of: datetime) -> bool:
    """Work it out anew unless that was done lately. True if it was done now."""
    last = SlowStock.objects.aggregate(at=Max("computed_at"))["at"]
    if last is not None and last > as_of - _AGE:
        return False
    refresh(as_of=as_of)
    return True


@use_case
def refresh(*, as_of: datetime) -> int:
    """Replace it all. Returns how many levels are slow."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_ONE_AT_A_TIME])
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{_LONG_ENOUGH.total_seconds():.0f}s"])
    SlowStock.objects.all().delete()
    terms = _terms()
    rows = _rows(slow_levels(cover=terms.from_weeks, as_of=as_of), terms, as_of)
    slow = 0
    while batch := list(islice(rows, _AT_ONCE)):
        SlowStock.objects.bulk_create(batch)
        slow += len(batch)
    return slow


def _terms() -> MarkdownTerms:
    return MarkdownTerms(settings.MARKDOWN_FROM_WEEKS, settings.MARKDOWN_FULL_WEEKS, settings.MARKDOWN_MOST)


def _rows(levels: Iterator[SlowLevel], terms: MarkdownTerms, as_of: datetime) -> Iterator[SlowStock]:
    for level in levels:
        gain = gain_per_unit(level.price, level.cover_weeks, terms)
        if gain > 0:
            yield SlowStock(
                sku=level.sku,
                location=level.location,
                currency=level.currency,
                gain=gain,
                units=level.standing,
                cover_weeks=level.cover_weeks,
                computed_at=as_of,
                valid_until=as_of + _LIFE,
            )
