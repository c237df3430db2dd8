"""Typed errors: what is true about the business. Only `oms.problems` knows HTTP.

A leaf class has a stable `code`, a kind (its parent) and typed facts. Raise when nothing could be
done; never return False.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong in a body. `pointer` is an RFC 6901 JSON pointer, e.g. `/lines/0/sku`."""

    pointer: str
    code: str
    detail: str


class DomainError(Exception):
    code = "error"
    title: Any = _("Something is wrong")

    def __init__(self, detail: Any = "", *, errors: tuple[FieldError, ...] | list[FieldError] = (), **facts: Any):
        super().__init__(str(detail or self.title))
        self.detail = detail or self.title
        self.errors = tuple(errors)
        self.facts: Mapping[str, Any] = facts


class Unreadable(DomainError):
    """The request cannot be read at all (not JSON, nested too deep)."""

    code = "unreadable"
    title = _("The request cannot be read")


class Invalid(DomainError):
    code = "invalid"
    title = _("Some fields are not right")


class Missing(DomainError):
    code = "not_found"
    title = _("Not found")


class Forbidden(DomainError):
    code = "forbidden"
    title = _("Not allowed")


class Conflict(DomainError):
    code = "conflict"
    title = _("This does not fit the present state")


class PreconditionFailed(DomainError):
    """Facts: `etag` (of what is there now)."""

    code = "precondition_failed"
    title = _("It is no longer what you have seen: look at it again")


class Busy(DomainError):
    """Try again after `retry_after` seconds."""

    code = "busy"
    title = _("Busy, please try again")

    def __init__(self, detail: Any = "", *, retry_after: int = 1, **facts: Any):
        super().__init__(detail, **facts)
        self.retry_after = retry_after


class IllegalMove(Conflict):
    """Facts: `current` (the present status), `actions` (what is possible now)."""

    code = "illegal_move"
    title = _("This move is not possible now")


class IdempotencyKeyReused(Invalid):
    code = "idempotency_key_reused"
    title = _("This key was used for another request")


class IdempotencyKeyRequired(Unreadable):
    code = "idempotency_key_required"
    title = _("The header Idempotency-Key is missing")


class IdempotencyInProgress(Conflict):
    code = "idempotency_in_progress"
    title = _("The first request with this key is still running")
    retry_after = 2


class ChannelNotAllowed(Forbidden):
    code = "channel_not_allowed"
    title = _("This key may not act for that channel")


class PlaceNotAllowed(Forbidden):
    code = "place_not_allowed"
    title = _("This key may not act beyond its places")
