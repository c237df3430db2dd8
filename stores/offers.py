"""Work that other places were given, and that this one may take before they answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from inventory.queries import places
from orders.models import Offer
from orders.queries import live_offers

_SHOWN = 10


@dataclass(frozen=True, slots=True)
class OfferCard:
    id: str
    number: str
    units: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Offered:
    cards: Sequence[OfferCard]

    @property
    def version(self) -> str:
        """Changes with what is shown."""
        return " ".join(card.id for card in self.cards)


def offers_to(code: str, *, as_of: datetime) -> Offered:
    """Those that can still be taken, the first to end first; none while the place takes no orders."""
    if not places()[code].takes_orders(as_of):
        return Offered(())
    rows = live_offers(code, as_of=as_of).select_related("fulfillment__order").prefetch_related("fulfillment__lines")
    return Offered([_card(offer) for offer in rows.order_by("expires_at", "id")[:_SHOWN]])


def _card(offer: Offer) -> OfferCard:
    units = sum(line.to_pick for line in offer.fulfillment.lines.all())
    return OfferCard(offer.pk, str(offer.fulfillment.order.number), units, offer.expires_at)
