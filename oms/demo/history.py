"""Orders of the past weeks: the older ones written down (`archive`), those of the last days lived through the
real services with a moving `as_of`, so that whatever is still open is open in every way.

One order after the other, each from its placement to its end (or to now): so whatever rings while it is
lived is its own, and the kernel's sweep with that `as_of` is the clock. What an order goes through is drawn
from its number; a history that was cut off is gone through again, and picks up what it finds.
"""

import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import Max

from inventory.models import StockEventId
from inventory.queries import places
from oms import deadlines, idempotency
from oms.demo import archive, shoppers, stock
from oms.demo.archive import PastOrder, staff_of
from oms.demo.shoppers import Item
from oms.errors import Conflict
from oms.idempotency import Once
from oms.models import Event
from orders.commands import (
    CancelOrder,
    Decline,
    DeliveryGiven,
    HandOver,
    HoldOrder,
    Pick,
    PickLine,
    PlaceOrder,
    Ready,
    ReleaseHold,
    ResolveException,
    Ship,
)
from orders.models import ExceptionCase, Fulfillment, FulfillmentLine, Hold, Order, Payment, Shipment
from orders.pickup_codes import pickup_code
from orders.services import fulfillments as work
from orders.services.cancellation import cancel_order
from orders.services.holds import hold_order, release_hold
from orders.services.placement import place_order
from orders.services.resolution import resolve_exception
from orders.states import LIVE, DeclineReason, FulfillmentStatus, PaymentStatus, ShortReason

F, D = FulfillmentStatus, DeclineReason
DAYS, LIVED_DAYS = 30, 1.5
BEFORE_FIRST_ORDER = timedelta(days=DAYS + 1)
_PARIS = ZoneInfo("Europe/Paris")
_SECOND, _MINUTE = timedelta(seconds=1), timedelta(minutes=1)

# When people buy: by weekday and by hour of the day in Paris.
_BY_WEEKDAY = (10, 9, 10, 10, 12, 15, 16)
_BY_HOUR = (2, 1, 1, 1, 1, 2, 4, 7, 10, 12, 13, 13, 15, 14, 12, 12, 13, 14, 16, 19, 22, 20, 12, 6)

# Shares of what goes otherwise than it should.
_TOKENS = {"tok_declined": 0.015, "tok_pending": 0.015, "tok_timeout": 0.003, "tok_timeout_after_success": 0.003}
_PAYS_IN_STORE = 0.3
_CHANGES_MIND = 0.025
_LOOKS_LIKE_FRAUD = 0.012
_SLEEPS, _DECLINES, _SHORT, _NEVER_COLLECTS = 0.04, 0.035, 0.02, 0.02
_DECLINE_REASONS = (D.TOO_BUSY, D.OUT_OF_STOCK, D.DAMAGED, D.OUT_OF_STOCK, D.OTHER)
_SHORT_REASONS = (ShortReason.NOT_FOUND, ShortReason.DAMAGED)


def order_times(count: int, *, until: datetime, days: float = DAYS) -> list[datetime]:
    """`count` instants of the past days, in order, more of them when people buy. The same for the same day."""
    rng = random.Random(f"times {until.date()} {count}")
    first = until - timedelta(days=days)
    instants: list[datetime] = []
    while len(instants) < count:
        at = first + rng.random() * (until - first)
        local = at.astimezone(_PARIS)
        if rng.random() * 16 * 22 < _BY_WEEKDAY[local.weekday()] * _BY_HOUR[local.hour]:
            instants.append(at)
    return sorted(instants)


def fill(count: int, *, items: Sequence[Item], until: datetime, told: Callable[[int], None], days: float = DAYS) -> int:
    """Make `count` orders of the past. Returns how many were accepted; the others were refused for lack of stock.

    Nothing is left to the clock that was due by `until`.
    """
    shelves = _Shelves(items)
    times = order_times(count, until=until, days=days)
    ordered = [_order(number, placed_at, shelves) for number, placed_at in enumerate(times, 1)]
    lived_from = until - timedelta(days=LIVED_DAYS)
    older = [past for past in ordered if past.placed_at < lived_from]
    accepted = 0
    for start in range(0, len(older), archive.BATCH):
        accepted += archive.write(older[start : start + archive.BATCH], until=until)
        if not start:
            analyze()  # plans made for empty tables would serve to the end
        told(min(start + archive.BATCH, len(older)))
    analyze()
    for number, past in enumerate(ordered[len(older) :], start=len(older) + 1):
        accepted += _live(past, until)
        told(number)
    ring(until)
    return accepted


