"""Payment gateways. Every call carries an idempotency key: a repeat of a call charges nothing twice.

A gateway answers within `timeout_seconds` or raises GatewaySilent; then nobody knows what happened, and
`lookup` with the same key tells later.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, Protocol


class GatewaySilent(Exception):
    """No answer in time: the outcome is unknown until `lookup` tells."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`pending`: the shopper or the bank still has to act. `missing`: the gateway never heard of it (lookup only)."""

    status: Literal["succeeded", "declined", "pending", "missing"]
    reference: str = ""
    failure: str = ""


class PaymentGateway(Protocol):
    def authorize(self, *, key: str, token: str, amount: Decimal, currency: str, timeout_seconds: float) -> Answer: ...

    def capture(
        self, *, key: str, reference: str, amount: Decimal, currency: str, timeout_seconds: float
    ) -> Answer: ...

    def void(self, *, key: str, reference: str, timeout_seconds: float) -> Answer: ...

    def refund(self, *, key: str, reference: str, amount: Decimal, currency: str, timeout_seconds: float) -> Answer: ...

    def lookup(self, *, key: str, token: str, timeout_seconds: float) -> Answer:
        """What became of the call with this key."""
        ...


def gateway(name: str) -> PaymentGateway:
    """Errors: KeyError for an unknown name (commands are validated before)."""
    from orders.integrations.payments.sandbox import SandboxGateway

    return {"sandbox": SandboxGateway()}[name]
