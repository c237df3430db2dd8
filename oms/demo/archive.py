"""Orders that ended long ago, written down as they ended: what `history` would take minutes to live through.

Planned by the real planner over the stock of the moment, reserved and consumed by inventory's services, so
stock, ledger and reservations are true by construction; only this app's and the events' rows are written by
hand, in a few inserts per hundred orders. `check_invariants` judges the result like any other.
"""

import random
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db import models

from inventory.exposure import Context
from inventory.queries import places, products_by_sku
from inventory.services.reservations import Held, Want, consume_reservations, reserve_stock
from oms import idempotency
from oms.actors import CLOCK
from oms.demo.ways import arrival_by_ship
from oms.ids import new_id
from oms.models import Event
from oms.outbox import Fact
from oms.sql import insert_rows
from oms.transactions import use_case
from orders.commands import DeliveryGiven, PlaceOrder
from orders.models import (
    Customer,
    Delivery,
    Exclusion,
    Fulfillment,
    FulfillmentLine,
    Order,
    OrderLine,
    Package,
    Payment,
    PaymentOperation,
    Shipment,
)
from orders.pricing import Priced, price_order
from orders.services import planning
from orders.services.planning import PlannedDelivery, Wanted
from orders.states import FULFILLMENT_MOVES, PAYMENT_MOVES, FulfillmentStatus, OrderStatus, PaymentStatus
from routing.dates import DueTimes
from routing.engine.types import PlannedLine
from routing.models import GivenPromise, LeadTimeObservation
from routing.services.decisions import record_decisions
from routing.services.promise_ledger import observe, preparation_of, transit_of
from routing.services.sourcing import PlannedParcel, SourcingPlan
from routing.services.sourcing import plan as ask_routing

F, Outcome = FulfillmentStatus, GivenPromise.Outcome
BATCH = 100
_PARIS = ZoneInfo("Europe/Paris")
_SECOND, _MINUTE = timedelta(seconds=1), timedelta(minutes=1)
_CANCELED, _LOST = 0.035, 0.07
TRANSIT_DAYS: Mapping[str, tuple[int, ...]] = {
    "standard": (1, 2, 2, 2, 3, 4),
    "express": (1, 1, 1, 2),
    "same_day": (0,),
}
CARRIERS = {
    "standard": ("colivia-home", "CV"),
    "express": ("colivia-express", "CX"),
    "same_day": ("velox-courier", "VX"),
}
CARRIER, _SHOPPER = "carrier", "shopper"


@dataclass(frozen=True, slots=True)
class PastOrder:
    """What was ordered, when, by which program; `rng` draws what became of it."""

    body: Mapping[str, Any]
    command: PlaceOrder
    delivery: DeliveryGiven
    placed_at: datetime
    actor: str
    rng: random.Random


def staff_of(location: str) -> str:
    return f"user:{location.lower()}"


def arrival(rng: random.Random, service: str, sent_at: datetime) -> datetime:
    """When the carrier rings: the same day after hours, else on the morning or afternoon of a later day."""
    days = rng.choice(TRANSIT_DAYS[service])
    if not days:
        return sent_at + rng.uniform(40, 180) * _MINUTE
    morning = (sent_at.astimezone(_PARIS) + timedelta(days=days)).replace(hour=8, minute=0)
    return morning.astimezone(UTC) + rng.uniform(0, 600) * _MINUTE


def tracking_number(rng: random.Random, service: str) -> str:
    return f"{CARRIERS[service][1]}{rng.randrange(10**11):011d}"


@use_case
def write(past: Sequence[PastOrder], *, until: datetime) -> int:
    """Write these orders with their whole lives, but that of what would arrive after `until` is left on its way; those
    that stand there already are left out.

    Returns how many were accepted; the others found no stock.
    """
    known = set(
        Order.objects.filter(external_id__in=[p.command.external_id for p in past]).values_list(
            "external_id", flat=True
        )
    )
    batch = _Batch()
    accepted = len(known)
    for order in past:
        if order.command.external_id not in known:
            accepted += _Record(order, batch, until).write()
    batch.save()
    return accepted


