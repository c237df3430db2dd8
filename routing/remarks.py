"""What is said about rule sets: findings of a review and differences between two texts, as sentences."""

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.utils.formats import date_format, number_format
from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from oms.backoffice.words import number
from routing import words
from routing.differences import Difference
from routing.engine.review import Finding
from routing.labels import label
from routing.rate_review import Remark

FINDINGS: Mapping[str, Promise] = {
    "unknown_group": gettext_lazy("No place is in the group: %(groups)s."),
    "unknown_location": gettext_lazy("There is no place: %(locations)s."),
    "unknown_channel": gettext_lazy("There is no channel: %(channels)s."),
    "unknown_sku": gettext_lazy("There is no product: %(skus)s."),
    "unused_tag": gettext_lazy("No product has the tag: %(tags)s."),
    "never_matches": gettext_lazy("No order can meet these conditions: they exclude each other (%(because)s)."),
    "days_are_over": gettext_lazy("Its days are over since %(day)s: no order meets it any more."),
    "places_out_of_use": gettext_lazy("These places are out of use: %(locations)s."),
    "nobody_let_in": gettext_lazy("No place passes this filter: the step would never serve anything."),
    "nobody_has_room": gettext_lazy(
        "Less room than is wanted (%(wanted)s): no place that passes prepares more than %(most)s parcels a day, so that"
        " the step would never serve anything."
    ),
    "room_wanted_and_ignored": gettext_lazy(
        "Room is wanted (%(wanted)s) although the capacity is ignored: places that have less room are left out all the same."
    ),
    "no_distance_known": gettext_lazy(
        "The distance is limited, but none of the places that pass is on the map: the step would never serve anything."
    ),
    "no_distance_allowed": gettext_lazy(
        "Within 0 km next to nobody is let in: only a place that stands exactly where the order goes."
    ),
    "parcel_worth_too_much": gettext_lazy(
        "Each parcel is to be worth %(least)s at least, but the rule is for orders of %(most)s at most: the step would"
        " never serve anything."
    ),
    "unreachable_rule": gettext_lazy(
        "Never reached: every order it speaks for is taken by the rule “%(rule)s” before."
    ),
    "unreachable_rule_together": gettext_lazy(
        "Never reached: every order it speaks for is taken by one of these rules before: %(rules)s."
    ),
    "unreachable_step": gettext_lazy("Never tried: the step “%(step)s” before leaves nothing for it."),
    "not_for_every_order": gettext_lazy("Orders that meet none of the rules are not planned: a person gets them."),
    "places_not_on_the_map": gettext_lazy(
        "The distance counts here, but these places are not on the map: %(locations)s."
    ),
}

BECAUSE: Mapping[str, Promise] = {
    "channels": gettext_lazy("the rule set is not for these channels"),
    "value": gettext_lazy("value"),
    "weight": gettext_lazy("weight"),
    "units": gettext_lazy("units"),
    "no_units": gettext_lazy("every order has a unit at least"),
    "dates": gettext_lazy("days"),
    "hours": gettext_lazy("times of day"),
}

_MOST_NAMED = 12


def finding_sentence(finding: Finding) -> str:
    facts = {name: _fact(value) for name, value in finding.facts.items()}
    return str(FINDINGS[finding.code]) % facts


