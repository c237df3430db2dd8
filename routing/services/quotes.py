"""What a shopper can have, when and how: the ways to get a basket, each with its date and price. Nothing is written.

Every way is planned as an order would be, with the same rules, stock and dates, so the date on the product page is
the date at placement. The answer carries a signed token by which an order names the promise it was given.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from math import prod
from typing import Any

from django.conf import settings
from django.core import signing
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from inventory import queries as inventory
from inventory.exposure import Context
from inventory.nearest import by_distance
from inventory.queries import ProductInfo
from inventory.services.cart_holds import unknown_hold
from inventory.supply import Coming, free_supply
from oms.channels import ChannelInfo, channels
from oms.errors import FieldError, Invalid
from routing import queries
from routing.engine.filters import REASONS
from routing.queries import ActiveRules
from routing.services import sourcing
from routing.services.backorders import await_rest, awaitable, carriage
from routing.services.parts import Judged, lacking, largest_part
from routing.services.promises import pickup_time
from routing.services.sourcing import Demand, Destination, Line, SourcingPlan

_SALT = "routing.quote.2"  # counts what tokens have held: an older one is unknown, not misread
_CANDIDATES = 4  # stores tried for each one that is shown
_ALTERNATIVES = 5
_CENT = Decimal("0.01")
_WAITS_AT = ("pickup",)  # curbside is shown, but no order asks for it
_NOT_MEANT = frozenset({"ability", "kind", "location", "group", "exclude_group"})
LATE = "late"
NOBODY_CAN = "ability"


@dataclass(frozen=True, slots=True)
class QuotedLine:
    """`group`: what leaves in one parcel, as of an order's line."""

    sku: str
    quantity: int
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Option:
    """One way to get the basket.

    `price`: what carriers ask for the parcels, those that wait included; nothing where the shopper comes. `earliest_at`:
    hardly anything comes sooner. `order_by`: until when an order keeps the date; None where that is further than three days.
    `confidence`: how often all of it is there by the date; None where configured times made it. `cut`: what it does without.
    `delivery_method`: of an order for what waits at a place (`location`) until it is collected; None for all else.
    """

    method: str
    service: str
    price: Decimal
    promised_at: datetime
    earliest_at: datetime
    order_by: datetime | None = None
    confidence: float | None = None
    location: str | None = None
    name: str = ""
    distance_km: float | None = None
    available_at: datetime | None = None
    parcels: tuple[tuple[tuple[QuotedLine, ...], datetime], ...] = ()
    cut: tuple[QuotedLine, ...] = ()
    delivery_method: str | None = None


@dataclass(frozen=True, slots=True)
class Missing:
    """What cannot be had at once, however it is asked for, and the nearest places that have some of it to be collected.
    `sellable`: in the way that has most."""

    sku: str
    requested: int
    sellable: int
    alternatives: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class NotOffered:
    """A way to get it that there is not, and the word for it with which the likeliest place is left out."""

    method: str
    service: str
    code: str


@dataclass(frozen=True, slots=True)
class Quote:
    token: str
    expires_at: datetime
    currency: str
    options: tuple[Option, ...]
    unavailable: tuple[Missing | NotOffered, ...]


class QuoteRefused(Invalid):
    """A token that is not ours, is over, or promised something else."""

    code = "unknown_quote"
    title = gettext_lazy("This quote cannot be used")


