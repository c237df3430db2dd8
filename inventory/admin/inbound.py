"""Deliveries and transfers on their way: what comes when, what came, what is missing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, Q, QuerySet, Subquery, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter, RelatedDropdownFilter
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextInputWidget,
)

from inventory.demands import DemandOwner, owners_of
from inventory.models import Condition, Inbound, InboundLine, SupplyPromise
from inventory.queries import places
from inventory.services.inbound import cancel_inbound, change_inbound
from inventory.services.receiving import Receipt, receive_inbound
from inventory.states import UNTOUCHED, InboundStatus
from oms.backoffice.actions import action_page, actor_of, require_right
from oms.backoffice.lists import ReadOnlyAdmin
from oms.backoffice.sentences import say
from oms.backoffice.words import NOTHING, Tone, badge, instant, who
from oms.clock import now
from oms.idempotency import Once, fingerprint
from oms.ids import new_id
from oms.models import Event

_LOOKS: dict[str, tuple[Tone, str]] = {
    InboundStatus.ANNOUNCED: ("busy", "event"),
    InboundStatus.IN_TRANSIT: ("busy", "local_shipping"),
    InboundStatus.PARTIALLY_RECEIVED: ("busy", "timelapse"),
    InboundStatus.RECEIVED: ("good", "check_circle"),
    InboundStatus.CANCELED: ("quiet", "cancel"),
}
_LINES_AT_ONCE = 200
_EVENTS_SHOWN = 100
_WAITING_SHOWN = 100


# ---- what staff type -----------------------------------------------------------------------------


class OnceForm(forms.Form):
    """`token` makes a double click one act; `version` is what the person saw."""

    token = forms.CharField(widget=forms.HiddenInput, initial=lambda: new_id("tok"))
    version = forms.IntegerField(widget=forms.HiddenInput)

    def once(self, request: HttpRequest, act: str, inbound: Inbound) -> Once:
        digest = fingerprint([inbound.pk, {name: str(value) for name, value in self.cleaned_data.items()}])
        return Once(f"{actor_of(request)} admin.inbound.{act}", self.cleaned_data["token"], digest)


class ReceiveForm(OnceForm):
    """For each line that remains the units that came in good condition and the broken ones."""

    OPEN, MISSING = "open", "missing"
    rest = forms.ChoiceField(
        label=gettext_lazy("What did not come"),
        choices=[(OPEN, gettext_lazy("may still come")), (MISSING, gettext_lazy("is missing: close it"))],
        initial=OPEN,
        widget=UnfoldAdminRadioSelectWidget,
    )
    note = forms.CharField(
        label=gettext_lazy("Note"), max_length=500, required=False, widget=UnfoldAdminTextInputWidget
    )

    def __init__(self, *args: Any, lines: Sequence[InboundLine], **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.lines = lines
        for line in lines:
            self.fields[f"good_{line.pk}"] = _units_field(line.remaining, _("Good units of %(sku)s"), line)
            self.fields[f"damaged_{line.pk}"] = _units_field(0, _("Damaged units of %(sku)s"), line)

    def rows(self) -> list[tuple[InboundLine, Any, Any]]:
        return [(line, self[f"good_{line.pk}"], self[f"damaged_{line.pk}"]) for line in self.lines]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors and not self.receipts(cleaned) and cleaned.get("rest") == self.OPEN:
            raise forms.ValidationError(_("Say what came, or that the rest is missing."))
        return cleaned

    def receipts(self, cleaned: dict[str, Any] | None = None) -> list[Receipt]:
        given = self.cleaned_data if cleaned is None else cleaned
        came = [
            Receipt(line.product_id, given.get(f"{name}_{line.pk}") or 0, condition.value)
            for line in self.lines
            for name, condition in (("good", Condition.SELLABLE), ("damaged", Condition.DAMAGED))
        ]
        return [receipt for receipt in came if receipt.quantity]

    @property
    def is_final(self) -> bool:
        return self.cleaned_data["rest"] == self.MISSING


def _units_field(units: int, label: str, line: InboundLine) -> forms.IntegerField:
    widget = UnfoldAdminIntegerFieldWidget(attrs={"aria-label": label % {"sku": line.product_id}})
    return forms.IntegerField(min_value=0, max_value=100_000, initial=units, required=False, widget=widget)


class CancelForm(OnceForm):
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=500, widget=UnfoldAdminTextInputWidget)


class ChangeForm(OnceForm):
    expected_at = forms.SplitDateTimeField(label=gettext_lazy("Expected"), widget=UnfoldAdminSplitDateTimeWidget)
    reference = forms.CharField(
        label=gettext_lazy("Reference"), max_length=100, required=False, widget=UnfoldAdminTextInputWidget
    )


# ---- filters -------------------------------------------------------------------------------------


class ComingFilter(DropdownFilter):
    title = gettext_lazy("coming")
    parameter_name = "coming"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, Any]]:
        return [("open", _("Still to come")), ("late", _("Late")), ("missing", _("With something missing"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Inbound]) -> QuerySet[Inbound]:
        conditions = {
            "open": Q(closed_at=None),
            "late": Q(closed_at=None, expected_at__lte=now()),
            "missing": Q(pk__in=InboundLine.objects.filter(missing__gt=0).values("inbound")),
        }
        return queryset.filter(conditions.get(self.value() or "", Q()))


class KindFilter(DropdownFilter):
    title = gettext_lazy("kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, Any]]:
        return [("delivery", _("Deliveries")), ("transfer", _("Transfers"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Inbound]) -> QuerySet[Inbound]:
        if self.value() in ("delivery", "transfer"):
            return queryset.filter(origin__isnull=self.value() == "delivery")
        return queryset


# ---- pages ---------------------------------------------------------------------------------------


@admin.register(Inbound)
class InboundAdmin(ReadOnlyAdmin):
    list_display = ["what", "state", "location", "sender", "expected", "came", "missing"]
    list_select_related = ["location", "origin"]
    list_filter = [
        ComingFilter,
        KindFilter,
        ("status", ChoicesDropdownFilter),
        ("location", RelatedDropdownFilter),
        ("origin", RelatedDropdownFilter),
    ]
    search_fields = ["pk"]  # shows the box; see `get_search_results`
    search_help_text = gettext_lazy("Id, id at the source, start of a reference, or a SKU")
    ordering = ["-pk"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Inbound]:
        rows = super().get_queryset(request).select_related(*self.list_select_related)
        return rows.annotate(
            announced_units=_sum("quantity"), came_units=_sum("received"), missing_units=_sum("missing")
        )

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        text = search_term.strip()
        if not text:
            return queryset, False
        named = Q(pk=text) | Q(external_id=text) | Q(reference__istartswith=text)
        return queryset.filter(named | Q(pk__in=InboundLine.objects.filter(product=text).values("inbound"))), False

    # ---- list ----------------------------------------------------------------------------------

    @display(description=gettext_lazy("what"), ordering="id")
    def what(self, inbound: Inbound) -> str:
        return inbound_name(inbound)

    @display(description=gettext_lazy("status"), ordering="status")
    def state(self, inbound: Inbound) -> SafeString:
        return inbound_badge(inbound)

    @display(description=gettext_lazy("from"))
    def sender(self, inbound: Inbound) -> str | SafeString:
        return inbound.origin.name if inbound.origin else inbound.named_source or NOTHING

    @display(description=gettext_lazy("expected"), ordering="expected_at")
    def expected(self, inbound: Inbound) -> SafeString:
        return expected_words(inbound)

    @display(description=gettext_lazy("received"))
    def came(self, inbound: Any) -> str:
        return _("%(received)s of %(announced)s") % {
            "received": inbound.came_units or 0,
            "announced": inbound.announced_units or 0,
        }

    @display(description=gettext_lazy("missing"))
    def missing(self, inbound: Any) -> str | SafeString:
        return badge(inbound.missing_units, "warn", "report") if inbound.missing_units else NOTHING

    # ---- one of them ---------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        def one(name: str, view: Callable[..., HttpResponse]) -> URLPattern:
            return path(f"<path:object_id>/{name}/", self.admin_site.admin_view(view), name=f"inventory_inbound_{name}")

        return [
            one("receive", self.receive_view),
            one("redate", self.change_day_view),
            one("cancel", self.cancel_view),
            *super().get_urls(),
        ]

    def _one(self, object_id: str) -> Inbound:
        return get_object_or_404(Inbound.objects.select_related("location", "origin"), pk=unquote(object_id))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        inbound = self._one(object_id)
        may_act = inbound.is_open and self.may_act(request)
        context = {
            **self.admin_site.each_context(request),
            "title": inbound_name(inbound),
            "inbound": inbound,
            "badge": inbound_badge(inbound),
            "expected": expected_words(inbound),
            "lines": inbound.lines.select_related("product"),
            "waiting": _waiting(inbound),
            "timeline": _timeline(inbound),
            "may_act": may_act,
            "may_cancel": may_act and inbound.status in UNTOUCHED,
            "opts": self.opts,
            "original": inbound,
            "is_fullwidth": "1",
        }
        return render(request, "inventory/admin/inbound.html", context)

    def receive_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        require_right(self, request)
        inbound = self._one(object_id)
        form = ReceiveForm(request.POST or None, lines=_asked(inbound, request), initial={"version": inbound.version})
        return action_page(
            request,
            form,
            lambda: receive_inbound(
                inbound_id=inbound.pk,
                receipts=form.receipts(),
                final=form.is_final,
                note=form.cleaned_data["note"],
                version=form.cleaned_data["version"],
                actor=actor_of(request),
                as_of=now(),
                once=form.once(request, "receive", inbound),
            ),
            title=_("Receive %(what)s") % {"what": inbound_name(inbound)},
            submit=_("Receive"),
            done=lambda: _received_words(form.receipts()),
            back=_address(inbound),
            template="inventory/admin/receive.html",
            context={"inbound": inbound, "opts": self.opts, "original": inbound},
        )

    def change_day_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        require_right(self, request)
        inbound = self._one(object_id)
        names = ("version", "expected_at", "reference")
        form = ChangeForm(request.POST or None, initial={name: getattr(inbound, name) for name in names})
        return action_page(
            request,
            form,
            lambda: change_inbound(
                inbound_id=inbound.pk,
                expected_at=form.cleaned_data["expected_at"],
                reference=form.cleaned_data["reference"],
                version=form.cleaned_data["version"],
                actor=actor_of(request),
                as_of=now(),
            ),
            title=_("Another day for %(what)s") % {"what": inbound_name(inbound)},
            submit=_("Save"),
            done=_("The change is saved."),
            back=_address(inbound),
        )

    def cancel_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        require_right(self, request)
        inbound = self._one(object_id)
        form = CancelForm(request.POST or None, initial={"version": inbound.version})
        explanation = _("Nothing of it counts as future supply any more.")
        if inbound.origin:
            explanation = _("Its units stand in %(origin)s again.") % {"origin": inbound.origin.name}
        return action_page(
            request,
            form,
            lambda: cancel_inbound(
                inbound_id=inbound.pk,
                reason=form.cleaned_data["reason"],
                actor=actor_of(request),
                as_of=now(),
                once=form.once(request, "cancel", inbound),
            ),
            title=_("Cancel %(what)s") % {"what": inbound_name(inbound)},
            submit=_("Cancel it"),
            done=_("It is canceled."),
            back=_address(inbound),
            explanation=explanation,
            is_dangerous=True,
        )


def _asked(inbound: Inbound, request: HttpRequest) -> list[InboundLine]:
    """The lines that remain, and those that a form sent twice still names."""
    lines = inbound.lines.select_related("product")
    return [line for line in lines if line.remaining or f"good_{line.pk}" in request.POST][:_LINES_AT_ONCE]


@dataclass(frozen=True, slots=True)
class Waiting:
    """Who waits for units of a delivery."""

    promise: SupplyPromise
    owner: DemandOwner | None


def _waiting(inbound: Inbound) -> list[Waiting]:
    """The first of them, in the order in which they are served."""
    promises = SupplyPromise.objects.filter(line__inbound=inbound).select_related("product")
    shown = list(promises.order_by("since", "id")[:_WAITING_SHOWN])
    owners = owners_of([promise.demand for promise in shown])
    return [Waiting(promise, owners.get(promise.demand)) for promise in shown]


# ---- words ---------------------------------------------------------------------------------------


def _sum(name: str) -> Subquery:
    lines = InboundLine.objects.filter(inbound=OuterRef("pk")).order_by().values("inbound")
    return Subquery(lines.annotate(total=Sum(name)).values("total"))


def inbound_name(inbound: Inbound) -> str:
    name = inbound.reference or inbound.external_id
    if not inbound.origin:
        return _("Delivery %(name)s") % {"name": name or inbound.pk}
    return (
        _("Transfer %(name)s") % {"name": name}
        if name
        else _("Transfer from %(place)s") % {"place": inbound.origin.name}
    )


def _address(inbound: Inbound) -> str:
    return reverse("admin:inventory_inbound_change", args=[inbound.pk])


def inbound_badge(inbound: Inbound) -> SafeString:
    return badge(inbound.get_status_display(), *_LOOKS[inbound.status])


def expected_words(inbound: Inbound) -> SafeString:
    """When; red with its word once that has passed and it is not here."""
    if inbound.is_open and inbound.expected_at <= now():
        return format_html("{} {}", badge(_("Late"), "bad", "schedule"), instant(inbound.expected_at))
    return instant(inbound.expected_at)


def _received_words(receipts: Sequence[Receipt]) -> str:
    units = sum(receipt.quantity for receipt in receipts)
    return ngettext("%(units)d unit is in stock now.", "%(units)d units are in stock now.", units) % {"units": units}


def _timeline(inbound: Inbound) -> list[tuple[Any, str, str]]:
    known = places()
    name = known[inbound.location_id].name if inbound.location_id in known else inbound.location_id
    events = Event.objects.filter(root=inbound.pk).order_by("-id")[:_EVENTS_SHOWN]
    return [(event.occurred_at, say(event.type, event.payload, place=name), who(event.actor)) for event in events]