def _fact(value: Any) -> str:
    if isinstance(value, dt.date):
        return date_format(value)
    if isinstance(value, Decimal):
        return number_format(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return str(BECAUSE.get(value, value))
    shown = ", ".join(value[:_MOST_NAMED])
    more = len(value) - _MOST_NAMED
    if more <= 0:
        return shown
    facts = {"names": shown, "count": more}
    return ngettext("%(names)s and %(count)d more", "%(names)s and %(count)d more", more) % facts


# ---- carriers' prices ------------------------------------------------------------------------------

RATES: Mapping[str, Promise] = {
    "no_zones": gettext_lazy("No zones: nothing is ever sent with it."),
    "no_prices": gettext_lazy("The zone has no prices: it is passed over as if it were not there."),
    "never_reached": gettext_lazy("Never used: the zone “%(before)s” before it covers all of it."),
    "heavier_has_no_price": gettext_lazy(
        "Above %(grams)s g there is no price: parcels leave in several packages, and a heavier article not at all."
    ),
    "never_so_heavy": gettext_lazy("Prices beyond the heaviest package (%(grams)s g) are never asked for."),
    "heavier_is_cheaper": gettext_lazy("What weighs more than %(grams)s g is cheaper than what weighs less."),
    "areas_not_reached": gettext_lazy("No zone with prices reaches: %(areas)s."),
    "not_from_farther": gettext_lazy("From farther away than %(km)s km nothing is sent to: %(areas)s."),
    "never_open_when_fetching": gettext_lazy(
        "In the next four weeks these places are open on no day on which it fetches parcels: %(places)s. What is sent from"
        " there is promised for much later or, if that is never, as if it were fetched at a shut door."
    ),
    "places_off_the_map": gettext_lazy("Not on the map, so that no zone with a distance fits them: %(places)s."),
}


def remark_sentence(remark: Remark) -> str:
    """With its zone first, where it is about one."""
    told = str(RATES[remark.code]) % {name: _fact(value) for name, value in remark.facts.items()}
    return _("%(zone)s: %(remark)s") % {"zone": remark.zone, "remark": told} if remark.zone else told


def never_fetched_sentence(services: Sequence[str]) -> str:
    """Said of a place: the carrier services that never come while it is open."""
    return _(
        "In the next four weeks it is open on no day on which these carrier services fetch parcels: %(services)s. What is"
        " sent from here with them is promised for much later or, if that is never, as if it were fetched at a shut door."
    ) % {"services": _fact(services)}


# ---- differences -----------------------------------------------------------------------------------


def difference_sentence(difference: Difference) -> str:
    """`Rule “web”, step “near”, distance of at most (km): 50 instead of 80.`"""
    return capfirst(_DIFFERENCES[difference.kind](difference))


def _added(difference: Difference) -> str:
    facts = {"where": _where(difference.where), "text": _text(difference.where, difference.after)}
    return _("%(where)s is new: %(text)s") % facts


def _removed(difference: Difference) -> str:
    facts = {"where": _where(difference.where), "text": _text(difference.where, difference.before)}
    return _("%(where)s is gone: %(text)s") % facts


def _moved(difference: Difference) -> str:
    facts = {"where": _where(difference.where), "before": difference.before, "after": difference.after}
    return _("%(where)s stands at place %(after)s instead of %(before)s.") % facts


def _changed(difference: Difference) -> str:
    key = difference.where[-1]
    facts = {
        "where": _where(difference.where),
        "before": value_words(key, difference.before),
        "after": value_words(key, difference.after),
    }
    return _("%(where)s: %(after)s instead of %(before)s.") % facts


_DIFFERENCES = {"added": _added, "removed": _removed, "moved": _moved, "changed": _changed}


def _where(keys: Sequence[str]) -> str:
    """Rules and steps by their names, then what it is; the boxes around it (`when`, `from`) tell nothing."""
    told, rest = [], list(keys)
    for box, phrase in (("rules", _("rule “%s”")), ("steps", _("step “%s”"))):
        if rest[:1] == [box] and len(rest) > 1:
            told.append(phrase % rest[1])
            rest = rest[2:]
    if rest:
        told.append(label(rest[-1]))
    return ", ".join(told)


def _text(keys: Sequence[str], value: Any) -> str:
    is_rule = len(keys) == 2
    return capfirst(words.rule_sentence(value)) if is_rule else words.step_sentence(value)


def value_words(key: str, value: Any) -> str:
    if value is None or value == []:
        return _("nothing")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if key == "rest":
        return words.rest_words(value)
    known = words.WORDS.get(key, {})
    if isinstance(value, list):
        return ", ".join(str(known.get(item, item)) for item in value)
    if isinstance(value, int | float):
        return number(value)
    if key in _AMOUNTS:
        return number_format(value)
    return words.day(value) if key in _DAYS else str(value)


_AMOUNTS = frozenset({"min_value", "max_value", "min_parcel_value", "no_split_below"})
_DAYS = frozenset({"from_date", "until_date"})
