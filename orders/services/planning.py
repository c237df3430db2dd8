"""Where orders meet routing: a delivery becomes a demand, a plan becomes rows of work.

Everything this app asks of routing passes here, so the rest of it speaks of deliveries and fulfillments only.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from math import isfinite
from typing import Any

from inventory.exposure import Context
from inventory.hours import NeverOpen
from inventory.queries import PlaceInfo, haversine_km, places, sellable_units, units_for, units_served
from inventory.services.reservations import Want
from oms.money import ZERO
from oms.sql import Tables, insert_rows
from oms.transactions import in_transaction
from orders.clocks import Step
from orders.commands import Address, DeliveryGiven
from orders.models import Delivery, Exclusion, Fulfillment, Order, OrderLine
from orders.models.order import demand_of_line
from orders.states import FulfillmentStatus, Method
from routing import dates
from routing.engine.types import Parcel
from routing.queries import ActiveRules, Policy, policy_for
from routing.services import decisions as routing_decisions
from routing.services.backorders import Awaited, AwaitedPart, await_rest, await_supply, waits_until
from routing.services.backorders import served_later as ask_later
from routing.services.capacity import Booking, release_capacity
from routing.services.capacity import book_capacity as book_days
from routing.services.capacity import lock_capacity as lock_days
from routing.services.parts import lacking, largest_part
from routing.services.promise_ledger import promise_row as ledger_row
from routing.services.promises import pickup_time
from routing.services.sourcing import Demand, Destination, Line, PlannedParcel, SourcingPlan, StockReader
from routing.services.sourcing import plan as ask_routing

_OFFERS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Wanted:
    """Units of one order line to find a place for. `key` is the line's id."""

    key: str
    sku: str
    quantity: int
    group: str | None
    unit_value: Decimal
    weight_g: int
    tags: frozenset[str]


@dataclass(frozen=True, slots=True)
class RestUnits:
    key: str
    sku: str
    quantity: int
    disposition: str
    cancel_after_days: int | None = None


@dataclass(frozen=True, slots=True)
class PlannedDelivery:
    """What routing answered for one delivery.

    `shortages`: what the whole network (or the chosen pickup place) cannot give, as `insufficient_stock` tells it.
    `awaited`: what is to wait for deliveries; it is no rest.
    `lacking`: units by line because of which the order is refused. `cut`: those it does without, for it may be cut.
    `reasons`: why each place with stock was not chosen, for a person to read.
    """

    source: SourcingPlan
    parcels: tuple[PlannedParcel, ...]
    rest: tuple[RestUnits, ...]
    shortages: tuple[dict[str, Any], ...] = ()
    awaited: tuple[AwaitedPart, ...] = ()
    lacking: Mapping[str, int] = field(default_factory=dict)
    cut: Mapping[str, int] = field(default_factory=dict)

    @property
    def decision(self) -> str:
        return self.source.decision_id

    @property
    def is_empty(self) -> bool:
        """Units were asked for, and all were cut."""
        return bool(self.source.demand.lines) and not (self.parcels or self.rest or self.awaited)

    @property
    def promised_at(self) -> datetime | None:
        dates = [parcel.promised_at for parcel in self.parcels] + [part.promised_at for part in self.awaited]
        return max(dates, default=None)

    @property
    def reasons(self) -> list[dict[str, str]]:
        return [{"location": c.location, "reason": c.reason} for c in self.source.outcome.candidates if c.reason]

    def cancel_at(self, as_of: datetime) -> datetime | None:
        """Until when the rest may wait; None: for as long as it takes."""
        days = [units.cancel_after_days for units in self.rest if units.cancel_after_days is not None]
        return as_of + timedelta(days=min(days)) if days else None

    @property
    def waits_until(self) -> datetime | None:
        """The same for what waits for deliveries."""
        return waits_until(self.source)

    @property
    def facts(self) -> dict[str, Any]:
        """What a person needs to decide about the rest."""
        return {"places": self.reasons, "decision": self.decision}

    @property
    def wants(self) -> tuple[Context, list[Want]]:
        """What is to be reserved for it, and how it was asked for."""
        wants = [
            Want(demand_of_line(line.key), line.sku, parcel.location, line.quantity)
            for parcel in self.parcels
            for line in parcel.lines
        ]
        return self.asker, wants

    @property
    def asker(self) -> Context:
        return self.source.demand.context(self.source.as_of)

    def without_parcels(self, units: Mapping[OrderLine, int]) -> "PlannedDelivery":
        """The same answer with nothing found: others were always faster."""
        rest = tuple(RestUnits(line.pk, line.product_id, quantity, "exception") for line, quantity in units.items())
        return PlannedDelivery(self.source, (), rest)


