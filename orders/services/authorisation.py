"""Authorising the payments of a placed order, and finding out later what a silence meant.

The gateway is only ever asked outside a transaction, with an idempotency key that was written first (the
payment's id). A silence makes the payment `unknown`; it is settled by asking again (`lookup`), never by a
second charge.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from oms import deadlines
from oms.actors import CLOCK
from oms.channels import channels
from oms.deadlines import Claimed
from oms.sql import Also
from oms.transactions import in_transaction, use_case
from orders.integrations.payments import Answer, GatewaySilent, gateway
from orders.locks import lock_order, lock_payments
from orders.models import Order, Payment
from orders.services import cancellation, holds, release
from orders.services import payments as money
from orders.settlement import IN_STORE, OPEN, is_settled
from orders.states import PAYMENT_MOVES, HoldKind, OrderStatus, PaymentStatus

S = PaymentStatus
_SETTLE = "orders.settle_payment"
_ASK_AGAIN_AFTER = timedelta(seconds=20)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What the gateway said; `answer` None = silence."""

    payment_id: str
    answer: Answer | None


def authorize(*, order_id: str, payments: Sequence[Payment], as_of: datetime) -> None:
    """Ask for these payments, just written, then record all answers at once and release the work if money is settled."""
    outcomes = [_ask(payment) for payment in payments if payment.gateway != IN_STORE]
    record_authorisation(order_id=order_id, outcomes=outcomes, as_of=as_of)


def _ask(payment: Payment) -> _Outcome:
    try:
        answer = gateway(payment.gateway).authorize(
            key=payment.pk,
            token=payment.token,
            amount=payment.amount,
            currency=payment.currency,
            timeout_seconds=settings.PAYMENT_TIMEOUT_SECONDS,
        )
    except GatewaySilent:
        answer = None
    return _Outcome(payment.pk, answer)


@use_case
def record_authorisation(*, order_id: str, outcomes: Sequence[_Outcome], as_of: datetime) -> None:
    _record(order_id, outcomes, as_of=as_of)


@in_transaction
def _record(order_id: str, outcomes: Sequence[_Outcome], *, as_of: datetime) -> None:
    order = lock_order(order_id)
    payments = lock_payments(order)
    answers = {outcome.payment_id: outcome.answer for outcome in outcomes}
    for payment in payments:
        if payment.pk in answers and payment.status in OPEN:
            _apply(payment, answers[payment.pk], as_of=as_of)
    if in_store := [payment.pk for payment in payments if payment.gateway == IN_STORE]:
        deadlines.drop(in_store, as_of=as_of, kinds=[_SETTLE])
    _follow_up(order, payments, as_of=as_of)


@in_transaction
def _apply(payment: Payment, answer: Answer | None, *, as_of: datetime) -> None:
    if answer is None:
        if payment.status == S.PENDING:
            PAYMENT_MOVES.move(payment, to=S.UNKNOWN, actor=CLOCK, as_of=as_of)
    elif answer.status == "succeeded":
        PAYMENT_MOVES.move(
            payment,
            to=S.AUTHORIZED,
            actor=CLOCK,
            as_of=as_of,
            also=[_nothing_to_settle(payment, as_of=as_of)],
            authorized_amount=payment.amount,
            reference=answer.reference,
        )
    elif answer.status in ("declined", "missing"):
        failure = answer.failure or answer.status
        also = [_nothing_to_settle(payment, as_of=as_of)]
        PAYMENT_MOVES.move(payment, to=S.FAILED, actor=CLOCK, as_of=as_of, why=failure, failure=failure, also=also)


def _nothing_to_settle(payment: Payment, *, as_of: datetime) -> Also:
    return deadlines.dropped([payment.pk], kinds=[_SETTLE], as_of=as_of)


@in_transaction
def _follow_up(order: Order, payments: Sequence[Payment], *, as_of: datetime) -> None:
    """What the payments' states mean for the order: work is released, waits, or is given up."""
    channel = channels()[order.channel_id]
    if order.status == OrderStatus.CANCELED:
        money.void_rest(order, cause=order.pk, as_of=as_of)
    elif is_settled(payments):
        if order.status == OrderStatus.ON_HOLD:
            holds.release_kind(order, HoldKind.PAYMENT, actor=CLOCK, as_of=as_of)
        release.release_work(order, actor=CLOCK, as_of=as_of, payments=payments)
    elif any(payment.status == S.FAILED for payment in payments) and channel.on_payment_failure == "cancel":
        cancellation.cancel_everything(order, reason="payment_failed", actor=CLOCK, as_of=as_of)
    else:
        holds.place(
            order,
            HoldKind.PAYMENT,
            actor=CLOCK,
            as_of=as_of,
            expires_at=order.placed_at + timedelta(minutes=channel.payment_hold_minutes),
        )


def on_settle_payment(deadline: Claimed, as_of: datetime) -> None:
    """A placement was cut off, or the gateway was silent or undecided: find out what became of the authorisation."""
    payment = Payment.objects.get(pk=deadline.subject)
    outcomes = []
    if payment.gateway != IN_STORE and payment.status in OPEN:
        outcomes = [_reconcile(payment)]
    _settle(deadline, payment, outcomes, as_of=as_of)


def _reconcile(payment: Payment) -> _Outcome:
    try:
        answer = gateway(payment.gateway).lookup(
            key=payment.pk, token=payment.token, timeout_seconds=settings.PAYMENT_TIMEOUT_SECONDS
        )
    except GatewaySilent:
        return _Outcome(payment.pk, None)
    if answer.status == "missing" and payment.status == S.PENDING:
        return _ask(payment)  # it was never asked; the same key makes a late twin harmless
    return _Outcome(payment.pk, answer)


@use_case
def _settle(deadline: Claimed, payment: Payment, outcomes: Sequence[_Outcome], *, as_of: datetime) -> None:
    lock_order(payment.order_id)
    deadlines.finish(deadline)  # before an outcome drops it
    _record(payment.order_id, outcomes, as_of=as_of)
    undecided = [o for o in outcomes if o.answer is None or o.answer.status == "pending"]
    if undecided:
        deadlines.retime(_SETTLE, payment.pk, as_of + _ASK_AGAIN_AFTER, as_of=as_of)
