"""Filters that stay in the address; the figures of the home page link to them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import DropdownFilter

from oms.clock import now
from orders.models import ExceptionCase, Fulfillment, Hold, Order, Payment, PaymentOperation
from orders.states import LIVE, FulfillmentStatus, HoldKind

SOON = timedelta(minutes=30)
IN_WORK = frozenset({FulfillmentStatus.ACCEPTED, FulfillmentStatus.PICKING})
_RUNS = Q(clocks_left__isnull=True)  # no hold stops its clocks
_TIMED = [FulfillmentStatus.ASSIGNED, *sorted(IN_WORK), FulfillmentStatus.PACKED]


def late(as_of: datetime) -> Q:
    """Work whose place has missed its time to answer, to prepare or to hand over."""
    return _due_before(as_of)


def late_soon(as_of: datetime) -> Q:
    """Work that will be late within half an hour, or of which its place was warned, and is not yet."""
    is_warned = Q(status__in=_TIMED, warned_at__isnull=False) & _RUNS
    return (_due_before(as_of + SOON) | is_warned) & ~_due_before(as_of)


def told(as_of: datetime) -> Q:
    """Work that will be late soon, as its place's manager was told."""
    return Q(status__in=_TIMED, escalated_at__isnull=False) & _RUNS & ~_due_before(as_of)


def _due_before(instant: datetime) -> Q:
    due = (
        Q(status=FulfillmentStatus.ASSIGNED, acknowledge_by__lte=instant)
        | Q(status__in=[FulfillmentStatus.ASSIGNED, *sorted(IN_WORK)], ready_by__lte=instant)
        | Q(status=FulfillmentStatus.PACKED, hand_over_by__lte=instant)
    )
    return due & _RUNS


def day_start(as_of: datetime) -> datetime:
    return timezone.localtime(as_of).replace(hour=0, minute=0, second=0, microsecond=0)


class DueFilter(DropdownFilter):
    title = _("due")
    parameter_name = "due"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, Any]]:
        return [
            ("late", _("Late")),
            ("soon", _("About to be late")),
            ("told", _("About to be late, the manager knows")),
            ("live", _("Being worked on")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Fulfillment]) -> QuerySet[Fulfillment]:
        as_of = now()
        conditions = {
            "late": late(as_of),
            "soon": late_soon(as_of),
            "told": told(as_of),
            "live": Q(status__in=sorted(LIVE)),
        }
        return queryset.filter(conditions.get(self.value() or "", Q()))


def declined() -> Exists:
    """Payments of which the gateway declined a capture, void or refund, and nobody asked it again."""
    again = PaymentOperation.objects.filter(
        payment=OuterRef("payment"), kind=OuterRef("kind"), cause=OuterRef("cause")
    ).exclude(status=PaymentOperation.Status.FAILED)
    failed = PaymentOperation.objects.filter(payment=OuterRef("pk"), status=PaymentOperation.Status.FAILED)
    return Exists(failed.filter(~Exists(again)))


class DeclinedFilter(DropdownFilter):
    title = _("gateway")
    parameter_name = "gateway"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, Any]]:
        return [("declined", _("Declined what we asked"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Payment]) -> QuerySet[Payment]:
        return queryset.filter(declined()) if self.value() == "declined" else queryset


class OpenHoldFilter(DropdownFilter):
    title = _("open hold")
    parameter_name = "hold"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, Any]]:
        return HoldKind.choices

    def queryset(self, request: HttpRequest, queryset: QuerySet[Order]) -> QuerySet[Order]:
        if self.value() is None:
            return queryset
        return queryset.filter(Exists(Hold.objects.filter(order=OuterRef("pk"), kind=self.value(), released_at=None)))


class PlacedFilter(DropdownFilter):
    title = _("placed")
    parameter_name = "placed"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, Any]]:
        return [
            ("today", _("Today")),
            ("yesterday", _("Yesterday until this hour")),
            ("week", _("Last 7 days")),
            ("month", _("Last 30 days")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Order]) -> QuerySet[Order]:
        as_of, day = now(), timedelta(days=1)
        today = day_start(as_of)
        ranges = {
            "today": (today, as_of + day),
            "yesterday": (today - day, as_of - day),
            "week": (today - 6 * day, as_of + day),
            "month": (today - 29 * day, as_of + day),
        }
        if self.value() not in ranges:
            return queryset
        from_at, until_at = ranges[str(self.value())]
        return queryset.filter(placed_at__gte=from_at, placed_at__lt=until_at)


class OpenCasesFilter(DropdownFilter):
    """The queue shows what is open unless asked otherwise."""

    title = _("status")
    parameter_name = "status"
    all_option = ["", _("Open")]

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, Any]]:
        return [("resolved", _("Resolved")), ("all", _("All"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ExceptionCase]) -> QuerySet[ExceptionCase]:
        if self.value() == "all":
            return queryset
        return queryset.filter(status=self.value() or ExceptionCase.Status.OPEN)