# ---- asking --------------------------------------------------------------------------------------


def plan_delivery(
    *,
    channel: str,
    currency: str,
    delivery: DeliveryGiven,
    address: Address | None,
    wanted: Sequence[Wanted],
    value: Decimal,
    taken: Mapping[tuple[str, str], int],
    release_at: datetime,
    as_of: datetime,
    hold: str = "",
    wanted_by: datetime | None = None,
    customer_tags: Collection[str] = (),
    may_wait: bool = False,
    may_be_cut: bool = False,
    awaited: Mapping[int, int] | None = None,
) -> PlannedDelivery:
    """Plan one delivery of a new order: all of it, or the most that can be had where it `may_be_cut`.

    `taken`: units that its other deliveries count on already; `value`: of the whole order; `hold`: the cart hold
    whose units are its own; `wanted_by`: the date that a quote promised; `may_wait`: the shopper agreed to wait for what
    the rules back-order; `awaited`: units by line of a delivery that its other deliveries wait for.
    """
    demand = Demand(
        channel=channel,
        currency=currency,
        lines=tuple(_line(line) for line in wanted),
        method=delivery.method,
        service=delivery.service,
        destination=_destination(address) if delivery.method == "ship" else None,
        location=delivery.location,
        value=value,
        taken=taken,
        holds=(hold,) if hold else (),
        wanted_by=wanted_by,
        customer_tags=customer_tags,
    )
    asking = _Asking(demand, may_wait, awaited or {}, release_at, as_of)
    planned = asking.ask(demand)
    if not planned.lacking:
        return planned
    if may_be_cut:
        return asking.most_of(planned)
    return replace(planned, shortages=_shortages(demand, wanted, asking.seen.units, as_of=as_of))


class _Asking:
    """One delivery of a new order, and less of it: all that is asked sees the same stock."""

    def __init__(
        self, demand: Demand, may_wait: bool, awaited: Mapping[int, int], release_at: datetime, as_of: datetime
    ):
        self.demand = demand
        self.may_wait = may_wait
        self.taken_there = {line: -units for line, units in awaited.items()}
        self.release_at = release_at
        self.as_of = as_of
        self.seen = _Seen()

    def ask(self, demand: Demand) -> PlannedDelivery:
        source = self.plan_under(demand, None)
        awaited = await_rest(source, besides=self.taken_there) if self.may_wait else None
        if awaited is not None and awaited.is_complete:
            return PlannedDelivery(source, source.parcels, (), awaited=awaited.parts)
        if awaited is not None:  # never half: what nobody brings is refused with the rest
            return PlannedDelivery(source, source.parcels, _rest(source), lacking=awaited.lacking)
        lacks = lacking(source, self._sellable(source.demand)) if source.rest else {}
        return PlannedDelivery(source, source.parcels, _rest(source), lacking=lacks)

    def plan_under(self, demand: Demand, rules: ActiveRules | None) -> SourcingPlan:
        return ask_routing(demand, as_of=self.as_of, release_at=self.release_at, stock=self.seen.read, rules=rules)

    def _sellable(self, demand: Demand) -> dict[str, int]:
        """What stands where it can be served, and its other deliveries leave."""
        return _sellable(demand, {line.sku for line in demand.lines}, self.seen.units)

    def most_of(self, whole: PlannedDelivery) -> PlannedDelivery:
        """The largest part of it that can be had, be it nothing; the rest is cut."""
        part = largest_part(whole, ask=self.ask, plan_under=self.plan_under)
        if part is None:
            cut = {line.key: line.quantity for line in self.demand.lines}
            return PlannedDelivery(whole.source, (), (), cut=cut)
        kept = {line.key: line.quantity for line in part.source.demand.lines}
        cut = {line.key: n for line in self.demand.lines if (n := line.quantity - kept.get(line.key, 0))}
        return replace(part, cut=cut)


