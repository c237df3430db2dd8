"""What the report of a simulation shows, as plain values: no template asks the database."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from inventory.queries import place_name
from oms.backoffice.words import figure, money
from routing import words
from routing.admin.base import percent
from routing.measures import Difference, differences, is_flattered, units_missed
from routing.models import SimulatedChange

_WIDEST = 0.25  # of a bar: what changes by more is as long
_HALF = 50.0
_PLACES_SHOWN = 25
_BUCKETS = 15
VERDICTS = {
    "served": gettext_lazy("served"),
    "cut": gettext_lazy("cut to what can be had"),
    "waiting": gettext_lazy("partly waits for a delivery"),
    "left": gettext_lazy("partly left to people"),
    "refused": gettext_lazy("refused"),
}


@dataclass(frozen=True, slots=True)
class MeasureRow:
    """`tone`: whether the change is for the better; no gain is one that comes of sending less. The bar begins in the middle.
    `note`: what has to be read with it."""

    label: str
    baseline: str
    candidate: str
    change: str
    share: str
    tone: str
    bar_x: float
    bar_width: float
    note: str


def measure_rows(figures: Mapping[str, Any]) -> list[MeasureRow]:
    found = differences(figures)
    missed = units_missed(found)
    return [_measure_row(one, missed) for one in found]


def _measure_row(one: Difference, missed: int) -> MeasureRow:
    measure = one.measure
    relative = one.relative if one.relative is not None else (1.0 if one.change else 0.0)
    sides = _shown(one, one.baseline), _shown(one, one.candidate)
    is_same = sides[0] == sides[1]  # to people
    width = 0.0 if is_same else max(1.0, min(abs(relative), _WIDEST) / _WIDEST * _HALF)
    label = f"{measure.label} ({measure.currency})" if measure.currency else str(measure.label)
    return MeasureRow(
        label=label,
        baseline=sides[0],
        candidate=sides[1],
        change="=" if is_same else _signed(_shown(one, _seen_change(one)), one.change),
        share="" if is_same or one.relative is None else _signed(percent(abs(one.relative)), one.change),
        tone="quiet" if is_same else _tone_of(one, missed),
        bar_x=_HALF if one.change > 0 else _HALF - width,
        bar_width=width,
        note=_missed_words(missed) if measure.name == "cost" and missed else "",
    )


def _tone_of(one: Difference, missed: int) -> str:
    if one.change > 0:
        return "bad"
    return "quiet" if missed and is_flattered(one.measure) else "good"


def _missed_words(units: int) -> str:
    return ngettext(
        "with %(units)s unit more left without a place, which costs nothing here",
        "with %(units)s units more left without a place, which costs nothing here",
        units,
    ) % {"units": figure(units, 0)}


def _seen_change(one: Difference) -> float:
    """Between the figures as they are shown."""
    decimals = one.measure.decimals + (2 if one.measure.unit == "share" else 0)
    return abs(round(one.candidate, decimals) - round(one.baseline, decimals))


def _shown(one: Difference, value: float) -> str:
    measure = one.measure
    if measure.unit == "money":
        return money(Decimal(f"{value:.{measure.decimals}f}"), measure.currency)
    if measure.unit == "share":
        return percent(value)
    unit = {"km": "\N{NO-BREAK SPACE}km", "kg": "\N{NO-BREAK SPACE}kg"}.get(measure.unit, "")
    return figure(value, measure.decimals) + unit


def _signed(text: str, change: float) -> str:
    return ("+" if change > 0 else "\N{MINUS SIGN}") + text


# ---- work by place -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PlaceRow:
    """Parcels of both sides, as bars of one scale; `fullest_day` of both, in words."""

    code: str
    name: str
    before: int
    after: int
    change: str
    width_before: float
    width_after: float
    full_before: str
    full_after: str
    is_overfull: bool


def place_rows(figures: Mapping[str, Any]) -> list[PlaceRow]:
    """The places with the most work on either side."""
    sides = [{place["location"]: place for place in figures[side]["places"]} for side in ("baseline", "candidate")]
    parcels = {code: [side.get(code, {}).get("parcels", 0) for side in sides] for side in sides for code in side}
    busiest = sorted(parcels, key=lambda code: (-max(parcels[code]), code))[:_PLACES_SHOWN]
    most = max((max(parcels[code]) for code in busiest), default=1) or 1
    rows = []
    for code in busiest:
        before, after = parcels[code]
        full = [side.get(code, {}).get("fullest_day") for side in sides]
        rows.append(
            PlaceRow(
                code=code,
                name=place_name(code),
                before=before,
                after=after,
                change="=" if before == after else _signed(str(abs(after - before)), after - before),
                width_before=round(100 * before / most, 2),
                width_after=round(100 * after / most, 2),
                full_before="" if full[0] is None else percent(full[0]),
                full_after="" if full[1] is None else percent(full[1]),
                is_overfull=(full[1] or 0) > 1,
            )
        )
    return rows


# ---- what changed orders cost more or less -----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Bar:
    label: str
    x: float
    y: float
    height: float
    tone: str


@dataclass(frozen=True, slots=True)
class Histogram:
    bars: Sequence[Bar]
    least: str
    most: str


def histogram(changes: Iterable[Decimal], currency: str) -> Histogram | None:
    """How many orders by what they cost more (right of the middle) or less; None where none changed in cost."""
    amounts = [float(change) for change in changes]
    widest = max((abs(amount) for amount in amounts), default=0.0)
    if not widest:
        return None
    step = 2 * widest / _BUCKETS
    counts = [0] * _BUCKETS
    for amount in amounts:
        counts[min(_BUCKETS - 1, int((amount + widest) / step))] += 1
    most = max(counts)
    middle = _BUCKETS // 2
    bars = [
        Bar(
            label=_("%(orders)d orders: %(from)s to %(to)s")
            % {
                "orders": count,
                "from": _amount(n * step - widest, currency),
                "to": _amount((n + 1) * step - widest, currency),
            },
            x=n * 40.0,
            y=round(100 - 100 * count / most, 1),
            height=round(100 * count / most, 1),
            tone="good" if n < middle else "bad" if n > middle else "quiet",
        )
        for n, count in enumerate(counts)
    ]
    return Histogram(bars, _amount(-widest, currency), _amount(widest, currency))


def _amount(value: float, currency: str) -> str:
    text = money(Decimal(f"{abs(value):.2f}"), currency)
    return text if abs(value) < 0.005 else _signed(text, value)


# ---- changed orders ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ChangeRow:
    pk: int
    name: str
    at: datetime
    goods: str
    before: str
    after: str
    cost: str
    tone: str


def change_row(change: SimulatedChange, number: int | None = None) -> ChangeRow:
    """`number`: of its order, where it is one of ours."""
    return ChangeRow(
        pk=change.pk,
        name=change.reference if number is None else f"#{number}",
        at=change.at,
        goods=goods(change.lines),
        before=in_short(change.baseline),
        after=in_short(change.candidate),
        cost=_amount(float(change.cost_change), change.currency),
        tone=_tone(change),
    )


def _tone(change: SimulatedChange) -> str:
    """What is not sent costs nothing, which is no gain."""
    if not change.cost_change or any(change.baseline[key] != change.candidate[key] for key in ("verdict", "rest")):
        return "quiet"
    return "bad" if change.cost_change > 0 else "good"


def goods(lines: Iterable[Mapping[str, Any]]) -> str:
    return ", ".join(f"{line['quantity']} × {line['sku']}" for line in lines)


def in_short(outcome: Mapping[str, Any]) -> str:
    """The places, or what became of it instead."""
    names = " + ".join(parcel["location"] for parcel in outcome["parcels"])
    if outcome["verdict"] == "served":
        return names
    said = str(VERDICTS[outcome["verdict"]])
    return f"{names} ({said})" if names else said


@dataclass(frozen=True, slots=True)
class ParcelShown:
    place: str
    code: str
    goods: str
    paid: str
    km: str
    carrier_service: str
    promised_at: datetime
    score: str


@dataclass(frozen=True, slots=True)
class PlanShown:
    title: str
    verdict: str
    rule: str
    paid: str
    parcels: Sequence[ParcelShown]
    rest: str


def plan_shown(title: str, outcome: Mapping[str, Any], currency: str) -> PlanShown:
    paid = sum((Decimal(parcel["paid"]) for parcel in outcome["parcels"]), Decimal("0.00"))
    return PlanShown(
        title=title,
        verdict=str(VERDICTS[outcome["verdict"]]),
        rule=outcome["rule"],
        paid=money(paid, currency),
        parcels=[_parcel_shown(parcel, currency) for parcel in outcome["parcels"]],
        rest=goods(outcome["rest"]),
    )


def _parcel_shown(parcel: Mapping[str, Any], currency: str) -> ParcelShown:
    km = parcel["distance_km"]
    score = (f"{words.PARTS.get(name, name)} {figure(part, 2)}" for name, part in parcel["score"].items() if part)
    return ParcelShown(
        place=place_name(parcel["location"]),
        code=parcel["location"],
        goods=goods(parcel["lines"]),
        paid=money(Decimal(parcel["paid"]), currency),
        km="" if km is None else f"{figure(km, 1)}\N{NO-BREAK SPACE}km",
        carrier_service=parcel["carrier_service"],
        promised_at=datetime.fromisoformat(parcel["promised_at"]),
        score=", ".join(score),
    )
