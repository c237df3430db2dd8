"""The money of an order, pure: lines, discounts, shipping, taxes, to the cent.

Rules (api.md): a line's discount is for the whole line; order discounts are spread over lines by value,
cents to the largest; rounding half up per line; shipping tax defaults to the highest line rate.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext as _

from oms.errors import FieldError, Invalid
from oms.money import EXPONENTS, ZERO, round_money, spread
from orders.commands import DeliveryGiven, LineGiven, PlaceOrder
from orders.errors import PaymentMismatch, TotalsMismatch


@dataclass(frozen=True, slots=True)
class PricedLine:
    discount: Decimal
    order_discount: Decimal
    tax_amount: Decimal
    total: Decimal


@dataclass(frozen=True, slots=True)
class PricedDelivery:
    price: Decimal
    tax_rate: Decimal
    tax_amount: Decimal


@dataclass(frozen=True, slots=True)
class Priced:
    """Money of an order, in its currency. `lines` and `deliveries` stand in the order given."""

    lines: tuple[PricedLine, ...]
    deliveries: tuple[PricedDelivery, ...]
    items_total: Decimal
    discount_total: Decimal
    shipping_total: Decimal
    tax_total: Decimal
    total: Decimal


def price_order(command: PlaceOrder, deliveries: Sequence[DeliveryGiven]) -> Priced:
    """Errors: Invalid when a discount exceeds what it reduces, TotalsMismatch when a given total is not ours."""
    _check_decimals(command)
    values = _line_values(command)
    order_discount = sum((d.amount for d in command.discounts), ZERO)
    if order_discount > sum(values):
        raise Invalid(
            errors=[FieldError("/discounts", "discount_too_large", _("Discounts exceed the value of the lines"))]
        )
    shares = spread(order_discount, values, command.currency)
    lines = tuple(
        _price_line(command, line, value - share, share)
        for line, value, share in zip(command.lines, values, shares, strict=True)
    )
    highest_rate = max(line.tax_rate for line in command.lines)
    shipping = tuple(_price_delivery(command, given, index, highest_rate) for index, given in enumerate(deliveries))
    priced = _added_up(command, [line.quantity for line in command.lines], lines, shipping)
    if command.total is not None and command.total != priced.total:
        raise TotalsMismatch(total=str(priced.total), given=str(command.total))
    return priced


def price_part(command: PlaceOrder, whole: Priced, units: Sequence[int], delivery_of_line: Sequence[int]) -> Priced:
    """The same order with so many units of each line only: what would be owed had the others been canceled.

    `whole`: its money as ordered. Of a delivery that has nothing left nothing is asked.
    """
    lines = tuple(
        _price_units(command, given, priced, n)
        for given, priced, n in zip(command.lines, whole.lines, units, strict=True)
    )
    begun = {delivery for delivery, n in zip(delivery_of_line, units, strict=True) if n}
    shipping = tuple(
        priced if index in begun else PricedDelivery(ZERO, priced.tax_rate, ZERO)
        for index, priced in enumerate(whole.deliveries)
    )
    return _added_up(command, units, lines, shipping)


def value_of_units(amount: Decimal, units: int, of: int, currency: str) -> Decimal:
    """What so many units of a line come to, of an amount that stands for all of them."""
    return round_money(amount * units / of, currency)


def _price_units(command: PlaceOrder, given: LineGiven, whole: PricedLine, units: int) -> PricedLine:
    """As if the rest of the line were canceled: with tax on top, what is owed is rounded with its tax."""
    total = value_of_units(whole.total, units, given.quantity, command.currency)
    if command.prices_include_tax:
        tax = value_of_units(whole.tax_amount, units, given.quantity, command.currency)
    else:
        tax = value_of_units(whole.total + whole.tax_amount, units, given.quantity, command.currency) - total
    reduced = given.unit_price * units - total
    discount, order_discount = spread(reduced, [whole.discount, whole.order_discount], command.currency)
    return PricedLine(discount=discount, order_discount=order_discount, tax_amount=tax, total=total)


def _added_up(
    command: PlaceOrder, units: Sequence[int], lines: tuple[PricedLine, ...], shipping: tuple[PricedDelivery, ...]
) -> Priced:
    items_total = sum((line.unit_price * n for line, n in zip(command.lines, units, strict=True)), ZERO)
    discount_total = sum((line.discount + line.order_discount for line in lines), ZERO)
    shipping_total = sum((s.price for s in shipping), ZERO)
    tax_total = sum((line.tax_amount for line in lines), ZERO) + sum((s.tax_amount for s in shipping), ZERO)
    total = items_total - discount_total + shipping_total + (ZERO if command.prices_include_tax else tax_total)
    return Priced(lines, shipping, items_total, discount_total, shipping_total, tax_total, total)


def check_payments(command: PlaceOrder, total: Decimal, *, may_come_late: bool) -> None:
    """Errors: PaymentMismatch."""
    paid = sum((payment.amount for payment in command.payments), ZERO)
    if paid != total and not (may_come_late and paid < total):
        raise PaymentMismatch(total=str(total), paid=str(paid))


def _check_decimals(command: PlaceOrder) -> None:
    """A currency without cents takes none (bodies have at most two decimals anyway). Errors: Invalid."""
    if EXPONENTS[command.currency] == 2:
        return
    amounts = [
        *((f"/lines/{index}/unit_price", line.unit_price) for index, line in enumerate(command.lines)),
        *((f"/lines/{index}/discount", line.discount) for index, line in enumerate(command.lines)),
        *((f"/discounts/{index}/amount", discount.amount) for index, discount in enumerate(command.discounts)),
        *((f"/payments/{index}/amount", payment.amount) for index, payment in enumerate(command.payments)),
        *((f"/deliveries/{index}/price", given.price or ZERO) for index, given in enumerate(command.given_deliveries)),
        ("/shipping_price", command.shipping_price or ZERO),
    ]
    faults = [
        FieldError(pointer, "too_many_decimals", _("%(currency)s has no cents") % {"currency": command.currency})
        for pointer, amount in amounts
        if amount != round_money(amount, command.currency)
    ]
    if faults:
        raise Invalid(errors=faults)


def _line_values(command: PlaceOrder) -> list[Decimal]:
    values = []
    for index, line in enumerate(command.lines):
        value = line.unit_price * line.quantity - line.discount
        if value < 0:
            raise Invalid(
                errors=[
                    FieldError(f"/lines/{index}/discount", "discount_too_large", _("The discount exceeds the line"))
                ]
            )
        values.append(value)
    return values


def _price_line(command: PlaceOrder, line: LineGiven, total: Decimal, share: Decimal) -> PricedLine:
    tax = line.tax_amount
    if tax is None:
        tax = _tax(total, line.tax_rate, command)
    elif tax > total:
        pointer = f"/lines/{command.lines.index(line)}/tax_amount"
        raise Invalid(errors=[FieldError(pointer, "tax_too_large", _("The tax exceeds the line"))])
    return PricedLine(discount=line.discount, order_discount=share, tax_amount=tax, total=total)


def _price_delivery(command: PlaceOrder, given: DeliveryGiven, index: int, highest_rate: Decimal) -> PricedDelivery:
    price = given.price
    if price is None:
        price = (command.shipping_price if index == 0 else None) or ZERO
    rate = next(rate for rate in (given.tax_rate, command.shipping_tax_rate, highest_rate) if rate is not None)
    return PricedDelivery(price=price, tax_rate=rate, tax_amount=_tax(price, rate, command))


def _tax(amount: Decimal, rate: Decimal, command: PlaceOrder) -> Decimal:
    """Tax contained in an amount, or on top of it."""
    contained = amount * rate / (1 + rate) if command.prices_include_tax else amount * rate
    return round_money(contained, command.currency)