def quote(
    *,
    channel: str,
    currency: str,
    lines: Sequence[QuotedLine],
    destination: Destination | None,
    methods: Collection[str],
    near_limit: int,
    as_of: datetime,
    customer_tags: Collection[str] = (),
    may_be_cut: bool = False,
    reservation: str | None = None,
) -> Quote:
    """The ways to get these lines, per method in the order ship, pickup, curbside, then those that wait for deliveries, and
    why others are not offered. `may_be_cut`: or as much of them as can be had that way. `reservation`: the cart's hold, whose
    units are its own.

    Errors: Invalid (names nobody knows, a currency the channel does not sell in).
    """
    products = inventory.products_of_channel({line.sku for line in lines}, channel=channel, as_of=as_of)
    info = _checked(channel, currency, lines, products, destination, methods, reservation)
    asking = _Asking(info, lines, products, destination, customer_tags, may_be_cut, reservation, as_of)
    ways = asking.ways(methods, near_limit)
    options = [way for way in ways if isinstance(way, Option)]
    missing = asking.missing(methods)
    waiting = [method for method in methods if _may_wait(method, options)]
    options += asking.later(waiting, near_limit)
    told_besides = {LATE} if any(one.sellable for one in missing) else {LATE, NOBODY_CAN}
    closed = [way for way in ways if isinstance(way, NotOffered) and (way.code in told_besides or not missing)]
    expires_at = as_of + timedelta(minutes=settings.QUOTE_MINUTES)
    token = _sign(channel, lines, options, expires_at)
    return Quote(token, expires_at, currency, tuple(options), (*missing, *closed))


def _may_wait(method: str, options: Collection[Option]) -> bool:
    """What could be had later is asked only where it cannot be had now, whole."""
    return all(option.cut for option in options if option.method == method)


def _checked(
    channel: str,
    currency: str,
    lines: Sequence[QuotedLine],
    products: Mapping[str, ProductInfo],
    destination: Destination | None,
    methods: Collection[str],
    reservation: str | None,
) -> ChannelInfo:
    info = channels().get(channel)
    if info is None or not info.is_active:
        raise Invalid(errors=[FieldError("/channel", "unknown_channel", _("No such channel"))])
    faults = [
        FieldError(f"/lines/{number}/sku", "unknown_sku", _("No such product"))
        for number, line in enumerate(lines)
        if line.sku not in products or not products[line.sku].is_active
    ]
    if currency != info.currency:
        detail = _("This channel sells in %(currency)s") % {"currency": info.currency}
        faults.append(FieldError("/currency", "wrong_currency", detail))
    if "ship" in methods and destination is None:
        faults.append(FieldError("/destination", "required", _("A delivery needs an address")))
    faults += unknown_hold(channel, reservation)
    if faults:
        raise Invalid(errors=faults)
    return info


@dataclass
class _Stock:
    """Stock read once for all plans of a basket that are shown the same: a reader as `sourcing.plan` wants it."""

    found: dict[tuple[str, ...], dict[str, dict[str, int]]] = field(default_factory=dict)

    def __call__(
        self,
        skus: Sequence[str],
        *,
        context: Context,
        locations: Collection[str] | None = None,
        tags: Mapping[str, Collection[str]] | None = None,
    ) -> dict[str, dict[str, int]]:
        found = self.shown(skus, context=context, tags=tags)
        if locations is None:
            return {sku: dict(units) for sku, units in found.items()}
        return {sku: {code: units[code] for code in locations if code in units} for sku, units in found.items()}

    def shown(
        self, skus: Sequence[str], *, context: Context, tags: Mapping[str, Collection[str]] | None
    ) -> Mapping[str, Mapping[str, int]]:
        """What can be sold to who asks so. Shared: not to be changed."""
        rules = tuple(rule.id for rule in inventory.protections(context).rules)
        if rules not in self.found:
            self.found[rules] = inventory.sellable_units(skus, context=context, tags=tags)
        return self.found[rules]


@dataclass
class _Supply:
    """What is on its way, read once for all that waits and is shown the same: a reader as `await_rest` wants it."""

    skus: Sequence[str]
    found: dict[tuple[str, ...], dict[str, list[Coming]]] = field(default_factory=dict)

    def __call__(self, skus: Sequence[str], *, context: Context, **_besides: object) -> dict[str, list[Coming]]:
        shown = tuple(rule.id for rule in inventory.protections(context).rules)
        if shown not in self.found:
            self.found[shown] = free_supply(self.skus, context=context)
        return {sku: self.found[shown][sku] for sku in skus}


