"""`offers/`: work that others have been given, and that a place may take before they answer."""

from collections.abc import Sequence
from typing import Any

import django_filters as filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from inventory.api.filters import GroupFilter
from oms.actors import Caller
from oms.api.views import ApiView
from oms.clock import now
from oms.errors import Missing
from orders import queries
from orders.api.documents import FulfillmentDocument, OfferPage
from orders.api.lists import DocumentList, within_reach
from orders.errors import OfferIsOver
from orders.models import Offer
from orders.services.sharing import take_offer


class OfferFilter(filters.FilterSet):
    location = filters.CharFilter("location_id")
    group = GroupFilter()
    status = filters.ChoiceFilter(choices=Offer.Status.choices)

    class Meta:
        model = Offer
        fields: list[str] = []


def visible_offers(caller: Caller) -> QuerySet[Offer]:
    return within_reach(Offer.objects.all(), caller, channel="fulfillment__order__channel_id")


def offer_documents(ids: Sequence[str], *, caller: Caller) -> list[dict[str, Any]]:
    offers = (
        Offer.objects.filter(pk__in=ids).select_related("fulfillment__order").prefetch_related("fulfillment__lines")
    )
    found = {offer.pk: offer for offer in offers}
    return [_document(found[pk]) for pk in ids if pk in found]


def _document(offer: Offer) -> dict[str, Any]:
    is_open = queries.is_live(offer, as_of=now())
    is_over = offer.status == Offer.Status.OPEN and not is_open
    return {
        "id": offer.pk,
        "order": str(offer.fulfillment.order.number),
        "location": offer.location_id,
        "lines": [{"sku": sku, "quantity": quantity} for sku, quantity in _units(offer, is_open) if quantity],
        "distance_km": None if offer.distance_km is None else round(offer.distance_km, 1),
        "made_at": offer.made_at,
        "expires_at": offer.expires_at,
        "status": Offer.Status.OVER if is_over else offer.status,
        "taken_over": offer.taken_over_id,
    }


def _units(offer: Offer, is_open: bool) -> list[tuple[str, int]]:
    """What it would bring now; of one that is over, what was asked for."""
    lines = offer.fulfillment.lines.all()
    return [(line.sku, line.to_pick if is_open else line.quantity) for line in lines]


class Offers(DocumentList):
    scopes = {"GET": "fulfillments:read"}
    filter_class = OfferFilter
    documents = staticmethod(offer_documents)
    visible = staticmethod(visible_offers)

    @extend_schema(responses={200: OfferPage}, filters=True, operation_id="offers_list")
    def get(self, request: Request) -> Response:
        """Newest first."""
        return super().get(request)


class TakeOffer(ApiView):
    scopes = {"POST": "fulfillments:write"}
    refusals = {"POST": [OfferIsOver()]}

    @extend_schema(request=None, responses={200: FulfillmentDocument}, operation_id="offers_take")
    def post(self, request: Request, offer_id: str) -> Response:
        """Take the work. Whoever is first has it, accepted at once; the same caller again gets the same answer."""
        if not visible_offers(self.caller).filter(pk=offer_id).exists():
            raise Missing()
        work = take_offer(offer_id=offer_id, actor=self.caller.actor, as_of=now())
        return Response(queries.fulfillment_document(work, caller=self.caller))
