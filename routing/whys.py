"""Why not there, and what would have had to be true, as people say it."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django.utils.formats import number_format
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from inventory.queries import place_name
from oms.backoffice.words import money, number
from routing import words
from routing.engine.counterfactual import NO_LIMIT, Alternative, Found, Need, StepVerdict, Verdict
from routing.engine.types import from_micro
from routing.services.explanations import KeptThere, PlaceExplained


def sentences(told: PlaceExplained) -> list[str]:
    """What became of the place, and how far the answer can be trusted."""
    said = [step_sentence(step, told) for step in told.steps]
    if not told.steps:
        said.append(str(words.NOTES["no_rule"]))
    if told.kept:
        said += _kept(told.kept, told)
    if told.is_together:
        said.append(
            _("Told for this order alone: the plans of those it was planned together with are taken as they are.")
        )
    if not told.is_as_decided:
        said.append(str(words.NOTES["planned_otherwise"]))
    if told.is_asked_anew:
        said.append(
            _(
                "Hours, bookings and dates that nobody asked about then, or all of a place without stock, are as of today."
            )
        )
    return said


def _kept(kept: KeptThere, told: PlaceExplained) -> Iterator[str]:
    units = [f"{units} × {sku}" for sku, units in kept.units.items()]
    if kept.parcels:
        facts = {"count": kept.parcels}
        units.append(ngettext("%(count)d parcel of its day", "%(count)d parcels of its day", kept.parcels) % facts)
    yield ngettext(
        "%(what)s: kept there for %(count)d other order that was planned together with this one.",
        "%(what)s: kept there for %(count)d other orders that were planned together with this one.",
        kept.orders,
    ) % {"what": words.listed(units), "count": kept.orders}
    if kept.step.verdict is Verdict.USED:
        saved = _amount(kept.saved_micro, told)
        yield _("Had that been free, this order would have left from there, for %(saved)s less.") % {"saved": saved}
    else:
        yield _("Had that been free: %(verdict)s.") % {"verdict": _verdict(kept.step, told)}


def _amount(micro: int, told: PlaceExplained) -> str:
    return money(round(from_micro(micro), 2), told.currency)


# ---- why not -----------------------------------------------------------------------------------


def step_sentence(step: StepVerdict, told: PlaceExplained) -> str:
    return _("Step “%(step)s”: %(verdict)s.") % {"step": words.step_name(step.name), "verdict": _verdict(step, told)}


def _verdict(step: StepVerdict, told: PlaceExplained) -> str:
    found = step.alternative
    if step.verdict is Verdict.EXCLUDED:
        return _excluded(step, told)
    if found is None:
        return {
            Verdict.USED: _("uses it"),
            Verdict.NOT_TRIED: _("everything was decided before its turn came"),
            Verdict.NOT_SEARCHED: _("possible; there was no time to look for the best plan with it"),
            Verdict.IMPOSSIBLE: _("no plan that keeps the rule's limits has a parcel from there"),
        }[step.verdict]
    said = _with_alternative(step.verdict, found, told)
    return said if found.is_best else _("%(said)s; a better plan with it may exist") % {"said": said}


def _with_alternative(verdict: Verdict, found: Alternative, told: PlaceExplained) -> str:
    if found.missing_units > 0:
        return ngettext(
            "the best plan with it serves %(count)d unit fewer",
            "the best plan with it serves %(count)d units fewer",
            found.missing_units,
        ) % {"count": found.missing_units}
    if found.missing_units < 0:
        return ngettext(
            "a plan with it serves %(count)d unit more; the time to plan was over before",
            "a plan with it serves %(count)d units more; the time to plan was over before",
            -found.missing_units,
        ) % {"count": -found.missing_units}
    return _WITH_ALTERNATIVE[verdict]() % {
        "units": ", ".join(f"{line.quantity} × {line.sku}" for line in found.lines),
        "own": _amount(found.own_cost_micro, told),
        "cost": _amount(found.cost_micro, told),
        "plan": _amount(found.plan_cost_micro, told),
        "extra": _amount(abs(found.extra_micro), told),
        "others": words.listed(place_name(code) for code in found.others),
        "parts": "; ".join(_parts(found, told)),
    }


_WITH_ALTERNATIVE = {
    Verdict.DEARER: lambda: _("possible, but the best plan with it costs %(extra)s more (%(parts)s)"),
    Verdict.DEARER_TOGETHER: lambda: _(
        "%(units)s from there cost %(own)s, less than the %(plan)s of the plan, but the rest would come from %(others)s "
        "and all together cost %(cost)s, %(extra)s more (%(parts)s)"
    ),
    Verdict.AS_GOOD: lambda: _("as good as the plan; of equals, fewer parcels and then the first code are taken"),
    Verdict.NOT_FOUND_IN_TIME: lambda: _("a plan with it is better by %(extra)s; the time to plan was over before"),
}


def _parts(found: Alternative, told: PlaceExplained) -> Iterator[str]:
    """The largest first; what scarcity asks is told by product. What is no cent is not worth a word, unless all is less."""
    parts = list(_named_parts(found, told))
    return (_signed(label, micro) for label, micro in [part for part in parts if _is_told(part[1])] or parts[:1])


def _named_parts(found: Alternative, told: PlaceExplained) -> Iterator[tuple[str, int]]:
    for name, micro in sorted(found.parts.items(), key=lambda part: -abs(part[1])):
        if name == "scarcity" and found.last_units:
            yield from ((_kept_back(last.held, last.sku, told), last.cost_micro) for last in found.last_units)
            micro -= sum(last.cost_micro for last in found.last_units)
        if micro:
            label = _("scarcity elsewhere") if name == "scarcity" and found.last_units else words.PARTS.get(name, name)
            yield str(label), micro


def _is_told(micro: int) -> bool:
    return bool(round(from_micro(micro), 2))


def _kept_back(held: int, sku: str, told: PlaceExplained) -> str:
    facts = {"count": held, "sku": sku, "place": place_name(told.location)}
    return _("keeps the last %(count)s × %(sku)s in %(place)s for local demand") % facts


def _signed(label: str, micro: int) -> str:
    sign = "+" if micro >= 0 else "−"
    amount = f"{sign}{number_format(abs(round(from_micro(micro), 2)), 2)}"
    return _("%(label)s: %(amount)s") % {"label": label, "amount": amount}


def _excluded(step: StepVerdict, told: PlaceExplained) -> str:
    said = _("left out: %(reason)s") % {"reason": words.reason(step.reason)}
    compared = _compared(step, told)
    return f"{said} ({compared})" if compared else said


def _compared(step: StepVerdict, told: PlaceExplained) -> str:
    """What was, and what had to be."""
    if step.needed is None:
        return ""
    facts = {"actual": shown(step.actual), "needed": shown(step.needed)}
    match step.reason:
        case "too_far":
            return _("%(actual)s km, at most %(needed)s km") % facts
        case "distance_unknown":
            return _("at most %(needed)s km") % facts
        case "too_few_units" | "no_capacity" | "little_capacity":
            return _("%(actual)s, at least %(needed)s needed") % facts
        case "low_confidence":
            facts = {"actual": number(round(step.actual, 4)), "needed": number(step.needed)}
            return _("%(actual)s, at least %(needed)s needed") % facts
        case "partial_stock" | "no_stock":
            return _("%(actual)s of %(needed)s units") % facts
        case "parcel_value":
            return _("%(actual)s, at least %(needed)s needed") % {
                "actual": _amount(step.actual, told),
                "needed": _amount(step.needed, told),
            }
        case "kind":
            return _("it is %(actual)s, needed: %(needed)s") % {
                "actual": words.WORDS["kinds"].get(step.actual, step.actual),
                "needed": shown([words.WORDS["kinds"].get(kind, kind) for kind in step.needed]),
            }
        case "ability":
            missing = [ability for ability in step.needed if ability not in step.actual]
            return _("needed: %(needed)s") % {"needed": shown([words.WORDS["abilities"].get(a, a) for a in missing])}
        case "exclude_group":
            return shown(step.actual)
        case _:
            return _("needed: %(needed)s") % facts


# ---- what would have had to be true ---------------------------------------------------------------


def need_sentences(told: PlaceExplained) -> list[str]:
    """Each figure that would have changed the plan, and in one sentence those that would not, each taken alone and changed
    the one way that was tried."""
    said = [_need(need, told) for need in told.needs if need.found is Found.VALUE]
    for found, phrase in (
        (Found.NONE, _("None of these alone would have done it: %(names)s.")),
        (Found.NOT_SEARCHED, _("Not tried to the end, for want of time: %(names)s.")),
    ):
        names = list(dict.fromkeys(_tried_name(need, told) for need in told.needs if need.found is found))
        if names:
            said.append(phrase % {"names": ", ".join(names)})
    return said


def _need(need: Need, told: PlaceExplained) -> str:
    facts = {
        "name": capfirst(parameter_name(need, told)),
        "actual": shown_of(need, need.actual, told),
        "needed": shown_of(need, need.needed, told),
    }
    if need.parameter == "carriage_less_micro":
        said = _("Used if carriage from there cost %(needed)s less.") % facts
    elif need.parameter == "days_earlier":
        said = ngettext(
            "Used if it arrived %(count)d day earlier.", "Used if it arrived %(count)d days earlier.", need.needed
        ) % {"count": need.needed}
    elif need.parameter in _BESIDES:
        said = _("%(name)s: used with %(needed)s as well.") % facts
    elif need.parameter in _CONDITIONS:
        said = str(_CONDITIONS[need.parameter])
    else:
        said = _("%(name)s: used with %(needed)s instead of %(actual)s.") % facts
    return said if need.is_smallest else _("%(said)s A smaller change may do.") % {"said": said}


_CONDITIONS = {
    "is_accepting": gettext_lazy("Used if it had taken orders."),
    "is_paused": gettext_lazy("Used if its manager had not paused it."),
    "is_open": gettext_lazy("Used if it had been open then."),
    "is_open_that_day": gettext_lazy("Used if it had been open that day."),
    "is_before_cut_off": gettext_lazy("Used if its cut-off had not passed."),
    "has_lost_it": gettext_lazy("Used if it had not lost this work before."),
}
_BESIDES = frozenset(
    {"kinds", "locations", "groups", "abilities"}
)  # of these is told what is needed besides what there is


def parameter_name(need: Need, told: PlaceExplained) -> str:
    return _in_step(_PARAMETERS[need.parameter](), need, told)


def _tried_name(need: Need, told: PlaceExplained) -> str:
    """With the way in which it was changed: of the other way nothing is known."""
    key = "narrowed" if need.is_narrowed else need.parameter
    return _in_step(_TRIED.get(key, _PARAMETERS[need.parameter])(), need, told)


def _in_step(phrase: str, need: Need, told: PlaceExplained) -> str:
    name = phrase % {"sku": need.sku}
    if need.step is None:
        return name
    return _("%(name)s in step “%(step)s”") % {"name": name, "step": words.step_name(told.steps[need.step].name)}


_PARAMETERS = {
    "is_accepting": lambda: _("taking orders"),
    "is_paused": lambda: _("no pause by its manager"),
    "is_open": lambda: _("being open then"),
    "is_open_that_day": lambda: _("being open that day"),
    "is_before_cut_off": lambda: _("a later cut-off there"),
    "cut_off": lambda: _("cut-off there"),
    "has_lost_it": lambda: _("not having lost this work before"),
    "capacity_left": lambda: _("capacity left there"),
    "stock": lambda: _("stock of %(sku)s there"),
    "confidence": lambda: _("confidence in the stock of %(sku)s there"),
    "handling_micro": lambda: _("handling of a parcel there"),
    "handling_unit_micro": lambda: _("handling of a unit there"),
    "packaging_micro": lambda: _("packaging there"),
    "carriage_less_micro": lambda: _("cheaper carriage from there"),
    "scarcity_micro": lambda: _("scarcity price of %(sku)s there"),
    "workload": lambda: _("workload there"),
    "acceptance": lambda: _("how often it takes its work"),
    "days_earlier": lambda: _("an earlier arrival"),
    "max_distance_km": lambda: _("distance limit"),
    "min_sellable": lambda: _("least stock"),
    "min_left_after": lambda: _("units kept back"),
    "min_capacity_left": lambda: _("least capacity left"),
    "max_parcels": lambda: _("number of parcels"),
    "kinds": lambda: _("kinds of places"),
    "locations": lambda: _("places named"),
    "groups": lambda: _("groups it is in"),
    "exclude_groups": lambda: _("groups left out"),
    "abilities": lambda: _("what it can do"),
}

# What was tried of them; that of the others goes without saying.
_TRIED = {
    "cut_off": lambda: _("a later cut-off there"),
    "capacity_left": lambda: _("more capacity left there"),
    "stock": lambda: _("more stock of %(sku)s there"),
    "confidence": lambda: _("more confidence in the stock of %(sku)s there"),
    "handling_micro": lambda: _("cheaper handling of a parcel there"),
    "handling_unit_micro": lambda: _("cheaper handling of a unit there"),
    "packaging_micro": lambda: _("cheaper packaging there"),
    "scarcity_micro": lambda: _("a lower scarcity price of %(sku)s there"),
    "workload": lambda: _("less workload there"),
    "acceptance": lambda: _("taking its work more often"),
    "max_distance_km": lambda: _("a higher distance limit"),
    "narrowed": lambda: _("a lower distance limit that still reaches it"),
    "min_sellable": lambda: _("a lower least stock"),
    "min_left_after": lambda: _("fewer units kept back"),
    "min_capacity_left": lambda: _("a lower least capacity left"),
    "max_parcels": lambda: _("more parcels"),
    "kinds": lambda: _("its kind let in as well"),
    "locations": lambda: _("the place named as well"),
    "groups": lambda: _("one group more that it is in"),
    "exclude_groups": lambda: _("its groups not left out"),
    "abilities": lambda: _("the abilities it lacks"),
}


def shown_of(need: Need, value: Any, told: PlaceExplained) -> str:
    if need.parameter.endswith("_micro"):
        return _amount(value, told)
    if need.parameter in ("workload", "acceptance", "confidence"):
        return _("%(percent)s %%") % {"percent": number(round(value * 100, 2))}
    if need.parameter == "max_distance_km" and value != NO_LIMIT:
        return _("%(km)s km") % {"km": number(value)}
    if need.parameter == "kinds":
        kinds = [value] if isinstance(value, str) else value
        return shown([words.WORDS["kinds"].get(kind, kind) for kind in kinds])
    if need.parameter == "abilities":
        return shown([words.WORDS["abilities"].get(ability, ability) for ability in value])
    return shown(value)


def shown(value: Any) -> str:
    if value == NO_LIMIT:
        return _("no limit")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or _("none")
    if isinstance(value, float):
        return number_format(round(value, 2))
    return number_format(value) if isinstance(value, int | Decimal) else str(value)
