"""Placing an order: (recall) → plan → commit_plans → authorise → record_authorisation.

A plain function around two use cases. Nothing slow or external happens inside a transaction, and a kill
between any two steps heals: before the commit nothing is kept; after it the payment's deadline asks the
gateway what became of the authorisation, and the release deadline hands the work out.
"""

import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import IntegrityError, connection
from django.utils.translation import gettext as _

from inventory.errors import InsufficientStock, StockMoved
from inventory.queries import PlaceInfo, ProductInfo, places, products_by_sku
from inventory.services.cart_holds import commit_hold, lock_hold, unknown_hold
from inventory.services.reservations import reserve_stock
from inventory.services.supply_promises import exchange_promises
from oms import idempotency
from oms.channels import ChannelInfo, channels
from oms.deadlines import Due, deadline_rows
from oms.errors import DomainError, FieldError, Invalid
from oms.idempotency import Once
from oms.ids import new_id
from oms.outbox import Fact, event_rows
from oms.sql import Also, Tables
from oms.transactions import in_transaction, use_case
from orders.commands import CustomerGiven, DeliveryGiven, PlaceOrder
from orders.errors import NoPlaceLeft
from orders.models import Customer, Delivery, ExceptionCase, Fulfillment, FulfillmentLine, Order, OrderLine, Payment
from orders.models.order import demand_of_line
from orders.pricing import Priced, check_payments, price_order, price_part
from orders.services import authorisation, planning, waiting
from orders.services.exceptions import CASE_WAITS
from orders.services.planning import PlannedDelivery, Wanted
from orders.services.status import delays
from orders.settlement import IN_STORE
from orders.states import NOT_AVAILABLE, Method, OrderStatus, PaymentStatus
from routing.models import GivenPromise
from routing.queries import rules_for
from routing.services.quotes import QuotedLine, promise_of

SETTLE_AFTER = timedelta(seconds=30)  # when a placement was killed before it heard the gateway


@dataclass(frozen=True, slots=True)
class Placed:
    """`pieces`: the work as it was written, where it was not a replay."""

    order_id: str
    is_replay: bool
    pieces: Sequence[Fulfillment] = ()


@dataclass(frozen=True, slots=True)
class _Draft:
    """A checked order that waits for its plan. `line_ids` and `delivery_ids` stand in the order given.

    `units`: how many of each line are to be placed; `money` and `payments` are of these.
    """

    command: PlaceOrder
    channel: ChannelInfo
    deliveries: tuple[DeliveryGiven, ...]
    products: dict[str, ProductInfo]
    ordered: Priced
    money: Priced
    order_id: str
    line_ids: tuple[str, ...]
    delivery_ids: tuple[str, ...]
    delivery_of_line: tuple[int, ...]
    payments: list[dict[str, Any]]
    promised: tuple[datetime | None, ...]  # by a quote, for each delivery
    units: tuple[int, ...]

    def cut(self, cut: Mapping[str, int]) -> "_Draft":
        """The order without these units, by line id. Payments are used in their order, none for more than is left."""
        units = tuple(n - cut.get(line_id, 0) for line_id, n in zip(self.line_ids, self.units, strict=True))
        money = price_part(self.command, self.ordered, units, self.delivery_of_line)
        return replace(self, units=units, money=money, payments=_covering(self.payments, money.total))

    @property
    def unserved(self) -> list[dict[str, Any]]:
        """What was asked for, and is not placed."""
        return [
            {"line": line.id, "sku": line.sku, "quantity": line.quantity - n}
            for line, n in zip(self.command.lines, self.units, strict=True)
            if n < line.quantity
        ]


class _Taken(Exception):
    """Someone else reserved what this plan counted on."""


