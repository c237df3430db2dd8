"""What a place does not say, or says by default only, and what follows from it."""

from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from inventory.models import Location
from inventory.models.location import Kind
from oms.channels import channels

Remark = tuple[str, str]  # its code, and what it says
MoreRemarks = Callable[[Location, datetime], Iterable[Remark]]

REMARKS: dict[str, str | Promise] = {
    "not_on_the_map": gettext_lazy(
        "It is not on the map: rules and carriers that ask for a distance leave it out, and where distance counts"
        " it is the farthest of all."
    ),
    "always_open": gettext_lazy(
        "No opening hours: it counts as always open, at night, too, and its clocks never stop."
    ),
    "never_open": gettext_lazy("By its hours and closures it never opens: nothing is planned for it."),
    "no_daily_capacity": gettext_lazy("Its daily capacity is zero: no order is ever planned for it."),
    "clock_of_utc": gettext_lazy("Its clock is UTC: hours and cut-offs may be some hours off."),
    "no_country": gettext_lazy("No country: carriers do not know its public holidays."),
    "no_abilities": gettext_lazy("It can do nothing: no order is ever planned for it."),
    "foreign_costs": gettext_lazy("No channel sells in its currency: what handling costs here is never counted."),
}


_more: list[MoreRemarks] = []


def register_remarks(more: MoreRemarks) -> None:
    """A higher room knows more of a place."""
    if more not in _more:
        _more.append(more)


def remarks_on(place: Location, *, as_of: datetime) -> list[Remark]:
    """All that deserves a look."""
    currencies = {channel.currency for channel in channels().values()}
    own = [(code, str(REMARKS[code])) for code in review_place(place, currencies=currencies, as_of=as_of)]
    return own + [remark for more in _more for remark in more(place, as_of)]


def review_place(place: Location, *, currencies: Collection[str], as_of: datetime) -> list[str]:
    """The codes of what deserves a look, in the order of `REMARKS`. `currencies`: those that channels sell in."""
    return list(_codes(place, currencies, as_of))


def _codes(place: Location, currencies: Collection[str], as_of: datetime) -> Iterator[str]:
    if place.latitude is None:
        yield "not_on_the_map"
    if not place.calendar.opens_again(as_of):
        yield "never_open"
    elif not place.opening_hours and place.kind == Kind.STORE:
        yield "always_open"
    if place.daily_capacity == 0:
        yield "no_daily_capacity"
    if place.timezone == "UTC" and place.country:
        yield "clock_of_utc"
    if not place.country:
        yield "no_country"
    if not place.abilities:
        yield "no_abilities"
    has_costs = place.handling_cost or place.handling_cost_per_unit or place.packaging_cost
    if has_costs and currencies and place.currency not in currencies:
        yield "foreign_costs"
