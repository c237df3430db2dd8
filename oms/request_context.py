"""What the present request or task is called, for logs, events and problem documents."""

from contextvars import ContextVar
from uuid import uuid4

_request_id: ContextVar[str] = ContextVar("request_id", default="")


def request_id() -> str:
    return _request_id.get()


def new_request_id(given: str = "") -> str:
    """Take the caller's id if it is plain and short, else make one."""
    name = (
        given
        if given.isascii() and given.replace("-", "").replace("_", "").isalnum() and len(given) <= 64
        else uuid4().hex
    )
    _request_id.set(name)
    return name
