"""What a service refused, in words at the top of the page."""

from django.contrib import messages
from django.http import HttpRequest

from oms.errors import DomainError


def tell_refusal(request: HttpRequest, error: DomainError) -> None:
    """Nothing was changed: say what stands against it, field by field where the error knows."""
    messages.error(
        request,
        str(error.title if not error.detail or error.detail == error.title else f"{error.title}: {error.detail}"),
    )
    for field in error.errors:
        messages.error(request, field.detail)
