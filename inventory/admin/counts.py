"""Counts as headquarters sees them: which are under way, what differs, and what becomes of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.decorators import display

from inventory import counts, services
from inventory.counts import LineView, title_of
from inventory.models import CountSession
from inventory.states import CountLineStatus, CountStatus
from oms.api.authentication import caller_for_user
from oms.backoffice.actions import actor_of, attempt, require_right
from oms.backoffice.lists import ReadOnlyAdmin
from oms.backoffice.words import badge, instant, link, money, who
from oms.clock import now

_LINES_SHOWN = 500
_TONES: dict[str, tuple[Any, str]] = {
    CountStatus.OPEN: ("busy", "barcode_scanner"),
    CountStatus.SUBMITTED: ("warn", "hourglass_top"),
    CountStatus.APPROVED: ("good", "check_circle"),
    CountStatus.CANCELED: ("quiet", "block"),
    CountLineStatus.COUNTED: ("busy", "barcode_scanner"),
    CountLineStatus.RECOUNT: ("warn", "replay"),
    CountLineStatus.WAITING: ("warn", "hourglass_top"),
    CountLineStatus.APPLIED: ("good", "check_circle"),
    CountLineStatus.REJECTED: ("quiet", "block"),
    CountLineStatus.STALE: ("quiet", "history"),
}


def status_badge(status: str, label: Any) -> SafeString:
    return badge(label, *_TONES[status])


@admin.register(CountSession)
class CountSessionAdmin(ReadOnlyAdmin):
    list_display = ["what", "location", "state", "lines_shown", "waiting_shown", "opened_by_shown", "opened"]
    list_display_links = ["what"]
    list_select_related = ["location"]
    list_filter = [("status", ChoicesDropdownFilter), ("location", RelatedDropdownFilter), "opened_at"]
    search_fields = ["pk__exact", "location__code__exact", "lines__product__sku__exact", "note"]
    search_help_text = gettext_lazy("A count, the code of a place, a SKU that was counted, or a word of the note")

    def get_queryset(self, request: HttpRequest) -> QuerySet[CountSession]:
        waiting = Count("lines", filter=Q(lines__status=CountLineStatus.WAITING))
        return super().get_queryset(request).annotate(line_count=Count("lines"), waiting_count=waiting)

    @display(description=gettext_lazy("what is counted"))
    def what(self, session: CountSession) -> str:
        return title_of(session)

    @display(description=gettext_lazy("status"), ordering="status")
    def state(self, session: CountSession) -> SafeString:
        return status_badge(session.status, session.get_status_display())

    @display(description=gettext_lazy("products counted"))
    def lines_shown(self, session: Any) -> int:
        return session.line_count

    @display(description=gettext_lazy("to be decided"))
    def waiting_shown(self, session: Any) -> str | int:
        return session.waiting_count or ""

    @display(description=gettext_lazy("opened by"))
    def opened_by_shown(self, session: CountSession) -> str:
        return who(session.opened_by)

    @display(description=gettext_lazy("opened"), ordering="id")
    def opened(self, session: CountSession) -> SafeString:
        return instant(session.opened_at)

    # ---- one count ----------------------------------------------------------------------------------

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        caller = caller_for_user(request.user)
        session = counts.visible_counts(caller).select_related("location").filter(pk=unquote(object_id)).first()
        if session is None:
            raise Http404
        if request.method == "POST":
            require_right(self, request)
            self._act(request, session)
            return redirect(reverse("admin:inventory_countsession_change", args=[session.pk]))
        return render(request, "inventory/admin/count_session.html", self._context(request, session))

    def _act(self, request: HttpRequest, session: CountSession) -> None:
        decision, skus = request.POST.get("decision", ""), request.POST.getlist("sku")
        if act := _acts(session, skus, request).get(decision):
            attempt(request, act.do, done=act.done)

    def _context(self, request: HttpRequest, session: CountSession) -> dict[str, Any]:
        caller = caller_for_user(request.user)
        progress = counts.progress_of([session])[session.pk]
        rows = counts.most_urgent_first(counts.lines_of(session))[:_LINES_SHOWN]
        may_act = self.may_act(request)
        return {
            **self.admin_site.each_context(request),
            "title": title_of(session),
            "session": session,
            "badge": status_badge(session.status, session.get_status_display()),
            "progress": progress,
            "to_find": counts.to_find(session) if session.is_live else None,
            "lines": [_row(counts.line_view(session, line, caller=caller)) for line in rows],
            "hidden": max(0, progress.lines - _LINES_SHOWN),
            "may_decide": may_act and session.is_live and progress.waiting > 0,
            "may_cancel": may_act and session.is_live,
            "opts": self.opts,
            "original": session,
        }


@dataclass(frozen=True, slots=True)
class _Act:
    do: Callable[[], Any]
    done: str


def _acts(session: CountSession, skus: list[str], request: HttpRequest) -> dict[str, _Act]:
    actor, pk, as_of = actor_of(request), session.pk, now()
    approver = services.Approver(actor, is_headquarters=caller_for_user(request.user).locations is None)
    decided: dict[str, Any] = {"session_id": pk, "skus": skus, "as_of": as_of}
    sent_back = ngettext("%(count)d product is counted again.", "%(count)d products are counted again.", len(skus))
    return {
        "approve": _Act(lambda: services.approve_count(**decided, approver=approver), _("The books follow the count.")),
        "approve_all": _Act(
            lambda: services.approve_count(session_id=pk, approver=approver, as_of=as_of),
            _("The books follow the count."),
        ),
        "reject": _Act(
            lambda: services.reject_differences(**decided, approver=approver), _("The books stay as they are.")
        ),
        "recount": _Act(lambda: services.recount_lines(**decided, actor=actor), sent_back % {"count": len(skus)}),
        "cancel": _Act(
            lambda: services.cancel_count(session_id=pk, actor=actor, approver=approver, as_of=as_of),
            _("The count is canceled. Nothing more of it goes into the books."),
        ),
    }


@dataclass(frozen=True, slots=True)
class _Row:
    """A line as the page shows it."""

    sku: str
    product: SafeString
    name: str
    bin: str
    found: str
    expected: int | None
    difference: str
    damaged: str
    is_short: bool
    value: str
    badge: SafeString
    notes: str
    counted: SafeString
    counted_by: str
    decided: Any
    is_waiting: bool


def _row(line: LineView) -> _Row:
    is_told = line.difference is not None
    return _Row(
        sku=line.sku,
        product=link("inventory.Product", line.sku),
        name=line.name,
        bin=line.bin,
        found=_found(line),
        expected=line.expected,
        difference=f"{line.difference:+}" if is_told and line.difference else "0" if is_told else "",
        damaged=line.damaged_words,
        is_short=(line.difference or 0) < 0,
        value=money(line.value, line.currency) if line.value else "",
        badge=status_badge(line.status, line.status_label),
        notes=", ".join(_notes(line)),
        counted=instant(line.counted_at),
        counted_by=who(line.counted_by),
        decided=who(line.decided_by) if line.decided_by else "",
        is_waiting=line.status == CountLineStatus.WAITING,
    )


def _found(line: LineView) -> str:
    if line.damaged:
        return _("%(units)d, of which %(damaged)d damaged") % {"units": line.units, "damaged": line.damaged}
    return str(line.units)


def _notes(line: LineView) -> list[str]:
    notes = [_("nobody found it")] if line.is_unseen else []
    if line.needs == "headquarters":
        notes.append(_("headquarters decides"))
    if line.attempt > 1:
        notes.append(
            ngettext("counted %(count)d time", "counted %(count)d times", line.attempt) % {"count": line.attempt}
        )
    return notes
