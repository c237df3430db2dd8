"""The back office of this room, one module per noun. Importing them registers them."""

from inventory.admin import feeds, files, imports, ledger, places, prices, products, stock

__all__ = ["places", "prices", "products", "stock"]
from inventory.admin import carts, exposure

__all__ = ["carts", "exposure", "places", "products", "stock"]
__all__ = ["ledger", "places", "prices", "products", "stock"]
__all__ = ["files", "places", "prices", "products", "stock"]
__all__ = ["feeds", "imports", "places", "prices", "products", "stock"]
from inventory import sentences
from inventory.admin import adjustments, inbound, places, prices, products, stock

__all__ = ["adjustments", "inbound", "places", "prices", "products", "sentences", "stock"]
from inventory.admin import adjustments, carts, exposure, inbound, ledger, places, prices, products, stock

__all__ = ["adjustments", "carts", "exposure", "inbound", "ledger", "places", "prices", "products", "stock"]
from inventory.admin import carts, counts, exposure, health, places, prices, products, stock
from inventory.admin import counts, health

__all__ = ["carts", "counts", "exposure", "health", "places", "prices", "products", "stock"]