class _Batch:
    """Rows that wait for their insert, by table, in the order in which tables name each other."""

    def __init__(self) -> None:
        self.rows: dict[type[models.Model], list[Any]] = {
            model: []
            for model in (
                *(Customer, Order, Delivery, OrderLine, Payment, PaymentOperation),
                *(Fulfillment, FulfillmentLine, Package, Shipment, Exclusion, GivenPromise),
            )
        }
        self.facts: list[tuple[datetime, Fact]] = []
        self.lead_times: list[LeadTimeObservation] = []
        self.decisions: list[tuple[SourcingPlan, str]] = []
        self.customers: dict[tuple[str, str], str] = {}

    def add(self, row: models.Model) -> None:
        self.rows[type(row)].append(row)

    def customer_id(self, past: PastOrder) -> str:
        """A known customer's id; guests, and customers seen for the first time, are added."""
        given, channel = past.command.customer, past.command.channel
        key = (channel, given.external_id or "")
        if given.external_id and key not in self.customers:
            stored = Customer.objects.filter(channel=channel, external_id=given.external_id)
            self.customers[key] = stored.values_list("pk", flat=True).first() or ""
        return self.customers.get(key) or self._new_customer(past, key)

    def _new_customer(self, past: PastOrder, key: tuple[str, str]) -> str:
        given = past.command.customer
        values = {**given.model_dump(), "tags": list(given.tags or ())}
        row = Customer(**values, channel_id=key[0], created_at=past.placed_at)
        self.add(row)
        if key[1]:
            self.customers[key] = row.pk
        return row.pk

    def save(self) -> None:
        for model, rows in self.rows.items():
            model._default_manager.bulk_create(rows)
        record_decisions(self.decisions)
        observe(self.lead_times)
        insert_rows({Event: [_event(at, fact) for at, fact in sorted(self.facts, key=lambda told: told[0])]})


def _event(at: datetime, fact: Fact) -> dict[str, Any]:
    return {
        "type": fact.type,
        "subject": fact.subject,
        "root": fact.root,
        "actor": fact.actor,
        "payload": fact.payload,
        "is_public": fact.is_public,
        "occurred_at": at,
        "request_id": "",
    }


def _work_line(work: Fulfillment, given: PlannedLine, **units: int) -> FulfillmentLine:
    return FulfillmentLine(fulfillment=work, order_line_id=given.key, sku=given.sku, quantity=given.quantity, **units)


def _end_promise(promise: GivenPromise, at: datetime, outcome: str = "") -> None:
    promise.ended_at = at
    promise.outcome = outcome or (Outcome.KEPT if at <= promise.promised_at else Outcome.LATE)


