from orders.models.customer import Customer
from orders.models.exceptions import ExceptionCase
from orders.models.fulfillment import Exclusion, Fulfillment, FulfillmentLine, Package, Shipment
from orders.models.offer import Offer
from orders.models.order import Delivery, Hold, Order, OrderLine
from orders.models.payment import Payment, PaymentOperation
from orders.models.reoptimisation import Reoptimisation

__all__ = [
    "Customer",
    "Delivery",
    "ExceptionCase",
    "Exclusion",
    "Fulfillment",
    "FulfillmentLine",
    "Hold",
    "Offer",
    "Order",
    "OrderLine",
    "Package",
    "Payment",
    "PaymentOperation",
    "Reoptimisation",
    "Shipment",
]
