"""Money is a Decimal with its currency beside it. Rounding is half up, per line."""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.db import models

# ISO 4217 currencies we accept, by number of decimals. Three-decimal ones do not fit our columns.
EXPONENTS = {
    **dict.fromkeys(
        ["EUR", "USD", "GBP", "CHF", "CAD", "AUD", "NZD", "SEK", "NOK", "DKK", "PLN", "CZK", "HUF", "RON", "BGN"], 2
    ),
    **dict.fromkeys(["TRY", "MAD", "BRL", "MXN", "ZAR", "INR", "CNY", "HKD", "SGD", "AED", "SAR", "ILS", "THB"], 2),
    **dict.fromkeys(["JPY", "KRW", "XOF", "XAF", "XPF", "CLP", "VND", "ISK"], 0),
}
ZERO = Decimal(0)


def round_money(amount: Decimal, currency: str) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(-EXPONENTS[currency]), ROUND_HALF_UP)


def spread(amount: Decimal, weights: Sequence[Decimal], currency: str) -> list[Decimal]:
    """Split `amount` in proportion to `weights`; the cents left over by rounding go to the largest weight.

    Shape:  one share per weight; their sum is exactly `amount`. All weights zero: the first takes all.
    No share is negative, and as long as `amount` is at most the sum of the weights none exceeds its weight:
    what the largest cannot take, the next largest takes.
    """
    if not weights:
        return []
    total = sum(weights)
    if not total:
        return [amount, *([ZERO] * (len(weights) - 1))]
    shares = [round_money(amount * weight / total, currency) for weight in weights]
    left = amount - sum(shares)
    for i in sorted(range(len(weights)), key=lambda i: -weights[i]):
        most = weights[i] if amount <= total else amount
        corrected = min(max(shares[i] + left, ZERO), most)
        left -= corrected - shares[i]
        shares[i] = corrected
    return shares


class MoneyField(models.DecimalField):
    """numeric(14,2) where nothing else is said; the currency stands in the row or in its parent."""

    def __init__(self, **kwargs: Any):
        kwargs.setdefault("max_digits", 14)
        kwargs.setdefault("decimal_places", 2)
        super().__init__(**kwargs)


class CurrencyField(models.CharField):
    def __init__(self, **kwargs: Any):
        kwargs.setdefault("max_length", 3)
        super().__init__(**kwargs)
