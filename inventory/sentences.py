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
    LOCATION_LIMITED,
    LOCATION_PAUSED,
    LOCATION_RESUMED,
    PRICE_CHANGED,
)
from inventory.models import AdjustmentKind, AdjustmentReason
from oms.backoffice.sentences import Payload, register, tells

register(
    {
        LOCATION_LIMITED: gettext_lazy("%(place)s takes a limited number of orders a day from now on"),
        LOCATION_RESUMED: gettext_lazy("%(place)s takes orders again"),
        "inventory.inbound.announced": gettext_lazy("A delivery to %(place)s was announced"),
        "inventory.inbound.sent": gettext_lazy("Units left for %(place)s"),
        "inventory.inbound.changed": gettext_lazy("The announcement was changed"),
        "inventory.inbound.late": gettext_lazy("It is late at %(place)s"),
        "inventory.level.changed": gettext_lazy("Stock changed"),
    }
)


@tells(LOCATION_PAUSED)
def _paused(payload: Payload, place: str) -> str:
    until = timezone.localtime(datetime.fromisoformat(payload["until"]))
    facts = {"place": place, "until": date_format(until, _("j M H:i"))}
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


@tells("inventory.inbound.received")
def _received(payload: Payload, place: str) -> str:
    units = sum(line["quantity"] for line in payload.get("lines", ()))
    said = ngettext("%(units)d unit came to %(place)s", "%(units)d units came to %(place)s", units)
    return said % {"units": units, "place": place}


@tells("inventory.inbound.closed")
def _closed(payload: Payload, place: str) -> str:
    names = {"missing": _("missing"), "over": _("over"), "damaged": _("damaged"), "quarantined": _("quarantined")}
    differences = ", ".join(f"{payload[name]} {word}" for name, word in names.items() if payload.get(name))
    said = _("All of it is in %(place)s") if not differences else _("Closed in %(place)s: %(differences)s")
    return _with_note(said % {"place": place, "differences": differences}, payload.get("why"))


@tells("inventory.inbound.canceled")
def _canceled(payload: Payload, place: str) -> str:
    return _with_note(_("It does not come to %(place)s") % {"place": place}, payload.get("why"))


@tells("inventory.inbound.short")
def _short(payload: Payload, place: str) -> str:
    units = sum(line["missing"] for line in payload.get("lines", ()))
    said = ngettext("%(units)d unit is missing in %(place)s", "%(units)d units are missing in %(place)s", units)
    return said % {"units": units, "place": place}


@tells("inventory.stock.short")
def _promised_and_not_there(payload: Payload, place: str) -> str:
    units = payload.get("short", 0)
    said = ngettext(
        "%(units)d promised unit of %(sku)s is not there", "%(units)d promised units of %(sku)s are not there", units
    )
    return said % {"units": units, "sku": payload.get("sku", "")}


@tells("inventory.stock.adjusted")
def _adjusted(payload: Payload, place: str) -> str:
    kinds, reasons = dict(AdjustmentKind.choices), dict(AdjustmentReason.choices)
    kind, reason = payload.get("kind", ""), payload.get("reason", "")
    facts = {
        "what": kinds.get(kind, kind),
        "units": payload.get("quantity", ""),
        "sku": payload.get("sku", ""),
        "why": reasons.get(reason, reason),
    }
    return _with_note(_("%(what)s: %(units)s of %(sku)s, %(why)s") % facts, payload.get("note"))


def _with_note(said: str, note: str | None) -> str:
    return _("%(said)s – %(note)s") % {"said": said, "note": note} if note else said