def place_order(*, command: PlaceOrder, once: Once, has_key: bool, actor: str, as_of: datetime) -> Placed:
    """Accept an order, or refuse it and keep nothing.

    `once` carries the fingerprint of the body; `has_key` tells whether its key is the client's (else only
    the natural key (channel, external_id) makes the order unique).
    Errors: Invalid (fields, money), IdempotencyKeyReused, InsufficientStock, NoPlaceLeft, StockMoved.
    """
    key = once if has_key else None
    # A key is asked for where it is taken, so that the many who are no replay need not ask twice.
    if key is None and (known := recall(command=command, once=once, has_key=has_key)):
        return Placed(known, is_replay=True)
    try:
        return _place(command, key, fingerprint=once.fingerprint, actor=actor, as_of=as_of)
    except (DomainError, IntegrityError):  # perhaps this very order was faster: it has the units, and the external id
        if known := recall(command=command, once=once, has_key=has_key):
            return Placed(known, is_replay=True)
        raise


def _place(command: PlaceOrder, once: Once | None, *, fingerprint: bytes, actor: str, as_of: datetime) -> Placed:
    asked = _check(command, as_of=as_of)
    for _attempt in range(settings.PLACEMENT_ATTEMPTS):
        draft, plans = _plan(asked, as_of=as_of)
        try:
            placed = commit_plans(
                draft=draft, plans=plans, once=once, fingerprint=fingerprint, actor=actor, as_of=as_of
            )
        except _Taken:
            continue
        if not placed.is_replay:
            payments = [Payment(**row) for row in draft.payments]
            authorisation.authorize(
                order_id=placed.order_id,
                channel=command.channel,
                payments=payments,
                pieces=placed.pieces,
                as_of=as_of,
            )
        return placed
    raise StockMoved()


