"""One order on one screen: everything its template shows, read in a fixed number of statements."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from django.db.models import Field, Prefetch, QuerySet
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from inventory.admin.inbound import expected_words, inbound_name
from inventory.models import Inbound, SupplyPromise
from inventory.queries import place_name
from inventory.services.supply_promises import arrived_for
from oms.backoffice.words import money
from oms.models import Deadline
from orders.admin import badges
from orders.admin.timeline import Entry, timeline
from orders.models import ExceptionCase, Fulfillment, FulfillmentLine, Hold, Order, OrderLine, Payment
from orders.models.order import BUCKETS
from orders.services.waiting import ENDS
from orders.states import BEFORE_PICKING, TAKEN_AWAY, FulfillmentStatus, OrderStatus

_GONE = TAKEN_AWAY | {FulfillmentStatus.EXPIRED}


@dataclass(frozen=True, slots=True)
class Share:
    """Units of a line at one place."""

    quantity: int
    fulfillment: Fulfillment
    place: str
    badge: SafeString


@dataclass(frozen=True, slots=True)
class Awaited:
    """Units of a line that wait for a delivery; None: for the clock to find one. `place`: where they have arrived."""

    quantity: int
    inbound: Inbound | None = None
    name: str = ""
    expected: SafeString | None = None
    place: str = ""


@dataclass(slots=True)
class LineView:
    """`waits_until`: what is back-ordered is canceled then."""

    line: OrderLine
    units: list[tuple[str, int]]
    shares: list[Share] = field(default_factory=list)
    awaited: list[Awaited] = field(default_factory=list)
    waits_until: datetime | None = None
    cancelable: int = 0


@dataclass(frozen=True, slots=True)
class WorkView:
    fulfillment: Fulfillment
    place: str
    badge: SafeString
    due: SafeString
    may_be_rerouted: bool


@dataclass(frozen=True, slots=True)
class PaymentView:
    payment: Payment
    badge: SafeString
    operations: list[tuple[Any, SafeString]]


@dataclass(frozen=True, slots=True)
class OrderPage:
    order: Order
    badge: SafeString
    lines: list[LineView]
    work: list[WorkView]
    payments: list[PaymentView]
    deliveries: list[Any]
    open_holds: list[Hold]
    past_holds: list[Hold]
    open_cases: list[ExceptionCase]
    timeline: list[Entry]
    paid: str
    refunded: str

    @property
    def can_cancel(self) -> bool:
        return any(view.cancelable for view in self.lines)

    @property
    def can_hold(self) -> bool:
        return self.order.status not in (OrderStatus.CANCELED, OrderStatus.CLOSED, OrderStatus.FULFILLED)


def order_page(order: Order) -> OrderPage:
    fulfillments = _fulfillments(order)
    payments = list(order.payments.prefetch_related("operations"))
    holds = list(order.holds.order_by("-placed_at"))
    cases = list(order.exceptions.all())
    subjects = {work.pk: place_name(work.location_id) for work in fulfillments}
    subjects |= {case.pk: place_name(case.location_id) for case in cases if case.location_id}
    return OrderPage(
        order=order,
        badge=badges.order_badge(order),
        lines=line_views(order, fulfillments),
        work=[_work_view(fulfillment) for fulfillment in fulfillments],
        payments=[_payment_view(payment) for payment in payments],
        deliveries=list(order.deliveries.select_related("location")),
        open_holds=[hold for hold in holds if hold.released_at is None],
        past_holds=[hold for hold in holds if hold.released_at],
        open_cases=[case for case in cases if case.status == ExceptionCase.Status.OPEN],
        timeline=timeline(order.pk, places=subjects),
        paid=money(sum(payment.captured_amount for payment in payments), order.currency),
        refunded=money(sum(payment.refunded_amount for payment in payments), order.currency),
    )


def order_address(order_id: str) -> str:
    return reverse("admin:orders_order_change", args=[order_id])


def outcome_of_move(takers: QuerySet[Fulfillment]) -> str:
    """Who has this work now, after a person moved it."""
    heirs = [place_name(code) for code in takers.values_list("location_id", flat=True).distinct()]
    if not heirs:
        return _("No other place can take it: it stands in the exception queue.")
    return _("The work went to %(places)s.") % {"places": ", ".join(heirs)}


def _fulfillments(order: Order) -> list[Fulfillment]:
    lines = Prefetch("lines", FulfillmentLine.objects.order_by("id"))
    return list(order.fulfillments.select_related("shipment").prefetch_related(lines, "packages").order_by("id"))


def line_views(order: Order, fulfillments: Iterable[Fulfillment] | None = None) -> list[LineView]:
    """The lines with where their units are, and how many of them may still be canceled."""
    views = {line.pk: _line_view(line) for line in order.lines.select_related("product").order_by("position")}
    for fulfillment in _fulfillments(order) if fulfillments is None else fulfillments:
        for work in fulfillment.lines.all():
            _add_share(views[work.order_line_id], fulfillment, work)
    _add_awaited({view.line.demand: view for view in views.values() if view.line.backordered})
    return list(views.values())


def _add_awaited(views: Mapping[str, LineView]) -> None:
    if not views:
        return
    promises = SupplyPromise.objects.filter(demand__in=views).select_related("line__inbound__origin")
    for promise in promises.order_by("line__inbound__expected_at", "id"):
        inbound = promise.line.inbound if promise.line else None
        told = (inbound_name(inbound), expected_words(inbound)) if inbound else ("", None)
        views[promise.demand].awaited.append(Awaited(promise.quantity, inbound, *told))
    for held in arrived_for(views):
        views[held.demand].awaited.append(Awaited(held.quantity, place=place_name(held.location)))
    ends = Deadline.objects.filter(kind=ENDS, done_at=None, subject__in=[v.line.delivery_id for v in views.values()])
    until = dict(ends.values_list("subject", "due_at"))
    for view in views.values():
        view.waits_until = until.get(view.line.delivery_id)


def _bucket_word(name: str) -> str:
    return str(cast(Field, OrderLine._meta.get_field(name)).verbose_name)


def _line_view(line: OrderLine) -> LineView:
    units = [(_bucket_word(name), getattr(line, name)) for name in (*BUCKETS, "returned")]
    return LineView(line, [(name, count) for name, count in units if count], cancelable=line.open + line.backordered)


def _add_share(view: LineView, fulfillment: Fulfillment, work: FulfillmentLine) -> None:
    quantity = work.quantity - work.short - work.canceled
    if quantity and fulfillment.status not in _GONE:
        badge = badges.fulfillment_badge(fulfillment)
        view.shares.append(Share(quantity, fulfillment, place_name(fulfillment.location_id), badge))
    if fulfillment.status in BEFORE_PICKING:
        view.cancelable += work.to_pick


def _work_view(fulfillment: Fulfillment) -> WorkView:
    return WorkView(
        fulfillment,
        place_name(fulfillment.location_id),
        badges.fulfillment_badge(fulfillment),
        badges.due_badge(fulfillment),
        fulfillment.status in BEFORE_PICKING and not fulfillment.is_pickup,
    )


def _payment_view(payment: Payment) -> PaymentView:
    operations = sorted(payment.operations.all(), key=lambda operation: operation.created_at)
    return PaymentView(
        payment,
        badges.payment_badge(payment),
        [(operation, badges.operation_badge(operation)) for operation in operations],
    )
