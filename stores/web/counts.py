"""Counting on the phone: start, beep, set the number, submit; the manager decides what differs.

Every act is a POST that answers with a redirect, or with the same page and what stood in the way.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from inventory import services
from inventory.errors import NotFoundUnconfirmed
from inventory.models import CountSession
from inventory.states import CountStatus
from oms import problems
from oms.clock import now
from oms.errors import DomainError
from oms.ids import new_id
from stores import count_queries as queries
from stores.web.access import StorePage
from stores.web.count_forms import DecideForm, ScanForm, StartForm, SubmitForm, UnitsForm


class CountingPage(StorePage):
    scope = "stock:count"

    def count(self, count_id: str) -> CountSession:
        """Errors: Http404, also for the count of a place where this person does not work."""
        session = queries.session_for(count_id, self.caller)
        if session is None:
            raise Http404
        return session

    @property
    def may_approve(self) -> bool:
        return self.caller.may("stock:approve")

    @property
    def approver(self) -> services.Approver:
        return services.Approver(self.caller.actor, is_headquarters=self.caller.locations is None)


class CountsOfPlace(CountingPage):
    def get(self, request: HttpRequest, code: str) -> HttpResponse:
        place = self.place(code)
        return self.page("stores/counts/list.html", place, {"counts": queries.counts_of(place)})


class StartCount(CountingPage):
    """Anybody who counts may start; only who may approve decides that the count is not blind."""

    def get(self, request: HttpRequest, code: str) -> HttpResponse:
        suggestions = queries.suggestions(self.place(code), as_of=now())
        offered = [suggestion.sku for suggestion in suggestions]
        return self.ask(code, StartForm(may_see=self.may_approve, offered=offered), suggestions)

    def ask(
        self, code: str, form: StartForm, suggestions: Any, *, refusal: str = "", status: int = 200
    ) -> HttpResponse:
        context = {"form": form, "suggestions": suggestions, "refusal": refusal}
        return self.page("stores/counts/new.html", self.place(code), context, status=status)

    def post(self, request: HttpRequest, code: str) -> HttpResponse:
        place, form = self.place(code), StartForm(request.POST, may_see=self.may_approve)
        if not form.is_valid():
            return self.ask(code, form, self._shown(place, form), status=422)
        given = form.cleaned_data
        try:
            count_id = services.open_count(
                location=place.code,
                scope=form.scope(),
                is_blind=not given.get("shows_expected"),
                not_found_is_zero=given["not_found_is_zero"],
                note=given["note"],
                actor=self.caller.actor,
                as_of=now(),
            )
        except DomainError as error:
            refusal, status = words_of(error), problems.status_of(error)
            return self.ask(code, form, self._shown(place, form), refusal=refusal, status=status)
        return redirect("store:count", count_id)

    def _shown(self, place: Any, form: StartForm) -> list[queries.Suggestion]:
        """The suggestions that were offered, as far as they still are."""
        return [one for one in queries.suggestions(place, as_of=now()) if one.sku in form.offered]


# ---- one count --------------------------------------------------------------------------------------


class CountScreen(CountingPage):
    """Where the count stands: the scanner, or what became of it."""

    def get(self, request: HttpRequest, count_id: str) -> HttpResponse:
        session = self.count(count_id)
        bin_ = request.GET.get("bin", "")
        return self.show(session, ScanForm.fresh(bin_), sku=request.GET.get("sku", ""), bin_=bin_)

    def show(
        self,
        session: CountSession,
        scan_form: ScanForm,
        *,
        sku: str = "",
        bin_: str = "",
        units_form: UnitsForm | None = None,
        refusal: str = "",
        status: int = 200,
    ) -> HttpResponse:
        is_open = session.status == CountStatus.OPEN
        article = queries.article(session, sku, bin_, self.caller) if sku and is_open else None
        context = {
            "count": queries.count_page(session, self.caller),
            "article": article,
            "scan_form": scan_form,
            "units_form": units_form or _units_form(article),
            "found": queries.found_lately(session) if is_open else (),
            "sent_back": queries.sent_back(session) if is_open else (),
            "last": queries.last_scan(session, self.caller.actor) if is_open else None,
            "refusal": refusal,
        }
        template = "stores/counts/count.html" if is_open else "stores/counts/over.html"
        return self.page(template, self.place(session.location_id), context, status=status)


def _units_form(article: queries.Article | None) -> UnitsForm | None:
    if article is None or not article.is_open:
        return None
    shown = {"sku": article.sku, "bin": article.bin, "units": article.units, "damaged": article.damaged}
    return UnitsForm(initial={"scan": new_id("scn"), **shown})


def count_url(count_id: str, **shown: str) -> str:
    query = {name: value for name, value in shown.items() if value}
    return reverse("store:count", args=[count_id]) + (f"?{urlencode(query)}" if query else "")


class CountAct(CountScreen):
    """One act on one count. A refusal shows the screen as things are now, with what was typed."""

    def get(self, request: HttpRequest, count_id: str) -> HttpResponse:
        return redirect(count_url(self.count(count_id).pk))

    def refused(self, session: CountSession, error: DomainError) -> HttpResponse:
        session.refresh_from_db()
        return self.show(session, ScanForm.fresh(), refusal=words_of(error), status=problems.status_of(error))

    def record(self, session: CountSession, scan: services.Scan) -> services.ScanResult:
        [result] = services.record_scans(session_id=session.pk, scans=[scan], actor=self.caller.actor, as_of=now())
        return result


class ScanArticle(CountAct):
    def post(self, request: HttpRequest, count_id: str) -> HttpResponse:
        session, form = self.count(count_id), ScanForm(request.POST)
        if not form.is_valid():
            return self.show(session, form, bin_=request.POST.get("bin", ""), status=422)
        try:
            result = self.record(session, form.command())
        except DomainError as error:
            return self.refused(session, error)
        if result.code:
            form.add_error("code", result.detail)
            return self.show(session, form, bin_=form.cleaned_data["bin"], status=422)
        return redirect(count_url(session.pk, sku=result.sku, bin=form.cleaned_data["bin"]))


class SetUnits(CountAct):
    def post(self, request: HttpRequest, count_id: str) -> HttpResponse:
        session, form = self.count(count_id), UnitsForm(request.POST)
        sku, bin_ = request.POST.get("sku", ""), request.POST.get("bin", "")
        again = ScanForm.fresh(bin_)
        if not form.is_valid():
            return self.show(session, again, sku=sku, bin_=bin_, units_form=form, status=422)
        try:
            result = self.record(session, form.command())
        except DomainError as error:
            return self.refused(session, error)
        if result.code:
            return self.show(session, again, refusal=result.detail, status=422)
        messages.success(request, _("%(count)d noted.") % {"count": form.cleaned_data["units"]})
        return redirect(count_url(session.pk, bin=bin_))


class Undo(CountAct):
    def post(self, request: HttpRequest, count_id: str) -> HttpResponse:
        session = self.count(count_id)
        try:
            sku = services.undo_scan(session_id=session.pk, scan_id=request.POST.get("scan", ""), as_of=now())
        except DomainError as error:
            return self.refused(session, error)
        messages.success(request, _("Taken back."))
        return redirect(count_url(session.pk, sku=sku, bin=request.POST.get("bin", "")))


class Submit(CountAct):
    """The last look before the books are compared: what was counted, and what nobody found."""

    def get(self, request: HttpRequest, count_id: str) -> HttpResponse:
        session = self.count(count_id)
        if session.status != CountStatus.OPEN:
            return redirect(count_url(session.pk))
        return self.ask(session)

    def ask(self, session: CountSession, *, refusal: str = "", status: int = 200) -> HttpResponse:
        number, names = queries.not_found(session)
        context = {
            "count": queries.count_page(session, self.caller),
            "not_found": number,
            "names": names,
            "form": SubmitForm(initial={"not_found": number}),
            "refusal": refusal,
        }
        return self.page("stores/counts/submit.html", self.place(session.location_id), context, status=status)

    def post(self, request: HttpRequest, count_id: str) -> HttpResponse:
        session, form = self.count(count_id), SubmitForm(request.POST)
        is_confirmed = form.is_valid() and form.cleaned_data["confirmed"]
        try:
            services.submit_count(
                session_id=session.pk,
                confirmed_not_found=form.cleaned_data["not_found"] if is_confirmed else None,
                actor=self.caller.actor,
                as_of=now(),
            )
        except NotFoundUnconfirmed as error:
            return self.ask(session, refusal=_("Please confirm what was not found."), status=problems.status_of(error))
        except DomainError as error:
            return self.refused(session, error)
        return redirect(count_url(session.pk))


class Decide(CountAct):
    """What differs from the books, for whoever may decide it."""

    scope = "stock:approve"

    def get(self, request: HttpRequest, count_id: str) -> HttpResponse:
        return self.ask(self.count(count_id))

    def ask(self, session: CountSession, *, refusal: str = "", status: int = 200) -> HttpResponse:
        count = queries.count_page(session, self.caller)
        if not count.progress.waiting and not refusal:
            return redirect(count_url(session.pk))
        differences, is_headquarters = queries.differences(session, self.caller), self.approver.is_headquarters
        context = {
            "count": count,
            "differences": differences,
            "is_headquarters": is_headquarters,
            "may_approve_all": is_headquarters or not any(one.needs_headquarters for one in differences),
            "refusal": refusal,
        }
        return self.page("stores/counts/decide.html", self.place(session.location_id), context, status=status)

    def post(self, request: HttpRequest, count_id: str) -> HttpResponse:
        session, form = self.count(count_id), DecideForm(request.POST)
        if not form.is_valid():
            return self.ask(session, refusal=_("Choose what to do."), status=422)
        try:
            said = self._decide(session, form.cleaned_data["decision"], request.POST.getlist("sku"))
        except DomainError as error:
            session.refresh_from_db()
            return self.ask(session, refusal=words_of(error), status=problems.status_of(error))
        messages.success(request, said)
        return redirect("store:count-decide", session.pk)

    def _decide(self, session: CountSession, decision: str, skus: list[str]) -> str:
        acts: dict[str, Callable[[], str]] = {
            "approve": lambda: self._approve(session, skus),
            "reject": lambda: self._reject(session, skus),
            "recount": lambda: self._recount(session, skus),
        }
        return acts[decision]()

    def _approve(self, session: CountSession, skus: list[str]) -> str:
        services.approve_count(session_id=session.pk, skus=skus or None, approver=self.approver, as_of=now())
        return _("The books follow the count.")

    def _reject(self, session: CountSession, skus: list[str]) -> str:
        services.reject_differences(session_id=session.pk, skus=skus, approver=self.approver, as_of=now())
        return _("The books stay as they are.")

    def _recount(self, session: CountSession, skus: list[str]) -> str:
        services.recount_lines(session_id=session.pk, skus=skus, actor=self.caller.actor, as_of=now())
        said = ngettext("%(count)d article is counted again.", "%(count)d articles are counted again.", len(skus))
        return said % {"count": len(skus)}


class Cancel(CountAct):
    def get(self, request: HttpRequest, count_id: str) -> HttpResponse:
        session = self.count(count_id)
        context = {"count": queries.count_page(session, self.caller)}
        if "cancel" not in context["count"].actions:
            return redirect(count_url(session.pk))
        return self.page("stores/counts/cancel.html", self.place(session.location_id), context)

    def post(self, request: HttpRequest, count_id: str) -> HttpResponse:
        session = self.count(count_id)
        approver = self.approver if self.may_approve else None
        try:
            services.cancel_count(session_id=session.pk, actor=self.caller.actor, approver=approver, as_of=now())
        except DomainError as error:
            return self.refused(session, error)
        messages.success(request, _("The count is canceled. Nothing more of it goes into the books."))
        return redirect("store:counts", session.location_id)


def words_of(error: DomainError) -> str:
    """What stood in the way; where fields were wrong, what was wrong with them."""
    return " ".join(fault.detail for fault in error.errors) or str(error.detail)
