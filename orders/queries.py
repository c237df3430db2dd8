"""Reads of this app: documents as the API shows them, each kind in one statement for any number of them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson
from django.conf import settings
from django.db import connection
from django.db.models import Case, QuerySet, When
from django.db.models.functions import Coalesce

from oms.actors import Caller
from oms.money import ZERO
from orders.actions import actions_for, order_actions
from orders.models import Fulfillment, Offer
from orders.models.order import BUCKETS
from orders.states import NOT_AVAILABLE
from orders.states import FulfillmentStatus as S

Document = dict[str, Any]

#: Until when the step must be over in which a piece of work stands; NULL where nobody owes anything now.
STEP_DUE = Case(
    When(clocks_left__isnull=False, then=None),
    When(status=S.ASSIGNED, then="acknowledge_by"),
    When(status=S.PACKED, then=Coalesce("hand_over_by", "ready_by")),
    When(status__in=[S.ACCEPTED, S.PICKING], then="ready_by"),
    When(status=S.READY_FOR_PICKUP, then="collect_by"),
)

_LINE = f"""
    json_build_object(
        'id', l.ref, 'sku', l.sku, 'quantity', l.quantity, 'unit_price', l.unit_price::text,
            'discount', l.discount::text,
        'order_discount', l.order_discount::text, 'tax_rate', l.tax_rate::text, 'tax_amount', l.tax_amount::text,
        'total', l.total::text, 'group', nullif(l."group", ''), 'delivery', d.ref,
        'quantities', json_build_object({", ".join(f"'{bucket}', l.{bucket}" for bucket in (*BUCKETS, "returned"))}),
        'unserved', l.unserved,
        'promised_at', CASE WHEN l.backordered > 0 THEN l.promised_at END,
        'expected_at', CASE WHEN l.backordered > 0 THEN l.expected_at END
    )
"""
_FULFILLMENT = """
    json_build_object(
        'id', f.id, 'order', o.number::text, 'location', f.location_id, 'pickup_location', f.pickup_location_id,
        'method', f.method, 'service', f.service, 'status', f.status,
        'lines', (
            SELECT json_agg(json_build_object('line', l.ref, 'sku', fl.sku, 'quantity', fl.quantity,
                'picked', fl.picked,
                'short', fl.short, 'short_reason', nullif(fl.short_reason, ''),
                    'canceled', fl.canceled) ORDER BY l.position)
            FROM orders_fulfillmentline fl JOIN orders_orderline l ON l.id = fl.order_line_id
                WHERE fl.fulfillment_id = f.id
        ),
        'assigned_at', f.assigned_at,
        'acknowledge_by', CASE WHEN f.clocks_left IS NULL THEN f.acknowledge_by END,
        'ready_by', CASE WHEN f.clocks_left IS NULL THEN f.ready_by END,
        'hand_over_by', CASE WHEN f.clocks_left IS NULL THEN f.hand_over_by END,
        'collect_by', CASE WHEN f.clocks_left IS NULL THEN f.collect_by END,
        'promised_at', f.promised_at, 'expected_at', f.expected_at, 'clocks_left', f.clocks_left,
        'warned_at', f.warned_at,
        'escalated_at', f.escalated_at, 'late_since', f.late_since, 'attempt', f.attempt,
        'replaces', f.replaces_id,
        'replaced_by', (SELECT coalesce(json_agg(r.id ORDER BY r.id), '[]') FROM orders_fulfillment r
            WHERE r.replaces_id = f.id),
        'claimed_by', nullif(f.claimed_by, ''), 'version', f.version, 'staging', nullif(f.staging, ''),
        'packages', (
            SELECT coalesce(json_agg(json_build_object('id', k.id, 'weight_g', k.weight_g,
                'lines', k.contents) ORDER BY k.id), '[]')
            FROM orders_package k WHERE k.fulfillment_id = f.id
        ),
        'shipment', (
            SELECT json_build_object('carrier_service', nullif(s.carrier_service, ''),
                'tracking_number', nullif(s.tracking_number, ''),
                'handed_over_at', s.handed_over_at, 'delivered_at', s.delivered_at)
            FROM orders_shipment s WHERE s.fulfillment_id = f.id
        ),
        'may_leave', o.status <> 'on_hold' AND NOT EXISTS (SELECT FROM orders_exceptioncase e
            WHERE e.fulfillment_id = f.id AND e.status = 'open' AND e.reason = 'kept_together'),
        'cost', f.cost::text, 'distance_km', round(f.distance_km::numeric, 1), 'decision', nullif(f.decision, '')
    )
