"""`fulfillments/` and `exceptions/`: the work of places, and what stands in front of people."""

from collections.abc import Callable, Sequence
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from oms.actors import Caller
from oms.api.views import IDEMPOTENCY_KEY, ApiView
from oms.clock import now
from oms.errors import DomainError, Forbidden, IdempotencyKeyRequired, IllegalMove, Missing
from orders import queries
from orders.actions import case_actions
from orders.api.documents import ExceptionDocument, ExceptionPage, FulfillmentDocument, FulfillmentPage
from orders.api.filters import ExceptionFilter, FulfillmentFilter
from orders.api.lists import DocumentList, within_reach
from orders.commands import Decline, HandOver, Nothing, Pack, Pick, Ready, ResolveException, Ship
from orders.errors import AwaitsDecision, CodeLocked, MoreThanAsked, NoPlaceLeft, OrderOnHold, WrongCode
from orders.models import ExceptionCase, Fulfillment
from orders.services import fulfillments as services
from orders.services.resolution import resolve_exception


def visible_fulfillments(caller: Caller) -> QuerySet[Fulfillment]:
    return within_reach(Fulfillment.objects.all(), caller)


class Fulfillments(DocumentList):
    scopes = {"GET": "fulfillments:read"}
    filter_class = FulfillmentFilter
    documents = staticmethod(queries.fulfillment_documents)
    visible = staticmethod(visible_fulfillments)

    @extend_schema(responses={200: FulfillmentPage}, filters=True, operation_id="fulfillments_list")
    def get(self, request: Request) -> Response:
        return super().get(request)


class FulfillmentView(ApiView):
    def check_visible(self, fulfillment_id: str) -> None:
        """A store sees only its own work. Errors: Missing."""
        if not visible_fulfillments(self.caller).filter(pk=fulfillment_id).exists():
            raise Missing()


class OneFulfillment(FulfillmentView):
    scopes = {"GET": "fulfillments:read"}

    @extend_schema(responses={200: FulfillmentDocument}, operation_id="fulfillments_read")
    def get(self, request: Request, fulfillment_id: str) -> Response:
        self.check_visible(fulfillment_id)
        return Response(queries.fulfillment_document(fulfillment_id, caller=self.caller))


_NOT_NOW = IllegalMove(current="shipped", actions=["deliver"])


class FulfillmentAction(FulfillmentView):
    """One move. Replays of the same move by the same actor answer 200 and change nothing."""

    scopes = {"POST": "fulfillments:write"}
    refusals = {"POST": [_NOT_NOW]}
    command: type[Any] = Nothing
    act: Callable[..., None]
    key_required = False

    def post(self, request: Request, fulfillment_id: str) -> Response:
        self.check_visible(fulfillment_id)
        command = self.body(self.command)
        given = {} if self.command is Nothing else {"command": command}
        once = self.once(f"fulfillments.{type(self).__name__}") if self.key_required else None
        if once:
            given["once"] = once
        type(self).act(fulfillment_id=fulfillment_id, actor=self.caller.actor, as_of=now(), **given)
        document = queries.fulfillment_document(fulfillment_id, caller=self.caller)
        return Response(document, headers=self.replay_headers(once))


def action(
    name: str,
    act: Callable[..., None],
    command: type[Any] = Nothing,
    *,
    key_required: bool = False,
    refusals: Sequence[DomainError] = (),
) -> type[FulfillmentAction]:
    """The view of one move, documented under its name, with what it refuses besides a move that is not possible."""
    describe = extend_schema(
        request=command,
        responses={200: FulfillmentDocument},
        operation_id=f"fulfillments_{name}",
        description=act.__doc__,
        parameters=[IDEMPOTENCY_KEY] if key_required else [],
    )
    members = {
        "command": command,
        "act": staticmethod(act),
        "key_required": key_required,
        "refusals": {"POST": [_NOT_NOW, *([IdempotencyKeyRequired()] if key_required else []), *refusals]},
        "post": describe(lambda self, request, fulfillment_id: FulfillmentAction.post(self, request, fulfillment_id)),
    }
    return type(name.title().replace("_", ""), (FulfillmentAction,), members)


