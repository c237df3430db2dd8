from inventory.models.adjustment import AdjustmentKind, AdjustmentReason, StockAdjustment
from inventory.models.cart_hold import CartHold, CartHoldLine, HoldStatus
from inventory.models.counts import CountLine, CountMode, CountScan, CountScope, CountSession
from inventory.models.exposure import ExposureRule
from inventory.models.feed import Feed, FeedKind, RecognizedWork
from inventory.models.file_import import FileImport, FileKind
from inventory.models.inbound import Inbound, InboundLine, SupplyPromise
from inventory.models.ledger import LedgerStart, StockBalance, StockEventId
from inventory.models.location import Ability, Kind, Location, Membership
from inventory.models.pace import LevelPace
from inventory.models.price import ProductPrice
from inventory.models.product import Barcode, Product
from inventory.models.reconciliation import Reconciliation
from inventory.models.reservation import Reservation, ReservationStatus
from inventory.models.stock import Cause, Condition, StockLevel, StockMovement
from inventory.models.stock_import import ImportFault, ImportFormat, ImportMode, ImportPlace, StockImport

__all__ = [
    "Ability",
    "AdjustmentKind",
    "AdjustmentReason",
    "Barcode",
    "CartHold",
    "CartHoldLine",
    "Cause",
    "Condition",
    "CountLine",
    "CountMode",
    "CountScan",
    "CountScope",
    "CountSession",
    "ExposureRule",
    "Feed",
    "FeedKind",
    "FileImport",
    "FileKind",
    "HoldStatus",
    "ImportFault",
    "ImportFormat",
    "ImportMode",
    "ImportPlace",
    "Inbound",
    "InboundLine",
    "Kind",
    "LedgerStart",
    "LevelPace",
    "Location",
    "Membership",
    "Product",
    "ProductPrice",
    "RecognizedWork",
    "Reconciliation",
    "Reservation",
    "ReservationStatus",
    "StockAdjustment",
    "StockBalance",
    "StockEventId",
    "StockImport",
    "StockLevel",
    "StockMovement",
    "SupplyPromise",
]
