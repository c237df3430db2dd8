"""`orders/reoptimise/`: plan what no place was told of yet again together, now."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from oms.api.views import ApiView
from oms.clock import now
from oms.errors import PlaceNotAllowed
from orders.api.documents import ReoptimisationDocument
from orders.commands import Nothing
from orders.services.reoptimisation import Outcome, Swapped, reoptimise
from routing.snapshots import money


class Reoptimise(ApiView):
    """Orders of all channels compete for the same units, so a key of one channel or place does not move them."""

    scopes = {"POST": "routing:write"}
    refusals = {"POST": [PlaceNotAllowed()]}
    network_wide = True

    @extend_schema(request=Nothing, responses={200: ReoptimisationDocument}, operation_id="orders_reoptimise")
    def post(self, request: Request) -> Response:
        """Plan orders that wait for their release again together: nobody comes later than promised, the whole costs less.

        Answers which orders changed places, and what that saves; asked again, it finds nothing more to save.
        """
        self.body(Nothing)
        return Response(_document(reoptimise(actor=self.caller.actor, as_of=now())))


def _document(outcome: Outcome) -> dict[str, Any]:
    return {
        "considered": outcome.considered,
        "left": outcome.left,
        "outrun": outcome.outrun,
        "swaps": [_swap(swapped) for swapped in outcome.swaps],
    }


def _swap(swapped: Swapped) -> dict[str, Any]:
    return {
        "id": swapped.id,
        "currency": swapped.currency,
        "saved": money(swapped.saved),
        "changes": [
            {
                "order": str(changed.number),
                "before": list(changed.before),
                "after": list(changed.after),
                "saved": money(changed.saved),
                "decision": changed.decision,
            }
            for changed in swapped.changes
        ],
    }
