from typing import Any

from django.urls import URLPattern, URLResolver, include, path

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


def _under(word: str, *patterns: URLPattern) -> URLResolver:
    """One step for whoever asks for something else: addresses are tried in turn, see oms/urls.py."""
    return path(f"{word}/", include(list(patterns)))


urlpatterns = [
    _under(
        "availability",
        path("", Availability.as_view(), name="availability"),
        path("explain/", ExplainAvailability.as_view(), name="availability-explain"),
    ),
    _under(
        "products",
        path("", Products.as_view(_COLLECTION), name="products"),
        path("bulk/", Products.as_view(_BULK), name="products-bulk"),
        path("export/", ProductsExport.as_view(), name="products-export"),
        path("<str:code>/prices/", PricesOfProduct.as_view(_COLLECTION), name="product-prices"),
        path("<str:code>/prices/<str:id>/", PricesOfProduct.as_view(_CHANGEABLE), name="product-price"),
        path("<str:code>/", Products.as_view(_ITEM), name="product"),
    ),
    _under(
        "prices",
        path("", Prices.as_view({"get": "list"}), name="prices"),
        path("bulk/", Prices.as_view(_BULK), name="prices-bulk"),
        path("export/", PricesExport.as_view(), name="prices-export"),
    ),
    _under(
        "locations",
        path("", Locations.as_view(_COLLECTION), name="locations"),
        path("bulk/", Locations.as_view(_BULK), name="locations-bulk"),
        path("export/", LocationsExport.as_view(), name="locations-export"),
        path("<str:code>/", Locations.as_view(_ITEM), name="location"),
        path("<str:code>/review/", LocationReview.as_view(), name="location-review"),
        path("<str:code>/pause/", Pause.as_view(), name="location-pause"),
        path("<str:code>/resume/", Resume.as_view(), name="location-resume"),
    ),
    _under(
        "feeds",
        path("", Feeds.as_view(_COLLECTION), name="feeds"),
        path("<str:code>/", Feeds.as_view(_ITEM), name="feed"),
    ),
    _under(
        "stock",
        path("", Levels.as_view(), name="stock"),
        path("balances/", Balances.as_view(), name="stock-balances"),
        path("events/", StockEvents.as_view(), name="stock-events"),
        path("health/out-of-stock/", OutOfStock.as_view(), name="stock-health-out-of-stock"),
        path("health/overstock/", Overstock.as_view(), name="stock-health-overstock"),
        path("health/suspect/", Suspect.as_view(), name="stock-health-suspect"),
        path("imports/", StockImports.as_view(), name="stock-imports"),
        path("imports/<str:import_id>/", OneImport.as_view(), name="stock-import"),
        path("imports/<str:import_id>/errors/", ImportFaults.as_view(), name="stock-import-errors"),
        path("imports/<str:import_id>/start/", ImportStart.as_view(), name="stock-import-start"),
        path("imports/<str:import_id>/cancel/", ImportCancel.as_view(), name="stock-import-cancel"),
        path("reconciliations/", Reconciliations.as_view(), name="stock-reconciliations"),
        path("movements/", Movements.as_view(), name="stock-movements"),
        path("protection/", Protection.as_view(), name="stock-protection"),
        path("adjustments/", Adjustments.as_view(), name="stock-adjustments"),
        path("adjustments/reasons/", AdjustmentReasons.as_view(), name="stock-adjustment-reasons"),
    ),
    _under(
        "counts",
        path("", Counts.as_view(), name="counts"),
        path("<str:count_id>/", OneCount.as_view(), name="count"),
        path("<str:count_id>/lines/", CountLines.as_view(), name="count-lines"),
        path("<str:count_id>/lines/<str:code>/", OneCountLine.as_view(), name="count-line"),
        path("<str:count_id>/differences/", CountDifferences.as_view(), name="count-differences"),
        path("<str:count_id>/scans/", CountScans.as_view(), name="count-scans"),
        path("<str:count_id>/scans/<str:scan>/", OneScan.as_view(), name="count-scan"),
        *(path(f"<str:count_id>/{name}/", view.as_view(), name=f"count-{name}") for name, view in ACTS),
    ),
    _under(
        "reservations",
        path("", Reservations.as_view(), name="reservations"),
        path("<str:reservation>/", OneReservation.as_view(), name="reservation"),
    ),
    _under(
        "exposure-rules",
        path("", ExposureRules.as_view(), name="exposure-rules"),
        path("<str:rule>/", OneExposureRule.as_view(), name="exposure-rule"),
    ),
    _under(
        "inbound",
        path("", Inbounds.as_view(), name="inbound"),
        path("bulk/", InboundBulk.as_view(), name="inbound-bulk"),
        path("<str:inbound_id>/", OneInbound.as_view(), name="inbound-one"),
        path("<str:inbound_id>/receive/", ReceiveInbound.as_view(), name="inbound-receive"),
        path("<str:inbound_id>/cancel/", CancelInbound.as_view(), name="inbound-cancel"),
    ),
    _under(
        "transfers",
        path("", Transfers.as_view(), name="transfers"),
        path("<str:inbound_id>/", OneTransfer.as_view(), name="transfer"),
        path("<str:inbound_id>/receive/", ReceiveTransfer.as_view(), name="transfer-receive"),
        path("<str:inbound_id>/cancel/", CancelTransfer.as_view(), name="transfer-cancel"),
    ),
]
