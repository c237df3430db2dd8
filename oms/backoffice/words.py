"""Facts as people read them: words, never JSON; a status as word, colour and icon."""

import functools
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from django.contrib import admin
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format, number_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from oms.actors import CLOCK, SYSTEM
from oms.clock import now
from oms.ids import PrefixedIdField

Tone = Literal["good", "busy", "warn", "bad", "quiet"]
NOTHING = mark_safe('<span class="bo-quiet">–</span>')

_FIELDS = {
    "name": gettext_lazy("name"),
    "company": gettext_lazy("company"),
    "line1": gettext_lazy("address"),
    "line2": gettext_lazy("address, second line"),
    "postal_code": gettext_lazy("postal code"),
    "city": gettext_lazy("city"),
    "region": gettext_lazy("region"),
    "country": gettext_lazy("country"),
    "phone": gettext_lazy("phone"),
    "sku": gettext_lazy("SKU"),
    "quantity": gettext_lazy("quantity"),
    "line": gettext_lazy("line"),
    "location": gettext_lazy("place"),
    "reason": gettext_lazy("reason"),
    "why": gettext_lazy("why"),
    "note": gettext_lazy("note"),
    "from": gettext_lazy("before"),
    "total": gettext_lazy("total"),
    "currency": gettext_lazy("currency"),
    "channel": gettext_lazy("channel"),
    "kind": gettext_lazy("kind"),
    "decision": gettext_lazy("decision"),
    "replaces": gettext_lazy("replaces"),
    "lines": gettext_lazy("lines"),
    "levels": gettext_lazy("stock levels"),
    "on_hand": gettext_lazy("on hand"),
    "reserved": gettext_lazy("reserved"),
    "damaged": gettext_lazy("damaged"),
    "quarantined": gettext_lazy("quarantined"),
    "reference": gettext_lazy("reference"),
    "resolution": gettext_lazy("resolution"),
    "attempts": gettext_lazy("attempts"),
    "amount": gettext_lazy("amount"),
    "hold": gettext_lazy("hold"),
    "short": gettext_lazy("missing"),
    "collect_by": gettext_lazy("collect by"),
    "until": gettext_lazy("until"),
}


def badge(word: Any, tone: Tone = "quiet", icon: str = "circle") -> SafeString:
    """A status: its word in its colour beside its icon."""
    return format_html(
        '<span class="bo-badge bo-{}"><span class="material-symbols-outlined" aria-hidden="true">{}</span>{}</span>',
        tone,
        icon,
        word,
    )


def link(model: str, pk: Any, text: Any = None) -> SafeString:
    """The way to a row of `app.model`, named by `text` or by its key."""
    address = reverse(f"admin:{model.lower().replace('.', '_')}_change", args=[pk])
    return format_html('<a class="bo-link" href="{}">{}</a>', address, pk if text is None else text)


def subject_link(subject: str, text: str | None = None) -> SafeString | str:
    """The way to the row a public id names, where the back office has a page for its kind."""
    model = _models_by_prefix().get(subject.partition("_")[0])
    return link(model, subject, text) if model else text or subject


@functools.cache
def _models_by_prefix() -> dict[str, str]:
    keys = ((model, model._meta.pk) for model in admin.site._registry)
    return {key.prefix: model._meta.label for model, key in keys if isinstance(key, PrefixedIdField)}


def money(amount: Any, currency: str) -> str:
    return f"{number_format(amount, use_l10n=True, force_grouping=True)}\N{NO-BREAK SPACE}{currency}"


def number(value: float | Decimal) -> str:
    """With all its digits: two that differ in one read differently."""
    return number_format(f"{Decimal(str(value)).normalize():f}")


def figure(number: float, decimals: int) -> str:
    """Rounded, with thousands apart: `number_format` by itself cuts off what it does not show."""
    return number_format(round(number, decimals), decimals, use_l10n=True, force_grouping=True)


def weight(grams: int) -> str:
    """In grams below a kilogram."""
    number, unit = (grams, "g") if grams < 1000 else (Decimal(grams) / 1000, "kg")
    return f"{number_format(number, force_grouping=True)}\N{NO-BREAK SPACE}{unit}"


