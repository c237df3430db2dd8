from typing import Any

from django.urls import path

from inventory.api.adjustments import AdjustmentReasons, Adjustments
from inventory.api.availability import Availability
from inventory.api.balances import Balances
from inventory.api.catalog import Locations, Products
from inventory.api.counts import ACTS, CountDifferences, CountLines, Counts, CountScans, OneCount, OneCountLine, OneScan
from inventory.api.explanation import ExplainAvailability
from inventory.api.exports import LocationsExport, PricesExport, ProductsExport
from inventory.api.exposure import ExposureRules, OneExposureRule
from inventory.api.feeds import Feeds
from inventory.api.health import OutOfStock, Overstock, Suspect
from inventory.api.imports import ImportCancel, ImportFaults, ImportStart, OneImport, StockImports
from inventory.api.inbound import CancelInbound, InboundBulk, Inbounds, OneInbound, ReceiveInbound
from inventory.api.pauses import Pause, Resume
from inventory.api.prices import Prices, PricesOfProduct
from inventory.api.reconciliations import Reconciliations
from inventory.api.reservations import OneReservation, Reservations
from inventory.api.reviews import LocationReview
from inventory.api.stock import Levels, Movements, Protection, StockEvents
from inventory.api.transfers import CancelTransfer, OneTransfer, ReceiveTransfer, Transfers

_COLLECTION: dict[str, Any] = {"get": "list", "post": "create"}
_ITEM: dict[str, Any] = {"get": "retrieve", "put": "update", "patch": "partial_update", "delete": "destroy"}
_CHANGEABLE: dict[str, Any] = {"get": "retrieve", "patch": "partial_update", "delete": "destroy"}
_BULK: dict[str, Any] = {"post": "bulk"}

urlpatterns = [
    # The busiest first, see oms/urls.py.
    path("availability/", Availability.as_view(), name="availability"),
    path("availability/explain/", ExplainAvailability.as_view(), name="availability-explain"),
    path("products/", Products.as_view(_COLLECTION), name="products"),
    path("products/bulk/", Products.as_view(_BULK), name="products-bulk"),
    path("products/export/", ProductsExport.as_view(), name="products-export"),
    path("products/<str:code>/prices/", PricesOfProduct.as_view(_COLLECTION), name="product-prices"),
    path("products/<str:code>/prices/<str:id>/", PricesOfProduct.as_view(_CHANGEABLE), name="product-price"),
    path("products/<str:code>/", Products.as_view(_ITEM), name="product"),
    path("prices/", Prices.as_view({"get": "list"}), name="prices"),
    path("prices/bulk/", Prices.as_view(_BULK), name="prices-bulk"),
    path("prices/export/", PricesExport.as_view(), name="prices-export"),
    path("locations/", Locations.as_view(_COLLECTION), name="locations"),
    path("locations/bulk/", Locations.as_view(_BULK), name="locations-bulk"),
    path("locations/export/", LocationsExport.as_view(), name="locations-export"),
    path("locations/<str:code>/", Locations.as_view(_ITEM), name="location"),
    path("locations/<str:code>/review/", LocationReview.as_view(), name="location-review"),
    path("locations/<str:code>/pause/", Pause.as_view(), name="location-pause"),
    path("locations/<str:code>/resume/", Resume.as_view(), name="location-resume"),
    path("feeds/", Feeds.as_view(_COLLECTION), name="feeds"),
    path("feeds/<str:code>/", Feeds.as_view(_ITEM), name="feed"),
    path("stock/", Levels.as_view(), name="stock"),
    path("stock/balances/", Balances.as_view(), name="stock-balances"),
    path("stock/events/", StockEvents.as_view(), name="stock-events"),
    path("stock/health/out-of-stock/", OutOfStock.as_view(), name="stock-health-out-of-stock"),
    path("stock/health/overstock/", Overstock.as_view(), name="stock-health-overstock"),
    path("stock/health/suspect/", Suspect.as_view(), name="stock-health-suspect"),
    path("stock/imports/", StockImports.as_view(), name="stock-imports"),
    path("stock/imports/<str:import_id>/", OneImport.as_view(), name="stock-import"),
    path("stock/imports/<str:import_id>/errors/", ImportFaults.as_view(), name="stock-import-errors"),
    path("stock/imports/<str:import_id>/start/", ImportStart.as_view(), name="stock-import-start"),
    path("stock/imports/<str:import_id>/cancel/", ImportCancel.as_view(), name="stock-import-cancel"),
    path("stock/reconciliations/", Reconciliations.as_view(), name="stock-reconciliations"),
    path("stock/movements/", Movements.as_view(), name="stock-movements"),
    path("stock/protection/", Protection.as_view(), name="stock-protection"),
    path("counts/", Counts.as_view(), name="counts"),
    path("counts/<str:count_id>/", OneCount.as_view(), name="count"),
    path("counts/<str:count_id>/lines/", CountLines.as_view(), name="count-lines"),
    path("counts/<str:count_id>/lines/<str:code>/", OneCountLine.as_view(), name="count-line"),
    path("counts/<str:count_id>/differences/", CountDifferences.as_view(), name="count-differences"),
    path("counts/<str:count_id>/scans/", CountScans.as_view(), name="count-scans"),
    path("counts/<str:count_id>/scans/<str:scan>/", OneScan.as_view(), name="count-scan"),
    *(path(f"counts/<str:count_id>/{name}/", view.as_view(), name=f"count-{name}") for name, view in ACTS),
    path("reservations/", Reservations.as_view(), name="reservations"),
    path("reservations/<str:reservation>/", OneReservation.as_view(), name="reservation"),
    path("exposure-rules/", ExposureRules.as_view(), name="exposure-rules"),
    path("exposure-rules/<str:rule>/", OneExposureRule.as_view(), name="exposure-rule"),
    path("stock/adjustments/", Adjustments.as_view(), name="stock-adjustments"),
    path("stock/adjustments/reasons/", AdjustmentReasons.as_view(), name="stock-adjustment-reasons"),
    path("inbound/", Inbounds.as_view(), name="inbound"),
    path("inbound/bulk/", InboundBulk.as_view(), name="inbound-bulk"),
    path("inbound/<str:inbound_id>/", OneInbound.as_view(), name="inbound-one"),
    path("inbound/<str:inbound_id>/receive/", ReceiveInbound.as_view(), name="inbound-receive"),
    path("inbound/<str:inbound_id>/cancel/", CancelInbound.as_view(), name="inbound-cancel"),
    path("transfers/", Transfers.as_view(), name="transfers"),
    path("transfers/<str:inbound_id>/", OneTransfer.as_view(), name="transfer"),
    path("transfers/<str:inbound_id>/receive/", ReceiveTransfer.as_view(), name="transfer-receive"),
    path("transfers/<str:inbound_id>/cancel/", CancelTransfer.as_view(), name="transfer-cancel"),
]
