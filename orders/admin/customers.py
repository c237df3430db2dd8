from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.decorators import display

from oms.backoffice.lists import ReadOnlyAdmin
from oms.backoffice.words import instant, link, money
from orders.admin import badges
from orders.models import Customer, Order
from orders.search import find_customers


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


@admin.register(Customer)
class CustomerAdmin(ReadOnlyAdmin):
    list_display = ["name", "email", "phone", "channel", "external_id", "since"]
    list_select_related = ["channel"]
    list_filter = [("channel", RelatedDropdownFilter)]
    search_fields = ["email"]
    search_help_text = gettext_lazy("E-mail, name, telephone or external id")
    ordering = ["-pk"]
    inlines = [OrderInline]
    fields = [("first_name", "last_name"), ("email", "phone"), ("channel", "external_id"), "since"]

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        return (find_customers(queryset, search_term) if search_term.strip() else queryset), False

    @display(description=gettext_lazy("name"), ordering="last_name")
    def name(self, customer: Customer) -> str:
        return str(customer)

    @display(description=gettext_lazy("since"), ordering="created_at")
    def since(self, customer: Customer) -> SafeString:
        return instant(customer.created_at)
