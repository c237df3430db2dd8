"""Orders that no place was told of yet, planned again together, every few minutes and on demand.

Read and plan without locks; then each swap is one transaction of its own: lock its orders, see that all is still as
it was planned from, give the stock and the days back and take them anew, whole or not at all. Who was outrun changed
nothing, and the next run looks again; so a run may be killed, repeated, and run twice at once.

What may move: work that is planned and waits for its release, sent to the shopper, of an order that nobody holds and
whose money is settled. Promises stay what they are: whoever takes over keeps the date given for its units.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from django.conf import settings
from django.db.models import Count

from inventory.errors import NotReserved
from inventory.locks import lock_stock
from inventory.services.reservations import Held, Want, release_reservations, reserve_stock
from oms import deadlines
from oms.deadlines import Due, deadline_rows
from oms.ids import new_id
from oms.outbox import Fact, publish
from oms.sql import insert_rows
from oms.transactions import in_transaction, use_case
from orders.locks import lock_orders, lock_planned_of
from orders.models import (
    Delivery,
    Exclusion,
    Fulfillment,
    FulfillmentLine,
    Order,
    OrderLine,
    Payment,
    Reoptimisation,
)
from orders.services import planning
from orders.services.planning import PlannedDelivery
from orders.services.status import refresh_expectation
from orders.settlement import is_settled
from orders.states import FULFILLMENT_MOVES, FulfillmentStatus, Method, OrderStatus
from routing.models import Decision, GivenPromise
from routing.services.reoptimisation import Better, Standing, StandingParcel, Swap, find_swaps
from routing.services.sourcing import PlannedParcel

REOPTIMISED = "reoptimised"
_RELEASE = "orders.release"
_NOT_TO_TOUCH = (OrderStatus.ON_HOLD, OrderStatus.CANCELED, OrderStatus.CLOSED)


@dataclass(frozen=True, slots=True)
class Changed:
    """An order's places before and after; less than nothing is `saved` where the others save more."""

    number: int
    before: tuple[str, ...]
    after: tuple[str, ...]
    saved: Decimal
    decision: str


