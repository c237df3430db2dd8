"""Each status with its colour and icon."""

from django.utils.safestring import SafeString

from inventory.states import ImportStatus
from oms.backoffice.words import Tone, badge

IMPORT_LOOKS: dict[str, tuple[Tone, str]] = {
    ImportStatus.UPLOADED: ("warn", "visibility"),
    ImportStatus.PENDING: ("quiet", "schedule"),
    ImportStatus.STAGING: ("busy", "menu_book"),
    ImportStatus.APPLYING: ("busy", "sync"),
    ImportStatus.COMPLETED: ("good", "check_circle"),
    ImportStatus.CANCELED: ("quiet", "cancel"),
    ImportStatus.FAILED: ("bad", "error"),
}


def import_badge(status: str) -> SafeString:
    return badge(ImportStatus(status).label, *IMPORT_LOOKS[status])
