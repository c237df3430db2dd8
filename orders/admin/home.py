"""What needs me now: few figures, each the way to its list."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import Count, Min, Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from inventory.queries import place_name
from oms.backoffice.words import duration, instant
from oms.channels import channels
from oms.clock import now
from oms.models import SetAside
from orders.admin.filters import day_start, declined, late, late_soon, told
from orders.models import ExceptionCase, Fulfillment, Hold, Order, Payment
from orders.queries import STEP_DUE
from orders.states import HoldKind
from routing.services.reviews import faulty_rule_sets

_PLACES_SHOWN = 12
admin.site.index_template = "orders/admin/home.html"


@dataclass(frozen=True, slots=True)
class Figure:
    label: str
    count: int
    address: str
    note: str | SafeString = ""


@dataclass(frozen=True, slots=True)
class LatePlace:
    name: str
    late: int
    soon: int
    told: int
    late_address: str
    soon_address: str
    told_address: str
    first_due: SafeString


@dataclass(frozen=True, slots=True)
class ChannelDay:
    name: str
    today: int
    yesterday: int
    today_address: str
    yesterday_address: str


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What this person may see of the day; nothing for whom the orders are none of their business."""
    user = request.user
    if user.has_perm("orders.view_exceptioncase"):
        context["cases"] = [*_cases(), *_declined_money()]
    if user.has_perm("oms.view_setaside"):
        context["cases"] = [*context.get("cases", ()), *_set_aside()]
    if user.has_perm("routing.view_ruleset"):
        context["cases"] = [*context.get("cases", ()), *_faulty_rules()]
    if user.has_perm("orders.view_fulfillment"):
        context["late_places"] = _late_places()
    if user.has_perm("orders.view_order"):
        context["holds"] = _holds()
        context["days"] = _days()
    return context


def _list(model: str, **filters: str) -> str:
    return f"{reverse(f'admin:orders_{model}_changelist')}?{urlencode(filters)}"


def _cases() -> list[Figure]:
    open_cases = ExceptionCase.objects.filter(status=ExceptionCase.Status.OPEN).order_by("reason")
    counted = open_cases.values_list("reason").annotate(count=Count("pk"), oldest=Min("opened_at"))
    return [
        Figure(
            str(ExceptionCase.Reason(reason).label),
            count,
            _list("exceptioncase", reason__exact=reason),
            _("oldest: %(duration)s") % {"duration": duration(now() - oldest)},
        )
        for reason, count, oldest in counted
    ]


def _declined_money() -> list[Figure]:
    count = Payment.objects.filter(declined()).count()
    return [Figure(_("Money the gateway declined"), count, _list("payment", gateway="declined"))] if count else []


def _set_aside() -> list[Figure]:
    count = SetAside.objects.filter(ended_at=None).count()
    address = reverse("admin:oms_setaside_changelist")
    return [Figure(_("Events set aside"), count, address)] if count else []


def _faulty_rules() -> list[Figure]:
    """Sound when they were published; since then a group, a place or a channel they name has gone."""
    return [
        Figure(
            _("Must be mended in the rules %(rules)s") % {"rules": rules},
            faults,
            reverse("admin:routing_ruleset_change", args=[rules.pk]),
        )
        for rules, faults in faulty_rule_sets()
    ]


def _holds() -> list[Figure]:
    counted = Hold.objects.filter(released_at=None).order_by("kind").values_list("kind").annotate(count=Count("pk"))
    return [Figure(str(HoldKind(kind).label), count, _list("order", hold=kind)) for kind, count in counted]


def _late_places() -> list[LatePlace]:
    as_of = now()
    is_late, is_soon = late(as_of), late_soon(as_of)
    counted = (
        Fulfillment.objects.filter(is_late | is_soon)
        .values_list("location_id")
        .annotate(
            late=Count("pk", filter=is_late),
            soon=Count("pk", filter=is_soon),
            told=Count("pk", filter=told(as_of)),
            first=Min(STEP_DUE),
        )
        .order_by("-late", "-soon", "location_id")[:_PLACES_SHOWN]
    )
    return [
        LatePlace(
            place_name(code),
            late_count,
            soon_count,
            told_count,
            _list("fulfillment", due="late", location__code__exact=code),
            _list("fulfillment", due="soon", location__code__exact=code),
            _list("fulfillment", due="told", location__code__exact=code),
            instant(first, as_of=as_of),
        )
        for code, late_count, soon_count, told_count, first in counted
    ]


def _days() -> list[ChannelDay]:
    """Orders today beside those of yesterday until the same hour."""
    as_of, day = now(), timedelta(days=1)
    today = day_start(as_of)
    counted = (
        Order.objects.filter(placed_at__gte=today - day)
        .values_list("channel_id")
        .annotate(
            today=Count("pk", filter=Q(placed_at__gte=today)),
            yesterday=Count("pk", filter=Q(placed_at__lt=as_of - day)),
        )
        .order_by("channel_id")
    )
    known = channels()
    return [
        ChannelDay(
            known[code].name,
            today_count,
            yesterday_count,
            _list("order", placed="today", channel__code__exact=code),
            _list("order", placed="yesterday", channel__code__exact=code),
        )
        for code, today_count, yesterday_count in counted
    ]
