"""The test bench: an order, picked or typed, planned under two rule sets, side by side with the reasons.

Everything stands in the address, so that what was seen can be sent to somebody else; nothing is written.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.http import QueryDict
from django.utils.formats import date_format
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from inventory import queries as inventory
from inventory.queries import place_name
from oms.backoffice.words import badge, figure, money
from oms.clock import now
from oms.errors import Invalid
from oms.models import Channel
from routing import words
from routing.admin.decision_page import km_words, others_told, step_words
from routing.admin.rule_pages import status_badge
from routing.engine.types import RestLine
from routing.models import RuleSet
from routing.services.bench import Outcome, find_demands, outcome_of, units_of
from routing.services.dry_runs import SideBySide, TypedLevel, WantedLine, Wish, plan_side_by_side
from routing.services.sourcing import COLLECTED, Demand, Destination, SourcingPlan
from routing.snapshots import explanation_of
from routing.states import RuleSetStatus

_SPARE_ROWS = 2
_MOST_ROWS = 200
_MOST_UNITS = 1_000_000
_MOST_RULE_SETS = 100
_REACH = timedelta(days=3653)


def _choice(label: Any, **kwargs: Any) -> forms.ChoiceField:
    return forms.ChoiceField(label=label, widget=UnfoldAdminSelectWidget, **kwargs)


def _text(label: Any, *, most: int, **kwargs: Any) -> forms.CharField:
    return forms.CharField(label=label, max_length=most, required=False, widget=UnfoldAdminTextInputWidget, **kwargs)


class BenchForm(forms.Form):
    rules = _choice(gettext_lazy("Rules to try"))
    against = _choice(gettext_lazy("Beside"), required=False)
    channel = _choice(gettext_lazy("Channel"))
    method = _choice(gettext_lazy("Delivery method"))
    service = _choice(gettext_lazy("Delivery service"))
    location = _choice(gettext_lazy("Chosen place"), required=False)
    country = _text(gettext_lazy("Country"), most=2, help_text=gettext_lazy("Two letters, as FR"))
    postal_code = _text(gettext_lazy("Postal code"), most=20)
    value = forms.DecimalField(
        label=gettext_lazy("Value of the order"),
        required=False,
        min_value=0,
        max_digits=11,
        decimal_places=2,
        help_text=gettext_lazy("Empty: of its lines, at today's prices."),
        widget=UnfoldAdminTextInputWidget(attrs={"type": "number", "inputmode": "decimal", "step": "0.01", "min": 0}),
    )
    wanted_by = forms.DateField(
        label=gettext_lazy("Wanted by"),
        required=False,
        help_text=gettext_lazy("For rules that ask what is late. Empty: nothing is."),
        widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}),
    )
    customer_tags = _text(gettext_lazy("Tags of the customer"), most=500, help_text=gettext_lazy("Parted by commas"))
    # Where the picked order goes, about; it holds as long as nobody types another address.
    latitude = forms.FloatField(required=False, min_value=-90, max_value=90, widget=forms.HiddenInput)
    longitude = forms.FloatField(required=False, min_value=-180, max_value=180, widget=forms.HiddenInput)
    near = forms.CharField(required=False, max_length=30, widget=forms.HiddenInput)

    def __init__(self, data: Any, *, rule_sets: Sequence[RuleSet]):
        super().__init__(data)
        named = [(rules.pk, f"{rules} ({rules.get_status_display()})") for rules in rule_sets]
        places = [(code, f"{place.name} ({code})") for code, place in inventory.places().items()]
        self._offer("rules", named)
        self._offer("against", [("", _("What is published")), *named])
        self._offer("channel", list(Channel.objects.filter(is_active=True).values_list("code", "name")))
        self._offer("method", [(word, capfirst(str(text))) for word, text in words.WORDS["methods"].items()])
        self._offer("service", [(word, capfirst(str(text))) for word, text in words.WORDS["services"].items()])
        self._offer("location", [("", _("None")), *sorted(places, key=lambda place: place[1].casefold())])

    def _offer(self, name: str, choices: list[tuple[str, str]]) -> None:
        self.fields[name].choices = choices  # type: ignore[attr-defined]

    def clean_country(self) -> str:
        return self.cleaned_data["country"].upper()

    def clean_wanted_by(self) -> date | None:
        wanted: date | None = self.cleaned_data["wanted_by"]
        if wanted and abs(wanted - now().date()) > _REACH:
            raise forms.ValidationError(_("At most ten years from now are possible"))
        return wanted

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("method") in COLLECTED and not given.get("location"):
            self.add_error("location", _("Name the place where the shopper collects"))
        return given


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows typed under each other; a row without its first field is none."""

    lines: list[tuple[str, str, str]]
    stock: list[tuple[str, str, str]]

    @classmethod
    def of(cls, asked: QueryDict) -> "Rows":
        return cls(_rows(asked, "sku", "quantity", "group"), _rows(asked, "stock_sku", "stock_place", "stock_units"))

    @property
    def line_fields(self) -> list[tuple[str, str, str]]:
        return self.lines + [("", "", "")] * _SPARE_ROWS

    @property
    def stock_fields(self) -> list[tuple[str, str, str]]:
        return self.stock + [("", "", "")] * _SPARE_ROWS


