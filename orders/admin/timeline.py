"""What happened to an order, newest first: when, what, who."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from oms.backoffice.sentences import say
from oms.backoffice.words import who
from oms.models import Event

_SHOWN = 300
_ICONS = {
    "orders.order": "shopping_bag",
    "orders.fulfillment": "package_2",
    "orders.payment": "credit_card",
    "orders.exception": "report",
}


@dataclass(frozen=True, slots=True)
class Entry:
    at: datetime
    icon: str
    text: str
    actor: str


def timeline(order_id: str, *, places: Mapping[str, str]) -> list[Entry]:
    """`places`: the name of the place behind each subject (fulfillment or exception)."""
    events = Event.objects.filter(root=order_id).order_by("-id")[:_SHOWN]
    return [_entry(event, places) for event in events]


def _entry(event: Event, places: Mapping[str, Any]) -> Entry:
    noun = event.type.rpartition(".")[0]
    text = say(event.type, event.payload, place=places.get(event.subject, ""))
    return Entry(event.occurred_at, _ICONS.get(noun, "circle"), text, who(event.actor))
