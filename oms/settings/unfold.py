"""The face of the back office."""

from typing import Any

from django.templatetags.static import static
from django.utils.translation import gettext_lazy as _


def _item(title: Any, icon: str, model: str) -> dict[str, Any]:
    return {"title": title, "icon": icon, "model": model}


BACK_OFFICE_ROOMS = [
    (
        _("Orders"),
        [
            _item(_("Orders"), "shopping_bag", "orders.Order"),
            _item(_("Fulfillments"), "package_2", "orders.Fulfillment"),
            _item(_("Shared offers"), "share", "orders.Offer"),
            _item(_("Exceptions"), "report", "orders.ExceptionCase"),
            _item(_("Payments"), "credit_card", "orders.Payment"),
            _item(_("Customers"), "person", "orders.Customer"),
        ],
    ),
    (
        _("Stock"),
        [
            _item(_("Products"), "styler", "inventory.Product"),
            _item(_("Prices"), "sell", "inventory.ProductPrice"),
            _item(_("Places"), "storefront", "inventory.Location"),
            _item(_("Files"), "upload_file", "inventory.FileImport"),
            _item(_("Stock"), "inventory_2", "inventory.StockLevel"),
            _item(_("On the way"), "local_shipping", "inventory.Inbound"),
            _item(_("Movements"), "swap_vert", "inventory.StockMovement"),
            _item(_("Counts"), "barcode_scanner", "inventory.CountSession"),
            _item(_("Stock health"), "monitor_heart", "inventory.LevelPace"),
            _item(_("Exposure"), "visibility", "inventory.ExposureRule"),
            _item(_("Carts"), "shopping_cart", "inventory.CartHold"),
            _item(_("Files of stock"), "upload_file", "inventory.StockImport"),
            _item(_("Feeds"), "sensors", "inventory.Feed"),
            _item(_("Adjustments"), "rule", "inventory.StockAdjustment"),
            _item(_("Reconciliations"), "balance", "inventory.Reconciliation"),
        ],
    ),
    (
        _("Routing"),
        [
            _item(_("Rules"), "alt_route", "routing.RuleSet"),
            _item(_("Simulations"), "science", "routing.Simulation"),
            _item(_("Service levels"), "timer", "routing.ServiceLevel"),
            _item(_("Carriers"), "local_shipping", "routing.CarrierService"),
            _item(_("Decisions"), "lightbulb", "routing.Decision"),
            _item(_("Planned again"), "swap_horiz", "orders.Reoptimisation"),
            _item(_("Promises"), "event_available", "routing.GivenPromise"),
            _item(_("Learned dates"), "school", "routing.LearnedTable"),
            _item(_("Date policies"), "event", "routing.DatePolicy"),
            _item(_("Demands"), "shopping_basket", "routing.DemandFact"),
            _item(_("Scarcity prices"), "trending_up", "routing.ScarcityPrice"),
            _item(_("Slow stock"), "trending_down", "routing.SlowStock"),
            _item(_("Acceptance"), "thumbs_up_down", "routing.AcceptanceRate"),
            _item(_("Offers"), "front_hand", "routing.OfferOutcome"),
        ],
    ),
    (
        _("System"),
        [
            _item(_("Channels"), "hub", "oms.Channel"),
            _item(_("API keys"), "key", "oms.ApiKey"),
            _item(_("Events"), "rss_feed", "oms.Event"),
            _item(_("Set aside"), "sync_problem", "oms.SetAside"),
            _item(_("Deadlines"), "alarm", "oms.Deadline"),
            _item(_("Users"), "group", "auth.User"),
            _item(_("Roles"), "badge", "auth.Group"),
        ],
    ),
]

UNFOLD = {
    "SITE_TITLE": _("Order management"),
    "SITE_HEADER": _("Order management"),
    "SITE_SUBHEADER": _("Back office"),
    "SITE_SYMBOL": "conveyor_belt",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("oms/mark.svg")},
    ],
    "SITE_URL": "/",
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_LANGUAGES": True,
    "SHOW_BACK_BUTTON": False,
    "DASHBOARD_CALLBACK": "orders.admin.home.dashboard",
    "STYLES": [lambda request: static("oms/backoffice/backoffice.css")],
    "SCRIPTS": [lambda request: static("oms/backoffice/backoffice.js")],
    "SIDEBAR": {
        "show_search": True,
        "command_search": False,
        "show_all_applications": False,
        "navigation": "oms.backoffice.navigation.rooms",
    },
    "COLORS": {
        "primary": {  # one accent, a deep teal
            "50": "oklch(98.4% .014 180.7)",
            "100": "oklch(95.3% .051 180.8)",
            "200": "oklch(91% .096 180.4)",
            "300": "oklch(85.5% .138 181.1)",
            "400": "oklch(77.7% .152 181.9)",
            "500": "oklch(70.4% .14 182.5)",
            "600": "oklch(54% .105 184.7)",
            "700": "oklch(48% .092 186.4)",
            "800": "oklch(43.7% .078 188.2)",
            "900": "oklch(38.6% .063 188.4)",
            "950": "oklch(27.7% .046 192.5)",
        }
    },
}
