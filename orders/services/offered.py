"""What is held for offers of work: free to that work wherever it is planned again, and over as soon as it is."""

from datetime import datetime

from django.db.models import QuerySet

from inventory.services.cart_holds import end_unlocked
from oms.transactions import in_transaction
from orders.models import Offer


def open_offers(work: str) -> QuerySet[Offer]:
    return Offer.objects.filter(fulfillment=work, status=Offer.Status.OPEN).order_by("hold")


def holds_of(work: str) -> tuple[str, ...]:
    return tuple(open_offers(work).values_list("hold", flat=True))


@in_transaction
def end_with(work: str, *, as_of: datetime) -> None:
    """The work has left its place: nobody can take it any more. Its order is locked, so this waits for no taker.

    What somebody has locked at this instant, to take it in vain or to end it, ends when the event is heard.
    """
    ended = end_unlocked(holds_of(work), as_of=as_of)
    open_offers(work).filter(hold__in=ended).update(status=Offer.Status.OVER)