def plan_again(
    order: Order,
    delivery: Delivery,
    units: Mapping[OrderLine, int],
    *,
    exclude_also: Sequence[str],
    only: str | None,
    as_of: datetime,
    wanted_by: datetime | None,
    release_at: datetime | None = None,
    arrived: Mapping[tuple[str, str], int] | None = None,
    holds: tuple[str, ...] = (),
) -> PlannedDelivery:
    """Plan for units without a place. `only`: a person chose this place, exclusions and preferences or not;
    what the rules keep together is together there as well, or not there.

    `arrived`: units by (SKU, place) that came for them and stand there reserved for them; `holds`: whose units are free to them.
    """
    excluded = _excluded(units, exclude_also=exclude_also, overridden=only is not None)
    demand = replace(
        demand_of(order, delivery, units), location=only, excluded=excluded, wanted_by=wanted_by, holds=holds
    )
    source = ask_routing(demand, as_of=as_of, release_at=release_at, stock=_stock_with(arrived or {}))
    return PlannedDelivery(source, source.parcels, _rest(source))


def await_deliveries(
    order: Order,
    delivery: Delivery,
    units: Mapping[OrderLine, int],
    *,
    as_of: datetime,
    besides: Mapping[int, int] | None = None,
) -> Awaited:
    """Which deliveries could bring units without a place. `besides`: by line of a delivery, what they wait for already.

    What is collected waits at the place that the shopper chose last, though that may have lost it before.
    """
    return await_supply(_demand_that_waits(order, delivery, units), as_of=as_of, besides=besides)


def served_later(
    order: Order,
    delivery: Delivery,
    units: Mapping[OrderLine, int],
    *,
    here: Mapping[tuple[str, str], int],
    as_of: datetime,
) -> datetime | None:
    """When the shopper has units that stand reserved for them, by (SKU, place), if their places can take them soon."""
    return ask_later(_demand_that_waits(order, delivery, units), here, as_of=as_of)


def _demand_that_waits(order: Order, delivery: Delivery, units: Mapping[OrderLine, int]) -> Demand:
    place = collected_at(delivery, units)
    excluded = _excluded(units, exclude_also=(), overridden=place is not None)
    return replace(demand_of(order, delivery, units, excluded=excluded), location=place)


def collected_at(delivery: Delivery, lines: Collection[OrderLine]) -> str | None:
    """The store where the shopper collects these lines: the one agreed on last. None for what is sent."""
    if delivery.method != Method.PICKUP:
        return None
    theirs = Fulfillment.objects.filter(lines__order_line__in=lines).order_by("-id")
    return theirs.values_list("pickup_location_id", flat=True).first() or delivery.location_id


def _excluded(units: Mapping[OrderLine, int], *, exclude_also: Sequence[str], overridden: bool) -> dict[str, set[str]]:
    excluded: dict[str, set[str]] = {line.pk: set(exclude_also) for line in units}
    if not overridden:
        for line_id, location in Exclusion.objects.filter(order_line__in=units).values_list(
            "order_line_id", "location_id"
        ):
            excluded[line_id].add(location)
    return excluded


def _stock_with(arrived: Mapping[tuple[str, str], int]) -> StockReader:
    """What can be sold and, as if it were free, what stands reserved for the asker."""
    if not arrived:
        return sellable_units

    def read(
        skus: Sequence[str], *, locations: Collection[str] | None = None, **asked: Any
    ) -> dict[str, dict[str, int]]:
        stock = sellable_units(skus, locations=locations, **asked)
        for (sku, code), units in arrived.items():
            if sku in stock and (locations is None or code in locations):
                stock[sku][code] = stock[sku].get(code, 0) + units
        return stock

    return read


def _rest(source: SourcingPlan) -> tuple[RestUnits, ...]:
    return tuple(RestUnits(r.key, r.sku, r.quantity, str(r.disposition), r.cancel_after_days) for r in source.rest)


def demand_of(
    order: Order,
    delivery: Delivery,
    units: Mapping[OrderLine, int],
    *,
    excluded: Mapping[str, Collection[str]] | None = None,
) -> Demand:
    """What a stored delivery asks routing for, as the shopper asked; the products are read with the lines."""
    is_pickup = delivery.method == Method.PICKUP
    return Demand(
        channel=order.channel_id,
        currency=order.currency,
        lines=tuple(_line_of(line, quantity) for line, quantity in units.items()),
        method=delivery.method,
        service=delivery.service,
        destination=None if is_pickup else _destination_of(delivery.address or order.shipping_address),
        location=delivery.location_id if is_pickup else None,
        excluded=excluded or {},
        value=order.items_total,
        customer_tags=order.customer_tags,
    )


