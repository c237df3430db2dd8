from inventory.models.inbound import Inbound, InboundLine
from inventory.models.ledger import LedgerStart, StockBalance, StockEventId
from inventory.models.location import Ability, Kind, Location, Membership
from inventory.models.price import ProductPrice
from inventory.models.product import Barcode, Product
from inventory.models.reservation import Reservation, ReservationStatus
from inventory.models.stock import Cause, Condition, StockLevel, StockMovement

__all__ = [
    "Ability",
    "Barcode",
    "Cause",
    "Condition",
    "Inbound",
    "InboundLine",
    "Kind",
    "LedgerStart",
    "Location",
    "Membership",
    "Product",
    "ProductPrice",
    "Reservation",
    "ReservationStatus",
    "StockBalance",
    "StockEventId",
    "StockLevel",
    "StockMovement",
]