"""
# `ARRAY(SELECT unnest(…))`: a plan that does not count the ids is made once and kept (planning costs more than reading).
_ORDERS = f"""
    SELECT o.id, json_build_object(
        'id', o.id, 'number', o.number::text, 'external_id', o.external_id, 'channel', o.channel_id, 'status', o.status,
        'placed_at', o.placed_at, 'placed_by', o.placed_by, 'placed_at_location', o.placed_at_location_id,
        'currency', o.currency, 'locale', o.locale, 'prices_include_tax', o.prices_include_tax,
        'totals', json_build_object('items', o.items_total::text, 'discount', o.discount_total::text,
            'shipping', o.shipping_total::text, 'tax', o.tax_total::text, 'total', o.total::text),
        'discounts', o.discounts, 'tags', o.tags, 'metadata', o.metadata,
        'customer', json_build_object('id', c.id, 'external_id', c.external_id, 'email', nullif(c.email, ''),
            'phone', nullif(c.phone, ''),
            'first_name', c.first_name, 'last_name', c.last_name, 'tags', to_json(c.tags)),
        'shipping_address', o.shipping_address, 'billing_address', o.billing_address, 'pickup_person', o.pickup_person,
        'deliveries', (
            SELECT json_agg(json_build_object('id', d.ref, 'method', d.method, 'service', d.service,
                'location', d.location_id,
                'stock', d.stock, 'address', d.address, 'price', d.price::text, 'tax_rate', d.tax_rate::text,
                'tax_amount', d.tax_amount::text) ORDER BY d.id)
            FROM orders_delivery d WHERE d.order_id = o.id
        ),
        'lines', (
            SELECT json_agg({_LINE} ORDER BY l.position)
            FROM orders_orderline l JOIN orders_delivery d ON d.id = l.delivery_id WHERE l.order_id = o.id
        ),
        'fulfillments', (SELECT coalesce(json_agg({_FULFILLMENT} ORDER BY f.id), '[]')
            FROM orders_fulfillment f WHERE f.order_id = o.id),
        'payments', (
            SELECT coalesce(json_agg(json_build_object('id', p.id, 'gateway', p.gateway, 'method', p.method,
                'status', p.status,
                'amount', p.amount::text, 'currency', p.currency, 'authorized', p.authorized_amount::text,
                'captured', p.captured_amount::text, 'refunded', p.refunded_amount::text,
                'failure', nullif(p.failure, '')) ORDER BY p.position), '[]')
            FROM orders_payment p WHERE p.order_id = o.id
        ),
        'holds', (
            SELECT coalesce(json_agg(json_build_object('id', h.id, 'kind', h.kind, 'note', h.note,
                'placed_by', h.placed_by,
                'placed_at', h.placed_at, 'expires_at', h.expires_at) ORDER BY h.id), '[]')
            FROM orders_hold h WHERE h.order_id = o.id AND h.released_at IS NULL
        ),
        'promised_at', o.promised_at, 'expected_at', o.expected_at, 'tracking_token', o.tracking_token
    )::text
    FROM orders_order o JOIN orders_customer c ON c.id = o.customer_id
    WHERE o.id = ANY(ARRAY(SELECT unnest(%s::text[])))
"""
_FULFILLMENTS = f"""
    SELECT f.id, ({_FULFILLMENT})::text FROM orders_fulfillment f JOIN orders_order o ON o.id = f.order_id
        WHERE f.id = ANY(ARRAY(SELECT unnest(%s::text[])))
