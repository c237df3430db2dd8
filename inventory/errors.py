"""What can be wrong with stock, said in the trade's words."""

from django.utils.translation import gettext_lazy as _

from oms.errors import Conflict, Invalid


class NotReserved(Conflict):
    """Less is reserved than was to be released or consumed. Facts: `items` {demand, sku, location, quantity}."""

    code = "not_reserved"
    title = _("Less is reserved than that")


class AlreadyExists(Conflict):
    code = "already_exists"
    title = _("There is one of that name already")


class PricesOverlap(Conflict):
    code = "prices_overlap"
    title = _("Another price is set for that time")


class PriceIsHistory(Conflict):
    code = "price_is_history"
    title = _("What was in force is not changed")


class BeforeTheLedger(Invalid):
    """Asked about, or told of, an instant of which no movements are kept. Facts: `begins_at`."""

    code = "before_the_ledger"
    title = _("The ledger does not reach back that far")
