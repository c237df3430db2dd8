"""Spans of time in words. The same words come from `oms/static/oms/countdown.js` while time passes."""

from datetime import timedelta

from django.utils.translation import ngettext

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


def span_in_words(span: timedelta) -> str:
    """`04:10` under an hour, `2 h 05` under a day, else whole days. The sign is left out."""
    span = abs(span)
    if span < _HOUR:
        return "{:02d}:{:02d}".format(*divmod(int(span.total_seconds()), 60))
    if span < _DAY:
        return "{} h {:02d}".format(*divmod(int(span.total_seconds()) // 60, 60))
    return ngettext("%(days)d day", "%(days)d days", span.days) % {"days": span.days}