def _rows(asked: QueryDict, *names: str) -> list[tuple[str, str, str]]:
    columns = [[text.strip() for text in asked.getlist(name)] for name in names]
    rows = zip(*(column + [""] * (len(columns[0]) - len(column)) for column in columns), strict=False)
    return [(first, second, third) for first, second, third in rows if first][:_MOST_ROWS]


def _units(text: str, default: int | None, faults: list[str], what: str, least: int) -> int:
    if not text and default is not None:
        return default
    units = _whole(text, least, _MOST_UNITS)
    if units is None:
        faults.append(_("%(what)s: a whole number of units is needed") % {"what": what})
        return least
    return units


def _whole(text: str, least: int, most: int) -> int | None:
    """A number between these, or None. An address may hold any length of digits; it is not read beyond nine."""
    is_short = text.isascii() and text.isdecimal() and len(text) <= 9
    return number if is_short and least <= (number := int(text)) <= most else None


def _destination(given: Mapping[str, Any]) -> Destination | None:
    if given["method"] in COLLECTED or not given["country"]:
        return None
    is_known = given["near"] == _near(given["country"], given["postal_code"])
    point = (given["latitude"], given["longitude"]) if is_known else (None, None)
    return Destination(given["country"], given["postal_code"], "", *point)


def _near(country: str, postal_code: str) -> str:
    return f"{country} {postal_code}"


def wish_of(form: BenchForm, rows: Rows, faults: list[str]) -> Wish:
    given = form.cleaned_data
    return Wish(
        channel=given["channel"],
        lines=[WantedLine(sku, _units(units, 1, faults, sku, 1), group or None) for sku, units, group in rows.lines],
        destination=_destination(given),
        method=given["method"],
        service=given["service"],
        location=given["location"] or None,
        customer_tags=[tag for part in given["customer_tags"].split(",") if (tag := part.strip())],
        value=given["value"],
        wanted_by=given["wanted_by"] and _on(given["wanted_by"]),
        stock=[
            TypedLevel(sku, place, _units(units, None, faults, f"{sku}, {place}", 0))
            for sku, place, units in rows.stock
        ],
    )


def _on(day: date) -> datetime:
    """Noon there is that day almost everywhere."""
    return datetime.combine(day, time(12), UTC)


def address_of(demand: Demand, *, typed: str, kept: Mapping[str, str], part: int, parts: int) -> str:
    """The bench's address with this demand typed in."""
    there = demand.destination
    fields: dict[str, Any] = {
        **kept,
        "order": typed,
        "part": part,
        "parts": parts,
        "channel": demand.channel,
        "method": demand.method,
        "service": demand.service,
        "location": demand.location or "",
        "country": there.country if there else "",
        "postal_code": there.postal_code if there else "",
        "latitude": about(there.latitude) if there else "",
        "longitude": about(there.longitude) if there else "",
        "near": _near(there.country, there.postal_code) if there else "",
        "value": "" if demand.value is None else demand.value,
        "wanted_by": localtime(demand.wanted_by).date() if demand.wanted_by else "",
        "customer_tags": ", ".join(demand.customer_tags),
        "sku": [line.sku for line in demand.lines],
        "quantity": [line.quantity for line in demand.lines],
        "group": [line.group or "" for line in demand.lines],
    }
    return "?" + urlencode(fields, doseq=True)


def address_of_order(typed: str, *, part: str, kept: Mapping[str, str]) -> str | None:
    """With what the `part`th delivery (from 1) of this order asked for; None for an order nobody knows."""
    found = find_demands(typed)
    if not found:
        return None
    number = _whole(part, 1, len(found)) or 1
    return address_of(found[number - 1], typed=typed, kept=kept, part=number, parts=len(found))


