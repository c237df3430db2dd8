"""The manager's switch: no more orders for this place, until an instant that needs nobody to ring."""

from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from inventory.events import location_paused, location_resumed
from inventory.models import Location
from oms.cache import bump
from oms.errors import FieldError, Invalid, Missing
from oms.idempotency import idempotent
from oms.outbox import publish
from oms.transactions import in_transaction, use_case

LONGEST = timedelta(days=31)
"""What lasts longer is headquarters' to say: `accepting_orders`."""


@use_case
@idempotent
def pause_location(*, code: str, until: datetime | None, reason: str, actor: str, as_of: datetime) -> str:
    """No new work for this place until then; None: until its working day is over. What it has already stays.

    Pausing again moves the end; saying the same again changes nothing. Returns its code.
    Errors: Missing, Invalid (`until` has passed, or is more than 31 days away).
    """
    place = _locked(code)
    ends_at = until or place.calendar.end_of_work(as_of)
    _check_end(ends_at, as_of=as_of)
    is_going_on = _is_going_on(place, as_of)
    if is_going_on and (place.paused_until, place.pause_reason) == (ends_at, reason):
        return code
    Location.objects.filter(pk=code).update(
        paused_at=place.paused_at if is_going_on else as_of,
        paused_until=ends_at,
        paused_by=actor,
        pause_reason=reason,
        updated_at=as_of,
    )
    publish([location_paused(code, until=ends_at, reason=reason, actor=actor)], as_of=as_of)
    return code


@use_case
@idempotent
def resume_location(*, code: str, actor: str, as_of: datetime) -> str:
    """New work may come again. Where none was kept away, nothing changes. Returns its code. Errors: Missing."""
    if not _is_going_on(_locked(code), as_of):
        return code
    Location.objects.filter(pk=code).update(
        paused_at=None, paused_until=None, paused_by="", pause_reason="", updated_at=as_of
    )
    publish([location_resumed(code, actor=actor)], as_of=as_of)
    return code


@in_transaction
def _locked(code: str) -> Location:
    """Whoever writes places takes turns at the version of the directory first, then locks rows."""
    bump("places")
    place = Location.objects.select_for_update(no_key=True).filter(pk=code).first()
    if place is None:
        raise Missing()
    return place


def _is_going_on(place: Location, as_of: datetime) -> bool:
    """Whoever had the lock before may have read the clock after us: its pause has begun all the same."""
    return place.paused_until is not None and as_of < place.paused_until


def _check_end(ends_at: datetime, *, as_of: datetime) -> None:
    if ends_at <= as_of:
        raise Invalid(errors=[FieldError("/until", "in_the_past", _("This has passed already"))])
    if ends_at - as_of > LONGEST:
        detail = _("A pause lasts at most %(days)d days") % {"days": LONGEST.days}
        raise Invalid(errors=[FieldError("/until", "too_long", detail)])
