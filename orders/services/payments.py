"""Money after authorisation: captured as parcels leave, voided or refunded when they do not.

An operation is written first, in the transaction of its cause; the clock then carries it out, outside any
transaction, with the operation's id as idempotency key, until the gateway has answered.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from oms import deadlines
from oms.actors import CLOCK
from oms.deadlines import Claimed, Due
from oms.errors import Conflict, Missing
from oms.ids import new_id
from oms.money import ZERO
from oms.outbox import Fact, publish
from oms.transactions import in_transaction, use_case
from orders.integrations.payments import Answer, gateway
from orders.locks import lock_order, lock_payments
from orders.models import Delivery, Order, OrderLine, Payment, PaymentOperation
from orders.pricing import value_of_units
from orders.settlement import IN_STORE, OPEN
from orders.states import PAYMENT_MOVES, PaymentStatus

S = PaymentStatus
Kind = PaymentOperation.Kind
_PAID_IN_STORE = (S.PENDING, S.PARTIALLY_CAPTURED)
_WITH_MONEY_LEFT = frozenset({S.AUTHORIZED, S.PARTIALLY_CAPTURED, S.PARTIALLY_REFUNDED, S.REFUNDED})


@in_transaction
def capture_for(order: Order, *, cause: str, actor: str, as_of: datetime) -> None:
    """Collect what is due for everything that has left by now, less what was asked for before.

    The sum is computed over the whole order, so cents never drift: after the last parcel exactly the
    value of what was sent is captured. Payments are used in their order.
    """
    payments = lock_payments(order)
    due = value_of_gone(order) - _captured_or_asked(payments)
    asked = _asked_by_payment(payments)
    for payment in payments:
        if due <= 0:
            return
        if payment.gateway == IN_STORE and payment.status in _PAID_IN_STORE:
            amount = min(due, payment.amount - payment.captured_amount)
            _pay_in_store(order, payment, amount, actor=actor, as_of=as_of)
        elif payment.status in _WITH_MONEY_LEFT:
            amount = min(due, payment.authorized_amount - asked[payment.pk])
            if amount > 0:
                _order_operation(payment, Kind.CAPTURE, amount, cause=cause, as_of=as_of)
        else:
            continue
        due -= amount


@in_transaction
def _pay_in_store(order: Order, payment: Payment, amount: Decimal, *, actor: str, as_of: datetime) -> None:
    """The shopper pays for what they take along; the rest is paid when it is collected, too."""
    captured = payment.captured_amount + amount
    to = S.CAPTURED if captured == payment.amount or not _is_waiting(order) else S.PARTIALLY_CAPTURED
    values = {"authorized_amount": captured, "captured_amount": captured}
    PAYMENT_MOVES.move_all([(payment, values)], to=to, actor=actor, as_of=as_of)


def _is_waiting(order: Order) -> bool:
    """Whether units are still to leave."""
    lines = OrderLine.objects.filter(order=order)
    return any(line.quantity > line.shipped + line.delivered + line.collected + line.canceled for line in lines)


def value_of_gone(order: Order) -> Decimal:
    """What the shopper owes for units that left or were collected, with shipping once its delivery has begun."""
    lines = list(OrderLine.objects.filter(order=order))
    value = ZERO
    begun = set()
    for line in lines:
        gone = line.shipped + line.delivered + line.collected
        if gone:
            begun.add(line.delivery_id)
            gross = line.total + (ZERO if order.prices_include_tax else line.tax_amount)
            value += value_of_units(gross, gone, line.accepted, order.currency)
    for delivery in Delivery.objects.filter(pk__in=begun):
        value += delivery.price + (ZERO if order.prices_include_tax else delivery.tax_amount)
    return value


def _asked_by_payment(payments: Sequence[Payment]) -> dict[str, Decimal]:
    """Per payment, what was captured or is being captured."""
    asked = {payment.pk: payment.captured_amount for payment in payments}
    for operation in PaymentOperation.objects.filter(
        payment__in=payments, kind=Kind.CAPTURE, status=PaymentOperation.Status.PENDING
    ):
        asked[operation.payment_id] += operation.amount
    return asked


def _captured_or_asked(payments: Sequence[Payment]) -> Decimal:
    return sum(_asked_by_payment(payments).values(), ZERO)


@in_transaction
def void_rest(order: Order, *, cause: str, as_of: datetime) -> None:
    """Nothing more will leave: give back authorisations that were not used at all, known or still in doubt."""
    payments = lock_payments(order)
    asked = _asked_by_payment(payments)
    for payment in payments:
        if payment.gateway == IN_STORE and payment.status == S.PENDING:
            PAYMENT_MOVES.move(payment, to=S.VOIDED, actor=CLOCK, as_of=as_of, why="order canceled")
        elif payment.gateway == IN_STORE and payment.status == S.PARTIALLY_CAPTURED:
            PAYMENT_MOVES.move(payment, to=S.CAPTURED, actor=CLOCK, as_of=as_of)
        elif payment.status in (S.AUTHORIZED, *OPEN) and not asked[payment.pk]:
            _order_operation(payment, Kind.VOID, payment.amount, cause=cause, as_of=as_of)


@in_transaction
def _order_operation(payment: Payment, kind: str, amount: Decimal, *, cause: str, as_of: datetime) -> None:
    """Write the operation down, once per cause unless it was declined; the clock carries it out. The order is locked."""
    if _undeclined(payment, kind, cause).exists():
        return
    operation = PaymentOperation.objects.create(
        id=new_id("pop"), payment=payment, kind=kind, cause=cause, amount=amount, created_at=as_of
    )
    deadlines.schedule([Due("orders.payment_operation", operation.pk, as_of)])


def _undeclined(payment: Payment, kind: str, cause: str) -> QuerySet[PaymentOperation]:
    same = PaymentOperation.objects.filter(payment=payment, kind=kind, cause=cause)
    return same.exclude(status=PaymentOperation.Status.FAILED)


@use_case
def try_again(*, payment_id: str, actor: str, as_of: datetime) -> None:
    """Ask the gateway once more for what it declined, as far as it is still wanted.

    Errors: Missing, Conflict (nothing was declined, or it was asked again, or is no longer possible).
    """
    order_id = Payment.objects.filter(pk=payment_id).values_list("order_id", flat=True).first()
    if order_id is None:
        raise Missing()
    payments = lock_payments(lock_order(order_id))
    payment = next(payment for payment in payments if payment.pk == payment_id)
    asked = []
    for declined in payment.operations.filter(status=PaymentOperation.Status.FAILED).order_by("id"):
        amount = min(declined.amount, _still_possible(payment, declined.kind))
        if amount > 0 and not _undeclined(payment, declined.kind, declined.cause).exists():
            _order_operation(payment, declined.kind, amount, cause=declined.cause, as_of=as_of)
            asked.append(declined.kind)
    if not asked:
        raise Conflict(_("nothing is left to ask the gateway again"))
    publish([Fact("orders.payment.asked_again", payment.pk, order_id, actor, {"kinds": asked})], as_of=as_of)


def _still_possible(payment: Payment, kind: str) -> Decimal:
    """How much of this kind the gateway could still grant."""
    taken = _asked_by_payment([payment])[payment.pk]
    if kind == Kind.VOID:
        unused = payment.status in (S.AUTHORIZED, *OPEN) and not taken
        return payment.amount if unused else ZERO
    if kind == Kind.CAPTURE:
        return payment.authorized_amount - taken if payment.status in _WITH_MONEY_LEFT else ZERO
    waiting = payment.operations.filter(kind=Kind.REFUND, status=PaymentOperation.Status.PENDING)
    asked = sum(waiting.values_list("amount", flat=True), ZERO)
    return payment.captured_amount - payment.refunded_amount - asked


def on_payment_operation(deadline: Claimed, as_of: datetime) -> None:
    """Carry out a capture, void or refund. A silence raises, and the clock tries again with the same key."""
    operation = PaymentOperation.objects.select_related("payment").get(pk=deadline.subject)
    answer = None
    if operation.status == PaymentOperation.Status.PENDING:
        answer = _carry_out(operation)
    _record_operation(deadline, answer, as_of=as_of)


def _carry_out(operation: PaymentOperation) -> Answer:
    payment = operation.payment
    desk = gateway(payment.gateway)
    call: dict[str, Any] = {
        "key": operation.pk,
        "reference": payment.reference,
        "timeout_seconds": settings.PAYMENT_TIMEOUT_SECONDS,
    }
    if operation.kind == Kind.VOID:
        return desk.void(**call)
    money: dict[str, Any] = {"amount": operation.amount, "currency": payment.currency}
    return desk.capture(**call, **money) if operation.kind == Kind.CAPTURE else desk.refund(**call, **money)


@use_case
def _record_operation(deadline: Claimed, answer: Answer | None, *, as_of: datetime) -> None:
    operation = PaymentOperation.objects.select_related("payment").get(pk=deadline.subject)
    order = lock_order(operation.payment.order_id)
    payment = next(payment for payment in lock_payments(order) if payment.pk == operation.payment_id)
    operation = PaymentOperation.objects.get(pk=operation.pk)
    if answer and operation.status == PaymentOperation.Status.PENDING:
        _apply_operation(operation, payment, answer, as_of=as_of)
    deadlines.finish(deadline)


@in_transaction
def _apply_operation(operation: PaymentOperation, payment: Payment, answer: Answer, *, as_of: datetime) -> None:
    succeeded = answer.status == "succeeded"
    operation.status = PaymentOperation.Status.SUCCEEDED if succeeded else PaymentOperation.Status.FAILED
    operation.reference, operation.failure, operation.settled_at = answer.reference, answer.failure, as_of
    operation.save(update_fields=["status", "reference", "failure", "settled_at"])
    if not succeeded:
        publish(
            [
                Fact(
                    "orders.payment.operation_failed",
                    payment.pk,
                    payment.order_id,
                    CLOCK,
                    {"kind": operation.kind, "why": answer.failure},
                )
            ],
            as_of=as_of,
        )
        return
    if payment.status in PAYMENT_MOVES.final:
        return  # settled otherwise meanwhile: a failed authorisation needs no void
    to, values = _after(operation, payment)
    facts = {"amount": str(operation.amount), "currency": payment.currency, "cause": operation.cause}
    PAYMENT_MOVES.move_all([(payment, values)], to=to, actor=CLOCK, as_of=as_of, facts=facts)


def _after(operation: PaymentOperation, payment: Payment) -> tuple[str, dict[str, Decimal]]:
    """Where a payment stands after this operation, and its new sums."""
    if operation.kind == Kind.VOID:
        return S.VOIDED, {}
    if operation.kind == Kind.CAPTURE:
        captured = payment.captured_amount + operation.amount
        to = S.CAPTURED if captured == payment.authorized_amount else S.PARTIALLY_CAPTURED
        return to, {"captured_amount": captured}
    refunded = payment.refunded_amount + operation.amount
    to = S.REFUNDED if refunded == payment.captured_amount else S.PARTIALLY_REFUNDED
    return to, {"refunded_amount": refunded}
