"""What is said to people in a store: plain sentences for statuses and refusals."""

from datetime import datetime, time, timedelta

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from oms.errors import DomainError, FieldError, IllegalMove
from oms.templatetags.pages import moment
from orders.errors import CodeLocked, WrongCode
from orders.states import FulfillmentStatus as S
from stores.queries import NEW, TABS, WorkDetail
from stores.web.forms import StoreForm


def tab_of(work: WorkDetail) -> str:
    return next((tab for tab, statuses in TABS.items() if work.status in statuses), NEW)


def statement(work: WorkDetail) -> str:
    """What became of work on which nothing is to be done here now."""
    if work.must_stay and work.status in (S.PICKING, S.PACKED, S.READY_FOR_PICKUP):
        return work.must_stay
    if work.status == S.DECLINED and any(line.short for line in work.lines):
        return _("Nothing of it was found here. It is looked for elsewhere.")
    said = {
        S.SHIPPED: _("It left with the carrier."),
        S.DELIVERED: _("It has arrived."),
        S.COLLECTED: _("It was handed over."),
        S.DECLINED: _("It was declined here."),
        S.TIMED_OUT: _("The time ran out before it was taken care of here. It went to another place."),
        S.CANCELED: _("The order was canceled. Please put the articles back."),
        S.EXPIRED: _("It was not collected in time. Please put the articles back."),
    }
    return said.get(S(work.status), "")


def refusal(error: DomainError, work: WorkDetail) -> str:
    """Why nothing was changed, as things stand now."""
    if isinstance(error, CodeLocked):
        until = _clock(error.facts["locked_until"])
        said = _("Too many wrong codes. The code works again at %(time)s; until then, check the identity.")
        return said % {"time": until}
    if not isinstance(error, IllegalMove):
        return str(error.detail)
    if work.status == S.TIMED_OUT:
        return _(
            "The clock was first: the time for this work ran out and it went to another place. Nothing was changed."
        )
    if work.status == S.CANCELED:
        return _("The order was canceled in the meantime. Nothing was changed.")
    facts = {"status": work.status_label, "who": work.claimed_by.partition(":")[2] or work.claimed_by}
    if facts["who"]:
        return _("Somebody was faster: this work now stands at “%(status)s” (%(who)s). Nothing was changed.") % facts
    return _("This is not possible now: the work stands at “%(status)s”. Nothing was changed.") % facts


def field_of(error: FieldError, form: StoreForm) -> str | None:
    """The form's field a problem points to, if it has it."""
    is_count = error.code in ("more_than_asked", "fewer_than_before")
    name = "picked" if is_count else error.pointer.rpartition("/")[2]
    return name if name in form.fields else None


def field_detail(found: FieldError, error: DomainError) -> str:
    if isinstance(error, WrongCode):
        left = error.facts["attempts_left"]
        if not left:
            return _("The code is not right, for the fifth time. Please check the identity.")
        said = ngettext(
            "The code is not right. %(left)d attempt left.", "The code is not right. %(left)d attempts left.", left
        )
        return said % {"left": left}
    words = {
        "more_than_asked": _("That is more than were asked for."),
        "fewer_than_before": _("More were found before; a found article stays found."),
        "unknown_line": _("This article is not part of the work."),
    }
    return words.get(found.code, found.detail)


def _clock(at: datetime) -> str:
    return date_format(timezone.localtime(at), "H:i")


def end_in_words(at: datetime, *, as_of: datetime) -> str:
    """`19:00`, `midnight`, or with its day if that is not today. In the zone of the place."""
    local, today = timezone.localtime(at), timezone.localtime(as_of).date()
    if local.time() == time(0) and local.date() == today + timedelta(days=1):
        return _("midnight")
    return moment(local, as_of)
