"""Is the money of an order safe enough to work for it? Pure."""

from collections.abc import Iterable

from orders.models import Payment
from orders.states import PaymentStatus as S

IN_STORE = "in_store"
OPEN = frozenset({S.PENDING, S.UNKNOWN})


def is_settled(payments: Iterable[Payment]) -> bool:
    """Authorised, or to be paid in the store; nothing to pay is settled too."""
    return all(payment.gateway == IN_STORE or payment.status not in (*OPEN, S.FAILED, S.VOIDED) for payment in payments)
