"""The money of an order, held against integers and fractions."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from oms.errors import Invalid
from orders.commands import PlaceOrder
from orders.errors import PaymentMismatch, TotalsMismatch
from orders.pricing import Priced, check_payments, price_order, price_part

RATES = ["0", "0.021", "0.055", "0.10", "0.20", "0.25"]


def command(lines: list[dict[str, Any]], **values: Any) -> PlaceOrder:
    body = {
        "channel": "web",
        "currency": "EUR",
        "customer": {"email": "a@example.org"},
        "delivery": {"method": "ship"},
        "lines": [{"id": f"l{i}", "sku": "A", **line} for i, line in enumerate(lines)],
    }
    return PlaceOrder.model_validate(body | values)


def price(lines: list[dict[str, Any]], **values: Any) -> Priced:
    order = command(lines, **values)
    return price_order(order, order.deliveries or (order.delivery,))


def half_up(amount: Fraction) -> int:
    return int(amount + Fraction(1, 2))


def cents(amount: Decimal) -> int:
    found = amount * 100
    assert found == int(found)
    return int(found)


def money(number: int) -> str:
    return f"{number // 100}.{number % 100:02}"


@st.composite
def lines_in_cents(draw: Any) -> list[dict[str, Any]]:
    found = []
    for _ in range(draw(st.integers(1, 12))):
        unit, quantity = draw(st.integers(0, 500_00)), draw(st.integers(1, 20))
        discount = draw(st.integers(0, unit * quantity))
        found.append({"unit": unit, "quantity": quantity, "discount": discount, "rate": draw(st.sampled_from(RATES))})
    return found


@given(
    lines=lines_in_cents(),
    order_discounts=st.lists(st.integers(0, 50_00), max_size=3),
    shipping=st.integers(0, 20_00),
    includes_tax=st.booleans(),
)
def test_an_order_adds_up_to_the_cent(
    lines: list[dict[str, Any]], order_discounts: list[int], shipping: int, includes_tax: bool
) -> None:
    values = [line["unit"] * line["quantity"] - line["discount"] for line in lines]
    assume(sum(order_discounts) <= sum(values))

    priced = price(
        [
            {
                "unit_price": money(line["unit"]),
                "quantity": line["quantity"],
                "discount": money(line["discount"]),
                "tax_rate": line["rate"],
            }
            for line in lines
        ],
        discounts=[{"amount": money(amount)} for amount in order_discounts],
        shipping_price=money(shipping),
        prices_include_tax=includes_tax,
    )

    # Shares of the order's discounts: they make it up, and no line gets more than it is worth.
    shares = [cents(line.order_discount) for line in priced.lines]
    assert sum(shares) == sum(order_discounts)
    assert all(0 <= share <= value for share, value in zip(shares, values, strict=True))
    totals = [value - share for value, share in zip(values, shares, strict=True)]
    assert [cents(line.total) for line in priced.lines] == totals
    # Taxes: per line, half up, from what is left of the line; shipping at the highest rate.
    rates = [Fraction(line["rate"]) for line in lines]
    taxed = [*zip(totals, rates, strict=True), (shipping, max(rates))]
    taxes = [half_up(amount * rate / (1 + rate) if includes_tax else amount * rate) for amount, rate in taxed]
    assert [cents(line.tax_amount) for line in priced.lines] == taxes[:-1]
    assert cents(priced.deliveries[0].tax_amount) == taxes[-1]
    assert cents(priced.tax_total) == sum(taxes)
    # The whole.
    assert cents(priced.items_total) == sum(line["unit"] * line["quantity"] for line in lines)
    assert cents(priced.discount_total) == sum(line["discount"] for line in lines) + sum(order_discounts)
    assert cents(priced.total) == sum(totals) + shipping + (0 if includes_tax else sum(taxes))


def test_the_example_of_the_api_document() -> None:
    # 2 × 19.90 − 2.00 − 5.00 = 32.80, and 4.90 for shipping
    priced = price(
        [{"unit_price": "19.90", "quantity": 2, "discount": "2.00", "tax_rate": "0.20"}],
        discounts=[{"code": "HELLO", "amount": "5.00"}],
        shipping_price="4.90",
    )

    assert str(priced.total) == "37.70"
    assert [str(line.tax_amount) for line in priced.lines] == ["5.47"]  # 32.80 / 6 = 5.4666…
    assert str(priced.deliveries[0].tax_amount) == "0.82"  # 4.90 / 6 = 0.8166…
    assert str(priced.tax_total) == "6.29"


def test_half_a_cent_of_tax_is_rounded_up() -> None:
    priced = price([{"unit_price": "0.10", "quantity": 1, "tax_rate": "0.05"}], prices_include_tax=False)

    assert (str(priced.tax_total), str(priced.total)) == ("0.01", "0.11")


def test_a_tax_that_is_given_is_taken_as_it_is() -> None:
    priced = price([{"unit_price": "10.00", "quantity": 1, "tax_rate": "0.20", "tax_amount": "1.66"}])

    assert str(priced.tax_total) == "1.66"


def test_each_delivery_has_its_price_and_rate() -> None:
    deliveries = [
        {"id": "d1", "method": "ship", "price": "6.00", "tax_rate": "0.10", "lines": ["l0"]},
        {"id": "d2", "method": "ship", "price": "3.00", "lines": ["l1"]},
    ]
    lines = [{"unit_price": "10.00", "quantity": 1, "tax_rate": rate} for rate in ("0.055", "0.20")]
    priced = price(lines, delivery=None, deliveries=deliveries, prices_include_tax=False)

    assert [str(delivery.tax_amount) for delivery in priced.deliveries] == ["0.60", "0.60"]
    assert str(priced.shipping_total) == "9.00"
    assert str(priced.total) == "32.75"  # 20.00 + 0.55 + 2.00 + 9.00 + 1.20


@pytest.mark.parametrize(
    ("lines", "values", "pointer"),
    [
        ([{"unit_price": "10.00", "quantity": 1, "discount": "10.01"}], {}, "/lines/0/discount"),
        ([{"unit_price": "10.00", "quantity": 1}], {"discounts": [{"amount": "10.01"}]}, "/discounts"),
    ],
)
def test_a_discount_larger_than_what_it_reduces_is_refused(
    lines: list[dict[str, Any]], values: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(Invalid) as refused:
        price(lines, **values)

    assert [(error.pointer, error.code) for error in refused.value.errors] == [(pointer, "discount_too_large")]


def test_a_total_that_is_not_ours_is_refused() -> None:
    lines = [{"unit_price": "10.00", "quantity": 1}]

    assert str(price(lines, total="10.00").total) == "10.00"
    with pytest.raises(TotalsMismatch):
        price(lines, total="10.01")


@pytest.mark.parametrize(
    ("paid", "may_come_late", "is_fine"),
    [
        ("10.00", False, True),
        ("9.99", False, False),
        ("10.01", False, False),
        ("9.99", True, True),
        ("10.01", True, False),
    ],
)
def test_payments_cover_the_total_unless_they_may_come_late(paid: str, may_come_late: bool, is_fine: bool) -> None:
    order = command(
        [{"unit_price": "10.00", "quantity": 1}], payments=[{"gateway": "sandbox", "amount": paid, "token": "tok_ok"}]
    )

    if is_fine:
        check_payments(order, Decimal("10.00"), may_come_late=may_come_late)
    else:
        with pytest.raises(PaymentMismatch):
            check_payments(order, Decimal("10.00"), may_come_late=may_come_late)


def test_a_currency_without_cents_takes_none() -> None:
    yen = {"currency": "JPY", "shipping_price": "500.5"}

    with pytest.raises(Invalid) as refused:
        price([{"quantity": 1, "unit_price": "1990.10"}], **yen)

    assert [(error.pointer, error.code) for error in refused.value.errors] == [
        ("/lines/0/unit_price", "too_many_decimals"),
        ("/shipping_price", "too_many_decimals"),
    ]
    assert price([{"quantity": 3, "unit_price": "1990", "tax_rate": "0.1"}], currency="JPY").tax_total == 543


@given(
    lines=lines_in_cents(),
    order_discount=st.integers(0, 300_00),
    shipping=st.integers(0, 20_00),
    includes_tax=st.booleans(),
    data=st.data(),
)
def test_a_part_is_worth_what_is_owed_once_the_rest_is_canceled(
    lines: list[dict[str, Any]], order_discount: int, shipping: int, includes_tax: bool, data: st.DataObject
) -> None:
    """Line by line its share of the whole, rounded half up, tax on top and all; the totals are the lines' sums."""
    values = [line["unit"] * line["quantity"] - line["discount"] for line in lines]
    order = command(
        [
            {
                "quantity": line["quantity"],
                "unit_price": money(line["unit"]),
                "discount": money(line["discount"]),
                "tax_rate": line["rate"],
            }
            for line in lines
        ],
        prices_include_tax=includes_tax,
        shipping_price=money(shipping),
        discounts=[{"amount": money(min(order_discount, sum(values)))}],
    )
    whole = price_order(order, (order.delivery,))
    units = [data.draw(st.integers(0, line["quantity"])) for line in lines]

    part = price_part(order, whole, units, [0] * len(units))

    owed = items = 0
    for line, n, all_of_it, some in zip(lines, units, whole.lines, part.lines, strict=True):
        gross = cents(all_of_it.total) + (0 if includes_tax else cents(all_of_it.tax_amount))
        share = half_up(Fraction(gross * n, line["quantity"]))
        assert cents(some.total) + (0 if includes_tax else cents(some.tax_amount)) == share
        assert cents(some.total) == line["unit"] * n - cents(some.discount) - cents(some.order_discount)
        assert 0 <= some.discount <= all_of_it.discount
        assert 0 <= some.order_discount <= all_of_it.order_discount
        assert 0 <= some.tax_amount <= all_of_it.tax_amount
        owed += share
        items += line["unit"] * n
    if any(units):
        owed += shipping + (0 if includes_tax else cents(whole.deliveries[0].tax_amount))
    assert (cents(part.total), cents(part.items_total)) == (owed, items)
    on_top = Decimal(0) if includes_tax else part.tax_total
    assert part.total == part.items_total - part.discount_total + part.shipping_total + on_top


def test_a_part_that_is_all_of_it_is_worth_the_same() -> None:
    order = command([{"quantity": 3, "unit_price": "3.33", "discount": "1.00", "tax_rate": "0.055"}], total="8.99")
    whole = price_order(order, (order.delivery,))

    assert price_part(order, whole, [3], [0]) == whole