def recall(*, command: PlaceOrder, once: Once, has_key: bool) -> str | None:
    """The order this request made before, by its key or its external id. Errors: IdempotencyKeyReused."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT fingerprint, result->>'order' FROM oms_idempotencyrecord WHERE scope = %s AND key = %s"
            " UNION ALL SELECT fingerprint, id FROM orders_order WHERE channel_id = %s AND external_id = %s",
            [once.scope, once.key if has_key else "", command.channel, command.external_id or ""],
        )
        rows = cursor.fetchall()
    for fingerprint, _order_id in rows:
        idempotency.check_same(fingerprint, once)
    return rows[0][1] if rows else None


# ---- check: is this an order we can read? --------------------------------------------------------


def _check(command: PlaceOrder, *, as_of: datetime) -> _Draft:
    errors: list[FieldError] = []
    channel = channels().get(command.channel)
    if channel is None or not channel.is_active:
        raise Invalid(errors=[FieldError("/channel", "unknown_channel", _("No such channel"))])
    if command.currency != channel.currency:
        errors.append(
            FieldError(
                "/currency", "wrong_currency", _("This channel sells in %(currency)s") % {"currency": channel.currency}
            )
        )
    products = products_by_sku([line.sku for line in command.lines])
    errors += _line_errors(command, products)
    deliveries = command.given_deliveries
    errors += _delivery_errors(command, deliveries, places(), as_of=as_of)
    delivery_of_line, assignment_errors = _assign_lines(command, deliveries)
    errors += assignment_errors
    if any(delivery.method != Method.PICKUP for delivery in deliveries):
        errors += [
            FieldError(
                f"/payments/{index}/gateway", "pay_in_store_needs_pickup", _("Only what is collected can be paid there")
            )
            for index, payment in enumerate(command.payments)
            if payment.gateway == IN_STORE
        ]
    if command.placed_at_location and command.placed_at_location not in places():
        errors.append(FieldError("/placed_at_location", "unknown_location", _("No such location")))
    errors += unknown_hold(command.channel, command.reservation)
    if errors:
        raise Invalid(errors=errors)
    money = price_order(command, deliveries)
    check_payments(command, money.total, may_come_late=channel.authorizes_late)
    order_id = new_id("ord")
    return _Draft(
        command=command,
        channel=channel,
        deliveries=deliveries,
        products=products,
        ordered=money,
        money=money,
        order_id=order_id,
        line_ids=tuple(new_id("oli") for _ in command.lines),
        delivery_ids=tuple(new_id("dlv") for _ in deliveries),
        delivery_of_line=delivery_of_line,
        payments=_payment_rows(command, order_id),
        promised=tuple(_promised(command, delivery, as_of=as_of) for delivery in deliveries),
        units=tuple(line.quantity for line in command.lines),
    )


def _promised(command: PlaceOrder, delivery: DeliveryGiven, *, as_of: datetime) -> datetime | None:
    """What the quote promised for this delivery, if anything. Errors: QuoteRefused."""
    if command.quote is None:
        return None
    return promise_of(
        command.quote,
        channel=command.channel,
        method=delivery.method,
        service=delivery.service,
        location=delivery.location,
        lines=[QuotedLine(line.sku, line.quantity, line.group) for line in command.lines],
        may_wait=command.allow_backorder,
        as_of=as_of,
    )


def _line_errors(command: PlaceOrder, products: dict[str, ProductInfo]) -> list[FieldError]:
    errors, seen = [], set()
    for index, line in enumerate(command.lines):
        if line.id in seen:
            errors.append(FieldError(f"/lines/{index}/id", "duplicate_line", _("This line id is used twice")))
        seen.add(line.id)
        product = products.get(line.sku)
        if product is None or not product.is_active:
            errors.append(FieldError(f"/lines/{index}/sku", "unknown_sku", _("No such product")))
    return errors


def _delivery_errors(
    command: PlaceOrder,
    deliveries: Sequence[DeliveryGiven],
    known_places: Mapping[str, PlaceInfo],
    *,
    as_of: datetime,
) -> list[FieldError]:
    errors = []
    seen: set[str] = set()
    for index, delivery in enumerate(deliveries):
        base = "/delivery" if command.delivery else f"/deliveries/{index}"
        if delivery.id in seen:
            errors.append(FieldError(f"{base}/id", "duplicate_delivery", _("This delivery id is used twice")))
        seen.add(delivery.id)
        if delivery.method == "ship" and not (delivery.address or command.shipping_address):
            errors.append(FieldError("/shipping_address", "required", _("A delivery needs an address")))
        if delivery.location:
            errors += _pickup_errors(delivery, known_places.get(delivery.location), base, as_of=as_of)
    return errors


def _pickup_errors(delivery: DeliveryGiven, place: PlaceInfo | None, base: str, *, as_of: datetime) -> list[FieldError]:
    if place is None or not place.is_active:
        return [FieldError(f"{base}/location", "unknown_location", _("No such location"))]
    if not place.can_serve(delivery.method):
        return [FieldError(f"{base}/location", "no_pickup_here", _("This location hands nothing out"))]
    if not place.takes_orders(as_of):
        return [FieldError(f"{base}/location", "takes_no_orders", _("This location takes no orders now"))]
    if delivery.stock == "any":
        return [
            FieldError(f"{base}/stock", "transfer_not_offered", _("This location hands out only what it has itself"))
        ]
    return []


def _assign_lines(command: PlaceOrder, deliveries: Sequence[DeliveryGiven]) -> tuple[tuple[int, ...], list[FieldError]]:
    """For each line the index of its delivery; every line in exactly one."""
    if len(deliveries) == 1 and deliveries[0].lines is None:
        return (0,) * len(command.lines), []
    owners: dict[str, list[int]] = {line.id: [] for line in command.lines}
    errors = []
    for index, delivery in enumerate(deliveries):
        for ref in delivery.lines or ():
            if ref in owners:
                owners[ref].append(index)
            else:
                errors.append(
                    FieldError(f"/deliveries/{index}/lines", "unknown_line", _("No line %(ref)s") % {"ref": ref})
                )
    for index, line in enumerate(command.lines):
        if len(owners[line.id]) != 1:
            errors.append(
                FieldError(f"/lines/{index}", "not_in_one_delivery", _("Each line belongs to exactly one delivery"))
            )
    return tuple(found[0] if found else 0 for found in owners.values()), errors


# ---- plan ---------------------------------------------------------------------------------------


def _plan(asked: _Draft, *, as_of: datetime) -> tuple[_Draft, list[PlannedDelivery]]:
    """What is to be placed, all of it or, where it may be cut, the most that can be had, with one plan per delivery in
    the order given. Errors: InsufficientStock, NoPlaceLeft.
    """
    if asked.command.allow_partial and (part := _plan_part(asked, as_of=as_of)):
        return part
    plans = _plan_deliveries(asked, as_of=as_of)
    if shortages := [shortage for planned in plans for shortage in planned.shortages]:
        raise InsufficientStock(shortages=shortages)
    if refused := [rest for planned in plans for rest in planned.rest if rest.disposition != "exception"]:
        raise NoPlaceLeft(rest=[{"sku": rest.sku, "quantity": rest.quantity} for rest in refused])
    return asked, plans


def _plan_part(draft: _Draft, *, as_of: datetime) -> tuple[_Draft, list[PlannedDelivery]] | None:
    """None: nothing of it can be had. What one delivery loses makes the order worth less, of which rules may ask, so
    the others are planned again."""
    plans: list[PlannedDelivery] = []
    while True:
        plans = _plan_deliveries(draft, as_of=as_of, may_be_cut=True, before=plans)
        cut = {key: n for planned in plans for key, n in planned.cut.items()}
        if not cut:
            return draft, plans
        draft = draft.cut(cut)
        if not any(draft.units):
            return None
        if len(plans) == 1:
            return draft, plans


def _plan_deliveries(
    draft: _Draft, *, as_of: datetime, may_be_cut: bool = False, before: Sequence[PlannedDelivery] = ()
) -> list[PlannedDelivery]:
    """One plan per delivery. Those with a chosen place are planned first: they can have their units nowhere else.

    `before`: how they were planned before something was cut; a delivery that has nothing left stays so.
    """
    found: dict[int, PlannedDelivery] = {}
    customer_tags = _customer_tags(draft.command)
    taken: dict[tuple[str, str], int] = {}
    awaited = Counter[int]()
    for index, delivery in sorted(enumerate(draft.deliveries), key=lambda numbered: numbered[1].location is None):
        wanted = _wanted(draft, index)
        if before and not wanted:
            found[index] = replace(before[index], cut={})
            continue
        planned = planning.plan_delivery(
            channel=draft.channel.code,
            currency=draft.command.currency,
            delivery=delivery,
            address=delivery.address or draft.command.shipping_address,
            wanted=wanted,
            value=draft.money.items_total,
            taken=taken,
            hold=draft.command.reservation or "",
            wanted_by=draft.promised[index],
            customer_tags=customer_tags,
            may_wait=draft.command.allow_backorder,
            may_be_cut=may_be_cut,
            awaited=awaited,
            release_at=draft.channel.release_at(delivery.method, delivery.service, placed_at=as_of),
            as_of=as_of,
        )
        for part in planned.awaited:
            awaited[part.inbound_line] += part.quantity
        for parcel in planned.parcels:
            for line in parcel.lines:
                taken[line.sku, parcel.location] = taken.get((line.sku, parcel.location), 0) + line.quantity
        found[index] = planned
    return [found[index] for index in range(len(draft.deliveries))]


def _customer_tags(command: PlaceOrder) -> Sequence[str]:
    """Those given; else those known, where a rule asks."""
    given = command.customer
    if given.tags is not None or given.external_id is None or not rules_for(command.channel).asks_for_customers:
        return given.tags or ()
    known = Customer.objects.filter(channel=command.channel, external_id=given.external_id)
    return known.values_list("tags", flat=True).first() or ()


def _wanted(draft: _Draft, delivery_index: int) -> list[Wanted]:
    return [
        Wanted(
            key=draft.line_ids[index],
            sku=line.sku,
            quantity=draft.units[index],
            group=line.group,
            unit_value=line.unit_price,
            weight_g=draft.products[line.sku].weight_g,
            tags=draft.products[line.sku].tags,
        )
        for index, line in enumerate(draft.command.lines)
        if draft.delivery_of_line[index] == delivery_index and draft.units[index]
    ]


# ---- commit -------------------------------------------------------------------------------------


@use_case
def commit_plans(
    *,
    draft: _Draft,
    plans: Sequence[PlannedDelivery],
    once: Once | None,
    fingerprint: bytes,
    actor: str,
    as_of: datetime,
) -> Placed:
    """Reserve and write everything that is true from now on, in one statement over sets: levels that many want are
    locked for that and the commit only.

    Errors: _Taken when a reserved level no longer suffices, IntegrityError when another request made an order with
    this external id meanwhile (all is rolled back).
    """
    customer = _begin(draft, once, as_of=as_of)
    if isinstance(customer, str):
        return Placed(customer, is_replay=True)
    if draft.command.reservation:
        lock_hold(draft.command.reservation)
    rows = _rows(draft, plans, customer=customer, fingerprint=fingerprint, actor=actor, as_of=as_of)
    _await_deliveries(plans, as_of=as_of)
    inserts: Tables = {
        Customer: customer.inserts,
        **rows,
        **planning.decision_rows([planned for planned in plans if not planned.is_empty], order_id=draft.order_id),
        **event_rows(_facts(draft, plans, rows, actor=actor), as_of=as_of),
        **deadline_rows(_dues(draft, plans, rows, as_of=as_of)),
    }
    if reserve_stock([planned.wants for planned in plans], as_of=as_of, inserts=inserts):
        raise _Taken()
    if draft.command.reservation:
        commit_hold(draft.command.reservation, as_of=as_of)
    if planning.book_capacity(plans):
        raise _Taken()
    return Placed(draft.order_id, is_replay=False, pieces=[Fulfillment(**row) for row in rows[Fulfillment]])


@in_transaction
def _await_deliveries(plans: Sequence[PlannedDelivery], *, as_of: datetime) -> None:
    """Promise what is to come; deliveries are locked before levels. Errors: _Taken."""
    parts = [part for planned in plans for part in planned.awaited]
    if not parts:
        return
    demands = {part.key: demand_of_line(part.key) for part in parts}
    become = [(planned.asker, waiting.promises(planned.awaited, demands)) for planned in plans]
    if not exchange_promises([], become, demands=demands.values(), since=as_of):
        raise _Taken()


@dataclass(frozen=True, slots=True)
class _Shopper:
    """`inserts`: the row to insert where it is a guest, who always stays separate."""

    id: str
    tags: list[str]
    inserts: list[dict[str, Any]]


_SAVE_CUSTOMER = """
INSERT INTO orders_customer (id, channel_id, external_id, email, phone, first_name, last_name, created_at, tags)
SELECT %s, %s, %s, %s, %s, %s, %s, %s, %s FROM taken
ON CONFLICT (channel_id, external_id) WHERE external_id IS NOT NULL DO UPDATE SET
    email = coalesce(nullif(excluded.email, ''), orders_customer.email),
    phone = coalesce(nullif(excluded.phone, ''), orders_customer.phone),
    first_name = coalesce(nullif(excluded.first_name, ''), orders_customer.first_name),
    last_name = coalesce(nullif(excluded.last_name, ''), orders_customer.last_name),
    tags = CASE WHEN %s THEN excluded.tags ELSE orders_customer.tags END
