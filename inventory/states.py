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


class ImportStatus(models.TextChoices):
    UPLOADED = "uploaded", _("Uploaded, not begun")
    PENDING = "pending", _("Waiting")
    STAGING = "staging", _("Reading the file")
    APPLYING = "applying", _("Applying")
    COMPLETED = "completed", _("Completed")
    CANCELED = "canceled", _("Canceled")
    FAILED = "failed", _("Failed")


I = ImportStatus  # noqa: E741
IMPORT_MOVES = StateTable(
    {
        I.UPLOADED: {I.PENDING, I.CANCELED},  # a person looks at it first
        I.PENDING: {I.STAGING, I.CANCELED, I.FAILED},
        I.STAGING: {I.APPLYING, I.CANCELED, I.FAILED},  # nothing is applied before the whole file was read
        I.APPLYING: {I.COMPLETED, I.CANCELED, I.FAILED},
        I.COMPLETED: set(),
        I.CANCELED: set(),
        I.FAILED: set(),
    },
    noun="inventory.import",
    states=I,
)
LIVE_IMPORTS = frozenset({I.PENDING, I.STAGING, I.APPLYING})
OPEN_IMPORTS = LIVE_IMPORTS | {I.UPLOADED}


class CountStatus(models.TextChoices):
    OPEN = "open", _("Being counted")
    SUBMITTED = "submitted", _("To be approved")
    APPROVED = "approved", _("Approved")
    CANCELED = "canceled", _("Canceled")


C = CountStatus
COUNT_MOVES = StateTable(
    {
        C.OPEN: {C.SUBMITTED, C.CANCELED},  # people count
        C.SUBMITTED: {C.OPEN, C.APPROVED, C.CANCELED},  # differences wait; open again: some are counted once more
        C.APPROVED: set(),  # every difference was decided
        C.CANCELED: set(),  # what was not applied never is
    },
    noun="inventory.count",
    states=C,
    event_names={C.OPEN: "opened"},
)
COUNT_LIVE = frozenset({C.OPEN, C.SUBMITTED})


class CountLineStatus(models.TextChoices):
    COUNTED = "counted", _("Counted")  # being counted, or not yet submitted
    RECOUNT = "recount", _("To be counted again")
    WAITING = "waiting", _("To be approved")
    APPLIED = "applied", _("In the books")
    REJECTED = "rejected", _("Rejected")  # the books stay as they are
    STALE = "stale", _("Counted later elsewhere")  # the level was counted again after it


COUNTABLE = frozenset({CountLineStatus.COUNTED, CountLineStatus.RECOUNT})
DECIDED = frozenset({CountLineStatus.APPLIED, CountLineStatus.REJECTED, CountLineStatus.STALE})
