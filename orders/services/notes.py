"""What staff write down about an order: a line of its timeline."""

from datetime import datetime

from oms.idempotency import idempotent
from oms.outbox import Fact, publish
from oms.transactions import use_case
from orders.commands import AddNote
from orders.locks import lock_order_number


@use_case
@idempotent
def add_note(*, number: int, command: AddNote, actor: str, as_of: datetime) -> str:
    """Returns the order's id. Errors: Missing."""
    order = lock_order_number(number)
    publish([Fact("orders.order.noted", order.pk, order.pk, actor, {"note": command.text})], as_of=as_of)
    return order.pk
