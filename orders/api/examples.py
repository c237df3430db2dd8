"""What stands in the fields of orders and their work; see `oms.api.examples`.

One story: two jumpers to Paris, with a voucher, sent by the store PARIS.
"""

from oms.api.examples import LEFT_OUT, tell, tell_another

_ORDER, _WORK, _PAYMENT = (
    "ord_01kjq2m8f0e7v9s4t6w1x3y5z7",
    "ful_01kjq2m8f4a1c3e5g7j9k2m4n6",
    "pay_01kjq2m8f6b8d0f2h4j6m8p0r2",
)
_OFFER = "ofr_01kjq2n0a2c4e6g8j0m2p4r6t8"
_DECISION, _CUSTOMER, _HOLD, _CASE = (
    "dec_01kjq2m8f2t4v6x8z0b2d4f6h8",
    "cus_01kjq2m8e8g0j2m4p6r8t0v2x4",
    "hld_01kjq3a0b1c2d3e4f5g6h7j8k9",
    "exc_01kjq3b1d2f3h4k5n6q7s8v9x0",
)

tell(
    {
        # names of things
        "OrderDocument.id": _ORDER,
        "FulfillmentDocument.id": _WORK,
        "PaymentDocument.id": _PAYMENT,
        "HoldDocument.id": _HOLD,
        "CustomerDocument.id": _CUSTOMER,
        "CustomerPage360.id": _CUSTOMER,
        "ExceptionDocument.id": _CASE,
        "PackageDocument.id": "pkg_01kjq2z5c6d7e8f9g0h1j2k3m4",
        "LineDocument.id": "l1",
        "DeliveryDocument.id": "d1",
        "number": "100482",
        "orders.number": 100482,
        "external_id": "W-1001",
        "CustomerDocument.external_id": "C-1",
        "CustomerPage360.external_id": "C-1",
        "CustomerDocument.tags": ["gold"],
        "CustomerPage360.tags": ["gold"],
        "order": "100482",
        "fulfillment": _WORK,
        "fulfillment_id": _WORK,
        "case_id": _CASE,
        "offer_id": _OFFER,
        "OfferDocument.id": _OFFER,
        "OfferDocument.location": "LILLE",
        "OfferDocument.status": "open",
        "OfferDocument.taken_over": None,
        "made_at": "2026-03-02T09:00:00Z",
        "customer_id": _CUSTOMER,
        "decision": _DECISION,
        "hold": _HOLD,
        "line": "l1",
        "delivery": "d1",
        "channel": "web",
        # the order
        "OrderDocument.status": "in_fulfillment",
        "fulfillment_status": "unfulfilled",
        "payment_status": "authorized",
        "placed_at": "2026-03-02T09:00:00Z",
        "placed_by": "key:web shop",
        "placed_at_location": None,
        "locale": "fr",
        "prices_include_tax": True,
        "Totals": {
            "items": "39.80",
            "discount": "7.00",
            "shipping": "4.90",
            "tax": "6.29",
            "total": "37.70",
            "paid": "0.00",
            "refunded": "0.00",
        },
        "OrderDocument.discounts": [{"code": "HELLO", "amount": "5.00"}],
        "tags": ["gift"],
        "metadata": {"basket": "b-77"},
        "email": "ana@example.org",
        "phone": "+33600000000",
        "first_name": "Ana",
        "last_name": "Bernard",
        "shipping_address": {
            "name": "Ana Bernard",
            "line1": "1 rue des Lilas",
            "postal_code": "75011",
            "city": "Paris",
            "country": "FR",
            "latitude": 48.86,
            "longitude": 2.38,
        },
        "tracking_url": "https://oms.example.org/track/C0Wx4ovva39DkeRN69w9vNqUPH8DyWKuS683hZhW3-I/",
        "OrderDocument.actions": ["cancel", "hold", "reroute"],
        # its lines
        "LineDocument.status": "allocated",
        "LineDocument.promised_at": None,
        "LineDocument.expected_at": None,
        "LineDocument.cut": LEFT_OUT,
        "unit_price": "19.90",
        "discount": "2.00",
        "order_discount": "5.00",
        "tax_rate": "0.2000",
        "tax_amount": "5.47",
        "total": "32.80",
        "Quantities": dict.fromkeys(
            (
                *("open", "backordered", "allocated", "picked", "packed", "in_transit"),
                *("shipped", "delivered", "collected", "canceled", "returned"),
            ),
            0,
        )
        | {"allocated": 2},
        "method": "ship",
        "service": "standard",
        "stock": "local",
        "DeliveryDocument.location": None,
        "DeliveryDocument.price": "4.90",
        "DeliveryDocument.tax_amount": "0.82",
        # the work of a place
        "FulfillmentDocument.status": "assigned",
        "picked": 0,
        "short": 0,
        "canceled": 0,
        "assigned_at": "2026-03-02T09:00:00Z",
        "acknowledge_by": "2026-03-02T11:00:00Z",
        "ready_by": "2026-03-02T13:00:00Z",
        "hand_over_by": None,
        "collect_by": None,
        "clocks_left": None,
        "warned_at": None,
        "escalated_at": None,
        "late_since": None,
        "promised_at": "2026-03-05T22:59:00Z",
        "expected_at": "2026-03-05T22:59:00Z",
        "attempt": 1,
        "replaces": None,
        "replaced_by": [],
        "claimed_by": None,
        "FulfillmentDocument.version": 2,
        "packages": [],
        "FulfillmentDocument.shipment": None,
        "cost": "4.00",
        "FulfillmentDocument.actions": ["acknowledge", "decline"],
        "staging": None,
        # its money
        "gateway": "sandbox",
        "PaymentDocument.method": "card",
        "PaymentDocument.status": "authorized",
        "amount": "37.70",
        "authorized": "37.70",
        "captured": "0.00",
        "refunded": "0.00",
        "failure": None,
        "holds": [],
        # what stands before a person
        "ExceptionDocument.reason": "pickup_short",
        "ExceptionDocument.status": "open",
        "ExceptionDocument.lines": [{"line": "l1", "sku": "SKU-1", "quantity": 1}],
        "facts": {
            "offers": [
                {
                    "location": "LILLE",
                    "name": "Lille Grand-Place",
                    "distance_km": 203.4,
                    "promised_at": "2026-03-02T13:00:00Z",
                }
            ]
        },
        "opened_at": "2026-03-02T10:12:00Z",
        "cancel_at": None,
        "resolved_at": None,
        "resolution": None,
        "resolved_by": None,
        "ExceptionDocument.actions": ["reroute", "backorder", "cancel"],
        # many at once
        "BulkResult.status": 201,
        "BulkResult.code": None,
        "BulkResult.problem": None,
        "TimelineEntry.subject": _ORDER,
        # planned again together
        "SwapDocument.id": "rop_01kjq3c2e4g6j8m0p2r4t6v8x0",
        "SwapDocument.saved": "11.00",
        "ChangedDocument.saved": "11.00",
        "before": ["LILLE"],
        "after": ["PARIS"],
        "considered": 12,
        "left": 0,
        "outrun": 0,
    }
)

tell_another(
    "cut",  # only one of the two jumpers is left, and the shopper takes that
    "orders_place",
    request={"allow_partial": True},
    answer={
        "totals": {"items": "19.90", "discount": "3.50", "tax": "3.56", "total": "21.30"},
        "lines": [
            {
                "discount": "1.00",
                "order_discount": "2.50",
                "tax_amount": "2.74",
                "total": "16.40",
                "quantities": {"allocated": 1, "canceled": 1},
                "cut": {"quantity": 1, "reason": "not_available"},
            }
        ],
        "fulfillments": [{"lines": [{"quantity": 1}]}],
        "payments": [{"amount": "21.30", "authorized": "21.30"}],
    },
)
