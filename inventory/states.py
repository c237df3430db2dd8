"""Every status of this app, with its table of moves."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from oms.states import StateTable


class InboundStatus(models.TextChoices):
    ANNOUNCED = "announced", _("Announced")
    IN_TRANSIT = "in_transit", _("In transit")
    PARTIALLY_RECEIVED = "partially_received", _("Partially received")
    RECEIVED = "received", _("Received")
    CANCELED = "canceled", _("Canceled")


S = InboundStatus
INBOUND_MOVES = StateTable(
    {
        S.ANNOUNCED: {S.PARTIALLY_RECEIVED, S.RECEIVED, S.CANCELED},  # a delivery somebody sends us
        S.IN_TRANSIT: {S.PARTIALLY_RECEIVED, S.RECEIVED, S.CANCELED},  # a transfer: its units left the origin
        S.PARTIALLY_RECEIVED: {S.PARTIALLY_RECEIVED, S.RECEIVED},  # the rest may come, or is found missing
        S.RECEIVED: set(),
        S.CANCELED: set(),
    },
    noun="inventory.inbound",
    states=S,
    event_names={S.IN_TRANSIT: "sent", S.PARTIALLY_RECEIVED: "received", S.RECEIVED: "closed"},
)
OPEN = frozenset({S.ANNOUNCED, S.IN_TRANSIT, S.PARTIALLY_RECEIVED})
UNTOUCHED = frozenset({S.ANNOUNCED, S.IN_TRANSIT})
