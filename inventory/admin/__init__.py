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
from inventory.admin import (
    carts,
    exposure,
    feeds,
    files,
    imports,
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
    "carts",
    "exposure",
    "feeds",
    "files",
    "imports",
    "ledger",
    "places",
    "prices",
    "products",
    "sentences",
    "reconciliations",
    "stock",
]

__all__ = ["carts", "counts", "exposure", "files", "health", "ledger", "places", "prices", "products", "stock"]