RETURNING id, tags"""


@in_transaction
def _begin(draft: _Draft, once: Once | None, *, as_of: datetime) -> _Shopper | str:
    """Take the key and save who orders, in one statement; or else the order that was made under the key."""
    given, result = draft.command.customer, {"order": draft.order_id}
    row = _customer_row(draft.command.channel, given, as_of=as_of)
    if given.external_id is None:
        known = once and idempotency.begin(once, as_of=as_of, result=result)
        return str(known["order"]) if known else _Shopper(row["id"], row["tags"], [row])
    save = Also(_SAVE_CUSTOMER, (*row.values(), given.tags is not None))
    if once:
        known, saved = idempotency.begin_with(save, once, as_of=as_of, result=result)
    else:
        known, saved = None, _alone(save)
    return str(known["order"]) if known else _Shopper(saved[0], saved[1], [])


def _alone(save: Also) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(f"WITH taken AS (SELECT 1) {save.sql}", save.parameters)
        return cursor.fetchone()


def _customer_row(channel: str, given: CustomerGiven, *, as_of: datetime) -> dict[str, Any]:
    return {
        "id": new_id("cus"),
        "channel_id": channel,
        "external_id": given.external_id,
        "email": given.email or "",
        "phone": given.phone or "",
        "first_name": given.first_name,
        "last_name": given.last_name,
        "created_at": as_of,
        "tags": list(given.tags or ()),
    }


Rows = dict[type, list[dict[str, Any]]]


def _rows(
    draft: _Draft,
    plans: Sequence[PlannedDelivery],
    *,
    customer: _Shopper,
    fingerprint: bytes,
    actor: str,
    as_of: datetime,
) -> Rows:
    """Every row of this app that the order is made of, ids and all."""
    fulfillments, fulfillment_lines, promises = _work_rows(draft, plans, as_of=as_of)
    return {
        Order: [_order_row(draft, plans, customer=customer, fingerprint=fingerprint, actor=actor, as_of=as_of)],
        Delivery: _delivery_rows(draft),
        OrderLine: _line_rows(draft, plans),
        Payment: draft.payments,
        Fulfillment: fulfillments,
        FulfillmentLine: fulfillment_lines,
        GivenPromise: promises,
        ExceptionCase: _case_rows(draft, plans, as_of=as_of),
    }


def _dump(model: Any) -> dict[str, Any] | None:
    return model.model_dump(mode="json", exclude_defaults=True) if model else None


def _order_row(
    draft: _Draft,
    plans: Sequence[PlannedDelivery],
    *,
    customer: _Shopper,
    fingerprint: bytes,
    actor: str,
    as_of: datetime,
) -> dict[str, Any]:
    command, money = draft.command, draft.money
    coming = max((planned.promised_at for planned in plans if planned.promised_at), default=None)
    promised_at = max(filter(None, map(_promised_date, draft.promised, plans)), default=None)
    return {
        "id": draft.order_id,
        "channel_id": draft.channel.code,
        "external_id": command.external_id,
        "fingerprint": "\\x" + fingerprint.hex(),
        "customer_id": customer.id,
        "customer_tags": customer.tags,
        "status": _status(plans),
        "locale": command.locale,
        "currency": command.currency,
        "prices_include_tax": command.prices_include_tax,
        "items_total": money.items_total,
        "discount_total": money.discount_total,
        "shipping_total": money.shipping_total,
        "tax_total": money.tax_total,
        "total": money.total,
        "discounts": [{"code": d.code, "amount": d.amount} for d in command.discounts],
        "shipping_address": _dump(command.shipping_address),
        "billing_address": _dump(command.billing_address),
        "pickup_person": _dump(command.pickup_person),
        "metadata": command.metadata,
        "tags": list(command.tags),
        "allows_backorder": command.allow_backorder,
        "allows_partial": command.allow_partial,
        "tracking_token": secrets.token_urlsafe(32),
        "placed_by": command.placed_by or actor,
        "placed_at_location_id": command.placed_at_location,
        "placed_at": as_of,
        "promised_at": promised_at,
        "expected_at": None if any(planned.rest for planned in plans) else coming,
    }


def _status(plans: Sequence[PlannedDelivery]) -> OrderStatus:
    if any(planned.parcels for planned in plans):
        return OrderStatus.IN_FULFILLMENT
    return OrderStatus.BACKORDERED if any(planned.awaited for planned in plans) else OrderStatus.PLACED


def _promised_date(quoted: datetime | None, planned: PlannedDelivery) -> datetime | None:
    """What the shopper was told first: the quote's date, else the plan's; none where nothing of it is to come."""
    return None if planned.is_empty else quoted or planned.promised_at


def _delivery_rows(draft: _Draft) -> list[dict[str, Any]]:
    return [
        {
            "id": draft.delivery_ids[index],
            "order_id": draft.order_id,
            "ref": given.id,
            "method": given.method,
            "service": given.service,
            "location_id": given.location,
            "stock": given.stock,
            "address": _dump(given.address),
            "price": money.price,
            "tax_rate": money.tax_rate,
            "tax_amount": money.tax_amount,
        }
        for index, (given, money) in enumerate(zip(draft.deliveries, draft.money.deliveries, strict=True))
    ]


def _line_rows(draft: _Draft, plans: Sequence[PlannedDelivery]) -> list[dict[str, Any]]:
    open_units = {rest.key: rest.quantity for planned in plans for rest in planned.rest}
    awaited = Counter[str]()
    for part in (part for planned in plans for part in planned.awaited):
        awaited[part.key] += part.quantity
    expected = waiting.expected_by_line([part for planned in plans for part in planned.awaited])
    rows = []
    for index, (line, money) in enumerate(zip(draft.command.lines, draft.money.lines, strict=True)):
        line_id = draft.line_ids[index]
        delivery_index = draft.delivery_of_line[index]
        still_open, expected_at = open_units.get(line_id, 0), expected.get(line_id)
        unserved = line.quantity - draft.units[index]
        rows.append(
            {
                "id": line_id,
                "order_id": draft.order_id,
                "delivery_id": draft.delivery_ids[delivery_index],
                "ref": line.id,
                "position": index,
                "sku": line.sku,
                "quantity": line.quantity,
                "unit_price": line.unit_price,
                "discount": money.discount,
                "order_discount": money.order_discount,
                "tax_rate": line.tax_rate,
                "tax_amount": money.tax_amount,
                "total": money.total,
                "group": line.group or "",
                "open": still_open,
                "backordered": awaited[line_id],
                "allocated": line.quantity - unserved - still_open - awaited[line_id],
                "canceled": unserved,
                "unserved": unserved,
                "promised_at": expected_at and min(expected_at, draft.promised[delivery_index] or expected_at),
                "expected_at": expected_at,
                **dict.fromkeys(
                    (
                        "picked",
                        "packed",
                        "in_transit",
                        "shipped",
                        "delivered",
                        "collected",
                        "returned",
                    ),
                    0,
                ),
            }
        )
    return rows


def _payment_rows(command: PlaceOrder, order_id: str) -> list[dict[str, Any]]:
    return [
        {
            "id": new_id("pay"),
            "order_id": order_id,
            "position": index,
            "gateway": payment.gateway,
            "method": payment.method,
            "token": payment.token,
            "currency": command.currency,
            "amount": payment.amount,
            "authorized_amount": 0,
            "captured_amount": 0,
            "refunded_amount": 0,
            "status": PaymentStatus.PENDING,
            "version": 1,
            "reference": "",
            "failure": "",
        }
        for index, payment in enumerate(command.payments)
    ]


def _covering(payments: Sequence[Mapping[str, Any]], total: Decimal) -> list[dict[str, Any]]:
    """The payments as far as this needs them, in their order; one that is not needed at all is not asked."""
    found = []
    for payment in payments:
        amount = min(payment["amount"], total)
        total -= amount
        if amount or not payment["amount"]:
            found.append({**payment, "amount": amount})
    return found


def _work_rows(
    draft: _Draft, plans: Sequence[PlannedDelivery], *, as_of: datetime
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    """Fulfillments, their lines, and the promises they are to keep."""
    fulfillments, lines, promises = [], [], []
    for index, (delivery, planned) in enumerate(zip(draft.deliveries, plans, strict=True)):
        release_at = draft.channel.release_at(delivery.method, delivery.service, placed_at=as_of)
        for parcel in planned.parcels:
            fulfillment, work = planning.work_rows(
                parcel,
                fulfillment_id=new_id("ful"),
                order_id=draft.order_id,
                delivery_id=draft.delivery_ids[index],
                method=delivery.method,
                service=delivery.service,
                pickup_location=delivery.location,
                decision=planned.decision,
                release_at=release_at,
                as_of=as_of,
                promised_at=min(parcel.promised_at, draft.promised[index] or parcel.promised_at),
            )
            fulfillments.append(fulfillment)
            lines += work
            promises.append(planning.promise_row(planned.source, parcel, fulfillment, as_of=as_of))
    return fulfillments, lines, promises


def _case_rows(draft: _Draft, plans: Sequence[PlannedDelivery], *, as_of: datetime) -> list[dict[str, Any]]:
    """What the rules leave to a person stands in front of one from the first moment."""
    refs = dict(zip(draft.line_ids, (line.id for line in draft.command.lines), strict=True))
    return [
        {
            "id": new_id("exc"),
            "order_id": draft.order_id,
            "delivery_id": delivery_id,
            "reason": ExceptionCase.Reason.NO_PLACE,
            "status": ExceptionCase.Status.OPEN,
            "lines": [{"line": refs[r.key], "sku": r.sku, "quantity": r.quantity} for r in planned.rest],
            "facts": planned.facts,
            "opened_at": as_of,
            "cancel_at": planned.cancel_at(as_of),
            "resolution": "",
            "resolved_by": "",
        }
        for delivery_id, planned in zip(draft.delivery_ids, plans, strict=True)
        if planned.rest
    ]


def _dues(draft: _Draft, plans: Sequence[PlannedDelivery], rows: Rows, *, as_of: datetime) -> list[Due]:
    """Who looks after the order if this process dies now, when its grace period ends, and when what it awaits is due."""
    settle = [Due("orders.settle_payment", row["id"], as_of + SETTLE_AFTER) for row in rows[Payment]]
    later = [row for row in rows[Fulfillment] if row["release_at"] > as_of or not settle]
    release = [Due("orders.release", row["id"], max(row["release_at"], as_of + SETTLE_AFTER)) for row in later]
    cases = [Due(CASE_WAITS, row["id"], row["cancel_at"]) for row in rows[ExceptionCase] if row["cancel_at"]]
    awaited = [
        due
        for delivery_id, planned in zip(draft.delivery_ids, plans, strict=True)
        if planned.awaited
        for due in waiting.waiting_deadlines(delivery_id, planned.awaited, until=planned.waits_until)
    ]
    return settle + release + cases + awaited


def _facts(draft: _Draft, plans: Sequence[PlannedDelivery], rows: Rows, *, actor: str) -> list[Fact]:
    placed = Fact(
        type="orders.order.placed",
        subject=draft.order_id,
        root=draft.order_id,
        actor=actor,
        payload={"channel": draft.channel.code, "total": draft.money.total, "currency": draft.command.currency},
        is_public=True,
    )
    lost = {"why": NOT_AVAILABLE, "lines": draft.unserved}
    cut = [Fact("orders.order.lines_canceled", draft.order_id, draft.order_id, actor, lost, is_public=True)]
    planned = [
        Fact(
            "orders.fulfillment.planned",
            row["id"],
            draft.order_id,
            actor,
            {"location": row["location_id"], "decision": row["decision"]},
        )
        for row in rows[Fulfillment]
    ]
    opened = [
        Fact(
            "orders.exception.opened",
            row["id"],
            draft.order_id,
            actor,
            {"reason": row["reason"], "location": None, "lines": row["lines"]},
        )
        for row in rows[ExceptionCase]
    ]
    refs = dict(zip(draft.line_ids, (line.id for line in draft.command.lines), strict=True))
    parts = [part for planned_one in plans for part in planned_one.awaited]
    awaited = [waiting.backordered(draft.order_id, parts, refs, actor=actor)] if parts else []
    [order] = rows[Order]
    return [
        placed,
        *(cut if draft.unserved else []),
        *planned,
        *awaited,
        *opened,
        *delays(order, told=order["promised_at"], actor=actor),
    ]