def deliveries_of(asked: QueryDict) -> list[tuple[int, str, bool]]:
    """The deliveries of the order that was picked, each with its address; none where there is only one."""
    parts = _whole(asked.get("parts", ""), 2, _MOST_ROWS)
    if parts is None:
        return []
    kept = {name: asked.get(name, "") for name in ("order", "rules", "against")}
    return [
        (number, "?" + urlencode({**kept, "take": number}), str(number) == asked.get("part"))
        for number in range(1, parts + 1)
    ]


def about(degrees: float | None) -> str:
    """Near enough for distances; an address that is passed on should find no door."""
    return "" if degrees is None else f"{degrees:.2f}"


def default_rules(rule_sets: Sequence[RuleSet]) -> str:
    """The newest draft, else the newest of all."""
    drafts = (rules for rules in rule_sets if rules.status == RuleSetStatus.DRAFT)
    newest = next(drafts, rule_sets[0] if rule_sets else None)
    return newest.pk if newest else ""


def known_rule_sets() -> list[RuleSet]:
    return list(RuleSet.objects.order_by("-pk")[:_MOST_RULE_SETS])


# ---- the answer --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ParcelRow:
    place: str
    units: str
    carrier: str
    distance: str
    promised: str


@dataclass(frozen=True, slots=True)
class Side:
    """One plan in words."""

    title: str
    badge: SafeString | str
    address: str
    sentences: list[str]
    steps: list[tuple[str, str]]
    parcels: list[ParcelRow]


@dataclass(frozen=True, slots=True)
class Fact:
    """A line of the table in which the plans stand side by side."""

    name: str
    values: list[Any]
    differs: bool


@dataclass(frozen=True, slots=True)
class PlaceRow:
    """What each plan says of a place; `stock` as it was reckoned with."""

    name: str
    code: str
    distance: str
    stock: str
    verdicts: list[tuple[SafeString, str]]
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class BenchResult:
    sides: list[Side]
    facts: list[Fact]
    places: list[PlaceRow]
    others: list[str]
    is_same: bool


def tried(form: BenchForm, rows: Rows, faults: list[str]) -> BenchResult | None:
    """The answer to what was typed, or None with its `faults`."""
    if not rows.lines:
        faults.append(_("Type in an article, or pick an order"))
    wish = wish_of(form, rows, faults)
    if faults:
        return None
    try:
        return compare(wish, rules=form.cleaned_data["rules"], against=form.cleaned_data["against"])
    except Invalid as refusal:
        faults += [capfirst(fault.detail) for fault in refusal.errors]
        return None


def compare(wish: Wish, *, rules: str, against: str) -> BenchResult:
    """Errors: Invalid."""
    tried = plan_side_by_side(wish, rule_sets=[rules, against or None], as_of=now())
    plans = tried.plans
    outcomes = [outcome_of(planned) for planned in plans]
    known = RuleSet.objects.in_bulk({planned.rules.id for planned in plans if planned.rules.id})
    told = [explanation_of(planned) for planned in plans]
    facts = _facts(plans, outcomes)
    return BenchResult(
        sides=[
            _side(planned, known.get(planned.rules.id), spelled) for planned, spelled in zip(plans, told, strict=True)
        ],
        facts=facts,
        places=_places(tried, told, wish),
        others=others_told(told[0]),
        is_same=not any(fact.differs for fact in facts),
    )


def _side(planned: SourcingPlan, rules: RuleSet | None, told: Mapping[str, Any]) -> Side:
    return Side(
        title=str(rules) if rules else _("the built-in rules"),
        badge=status_badge(rules) if rules else "",
        address=rules.pk if rules else "",
        sentences=_sentences(planned, told),
        steps=[(words.step_name(step["name"]), step_words(step)) for step in told["steps"]],
        parcels=[
            ParcelRow(
                place=place_name(parcel.location),
                units=_units_words(units_of(parcel.lines)),
                carrier=parcel.carrier_service,
                distance=km_words(parcel.distance_km),
                promised=_day(parcel.promised_at, planned),
            )
            for parcel in planned.parcels
        ],
    )


