"""Receiving on the phone: what is on its way here, counting it in, and a last look before it is stock."""

from typing import Any, NamedTuple

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from inventory.errors import ChangedMeanwhile
from inventory.models import Condition
from inventory.services.receiving import Receipt, receive_inbound
from oms import problems
from oms.clock import now
from oms.errors import DomainError, IllegalMove
from oms.idempotency import Once, fingerprint
from stores import inbound
from stores.inbound import Arrival, Article
from stores.web import counting
from stores.web.access import StorePage
from stores.web.counting import DAMAGED, GOOD, CountForm
from stores.web.forms import StoreForm


class Arrivals(StorePage):
    """What is on its way to the place."""

    scope = "stock:count"

    def get(self, request: HttpRequest, code: str) -> HttpResponse:
        place = self.place(code)
        return self.page("stores/arrivals.html", place, {"coming": inbound.coming_to(code, as_of=now())})


class FinishForm(StoreForm):
    """What becomes of the rest, and what headquarters should know."""

    OPEN, MISSING = "open", "missing"
    rest = forms.ChoiceField(
        label=gettext_lazy("And the rest?"),
        choices=[
            (OPEN, gettext_lazy("It may still come")),
            (MISSING, gettext_lazy("It is missing: close the delivery")),
        ],
        widget=forms.RadioSelect,
        required=False,
        initial=OPEN,
    )
    note = forms.CharField(
        label=gettext_lazy("Note"),
        help_text=gettext_lazy("For headquarters, if there is more to say."),
        required=False,
        max_length=500,
        widget=forms.Textarea(attrs={"class": "input", "rows": 2}),
    )


class Difference(NamedTuple):
    """An article of which something else came than was announced."""

    article: Article
    came: int
    missing: int
    over: int
    damaged: int


class Receive(StorePage):
    """One delivery or transfer: count, check, put into stock. The same page from first scan to last question."""

    scope = "stock:count"

    def get(self, request: HttpRequest, inbound_id: str) -> HttpResponse:
        arrival = self._arrival(inbound_id)
        return self._count(arrival, self._fresh(arrival))

    def post(self, request: HttpRequest, inbound_id: str) -> HttpResponse:
        arrival = self._arrival(inbound_id)
        steps = {"scan": self._scan, "all": self._all, "check": self._check, "finish": self._finish}
        step = steps.get(request.POST.get("step", ""), self._again)
        return step(arrival)

    def _arrival(self, inbound_id: str) -> Arrival:
        found = inbound.arrival(inbound_id, self.caller, as_of=now())
        if found is None:
            raise Http404
        return found

    # -- the steps ---------------------------------------------------------------------------------

    def _scan(self, arrival: Arrival) -> HttpResponse:
        code = self.request.POST.get("code", "")
        sku = inbound.scanned(code)
        if sku is None:
            return self._count(arrival, self._typed(arrival), unknown=counting.unknown_words(code), code=code)
        counted = counting.with_one_more(self.request.POST, sku)
        return self._count(arrival, self._typed(arrival, counted), last=sku)

    def _all(self, arrival: Arrival) -> HttpResponse:
        """Everything that was expected is here, in good condition."""
        data = self.request.POST.copy()
        for article in arrival.articles:
            data[f"{GOOD}:{article.sku}"], data[f"{DAMAGED}:{article.sku}"] = str(article.expected), ""
        return self._ask(arrival, self._typed(arrival, data))

    def _check(self, arrival: Arrival) -> HttpResponse:
        return self._ask(arrival, self._typed(arrival))

    def _again(self, arrival: Arrival) -> HttpResponse:
        return self._count(arrival, self._typed(arrival))

    def _finish(self, arrival: Arrival) -> HttpResponse:
        form, last = self._typed(arrival), FinishForm(self.request.POST)
        if not (form.is_valid() and last.is_valid()):
            return self._ask(arrival, form, last)
        try:
            self._receive(arrival, form, last)
        except DomainError as error:
            return self._refused(arrival, error)
        messages.success(self.request, _said(form, last))
        return redirect(reverse("store:arrivals", args=[arrival.place]))

    def _receive(self, arrival: Arrival, form: CountForm, last: FinishForm) -> None:
        given = {name: str(value) for name, value in (form.cleaned_data | last.cleaned_data).items()}
        receive_inbound(
            inbound_id=arrival.id,
            receipts=_receipts(form),
            final=last.cleaned_data["rest"] == FinishForm.MISSING,
            note=last.cleaned_data["note"],
            version=form.cleaned_data["version"],
            actor=self.caller.actor,
            as_of=now(),
            once=Once(
                f"{self.caller.actor} store.receive", form.cleaned_data["token"], fingerprint([arrival.id, given])
            ),
        )

    def _refused(self, arrival: Arrival, error: DomainError) -> HttpResponse:
        """As things are now, with what was counted."""
        fresh = self._arrival(arrival.id)
        data = self.request.POST.copy()
        data["version"] = str(fresh.version)
        form = self._typed(fresh, data)
        return self._count(fresh, form, refusal=_refusal(error, fresh), status=problems.status_of(error))

    # -- what is shown -----------------------------------------------------------------------------

    def _fresh(self, arrival: Arrival) -> CountForm:
        return CountForm.fresh(articles=arrival.articles, with_damaged=True, version=arrival.version)

    def _typed(self, arrival: Arrival, data: Any = None) -> CountForm:
        """The form as it was filled in, with the articles that were scanned though nobody announced them."""
        data = self.request.POST if data is None else data
        known = {article.sku for article in arrival.articles}
        extra = [sku for sku in counting.skus_in(data) if sku not in known][: inbound.ARTICLES_AT_ONCE]
        more = inbound.articles_of(dict.fromkeys(extra, 0), place=arrival.place, extra=extra) if extra else ()
        return CountForm(data, articles=[*arrival.articles, *more], with_damaged=True)

    def _count(self, arrival: Arrival, form: CountForm, *, status: int = 200, **said: Any) -> HttpResponse:
        context = {"arrival": arrival, "form": form, "codes": _codes(form), **said}
        return self.page("stores/receive.html", self.place(arrival.place), context, status=status)

    def _ask(self, arrival: Arrival, form: CountForm, last: FinishForm | None = None) -> HttpResponse:
        if not form.is_valid():
            return self._count(arrival, form, status=422)
        if not any(form.total(article.sku) for article in form.articles) and arrival.hidden:
            return self._count(arrival, form, refusal=_("Count something first."), status=422)
        found = _differences(form)
        context = {
            "arrival": arrival,
            "form": form,
            "last": last or FinishForm(),
            "differences": found,
            "units": sum(form.total(article.sku) for article in form.articles),
            "asks_for_rest": any(one.missing for one in found) and not arrival.hidden,
        }
        return self.page("stores/receive_check.html", self.place(arrival.place), context, status=422 if last else 200)