def instant(at: datetime | None, *, as_of: datetime | None = None) -> SafeString:
    """“in 12 min”, “3 h ago”, beyond a day the date; the exact instant on hover, in the zone of the back office."""
    if at is None:
        return NOTHING
    local = timezone.localtime(at)
    distance = at - (as_of or now())
    # Translators: a day and its time, in Django's date format letters
    text = date_format(local, _("j M H:i")) if abs(distance) >= timedelta(days=1) else _relative(distance)
    return format_html('<time datetime="{}" title="{}">{}</time>', at.isoformat(), exact_instant(at), text)


def exact_instant(at: datetime) -> str:
    """To the minute, in the zone of the back office, which it names."""
    local = timezone.localtime(at)
    return f"{date_format(local, 'DATETIME_FORMAT')} {local.tzname()}"


def _relative(distance: timedelta) -> str:
    if abs(distance) < timedelta(minutes=1):
        return _("now")
    words = duration(abs(distance))
    return (
        _("in %(duration)s") % {"duration": words}
        if distance > timedelta(0)
        else _("%(duration)s ago") % {"duration": words}
    )


def duration(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    if minutes < 60:
        return _("%(minutes)s min") % {"minutes": minutes}
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        return ngettext("%(days)s day", "%(days)s days", hours // 24) % {"days": hours // 24}
    return (
        _("%(hours)s h %(minutes)s min") % {"hours": hours, "minutes": minutes}
        if minutes
        else _("%(hours)s h") % {"hours": hours}
    )


def who(actor: str) -> str:
    """The actor of an event in words; people and keys by their names."""
    kind, _colon, name = actor.partition(":")
    if actor == CLOCK:
        return _("The clock")
    if actor == SYSTEM:
        return _("The system")
    if kind == "key":
        return _("API key %(name)s") % {"name": name}
    return name or actor


def listed(values: Iterable[Any]) -> SafeString | str:
    """Values one after the other; a dash for none."""
    return ", ".join(str(value) for value in values) or NOTHING


def remarks(found: Iterable[tuple[bool, str]]) -> SafeString:
    """What a review found: whether it must be mended, and its sentence."""
    must, may = badge(_("Must be mended"), "bad", "error"), badge(_("Worth a look"), "warn", "info")
    rows = [(must if is_fault else may, text) for is_fault, text in found]
    return format_html("<ul>{}</ul>", format_html_join("", "<li>{} {}</li>", rows)) if rows else NOTHING


def pairs(facts: Any) -> SafeString | str:
    """Stored JSON as a list of names and values, nested ones as tables; empty things are left out."""
    if isinstance(facts, Mapping):
        rows = [(_name(key), pairs(value)) for key, value in facts.items() if value not in (None, "", [], {})]
        return (
            format_html('<dl class="bo-pairs">{}</dl>', format_html_join("", "<dt>{}</dt><dd>{}</dd>", rows))
            if rows
            else NOTHING
        )
    if isinstance(facts, list) and facts and all(isinstance(row, Mapping) for row in facts):
        return _table(facts)
    if isinstance(facts, list):
        return listed(facts)
    return _scalar(facts)


def _table(rows: list[Mapping[str, Any]]) -> SafeString:
    names = list(dict.fromkeys(name for row in rows for name in row))
    head = format_html_join("", "<th>{}</th>", ((_name(name),) for name in names))
    body = format_html_join(
        "",
        "<tr>{}</tr>",
        ((format_html_join("", "<td>{}</td>", ((pairs(row.get(name)),) for name in names)),) for row in rows),
    )
    return format_html('<table class="bo-table"><thead><tr>{}</tr></thead><tbody>{}</tbody></table>', head, body)


def _name(key: str) -> str:
    return str(_FIELDS.get(key, key.replace("_", " ")))


def _scalar(value: Any) -> SafeString | str:
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, str) and "T" in value and (at := _instant_in(value)):
        return instant(at)
    return str(value)


def _instant_in(text: str) -> datetime | None:
    try:
        at = parse_datetime(text)
    except ValueError:
        return None
    return at if at and at.tzinfo else None
