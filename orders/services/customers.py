"""What is said of customers, besides by their orders."""

from oms.errors import Missing
from oms.transactions import in_transaction, use_case
from orders.commands import ChangeCustomer
from orders.models import Customer


@use_case
def change_customer(*, customer_id: str, command: ChangeCustomer) -> None:
    """Errors: Missing."""
    tag_customer(customer_id=customer_id, tags=command.tags)


@in_transaction
def tag_customer(*, customer_id: str, tags: tuple[str, ...]) -> None:
    """Replace the tags. Orders placed already keep those they were planned with. Errors: Missing."""
    if not Customer.objects.filter(pk=customer_id).update(tags=list(tags)):
        raise Missing()