class _Asking:
    """One basket of one shopper at one instant."""

    def __init__(
        self,
        channel: ChannelInfo,
        lines: Sequence[QuotedLine],
        products: Mapping[str, ProductInfo],
        destination: Destination | None,
        customer_tags: Collection[str],
        may_be_cut: bool,
        reservation: str | None,
        as_of: datetime,
    ):
        self.channel = channel
        self.destination = destination
        self.customer_tags = customer_tags
        self.may_be_cut = may_be_cut
        self.holds = (reservation,) if reservation else ()
        self.as_of = as_of
        self.needed = _units(lines)
        self.lines = tuple(
            Line(f"l{n}", sku, units, group, products[sku].price, products[sku].weight_g, products[sku].tags)
            for n, ((sku, group), units) in enumerate(_together(lines).items(), start=1)
        )
        self.tags = {sku: products[sku].tags for sku in self.needed}
        self.stock = _Stock()
        self.supply = _Supply(sorted(self.needed))
        self.point = self._point()

    def _point(self) -> tuple[float, float] | None:
        there = self.destination
        if there is None:
            return None
        if there.latitude is not None and there.longitude is not None:
            return there.latitude, there.longitude
        return queries.coordinates_of(there.country, there.postal_code)

    def _demand(self, method: str, service: str, location: str | None) -> Demand:
        return Demand(
            channel=self.channel.code,
            currency=self.channel.currency,
            lines=self.lines,
            method=method,
            service=service,
            destination=self.destination if method == "ship" else None,
            location=location,
            customer_tags=self.customer_tags,
            holds=self.holds,
        )

    def _plan(self, method: str, service: str, location: str | None = None) -> SourcingPlan:
        """Of all of it or, where it may be cut, of the most that can be had so."""
        whole = self._ask(self._demand(method, service, location))
        if whole.lacking and self.may_be_cut:
            part = largest_part(whole, ask=self._ask, plan_under=self._plan_under)
            return (part or whole).source
        return whole.source

    def _ask(self, demand: Demand) -> Judged:
        planned = self._plan_under(demand)
        return Judged(planned, lacking(planned, self._sellable(demand)) if planned.rest else {})

    def _plan_under(self, demand: Demand, rules: ActiveRules | None = None) -> SourcingPlan:
        release_at = self.channel.release_at(demand.method, demand.service, placed_at=self.as_of)
        return sourcing.plan(demand, as_of=self.as_of, release_at=release_at, stock=self.stock, rules=rules)

    def _sellable(self, demand: Demand) -> dict[str, int]:
        """What stands anywhere where it can be served, or at the place that was chosen."""
        only = None if demand.location is None else [demand.location]
        stock = self.stock(
            [line.sku for line in demand.lines], context=demand.context(self.as_of), locations=only, tags=self.tags
        )
        return {sku: sum(inventory.units_for(demand.method, units).values()) for sku, units in stock.items()}

    def _cut(self, planned: SourcingPlan) -> tuple[QuotedLine, ...]:
        """What this plan was not asked for any more."""
        kept = _units(planned.demand.lines)
        return tuple(QuotedLine(sku, units) for sku, units in (self.needed - kept).items())

    def ways(self, methods: Collection[str], near_limit: int) -> list[Option | NotOffered]:
        found: list[Option | NotOffered] = []
        if "ship" in methods:
            found += [self._shipped(service) for service in queries.services_offered(self.channel.currency)]
        for method in dict.fromkeys(["pickup", "curbside", *methods]):
            if method in methods and method != "ship":
                collected = self._collected_at(method, near_limit) if method in sourcing.COLLECTED else []
                found += collected or [NotOffered(method, "standard", self._why_not_collected(method))]
        return found

    # Delivery ---------------------------------------------------------------------------------

    def _shipped(self, service: str) -> Option | NotOffered:
        planned = self._plan("ship", service)
        promises = [parcel.promised_at for parcel in planned.parcels]
        if not planned.is_complete:
            return NotOffered("ship", service, _why_not(planned))
        if service == "same_day" and _is_after_today(max(promises), planned):
            return NotOffered("ship", service, LATE)
        return Option(
            method="ship",
            service=service,
            price=planned.shipping.quantize(_CENT),
            promised_at=max(promises),
            earliest_at=min(parcel.earliest_at for parcel in planned.parcels),
            order_by=sourcing.order_by(planned),
            confidence=_confidence(planned),
            parcels=tuple(
                (tuple(QuotedLine(line.sku, line.quantity) for line in parcel.lines), parcel.promised_at)
                for parcel in planned.parcels
            ),
            cut=self._cut(planned),
        )

    # Collected by the shopper -----------------------------------------------------------------

    def _collected_at(self, method: str, limit: int) -> list[Option]:
        """The nearest places (without an address, the first to have it ready) that can hand over all of it, then those
        that have some, where it may be cut."""
        having_all, having_some = self._having(method)
        whole = self._nearest(method, having_all)
        some = self._nearest(method, having_some - whole.keys()) if self.may_be_cut else {}
        options: list[Option] = []
        for code, km in [*list(whole.items())[: limit * _CANDIDATES], *list(some.items())[: limit * _CANDIDATES]]:
            if len(options) == limit:
                break
            planned = self._plan(method, "standard", code)
            if planned.is_complete:
                options.append(self._collected(method, code, planned, km))
        return options

    def _why_not_collected(self, method: str) -> str:
        having_all, having_some = self._having(method)
        directory = inventory.places()
        if method not in sourcing.COLLECTED:
            return NOBODY_CAN
        if not having_some:
            return "no_stock"
        if not any(directory[code].can_serve(method) for code in having_some):
            return NOBODY_CAN
        if not self._nearest(method, having_some):
            return "not_accepting"
        whole = self._nearest(method, having_all)
        return _why_not(self._plan(method, "standard", next(iter(whole)))) if whole else "partial_stock"

    def _having(self, method: str) -> tuple[set[str], set[str]]:
        """The places that have all of it, and those that have some."""
        stock = self._shown(self._context(method))
        return self._having_enough(stock), set().union(*stock.values())

    def _having_enough(self, units: Mapping[str, Mapping[str, int]]) -> set[str]:
        """The places at which, by these units, there is all of it."""
        return set.intersection(
            *({code for code, have in units[sku].items() if have >= wanted} for sku, wanted in self.needed.items())
        )

    def _nearest(self, method: str, codes: Collection[str]) -> dict[str, float | None]:
        """Those of these places that hand out so, and their distances; None: nobody knows."""
        directory = inventory.places()
        able = {code for code in codes if directory[code].serves(self._context(method))}
        far = by_distance(self.point, able, directory) if self.point else dict.fromkeys(sorted(able))
        return {code: None if km in (None, float("inf")) else km for code, km in far.items()}

    def _collected(self, method: str, code: str, planned: SourcingPlan, km: float | None) -> Option:
        return Option(
            method=method,
            service="standard",
            price=Decimal("0.00"),
            promised_at=max(parcel.promised_at for parcel in planned.parcels),
            earliest_at=min(parcel.earliest_at for parcel in planned.parcels),
            confidence=_confidence(planned),
            cut=self._cut(planned),
            **_at(code, km),
        )

    # What is missing --------------------------------------------------------------------------

    def missing(self, methods: Collection[str]) -> list[Missing]:
        """Products of which, for each of these ways, fewer than asked for stand where they can be had so."""
        most = dict.fromkeys(self.needed, 0)
        for context in self._contexts(methods):
            short = [sku for sku, units in self.needed.items() if most[sku] < units]
            if not short:
                break
            stock = self._shown(context)
            for sku in short:
                most[sku] = max(most[sku], sum(inventory.units_for(context.order_type, stock[sku]).values()))
        return [
            Missing(sku, units, self._served(sku, methods), tuple(self._elsewhere(sku, methods)))
            for sku, units in self.needed.items()
            if most[sku] < units
        ]

    def _served(self, sku: str, methods: Collection[str]) -> int:
        """What there is of it in the way that has most, at places that take orders."""
        contexts = self._contexts(methods)
        return max((inventory.units_served(one, self._shown(one)[sku]) for one in contexts), default=0)

    def _contexts(self, methods: Collection[str]) -> list[Context]:
        """The ways that are asked for as far as somebody could serve them; else all."""
        services = queries.services_offered(self.channel.currency)
        asked = [self._context("ship", service) for service in services if "ship" in methods]
        asked += [self._context(method) for method in methods if method in sourcing.COLLECTED]
        return asked or [self._context(method) for method in methods]

    def _elsewhere(self, sku: str, methods: Collection[str]) -> list[Mapping[str, Any]]:
        """The nearest places where some can be collected as was asked; where it was to be sent only, as pickup."""
        directory, best = inventory.places(), dict[str, tuple[int, str]]()
        for method in [method for method in methods if method in sourcing.COLLECTED] or ["pickup"]:
            context = self._context(method)
            for code, units in self._shown(context)[sku].items():
                if directory[code].serves(context):
                    best[code] = max(best.get(code, (0, "")), (units, method))
        far = by_distance(self.point, best, directory) if self.point else dict.fromkeys(sorted(best))
        return [
            {
                "location": code,
                "name": directory[code].name,
                "sellable": best[code][0],
                "pickup_at": pickup_time(directory[code], self.channel.code, self.as_of, best[code][1]),
                **({} if km is None or km == float("inf") else {"distance_km": round(km, 1)}),
            }
            for code, km in list(far.items())[:_ALTERNATIVES]
        ]

    # What waits for deliveries ----------------------------------------------------------------

    def later(self, methods: Collection[str], near_limit: int) -> list[Option]:
        """When all of it can be had in these ways, if what is missing waits for deliveries: sent, or collected at the nearest
        places to which enough is on its way. Nothing where the rules let nothing wait."""
        found = [self._later(self._demand("ship", "standard", None))] if "ship" in methods else []
        for method in _WAITS_AT:
            if method in methods and queries.rules_for(self.channel.code).lets_wait:
                found += self._collected_later(method, near_limit)
        return [option for option in found if option is not None]

    def _collected_later(self, method: str, limit: int) -> list[Option]:
        near = self._nearest(method, self._having_later(method))
        options: list[Option] = []
        for code, km in islice(near.items(), limit * _CANDIDATES):
            if len(options) == limit:
                break
            if option := self._later(self._demand(method, "standard", code)):
                options.append(replace(option, delivery_method=method, **_at(code, km)))
        return options

    def _having_later(self, method: str) -> set[str]:
        """The places that will have all of it, once what is on its way to them has come."""
        context = self._context(method)
        units = {sku: Counter(there) for sku, there in self._shown(context).items()}
        for sku, coming in self.supply(list(self.needed), context=context).items():
            for one in coming:
                units[sku][one.location] += one.units
        return self._having_enough(units)

    def _later(self, demand: Demand) -> Option | None:
        """As placing an order of one who may wait would promise it. None where not enough is on its way."""
        planned = self._plan_under(demand)
        rest, awaited = awaitable(planned), await_rest(planned, supply=self.supply)
        if rest is None or awaited is None or not awaited.is_complete or awaited.promised_at is None:
            return None
        promised_at = max(filter(None, [planned.promised_at, awaited.promised_at]))
        carried = not demand.is_collected
        price = carriage(rest, awaited, as_of=self.as_of, release_at=planned.release_at) if carried else Decimal(0)
        return Option(
            method="backorder",
            service="standard",
            price=(planned.shipping + price).quantize(_CENT),
            promised_at=promised_at,
            earliest_at=promised_at,
            available_at=awaited.available_at.astimezone(UTC),
        )

    def _context(self, method: str, service: str = "standard") -> Context:
        return Context(self.as_of, self.channel.code, order_type=method, service=service, holds=self.holds)

    def _shown(self, context: Context) -> Mapping[str, Mapping[str, int]]:
        return self.stock.shown(sorted(self.needed), context=context, tags=self.tags)


