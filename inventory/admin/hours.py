"""Form fields for the hours of a place: a row a weekday, a row a special day, a row a closure, a time a service.

What a widget gives is what stands in its rows; `LocationForm` reads it as the API would. Every field can be filled
in without script: there is always an empty pair, and an empty row, to write into.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import zip_longest
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.forms.widgets import Script
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from inventory.hours import WEEKDAYS
from oms.characters import check_text
from oms.clock import EARLIEST, LATEST

Pairs = list[list[str]]
WEEKDAY_NAMES = {
    "mon": gettext_lazy("Monday"),
    "tue": gettext_lazy("Tuesday"),
    "wed": gettext_lazy("Wednesday"),
    "thu": gettext_lazy("Thursday"),
    "fri": gettext_lazy("Friday"),
    "sat": gettext_lazy("Saturday"),
    "sun": gettext_lazy("Sunday"),
}
SERVICE_NAMES = {
    "standard": gettext_lazy("Standard"),
    "express": gettext_lazy("Express"),
    "same_day": gettext_lazy("Same day"),
}
_FEWEST_PAIRS = 2
_MIDNIGHT, _END_OF_DAY = "00:00", "24:00"  # a time field knows no 24:00; nothing closes as the day begins


class RowsWidget(forms.Widget):
    """Rows of inputs that share their names."""

    class Media:
        css = {"all": ["inventory/admin/hours.css"]}
        js = [Script("inventory/admin/hours.js", type="module")]

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return False  # no row is an answer, too

    def id_for_label(self, id_: str | None) -> str:
        return ""  # its inputs have labels of their own


def _read_pairs(opens: Sequence[str], closes: Sequence[str]) -> Pairs:
    pairs = zip_longest(opens, closes, fillvalue="")
    return [[a, _END_OF_DAY if b == _MIDNIGHT else b] for a, b in pairs if a or b]


def _shown_pairs(pairs: Iterable[Sequence[str]], count: int) -> Pairs:
    shown = [[a, _MIDNIGHT if b == _END_OF_DAY else b] for a, b in pairs]
    return shown + [["", ""]] * (count - len(shown))


def _columns(days: Iterable[Sequence[Any]]) -> int:
    """Room for one pair more than any day has."""
    return max(_FEWEST_PAIRS, *(len(pairs) + 1 for pairs in days), 0)


# ---- the week ------------------------------------------------------------------------------------


class WeekWidget(RowsWidget):
    template_name = "inventory/admin/week.html"

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        hours = value or {}
        days = [
            (day, WEEKDAY_NAMES[day], _shown_pairs(pairs, max(_FEWEST_PAIRS, len(pairs) + 1)))
            for day in WEEKDAYS
            for pairs in [hours.get(day, [])]
        ]
        context["widget"] |= {"days": days, "is_always_open": not hours}
        return context

    def value_from_datadict(self, data: Any, files: Any, name: str) -> dict[str, Pairs]:
        """Empty only where it was said so: a week without a time is a fault, not an open door."""
        if data.get(f"{name}-mode") == "always":
            return {}
        return {
            day: _read_pairs(data.getlist(f"{name}-{day}-opens"), data.getlist(f"{name}-{day}-closes"))
            for day in WEEKDAYS
        }


class WeekField(forms.Field):
    widget = WeekWidget

    def has_changed(self, initial: Any, data: Any) -> bool:
        return _open_days(initial) != _open_days(data)


def _open_days(hours: Mapping[str, Any] | None) -> dict[str, Pairs]:
    return {day: [list(pair) for pair in pairs] for day, pairs in (hours or {}).items() if pairs}


# ---- special days ----------------------------------------------------------------------------------


class SpecialDaysWidget(RowsWidget):
    template_name = "inventory/admin/special_days.html"

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        rows = value or []
        count = _columns(pairs for _day, pairs in rows)
        context["widget"] |= {
            "rows": [(day, _shown_pairs(pairs, count)) for day, pairs in [*rows, ("", [])]],
            "blank": _shown_pairs([], count),
        }
        return context

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[tuple[str, Pairs]]:
        opens, closes = (self._columns_of(data, f"{name}-{end}") for end in ("opens", "closes"))
        rows = [
            (day, _read_pairs([column[row] for column in opens], [column[row] for column in closes]))
            for row, day in enumerate(data.getlist(f"{name}-day"))
        ]
        return [(day, pairs) for day, pairs in rows if day or pairs]

    @staticmethod
    def _columns_of(data: Any, name: str) -> list[list[str]]:
        rows = len(data.getlist(f"{name.rpartition('-')[0]}-day"))
        columns: list[list[str]] = []
        while found := data.getlist(f"{name}-{len(columns)}"):
            columns.append((found + [""] * rows)[:rows])
        return columns


class SpecialDaysField(forms.Field):
    widget = SpecialDaysWidget

    def prepare_value(self, value: Any) -> Any:
        return sorted(value.items()) if isinstance(value, Mapping) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return sorted(_as_lists(initial or {})) != sorted(_as_lists(dict(data or ())))

    def clean(self, value: Any) -> dict[str, Pairs]:
        rows = super().clean(value) or []
        days = [day for day, _pairs in rows]
        if "" in days:
            raise forms.ValidationError(_("A special day needs its date."), "required")
        if len(set(days)) < len(days):
            raise forms.ValidationError(_("A day stands here twice."), "duplicate")
        return dict(rows)


def _as_lists(days: Mapping[str, Any]) -> list[tuple[str, Pairs]]:
    return [(day, [list(pair) for pair in pairs]) for day, pairs in days.items()]


# ---- closures ------------------------------------------------------------------------------------


class ClosuresWidget(RowsWidget):
    """Instants as the clock of the place shows them. `timezone` is set by the form."""

    template_name = "inventory/admin/closures.html"
    timezone = "UTC"

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        context["widget"] |= {"rows": [*(value or []), {}], "blank": {}}
        return context

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[dict[str, str]]:
        names = ("from", "until", "note", "was_from", "was_until")
        columns = [data.getlist(f"{name}-{column}") for column in names]
        rows = [dict(zip(names, row, strict=True)) for row in zip_longest(*columns, fillvalue="")]
        return [row for row in rows if row["from"] or row["until"] or row["note"]]


class ClosuresField(forms.Field):
    """Rows of wall times; `instants` makes them what is stored.

    An instant that was not touched stays as it was, to the second and in the hour that comes twice.
    """

    widget = ClosuresWidget

    def prepare_value(self, value: Any) -> Any:
        if value and "from_at" in value[0]:
            return [self._row(closure) for closure in value]
        return value

    def _row(self, closure: Mapping[str, str]) -> dict[str, str]:
        zone = ZoneInfo(self.widget.timezone)
        return {
            "from": _wall_time(closure["from_at"], zone),
            "until": _wall_time(closure["until_at"], zone),
            "note": closure.get("note", ""),
            "was_from": closure["from_at"],
            "was_until": closure["until_at"],
        }

    def has_changed(self, initial: Any, data: Any) -> bool:
        return (self.prepare_value(initial) or []) != data

    def validate(self, value: Any) -> None:
        super().validate(value)
        for row in value or ():
            check_text(row["note"])

    def instants(self, rows: Iterable[Mapping[str, str]], timezone: str) -> list[dict[str, str]]:
        """Errors: ValidationError for what is no time."""
        zone = ZoneInfo(timezone)
        return [
            {
                "from_at": _instant(row["from"], row["was_from"], zone),
                "until_at": _instant(row["until"], row["was_until"], zone),
                "note": row["note"],
            }
            for row in rows
        ]


def _wall_time(instant: str, zone: ZoneInfo) -> str:
    return datetime.fromisoformat(instant).astimezone(zone).strftime("%Y-%m-%dT%H:%M")


def _instant(wall: str, was: str, zone: ZoneInfo) -> str:
    try:
        at = datetime.fromisoformat(wall).replace(tzinfo=zone)
        is_untouched = bool(was) and _wall_time(was, zone) == at.strftime("%Y-%m-%dT%H:%M")
    except ValueError:
        raise forms.ValidationError(
            _("A closure needs the day and time from which and until which."), "required"
        ) from None
    if not (is_untouched or EARLIEST <= at < LATEST):
        raise forms.ValidationError(_("A moment between the years 1900 and 2200 is needed"), "out_of_reach")
    return was if is_untouched else at.isoformat()


# ---- cut-off -------------------------------------------------------------------------------------


class CutOffWidget(RowsWidget):
    template_name = "inventory/admin/cut_off.html"

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        by_service = value if isinstance(value, Mapping) else {"": value or ""}
        labels = {"": _("Every service"), **SERVICE_NAMES}
        others = {service: service for service in by_service if service not in labels}
        context["widget"]["times"] = [
            (service, label, _without_end_of_day(by_service.get(service, "")))
            for service, label in {**labels, **others}.items()
        ]
        return context

    def value_from_datadict(self, data: Any, files: Any, name: str) -> str | dict[str, str] | None:
        given = dict(zip(data.getlist(f"{name}-service"), data.getlist(f"{name}-time"), strict=False))
        every = given.pop("", "")
        if not any(given.values()):
            return every or None
        return {service: time for service in given if (time := given[service] or every)}


def _without_end_of_day(time: str) -> str:
    return "" if time == _END_OF_DAY else time  # what may come all day long has no cut-off


class CutOffField(forms.Field):
    widget = CutOffWidget

    def has_changed(self, initial: Any, data: Any) -> bool:
        return (initial or None) != (data or None)
