"""What the parts of a rule set are called where people meet them one by one: in forms, and where two texts differ."""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

LABELS: Mapping[str, str | Promise] = {
    "name": _("name"),
    # conditions
    "channels": _("channels"),
    "methods": _("delivery methods"),
    "services": _("delivery services"),
    "countries": _("countries"),
    "postal_prefixes": _("postal codes beginning with"),
    "skus": _("products (SKUs)"),
    "tags": _("product tags"),
    "customer_tags": _("customer tags"),
    "min_value": _("worth at least"),
    "max_value": _("worth at most"),
    "min_weight_g": _("weight of at least (g)"),
    "max_weight_g": _("weight of at most (g)"),
    "min_units": _("at least so many units"),
    "max_units": _("at most so many units"),
    "weekdays": _("weekdays"),
    "from_time": _("from this time of day"),
    "until_time": _("until this time of day"),
    "from_date": _("from this day on"),
    "until_date": _("up to and with this day"),
    # places
    "kinds": _("kinds of places"),
    "groups": _("groups of places"),
    "exclude_groups": _("but not from these groups"),
    "locations": _("only these places"),
    "abilities": _("able to"),
    "max_distance_km": _("distance of at most (km)"),
    "ignore_capacity": _("even when the capacity of the day is used up"),
    "min_sellable": _("at least so many units to sell"),
    "min_left_after": _("so many units must stay there"),
    "open_now": _("open now"),
    "on_time": _("only what arrives in time"),
    "min_capacity_left": _("room for so many more parcels that day"),
    "min_confidence": _("stock that is this certain (0 to 1)"),
    "before_cut_off": _("before the cut-off of the day"),
    # what is best
    "cost": _("cost of carriage, packaging and handling"),
    "distance_km": _("each kilometre"),
    "parcels": _("each parcel"),
    "lateness_days": _("each day of lateness"),
    "workload": _("a place that is fully busy"),
    "carbon_kg": _("each kilogram of carbon"),
    "scarcity": _("scarcity of what is taken"),
    "location_order": _("each rank in the order of the places"),
    "markdown": _("slow stock that would be marked down"),
    "refusal": _("each refusal that must be expected"),
    # limits
    "max_parcels": _("parcels at most"),
    "min_parcel_value": _("each parcel worth at least"),
    "keep_groups": _("keep together what belongs together"),
    "complete": _("only if it serves everything"),
    "no_split_below": _("in one parcel if worth less than"),
    "no_split_tags": _("in one parcel with products tagged"),
    "no_split_customer_tags": _("in one parcel for customers tagged"),
    "offer_to": _("ask so many places at once"),
    "rest": _("what could not be served"),
    "cancel_after_days": _("cancel what still waits after (days)"),
}

HELP: Mapping[str, Promise] = {
    "services": _("None chosen: any."),
    "countries": _("Codes of two letters, as FR BE. None: any."),
    "postal_prefixes": _("As 75 92 2A. None: any."),
    "skus": _("One line with one of them is enough. None: any."),
    "tags": _("One line with one of them is enough. None: any."),
    "min_value": _("In the currency of the order."),
    "from_time": _("By the shopper's clock. A time later than the end runs over midnight."),
    "locations": _("None: any. Their order counts where the order of the places has a weight: the first is preferred."),
    "cost": _("1: as it is."),
    "workload": _("Of a place that is half busy, half of it."),
    "min_left_after": _("Of each product, once the order has taken its part."),
    "on_time": _("Carrier services that would be late are left out. Without a date to keep nothing is."),
    "lateness_days": _("Without a date to keep: each day until it arrives."),
    "max_parcels": _("Empty: as many as needed."),
    "no_split_below": _("Such an order leaves whole or not by this step."),
}


def label(key: str) -> str:
    """As it is told within a sentence; of what has no words, its key made readable."""
    return str(LABELS.get(key, key.replace("_", " ")))


def title(key: str) -> str:
    return capfirst(label(key))