def _units(lines: Iterable[QuotedLine | Line]) -> Counter[str]:
    """By product."""
    units = Counter[str]()
    for line in lines:
        units[line.sku] += line.quantity
    return units


def _together(lines: Iterable[QuotedLine]) -> Counter[tuple[str, str | None]]:
    """By product and group: lines of a basket that differ in neither are one."""
    units = Counter[tuple[str, str | None]]()
    for line in lines:
        units[line.sku, line.group] += line.quantity
    return units


def _at(code: str, km: float | None) -> dict[str, Any]:
    """Where it is collected."""
    name = inventory.places()[code].name
    return {"location": code, "name": name, "distance_km": None if km is None else round(km, 1)}


def _confidence(planned: SourcingPlan) -> float | None:
    """All parcels must be there: at the least, the chances multiply."""
    known = [parcel.confidence for parcel in planned.parcels]
    return None if None in known else round(prod(filter(None, known)), 4)


def _is_after_today(at: datetime, planned: SourcingPlan) -> bool:
    """By the shopper's calendar."""
    return at.astimezone(planned.zone).date() > planned.as_of.astimezone(planned.zone).date()


def _why_not(planned: SourcingPlan) -> str:
    """Why the place that came farthest is left out; who is not meant to serve it speaks only where nobody else is there."""
    if "no_rule" in planned.notes:
        return "no_rule"
    if not planned.outcome.candidates:
        return "no_stock"
    reasons = {place.reason for place in planned.outcome.candidates if place.reason}
    return max(reasons - _NOT_MEANT or reasons, key=REASONS.index, default="partial_stock")


