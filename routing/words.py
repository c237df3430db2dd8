"""Rules and reasons as people say them."""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from django.utils import dates
from django.utils.formats import date_format, number_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext

from inventory.hours import WEEKDAYS
from oms.backoffice.words import money, number
from routing.engine.planner import CHOSEN_PLACE

# The closed vocabularies of a rule, each worded as its phrase below needs it; what is not here is somebody's own name.
WORDS: Mapping[str, Mapping[str, str | Promise]] = {
    "methods": {
        "ship": gettext_lazy("delivery"),
        "pickup": gettext_lazy("pickup"),
        "curbside": gettext_lazy("curbside pickup"),
        "locker": gettext_lazy("locker"),
    },
    "services": {
        "standard": gettext_lazy("standard"),
        "express": gettext_lazy("express"),
        "same_day": gettext_lazy("same day"),
    },
    "weekdays": dict(zip(WEEKDAYS, dates.WEEKDAYS.values(), strict=True)),
    "kinds": {
        "warehouse": gettext_lazy("a warehouse"),
        "store": gettext_lazy("a store"),
        "supplier": gettext_lazy("a supplier"),
        "third_party": gettext_lazy("a third party"),
        "locker": gettext_lazy("a locker"),
    },
    "abilities": {
        "ship": gettext_lazy("ship"),
        "pickup": gettext_lazy("hand over at the counter"),
        "curbside": gettext_lazy("hand over at the curb"),
        "receive_transfer": gettext_lazy("receive transfers"),
        "accept_return": gettext_lazy("accept returns"),
    },
    "weights": {
        "cost": gettext_lazy("cost"),
        "distance_km": gettext_lazy("distance (km)"),
        "parcels": gettext_lazy("parcels"),
        "lateness_days": gettext_lazy("lateness (days)"),
        "workload": gettext_lazy("workload"),
        "carbon_kg": gettext_lazy("carbon (kg)"),
        "scarcity": gettext_lazy("scarcity"),
        "location_order": gettext_lazy("order of the places"),
        "markdown": gettext_lazy("slow stock"),
        "refusal": gettext_lazy("risk of refusal"),
    },
}

REASONS = {
    "no_stock": gettext_lazy("has none of it"),
    "partial_stock": gettext_lazy("does not have all of it"),
    "too_few_units": gettext_lazy("has too few units for this rule"),
    "low_confidence": gettext_lazy("its stock is too uncertain for this rule"),
    "group_incomplete": gettext_lazy("cannot keep together what belongs together"),
    "parcel_value": gettext_lazy("the parcel would be worth too little"),
    "excluded": gettext_lazy("already lost this work"),
    "not_accepting": gettext_lazy("takes no orders now"),
    "paused": gettext_lazy("its manager takes no more orders for now"),
    "ability": gettext_lazy("cannot do this kind of delivery"),
    "kind": gettext_lazy("is not of the kind the rule wants"),
    "group": gettext_lazy("is in none of the rule's groups"),
    "exclude_group": gettext_lazy("is in a group the rule leaves out"),
    "location": gettext_lazy("is not among the places the rule names"),
    "too_far": gettext_lazy("is too far away"),
    "distance_unknown": gettext_lazy("distance unknown"),
    "closed_now": gettext_lazy("is closed now"),
    "late": gettext_lazy("would be late"),
    "closed_that_day": gettext_lazy("is closed that day"),
    "past_cut_off": gettext_lazy("its cut-off has passed"),
    "no_capacity": gettext_lazy("has no capacity left that day"),
    "little_capacity": gettext_lazy("has less capacity left than the rule wants"),
    "no_rate": gettext_lazy("no carrier goes there from here"),
    "too_heavy": gettext_lazy("too heavy for its carriers"),
    "kept_for_others": gettext_lazy("what it holds is kept for other orders that were planned together with this one"),
    "other_place_chosen": gettext_lazy("another place was chosen"),
}

