"""What is possible now: every resource lists it for its caller. Pure."""

from orders.models.exceptions import ExceptionCase
from orders.states import FulfillmentStatus, Method, OrderStatus

F = FulfillmentStatus


_COMMON: dict[str, tuple[str, ...]] = {
    F.ASSIGNED: ("acknowledge", "decline"),
    F.ACCEPTED: ("start", "pick", "decline"),
    F.READY_FOR_PICKUP: ("hand_over", "extend", "put_back"),
    F.SHIPPED: ("deliver",),
}
_LEAVING = frozenset({"ship", "hand_over"})


_RESOLUTIONS: dict[str, tuple[str, ...]] = {
    ExceptionCase.Reason.LATE_PICKUP: ("keep", "reroute", "cancel"),
    ExceptionCase.Reason.LATE_WORK: ("keep",),
    ExceptionCase.Reason.LATE_HAND_OVER: ("keep",),
    ExceptionCase.Reason.EXPIRED_PICKUP: ("keep", "cancel"),
}


def actions_for(status: str, method: str, *, may_leave: bool) -> list[str]:
    """`may_leave`: nothing stands against it but the work itself (`services.exceptions.stopped_by`)."""
    return [action for action in _actions_of(status, method) if may_leave or action not in _LEAVING]


def _actions_of(status: str, method: str) -> tuple[str, ...]:
    if status in (F.PICKING, F.PACKED):
        leave = "ready" if method == Method.PICKUP else "ship"
        return ("pick", "pack", leave) if status == F.PICKING else (leave,)
    return _COMMON.get(status, ())


def case_actions(status: str, reason: str) -> list[str]:
    """How a person may resolve this exception, the usual way first."""
    if status != ExceptionCase.Status.OPEN:
        return []
    return list(_RESOLUTIONS.get(reason, ("reroute", "backorder", "cancel")))


def order_actions(status: str, *, cancelable_units: int, open_holds: int, live_fulfillments: int) -> list[str]:
    if status in (OrderStatus.CANCELED, OrderStatus.CLOSED):
        return []
    possible = {
        "cancel": cancelable_units > 0,
        "hold": status != OrderStatus.FULFILLED,
        "release": open_holds > 0,
        "reroute": live_fulfillments > 0,
    }
    return [name for name, is_possible in possible.items() if is_possible]