def demands_as_asked(deliveries: Sequence[Delivery]) -> Iterator[tuple[Delivery, Demand]]:
    """What these, all that their orders have, asked for at first, with what could not be had; read with their lines."""
    lost = defaultdict[str, Decimal](Decimal)
    for delivery in deliveries:
        for line in delivery.lines.all():
            lost[delivery.order_id] += line.unserved * line.unit_price
    for delivery in deliveries:
        units = {line: line.quantity for line in delivery.lines.all()}
        if units:
            order = delivery.order
            yield delivery, replace(demand_of(order, delivery, units), value=order.items_total + lost[order.pk])


def _line(wanted: Wanted) -> Line:
    return Line(wanted.key, wanted.sku, wanted.quantity, wanted.group, wanted.unit_value, wanted.weight_g, wanted.tags)


def _line_of(line: OrderLine, quantity: int) -> Line:
    product = line.product
    return Line(
        line.pk, product.sku, quantity, line.group or None, line.unit_price, product.weight_g, frozenset(product.tags)
    )


def _destination(address: Address | None) -> Destination | None:
    if address is None:
        return None
    return Destination(address.country, address.postal_code, address.city, address.latitude, address.longitude)


def _destination_of(address: Mapping[str, Any] | None) -> Destination | None:
    if address is None:
        return None
    return Destination(
        address["country"], address["postal_code"], address["city"], address.get("latitude"), address.get("longitude")
    )


def next_best(planned: PlannedDelivery) -> list[Parcel]:
    """Of a plan without the place that has the work: whom the step says to ask besides, where one place can serve it all."""
    source = planned.source
    rule = next((rule for rule in source.rules.rules if rule.name == source.outcome.rule), None)
    if rule is None or planned.rest or len(source.outcome.parcels) != 1:
        return []
    [parcel] = source.outcome.parcels
    return [parcel, *parcel.runners_up][: rule.steps[parcel.step].offer_to - 1]


def units_by_sku(units: Mapping[OrderLine, int]) -> dict[str, int]:
    """Lines of one product count together."""
    needed: Counter[str] = Counter()
    for line, quantity in units.items():
        needed[line.product_id] += quantity
    return needed


def context_of(order: Order, work: Fulfillment | Delivery, *, as_of: datetime) -> Context:
    """How this work, or what of this delivery has none, asks for stock."""
    return Context(as_of, channel=order.channel_id, order_type=work.method, service=work.service)


def closed_until(until: datetime, *, as_of: datetime) -> list[str]:
    """Places that are not open before then, and so cannot answer."""
    return [code for code, place in places().items() if not place.calendar.open_time_between(as_of, until)]


# ---- what is missing, and where else -------------------------------------------------------------


class _Seen:
    """Stock as the planner read it, once. What is missing is judged by the same reading: units that came back a moment
    later would else make an order of what no place was found for.
    """

    def __init__(self) -> None:
        self.units: dict[str, dict[str, int]] = {}

    def read(self, skus: Sequence[str], **asked: Any) -> dict[str, dict[str, int]]:
        if not self.units:
            self.units = sellable_units(skus, **asked)
        return {sku: dict(self.units[sku]) for sku in skus}


def _shortages(
    demand: Demand, wanted: Sequence[Wanted], seen: Mapping[str, Mapping[str, int]], *, as_of: datetime
) -> tuple[dict[str, Any], ...]:
    """SKUs of which the planner saw fewer than were asked for, wherever this can be served or at the chosen place."""
    requested: dict[str, int] = {}
    for line in wanted:
        requested[line.sku] = requested.get(line.sku, 0) + line.quantity
    sellable = _sellable(demand, requested, seen)
    missing = [sku for sku, quantity in requested.items() if sellable[sku] < quantity]
    if not missing:
        return ()
    collected = demand if demand.is_collected else replace(demand, method=Method.PICKUP, service="standard")
    stock = sellable_units(missing, context=collected.context(as_of), tags={w.sku: w.tags for w in wanted})
    return tuple(
        {
            "sku": sku,
            "requested": requested[sku],
            "sellable": units_served(demand.context(as_of), _untaken(demand, sku, seen[sku])),
            "alternatives": _alternatives(demand, _untaken(demand, sku, stock[sku]), as_of=as_of),
        }
        for sku in missing
    )


