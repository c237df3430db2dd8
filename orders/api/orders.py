"""`orders/`: place, read, change."""

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from inventory.errors import InsufficientStock
from oms import problems
from oms.actors import Caller
from oms.api.body import read
from oms.api.paging import CursorPaging
from oms.api.views import IDEMPOTENCY_KEY, ApiView
from oms.clock import now
from oms.errors import Conflict, DomainError, FieldError, Forbidden, IdempotencyKeyRequired, Invalid, Missing
from oms.idempotency import Once, fingerprint
from oms.models import Event
from orders import queries
from orders.api.documents import BulkResults, CustomerPage360, OrderDocument, OrderPage, Page, TimelinePage
from orders.api.filters import OrderFilter
from orders.api.lists import DocumentList
from orders.commands import (
    AddNote,
    CancelOrder,
    ChangeCustomer,
    HoldOrder,
    PlaceOrder,
    PlaceOrders,
    ReleaseHold,
    Reroute,
)
from orders.errors import NoPlaceLeft, PaymentMismatch, PaymentOpen, PickupPlaceIsChosen, TooLate
from orders.models import Customer, Fulfillment, Order
from orders.services.cancellation import cancel_order
from orders.services.customers import change_customer
from orders.services.holds import hold_order, release_hold
from orders.services.notes import add_note
from orders.services.placement import Placed, place_order
from orders.services.resolution import reroute
from orders.states import LOST, FulfillmentStatus
from routing.api.documents import DecisionDocument, decision_document
from routing.models import Decision

_BULK_LIMIT = 500
NOT_THEIRS = (*LOST, FulfillmentStatus.CANCELED)
_CUSTOMER_FIELDS = ("id", "channel_id", "external_id", "email", "phone", "first_name", "last_name", "tags")


_SHORT = InsufficientStock(
    shortages=[
        {
            "sku": "SKU-1",
            "requested": 20,
            "sellable": 15,
            "alternatives": [{"location": "PARIS", "sellable": 5, "promised_at": "2026-03-05T22:59:00Z"}],
        }
    ]
)


class DecisionPage(Page):
    results: list[DecisionDocument]


def visible_orders(caller: Caller) -> QuerySet[Order]:
    """A key bound to a channel sees that channel's orders; one bound to places, orders they work on or served."""
    orders = Order.objects.all()
    if caller.channel is not None:
        orders = orders.filter(channel_id=caller.channel)
    if caller.locations is not None:
        orders = orders.filter(
            fulfillments__in=Fulfillment.objects.filter(location_id__in=caller.locations).exclude(status__in=NOT_THEIRS)
        ).distinct()
    return orders


def check_sells_here(command: PlaceOrder, caller: Caller) -> None:
    """A key bound to places sells only there. Errors: Forbidden."""
    if caller.locations is not None and not caller.sees(command.placed_at_location):
        raise Forbidden(_("this key may only place orders at its own places (placed_at_location)"))


class Orders(DocumentList):
    scopes = {"GET": "orders:read", "POST": "orders:write"}
    refusals = {"POST": [IdempotencyKeyRequired(), _SHORT, PaymentMismatch(total="37.70", paid="30.00")]}
    filter_class = OrderFilter
    documents = staticmethod(queries.order_documents)
    visible = staticmethod(visible_orders)

    @extend_schema(responses={200: OrderPage}, filters=True, operation_id="orders_list")
    def get(self, request: Request) -> Response:
        return super().get(request)

    @extend_schema(
        request=PlaceOrder,
        responses={201: OrderDocument},
        parameters=[IDEMPOTENCY_KEY],
        operation_id="orders_place",
    )
    def post(self, request: Request) -> Response:
        """Place an order: 201 with the order, or 409 `insufficient_stock` and nothing is kept."""
        command = self.body(PlaceOrder)
        self.check_channel(command.channel)
        check_sells_here(command, self.caller)
        given = self.once("orders", required=command.external_id is None)
        placed = _place(command, given, fingerprint(request.data), self.caller)
        headers = {"Idempotency-Replayed": "true"} if placed.is_replay else {}
        return Response(queries.order_document(placed.order_id, caller=self.caller), status=201, headers=headers)