def _sentences(planned: SourcingPlan, told: Mapping[str, Any]) -> list[str]:
    outcome = planned.outcome
    proof = (
        _("No better answer exists under these rules.")
        if outcome.optimal
        else _("The best answer found in the time there is.")
        + " "
        + words.not_proven(outcome.cost, outcome.lower_bound, planned.demand.currency)
    )
    rest = [
        _("Without a place: %(quantity)s × %(sku)s (%(rest)s).")
        % {"quantity": line.quantity, "sku": line.sku, "rest": _rest(line)}
        for line in planned.rest
    ]
    notes = [str(words.NOTES.get(note, note)) for note in told["notes"]]
    return [*rest, *notes, proof]


def _rest(line: RestLine) -> str:
    return words.rest_of_rule({"rest": str(line.disposition), "cancel_after_days": line.cancel_after_days})


def _facts(plans: Sequence[SourcingPlan], outcomes: Sequence[Outcome]) -> list[Fact]:
    currency = plans[0].demand.currency
    rows: list[tuple[str, list[Any], list[Any]]] = [
        (_("Rule that decides"), [o.rule for o in outcomes], [o.rule or _("none") for o in outcomes]),
        (_("Parcels"), [o.parcels for o in outcomes], [str(o.parcels) for o in outcomes]),
        (_("Who sends what"), [o.units_at for o in outcomes], [_who_sends(o) for o in outcomes]),
        (_("Without a place"), [o.left for o in outcomes], [_units_words(o.left) or _("nothing") for o in outcomes]),
        (
            _("Carriage, packaging and handling"),
            [o.paid for o in outcomes],
            [_paid(o, currency) for o in outcomes],
        ),
        (
            _("Promised for"),
            [planned.promised_at for planned in plans],
            [_day(planned.promised_at, planned) for planned in plans],
        ),
    ]
    return [Fact(name, shown, raw[0] != raw[1]) for name, raw, shown in rows]


def _day(at: datetime | None, planned: SourcingPlan) -> str:
    """By the shopper's clock."""
    return date_format(localtime(at, planned.zone), "D j M H:i") if at else "–"


def _paid(outcome: Outcome, currency: str) -> str:
    return money(outcome.paid, currency) if outcome.parcels else "–"


def _who_sends(outcome: Outcome) -> str:
    told = (f"{place_name(code)}: {_units_words(units)}" for code, units in outcome.units_at.items())
    return "; ".join(told) or _("nobody")


def _units_words(units: Counter[str]) -> str:
    return ", ".join(f"{count} × {sku}" for sku, count in sorted(units.items()))


def _places(tried: SideBySide, told: Sequence[Mapping[str, Any]], wish: Wish) -> list[PlaceRow]:
    """Every place that holds some of it, those that send first."""
    looked_at = [{one["location"]: one for one in spelled["candidates"]} for spelled in told]
    chosen = [{parcel.location for parcel in planned.parcels} for planned in tried.plans]
    codes = sorted(
        {code for candidates in looked_at for code in candidates},
        key=lambda code: (not any(code in sends for sends in chosen), *(_rank(c.get(code)) for c in looked_at), code),
    )
    typed = {(level.sku, level.location) for level in wish.stock}
    return [
        PlaceRow(
            name=place_name(code),
            code=code,
            distance=km_words(next((c[code]["distance_km"] for c in looked_at if code in c), None)),
            stock=_stock(tried.sellable, code, typed),
            verdicts=[
                _verdict(candidates.get(code), code in sends)
                for candidates, sends in zip(looked_at, chosen, strict=True)
            ],
            is_chosen=any(code in sends for sends in chosen),
        )
        for code in codes
    ]


def _rank(candidate: Mapping[str, Any] | None) -> float:
    return float(candidate["score"]) if candidate and candidate["score"] is not None else float("inf")


def _stock(sellable: Mapping[str, Mapping[str, int]], code: str, typed: set[tuple[str, str]]) -> str:
    told = []
    for sku in sorted(sellable):
        text = f"{sellable[sku].get(code, 0)} × {sku}"
        told.append(_("%(units)s (typed in)") % {"units": text} if (sku, code) in typed else text)
    return ", ".join(told)


def _verdict(candidate: Mapping[str, Any] | None, is_chosen: bool) -> tuple[SafeString, str]:
    if candidate is None:
        return badge(_("not looked at"), "quiet", "remove"), ""
    if not candidate["eligible"] and not is_chosen:
        return badge(words.reason(candidate["excluded_because"]), "quiet", "block"), ""
    score = "" if candidate["score"] is None else figure(float(candidate["score"]), 2)
    if is_chosen:
        return badge(_("Chosen"), "good", "check_circle"), score
    return badge(_("Possible"), "busy", "radio_button_unchecked"), score
