"""Sending units to another store from the phone: where to, what, a last look; and calling it back. For managers."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from inventory.errors import InsufficientStock
from inventory.models import Inbound
from inventory.queries import PlaceInfo, places
from inventory.services.announcements import Announcement, usual_arrival
from inventory.services.inbound import cancel_inbound
from inventory.services.transfers import send_transfer
from inventory.states import UNTOUCHED
from oms import problems
from oms.clock import now
from oms.errors import DomainError, IllegalMove, Invalid
from oms.idempotency import Once, fingerprint
from stores import inbound
from stores.web import counting
from stores.web.access import ManagerPage
from stores.web.counting import GOOD, CountForm
from stores.web.forms import StoreForm

_INPUT = {"class": "input", "autocomplete": "off"}
_MOST_ARTICLES = 100


class ReasonForm(StoreForm):
    reason = forms.CharField(
        label=gettext_lazy("Why?"), required=False, max_length=200, widget=forms.TextInput(attrs=_INPUT)
    )


class Destinations(ManagerPage):
    """Where to, and what is on its way already."""

    def get(self, request: HttpRequest, code: str) -> HttpResponse:
        place, search = self.place(code), request.GET.get("q", "").strip()
        found = inbound.destinations(place, words=search)
        context = {
            "destinations": found[: inbound.LISTED],
            "count": len(found),
            "search": search,
            "sent": inbound.sent_from(code, as_of=now()),
        }
        return self.page("stores/destinations.html", place, context)


class Send(ManagerPage):
    """What goes there: scanned or typed, checked, sent."""

    def get(self, request: HttpRequest, code: str, to: str) -> HttpResponse:
        place, destination = self._ends(code, to)
        return self._count(place, destination, CountForm.fresh(articles=(), with_damaged=False))

    def post(self, request: HttpRequest, code: str, to: str) -> HttpResponse:
        place, destination = self._ends(code, to)
        steps = {"scan": self._scan, "check": self._check, "finish": self._finish}
        return steps.get(request.POST.get("step", ""), self._again)(place, destination)

    def _ends(self, code: str, to: str) -> tuple[PlaceInfo, PlaceInfo]:
        place, destination = self.place(code), places().get(to)
        if destination is None or destination not in inbound.destinations(place, words=""):
            raise Http404
        return place, destination

    # -- the steps ---------------------------------------------------------------------------------

    def _scan(self, place: PlaceInfo, destination: PlaceInfo) -> HttpResponse:
        code = self.request.POST.get("code", "")
        sku = inbound.scanned(code)
        if sku is None:
            form = self._typed(place)
            return self._count(place, destination, form, unknown=counting.unknown_words(code), code=code)
        form = self._typed(place, counting.with_one_more(self.request.POST, sku))
        return self._count(place, destination, form, last=sku)

    def _again(self, place: PlaceInfo, destination: PlaceInfo) -> HttpResponse:
        return self._count(place, destination, self._typed(place))

    def _check(self, place: PlaceInfo, destination: PlaceInfo) -> HttpResponse:
        form = self._typed(place)
        if not form.is_valid() or self._too_many(form):
            return self._count(place, destination, form, status=422)
        if not _lines(form):
            refusal = _("Scan or type what goes there first.")
            return self._count(place, destination, form, refusal=refusal, status=422)
        return self._ask(place, destination, form, ReasonForm())

    def _too_many(self, form: CountForm) -> bool:
        """Told at the article, as things stand now; the service judges again."""
        over = [article for article in form.articles if form.total(article.sku) > article.expected]
        for article in over:
            form.add_error(f"{GOOD}:{article.sku}", _fewer(article.expected))
        return bool(over)

    def _finish(self, place: PlaceInfo, destination: PlaceInfo) -> HttpResponse:
        form, last = self._typed(place), ReasonForm(self.request.POST)
        if not form.is_valid():
            return self._count(place, destination, form, status=422)
        if not last.is_valid():
            return self._ask(place, destination, form, last, status=422)
        try:
            self._send(place, destination, form, last)
        except DomainError as error:
            return self._refused(place, destination, form, error)
        units = sum(quantity for _sku, quantity in _lines(form))
        said = ngettext(
            "%(units)d article is on its way to %(place)s.", "%(units)d articles are on their way to %(place)s.", units
        )
        messages.success(self.request, said % {"units": units, "place": destination.name})
        return redirect(reverse("store:destinations", args=[place.code]))

    def _send(self, place: PlaceInfo, destination: PlaceInfo, form: CountForm, last: ReasonForm) -> None:
        as_of, lines, reason = now(), _lines(form), last.cleaned_data["reason"]
        transfer = Announcement(
            destination.code, usual_arrival(as_of), lines, origin=place.code, source=self.caller.actor, reason=reason
        )
        digest = fingerprint([place.code, destination.code, lines, reason])
        once = Once(f"{self.caller.actor} store.send", form.cleaned_data["token"], digest)
        send_transfer(transfer, actor=self.caller.actor, as_of=as_of, once=once)

    def _refused(self, place: PlaceInfo, destination: PlaceInfo, form: CountForm, error: DomainError) -> HttpResponse:
        if isinstance(error, InsufficientStock):
            for short in error.facts["shortages"]:
                form.add_error(f"{GOOD}:{short['sku']}", _fewer(short["sellable"]))
            refusal = _("Less is here than you want to send. Nothing was sent.")
        elif isinstance(error, Invalid) and error.errors:
            refusal = " ".join(fault.detail for fault in error.errors)
        else:
            refusal = str(error.detail)
        return self._count(place, destination, form, refusal=refusal, status=problems.status_of(error))

    # -- what is shown -----------------------------------------------------------------------------

    def _typed(self, place: PlaceInfo, data: Any = None) -> CountForm:
        data = self.request.POST if data is None else data
        articles = inbound.goods_to_send(counting.skus_in(data)[:_MOST_ARTICLES], place=place.code, as_of=now())
        return CountForm(data, articles=articles, with_damaged=False)

    def _count(
        self, place: PlaceInfo, destination: PlaceInfo, form: CountForm, *, status: int = 200, **said: Any
    ) -> HttpResponse:
        codes = {code: number for number, article in enumerate(form.articles) for code in article.codes}
        context = {"destination": destination, "form": form, "codes": codes, **said}
        return self.page("stores/send.html", place, context, status=status)

    def _ask(
        self, place: PlaceInfo, destination: PlaceInfo, form: CountForm, last: ReasonForm, *, status: int = 200
    ) -> HttpResponse:
        chosen = [(article, form.total(article.sku)) for article in form.articles if form.total(article.sku)]
        context = {
            "destination": destination,
            "form": form,
            "last": last,
            "chosen": chosen,
            "units": sum(units for _article, units in chosen),
        }
        return self.page("stores/send_check.html", place, context, status=status)


def _lines(form: CountForm) -> list[tuple[str, int]]:
    counted = [(article.sku, form.total(article.sku)) for article in form.articles]
    return [(sku, units) for sku, units in counted if units]


def _fewer(units: int) -> str:
    if not units:
        return _("None can be sent from here.")
    said = ngettext("Only %(units)d can be sent from here.", "Only %(units)d can be sent from here.", units)
    return said % {"units": units}


class CallBack(ManagerPage):
    """The units stand here again, while nothing of them has arrived."""

    def get(self, request: HttpRequest, inbound_id: str) -> HttpResponse:
        return self._ask(self._transfer(inbound_id), ReasonForm())

    def post(self, request: HttpRequest, inbound_id: str) -> HttpResponse:
        transfer, form = self._transfer(inbound_id), ReasonForm(request.POST)
        if not form.is_valid():
            return self._ask(transfer, form, status=422)
        reason = form.cleaned_data["reason"]
        try:
            cancel_inbound(inbound_id=transfer.pk, reason=reason, actor=self.caller.actor, as_of=now())
        except IllegalMove as error:
            refusal = _("It has arrived, or was called back already. Nothing was changed.")
            return self._ask(self._transfer(inbound_id), form, refusal=refusal, status=problems.status_of(error))
        messages.success(request, _("It is called back: the articles are in stock here again."))
        return redirect(reverse("store:destinations", args=[transfer.origin_id]))

    def _transfer(self, inbound_id: str) -> Inbound:
        """Errors: Http404, also for what another place sent."""
        found = Inbound.objects.filter(pk=inbound_id, origin__isnull=False).first()
        if found is None or not self.caller.sees(found.origin_id):
            raise Http404
        return found

    def _ask(self, transfer: Inbound, form: ReasonForm, *, refusal: str = "", status: int = 200) -> HttpResponse:
        context = {
            "transfer": transfer,
            "destination": inbound.name_of(transfer.location_id),
            "units": sum(transfer.lines.values_list("remaining", flat=True)),
            "form": form,
            "refusal": refusal,
            "is_possible": transfer.status in UNTOUCHED,
        }
        return self.page("stores/call_back.html", self.place(transfer.origin_id or ""), context, status=status)