_WRONG_CODE = [
    WrongCode(attempts_left=4, locked_until=None),
    CodeLocked(locked_until="2026-03-02T09:15:00Z"),
    OrderOnHold(),
]
ACTIONS: Sequence[tuple[str, type[FulfillmentAction]]] = [
    ("acknowledge", action("acknowledge", services.acknowledge)),
    ("decline", action("decline", services.decline, Decline)),
    ("start", action("start", services.start_picking)),
    ("pick", action("pick", services.pick, Pick, refusals=[MoreThanAsked()])),
    ("pack", action("pack", services.pack, Pack, refusals=[MoreThanAsked()])),
    ("ship", action("ship", services.ship, Ship, key_required=True, refusals=[OrderOnHold(), AwaitsDecision()])),
    ("deliver", action("deliver", services.deliver)),
    ("ready", action("ready", services.make_ready, Ready)),
    ("hand_over", action("hand_over", services.hand_over, HandOver, key_required=True, refusals=_WRONG_CODE)),
    ("extend", action("extend", services.extend)),
    ("put_back", action("put_back", services.put_back)),
]


# ---- exceptions ----------------------------------------------------------------------------------


def visible_exceptions(caller: Caller) -> QuerySet[ExceptionCase]:
    return within_reach(ExceptionCase.objects.all(), caller)


def exception_documents(ids: Sequence[str], *, caller: Caller) -> list[dict[str, Any]]:
    cases = {case.pk: case for case in ExceptionCase.objects.filter(pk__in=ids).select_related("order")}
    return [_exception_document(cases[pk], caller) for pk in ids if pk in cases]


def _exception_document(case: ExceptionCase, caller: Caller) -> dict[str, Any]:
    return {
        "id": case.pk,
        "order": str(case.order.number),
        "fulfillment": case.fulfillment_id,
        "location": case.location_id,
        "reason": case.reason,
        "status": case.status,
        "lines": case.lines,
        "facts": case.facts,
        "opened_at": case.opened_at,
        "cancel_at": case.cancel_at,
        "resolved_at": case.resolved_at,
        "resolution": case.resolution or None,
        "resolved_by": case.resolved_by or None,
        "actions": [action for action in case_actions(case.status, case.reason) if _may_resolve(caller, action)],
    }


def _may_resolve(caller: Caller, action: str) -> bool:
    """A place may let its own work wait; what becomes of the order's units is not its to decide."""
    return caller.may("exceptions:write") and (caller.locations is None or action == "keep")


class Exceptions(DocumentList):
    scopes = {"GET": "fulfillments:read"}
    filter_class = ExceptionFilter
    documents = staticmethod(exception_documents)
    visible = staticmethod(visible_exceptions)

    @extend_schema(responses={200: ExceptionPage}, filters=True, operation_id="exceptions_list")
    def get(self, request: Request) -> Response:
        return super().get(request)


class Resolve(ApiView):
    scopes = {"POST": "exceptions:write"}
    refusals = {"POST": [NoPlaceLeft(rest=[{"sku": "SKU-1", "quantity": 1}])]}

    @extend_schema(request=ResolveException, responses={200: ExceptionDocument}, operation_id="exceptions_resolve")
    def post(self, request: Request, case_id: str) -> Response:
        """Reroute, cancel, or (a late pickup) keep waiting."""
        if not visible_exceptions(self.caller).filter(pk=case_id).exists():
            raise Missing()
        once, command = self.once("exceptions.resolve", required=False), self.body(ResolveException)
        if not _may_resolve(self.caller, command.action):
            raise Forbidden(_("a place may only keep its work; the order itself is not its to change"))
        resolve_exception(case_id=case_id, command=command, actor=self.caller.actor, as_of=now(), once=once)
        return Response(exception_documents([case_id], caller=self.caller)[0], headers=self.replay_headers(once))
