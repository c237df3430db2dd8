"""Stock levels and reservations."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextInputWidget

from inventory.admin.adjustments import AdjustForm, done_words
from inventory.admin.groups import GroupFilter
from inventory.admin.ledger import LedgerOnPage
from inventory.explanation import explain
from inventory.explanation_words import explanation_sentence, names_of_rules
from inventory.exposure import Context
from inventory.models import Reservation, StockLevel
from inventory.sellable import sellable_sql
from inventory.services import count_stock
from inventory.services.stock_conditions import adjust_stock
from inventory.supply import inbound_sql
from oms.backoffice.actions import action_page, actor_of, row_or_404
from oms.backoffice.lists import ReadOnlyAdmin
from oms.backoffice.refusals import tell_refusal
from oms.backoffice.words import NOTHING, badge, instant
from oms.channels import channels
from oms.clock import now
from oms.errors import DomainError
from oms.idempotency import Once, fingerprint


class CountForm(forms.Form):
    quantity = forms.IntegerField(
        label=gettext_lazy("Units found, in any condition"),
        min_value=0,
        max_value=1_000_000_000,
        widget=UnfoldAdminIntegerFieldWidget,
    )
    bin = forms.CharField(label=gettext_lazy("Bin"), max_length=40, required=False, widget=UnfoldAdminTextInputWidget)


@admin.register(StockLevel)
class StockLevelAdmin(LedgerOnPage, ReadOnlyAdmin):
    list_display = [
        *("product", "location", "on_hand", "reserved", "unsellable", "sellable", "inbound", "bin", "state", "counted"),
    ]
    list_display_links = ["product"]
    list_select_related = ["product", "location"]
    list_filter = [
        ("location", RelatedDropdownFilter),
        GroupFilter.of("location"),
        ("suspect_at", admin.EmptyFieldListFilter),
    ]
    search_fields = ["product__sku__startswith", "location__code__exact"]
    search_help_text = gettext_lazy("Start of a SKU, or the code of a place")
    readonly_fields = ["why"]
    actions_detail = ["count", "adjust"]
    actions_row = ["count", "adjust"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[StockLevel]:
        sellable = RawSQL(sellable_sql("inventory_stocklevel", safety="inventory_location.safety_stock"), [])
        inbound = RawSQL(inbound_sql("inventory_stocklevel"), [])
        levels = super().get_queryset(request).select_related(*self.list_select_related)
        return levels.annotate(sellable_qty=sellable, inbound_qty=inbound)

    @display(description=gettext_lazy("unsellable"))
    def unsellable(self, level: StockLevel) -> int:
        return level.unsellable

    @display(description=gettext_lazy("sellable"))
    def sellable(self, level: Any) -> int:
        return level.sellable_qty

    @display(description=gettext_lazy("inbound"))
    def inbound(self, level: Any) -> int:
        return level.inbound_qty

    @display(description=gettext_lazy("state"))
    def state(self, level: StockLevel) -> SafeString:
        if level.suspect_at:
            return badge(_("to be counted"), "warn", "search")
        if level.on_hand - level.unsellable < level.reserved:
            return badge(_("oversold"), "bad", "error")
        return NOTHING

    @display(description=gettext_lazy("why so many can be sold"))
    def why(self, level: StockLevel) -> SafeString:
        """In a sentence per channel: exposure rules may keep more from one than from another."""
        rows = [(_("Everybody"), self._why(level, ""))]
        rows += [(channel.name, self._why(level, channel.code)) for channel in channels().values() if channel.is_active]
        return format_html('<dl class="bo-pairs">{}</dl>', format_html_join("", "<dt>{}</dt><dd>{}</dd>", rows))

    @staticmethod
    def _why(level: StockLevel, channel: str) -> str:
        found = explain(level.product_id, context=Context(now(), channel), locations=[level.location_id])
        return explanation_sentence(found[0], names_of_rules(found))

    @display(description=gettext_lazy("counted"), ordering="counted_at")
    def counted(self, level: StockLevel) -> SafeString:
        return instant(level.counted_at)

    def has_count_permission(self, request: HttpRequest, _object_id: str | None = None) -> bool:
        return self.may_act(request)

    @action(description=gettext_lazy("Count"), url_path="count", permissions=["count"], icon="inventory")
    def count(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A form whose outcome is one count, as if a store had sent it."""
        level = row_or_404(StockLevel, object_id)
        back = reverse("admin:inventory_stocklevel_change", args=[level.pk])
        form = CountForm(request.POST or None, initial={"bin": level.bin})
        if form.is_valid() and self._count(request, level, form):
            return redirect(back)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Count"),
            "level": level,
            "form": form,
            "back": back,
        }
        return render(request, "inventory/admin/count.html", context)

    @action(description=gettext_lazy("Adjust"), url_path="adjust", permissions=["count"], icon="rule")
    def adjust(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Units that broke, were mended, put aside, written off or found."""
        level = row_or_404(StockLevel.objects.select_related("product", "location"), object_id)
        form = AdjustForm(request.POST or None)
        return action_page(
            request,
            form,
            lambda: adjust_stock(
                form.adjustment(level),
                actor=actor_of(request),
                as_of=now(),
                once=Once(
                    f"{actor_of(request)} admin.adjust",
                    form.cleaned_data["token"],
                    fingerprint([level.pk, form.cleaned_data]),
                ),
            ),
            title=_("Adjust %(level)s") % {"level": level},
            submit=_("Do it"),
            done=lambda: done_words(form.adjustment(level)),
            back=reverse("admin:inventory_stocklevel_change", args=[level.pk]),
            explanation=_(
                "%(on_hand)s are there, %(damaged)s of them damaged and %(quarantined)s in quarantine;"
                " %(reserved)s are promised."
            )
            % {name: getattr(level, name) for name in ("on_hand", "damaged", "quarantined", "reserved")},
        )

    def _count(self, request: HttpRequest, level: StockLevel, form: CountForm) -> bool:
        actor = f"user:{request.user.get_username()}"
        try:
            count_stock(sku=level.product_id, location=level.location_id, **form.cleaned_data, actor=actor, as_of=now())
        except DomainError as refusal:
            tell_refusal(request, refusal)
            return False
        messages.success(request, _("%(level)s is counted.") % {"level": level})
        return True


@admin.register(Reservation)
class ReservationAdmin(ReadOnlyAdmin):
    list_display = ["id", "demand", "product_id", "location_id", "quantity", "remaining", "state", "made"]
    list_filter = [("status", ChoicesDropdownFilter), ("location", RelatedDropdownFilter), GroupFilter.of("location")]
    search_fields = ["demand__exact", "product__sku__exact", "location__code__exact"]
    search_help_text = gettext_lazy("A demand, a SKU, or the code of a place")

    @display(description=gettext_lazy("status"), ordering="status")
    def state(self, reservation: Reservation) -> SafeString:
        return badge(reservation.get_status_display(), "busy" if reservation.remaining else "quiet")

    @display(description=gettext_lazy("made"), ordering="id")
    def made(self, reservation: Reservation) -> SafeString:
        return instant(reservation.created_at)
