"""What waits for deliveries is looked at again, by the clock, whenever something happened to them (ADR 19).

One act, whatever the cause: plan all that waits as if it had just been ordered, with what has arrived for it counted as
free. What has a place by now gets its work; what has arrived and has none today stays theirs until it has; the rest waits
for the earliest deliveries there are; what nobody brings stands before a person. Nothing has changed: nothing is written but
when to look next.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings

from inventory.events import stock_short
from inventory.locks import lock_stock
from inventory.services.reservations import Held, Want, reserve_stock
from inventory.services.supply_promises import (
    Promised,
    arrived_for,
    claim_arrivals,
    demands_concerned,
    demands_with_stock,
    exchange_promises,
    promised_to,
    release_arrivals,
)
from oms import deadlines
from oms.actors import CLOCK
from oms.clock import now
from oms.deadlines import Claimed
from oms.models import Event
from oms.outbox import publish
from oms.transactions import in_transaction, use_case
from orders.locks import lock_order
from orders.models import Delivery, ExceptionCase, Order, OrderLine
from orders.services import cancellation, exceptions, planning, reassignment, waiting
from orders.services.lines import UnitMove, move_units
from orders.services.planning import PlannedDelivery
from orders.services.resolution import WAITED_TOO_LONG
from orders.services.status import refresh_expectation, refresh_status
from routing.services.backorders import Awaited

_AT_ONCE = 500  # orders that the sweep has looked at, the oldest first
_ONCE_MORE = timedelta(hours=1)  # what is here and has no place now is tried again
_LINE = "order_line:"
_NOBODY_BRINGS_ANY = Awaited((), {})


class ChangedMeanwhile(Exception):
    """It was received, lost or taken by others since it was read: all rolls back, and is tried again."""


# ---- when to look again --------------------------------------------------------------------------


def on_inbound(event: Event) -> None:
    """A delivery was announced, received, closed, called off or changed. Looks at what waits now, so a repeat does no harm."""
    look_again(demands_concerned(event.subject), as_of=now())


def serve_from_stock(*, as_of: datetime) -> int:
    """Stock came by another way, by a count, a return or a feed. Returns for how many deliveries that may do."""
    return look_again(demands_with_stock(limit=_AT_ONCE, as_of=as_of), as_of=as_of)


@use_case
def look_again(demands: Sequence[str], *, as_of: datetime) -> int:
    """The clock looks at the deliveries of these demands, in this order, and soon."""
    lines = [demand.removeprefix(_LINE) for demand in demands if demand.startswith(_LINE)]
    delivery_of = dict(OrderLine.objects.filter(pk__in=lines).values_list("pk", "delivery_id"))
    deliveries = dict.fromkeys(delivery_of[line] for line in lines if line in delivery_of)
    due = {delivery: as_of + timedelta(microseconds=n) for n, delivery in enumerate(deliveries)}
    deadlines.retime_all(waiting.LOOK_AGAIN, due, as_of=as_of)
    return len(due)


def on_look_again(deadline: Claimed, as_of: datetime) -> None:
    """What should have come is here, or is late, or will not come."""
    _until_it_stands(_look, deadline, as_of)


def on_ends(deadline: Claimed, as_of: datetime) -> None:
    """It has waited as long as the rules let it: what did not come is canceled as if the shopper had asked.
    What has come and has no place now is not given up."""
    _until_it_stands(_end, deadline, as_of)


def _until_it_stands(act: Callable[[Claimed, datetime], None], deadline: Claimed, as_of: datetime) -> None:
    """Errors: ChangedMeanwhile, when others were always faster; the clock tries again later."""
    for _attempt in range(settings.PLACEMENT_ATTEMPTS - 1):
        try:
            return act(deadline, as_of)
        except ChangedMeanwhile:
            continue
    return act(deadline, as_of)


@use_case
def _look(deadline: Claimed, as_of: datetime) -> None:
    order, delivery = _locked(deadline)
    settle(order, delivery, actor=CLOCK, as_of=as_of)


@use_case
def _end(deadline: Claimed, as_of: datetime) -> None:
    """What nobody brings stands before a person no longer than that either: it takes the deadline over."""
    order, delivery = _locked(deadline, is_done=False)
    settle(order, delivery, actor=CLOCK, as_of=as_of)
    lines = delivery.lines.filter(backordered__gt=0)
    here = Counter[str]()
    for held in arrived_for([line.demand for line in lines]):
        here[held.demand] += held.quantity
    left = {line.pk: units for line in lines if (units := line.backordered - here[line.demand])}
    if left:
        cancellation.cancel_units(
            order, left, of=None, reason=WAITED_TOO_LONG, actor=CLOCK, as_of=as_of, waiting_in="backordered"
        )
    deadlines.finish(deadline)


@in_transaction
def _locked(deadline: Claimed, *, is_done: bool = True) -> tuple[Order, Delivery]:
    order = lock_order(Delivery.objects.values_list("order_id", flat=True).get(pk=deadline.subject))
    if is_done:
        deadlines.finish(deadline)
    return order, Delivery.objects.get(pk=deadline.subject)


# ---- looking again -------------------------------------------------------------------------------


@in_transaction
def settle(order: Order, delivery: Delivery, *, actor: str, as_of: datetime) -> None:
    """The order is locked; then deliveries are, then levels. Errors: ChangedMeanwhile."""
    lines = {line.demand: line for line in delivery.lines.filter(backordered__gt=0).select_related("product")}
    if not lines:
        return
    was = promised_to(lines)
    arrived = arrived_for(lines)  # after what is promised: what arrives in between is missed there, and noticed
    planned = _plan(order, delivery, lines, arrived, as_of=as_of)
    left = _left(lines, planned)
    claims = _claims(planned, arrived)
    staying = _staying(left, claims.unused)
    here = _units_of(lines, staying)
    own = Counter[int]()
    for promise in was:
        if promise.line is not None:
            own[promise.line] += promise.quantity
    missing = {line: more for line, units in left.items() if (more := units - here.get(line, 0))}
    awaited = (
        planning.await_deliveries(order, delivery, missing, as_of=as_of, besides=own) if missing else _NOBODY_BRINGS_ANY
    )
    expected = waiting.expected_by_line(awaited.parts)
    if staying and not awaited.parts:
        standing = _by_level(staying)
        if later := planning.served_later(order, delivery, here, here=standing, as_of=as_of):
            expected = {line.pk: later for line in here}
        else:
            awaited = Awaited((), Counter(awaited.lacking) + Counter({line.pk: n for line, n in here.items()}))
            staying = []
    become = waiting.promises(awaited.parts, {line.pk: line.demand for line in lines.values()})
    if not exchange_promises(was, [(planned.asker, become)], demands=lines, since=order.placed_at):
        raise ChangedMeanwhile
    _secure(planned, claims, staying, as_of=as_of)
    _serve(order, delivery, lines, planned, awaited, actor=actor, as_of=as_of)
    waiting.tell_dates(left, expected)
    _tell_who_brings_it(order, lines, was, become, awaited, actor=actor, as_of=as_of)
    looks = [waiting.look_again_at(awaited.parts)] if awaited.parts else []
    looks += [as_of + _ONCE_MORE] if staying else []
    if looks:
        deadlines.retime(waiting.LOOK_AGAIN, delivery.pk, min(looks), as_of=as_of)
    refresh_expectation(order, actor=actor, as_of=as_of)
    refresh_status(order)


def _plan(
    order: Order, delivery: Delivery, lines: Mapping[str, OrderLine], arrived: Sequence[Held], *, as_of: datetime
) -> PlannedDelivery:
    """All that waits, against the date told last."""
    dates = [at for line in lines.values() for at in (line.promised_at, line.expected_at) if at]
    return planning.plan_again(
        order,
        delivery,
        {line: line.backordered for line in lines.values()},
        exclude_also=(),
        only=planning.collected_at(delivery, lines.values()),
        as_of=as_of,
        wanted_by=max(dates, default=order.promised_at),
        arrived=_by_level(arrived),
    )


def _left(lines: Mapping[str, OrderLine], planned: PlannedDelivery) -> dict[OrderLine, int]:
    served = _served(planned)
    left = {line: line.backordered - served[line.pk] for line in lines.values()}
    return {line: units for line, units in left.items() if units}


class _Claims(NamedTuple):
    """`passed`: what has arrived and is planned where it stands, each with the demand that has it now; where lines are of
    one product it may have come for another of them. `anew`: what is to be reserved besides; `unused`: what nobody claims.
    """

    passed: list[tuple[Held, str]]
    anew: list[Want]
    unused: list[Held]


def _claims(planned: PlannedDelivery, arrived: Sequence[Held]) -> _Claims:
    wants = planned.wants[1]
    missing = [want.quantity for want in wants]
    unused = Counter({held[:3]: held.quantity for held in arrived})
    passed = []
    for is_own in (True, False):
        for number, want in enumerate(wants):
            for demand, sku, location in list(unused):
                if (sku, location, demand == want.demand) != (want.sku, want.location, is_own):
                    continue
                if units := min(missing[number], unused[demand, sku, location]):
                    unused[demand, sku, location] -= units
                    missing[number] -= units
                    passed.append((Held(demand, sku, location, units), want.demand))
    anew = [want._replace(quantity=units) for want, units in zip(wants, missing, strict=True) if units]
    return _Claims(passed, anew, [Held(*key, units) for key, units in (+unused).items()])


def _staying(left: Mapping[OrderLine, int], unused: Sequence[Held]) -> list[Held]:
    """What has arrived for what is left and has no place now: its day is full, its place paused, or the rest of a whole
    still to come. It is theirs where it stands.
    """
    wanted = Counter({line.demand: units for line, units in left.items()})
    found = []
    for held in unused:
        units = min(held.quantity, wanted[held.demand])
        wanted[held.demand] -= units
        if units:
            found.append(held._replace(quantity=units))
    return found


def _by_level(held: Sequence[Held]) -> Counter[tuple[str, str]]:
    units = Counter[tuple[str, str]]()
    for one in held:
        units[one.sku, one.location] += one.quantity
    return units


def _units_of(lines: Mapping[str, OrderLine], held: Sequence[Held]) -> Counter[OrderLine]:
    units = Counter[OrderLine]()
    for one in held:
        units[lines[one.demand]] += one.quantity
    return units


def _served(planned: PlannedDelivery) -> Counter[str]:
    units = Counter[str]()
    for parcel in planned.parcels:
        for line in parcel.lines:
            units[line.key] += line.quantity
    return units


@in_transaction
def _secure(planned: PlannedDelivery, claims: _Claims, staying: Sequence[Held], *, as_of: datetime) -> None:
    """What has arrived where it is planned is kept, whatever its place keeps back by now, and so is what stays; of the
    rest only the difference is reserved or given back. Errors: ChangedMeanwhile."""
    context, wants = planned.wants
    kept = [held for held, _heir in claims.passed]
    if not wants and not claims.unused:
        return
    levels = lock_stock({held[1:3] for held in (*kept, *claims.unused, *wants)})
    claim_arrivals(claims.passed, as_of=as_of)
    back = Counter({held[:3]: held.quantity for held in claims.unused})
    back -= Counter({held[:3]: held.quantity for held in staying})
    release_arrivals([Held(*key, units) for key, units in back.items()], as_of=as_of)
    if reserve_stock([(context, claims.anew)], as_of=as_of) or planning.book_capacity([planned]):
        raise ChangedMeanwhile
    owing = [levels[key] for key in dict.fromkeys(held[1:3] for held in kept) if levels[key].short]
    publish(stock_short(owing, actor=CLOCK), as_of=as_of)  # sold at a till meanwhile: the youngest loses it


@in_transaction
def _serve(
    order: Order,
    delivery: Delivery,
    lines: Mapping[str, OrderLine],
    planned: PlannedDelivery,
    awaited: Awaited,
    *,
    actor: str,
    as_of: datetime,
) -> None:
    """Give the work to its places, and what nobody brings to a person."""
    by_key = {line.pk: line for line in lines.values()}
    gone = _served(planned) + Counter(awaited.lacking)
    if not gone:
        return
    move_units([UnitMove(key, "backordered", "open", units) for key, units in gone.items()])
    given = {line.pk: line.promised_at for line in lines.values() if line.promised_at}
    reassignment.give(order, delivery, None, planned, actor=actor, as_of=as_of, given=given)
    if awaited.lacking:
        exceptions.open_case(
            order,
            delivery,
            None,
            reason=ExceptionCase.Reason.NO_PLACE,
            units={by_key[key]: units for key, units in awaited.lacking.items()},
            facts=planned.facts,
            as_of=as_of,
            cancel_at=deadlines.pending(delivery.pk, kinds=[waiting.ENDS]).get(waiting.ENDS),
        )


@in_transaction
def _tell_who_brings_it(
    order: Order,
    lines: Mapping[str, OrderLine],
    was: Sequence[Promised],
    become: Sequence[Promised],
    awaited: Awaited,
    *,
    actor: str,
    as_of: datetime,
) -> None:
    """Only where another delivery than before does."""
    if {promise.line for promise in become} <= {promise.line for promise in was}:
        return
    refs = {line.pk: line.ref for line in lines.values()}
    publish([waiting.backordered(order.pk, awaited.parts, refs, actor=actor)], as_of=as_of)
