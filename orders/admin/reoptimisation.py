"""Orders that were planned again together: what it saved, and the button that looks now."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.db.models import Func, IntegerField, Q, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import action, display

from oms.backoffice.actions import action_page, actor_of, require_right
from oms.backoffice.lists import ReadOnlyAdmin
from oms.backoffice.words import instant, money, who
from oms.clock import now
from orders.admin.forms import ConfirmForm
from orders.models import Reoptimisation
from orders.services.reoptimisation import Outcome, reoptimise

_SPANS = {1: gettext_lazy("in 24 hours"), 7: gettext_lazy("in 7 days"), 30: gettext_lazy("in 30 days")}


@dataclass(frozen=True, slots=True)
class Saving:
    since: str
    amount: str
    orders: int


@admin.register(Reoptimisation)
class ReoptimisationAdmin(ReadOnlyAdmin):
    list_display = ["at", "orders_shown", "saved_shown", "considered", "by"]
    list_display_links = None
    list_filter = ["created_at", "currency"]
    actions_list = ["plan_again"]
    list_before_template = "orders/admin/savings.html"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {**(extra_context or {}), "savings": savings(now())})

    @display(description=gettext_lazy("changed"), ordering="created_at")
    def at(self, row: Reoptimisation) -> SafeString:
        return instant(row.created_at)

    @display(description=gettext_lazy("orders"))
    def orders_shown(self, row: Reoptimisation) -> SafeString:
        search = reverse("admin:orders_order_changelist")
        ways = ((search, number, number) for number in row.numbers)
        return format_html_join(" ", '<a class="bo-link" href="{}?q={}">#{}</a>', ways)

    @display(description=gettext_lazy("saved"), ordering="saved")
    def saved_shown(self, row: Reoptimisation) -> str:
        return money(row.saved, row.currency)

    @display(description=gettext_lazy("by"), ordering="actor")
    def by(self, row: Reoptimisation) -> str:
        return who(row.actor)

    def has_plan_again_permission(self, request: HttpRequest) -> bool:
        return self.may_act(request)

    @action(description=gettext_lazy("Plan again together now"), permissions=["plan_again"], icon="swap_horiz")
    def plan_again(self, request: HttpRequest) -> HttpResponse:
        return redirect("admin:orders_reoptimisation_again")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.again_view)
        return [path("again/", view, name="orders_reoptimisation_again"), *super().get_urls()]

    def again_view(self, request: HttpRequest) -> HttpResponse:
        require_right(self, request)
        found: list[Outcome] = []
        return action_page(
            request,
            ConfirmForm(request.POST if request.method == "POST" else None),
            lambda: found.append(reoptimise(actor=actor_of(request), as_of=now())),
            title=_("Plan again together"),
            explanation=_(
                "Orders that no place was told of yet may change places where that costs less in all."
                " None comes later than promised."
            ),
            submit=_("Plan again together now"),
            done=lambda: outcome_words(found[0]),
            back=reverse("admin:orders_reoptimisation_changelist"),
        )


def savings(as_of: datetime) -> list[Saving]:
    """What the last days saved, by currency; one row of sums is read for all spans."""
    since = {days: Q(created_at__gte=as_of - timedelta(days=days)) for days in _SPANS}
    moved = Func("numbers", function="cardinality", output_field=IntegerField())
    sums = {f"saved_{days}": Sum("saved", filter=within) for days, within in since.items()}
    sums |= {f"orders_{days}": Sum(moved, filter=within) for days, within in since.items()}
    rows = Reoptimisation.objects.filter(since[max(_SPANS)]).order_by("currency").values("currency").annotate(**sums)
    return [
        Saving(str(words), money(row[f"saved_{days}"], row["currency"]), row[f"orders_{days}"])
        for row in map(dict[str, Any], rows)
        for days, words in _SPANS.items()
        if row[f"orders_{days}"]
    ]


def outcome_words(outcome: Outcome) -> str:
    """What a run did, for whoever asked for it."""
    told = [_swaps(outcome) if outcome.swaps else _nothing(outcome)]
    if outcome.outrun:
        told.append(
            ngettext(
                "%(count)s swap came too late and was left.",
                "%(count)s swaps came too late and were left.",
                outcome.outrun,
            )
            % {"count": outcome.outrun}
        )
    if outcome.left:
        told.append(
            ngettext(
                "%(count)s order that is released later was left for another run.",
                "%(count)s orders that are released later were left for another run.",
                outcome.left,
            )
            % {"count": outcome.left}
        )
    return " ".join(told)


def _swaps(outcome: Outcome) -> str:
    orders = len({changed.number for swap in outcome.swaps for changed in swap.changes})
    saved: dict[str, Decimal] = {}
    for swap in outcome.swaps:
        saved[swap.currency] = saved.get(swap.currency, Decimal(0)) + swap.saved
    return ngettext(
        "%(count)s order changed places; that saves %(amount)s.",
        "%(count)s orders changed places; that saves %(amount)s.",
        orders,
    ) % {"count": orders, "amount": ", ".join(money(amount, currency) for currency, amount in saved.items())}


def _nothing(outcome: Outcome) -> str:
    return ngettext(
        "Nothing to save: %(count)s order was looked at.",
        "Nothing to save: %(count)s orders were looked at.",
        outcome.considered,
    ) % {"count": outcome.considered}
