from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from pydantic import ValidationError
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from oms.backoffice.lists import BackOfficeAdmin
from oms.backoffice.words import instant, link, money
from orders.admin import badges
from orders.commands import ChangeCustomer
from orders.models import Customer, Order
from orders.search import find_customers
from orders.services.customers import tag_customer


class OrderInline(TabularInline):
    """Everything this customer ordered, newest first."""

    model = Order
    fields = ["order_link", "status_shown", "total_shown", "placed"]
    readonly_fields = fields
    ordering = ["-placed_at"]
    per_page = 20
    extra = 0
    can_delete = False
    hide_title = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description=gettext_lazy("order"))
    def order_link(self, order: Order) -> SafeString:
        return link("orders.Order", order.pk, order)

    @display(description=gettext_lazy("status"))
    def status_shown(self, order: Order) -> SafeString:
        return badges.order_badge(order)

    @display(description=gettext_lazy("total"))
    def total_shown(self, order: Order) -> str:
        return money(order.total, order.currency)

    @display(description=gettext_lazy("placed"))
    def placed(self, order: Order) -> SafeString:
        return instant(order.placed_at)


class CustomerForm(forms.ModelForm):
    tags = forms.CharField(
        label=gettext_lazy("Tags"),
        required=False,
        help_text=gettext_lazy("Kinds of customers that rules may ask for, one per line."),
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
    )

    class Meta:
        model = Customer
        fields = ("tags",)

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.initial["tags"] = "\n".join(self.instance.tags)

    def clean_tags(self) -> tuple[str, ...]:
        given = filter(None, map(str.strip, self.cleaned_data["tags"].splitlines()))
        try:
            return ChangeCustomer(tags=tuple(given)).tags
        except ValidationError:
            raise forms.ValidationError(_("At most 20 tags of 64 characters")) from None


@admin.register(Customer)
class CustomerAdmin(BackOfficeAdmin):
    """Orders write customers; what staff may say of them are the tags."""

    form = CustomerForm
    list_display = ["name", "email", "phone", "channel", "external_id", "since"]
    list_select_related = ["channel"]
    list_filter = [("channel", RelatedDropdownFilter)]
    search_fields = ["email"]
    search_help_text = gettext_lazy("E-mail, name, telephone or external id")
    ordering = ["-pk"]
    inlines = [OrderInline]
    fields = ["name", ("email", "phone"), ("channel", "external_id"), "tags", "since"]
    readonly_fields = ["name", "email", "phone", "channel", "external_id", "since"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Customer, form: CustomerForm, change: bool) -> None:
        tag_customer(customer_id=obj.pk, tags=form.cleaned_data["tags"])

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        return (find_customers(queryset, search_term) if search_term.strip() else queryset), False

    @display(description=gettext_lazy("name"), ordering="last_name")
    def name(self, customer: Customer) -> str:
        return str(customer)

    @display(description=gettext_lazy("since"), ordering="created_at")
    def since(self, customer: Customer) -> SafeString:
        return instant(customer.created_at)