def _place(command: PlaceOrder, given: Once | None, body: bytes, caller: Caller) -> Placed:
    once = Once(given.scope, given.key, body) if given else Once("", "", body)
    return place_order(command=command, once=once, has_key=given is not None, actor=caller.actor, as_of=now())


class BulkOrders(ApiView):
    scopes = {"POST": "orders:write"}

    @extend_schema(request=PlaceOrders, responses={200: BulkResults}, operation_id="orders_place_bulk")
    def post(self, request: Request) -> Response:
        """Up to 500 orders, each answered by itself; each needs an `external_id`."""
        rows = request.data
        if not isinstance(rows, list) or len(rows) > _BULK_LIMIT:
            raise Invalid(
                errors=[
                    FieldError(
                        "/",
                        "not_a_short_list",
                        _("A list of at most %(limit)s orders is needed") % {"limit": _BULK_LIMIT},
                    )
                ]
            )
        return Response({"results": [self._one(index, row) for index, row in enumerate(rows)]})

    def _one(self, index: int, row: Any) -> dict[str, Any]:
        try:
            command = read(PlaceOrder, row)
            if command.external_id is None:
                raise Invalid(errors=[FieldError("/external_id", "required", _("Orders in bulk need an external id"))])
            self.check_channel(command.channel)
            check_sells_here(command, self.caller)
            placed = _place(command, None, fingerprint(row), self.caller)
        except DomainError as error:
            problem = problems.of_error(error, instance=self.request.path)
            return {"index": index, "status": problem["status"], "code": problem["code"], "problem": problem}
        return {"index": index, "status": 201, "order": queries.order_document(placed.order_id, caller=self.caller)}


class OrderView(ApiView):
    """One order that this caller may see."""

    def order_id(self, number: int) -> str:
        order_id = visible_orders(self.caller).filter(number=number).values_list("pk", flat=True).first()
        if order_id is None:
            raise Missing()
        return order_id

    def answer(self, order_id: str) -> Response:
        return Response(queries.order_document(order_id, caller=self.caller))


class OneOrder(OrderView):
    scopes = {"GET": "orders:read"}

    @extend_schema(responses={200: OrderDocument}, operation_id="orders_read")
    def get(self, request: Request, number: int) -> Response:
        return self.answer(self.order_id(number))


class Timeline(OrderView):
    scopes = {"GET": "orders:read"}

    @extend_schema(responses={200: TimelinePage}, operation_id="orders_timeline")
    def get(self, request: Request, number: int) -> Response:
        """Everything that happened, oldest first, with who did it and why."""
        events = Event.objects.filter(root=self.order_id(number)).values(
            "id", "type", "subject", "actor", "occurred_at", "payload"
        )
        paging = CursorPaging()
        self.cursor_ordering = ("id",)
        page = paging.paginate_queryset(events, request, view=self) or []
        return paging.get_paginated_response([{k: v for k, v in event.items() if k != "id"} for event in page])


class OrderAction(OrderView):
    """A change of one order: `act` gets the checked command and returns the order's id."""

    scopes = {"POST": "orders:write"}
    command: type[Any]
    act: Callable[..., str]

    def post(self, request: Request, number: int) -> Response:
        self.order_id(number)
        if self.caller.locations is not None:
            raise Forbidden(_("a place works on its fulfillments; the order itself is not its to change"))
        once = self.once(f"orders.{type(self).__name__}", required=False)
        order_id = type(self).act(
            number=number, command=self.body(self.command), actor=self.caller.actor, as_of=now(), once=once
        )
        document = queries.order_document(order_id, caller=self.caller)
        return Response(document, headers=self.replay_headers(once))