# ---- the token -----------------------------------------------------------------------------------


def _sign(channel: str, lines: Sequence[QuotedLine], options: Sequence[Option], expires_at: datetime) -> str:
    told = {
        "c": channel,
        "l": [[sku, units, group] for (sku, group), units in _together(lines).items()],
        "o": [[o.method, o.service, o.location, bool(o.cut), str(o.price), o.promised_at.isoformat()] for o in options],
        "e": expires_at.isoformat(),
    }
    return signing.dumps(told, salt=_SALT, compress=True)


def promise_of(
    token: str,
    *,
    channel: str,
    method: str,
    service: str,
    location: str | None,
    lines: Sequence[QuotedLine],
    may_wait: bool,
    as_of: datetime,
) -> datetime | None:
    """The date this quote promised for an order of these lines, all that was quoted or some of it, had that way; who may wait
    is given all of it later rather than a part of it now. None: it is the date of such a part, and more is to come.

    Errors: QuoteRefused.
    """
    try:
        told = signing.loads(token, salt=_SALT)
    except signing.BadSignature:
        raise _refused("unknown_quote", _("There is nothing of this name")) from None
    if told["c"] != channel:
        raise _refused("unknown_quote", _("There is nothing of this name"))
    if datetime.fromisoformat(told["e"]) <= as_of:
        raise _refused("quote_expired", _("This quote has expired; ask for a new one"))
    if not _together(lines) <= Counter({(sku, group): units for sku, units, group in told["l"]}):
        raise _refused("not_quoted", _("The quote is of other lines; ask for a new one"))
    for way in ("backorder", method) if may_wait else (method, "backorder"):  # what waits at a place names it
        for quoted_method, quoted_service, quoted_location, is_cut, _price, promised_at in told["o"]:
            if (quoted_method, quoted_service, quoted_location) == (way, service, location):
                return None if is_cut and may_wait else datetime.fromisoformat(promised_at)
    raise _refused("not_quoted", _("The quote does not offer this way of delivery"))


def _refused(code: str, detail: str) -> QuoteRefused:
    return QuoteRefused(errors=[FieldError("/quote", code, detail)])
