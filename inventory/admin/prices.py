"""Prices per channel: beside their product, and as a list of all."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db import models, transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import DropdownFilter, RelatedDropdownFilter
from unfold.decorators import action, display
from unfold.forms import PaginationInlineFormSet
from unfold.widgets import UnfoldAdminSplitDateTimeVerticalWidget, UnfoldBooleanWidget

from inventory.admin.files import FileAdmin
from inventory.api.prices import price_document
from inventory.files.columns import PRICES
from inventory.files.writing import Documents, in_pages
from inventory.models import ProductPrice
from inventory.services import PriceRow, amend_price, end_price, finish_price, set_one_price
from oms.backoffice.actions import action_page, actor_of
from oms.backoffice.lists import ReadOnlyAdmin
from oms.backoffice.words import NOTHING, badge, instant, money, who
from oms.clock import now
from oms.errors import DomainError

_SHOWN_AFTER_THE_END = timedelta(days=90)


class PriceForm(forms.ModelForm):
    """Of a price that has begun only the end can be set; of one that has ended, nothing."""

    takes_over = forms.BooleanField(
        label=gettext_lazy("takes over"), required=False, widget=UnfoldBooleanWidget(), initial=False
    )

    class Meta:
        model = ProductPrice
        fields = ["channel", "amount", "from_at", "until_at"]

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.fields["channel"].widget = self.fields["channel"].widget.widget  # channels are not made on the way
        self.fields["from_at"].required = False
        self.fields["from_at"].help_text = gettext_lazy("Empty: now.")
        for name in self._settled(now()):
            self.fields[name].disabled = True

    @property
    def is_new(self) -> bool:
        return self.instance._state.adding

    def _settled(self, as_of: datetime) -> Sequence[str]:
        price = self.instance
        if self.is_new:
            return []
        if price.until_at and price.until_at <= as_of:
            return ["channel", "amount", "from_at", "until_at", "takes_over"]
        return ["channel", "takes_over", *(["amount", "from_at"] if price.from_at < as_of else [])]

    def _get_validation_exclusions(self) -> set[str]:
        """When it lasts is judged by the services alone: they know what gives way, and say it in words."""
        return super()._get_validation_exclusions() | {"from_at", "until_at"}  # type: ignore[misc]

    def row(self, sku: str) -> PriceRow:
        given = self.cleaned_data
        return PriceRow(
            sku,
            given["channel"].pk,
            given["amount"],
            from_at=given["from_at"],
            until_at=given["until_at"],
            takes_over=given["takes_over"],
        )

    def changes(self) -> dict[str, Any]:
        return {
            name: self.cleaned_data[name] for name in ("amount", "from_at", "until_at") if name in self.changed_data
        }


class PriceFormSet(PaginationInlineFormSet):
    """Rehearses before anything is saved, so that a refusal stands beside what was typed."""

    def clean(self) -> None:
        super().clean()
        with transaction.atomic():
            for form in self._meant():
                try:
                    self._do(form, actor="", as_of=now())
                except DomainError as refusal:
                    self._tell(form, refusal)
            transaction.set_rollback(True)

    def settle(self, *, actor: str, as_of: datetime) -> None:
        """Have the services do what was typed. Errors: those of the services."""
        done: tuple[list[Any], list[Any], list[Any]] = ([], [], [])  # the events tell more
        self.new_objects, self.changed_objects, self.deleted_objects = done
        for form in self._meant():
            self._do(form, actor=actor, as_of=as_of)

    def _meant(self) -> Sequence[Any]:
        """Those that change something: first what makes room, last what needs it."""
        forms = [form for form in self.forms if form.is_valid() and form.has_changed()]
        meant = [form for form in forms if not (form.is_new and self._should_delete_form(form))]
        return sorted(meant, key=lambda form: (form.is_new, not self._should_delete_form(form)))

    def _do(self, form: Any, *, actor: str, as_of: datetime) -> None:
        if form.is_new:
            set_one_price(form.row(self.instance.pk), actor=actor, as_of=as_of)
        elif self._should_delete_form(form):
            finish_price(form.instance.pk, actor=actor, as_of=as_of)
        else:
            amend_price(form.instance.pk, form.changes(), actor=actor, as_of=as_of)

    def _tell(self, form: Any, refusal: DomainError) -> None:
        if self._should_delete_form(form):  # Django does not ask such a form whether it is right
            raise forms.ValidationError(str(refusal.detail))
        for fault in refusal.errors:
            name = fault.pointer.strip("/")
            form.add_error(name if name in form.fields else None, fault.detail)
        if not refusal.errors:
            form.add_error(None, str(refusal.detail))


class PriceInline(TabularInline):
    model = ProductPrice
    form = PriceForm
    formset = PriceFormSet
    extra = 1
    hide_title = True
    formfield_overrides: ClassVar[Any] = {
        models.DateTimeField: {
            "form_class": forms.SplitDateTimeField,
            "widget": UnfoldAdminSplitDateTimeVerticalWidget,
        }
    }
    fields = ["channel", "amount", "currency", "from_at", "until_at", "takes_over", "state"]
    readonly_fields = ["currency", "state"]
    verbose_name_plural = gettext_lazy("Channel prices (deleting one ends it now)")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ProductPrice]:
        recent = now() - _SHOWN_AFTER_THE_END
        return super().get_queryset(request).filter(Q(until_at=None) | Q(until_at__gt=recent))

    @display(description=gettext_lazy("state"))
    def state(self, price: ProductPrice) -> SafeString:
        return shown_state(price)


def shown_state(price: ProductPrice) -> SafeString:
    as_of = now()
    if price.from_at is None:
        return NOTHING
    if price.from_at > as_of:
        return badge(_("to come"), "busy", "schedule")
    if price.until_at and price.until_at <= as_of:
        return badge(_("ended"), "quiet", "history")
    return badge(_("in force"), "good", "check_circle")


class StateFilter(DropdownFilter):
    title = gettext_lazy("state")
    parameter_name = "state"
    all_option = ["", gettext_lazy("In force or to come")]

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, Any]]:
        return [("now", _("In force")), ("later", _("To come")), ("ended", _("Ended")), ("all", _("All"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ProductPrice]) -> QuerySet[ProductPrice]:
        as_of = now()
        lasts = Q(until_at=None) | Q(until_at__gt=as_of)
        states = {
            "now": lasts & Q(from_at__lte=as_of),
            "later": Q(from_at__gt=as_of),
            "ended": Q(until_at__lte=as_of),
            "all": Q(),
        }
        return queryset.filter(states.get(self.value() or "", lasts))


@admin.register(ProductPrice)
class ProductPriceAdmin(FileAdmin, ReadOnlyAdmin):
    """Set beside the product, by file or over the API; here they are found, and ended."""

    sheet = PRICES
    list_display = ["product", "channel", "shown_amount", "begins", "ends", "state"]
    list_display_links = ["product"]
    list_select_related = ["product", "channel"]
    list_filter = [StateFilter, ("channel", RelatedDropdownFilter)]
    search_fields = ["product__sku__startswith"]
    search_help_text = gettext_lazy("Start of a SKU")
    fields = ["product", "channel", "shown_amount", ("begins", "ends"), "state", "set_by"]
    ordering = ["product", "channel", "from_at"]
    actions_detail = ["finish"]
    actions_row = ["finish"]

    def documents(self, rows: QuerySet[ProductPrice]) -> Documents:
        return in_pages(rows, price_document)

    def has_finish_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return self.may_act(request)

    @action(description=gettext_lazy("End now"), url_path="finish", permissions=["finish"], icon="event_busy")
    def finish(self, request: HttpRequest, object_id: str) -> HttpResponse:
        price = get_object_or_404(ProductPrice, pk=object_id)
        return action_page(
            request,
            forms.Form(request.POST if request.method == "POST" else None),
            lambda: end_price(price.pk, actor=actor_of(request), as_of=now()),
            title=_("End the price of %(product)s in %(channel)s")
            % {"product": price.product_id, "channel": price.channel},
            explanation=_("From now on the product's own price holds there. A price that has not begun is taken back."),
            submit=_("End it"),
            done=_("The price is ended."),
            back=reverse("admin:inventory_productprice_changelist"),
            is_dangerous=True,
        )

    @display(description=gettext_lazy("price"), ordering="amount")
    def shown_amount(self, price: ProductPrice) -> str:
        return money(price.amount, price.currency)

    @display(description=gettext_lazy("from"), ordering="from_at")
    def begins(self, price: ProductPrice) -> SafeString:
        return instant(price.from_at)

    @display(description=gettext_lazy("until"), ordering="until_at")
    def ends(self, price: ProductPrice) -> SafeString:
        return instant(price.until_at)

    @display(description=gettext_lazy("state"))
    def state(self, price: ProductPrice) -> SafeString:
        return shown_state(price)

    @display(description=gettext_lazy("set by"))
    def set_by(self, price: ProductPrice) -> str:
        return who(price.actor)
