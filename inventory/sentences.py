"""How this app's events read on a timeline."""

from datetime import datetime

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from inventory.events import (
    FILE_IMPORTED,
    LEDGER_FORGOTTEN,
    LEVEL_REPAIRED,
    LOCATION_PAUSED,
    LOCATION_RESUMED,
    PRICE_CHANGED,
)
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


@tells(PRICE_CHANGED)
def _price_changed(payload: Payload, _place: str) -> str:
    prices = payload.get("prices") or []
    if len(prices) != 1:
        return ngettext("%(count)s price was set", "%(count)s prices were set", len(prices)) % {"count": len(prices)}
    (price,) = prices
    names = ("sku", "channel", "amount", "currency")
    facts = {name: price.get(name, "") for name in names}
    if price.get("is_taken_back"):
        return _("the price of %(sku)s in %(channel)s, %(amount)s %(currency)s, was taken back") % facts
    return _("the price of %(sku)s in %(channel)s is set to %(amount)s %(currency)s") % facts


@tells(FILE_IMPORTED)
def _file_imported(payload: Payload, _place: str) -> str:
    facts = {"file": payload.get("file", ""), "new": payload.get("created", 0), "changed": payload.get("updated", 0)}
    return _("the file %(file)s was brought in: %(new)s new rows, %(changed)s changed") % facts