class Cancel(OrderAction):
    refusals = {"POST": [TooLate(lines=[{"id": "l1", "cancelable": 0}])]}
    command = CancelOrder
    act = staticmethod(cancel_order)

    @extend_schema(
        request=CancelOrder, responses={200: OrderDocument}, operation_id="orders_cancel", parameters=[IDEMPOTENCY_KEY]
    )
    def post(self, request: Request, number: int) -> Response:
        """Cancel all that is left, or some units, until their preparation has begun."""
        return super().post(request, number)


class HoldView(OrderAction):
    refusals = {"POST": [Conflict(gettext_lazy("a hold of this kind is open"))]}
    command = HoldOrder
    act = staticmethod(hold_order)

    @extend_schema(request=HoldOrder, responses={200: OrderDocument}, operation_id="orders_hold")
    def post(self, request: Request, number: int) -> Response:
        return super().post(request, number)


class Release(OrderAction):
    refusals = {"POST": [Conflict(gettext_lazy("the order is not on hold")), PaymentOpen()]}
    command = ReleaseHold
    act = staticmethod(release_hold)

    @extend_schema(request=ReleaseHold, responses={200: OrderDocument}, operation_id="orders_release")
    def post(self, request: Request, number: int) -> Response:
        return super().post(request, number)


class RerouteView(OrderAction):
    refusals = {"POST": [NoPlaceLeft(rest=[{"sku": "SKU-1", "quantity": 2}]), PickupPlaceIsChosen()]}
    command = Reroute
    act = staticmethod(reroute)

    @extend_schema(request=Reroute, responses={200: OrderDocument}, operation_id="orders_reroute")
    def post(self, request: Request, number: int) -> Response:
        return super().post(request, number)


class Notes(OrderAction):
    command = AddNote
    act = staticmethod(add_note)

    @extend_schema(request=AddNote, responses={200: OrderDocument}, operation_id="orders_note")
    def post(self, request: Request, number: int) -> Response:
        """Write a note into the timeline."""
        return super().post(request, number)


class Decisions(OrderView):
    scopes = {"GET": "orders:read"}

    @extend_schema(responses={200: DecisionPage}, operation_id="orders_decisions")
    def get(self, request: Request, number: int) -> Response:
        """Why here? Every routing decision of this order, newest first."""
        if self.caller.locations is not None:
            raise Missing()  # a decision tells about all places
        decisions = Decision.objects.filter(subject=self.order_id(number))
        paging = CursorPaging()
        page = paging.paginate_queryset(decisions, request, view=self) or []
        return paging.get_paginated_response([decision_document(decision) for decision in page])


class OneCustomer(ApiView):
    scopes = {"GET": "orders:read", "PATCH": "orders:write"}

    @extend_schema(responses={200: CustomerPage360}, operation_id="customers_read")
    def get(self, request: Request, customer_id: str) -> Response:
        """A customer with their latest orders."""
        return Response(self._page(customer_id))

    @extend_schema(request=ChangeCustomer, responses={200: CustomerPage360}, operation_id="customers_partial_update")
    def patch(self, request: Request, customer_id: str) -> Response:
        """Replace the tags of a customer; orders that are placed from now on are planned with them."""
        self._page(customer_id)  # who may not see it may not change it
        change_customer(customer_id=customer_id, command=self.body(ChangeCustomer))
        return Response(self._page(customer_id))

    def _page(self, customer_id: str) -> dict[str, Any]:
        """Errors: Missing."""
        customers = Customer.objects.filter(pk=customer_id)
        if self.caller.channel is not None:
            customers = customers.filter(channel_id=self.caller.channel)
        if self.caller.locations is not None:
            raise Missing()
        customer: dict[str, Any] | None = customers.values(*_CUSTOMER_FIELDS).first()
        if customer is None:
            raise Missing()
        customer["channel"] = customer.pop("channel_id")
        latest = Order.objects.filter(customer_id=customer_id).order_by("-placed_at").values_list("pk", flat=True)[:50]
        return {**customer, "orders": queries.order_documents(list(latest), caller=self.caller)}
