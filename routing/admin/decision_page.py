"""“Why here?”: a routing decision in words, with a table of the places that were looked at."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.formats import number_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from inventory.queries import place_name
from oms.backoffice.words import badge, figure, money
from routing import words
from routing.models import Decision
from routing.snapshots import explanation, failing_shares, held_units

Told = dict[str, Any]
_RISKS_TOLD = 5
_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class PlaceRow:
    place: str
    code: str
    outcome: SafeString
    is_chosen: bool
    distance: str
    parts: list[str]
    score: str


@dataclass(frozen=True, slots=True)
class SentRow:
    """What a chosen place sends costs by cause, and in all."""

    place: str
    code: str
    parts: list[str]
    cost: str


@dataclass(frozen=True, slots=True)
class Sent:
    """The cost of the plan in its parts; `total`: of several places."""

    part_names: list[str]
    rows: list[SentRow]
    total: SentRow | None


@dataclass(frozen=True, slots=True)
class DecisionView:
    sentences: list[str]
    steps: list[tuple[str, str]]
    sent: Sent | None
    part_names: list[str]
    rows: list[PlaceRow]
    others: list[str]


def decision_view(decision: Decision) -> DecisionView:
    told = explanation(decision)
    names = list(dict.fromkeys(name for candidate in told["candidates"] for name in candidate["cost"]))
    held = held_units(decision)
    chosen = {parcel["location"] for parcel in told["chosen"]}
    alone = told["chosen"][0] if len(told["chosen"]) == 1 and not told["rest"] else None
    ranked = sorted(
        told["candidates"], key=lambda c: (c["location"] not in chosen, not c["eligible"], float(c["score"] or 0))
    )
    return DecisionView(
        sentences=_sentences(decision, told, held),
        steps=[(words.step_name(step["name"]), step_words(step)) for step in told["steps"]],
        sent=_sent(told["chosen"]),
        part_names=_part_names(names),
        rows=[
            _row(candidate, names, chosen, holds_all=_holds_all(told, held.get(candidate["location"])), alone=alone)
            for candidate in ranked
        ],
        others=others_told(told),
    )


def _part_names(names: Iterable[str]) -> list[str]:
    return [str(words.PARTS.get(name, name)) for name in names]


def _sent(chosen: list[Told]) -> Sent | None:
    """None where nothing costs anything, and where the parts cannot be told any more."""
    if any(parcel["parts"] is None for parcel in chosen):
        return None
    sums: dict[str, Decimal] = {}
    for parcel in chosen:
        for name, amount in parcel["parts"].items():
            sums[name] = sums.get(name, Decimal(0)) + Decimal(amount)
    names = [name for name in sorted(sums) if sums[name]]
    rows = [_sent_row(parcel["location"], parcel["parts"], parcel["cost"], names) for parcel in chosen]
    total = _sent_row("", sums, sum(Decimal(parcel["cost"]) for parcel in chosen), names)
    return Sent(_part_names(names), rows, total if len(rows) > 1 else None) if names else None


def _sent_row(code: str, parts: Mapping[str, Any], cost: Any, names: Iterable[str]) -> SentRow:
    return SentRow(code and place_name(code), code, [_amount(parts.get(name)) for name in names], _amount(cost))


def _sentences(decision: Decision, told: Told, held: Mapping[str, Mapping[str, int]]) -> list[str]:
    said = [_asked(told), *(_parcel(parcel, told["demand"]) for parcel in told["chosen"])]
    said += [_("Without a place: %(quantity)s × %(sku)s.") % rest for rest in told["rest"]]
    if told["rule"]:
        said.append(_("The rule “%(rule)s” decided.") % {"rule": told["rule"]})
    if why := decision.snapshot.get("reoptimised"):
        said += _together(why, told["demand"]["currency"])
    said += _risks(told, failing_shares(decision))
    said += _kept_back(told, held)
    if not told["demand"].get("location"):
        said.append(_proof(decision, told["demand"]["currency"]))
    said += [str(words.NOTES.get(note, note)) for note in told["notes"]]
    return said


def _together(why: Told, currency: str) -> Iterator[str]:
    yield words.reoptimised(why, money(why["saved"], currency))
    if "own_saved" in why and why["orders"] > 1:
        yield words.own_part(Decimal(why["own_saved"]), currency)
    if kept_for := why.get("kept_for"):
        places = ", ".join(place_name(code) for code in list(kept_for)[:_RISKS_TOLD])
        yield _("Too little for all, and kept for others: what stands in %(places)s.") % {"places": places}


def _asked(told: Told) -> str:
    demand = told["demand"]
    units = ", ".join(f"{line['quantity']} × {line['sku']}" for line in demand["lines"])
    there = demand["destination"]
    facts = {"units": units, "method": words.WORDS["methods"][demand["method"]], "service": demand["service"]}
    if there:
        goal = f"{there['postal_code']} ({there['country']})"
        return _("Asked for: %(units)s, %(method)s (%(service)s) to %(goal)s.") % {**facts, "goal": goal}
    return _("Asked for: %(units)s, %(method)s.") % facts


def _parcel(parcel: Told, demand: Told) -> str:
    units = ", ".join(f"{line['quantity']} × {line['sku']}" for line in parcel["lines"])
    facts = {
        "place": place_name(parcel["location"]),
        "units": units,
        "cost": money(round(Decimal(parcel["cost"]), 2), demand["currency"]),
    }
    if demand.get("location"):
        return _chosen_for_us(demand["method"]) % facts
    return _("%(place)s sends %(units)s, at a cost of %(cost)s.") % facts


def _chosen_for_us(method: str) -> str:
    """The shopper chooses where goods are fetched, a person here where they leave from."""
    if method == "ship":
        return _("%(place)s sends %(units)s: a person chose this place, no costs were compared.")
    return _("%(place)s hands over %(units)s: the shopper chose this place, no costs were compared.")


def _risks(told: Told, shares: Mapping[str, float]) -> list[str]:
    """What the best places are feared for, where the rule weighs that."""
    currency = told["demand"]["currency"]
    return [
        _("%(place)s: %(risk)s, counted as %(amount)s.")
        % {
            "place": place_name(candidate["location"]),
            "risk": words.failing_words(shares[candidate["location"]]),
            "amount": money(round(Decimal(candidate["cost"]["refusal"]), 2), currency),
        }
        for candidate in _best_of(told)[:_RISKS_TOLD]
        if candidate["location"] in shares and "refusal" in candidate["cost"]
    ]


def _kept_back(told: Told, held: Mapping[str, Mapping[str, int]]) -> list[str]:
    """What scarcity counts at the best of the places that were not used, where the rule weighs it."""
    currency, chosen = told["demand"]["currency"], {parcel["location"] for parcel in told["chosen"]}
    spared = [
        candidate
        for candidate in _best_of(told)
        if candidate["location"] not in chosen and Decimal(candidate["cost"].get("scarcity", "0")) >= _CENT
    ]
    return [
        _("%(place)s keeps its last %(units)s for local demand: +%(amount)s.")
        % {
            "place": place_name(candidate["location"]),
            "units": ", ".join(f"{units} × {sku}" for sku, units in held.get(candidate["location"], {}).items()),
            "amount": money(round(Decimal(candidate["cost"]["scarcity"]), 2), currency),
        }
        for candidate in spared[:_RISKS_TOLD]
    ]


def _best_of(told: Told) -> list[Told]:
    return sorted((c for c in told["candidates"] if c["eligible"]), key=lambda c: float(c["score"]))


def _proof(decision: Decision, currency: str) -> str:
    milliseconds = number_format(round(decision.elapsed_ms, 1))
    if decision.optimal:
        return _("No cheaper answer exists under the rules; it took %(ms)s ms to prove it.") % {"ms": milliseconds}
    if decision.snapshot.get("reoptimised"):
        return _("Alone it might cost less, but then the others would cost more.")
    found = _("The best answer found in %(ms)s ms.") % {"ms": milliseconds}
    return f"{found} {words.not_proven(decision.cost, decision.lower_bound, currency)}"


def step_words(step: Mapping[str, Any]) -> str:
    """What a step of the rule came to, and how many places it let in."""
    count, outcome = step["eligible"], str(words.OUTCOMES.get(step["outcome"], step["outcome"]))
    if not count:
        return outcome
    places = ngettext("%(count)s place let in", "%(count)s places let in", count) % {"count": count}
    return f"{outcome} – {places}"


def _holds_all(told: Told, held: Mapping[str, int] | None) -> bool:
    """Also of a place of which nobody knows any more what it held."""
    asked = Counter[str]()
    for line in told["demand"]["lines"]:
        asked[line["sku"]] += line["quantity"]
    return held is None or all(held.get(sku, 0) >= units for sku, units in asked.items())


def _row(candidate: Told, names: list[str], chosen: set[str], *, holds_all: bool, alone: Told | None) -> PlaceRow:
    code = candidate["location"]
    return PlaceRow(
        place=place_name(code),
        code=code,
        outcome=_outcome(candidate, is_chosen=code in chosen, holds_all=holds_all, alone=alone),
        is_chosen=code in chosen,
        distance="" if candidate["distance_km"] is None else figure(candidate["distance_km"], 1),
        parts=[_amount(candidate["cost"].get(name)) for name in names],
        score=_amount(candidate["score"]),
    )


def _outcome(candidate: Told, *, is_chosen: bool, holds_all: bool, alone: Told | None) -> SafeString:
    """`alone`: the parcel that sends all, if one does."""
    if is_chosen:
        return badge(_("Chosen"), "good", "check_circle")
    if candidate["eligible"]:
        return badge(_possible(candidate, holds_all=holds_all, alone=alone), "busy", "radio_button_unchecked")
    return badge(words.reason(candidate["excluded_because"]), "quiet", "block")


def _possible(candidate: Told, *, holds_all: bool, alone: Told | None) -> str:
    if not holds_all:
        return _("Possible, for a part of it")
    if alone is None or Decimal(candidate["score"]) != Decimal(alone["cost"]):
        return _("Possible, but dearer")
    if alone["location"] < candidate["location"]:
        return _("Equally good; of equals, the first code is taken")
    return _("Equally good")


def km_words(km: float | None) -> str:
    return "" if km is None else _("%(km)s km") % {"km": figure(km, 1)}


def _amount(amount: str | Decimal | None) -> str:
    return "" if amount is None else figure(float(amount), 2)


def others_told(told: Mapping[str, Any]) -> list[str]:
    """Places only counted: those that hold none of it."""
    listed = Counter(candidate["excluded_because"] for candidate in told["candidates"])
    left = {reason: count - listed[reason] for reason, count in told["excluded_counts"].items()}
    return [
        ngettext("%(count)s more place: %(reason)s", "%(count)s more places: %(reason)s", count)
        % {"count": count, "reason": words.reason(reason)}
        for reason, count in left.items()
        if count > 0
    ]
