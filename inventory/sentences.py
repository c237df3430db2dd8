"""How this app's events read on a timeline."""

from datetime import datetime

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from inventory.events import LEDGER_FORGOTTEN, LEVEL_REPAIRED, LOCATION_PAUSED, LOCATION_RESUMED
from oms.backoffice.sentences import Payload, register, tells

register({LOCATION_RESUMED: gettext_lazy("%(place)s takes orders again")})


@tells(LOCATION_PAUSED)
def _paused(payload: Payload, place: str) -> str:
    until = timezone.localtime(datetime.fromisoformat(payload["until"]))
    facts = {"place": place, "until": date_format(until, "DATETIME_FORMAT")}
    sentence = _("%(place)s takes no more orders until %(until)s") % facts
    return f"{sentence} – {payload['reason']}" if payload.get("reason") else sentence


@tells(LEVEL_REPAIRED)
def _repaired(payload: Payload, _place: str) -> str:
    facts = {"sku": payload.get("sku", ""), "place": payload.get("location", "")}
    return _("%(sku)s at %(place)s was mended by its books") % facts


@tells(LEDGER_FORGOTTEN)
def _forgotten(payload: Payload, _place: str) -> str:
    begins = timezone.localtime(datetime.fromisoformat(payload["begins_at"]))
    facts = {"movements": payload.get("movements", 0), "begins": date_format(begins, "DATE_FORMAT")}
    return _("%(movements)s old movements were forgotten; the ledger begins on %(begins)s") % facts
