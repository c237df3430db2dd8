"""Forms for rules and steps, made from the document itself: what a rule set can say, people can choose.

A form shows an item of the document and gives one back; in between nobody meets its JSON.
"""

import datetime as dt
import re
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from django import forms
from django.forms.boundfield import BoundField
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from pydantic import BaseModel
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from inventory import queries as inventory
from oms.api.body import Body, read
from oms.errors import Invalid
from oms.models import Channel
from routing import words
from routing.documents import Rule, RuleSetDocument, Step
from routing.labels import HELP, title

Choices = Sequence[tuple[str, Any]]
Names = Mapping[str, Choices]
"""By key of the document: what there is today to choose from, with its words."""

_MOST_TICKED = 400
_RANKED = frozenset({"locations"})  # the weight of their order counts from the first of them
_SEPARATORS = {"countries": r"[\s,;]+", "postal_prefixes": r"[\s,;]+", "skus": r"[\n,]+", "locations": r"[\n,;]+"}


def names_today() -> Names:
    in_use = {code: place for code, place in inventory.places().items() if place.is_active}
    groups = [(group, group) for group in sorted({group for place in in_use.values() for group in place.groups})]
    tags = [(tag, tag) for tag in sorted(inventory.tags_in_use())]
    places = [(code, f"{place.name} ({code})") for code, place in in_use.items()]
    return {
        "channels": list(Channel.objects.order_by("code").values_list("code", "name")),
        "groups": groups,
        "exclude_groups": groups,
        "locations": sorted(places, key=lambda place: place[1].casefold()),
        "tags": tags,
        "no_split_tags": tags,
    }


# ---- fields ----------------------------------------------------------------------------------------


class ListField(forms.CharField):
    """Words of one's own: one a line, or parted as the key allows."""

    def __init__(self, key: str, **kwargs: Any):
        self.separators = _SEPARATORS.get(key, r"\n+")
        super().__init__(widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}), **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list | tuple) else value

    def to_python(self, value: Any) -> list[str]:  # type: ignore[override]
        text = (value or "").replace("\r\n", "\n")
        return [word for part in re.split(self.separators, text) if (word := part.strip())]


class TickField(forms.MultipleChoiceField):
    """Boxes to tick. What is ticked but not there any more stays in sight, and can be taken out."""

    widget = forms.CheckboxSelectMultiple

    def __init__(self, choices: Choices, *, ticked: Sequence[str] = (), **kwargs: Any):
        known = {code for code, _word in choices}
        gone = [(code, _("%(name)s (not in use)") % {"name": code}) for code in ticked if code not in known]
        self.offered: Choices = [*gone, *choices]
        super().__init__(choices=self.offered, **kwargs)


class RankedTickField(TickField):
    """The same where it matters which comes first: what is ticked stands first, in its order, and is sent in it."""

    is_ranked = True

    def __init__(self, choices: Choices, *, ticked: Sequence[str] = (), **kwargs: Any):
        super().__init__(choices, ticked=ticked, **kwargs)
        self.rank(ticked)

    def rank(self, ticked: Sequence[str]) -> None:
        ranks = {code: rank for rank, code in enumerate(ticked)}
        self.choices = sorted(self.offered, key=lambda choice: ranks.get(choice[0], len(ranks)))


class ChoiceOfRest(forms.ChoiceField):
    widget = UnfoldAdminSelectWidget

    def __init__(self, values: Sequence[str], **kwargs: Any):
        super().__init__(choices=[(value, capfirst(words.rest_words(value))) for value in values], **kwargs)


def _input(kind: str, **attrs: Any) -> forms.Widget:
    return UnfoldAdminTextInputWidget(attrs={"type": kind, **attrs})


def _number(**attrs: Any) -> forms.Widget:
    return _input("number", inputmode="decimal", step="any", min=0, **attrs)


_SCALARS: Mapping[Any, tuple[type[forms.Field], Any]] = {
    int: (forms.IntegerField, lambda: _input("number", inputmode="numeric", step=1, min=0)),
    float: (forms.DecimalField, _number),
    Decimal: (forms.DecimalField, _number),
    dt.date: (forms.DateField, lambda: _input("date")),
    str: (forms.CharField, lambda: _input("text")),
}


