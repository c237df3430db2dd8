"""The back office of orders: what needs a person, every order on one screen, and the few things staff may do to it."""

from orders.admin import customers, fulfillments, home, offers, orders, payments, queue, reoptimisation

__all__ = ["customers", "fulfillments", "home", "offers", "orders", "payments", "queue", "reoptimisation"]
