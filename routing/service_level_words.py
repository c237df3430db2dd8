"""Service levels as sentences: what each covers, and what it allows a place."""

from collections.abc import Iterable, Iterator
from datetime import timedelta

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from inventory.exposure_words import METHODS, SERVICES
from inventory.models.location import Kind
from inventory.queries import PlaceInfo
from oms.backoffice.words import duration
from routing.dates import prepare_minutes
from routing.models import ServiceLevel
from routing.queries import Policy, policy_of

_NAMED = 5
_HOUR, _DAY = 60, 24 * 60  # minutes


def covers_words(level: ServiceLevel) -> str:
    """Of what the work must be; all of it must hold, of each list one."""
    parts = [
        _named(level.locations),
        _("places of %(groups)s") % {"groups": _named(level.groups)} if level.groups else "",
        _listed(str(Kind(kind).label) if kind in Kind else kind for kind in level.kinds),
        _listed(str(METHODS.get(method, method)) for method in level.methods),
        _listed(str(SERVICES.get(service, service)) for service in level.services),
    ]
    return " · ".join(filter(None, parts)) or _("everything")


def _listed(words: Iterable[str]) -> str:
    return _(" or ").join(words)


def _named(names: list[str]) -> str:
    shown, more = _listed(names[:_NAMED]), len(names) - _NAMED
    if more <= 0:
        return shown
    return ngettext("%(names)s and %(count)d more", "%(names)s and %(count)d more", more) % {
        "names": shown,
        "count": more,
    }


def allows_words(level: ServiceLevel) -> str:
    return ", ".join(_allowed(policy_of(level)))


def _allowed(policy: Policy) -> Iterator[str]:
    yield _("accept within %(time)s") % {"time": time_words(policy.acknowledge_minutes)}
    if policy.prepare_minutes is None:
        yield _("prepare in the place's own time")
    else:
        yield _("prepare within %(time)s") % {"time": time_words(policy.prepare_minutes)}
    if policy.hand_over_minutes is not None:
        yield _("hand parcels over within %(time)s") % {"time": time_words(policy.hand_over_minutes)}
    yield _("pickups wait %(time)s") % {"time": time_words(policy.collect_hours * 60)}
    shares = {"place": share_words(policy.warn_at_share), "manager": share_words(policy.escalate_at_share)}
    yield _("the place is warned after %(place)s of the time, its manager after %(manager)s") % shares
    tried = policy.max_attempts
    yield ngettext("%(count)d place is tried", "%(count)d places are tried", tried) % {"count": tried}


def prepare_words(place: PlaceInfo, policy: Policy) -> str:
    """How long this very place has, and who says so if not the level."""
    time = time_words(prepare_minutes(place, policy))
    if policy.prepare_minutes is not None:
        return time
    said = _("%(time)s, as the place says") if place.preparation_minutes else _("%(time)s, as nobody says otherwise")
    return said % {"time": time}


def time_words(minutes: float) -> str:
    """Exact: a duration of a service level may be any fraction."""
    if minutes < 1:
        return _("%(seconds)s s") % {"seconds": _figure(minutes * 60)}
    if minutes < _HOUR or minutes % 1:
        return _("%(minutes)s min") % {"minutes": _figure(minutes)}
    if minutes >= 2 * _DAY and minutes % _DAY:
        return _("%(hours)s h") % {"hours": _figure(minutes / _HOUR)}
    return duration(timedelta(minutes=minutes))


def share_words(share: float) -> str:
    return _("%(share)s %%") % {"share": _figure(share * 100)}


def _figure(number: float) -> str:
    """With up to two decimals, where there are any."""
    number = round(number, 2)
    return number_format(number, None if number % 1 else 0)