def field_for(key: str, annotation: Any, value: Any, names: Names) -> forms.Field:
    """The form's field for one field of the document, by its type; `value`: what stands there."""
    told: dict[str, Any] = {"label": title(key), "help_text": HELP.get(key, ""), "required": key == "name"}
    kind = _bare(annotation)
    if get_origin(kind) is tuple:
        return _list_field(key, _bare(get_args(kind)[0]), value, names, told)
    if get_origin(kind) is Literal:
        return ChoiceOfRest(get_args(kind), **told)
    if kind is bool:
        return forms.BooleanField(**told)
    field, widget = _SCALARS[kind]
    return field(widget=_input("time") if key.endswith("_time") else widget(), **told)


def _list_field(key: str, item: Any, value: Any, names: Names, told: dict[str, Any]) -> forms.Field:
    choices: Choices | None = names.get(key)
    if get_origin(item) is Literal:
        choices = [(word, capfirst(str(words.WORDS[key][word]))) for word in get_args(item)]
    if choices is None or len(choices) > _MOST_TICKED:
        return ListField(key, **told)
    return (RankedTickField if key in _RANKED else TickField)(choices, ticked=value or (), **told)


def _bare(annotation: Any) -> Any:
    """Without bounds, and without None."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return _bare(next(part for part in get_args(annotation) if part is not type(None)))
    return annotation


# ---- forms -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a form under one heading; `is_open` when something in it is set."""

    title: Any
    fields: list[BoundField]
    is_open: bool


class ItemForm(forms.Form):
    """An item of the document, field by field. After `is_valid`, `item` is what people made of it."""

    model: type[Body]
    boxes: tuple[str, ...] = ()
    """Keys under which further fields stand; a field is called `box-key`."""
    left_out: frozenset[str] = frozenset()
    sections: tuple[tuple[Any, tuple[str, ...]], ...] = ()
    rest_of_it: Any = gettext_lazy("More")
    always_open: frozenset[str] = frozenset()
    """Fields whose sections are open whatever they say."""

    def __init__(self, data: Any = None, *, item: Mapping[str, Any], names: Names):
        super().__init__(data)
        self.before = item
        self.item: dict[str, Any] = dict(item)
        self.usual: dict[str, Any] = {}
        for name, key, annotation, default, usual, value in self._parts():
            self.fields[name] = field = field_for(key, annotation, value, names)
            if data is not None and isinstance(field, RankedTickField):
                field.rank(self[name].data or ())
            self.usual[name] = _as_typed(usual, default)
            self.initial[name] = _as_typed(value, default)

    def _parts(self) -> Iterator[tuple[str, str, Any, Any, Any, Any]]:
        """(form field, key, type, default, what it is where nothing is said of its box, value) of all the form shows."""
        for key, field in self.model.model_fields.items():
            alias = field.alias or key
            if alias in self.boxes:
                inner, usual = _bare(field.annotation), _plain(field.get_default())
                for name, part in inner.model_fields.items():
                    value = self.before[alias].get(name)
                    yield f"{alias}-{name}", name, part.annotation, _plain(part.get_default()), usual[name], value
            elif alias not in self.left_out:
                default = _plain(field.get_default())
                yield alias, alias, field.annotation, default, default, self.before.get(alias)

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if self.errors:
            return given
        made: dict[str, Any] = {key: value for key, value in self.before.items() if key in self.left_out}
        for name in self.fields:
            value = given[name]
            if value not in (None, ""):
                box, _dash, key = name.rpartition("-")
                (made.setdefault(box, {}) if box else made)[key] = value
        try:
            self.item = read(self.model, made).model_dump(mode="json", by_alias=True)
        except Invalid as refusal:
            for fault in refusal.errors:
                self.add_error(self._field_of(fault.pointer), fault.detail)
        return given

    def _field_of(self, pointer: str) -> str | None:
        """The field a fault belongs to: `/from/groups/2` is of `from-groups`."""
        parts = pointer.removeprefix("/").split("/")
        names = ("-".join(parts[:2]), parts[0])
        return next((name for name in names if name in self.fields), None)

    def shown(self) -> list[Section]:
        told = {name for _title, names in self.sections for name in names}
        others = tuple(name for name in self.fields if name not in told)
        parts = [*self.sections, (self.rest_of_it, others)]
        found = [(heading, [self[name] for name in names if name in self.fields]) for heading, names in parts]
        return [Section(heading, fields, self._is_open(fields)) for heading, fields in found if fields]

    def _is_open(self, fields: list[BoundField]) -> bool:
        return any(field.name in self.always_open or self._says_something(field) for field in fields)

    def _says_something(self, field: BoundField) -> bool:
        return bool(field.errors) or field.value() not in (None, "", [], self.usual[field.name])


