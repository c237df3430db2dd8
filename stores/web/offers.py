"""Taking work from the phone that others have not answered for yet."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from oms.clock import now
from orders.errors import OfferIsOver
from orders.models import Offer
from orders.services.sharing import take_offer
from stores.queries import NEW, PICK
from stores.web.access import StorePage
from stores.web.views import board_url


class Take(StorePage):
    scope = "fulfillments:write"

    def post(self, request: HttpRequest, offer_id: str) -> HttpResponse:
        offer = Offer.objects.select_related("fulfillment__order").filter(pk=offer_id).first()
        if offer is None:
            raise Http404
        place = self.place(offer.location_id)
        number = offer.fulfillment.order.number
        try:
            take_offer(offer_id=offer.pk, actor=self.caller.actor, as_of=now())
        except OfferIsOver:
            messages.error(request, _("#%(number)s is not offered any more.") % {"number": number})
            return redirect(board_url(place.code, NEW))
        messages.success(request, _("#%(number)s is yours. It waits under Pick.") % {"number": number})
        return redirect(board_url(place.code, PICK))
