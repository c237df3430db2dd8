"""The back office of this room, one module per noun. Importing them registers them."""

from inventory.admin import places, products, stock

__all__ = ["places", "products", "stock"]
