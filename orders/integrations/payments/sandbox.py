"""A gateway without money. What it does is told by the token, as at real providers' test modes:

tok_ok                     authorised at once
tok_declined               declined
tok_pending                pending; authorised when asked again later
tok_timeout                silence, and nothing was booked
tok_timeout_after_success  silence, yet the authorisation was booked
Anything else is declined as an unknown card. References are derived from the key, so a repeat gives the same.
"""

import hashlib
from decimal import Decimal

from orders.integrations.payments import Answer, GatewaySilent


def _reference(key: str) -> str:
    return "sbx_" + hashlib.sha256(key.encode()).hexdigest()[:20]


class SandboxGateway:
    def authorize(self, *, key: str, token: str, amount: Decimal, currency: str, timeout_seconds: float) -> Answer:
        if token in ("tok_timeout", "tok_timeout_after_success"):
            raise GatewaySilent(token)
        if token == "tok_pending":
            return Answer("pending", _reference(key))
        return self.lookup(key=key, token=token, timeout_seconds=timeout_seconds)

    def capture(self, *, key: str, reference: str, amount: Decimal, currency: str, timeout_seconds: float) -> Answer:
        return Answer("succeeded", _reference(key))

    def void(self, *, key: str, reference: str, timeout_seconds: float) -> Answer:
        return Answer("succeeded", _reference(key))

    def refund(self, *, key: str, reference: str, amount: Decimal, currency: str, timeout_seconds: float) -> Answer:
        return Answer("succeeded", _reference(key))

    def lookup(self, *, key: str, token: str, timeout_seconds: float) -> Answer:
        if token in ("tok_ok", "tok_pending", "tok_timeout_after_success"):
            return Answer("succeeded", _reference(key))
        if token == "tok_timeout":
            return Answer("missing")
        return Answer("declined", failure="declined" if token == "tok_declined" else "unknown_token")