RESTS = {
    "next": gettext_lazy("to the next step, after the last one to a person"),
    "backorder": gettext_lazy("on back-order"),
    "exception": gettext_lazy("to a person"),
    "refuse": gettext_lazy("is refused"),
}

NOTES = {
    "no_rule": gettext_lazy("No rule matches this order."),
    "destination_not_placed": gettext_lazy("The address is not on the map: distances were left out."),
    "destination_approximate": gettext_lazy("The postal code is not known: its neighbourhood was taken."),
    "planned_otherwise": gettext_lazy(
        "Planned again from what was known then, the engine now finds another plan; the scores below are of that one."
    ),
    "no_carrier_service": gettext_lazy("No carrier service is set up: transport was counted as free."),
}

OUTCOMES = {
    "served": gettext_lazy("served everything"),
    "partly": gettext_lazy("served a part"),
    "incomplete": gettext_lazy("could serve nothing within its limits"),
    "nobody": gettext_lazy("no place was let in"),
}

PARTS = {
    "shipping": gettext_lazy("shipping"),
    "handling": gettext_lazy("handling"),
    "distance": gettext_lazy("cost of distance"),
    "parcels": gettext_lazy("parcels"),
    "lateness": gettext_lazy("lateness"),
    "workload": gettext_lazy("workload"),
    "carbon": gettext_lazy("carbon"),
    "packaging": gettext_lazy("packaging"),
    "refusal": gettext_lazy("risk of refusal"),
    "scarcity": gettext_lazy("scarcity"),
    "markdown": gettext_lazy("slow stock elsewhere"),
    "location_order": gettext_lazy("order of the places"),
    "units": gettext_lazy("scarcity and order"),  # decisions that were written when both were one
}


def failing_words(share: float) -> str:
    """How often offers fail at a place."""
    if share >= 1 / 2:
        return _("at least every second offer fails here")
    if share < 1 / 100:
        return _("hardly an offer fails here")
    return _("one in %(offers)d offers fails here") % {"offers": round(1 / share)}


def own_part(saved: Decimal, currency: str) -> str:
    """What a plan made together with others does to its own cost."""
    if saved < 0:
        return _("This part alone costs %(amount)s more than before.") % {"amount": money(-saved, currency)}
    return _("This part alone costs %(amount)s less than before.") % {"amount": money(saved, currency)}


def reoptimised(why: Mapping[str, Any], amount: str) -> str:
    """Why this plan took the place of another; `amount`: what all save together."""
    others = why["orders"] - 1
    if not others:
        return _("Planned again: saves %(amount)s.") % {"amount": amount}
    return ngettext(
        "Planned again together with %(others)s other order: saves %(amount)s in all.",
        "Planned again together with %(others)s other orders: saves %(amount)s in all.",
        others,
    ) % {"others": others, "amount": amount}


def reason(code: str) -> str:
    return str(REASONS.get(code, code))


def why_not_offered(code: str) -> str:
    """Why a shopper cannot have it in a way."""
    if code == "late":
        return _("It would not be there today")
    if code == "no_stock":
        return _("Nothing of it can be had in this way")
    if code in NOTES:
        return str(NOTES[code])
    return _("No place that has it can serve this: %(why)s") % {"why": reason(code)}


def not_proven(cost: Decimal, lower_bound: Decimal, currency: str) -> str:
    """How far a plan may be from the best one, where there was no time to prove it."""
    share = number_format(round(100 * (1 - lower_bound / cost), 1) if cost else 0)
    return _("No answer costs less than %(bound)s: at most %(share)s %% could be saved.") % {
        "bound": money(round(lower_bound, 2), currency),
        "share": share,
    }


def step_name(name: str) -> str:
    """Its own, but where the shopper chose the place and no step of the rule was asked."""
    return _("chosen place") if name == CHOSEN_PLACE else name


