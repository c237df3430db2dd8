"""Authorising the payments of a placed order, and finding out later what a silence meant.

The gateway is only ever asked outside a transaction, with an idempotency key that was written first (the
payment's id). A silence makes the payment `unknown`; it is settled by asking again (`lookup`), never by a
second charge.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from oms import deadlines
from oms.actors import CLOCK
from oms.channels import channels
from oms.deadlines import Claimed
from oms.errors import IllegalMove
from oms.sql import Also
from oms.transactions import in_transaction, use_case
from orders.integrations.payments import Answer, GatewaySilent, gateway
from orders.locks import as_placed, lock_order, lock_payments
from orders.models import Fulfillment, Order, Payment
from orders.services import cancellation, holds, release, work
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


def authorize(
    *, order_id: str, channel: str, payments: Sequence[Payment], pieces: Sequence[Fulfillment], as_of: datetime
) -> None:
    """Ask for these payments, then record all answers at once and release the work if money is settled.

    Payments and pieces of work are all that the order has, as they were just written.
    """
    outcomes = [_ask(payment) for payment in payments if payment.gateway != IN_STORE]
    record_authorisation(
        order_id=order_id, channel=channel, outcomes=outcomes, payments=payments, pieces=pieces, as_of=as_of
    )


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


def record_authorisation(
    *,
    order_id: str,
    channel: str,
    outcomes: Sequence[_Outcome],
    payments: Sequence[Payment],
    pieces: Sequence[Fulfillment],
    as_of: datetime,
) -> None:
    if _all_succeeded(payments, outcomes) and _all_due(pieces, as_of=as_of):
        try:
            return _hand_out(order_id, channel, pieces, payments, outcomes, as_of=as_of)
        except IllegalMove:
            pass  # something happened meanwhile: look at what there is
    _record_alone(order_id, outcomes, as_of=as_of)


def _all_succeeded(payments: Sequence[Payment], outcomes: Sequence[_Outcome]) -> bool:
    answers = [outcome.answer for outcome in outcomes]
    return len(answers) == len(payments) > 0 and all(answer and answer.status == "succeeded" for answer in answers)


def _all_due(pieces: Sequence[Fulfillment], *, as_of: datetime) -> bool:
    return bool(pieces) and all(
        (piece.release_at is None or piece.release_at <= as_of) and not release.must_go_elsewhere(piece, as_of)
        for piece in pieces
    )


@use_case
def _hand_out(
    order_id: str,
    channel: str,
    pieces: Sequence[Fulfillment],
    payments: Sequence[Payment],
    outcomes: Sequence[_Outcome],
    *,
    as_of: datetime,
) -> None:
    """What `_record` comes to where nothing is in the way, in one statement.

    Errors: IllegalMove where the order is not as its placement wrote it, in memory and in the database.
    """
    untouched = as_placed(order_id, payments=len(payments), work=[piece.pk for piece in pieces])
    paid = [
        (payment, _authorized(payment, o.answer)) for payment, o in zip(payments, outcomes, strict=True) if o.answer
    ]
    told, change = PAYMENT_MOVES.moved(paid, to=S.AUTHORIZED, actor=CLOCK, as_of=as_of)
    settled = deadlines.dropped([payment.pk for payment in payments], kinds=[_SETTLE], as_of=as_of)
    work.assign(channel, pieces, actor=CLOCK, as_of=as_of, inserts=told, also=[change, settled], provided=untouched)


def _authorized(payment: Payment, answer: Answer) -> dict[str, Any]:
    return {"authorized_amount": payment.amount, "reference": answer.reference}


@use_case
def _record_alone(order_id: str, outcomes: Sequence[_Outcome], *, as_of: datetime) -> None:
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
            **_authorized(payment, answer),
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