@dataclass(slots=True)
class _Record:
    """One order on its way into the batch."""

    past: PastOrder
    batch: _Batch
    until: datetime
    order_id: str = field(default_factory=lambda: new_id("ord"))
    lines: list[OrderLine] = field(default_factory=list)
    due: dict[str, DueTimes] = field(default_factory=dict)
    promises: dict[str, GivenPromise] = field(default_factory=dict)
    delivery: Delivery = field(init=False)
    payment: Payment = field(init=False)

    def write(self) -> bool:
        """False where there was no stock."""
        command = self.past.command
        money = price_order(command, [self.past.delivery])
        line_ids = [new_id("oli") for _line in command.lines]
        planned = self._plan(line_ids, money)
        if planned.rest:
            return False
        self.delivery = self._delivery(money)
        self.lines = [self._line(index, line_id, money) for index, line_id in enumerate(line_ids)]
        self.payment = self._payment(money)
        is_canceled = self.past.rng.random() < _CANCELED
        self._order(money, planned, is_canceled=is_canceled)
        for row in (self.delivery, *self.lines, self.payment):
            self.batch.add(row)
        self._live(planned, is_canceled=is_canceled)
        return True

    # -- planning ----------------------------------------------------------------------------------

    def _plan(self, line_ids: Sequence[str], money: Priced) -> PlannedDelivery:
        command, placed_at = self.past.command, self.past.placed_at
        products = products_by_sku(line.sku for line in command.lines)
        wanted = [
            Wanted(
                line_id,
                line.sku,
                line.quantity,
                None,
                line.unit_price,
                products[line.sku].weight_g,
                products[line.sku].tags,
            )
            for line_id, line in zip(line_ids, command.lines, strict=True)
        ]
        return planning.plan_delivery(
            channel=command.channel,
            currency=command.currency,
            delivery=self.past.delivery,
            address=command.shipping_address,
            wanted=wanted,
            value=money.items_total,
            customer_tags=command.customer.tags or (),
            taken={},
            release_at=placed_at,
            as_of=placed_at,
        )

    def _plan_elsewhere(self, plan: SourcingPlan, lost: str) -> SourcingPlan:
        excluded = {line.key: {lost} for line in plan.demand.lines}
        return ask_routing(replace(plan.demand, excluded=excluded), as_of=plan.as_of + 3 * _MINUTE)

    # -- what was ordered --------------------------------------------------------------------------

    def _order(self, money: Priced, planned: PlannedDelivery, *, is_canceled: bool) -> None:
        command, placed_at = self.past.command, self.past.placed_at
        address = command.shipping_address
        self.batch.add(
            Order(
                id=self.order_id,
                channel_id=command.channel,
                external_id=command.external_id,
                fingerprint=idempotency.fingerprint(self.past.body),
                customer_id=self.batch.customer_id(self.past),
                customer_tags=list(command.customer.tags or ()),
                status=OrderStatus.CANCELED if is_canceled else OrderStatus.FULFILLED,
                locale=command.locale,
                currency=command.currency,
                items_total=money.items_total,
                discount_total=money.discount_total,
                shipping_total=money.shipping_total,
                tax_total=money.tax_total,
                total=money.total,
                discounts=[discount.model_dump(mode="json") for discount in command.discounts],
                shipping_address=address and address.model_dump(mode="json", exclude_defaults=True),
                metadata=command.metadata,
                tracking_token=secrets.token_urlsafe(32),
                placed_by=self.past.actor,
                placed_at=placed_at,
                promised_at=planned.promised_at,
                expected_at=planned.promised_at,
            )
        )
        payload = {"channel": command.channel, "total": str(money.total), "currency": command.currency}
        self._tell(placed_at, Fact("orders.order.placed", self.order_id, self.order_id, self.past.actor, payload, True))

    def _delivery(self, money: Priced) -> Delivery:
        given, priced = self.past.delivery, money.deliveries[0]
        return Delivery(
            order_id=self.order_id,
            ref=given.id,
            method=given.method,
            service=given.service,
            location_id=given.location,
            stock=given.stock,
            price=priced.price,
            tax_rate=priced.tax_rate,
            tax_amount=priced.tax_amount,
        )

    def _line(self, index: int, line_id: str, money: Priced) -> OrderLine:
        given, priced = self.past.command.lines[index], money.lines[index]
        return OrderLine(
            id=line_id,
            order_id=self.order_id,
            delivery_id=self.delivery.pk,
            ref=given.id,
            position=index,
            product_id=given.sku,
            quantity=given.quantity,
            unit_price=given.unit_price,
            discount=given.discount,
            order_discount=priced.order_discount,
            tax_rate=given.tax_rate,
            tax_amount=priced.tax_amount,
            total=priced.total,
        )

    def _payment(self, money: Priced) -> Payment:
        given = self.past.command.payments[0]
        return Payment(
            order_id=self.order_id,
            position=0,
            gateway=given.gateway,
            method=given.method,
            token=given.token,
            currency=self.past.command.currency,
            amount=money.total,
        )

    # -- what became of it -------------------------------------------------------------------------

    def _live(self, planned: PlannedDelivery, *, is_canceled: bool) -> None:
        at = self.past.placed_at + _SECOND
        plan = planned.source
        self.batch.decisions.append((plan, self.order_id))
        self._authorize(at)
        replaces: Mapping[str, Any] = {}
        if not is_canceled and self._is_lost(plan):
            second = self._plan_elsewhere(plan, plan.parcels[0].location)
            if not second.rest:
                at, lost = self._lose(plan.parcels[0], plan, at)
                self.batch.decisions.append((second, self.order_id))
                plan, replaces = second, {"replaces_id": lost, "attempt": 2}
        works = [self._assigned(parcel, plan, at, **replaces) for parcel in plan.parcels]
        if is_canceled:
            self._cancel(works, plan.parcels, at + self.past.rng.uniform(20, 110) * _SECOND)
            return
        for work, parcel in zip(works, plan.parcels, strict=True):
            self._fulfill(work, parcel, at, is_last=work is works[-1])

    def _is_lost(self, plan: SourcingPlan) -> bool:
        is_store = places()[plan.parcels[0].location].kind == "store"
        is_delivery = plan.demand.method == "ship" and len(plan.parcels) == 1
        return is_store and is_delivery and self.past.rng.random() < _LOST

    def _authorize(self, at: datetime) -> None:
        if self.payment.gateway == "in_store":
            return
        self.payment.authorized_amount = self.payment.amount
        self.payment.reference = f"sbx_{self.payment.pk[-20:]}"
        self._set(self.payment, PaymentStatus.AUTHORIZED, CLOCK, at, {"from": "pending"})

    def _assigned(self, parcel: PlannedParcel, plan: SourcingPlan, at: datetime, **values: Any) -> Fulfillment:
        given = self.past.delivery
        work = Fulfillment(
            order_id=self.order_id,
            delivery_id=self.delivery.pk,
            location_id=parcel.location,
            pickup_location_id=given.location,
            method=given.method,
            service=given.service,
            decision=plan.decision_id,
            cost=round(parcel.cost, 2),
            distance_km=parcel.distance_km,
            release_at=at,
            assigned_at=at,
            promised_at=parcel.promised_at,
            expected_at=parcel.promised_at,
            **values,
        )
        times = self.due[work.pk] = planning.due_times(work, assigned_at=at)
        work.acknowledge_by, work.ready_by = times.acknowledge_by, times.ready_by
        self.batch.add(work)
        promise = planning.promise_row(plan, parcel, {**vars(work), "id": work.pk}, as_of=at)
        self.promises[work.pk] = GivenPromise(**promise)
        self.batch.add(self.promises[work.pk])
        payload = {"location": parcel.location, "decision": plan.decision_id}
        self._set(work, F.PLANNED, self.past.actor, at, payload)
        self._set(work, F.ASSIGNED, CLOCK, at, {"from": F.PLANNED})
        return work

    def _lose(self, parcel: PlannedParcel, plan: SourcingPlan, at: datetime) -> tuple[datetime, str]:
        """The first place sleeps or declines; neither says anything about its stock."""
        work = self._assigned(parcel, plan, at)
        reason = self.past.rng.choice(("timed_out", "timed_out", "too_busy", "other"))
        if reason == "timed_out":
            at = self.due[work.pk].acknowledge_by + _SECOND
            self._set(work, F.TIMED_OUT, CLOCK, at, {"from": F.ASSIGNED})
        else:
            at = self._moment(work, at, self.due[work.pk].acknowledge_by, 0.2, 0.9)
            self._set(work, F.DECLINED, staff_of(parcel.location), at, {"from": F.ASSIGNED, "why": reason})
        _end_promise(self.promises[work.pk], at, Outcome.WITHDRAWN)
        for line in parcel.lines:
            self.batch.add(_work_line(work, line))
            self.batch.add(Exclusion(order_line_id=line.key, location_id=parcel.location, reason=reason, created_at=at))
        return at, work.pk

    def _cancel(self, works: Sequence[Fulfillment], parcels: Sequence[PlannedParcel], at: datetime) -> None:
        """The shopper changes their mind before anybody begins."""
        lines = {line.pk: line for line in self.lines}
        for work, parcel in zip(works, parcels, strict=True):
            self._set(work, F.CANCELED, _SHOPPER, at, {"from": F.ASSIGNED, "why": "canceled by the order"})
            _end_promise(self.promises[work.pk], at, Outcome.WITHDRAWN)
            for given in parcel.lines:
                lines[given.key].canceled += given.quantity
                self.batch.add(_work_line(work, given, canceled=given.quantity))
        payload = {"why": "changed my mind"}
        self._tell(at, Fact("orders.order.canceled", self.order_id, self.order_id, _SHOPPER, payload, True))
        self._void(at)

    def _void(self, at: datetime) -> None:
        if self.payment.gateway != "in_store":
            self._operation(PaymentOperation.Kind.VOID, self.payment.amount, self.order_id, at)
        self._set(self.payment, PaymentStatus.VOIDED, CLOCK, at + _SECOND, {"why": "order canceled"})

    def _fulfill(self, work: Fulfillment, parcel: PlannedParcel, at: datetime, *, is_last: bool) -> None:
        staff = staff_of(work.location_id)
        due = self.due[work.pk]
        accepted_at = self._moment(work, at, due.acknowledge_by, 0.1, 0.85)
        picking_at = self._moment(work, accepted_at, due.ready_by, 0.05, 0.6)
        packed_at = picking_at + self.past.rng.uniform(3, 20) * _MINUTE
        work.claimed_by = staff
        self._set(work, F.ACCEPTED, staff, accepted_at, {"from": F.ASSIGNED})
        self._set(work, F.PICKING, staff, picking_at, {"from": F.ACCEPTED})
        self._set(work, F.PACKED, staff, packed_at, {"from": F.PICKING})
        leave = self._collected if work.is_pickup else self._shipped
        gone_at = leave(work, parcel, staff, packed_at)
        self._leave_stock(work, parcel, staff, gone_at)
        self._capture(work, gone_at, is_last=is_last)

    def _pack(self, work: Fulfillment, parcel: PlannedParcel, *, bucket: str) -> None:
        """`bucket`: where its units are in the end."""
        lines = {line.pk: line for line in self.lines}
        contents = []
        for given in parcel.lines:
            line = lines[given.key]
            setattr(line, bucket, getattr(line, bucket) + given.quantity)
            contents.append({"line": line.ref, "sku": given.sku, "quantity": given.quantity})
            self.batch.add(_work_line(work, given, picked=given.quantity))
        self.batch.add(Package(fulfillment=work, weight_g=parcel.weight_g or None, contents=contents))

    def _shipped(self, work: Fulfillment, parcel: PlannedParcel, staff: str, at: datetime) -> datetime:
        facts = {
            "carrier_service": CARRIERS[work.service][0],
            "tracking_number": tracking_number(self.past.rng, work.service),
        }
        arrives_at = self._arrival(work, at)
        delivered_at = arrives_at if arrives_at <= self.until else None
        self._set(work, F.SHIPPED, staff, at, {"from": F.PACKED, **facts})
        if delivered_at:
            self._set(work, F.DELIVERED, CARRIER, delivered_at, {"from": F.SHIPPED})
        self._pack(work, parcel, bucket="delivered" if delivered_at else "shipped")
        self.batch.add(Shipment(fulfillment=work, handed_over_at=at, delivered_at=delivered_at, **facts))
        self._teach(work, at, delivered_at, facts["carrier_service"])
        return at

    def _arrival(self, work: Fulfillment, at: datetime) -> datetime:
        promise = self.promises[work.pk].promised_at
        return arrival_by_ship(self.past.rng, at, promise) or arrival(self.past.rng, work.service, at)

    def _teach(self, work: Fulfillment, at: datetime, delivered_at: datetime | None = None, carrier: str = "") -> None:
        """What the end of the work tells of how long things take, and of the promise."""
        promise = self.promises[work.pk]
        given_at = work.assigned_at or at
        self.batch.lead_times.append(
            preparation_of(promise, started_at=given_at, prepared_at=at, carrier_service=carrier)
        )
        if delivered_at is not None:
            parcel = transit_of(promise, handed_over_at=at, delivered_at=delivered_at, carrier_service=carrier)
            self.batch.lead_times.append(parcel)
        promise.prepared_at = at
        if delivered_at or not carrier:
            _end_promise(promise, delivered_at or at)

    def _collected(self, work: Fulfillment, parcel: PlannedParcel, staff: str, at: datetime) -> datetime:
        work.staging = f"{self.past.rng.choice('ABC')}-{self.past.rng.randint(1, 12):02d}"
        work.collect_by = planning.collect_by(work, ready_at=at)
        self._pack(work, parcel, bucket="collected")
        self._set(work, F.READY_FOR_PICKUP, staff, at, {"from": F.PACKED})
        self._teach(work, at)
        wanted = at + min(self.past.rng.expovariate(1 / 18), 60) * 60 * _MINUTE
        gone_at = places()[work.location_id].calendar.next_opening(wanted) or wanted
        if gone_at > self.until:  # the shopper comes while it is still open
            gone_at = at + self.past.rng.uniform(2, 20) * _MINUTE
        self._set(work, F.COLLECTED, staff, gone_at, {"from": F.READY_FOR_PICKUP})
        return gone_at

    def _leave_stock(self, work: Fulfillment, parcel: PlannedParcel, staff: str, at: datetime) -> None:
        """Through the same door as every order: reserved when planned, consumed when gone."""
        wants = [Want(f"order_line:{line.key}", line.sku, parcel.location, line.quantity) for line in parcel.lines]
        channel = self.past.command.channel
        context = Context(self.past.placed_at, channel, order_type=work.method, service=work.service)
        if refused := reserve_stock([(context, wants)], as_of=self.past.placed_at):
            raise RuntimeError(f"the plan counted on stock that is not there: {refused}")
        cause = "collected" if work.is_pickup else "shipped"
        consume_reservations([Held(*want) for want in wants], cause=cause, reference=work.pk, actor=staff, as_of=at)

    def _capture(self, work: Fulfillment, at: datetime, *, is_last: bool) -> None:
        """A share per parcel, the rest with the last one."""
        payment = self.payment
        if payment.gateway == "in_store":
            payment.authorized_amount = payment.captured_amount = payment.amount
            self._set(payment, PaymentStatus.CAPTURED, work.claimed_by, at, {"from": "pending"})
            return
        left = payment.amount - payment.captured_amount
        amount = left if is_last else (left / 2).quantize(Decimal("0.01"))
        if not amount:
            return
        payment.captured_amount += amount
        self._operation(PaymentOperation.Kind.CAPTURE, amount, work.pk, at)
        to = PaymentStatus.CAPTURED if is_last else PaymentStatus.PARTIALLY_CAPTURED
        self._set(
            payment, to, CLOCK, at + _SECOND, {"amount": str(amount), "currency": payment.currency, "cause": work.pk}
        )

    def _operation(self, kind: str, amount: Decimal, cause: str, at: datetime) -> None:
        self.batch.add(
            PaymentOperation(
                payment=self.payment,
                kind=kind,
                amount=amount,
                cause=cause,
                status=PaymentOperation.Status.SUCCEEDED,
                reference=f"sbx_{new_id('ref')[-20:]}",
                created_at=at,
                settled_at=at + _SECOND,
            )
        )

    # -- writing -----------------------------------------------------------------------------------

    def _moment(self, work: Fulfillment, since: datetime, due: datetime, low: float, high: float) -> datetime:
        calendar = places()[work.location_id].calendar
        return calendar.add_open_time(since, calendar.open_time_between(since, due) * self.past.rng.uniform(low, high))

    def _set(
        self, row: Fulfillment | Payment, status: str, actor: str, at: datetime, payload: Mapping[str, Any]
    ) -> None:
        """A status and the event that is its history, as the state table names it."""
        moves = FULFILLMENT_MOVES if isinstance(row, Fulfillment) else PAYMENT_MOVES
        row.status = status
        row.version += 1
        if isinstance(row, Fulfillment):
            row.updated_at = at
        self._tell(at, moves.fact(row, to=status, actor=actor, payload=dict(payload)))

    def _tell(self, at: datetime, fact: Fact) -> None:
        self.batch.facts.append((at, fact))
