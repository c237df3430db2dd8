"""What Orvane asks per channel: an outlet sale in the web shop just now, dearer on the marketplace, one sale to come."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from inventory.services import PriceRow, ProductRow
from oms.demo.trade import MARKETPLACE, WEB

_SALE, _LAST_DAYS, _FEE = Decimal("0.70"), Decimal("0.50"), Decimal("1.08")
_EACH = 60
"""Products of each kind, at most: enough to see, few enough to read."""


def price_rows(products: Sequence[ProductRow], *, as_of: datetime) -> list[PriceRow]:
    """From midnight to midnight, so that loading twice in a day sets the same."""
    today = as_of.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return [*_sale(products, today), *_marketplace(products, today)]


def _sale(products: Sequence[ProductRow], today: datetime) -> Iterator[PriceRow]:
    """Since five days and for nine more; then, for a week, the last pieces."""
    begins, turns, ends = (today + timedelta(days=days) for days in (-5, 9, 16))
    for row in _tagged(products, "outlet"):
        yield PriceRow(row.sku, WEB, _ending_in_90(row.price * _SALE), from_at=begins, until_at=turns)
        yield PriceRow(row.sku, WEB, _ending_in_90(row.price * _LAST_DAYS), from_at=turns, until_at=ends)


def _marketplace(products: Sequence[ProductRow], today: datetime) -> Iterator[PriceRow]:
    for row in _tagged(products, "new"):
        yield PriceRow(row.sku, MARKETPLACE, _ending_in_90(row.price * _FEE), from_at=today - timedelta(days=30))


def _tagged(products: Sequence[ProductRow], tag: str) -> list[ProductRow]:
    return [row for row in products if tag in row.tags][:_EACH]


def _ending_in_90(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal(1)) - Decimal("0.10")
