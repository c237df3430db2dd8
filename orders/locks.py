"""The only place where rows of this app get locked: order first, then its payments, then its fulfillments.

Everything that changes an order or its work takes the order's lock first, so two changes of one order never
race; `no_key` because rows that point to the order may be inserted meanwhile.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from django.db.models import Model

from oms.errors import Missing
from oms.sql import Also, read_rows
from oms.transactions import in_transaction
from orders.models import ExceptionCase, Fulfillment, FulfillmentLine, Order, Payment
from orders.states import FulfillmentStatus, OrderStatus

M = TypeVar("M", bound=Model)


@dataclass(slots=True)
class Work:
    """A locked fulfillment with its order and lines, as they are now."""

    order: Order
    fulfillment: Fulfillment
    lines: list[FulfillmentLine]

    @property
    def is_empty(self) -> bool:
        """Nothing of it is picked, or still to pick."""
        return not any(line.picked or line.to_pick for line in self.lines)


@in_transaction
def lock_order(order_id: str) -> Order:
    """Errors: Missing."""
    return _one(read_rows(Order, "WHERE t.id = %s FOR NO KEY UPDATE", [order_id]))


@in_transaction
def lock_order_number(number: int) -> Order:
    """Errors: Missing."""
    return _one(read_rows(Order, "WHERE t.number = %s FOR NO KEY UPDATE", [number]))


@in_transaction
def lock_orders(order_ids: Iterable[str]) -> dict[str, Order]:
    """Those of these that there are, by id, locked in the order of their ids."""
    rows = read_rows(Order, "WHERE t.id = ANY(%s) ORDER BY t.id FOR NO KEY UPDATE", [sorted(order_ids)])
    return {order.pk: order for order in rows}


def _one(found: list[M]) -> M:
    if not found:
        raise Missing()
    return found[0]


@in_transaction
def lock_work(fulfillment_id: str) -> Work:
    """Lock the order of this fulfillment, then the fulfillment. Errors: Missing."""
    order_id = Fulfillment.objects.filter(pk=fulfillment_id).values_list("order_id", flat=True).first()
    if order_id is None:
        raise Missing()
    order = lock_order(order_id)
    (fulfillment,) = read_rows(Fulfillment, "WHERE t.id = %s FOR NO KEY UPDATE", [fulfillment_id])
    lines = list(FulfillmentLine.objects.filter(fulfillment=fulfillment).order_by("id").select_related("order_line"))
    return Work(order, fulfillment, lines)


_AS_PLACED = """
WITH o AS MATERIALIZED (
    SELECT id FROM orders_order WHERE id = %s AND status = %s FOR NO KEY UPDATE
), p AS MATERIALIZED (
    SELECT t.version = 1 AS is_as_placed FROM o JOIN orders_payment t ON t.order_id = o.id
    ORDER BY t.position FOR NO KEY UPDATE OF t
), f AS MATERIALIZED (
    SELECT t.version = 1 AND t.id = ANY(%s) AS is_as_placed FROM o JOIN orders_fulfillment t ON t.order_id = o.id
    WHERE t.status = %s ORDER BY t.id FOR NO KEY UPDATE OF t
)
SELECT (SELECT count(*) = %s::int AND bool_and(is_as_placed) FROM p)
    AND (SELECT count(*) = cardinality(%s::text[]) AND bool_and(is_as_placed) FROM f)"""


def as_placed(order_id: str, *, payments: int, work: Iterable[str]) -> Also:
    """Whether an order is as its placement wrote it: so many payments, and just this work, which no place was told of.

    For the statement that changes it: the order is locked first, then its payments, then the work.
    """
    pieces = list(work)
    return Also(
        _AS_PLACED,
        (order_id, OrderStatus.IN_FULFILLMENT, pieces, FulfillmentStatus.PLANNED, payments, pieces),
    )


@in_transaction
def lock_payments(order: Order) -> Sequence[Payment]:
    """The order's payments in their order; the order is locked already."""
    return read_rows(Payment, "WHERE t.order_id = %s ORDER BY t.position FOR NO KEY UPDATE", [order.pk])


@in_transaction
def lock_planned(order: Order) -> Sequence[Fulfillment]:
    """The order's work that no place was told of yet, in its order; the order is locked already."""
    return lock_planned_of([order.pk])


@in_transaction
def lock_planned_of(order_ids: Iterable[str]) -> Sequence[Fulfillment]:
    """The same of several orders, which are locked already."""
    return _lock_in(order_ids, [FulfillmentStatus.PLANNED])


@in_transaction
def lock_work_in(order: Order, statuses: Sequence[str]) -> Sequence[Fulfillment]:
    """The order's work that stands in one of these, in its order; the order is locked already."""
    return _lock_in([order.pk], statuses)


@in_transaction
def _lock_in(order_ids: Iterable[str], statuses: Sequence[str]) -> Sequence[Fulfillment]:
    standing = "WHERE t.order_id = ANY(%s) AND t.status = ANY(%s) ORDER BY t.id FOR NO KEY UPDATE"
    return read_rows(Fulfillment, standing, [list(order_ids), [*map(str, statuses)]])


@in_transaction
def lock_fulfillments(ids: Iterable[str]) -> Sequence[Fulfillment]:
    """Those of one order, in its order; it is locked already."""
    return read_rows(Fulfillment, "WHERE t.id = ANY(%s) ORDER BY t.id FOR NO KEY UPDATE", [list(ids)])


@in_transaction
def lock_case(case_id: str) -> ExceptionCase:
    """Its order is locked already. Errors: Missing."""
    return _one(read_rows(ExceptionCase, "WHERE t.id = %s FOR NO KEY UPDATE", [case_id]))
