"""The back office of this room, one module per noun. Importing them registers them."""

from inventory import sentences
from inventory.admin import (
    adjustments,
    carts,
    counts,
    exposure,
    feeds,
    files,
    health,
    imports,
    inbound,
    ledger,
    places,
    prices,
    products,
    reconciliations,
    stock,
)

__all__ = [
    "adjustments",
    "carts",
    "counts",
    "exposure",
    "feeds",
    "files",
    "health",
    "imports",
    "inbound",
    "ledger",
    "places",
    "prices",
    "products",
    "reconciliations",
    "sentences",
    "stock",
]

__all__ = ["carts", "counts", "exposure", "files", "health", "ledger", "places", "prices", "products", "stock"]