@dataclass(frozen=True, slots=True)
class Swapped:
    id: str
    currency: str
    saved: Decimal
    changes: tuple[Changed, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """`considered`: orders that might have moved; `outrun`: swaps that came too late, nothing of which was done.

    `left`: orders beyond what one run looks at; they come later to their release, and a later run looks at them.
    """

    considered: int
    swaps: tuple[Swapped, ...]
    outrun: int
    left: int


class _Outrun(Exception):
    """An order, a level or a day is no more what the plan counted on; nothing is kept."""


def reoptimise(*, actor: str, as_of: datetime) -> Outcome:
    """Plan what may move again, together, within the budget, and make the swaps that save."""
    ids, left = _waiting(as_of)
    pieces = _pieces(ids, as_of=as_of)
    considered = len({piece.order.pk for piece in pieces.values()})
    found = find_swaps(
        [piece.standing for piece in pieces.values()],
        as_of=as_of,
        budget_seconds=settings.REOPTIMISATION_BUDGET_MS / 1000,
    )
    done, outrun = [], 0
    for swap in found:
        try:
            done.append(make_swap(swap=swap, pieces=pieces, considered=considered, actor=actor, as_of=as_of))
        except (_Outrun, NotReserved):
            outrun += 1
    return Outcome(considered, tuple(done), outrun, left)


# ---- what may move -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Work:
    """A planned fulfillment and the units that it asks its place for."""

    fulfillment: Fulfillment
    units: Mapping[OrderLine, int]

    @property
    def by_line(self) -> dict[str, int]:
        return {line.pk: quantity for line, quantity in self.units.items()}


@dataclass(frozen=True)
class _Piece:
    """All work of one delivery that may move, at one time of release."""

    order: Order
    delivery: Delivery
    works: Sequence[_Work]
    excluded: Mapping[str, Collection[str]]

    @cached_property
    def facts(self) -> tuple[Any, ...]:
        """Whatever a plan was made from; two readings with the same facts have the same plans."""
        works = [
            (f.pk, f.version, f.location_id, f.release_at, f.promised_at, f.expected_at, f.capacity_date, work.by_line)
            for work in self.works
            for f in [work.fulfillment]
        ]
        order, delivery = self.order, self.delivery
        tags = sorted(order.customer_tags)
        return (
            works,
            dict(self.excluded),
            tags,
            order.shipping_address,
            order.items_total,
            delivery.address,
            delivery.service,
        )

    @property
    def standing(self) -> Standing:
        units: Counter[OrderLine] = Counter()
        for work in self.works:
            units.update(work.units)
        return Standing(
            key=self.delivery.pk,
            root=self.order.pk,
            demand=planning.demand_of(self.order, self.delivery, units, excluded=self.excluded),
            release_at=_set(self.works[0].fulfillment.release_at),
            parcels=tuple(_standing_parcel(work) for work in self.works),
        )

    @cached_property
    def promised(self) -> dict[str, datetime]:
        """By line, the date given; where a line has two, the earlier one."""
        dates: dict[str, datetime] = {}
        for work in self.works:
            at = _set(work.fulfillment.promised_at)
            dates |= {key: min(at, dates.get(key, at)) for key in work.by_line}
        return dates


def _standing_parcel(work: _Work) -> StandingParcel:
    planned = work.fulfillment
    promised_at = _set(planned.promised_at)
    expected_at = planned.expected_at or promised_at
    return StandingParcel(planned.location_id, work.by_line, promised_at, expected_at, planned.capacity_date)


def _set(at: datetime | None) -> datetime:
    """Work that waits for its release has a time of release and a date."""
    assert at is not None
    return at


def _waiting(as_of: datetime) -> tuple[list[str], int]:
    """Orders with work that waits for its release, the earliest first; no more than are planned at once, and how many
    are left then."""
    waiting = Fulfillment.objects.filter(status=FulfillmentStatus.PLANNED, release_at__gt=as_of)
    first = list(
        waiting.order_by("release_at", "pk")[: settings.REOPTIMISED_FULFILLMENTS].values_list("order_id", flat=True)
    )
    ids = list(dict.fromkeys(first))
    if len(first) < settings.REOPTIMISED_FULFILLMENTS:
        return ids, 0
    return ids, waiting.exclude(order__in=ids).aggregate(left=Count("order", distinct=True))["left"]


def _pieces(order_ids: Collection[str], *, as_of: datetime) -> dict[str, _Piece]:
    """What may move of these orders, by delivery."""
    works = _works(order_ids, as_of=as_of)
    settled = _settled({work.fulfillment.order_id for work in works})
    excluded = _excluded(line for work in works for line in work.units)
    by_delivery: dict[str, list[_Work]] = defaultdict(list)
    for work in works:
        if work.fulfillment.order_id in settled:
            by_delivery[work.fulfillment.delivery_id].append(work)
    return {
        key: _Piece(
            order=group[0].fulfillment.order,
            delivery=group[0].fulfillment.delivery,
            works=group,
            excluded={line.pk: excluded[line.pk] for work in group for line in work.units if line.pk in excluded},
        )
        for key, group in by_delivery.items()
        if len({work.fulfillment.release_at for work in group}) == 1
    }


def _works(order_ids: Collection[str], *, as_of: datetime) -> list[_Work]:
    waiting = Fulfillment.objects.filter(
        order__in=order_ids,
        status=FulfillmentStatus.PLANNED,
        release_at__gt=as_of,
        method=Method.SHIP,
        pickup_location=None,
        promised_at__isnull=False,
    ).exclude(order__status__in=_NOT_TO_TOUCH)
    planned = {one.pk: one for one in waiting.select_related("order", "delivery").order_by("pk") if not _is_last(one)}
    units: dict[str, dict[OrderLine, int]] = defaultdict(dict)
    lines = FulfillmentLine.objects.filter(fulfillment__in=planned).select_related("order_line__product")
    for line in lines.order_by("pk"):
        if line.to_pick:
            units[line.fulfillment_id][line.order_line] = line.to_pick
    return [_Work(one, units[pk]) for pk, one in planned.items() if pk in units]


def _is_last(work: Fulfillment) -> bool:
    """A place lost it as often as may be: where it goes from here is for a person."""
    return work.attempt > 1 and work.attempt >= planning.max_attempts(work)


def _settled(order_ids: Collection[str]) -> set[str]:
    payments: dict[str, list[Payment]] = {order_id: [] for order_id in order_ids}
    for payment in Payment.objects.filter(order__in=order_ids):
        payments[payment.order_id].append(payment)
    return {order_id for order_id, given in payments.items() if is_settled(given)}


def _excluded(lines: Iterable[OrderLine]) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    rows = Exclusion.objects.filter(order_line__in=list(lines)).values_list("order_line_id", "location_id")
    for line_id, location in rows:
        found[line_id] = found.get(line_id, frozenset()) | {location}
    return found


# ---- the swap ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Move:
    """A delivery's new plan beside its work: what is not in both ends here and begins there."""

    piece: _Piece
    better: Better

    @cached_property
    def _kept(self) -> list[tuple[_Work, PlannedParcel]]:
        left, kept = list(self.better.plan.parcels), []
        for work in self.piece.works:
            same = next(
                (p for p in left if p.location == work.fulfillment.location_id and _units(p) == work.by_line), None
            )
            if same:
                left.remove(same)
                kept.append((work, same))
        return kept

    @cached_property
    def ended(self) -> list[_Work]:
        kept = {work.fulfillment.pk for work, _parcel in self._kept}
        return [work for work in self.piece.works if work.fulfillment.pk not in kept]

    @cached_property
    def plan(self) -> PlannedDelivery:
        """What is new of it."""
        kept = [parcel for _work, parcel in self._kept]
        return PlannedDelivery(self.better.plan, tuple(p for p in self.better.plan.parcels if p not in kept), ())

    def replaced_by(self, parcel: PlannedParcel) -> Fulfillment:
        """The work of which it takes over most."""
        units = _units(parcel)
        shared = {
            work.fulfillment.pk: sum(min(n, units.get(k, 0)) for k, n in work.by_line.items()) for work in self.ended
        }
        return max((work.fulfillment for work in self.ended), key=lambda f: (shared[f.pk], f.pk))

    @property
    def changed(self) -> Changed:
        before = {work.fulfillment.location_id for work in self.piece.works}
        after = {parcel.location for parcel in self.better.plan.parcels}
        places = tuple(sorted(before)), tuple(sorted(after))
        return Changed(self.piece.order.number, *places, round(self.better.saved, 2), self.better.plan.decision_id)


def _units(parcel: PlannedParcel) -> dict[str, int]:
    return {line.key: line.quantity for line in parcel.lines}


@use_case
def make_swap(*, swap: Swap, pieces: Mapping[str, _Piece], considered: int, actor: str, as_of: datetime) -> Swapped:
    """All of the swap, or nothing. Errors: _Outrun, NotReserved."""
    moves = [_Move(pieces[better.key], better) for better in swap.changes]
    orders = _lock(moves, as_of=as_of)
    ended = [work for move in moves for work in move.ended]
    deadlines.drop([work.fulfillment.pk for work in ended], as_of=as_of, kinds=[_RELEASE])
    _exchange(moves, as_of=as_of)
    closed: list[tuple[Fulfillment, dict[str, Any]]] = [(work.fulfillment, {}) for work in ended]
    FULFILLMENT_MOVES.move_all(closed, to=FulfillmentStatus.CANCELED, actor=actor, as_of=as_of, why=REOPTIMISED)
    swapped = Swapped(new_id("rop"), swap.currency, swap.saved, tuple(move.changed for move in moves))
    _write(moves, swapped, considered=considered, actor=actor, as_of=as_of)
    for order in orders.values():
        refresh_expectation(order, actor=actor, as_of=as_of)
    return swapped


@in_transaction
def _lock(moves: Sequence[_Move], *, as_of: datetime) -> dict[str, Order]:
    """Lock the orders and their planned work. Errors: _Outrun when something is no more as it was planned from."""
    orders = lock_orders({move.piece.order.pk for move in moves})
    lock_planned_of(orders)
    present = _pieces(orders, as_of=as_of)
    if not all(_is_as_planned(move, present) for move in moves):
        raise _Outrun()
    return orders


def _is_as_planned(move: _Move, present: Mapping[str, _Piece]) -> bool:
    now = present.get(move.better.key)
    return now is not None and now.facts == move.piece.facts


@in_transaction
def _exchange(moves: Sequence[_Move], *, as_of: datetime) -> None:
    """Give back what is no more needed and take what is, of each line and place only the difference.

    All levels are locked first, in everybody's order, then the days. Errors: _Outrun, NotReserved.
    """
    wanted = [(move.plan.wants[0], _differences(move)) for move in moves]
    lock_stock({(want.sku, want.location) for _context, wants in wanted for want in wants})
    back = [Held(w.demand, w.sku, w.location, -w.quantity) for _c, wants in wanted for w in wants if w.quantity < 0]
    release_reservations(back, as_of=as_of)
    more = [(context, [want for want in wants if want.quantity > 0]) for context, wants in wanted]
    if reserve_stock(more, as_of=as_of):
        raise _Outrun()
    ended = [work.fulfillment for move in moves for work in move.ended]
    if planning.exchange_capacity(ended, [move.plan for move in moves]):
        raise _Outrun()


def _differences(move: _Move) -> list[Want]:
    _context, wants = move.plan.wants
    units: Counter[tuple[str, str, str]] = Counter()
    for want in wants:
        units[want[:3]] += want.quantity
    for work in move.ended:
        for line, quantity in work.units.items():
            units[line.demand, line.product_id, work.fulfillment.location_id] -= quantity
    return [Want(*key, quantity) for key, quantity in units.items() if quantity]


@in_transaction
def _write(moves: Sequence[_Move], swapped: Swapped, *, considered: int, actor: str, as_of: datetime) -> None:
    """The work that takes over, what was decided and what it saves."""
    rows, lines, promises = [], [], []
    for move in moves:
        for parcel in move.plan.parcels:
            row, work_lines = _work_rows(move, parcel, as_of=as_of)
            rows.append(row)
            lines += work_lines
            promises.append(planning.promise_row(move.better.plan, parcel, row, as_of=as_of))
    decisions = [planning.decision_rows([move.plan], order_id=move.piece.order.pk)[Decision] for move in moves]
    dues = [Due(_RELEASE, row["id"], row["release_at"]) for row in rows]
    insert_rows(
        {
            Fulfillment: rows,
            FulfillmentLine: lines,
            GivenPromise: promises,
            Decision: [row for made in decisions for row in made],
            **deadline_rows(dues),
            Reoptimisation: [_reoptimisation_row(swapped, considered=considered, actor=actor, as_of=as_of)],
        }
    )
    publish([*_planned(rows, actor=actor), *_told(moves, swapped, actor=actor)], as_of=as_of)


def _work_rows(move: _Move, parcel: PlannedParcel, *, as_of: datetime) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    piece, replaced = move.piece, move.replaced_by(parcel)
    return planning.work_rows(
        parcel,
        fulfillment_id=new_id("ful"),
        order_id=piece.order.pk,
        delivery_id=piece.delivery.pk,
        method=piece.delivery.method,
        service=piece.delivery.service,
        pickup_location=None,
        decision=move.plan.decision,
        release_at=_set(replaced.release_at),
        as_of=as_of,
        attempt=replaced.attempt,
        replaces=replaced.pk,
        promised_at=min(piece.promised[line.key] for line in parcel.lines),
    )


def _reoptimisation_row(swapped: Swapped, *, considered: int, actor: str, as_of: datetime) -> dict[str, Any]:
    return {
        "id": swapped.id,
        "numbers": sorted({changed.number for changed in swapped.changes}),
        "considered": considered,
        "currency": swapped.currency,
        "saved": swapped.saved,
        "actor": actor,
        "created_at": as_of,
    }


def _planned(rows: Sequence[Mapping[str, Any]], *, actor: str) -> list[Fact]:
    return [
        Fact(
            "orders.fulfillment.planned",
            row["id"],
            row["order_id"],
            actor,
            {"location": row["location_id"], "replaces": row["replaces_id"], "decision": row["decision"]},
        )
        for row in rows
    ]


def _told(moves: Sequence[_Move], swapped: Swapped, *, actor: str) -> list[Fact]:
    """What the swap is for each of its orders."""
    orders = len({changed.number for changed in swapped.changes})
    facts = {"reoptimisation": swapped.id, "orders": orders, "saved": swapped.saved, "currency": swapped.currency}
    return [
        Fact(
            "orders.order.reoptimised",
            order_id,
            order_id,
            actor,
            {**facts, "before": list(move.changed.before), "after": list(move.changed.after)},
        )
        for move in moves
        for order_id in [move.piece.order.pk]
    ]