def _plain(default: Any) -> Any:
    """As it stands in the document."""
    if isinstance(default, BaseModel):
        return default.model_dump(mode="json", by_alias=True)
    return list(default) if isinstance(default, tuple) else default


def _as_typed(value: Any, default: Any) -> Any:
    """What stands in the field: nothing for what is said by saying nothing."""
    if isinstance(value, bool | list | str) or value is None:
        return value
    if value == default:
        return None
    return f"{Decimal(str(value)).normalize():f}" if isinstance(value, float) else value


class RuleForm(ItemForm):
    """A rule without its steps: its name, and which orders it speaks for."""

    model = Rule
    boxes = ("when",)
    always_open = frozenset({"when-channels"})
    left_out = frozenset({"steps"})
    sections = (
        ("", ("name",)),
        (gettext_lazy("Where orders come from and how they leave"), ("when-channels", "when-methods", "when-services")),
        (gettext_lazy("Where they go"), ("when-countries", "when-postal_prefixes")),
        (
            gettext_lazy("What is in them"),
            (
                "when-skus",
                "when-tags",
                "when-min_value",
                "when-max_value",
                "when-min_weight_g",
                "when-max_weight_g",
                "when-min_units",
                "when-max_units",
            ),
        ),
        (gettext_lazy("Who wants them"), ("when-customer_tags",)),
        (
            gettext_lazy("When they come"),
            ("when-weekdays", "when-from_time", "when-until_time", "when-from_date", "when-until_date"),
        ),
    )


class StepForm(ItemForm):
    model = Step
    boxes = ("from", "weights")
    always_open = frozenset({"from-kinds", "rest"})
    sections = (
        ("", ("name",)),
        (
            gettext_lazy("Which places may serve"),
            (
                "from-kinds",
                "from-groups",
                "from-exclude_groups",
                "from-locations",
                "from-abilities",
                "from-max_distance_km",
            ),
        ),
        (
            gettext_lazy("What they must have"),
            (
                "from-min_sellable",
                "from-min_left_after",
                "from-min_confidence",
                "from-min_capacity_left",
                "from-open_now",
                "from-before_cut_off",
                "from-on_time",
                "from-ignore_capacity",
            ),
        ),
        (
            gettext_lazy("Parcels"),
            (
                "max_parcels",
                "complete",
                "keep_groups",
                "min_parcel_value",
                "no_split_below",
                "no_split_tags",
                "no_split_customer_tags",
                "offer_to",
            ),
        ),
        (
            gettext_lazy("What is best: the price of each, in the currency of the order; none: by cost"),
            (
                "weights-cost",
                "weights-distance_km",
                "weights-parcels",
                "weights-lateness_days",
                "weights-workload",
                "weights-carbon_kg",
                "weights-scarcity",
                "weights-location_order",
                "weights-markdown",
                "weights-refusal",
            ),
        ),
        (gettext_lazy("What could not be served"), ("rest", "cancel_after_days")),
    )


class NameForm(ItemForm):
    """Name and channels of a whole rule set."""

    model = RuleSetDocument
    left_out = frozenset({"rules"})
    sections = (("", ("name", "channels")),)


class ImportForm(forms.Form):
    file = forms.FileField(
        label=gettext_lazy("File"),
        help_text=gettext_lazy("A rule set as YAML, as it is exported here. It becomes a draft."),
        widget=forms.FileInput(attrs={"accept": ".yaml,.yml,application/yaml", "class": "bo-file"}),
    )