def _sellable(demand: Demand, skus: Iterable[str], seen: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """Units by SKU at places that can serve this demand, without what the order's other deliveries take."""
    return {sku: sum(units_for(demand.method, _untaken(demand, sku, seen[sku])).values()) for sku in skus}


def _untaken(demand: Demand, sku: str, stock: Mapping[str, int]) -> dict[str, int]:
    """What the order's other deliveries leave, by place."""
    return {code: max(0, units - demand.taken.get((sku, code), 0)) for code, units in stock.items()}


def _alternatives(demand: Demand, stock: Mapping[str, int], *, as_of: datetime) -> list[dict[str, Any]]:
    """The nearest other places that have some to be collected, with the time from which it could be."""
    directory = places()
    origin = directory[demand.location] if demand.location else None
    offers = [
        (directory[code], units)
        for code, units in stock.items()
        if units > 0 and code != demand.location and _hands_out(directory.get(code), as_of)
    ]
    offers.sort(key=lambda offer: (_km(origin, offer[0]), offer[0].code))
    return [
        {"location": place.code, "sellable": units, "promised_at": _pickup_promise(place, demand.channel, as_of)}
        for place, units in offers[:_OFFERS_SHOWN]
    ]


def other_pickup_places(
    order: Order, lost: Fulfillment, units: Mapping[OrderLine, int], *, as_of: datetime
) -> list[dict[str, Any]]:
    """Stores that could hand over all of these units instead, nearest first; last those of which no distance is known."""
    needed = units_by_sku(units)
    stock = sellable_units(sorted(needed), context=context_of(order, lost, as_of=as_of))
    directory = places()
    able = (
        set.intersection(*({code for code, have in stock[sku].items() if have >= n} for sku, n in needed.items()))
        if needed
        else set()
    )
    origin = directory[lost.location_id]
    offers = sorted(
        (directory[code] for code in able if code != lost.location_id and _hands_out(directory.get(code), as_of)),
        key=lambda place: (_km(origin, place), place.code),
    )
    return [
        {
            "location": place.code,
            "name": place.name,
            "distance_km": round(km, 1) if isfinite(km := _km(origin, place)) else None,
            "promised_at": _pickup_promise(place, order.channel_id, as_of),
        }
        for place in offers[:_OFFERS_SHOWN]
    ]


def _hands_out(place: PlaceInfo | None, as_of: datetime) -> bool:
    return place is not None and place.takes_orders(as_of) and place.can_serve(Method.PICKUP)


def _km(origin: PlaceInfo | None, place: PlaceInfo) -> float:
    """Places without coordinates come last."""
    if (
        origin is None
        or origin.latitude is None
        or origin.longitude is None
        or place.latitude is None
        or place.longitude is None
    ):
        return float("inf") if origin else 0.0
    return haversine_km(origin.latitude, origin.longitude, place.latitude, place.longitude)


def _pickup_promise(place: PlaceInfo, channel: str, as_of: datetime) -> str:
    return pickup_time(place, channel, as_of).isoformat()


# ---- the clocks of a place -----------------------------------------------------------------------


def _policy(fulfillment: Fulfillment) -> Policy:
    return policy_for(places()[fulfillment.location_id], method=fulfillment.method, service=fulfillment.service)


def due_times(fulfillment: Fulfillment, *, assigned_at: datetime) -> dates.DueTimes:
    """By its service level; work that comes back from a hold has what was left of its time."""
    times = dates.due_times(places()[fulfillment.location_id], _policy(fulfillment), assigned_at=assigned_at)
    left = {name: timedelta(seconds=seconds) for name, seconds in (fulfillment.clocks_left or {}).items()}
    if "prepare" in left:
        ready_by = later(fulfillment, left["prepare"], as_of=assigned_at)
        times = replace(times, ready_by=ready_by, acknowledge_by=min(times.acknowledge_by, ready_by))
    if "acknowledge" in left:
        times = replace(times, acknowledge_by=later(fulfillment, left["acknowledge"], as_of=assigned_at))
    return times


def time_left(fulfillment: Fulfillment, *, due_at: datetime, as_of: datetime) -> timedelta:
    """How long its place is open until then."""
    return dates.time_left(places()[fulfillment.location_id], due_at=due_at, as_of=as_of)


def later(fulfillment: Fulfillment, left: timedelta, *, as_of: datetime) -> datetime:
    """When its place will have been open for so long from now."""
    return dates.later(places()[fulfillment.location_id], left, as_of=as_of)


def hand_over_by(fulfillment: Fulfillment, *, packed_at: datetime) -> datetime | None:
    """Until when the carrier must have it; None for pickups, and where the time to prepare covers that."""
    if fulfillment.is_pickup:
        return None
    return dates.hand_over_by(places()[fulfillment.location_id], _policy(fulfillment), packed_at=packed_at)


def collect_by(fulfillment: Fulfillment, *, ready_at: datetime) -> datetime:
    return dates.collect_by(_policy(fulfillment), ready_at=ready_at)


def warn_at(fulfillment: Fulfillment, step: Step, *, due_at: datetime, as_of: datetime) -> datetime:
    """When the place is to be told that this step's time runs out."""
    return _share_gone_at(fulfillment, step, _policy(fulfillment).warn_at_share, due_at=due_at, as_of=as_of)


def escalate_at(fulfillment: Fulfillment, step: Step, *, due_at: datetime, as_of: datetime) -> datetime:
    """When its manager is."""
    return _share_gone_at(fulfillment, step, _policy(fulfillment).escalate_at_share, due_at=due_at, as_of=as_of)


def _share_gone_at(
    fulfillment: Fulfillment, step: Step, share: float, *, due_at: datetime, as_of: datetime
) -> datetime:
    place, policy = places()[fulfillment.location_id], _policy(fulfillment)
    minutes = {
        Step.ACKNOWLEDGE: policy.acknowledge_minutes,
        Step.PREPARE: dates.prepare_minutes(place, policy),
        Step.HAND_OVER: policy.hand_over_minutes or 0,
    }
    return dates.share_gone_at(place, minutes[step], share, due_at=due_at, as_of=as_of)


def max_attempts(fulfillment: Fulfillment) -> int:
    return _policy(fulfillment).max_attempts


def late_grace(fulfillment: Fulfillment, *, as_of: datetime) -> datetime:
    """Until when the warned manager may still act: the time to acknowledge once more, in opening hours."""
    place = places()[fulfillment.location_id]
    grace = timedelta(minutes=_policy(fulfillment).acknowledge_minutes)
    try:
        return place.calendar.add_open_time(as_of, grace)
    except NeverOpen:
        return as_of + grace


# ---- capacity ------------------------------------------------------------------------------------


@in_transaction
def book_capacity(plans: Sequence[PlannedDelivery]) -> bool:
    """Book the days these plans count on; True when one was full meanwhile."""
    return bool(book_days(_bookings(plans)))


@in_transaction
def lock_capacity(fulfillments: Sequence[Fulfillment], plans: Sequence[PlannedDelivery]) -> None:
    """Lock the days that this work counts on and those the plans would book, in the one order of everybody."""
    lock_days(_booked(fulfillments) + _bookings(plans))


def _bookings(plans: Sequence[PlannedDelivery]) -> list[Booking]:
    return [
        Booking(parcel.location, parcel.capacity_date, is_forced=parcel.ignores_capacity)
        for planned in plans
        for parcel in planned.parcels
        if parcel.capacity_date is not None
    ]


def capacity_date(fulfillment: Fulfillment, *, ready_by: datetime) -> date | None:
    """The local day whose capacity this work takes; None where nothing limits the place."""
    place = places()[fulfillment.location_id]
    return None if place.daily_capacity is None else place.calendar.local(ready_by).date()


def day_of(fulfillment: Fulfillment, *, as_of: datetime) -> date:
    """The local day on which this work is to be ready; what is not assigned yet, by when it will be."""
    ready_by = fulfillment.ready_by if fulfillment.status != FulfillmentStatus.PLANNED else None
    if ready_by is None:
        ready_by = due_times(fulfillment, assigned_at=max(fulfillment.release_at or as_of, as_of)).ready_by
    return places()[fulfillment.location_id].calendar.local(ready_by).date()


@dataclass(frozen=True, slots=True)
class OtherDays:
    """Work that is due on another day than was booked takes that day instead, full or not: it was promised."""

    given_back: Sequence[Booking]
    taken: Sequence[Booking]


def other_days(fulfillments: Sequence[tuple[Fulfillment, date | None]]) -> OtherDays:
    moved = [(work, day) for work, day in fulfillments if day != work.capacity_date]
    return OtherDays(
        _booked([work for work, _day in moved]),
        [Booking(work.location_id, day, is_forced=True) for work, day in moved if day is not None],
    )


@in_transaction
def move_capacity(days: OtherDays) -> None:
    if not days.given_back and not days.taken:
        return
    lock_days([*days.given_back, *days.taken])
    release_capacity(days.given_back)
    book_days(days.taken)


@in_transaction
def exchange_capacity(given_back: Sequence[Fulfillment], plans: Sequence[PlannedDelivery]) -> bool:
    """Give back the days of this work and book those of the plans, of each day only the difference.

    True when one was full meanwhile; the caller rolls back.
    """
    back, taken = Counter(_booked(given_back)), _bookings(plans)
    lock_days([*back, *taken])
    anew = []
    for booking in taken:
        same = replace(booking, is_forced=False)
        if back[same]:
            back[same] -= 1
        else:
            anew.append(booking)
    release_capacity(list(back.elements()))
    return bool(book_days(anew))


@in_transaction
def give_back_capacity(fulfillments: Sequence[Fulfillment]) -> None:
    """The places will not do this work after all."""
    release_capacity(_booked(fulfillments))


def _booked(fulfillments: Sequence[Fulfillment]) -> list[Booking]:
    return [Booking(f.location_id, f.capacity_date) for f in fulfillments if f.capacity_date]


# ---- rows ----------------------------------------------------------------------------------------


@in_transaction
def keep_decisions(plans: Sequence[PlannedDelivery], *, order_id: str) -> None:
    insert_rows(decision_rows(plans, order_id=order_id))


def decision_rows(plans: Sequence[PlannedDelivery], *, order_id: str) -> Tables:
    """The decisions as rows, for the statement that writes the order."""
    return routing_decisions.decision_rows([(planned.source, order_id) for planned in plans])


def work_rows(
    parcel: PlannedParcel,
    *,
    fulfillment_id: str,
    order_id: str,
    delivery_id: str,
    method: str,
    service: str,
    pickup_location: str | None,
    decision: str,
    release_at: datetime,
    as_of: datetime,
    attempt: int = 1,
    replaces: str | None = None,
    promised_at: datetime | None = None,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The fulfillment and its lines, planned, as rows to insert. `promised_at`: a date that was given before."""
    capacity_date: date | None = parcel.capacity_date
    fulfillment = {
        "id": fulfillment_id,
        "order_id": order_id,
        "delivery_id": delivery_id,
        "location_id": parcel.location,
        "pickup_location_id": pickup_location,
        "method": method,
        "service": service,
        "status": FulfillmentStatus.PLANNED,
        "version": 1,
        "attempt": attempt,
        "replaces_id": replaces,
        "decision": decision,
        "cost": round(parcel.cost, 2) if parcel.cost else ZERO,
        "distance_km": parcel.distance_km,
        "release_at": release_at,
        "promised_at": promised_at or parcel.promised_at,
        "expected_at": parcel.promised_at,
        "claimed_by": "",
        "staging": "",
        "capacity_date": capacity_date,
        "wrong_codes": 0,
        "updated_at": as_of,
    }
    lines = [
        {
            "fulfillment_id": fulfillment_id,
            "order_line_id": line.key,
            "sku": line.sku,
            "quantity": line.quantity,
            "picked": 0,
            "short": 0,
            "short_reason": "",
            "canceled": 0,
        }
        for line in parcel.lines
    ]
    return fulfillment, lines


def promise_row(
    plan: SourcingPlan, parcel: PlannedParcel, work: Mapping[str, Any], *, as_of: datetime
) -> dict[str, Any]:
    """What the ledger of promises keeps of this work, as a row to insert."""
    return ledger_row(
        parcel,
        reference=work["id"],
        root=work["order_id"],
        demand=plan.demand,
        zone=plan.zone,
        promised_at=work["promised_at"],
        release_at=work["release_at"],
        given_at=as_of,
    )