def rule_sentence(rule: dict[str, Any]) -> str:
    """`Web orders for FR under 2 kg: one parcel from a warehouse within 300 km; else …; the rest to a person`."""
    steps = rule["steps"]
    told = [*map(step_with_rest, steps[:-1]), step_sentence(steps[-1])]
    sentence = _(": ").join([condition_sentence(rule["when"]), _("; else ").join(told)])
    return _("%(sentence)s; the rest %(rest)s.") % {"sentence": sentence, "rest": rest_of_rule(steps[-1])}


def condition_sentence(when: dict[str, Any]) -> str:
    """`Orders from web, to FR`, without a stop: it may go on."""
    told = ", ".join(_condition_parts(when))
    return _("Orders %(conditions)s") % {"conditions": told} if told else _("Every order")


def _condition_parts(when: dict[str, Any]) -> Iterator[str]:
    for key, phrase in (
        ("channels", pgettext("channel", "from %s")),
        ("methods", _("by %s")),
        ("services", _("with service %s")),
        ("countries", _("to %s")),
        ("postal_prefixes", _("to postal codes %s")),
        ("skus", _("with product %s")),
        ("tags", _("with products tagged %s")),
        ("customer_tags", _("of customers tagged %s")),
        ("weekdays", _("on %s")),
    ):
        if when[key]:
            yield phrase % _any_of(when[key], WORDS.get(key))
    yield from _bounds(
        _amount(when["min_value"]), _amount(when["max_value"]), _("worth at least %s"), _("worth at most %s")
    )
    yield from _bounds(
        when["min_weight_g"], when["max_weight_g"], _("weighing at least %s g"), _("weighing at most %s g")
    )
    least, most = when["min_units"], when["max_units"]
    yield from _bounds(
        least,
        most,
        ngettext("of at least %s unit", "of at least %s units", least or 0),
        ngettext("of at most %s unit", "of at most %s units", most or 0),
    )
    yield from _bounds(
        when["from_time"], when["until_time"], pgettext("clock", "from %s"), pgettext("clock", "until %s")
    )
    yield from _bounds(_day(when["from_date"]), _day(when["until_date"]), _("from %s on"), _("up to and with %s"))


def day(text: str) -> str:
    return date_format(dt.date.fromisoformat(text))


def _day(text: str | None) -> str | None:
    return None if text is None else day(text)


def _amount(text: str | None) -> str | None:
    """Money with the digits it was written with."""
    return None if text is None else number_format(text)


def _bounds(low: Any, high: Any, at_least: str, at_most: str) -> Iterator[str]:
    if low is not None:
        yield at_least % low
    if high is not None:
        yield at_most % high


def step_sentence(step: dict[str, Any]) -> str:
    """`one parcel from a warehouse within 300 km, open now`, without a stop: it may go on."""
    source = step["from"]
    start = " ".join([_parcels(step["max_parcels"]), _("from %s") % _places(source), *_whereabouts(source)])
    return ", ".join([start, *_restrictions(source), *_limits(step), *_objective(step["weights"])])


def step_with_rest(step: dict[str, Any]) -> str:
    """Of a step that others follow: with what becomes of the rest where they do not get it."""
    told = step_sentence(step)
    if step["rest"] == "next":
        return told
    return _("%(step)s; the rest %(rest)s") % {"step": told, "rest": rest_of_rule(step)}


def _limits(step: dict[str, Any]) -> Iterator[str]:
    if step["min_parcel_value"] is not None:
        yield _("each worth at least %s") % _amount(step["min_parcel_value"])
    if step["complete"]:
        yield _("if it serves everything")
    yield from _whole(step)
    if step["offer_to"] > 1:
        yield _("offered to %d places at once") % step["offer_to"]


