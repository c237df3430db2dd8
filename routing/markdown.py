"""What is gained when a unit of slow stock goes: money that a markdown would else take off its price.

A unit that would last `cover` weeks at its place is worth a share of the product's price to get rid of:

    share(cover) = most × min(1, (cover − from) / (full − from)),  nothing up to `from` weeks

and `most` of it where nothing goes out at all. The engine weighs it under `markdown` (`engine.cost`).
"""

from dataclasses import dataclass
from decimal import Decimal

_MICRO = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class MarkdownTerms:
    from_weeks: int
    full_weeks: int
    most: Decimal


def gain_per_unit(price: Decimal, cover_weeks: float | None, terms: MarkdownTerms) -> Decimal:
    """In the currency of the price, to the millionth."""
    return (price * terms.most * _how_slow(cover_weeks, terms)).quantize(_MICRO)


def _how_slow(cover_weeks: float | None, terms: MarkdownTerms) -> Decimal:
    """From 0 to 1."""
    if cover_weeks is None:
        return Decimal(1)
    beyond = (Decimal(cover_weeks) - terms.from_weeks) / (terms.full_weeks - terms.from_weeks)
    return min(Decimal(1), max(Decimal(0), beyond))
