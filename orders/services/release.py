"""Work whose time has come: handed to its place, or to another where the place takes no orders by now."""

from collections.abc import Sequence
from datetime import datetime

from inventory.queries import places
from oms import deadlines
from oms.actors import CLOCK
from oms.deadlines import Claimed
from oms.transactions import in_transaction, use_case
from orders.locks import lock_order
from orders.models import Fulfillment, Order, Payment
from orders.services import reassignment, work

CLOSED_MEANWHILE = "takes_no_orders"


@in_transaction
def release_work(order: Order, *, actor: str, as_of: datetime, payments: Sequence[Payment] | None = None) -> None:
    """Hand out all work of the order that may be; see `work.due_work`. The order is locked; so are `payments`, if given.

    A place that was paused since it was planned is not given it: it is planned anew. Where the shopper chose the place,
    it stays there, as an order does that it had before the pause.
    """
    due = work.due_work(order, as_of=as_of, payments=payments)
    elsewhere = [piece for piece in due if must_go_elsewhere(piece, as_of)]
    work.assign(order.channel_id, [piece for piece in due if piece not in elsewhere], actor=actor, as_of=as_of)
    if elsewhere:
        reassignment.move_planned(order, elsewhere, why=CLOSED_MEANWHILE, actor=actor, as_of=as_of)


def must_go_elsewhere(piece: Fulfillment, as_of: datetime) -> bool:
    return not piece.is_pickup and not places()[piece.location_id].takes_orders(as_of)


@use_case
def on_release(deadline: Claimed, as_of: datetime) -> None:
    """The grace period is over, or a placement was cut off before it could hand the work out."""
    order_id = Fulfillment.objects.values_list("order_id", flat=True).get(pk=deadline.subject)
    order = lock_order(order_id)
    deadlines.finish(deadline)
    release_work(order, actor=CLOCK, as_of=as_of)
