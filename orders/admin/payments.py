from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display

from oms.backoffice.actions import action_page, actor_of
from oms.backoffice.lists import ReadOnlyAdmin
from oms.backoffice.words import instant, link, money
from oms.clock import now
from orders.admin import badges
from orders.admin.filters import DeclinedFilter, declined
from orders.models import Payment, PaymentOperation
from orders.services import payments


class OperationInline(TabularInline):
    model = PaymentOperation
    fields = ["kind", "amount", "status_shown", "failure", "reference", "asked", "answered"]
    readonly_fields = fields
    extra = 0
    can_delete = False
    hide_title = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description=gettext_lazy("status"))
    def status_shown(self, operation: PaymentOperation) -> SafeString:
        return badges.operation_badge(operation)

    @display(description=gettext_lazy("asked"))
    def asked(self, operation: PaymentOperation) -> SafeString:
        return instant(operation.created_at)

    @display(description=gettext_lazy("answered"))
    def answered(self, operation: PaymentOperation) -> SafeString:
        return instant(operation.settled_at)


@admin.register(Payment)
class PaymentAdmin(ReadOnlyAdmin):
    list_display = ["id", "order_link", "method", "status_shown", "amount_shown", "captured", "refunded", "failure"]
    list_select_related = ["order"]
    list_filter = [("status", ChoicesDropdownFilter), DeclinedFilter]
    search_fields = ["order__number"]
    search_help_text = gettext_lazy("Order number, payment id or gateway reference")
    ordering = ["-pk"]
    inlines = [OperationInline]
    actions_detail = ["try_again"]
    fields = [
        ("order_link", "status_shown"),
        ("gateway", "method"),
        ("amount_shown", "authorized"),
        ("captured", "refunded"),
        ("reference", "failure"),
    ]

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        text = search_term.strip()
        number = text.lstrip("#")
        if not text:
            return queryset, False
        if number.isdecimal() and len(number) < 19:
            return queryset.filter(order__number=int(number)), False
        return queryset.filter(pk=text) | queryset.filter(reference=text), False

    def has_try_again_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        found = Payment.objects.filter(declined(), pk=object_id) if object_id else Payment.objects.none()
        return self.may_act(request) and found.exists()

    @action(description=gettext_lazy("Ask the gateway again"), icon="replay", permissions=["try_again"])
    def try_again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        payment = get_object_or_404(Payment, pk=object_id)
        return action_page(
            request,
            forms.Form(request.POST if request.method == "POST" else None),
            lambda: payments.try_again(payment_id=payment.pk, actor=actor_of(request), as_of=now()),
            title=_("Ask the gateway again"),
            explanation=_("What it declined is asked once more, as far as it is still wanted."),
            submit=_("Ask again"),
            done=_("The gateway is asked again; its answer stands here in a moment."),
            back=reverse("admin:orders_payment_change", args=[payment.pk]),
        )

    @display(description=gettext_lazy("order"), ordering="order__number")
    def order_link(self, payment: Payment) -> SafeString:
        return link("orders.Order", payment.order_id, payment.order)

    @display(description=gettext_lazy("status"), ordering="status")
    def status_shown(self, payment: Payment) -> SafeString:
        return badges.payment_badge(payment)

    @display(description=gettext_lazy("amount"), ordering="amount")
    def amount_shown(self, payment: Payment) -> str:
        return money(payment.amount, payment.currency)

    @display(description=gettext_lazy("authorized"))
    def authorized(self, payment: Payment) -> str:
        return money(payment.authorized_amount, payment.currency)

    @display(description=gettext_lazy("captured"), ordering="captured_amount")
    def captured(self, payment: Payment) -> str:
        return money(payment.captured_amount, payment.currency)

    @display(description=gettext_lazy("refunded"), ordering="refunded_amount")
    def refunded(self, payment: Payment) -> str:
        return money(payment.refunded_amount, payment.currency)