def ring(at: datetime) -> None:
    """Let the clock act on all that is due by then."""
    while deadlines.sweep(now=lambda: at):
        pass


def analyze() -> None:
    """Let the planner of the database see how the tables have grown."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE (SKIP_LOCKED)")  # whoever holds a table is looking at it already


def _live(past: PastOrder, until: datetime) -> bool:
    """Place an order and work it. False where it was refused."""
    once = Once("demo", past.body["external_id"], idempotency.fingerprint(past.body))
    try:
        placed = place_order(command=past.command, once=once, has_key=False, actor=past.actor, as_of=past.placed_at)
    except Conflict:
        return False
    _Life(placed.order_id, past.rng, until).run()
    return True


class _Shelves:
    """What shoppers choose from: all items, and what each place that hands out opened with.

    Not what stands there now: a history that goes on must ask for the same things again.
    """

    def __init__(self, items: Sequence[Item]):
        self.items = items
        self.in_store: dict[str, list[Item]] = {}
        by_sku = {item.sku: item for item in items}
        pickup = [place.code for place in places().values() if "pickup" in place.abilities and place.kind == "store"]
        opening = StockEventId.objects.filter(source=stock.SOURCE, location_id__in=pickup, quantity__gte=4)
        for code, sku in opening.order_by("external_id").values_list("location_id", "sku"):
            self.in_store.setdefault(code, []).append(by_sku[sku])
        self.stores = list(self.in_store)


# ---- what was ordered --------------------------------------------------------------------------------


def _order(number: int, placed_at: datetime, shelves: _Shelves) -> PastOrder:
    rng = random.Random(f"order {number}")
    errand = shoppers.pick_errand(rng, stores=shelves.stores)
    choice = shelves.in_store[errand.location] if errand.location else shelves.items
    body = shoppers.order_body(
        rng,
        errand,
        shoppers.pick_items(rng, choice),
        external_id=f"{errand.channel[0].upper()}-{10000 + number}",
        token=shoppers.pick_token(rng, _TOKENS if errand.channel == "web" else {}),
        pays_in_store=errand.method == "pickup" and rng.random() < _PAYS_IN_STORE,
    )
    actor = "key:marketplace" if errand.channel == "marketplace" else "key:web shop"
    command = PlaceOrder.model_validate(body)
    delivery = DeliveryGiven.model_validate(body["delivery"])
    return PastOrder(body, command, delivery, placed_at, actor, rng)


# ---- living ----------------------------------------------------------------------------------------


class _Life:
    """One order from where it stands to its end, or to `until`."""

    def __init__(self, order_id: str, rng: random.Random, until: datetime):
        self.order = Order.objects.get(pk=order_id)
        self.rng = rng
        self.until = until
        self.last: dict[str, datetime] = {}  # when something last happened to a piece of work
        self.left: set[str] = set()  # what stays as it is: its time has not come, or it is another's turn

    def run(self) -> None:
        self._settle_money()
        self._change_of_mind()
        self._fraud_check()
        if self._is_held():
            return
        self._wait_for_release()
        while self._work_once() or self._decide_once():
            pass
        self._deliver()

    def _has_come(self, at: datetime) -> bool:
        return at <= self.until

    # -- before the work ---------------------------------------------------------------------------

    def _settle_money(self) -> None:
        """What the gateway left open is asked again; a shopper who cannot pay loses the order."""
        placed_at = self.order.placed_at
        payments = list(Payment.objects.filter(order=self.order))
        if all(payment.status == PaymentStatus.AUTHORIZED or payment.gateway == "in_store" for payment in payments):
            return  # nothing to ask again
        asked_again_at, given_up_at = placed_at + 31 * _SECOND, placed_at + 30 * _MINUTE + _SECOND
        if self._has_come(asked_again_at):
            ring(asked_again_at)
        if self._has_come(given_up_at) and self._is_held():
            ring(given_up_at)

    def _is_held(self) -> bool:
        return Hold.objects.filter(order=self.order, released_at=None).exists()

    def _change_of_mind(self) -> None:
        at = self.order.placed_at + self.rng.uniform(15, 60) * _SECOND
        if self.rng.random() < _CHANGES_MIND and self._is_untouched() and self._has_come(at):
            cancel_order(
                number=self.order.number, command=CancelOrder(reason="changed my mind"), actor="shopper", as_of=at
            )
            ring(at + _SECOND)

    def _fraud_check(self) -> None:
        at = self.order.placed_at + self.rng.uniform(5, 15) * _SECOND
        done_at = at + self.rng.uniform(15, 240) * 60 * _SECOND
        if self.rng.random() >= _LOOKS_LIKE_FRAUD or not self._is_untouched() or not self._has_come(at):
            return
        note = "Delivery and billing addresses differ"
        hold_order(number=self.order.number, command=HoldOrder(kind="fraud", note=note), actor="user:service", as_of=at)
        if self._has_come(done_at):
            release_hold(number=self.order.number, command=ReleaseHold(), actor="user:service", as_of=done_at)

    def _is_untouched(self) -> bool:
        statuses = set(Fulfillment.objects.filter(order=self.order).values_list("status", flat=True))
        return bool(statuses) and statuses <= {F.PLANNED, F.ASSIGNED}

    def _wait_for_release(self) -> None:
        """The grace of its channel ends, and its places are told."""
        waiting = Fulfillment.objects.filter(order=self.order, status=F.PLANNED)
        at = waiting.aggregate(last=Max("release_at"))["last"]
        if at and self._has_come(at):
            ring(at)

    # -- the places --------------------------------------------------------------------------------

    def _work_once(self) -> bool:
        """Let the first place that can do something do it."""
        given = Fulfillment.objects.filter(order=self.order, status__in=LIVE - {F.PLANNED}).exclude(pk__in=self.left)
        piece = given.order_by("pk").first()
        if piece is None:
            return False
        steps = {
            F.ASSIGNED: self._answer,
            F.ACCEPTED: self._pick,
            F.PICKING: self._finish,
            F.READY_FOR_PICKUP: self._collect,
        }
        at = steps[F(piece.status)](piece, self._since(piece))
        if at is None:
            self.left.add(piece.pk)
        else:
            self.last[piece.pk] = at
        return True

    def _since(self, piece: Fulfillment) -> datetime:
        """When something last happened to it; in a history that goes on, its events know."""
        if piece.pk not in self.last:
            told = Event.objects.filter(root=self.order.pk, subject=piece.pk).order_by("-id")
            self.last[piece.pk] = told.values_list("occurred_at", flat=True)[0]
        return self.last[piece.pk]

    def _within(self, piece: Fulfillment, since: datetime, due: datetime, low: float, high: float) -> datetime:
        """A moment when the place is open, after this share of the open time it has."""
        calendar = places()[piece.location_id].calendar
        return calendar.add_open_time(since, calendar.open_time_between(since, due) * self.rng.uniform(low, high))

    def _answer(self, piece: Fulfillment, since: datetime) -> datetime | None:
        roll = self.rng.random()
        is_store = places()[piece.location_id].kind == "store"
        if is_store and roll < _SLEEPS:
            return self._sleep(piece)
        at = self._within(piece, since, _set(piece.acknowledge_by), 0.1, 0.85)
        if not self._has_come(at):
            return None
        if is_store and roll < _SLEEPS + _DECLINES:
            command = Decline(reason=self.rng.choice(_DECLINE_REASONS))
            work.decline(fulfillment_id=piece.pk, command=command, actor=staff_of(piece.location_id), as_of=at)
        else:
            work.acknowledge(fulfillment_id=piece.pk, actor=staff_of(piece.location_id), as_of=at)
        return at

    def _sleep(self, piece: Fulfillment) -> datetime | None:
        """The clock takes delivery work away; a pickup store is warned, then it is a person's turn."""
        due = _set(piece.acknowledge_by)
        at = due + _SECOND
        if not self._has_come(at):
            return None
        ring(at)
        if not piece.is_pickup:
            return at
        grace = due + (due - _set(piece.assigned_at)) + _MINUTE
        if self._has_come(grace):
            ring(grace)
        return None

    def _pick(self, piece: Fulfillment, since: datetime) -> datetime | None:
        at = self._within(piece, since, _set(piece.ready_by), 0.05, 0.7)
        if not self._has_come(at):
            return None
        lines = FulfillmentLine.objects.filter(fulfillment=piece).select_related("order_line").order_by("id")
        command = Pick(lines=[self._found(line) for line in lines if line.to_pick])
        work.pick(fulfillment_id=piece.pk, command=command, actor=staff_of(piece.location_id), as_of=at)
        return at

    def _found(self, line: FulfillmentLine) -> PickLine:
        ref = line.order_line.ref
        if self.rng.random() < _SHORT:
            return PickLine(line=ref, picked=line.to_pick - 1, short_reason=self.rng.choice(_SHORT_REASONS))
        return PickLine(line=ref, picked=line.to_pick)

    def _finish(self, piece: Fulfillment, since: datetime) -> datetime | None:
        """A parcel goes to the carrier, a pickup to the shelf behind the counter."""
        at = since + self.rng.uniform(3, 25) * _MINUTE
        if not self._has_come(at):
            return None
        if piece.is_pickup:
            shelf = Ready(staging=f"{self.rng.choice('ABC')}-{self.rng.randint(1, 12):02d}")
            work.make_ready(fulfillment_id=piece.pk, command=shelf, actor=staff_of(piece.location_id), as_of=at)
        else:
            number = archive.tracking_number(self.rng, piece.service)
            parcel = Ship(carrier_service=archive.CARRIERS[piece.service][0], tracking_number=number)
            work.ship(fulfillment_id=piece.pk, command=parcel, actor=staff_of(piece.location_id), as_of=at)
            ring(at + _SECOND)  # the money is taken
        return at

    def _collect(self, piece: Fulfillment, since: datetime) -> datetime | None:
        wanted = since + min(self.rng.expovariate(1 / 18), 70) * 60 * _MINUTE
        opens = places()[piece.location_id].calendar.next_opening(wanted) or wanted
        at = opens + (self.rng.uniform(0, 90) * _MINUTE if opens > wanted else timedelta(0))
        if not self._has_come(at) or self.rng.random() < _NEVER_COLLECTS:
            return None
        command = HandOver(code=pickup_code(piece.pk))
        work.hand_over(fulfillment_id=piece.pk, command=command, actor=staff_of(piece.location_id), as_of=at)
        ring(at + _SECOND)
        return at

    # -- people and carriers -----------------------------------------------------------------------

    def _decide_once(self) -> bool:
        """Somebody at headquarters takes the case: another store where one is offered, else the money back."""
        case = ExceptionCase.objects.filter(order=self.order, status="open").exclude(pk__in=self.left).first()
        if case is None:
            return False
        self.left.add(case.pk)
        at = case.opened_at + self.rng.uniform(5, 120) * _MINUTE
        if not self._has_come(at):
            return True
        offers = case.facts.get("offers") or []
        if offers and self.rng.random() < 0.7:
            command = ResolveException(action="reroute", location=offers[0]["location"], note="agreed by phone")
        else:
            command = ResolveException(action="cancel", note="shopper informed")
        resolve_exception(case_id=case.pk, command=command, actor="user:service", as_of=at)
        ring(at + _SECOND)
        return True

    def _deliver(self) -> None:
        for shipment in Shipment.objects.filter(fulfillment__order=self.order, delivered_at=None).select_related(
            "fulfillment"
        ):
            at = archive.arrival(self.rng, shipment.fulfillment.service, shipment.handed_over_at)
            if self._has_come(at):
                work.deliver(fulfillment_id=shipment.fulfillment_id, actor=archive.CARRIER, as_of=at)


def _set(at: datetime | None) -> datetime:
    """A time that every piece of work at a place has."""
    if at is None:
        raise ValueError("this work was given to no place")
    return at