def _codes(form: CountForm) -> dict[str, int]:
    """Which row a scanned code belongs to."""
    return {code: number for number, article in enumerate(form.articles) for code in article.codes}


def _differences(form: CountForm) -> list[Difference]:
    found = []
    for article in form.articles:
        came, damaged = form.total(article.sku), form.units(DAMAGED, article.sku)
        missing, over = max(0, article.expected - came), max(0, came - article.expected)
        if missing or over or damaged:
            found.append(Difference(article, came, missing, over, damaged))
    return found


def _receipts(form: CountForm) -> list[Receipt]:
    came = [
        Receipt(article.sku, form.units(name, article.sku), condition.value)
        for article in form.articles
        for name, condition in ((GOOD, Condition.SELLABLE), (DAMAGED, Condition.DAMAGED))
    ]
    return [receipt for receipt in came if receipt.quantity]


def _said(form: CountForm, last: FinishForm) -> str:
    units = sum(form.total(article.sku) for article in form.articles)
    missing = sum(one.missing for one in _differences(form))
    said = ngettext("%(units)d article is in stock.", "%(units)d articles are in stock.", units) % {"units": units}
    if missing and last.cleaned_data["rest"] == FinishForm.MISSING:
        told = ngettext("%(missing)d is noted as missing.", "%(missing)d are noted as missing.", missing)
        said = f"{said} {told % {'missing': missing}}"
    return said


def _refusal(error: DomainError, arrival: Arrival) -> str:
    if isinstance(error, ChangedMeanwhile):
        return _("Somebody else has received part of it meanwhile. Nothing was changed; please count what is left.")
    if isinstance(error, IllegalMove):
        said = _("This is closed: it stands at “%(status)s”. Nothing was changed.")
        return said % {"status": arrival.status_label}
    return str(error.detail)