def _whole(step: dict[str, Any]) -> Iterator[str]:
    if not step["keep_groups"]:
        yield _("even if what belongs together is parted")
    if step["no_split_below"] is not None:
        yield _("unsplit below %s") % _amount(step["no_split_below"])
    if step["no_split_tags"]:
        yield _("unsplit with products tagged %s") % _any_of(step["no_split_tags"])
    if step["no_split_customer_tags"]:
        yield _("unsplit for customers tagged %s") % _any_of(step["no_split_customer_tags"])


def _parcels(most: int | None) -> str:
    if most is None:
        return _("any number of parcels")
    if most == 1:
        return _("one parcel")
    return ngettext("at most %d parcel", "at most %d parcels", most) % most


def _places(source: dict[str, Any]) -> str:
    kinds = _any_of(source["kinds"], WORDS["kinds"]) if source["kinds"] else ""
    if not source["locations"]:
        return kinds or _("any place")
    if not kinds:
        return _any_of(source["locations"])
    return _("%(kinds)s among %(places)s") % {"kinds": kinds, "places": ", ".join(source["locations"])}


def _whereabouts(source: dict[str, Any]) -> Iterator[str]:
    """What is said in one breath with the places; all else stands behind commas."""
    if source["groups"]:
        yield _("of %s") % _any_of(source["groups"])
    if source["max_distance_km"] is not None:
        yield _("within %s km") % number(source["max_distance_km"])


def _restrictions(source: dict[str, Any]) -> Iterator[str]:
    if source["exclude_groups"]:
        yield _("not of %s") % _any_of(source["exclude_groups"])
    if source["abilities"]:
        yield _("able to %s") % listed(WORDS["abilities"].get(ability, ability) for ability in source["abilities"])
    if units := source["min_sellable"]:
        yield ngettext("with at least %d unit", "with at least %d units", units) % units
    if units := source["min_left_after"]:
        yield ngettext("keeping %d unit", "keeping %d units", units) % units
    if source["min_confidence"]:
        yield _("whose stock is at least %s%% certain") % number(100 * Decimal(str(source["min_confidence"])))
    if parcels := source["min_capacity_left"]:
        yield ngettext("with room for %d parcel", "with room for %d parcels", parcels) % parcels
    for key, phrase in (
        ("open_now", _("open now")),
        ("before_cut_off", _("before its cut-off")),
        ("on_time", _("in time")),
        ("ignore_capacity", _("whatever its capacity")),
    ):
        if source[key]:
            yield phrase


def _objective(weights: dict[str, float]) -> Iterator[str]:
    """Nothing is said about the usual: by cost alone."""
    told = {name: weight for name, weight in weights.items() if weight}
    if told.keys() - {"cost"}:
        yield _("weighing %s") % ", ".join(
            f"{WORDS['weights'][name]} × {number(weight)}" for name, weight in told.items()
        )


def rest_of_rule(step: Mapping[str, Any]) -> str:
    """`the rest …` of a whole rule, by its last step: behind it there is only a person."""
    told = rest_words("exception" if step["rest"] == "next" else step["rest"])
    days = step.get("cancel_after_days")
    if days is None:
        return told
    canceled = ngettext("%(rest)s, canceled after %(days)d day", "%(rest)s, canceled after %(days)d days", days)
    return canceled % {"rest": told, "days": days}


def rest_words(rest: str) -> str:
    """Where a step sends what it could not serve, said of the step alone."""
    return str(RESTS[rest])


def listed(names: Iterable[str | Promise]) -> str:
    """All of them."""
    told = list(map(str, names))
    if len(told) < 2:
        return "".join(told)
    return _("%(most)s and %(last)s") % {"most": ", ".join(told[:-1]), "last": told[-1]}


def _any_of(values: Iterable[str], words: Mapping[str, str | Promise] | None = None) -> str:
    told = [str((words or {}).get(value, value)) for value in values]
    return told[0] if len(told) == 1 else _("%(most)s or %(last)s") % {"most": ", ".join(told[:-1]), "last": told[-1]}
