"""What can be wrong with stock, said in the trade's words."""

from django.utils.translation import gettext_lazy as _

from oms.errors import Busy, Conflict, Forbidden, Invalid


class NotReserved(Conflict):
    """Less is reserved than was to be released or consumed. Facts: `items` {demand, sku, location, quantity}."""

    code = "not_reserved"
    title = _("Less is reserved than that")


class CountNotOpen(Conflict):
    """Nothing more is counted in this session. Facts: `current` (its status)."""

    code = "count_not_open"
    title = _("This count is not open any more")


class NothingCounted(Conflict):
    code = "nothing_counted"
    title = _("Nothing was counted yet")


class RecountMissing(Conflict):
    """Articles were sent back and not counted again. Facts: `skus` (at most a hundred)."""

    code = "recount_missing"
    title = _("Some articles are still to be counted again")


class NotFoundUnconfirmed(Conflict):
    """Everything that nobody found would be written down as none. Facts: `not_found` (how many), `skus` (the first)."""

    code = "not_found_unconfirmed"
    title = _("Confirm how many articles were not found")


class NothingWaits(Conflict):
    """No difference waits for a decision. Facts: `current` (the status of the count)."""

    code = "nothing_waits"
    title = _("No difference waits for a decision")


class ApprovalNeeded(Forbidden):
    """Differences wait, and whoever may not approve them may not drop them either."""

    code = "approval_needed"
    title = _("A manager decides about the differences that wait")


class HeadquartersNeeded(Forbidden):
    """Facts: `skus` whose differences are worth more than a store decides."""

    code = "headquarters_needed"
    title = _("Differences of this value are decided by headquarters")


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


class TooManyImports(Conflict):
    """A source has so many files waiting that it should wait itself. Facts: `limit`."""

    code = "too_many_imports"
    title = _("Too many files of this source are waiting already")


class InvalidFile(Invalid):
    """What can be seen at once of a file that cannot be read. Facts: `line`, `byte`, `value`, where known."""

    code = "invalid_file"
    title = _("The file cannot be read")


class ChangedMeanwhile(Conflict):
    """Somebody else was faster. Facts: `version` (the present one)."""

    code = "changed_meanwhile"
    title = _("Somebody changed this meanwhile")


class InsufficientStock(Conflict):
    """Facts: shortages [{sku, requested, sellable, alternatives: [{location, sellable, promised_at}]}]."""

    code = "insufficient_stock"
    title = _("Not enough stock")


class StockMoved(Busy):
    """Others kept taking the same last units while we planned."""

    code = "stock_moved"
    title = _("The stock changed meanwhile, please try again")


class HoldIsOver(Conflict):
    """Facts: ended (committed, released or expired)."""

    code = "reservation_is_over"
    title = _("This reservation has ended")


class HoldLivedLongEnough(Conflict):
    """Facts: ends_at."""

    code = "reservation_lived_long_enough"
    title = _("A reservation cannot be renewed beyond its longest life")


class HoldTooLarge(Invalid):
    """Facts: most_units."""

    code = "reservation_too_large"
    title = _("One cart cannot hold that many units")


class TooManyHolds(Conflict):
    """Facts: most."""

    code = "too_many_reservations"
    title = _("This key holds as many carts as it may")


class FewerThere(Conflict):
    """Not so many units are there in that condition. Facts: `available`, `requested`."""

    code = "fewer_there"
    title = _("Fewer units are there")
