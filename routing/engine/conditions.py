"""Which rule speaks for a demand."""

import datetime as dt
from collections.abc import Iterable

from .types import Demand, Rule, When


def matching_rule(rules: Iterable[Rule], demand: Demand) -> Rule | None:
    """The first rule whose conditions all hold."""
    return next((rule for rule in rules if holds(rule.when, demand)), None)


def holds(when: When, demand: Demand) -> bool:
    return (
        _is_among(demand.channel, when.channels)
        and _is_among(demand.method, when.methods)
        and _is_among(demand.service, when.services)
        and _is_among(demand.country, when.countries)
        and _starts_with_any(demand.postal_code, when.postal_prefixes)
        and _has_product(demand, when.skus)
        and _has_tag(demand, when.tags)
        and (not when.customer_tags or not when.customer_tags.isdisjoint(demand.customer_tags))
        and _is_between(demand.value, when.min_value, when.max_value)
        and _has_weight(demand, when)
        and _has_units(demand, when)
        and _is_among(demand.weekday, when.weekdays)
        and is_within_hours(demand.time, when.from_time, when.until_time)
        and _is_within_days(demand.date, when.from_date, when.until_date)
    )


def _is_among(value: str, allowed: frozenset[str]) -> bool:
    return not allowed or value in allowed


def _starts_with_any(postal_code: str, prefixes: tuple[str, ...]) -> bool:
    return not prefixes or postal_code.startswith(prefixes)


def _has_product(demand: Demand, skus: frozenset[str]) -> bool:
    """As for tags: one line is enough, whatever else is wanted."""
    return not skus or any(line.sku in skus for line in demand.lines)


def _has_tag(demand: Demand, tags: frozenset[str]) -> bool:
    """One line with one of the tags is enough: the rule is there to take care of such goods."""
    return not tags or any(not tags.isdisjoint(line.tags) for line in demand.lines)


def _is_between(value, low, high) -> bool:
    return (low is None or value >= low) and (high is None or value <= high)


def _has_weight(demand: Demand, when: When) -> bool:
    if when.min_weight_g is None and when.max_weight_g is None:
        return True
    return _is_between(demand.weight_g, when.min_weight_g, when.max_weight_g)


def _has_units(demand: Demand, when: When) -> bool:
    if when.min_units is None and when.max_units is None:
        return True
    return _is_between(demand.units, when.min_units, when.max_units)


def _is_within_days(date: dt.date | None, first: dt.date | None, last: dt.date | None) -> bool:
    """A demand without a day meets no condition on days."""
    if first is None and last is None:
        return True
    return date is not None and _is_between(date, first, last)


def is_within_hours(time: dt.time, start: dt.time | None, end: dt.time | None) -> bool:
    """Half-open; a start later than the end runs over midnight."""
    if start is None or end is None:
        return (start is None or time >= start) and (end is None or time < end)
    if start <= end:
        return start <= time < end
    return time >= start or time < end