"""


def _documents(statement: str, ids: Sequence[str]) -> dict[str, Document]:
    with connection.cursor() as cursor:
        cursor.execute(statement, [list(ids)])
        return {row_id: orjson.loads(text) for row_id, text in cursor.fetchall()}


# ---- orders --------------------------------------------------------------------------------------


def order_documents(ids: Sequence[str], *, caller: Caller) -> list[Document]:
    """The orders as the API shows them, in the order of `ids`; unknown ids are left out."""
    found = _documents(_ORDERS, ids)
    return [_finish_order(found[order_id], caller) for order_id in ids if order_id in found]


def order_document(order_id: str, *, caller: Caller) -> Document:
    return order_documents([order_id], caller=caller)[0]


def _finish_order(document: Document, caller: Caller) -> Document:
    payments = document["payments"]
    document["totals"] |= {"paid": _sum_of(payments, "captured"), "refunded": _sum_of(payments, "refunded")}
    document["tracking_url"] = f"{settings.PUBLIC_URL}/track/{document.pop('tracking_token')}/"
    for line in document["lines"]:
        line["status"] = line_status(line["quantities"], line["quantity"])
        if unserved := line.pop("unserved"):
            line["cut"] = {"quantity": unserved, "reason": NOT_AVAILABLE}
    for fulfillment in document["fulfillments"]:
        _finish_fulfillment(fulfillment, caller)
    document["fulfillment_status"] = _fulfillment_status(document["lines"])
    document["payment_status"] = _payment_status(payments)
    document["actions"] = _actions(document) if caller.may("orders:write") else []
    return document


def _sum_of(payments: Iterable[Document], amount: str) -> str:
    return f"{sum((Decimal(payment[amount]) for payment in payments), ZERO):.2f}"


def _actions(document: Document) -> list[str]:
    not_begun = ("planned", "assigned", "accepted")
    live = [f for f in document["fulfillments"] if f["status"] in not_begun]
    open_units = sum(line["quantities"]["open"] + line["quantities"]["backordered"] for line in document["lines"])
    given_units = sum(
        line["quantity"] - line["picked"] - line["short"] - line["canceled"] for f in live for line in f["lines"]
    )
    return order_actions(
        document["status"],
        cancelable_units=open_units + given_units,
        open_holds=len(document["holds"]),
        live_fulfillments=len(live),
    )


_LINE_STATUSES = (
    "open",
    "backordered",
    "allocated",
    "picked",
    "packed",
    "in_transit",
    "shipped",
    "delivered",
    "collected",
)


def line_status(quantities: Mapping[str, int], ordered: int) -> str:
    """The status of the unit that has farthest to go; canceled when all are."""
    if quantities["canceled"] == ordered:
        return "canceled"
    return next(name for name in _LINE_STATUSES if quantities[name])


def _fulfillment_status(lines: Iterable[Document]) -> str:
    gone = left = 0
    for line in lines:
        units = line["quantities"]
        done = units["shipped"] + units["delivered"] + units["collected"]
        gone += done
        left += line["quantity"] - units["canceled"] - done
    if not gone:
        return "unfulfilled"
    return "partially_fulfilled" if left else "fulfilled"


def _payment_status(payments: Sequence[Document]) -> str:
    """One word for all payments: the one that has farthest to go, or `none`."""
    statuses = {payment["status"] for payment in payments}
    order = (
        "failed",
        "unknown",
        "pending",
        "authorized",
        "partially_captured",
        "captured",
        "partially_refunded",
        "refunded",
        "voided",
    )
    return next((status for status in order if status in statuses), "none")


# ---- fulfillments --------------------------------------------------------------------------------


def fulfillment_documents(ids: Sequence[str], *, caller: Caller) -> list[Document]:
    """In the order of `ids`; unknown ids are left out."""
    found = _documents(_FULFILLMENTS, ids)
    return [_finish_fulfillment(found[ful_id], caller) for ful_id in ids if ful_id in found]


def fulfillment_document(fulfillment_id: str, *, caller: Caller) -> Document:
    return fulfillment_documents([fulfillment_id], caller=caller)[0]


def _finish_fulfillment(document: Document, caller: Caller) -> Document:
    works_there = caller.may("fulfillments:write") and caller.sees(document["location"])
    possible = actions_for(document["status"], document["method"], may_leave=document.pop("may_leave"))
    document["actions"] = possible if works_there else []
    return document


def place_of(fulfillment_id: str) -> str | None:
    """The place that works on it, for object-level checks; None when there is no such fulfillment."""
    return Fulfillment.objects.filter(pk=fulfillment_id).values_list("location_id", flat=True).first()


# ---- offers --------------------------------------------------------------------------------------


def live_offers(location: str, *, as_of: datetime) -> QuerySet[Offer]:
    """Those that this place may still take."""
    return Offer.objects.filter(
        location=location, status=Offer.Status.OPEN, expires_at__gt=as_of, fulfillment__status=S.ASSIGNED
    )


def is_live(offer: Offer, *, as_of: datetime) -> bool:
    """The same of one that was read with its work."""
    waits = offer.fulfillment.status == S.ASSIGNED
    return waits and offer.status == Offer.Status.OPEN and offer.expires_at > as_of
