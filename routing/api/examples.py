"""What stands in the fields of plans, rules and tariffs; see `oms.api.examples`."""

from oms.api.examples import tell

_RULES = [
    {
        "name": "everything",
        "when": {},
        "steps": [
            {
                "name": "one warehouse near",
                "from": {"kinds": ["warehouse"], "max_distance_km": 160},
                "max_parcels": 1,
                "complete": True,
                "rest": "next",
            },
            {"name": "any place", "weights": {"cost": 1, "parcels": 2}, "max_parcels": 3, "rest": "exception"},
        ],
    }
]
_ZONES = [
    {
        "code": "fr-near",
        "countries": ["FR"],
        "max_distance_km": 100,
        "transit_days": 1,
        "rates": [{"max_weight_g": 2000, "price": "4.00"}, {"max_weight_g": 30000, "price": "9.00"}],
    },
    {"code": "fr", "countries": ["FR"], "transit_days": 2, "rates": [{"max_weight_g": 30000, "price": "6.00"}]},
]

_SIDE = {
    "orders": 1840,
    "served": 1821,
    "left_to_people": 7,
    "refused": 12,
    "units": 2610,
    "units_not_served": 24,
    "parcels": 2012,
    "split_rate": 0.0963,
    "parcels_per_order": 1.1006,
    "cost": {"EUR": "9713.40"},
    "cost_per_order": {"EUR": "5.3137"},
    "distance_km": 301420.5,
    "distance_km_per_parcel": 149.8114,
    "promised_days": 2.6104,
    "late": 0,
    "carbon_kg": 51.372,
    "places": [
        {"location": "PARIS", "parcels": 840, "units": 1102, "fullest_day": 0.92},
        {"location": "LYON", "parcels": 610, "units": 780, "fullest_day": None},
    ],
}
_NEARER = {
    **_SIDE,
    "parcels": 2098,
    "split_rate": 0.1302,
    "parcels_per_order": 1.1477,
    "cost": {"EUR": "9920.10"},
    "cost_per_order": {"EUR": "5.4267"},
    "distance_km": 221180.0,
    "distance_km_per_parcel": 105.4242,
    "carbon_kg": 37.7,
}


def _outcome(location: str, paid: str, km: float) -> dict[str, object]:
    parcel = {
        "location": location,
        "lines": [{"sku": "SKU-1", "quantity": 2}],
        "carrier_service": "post",
        "paid": paid,
        "distance_km": km,
        "promised_at": "2026-03-04T22:59:00Z",
        "score": {"shipping": 4.0, "handling": 0.0},
    }
    return {"verdict": "served", "rule": "everything", "parcels": [parcel], "rest": []}


_SIMULATION = {
    "id": "sim_01kjq5a1b2c3d4e5f6g7h8j9k0",
    "status": "completed",
    "rule_set": "rul_01kjq1t2v3w4x5y6z7a8b9c0d1",
    "name": "nearest first v3",
    "baseline": "",
    "source": "period",
    "file_name": "",
    "placed_after": "2026-03-01T00:00:00Z",
    "placed_before": "2026-03-02T00:00:00Z",
    "stock_as_of": "2026-03-01T00:00:00Z",
    "stock_moves": True,
    "orders_total": 1840,
    "orders_judged": 1840,
    "orders_done": 1840,
    "progress": 1.0,
    "changes_kept": 412,
    "figures": {
        "baseline": _SIDE,
        "candidate": _NEARER,
        "comparison": {"changed": 412, "cheaper": 101, "dearer": 280, "later": 9, "sooner": 77},
        "agreement": {"known": 1828, "same": 1819, "rate": 0.9951},
    },
    "differences": [
        {
            "measure": "cost",
            "currency": "EUR",
            "baseline": 5.3137,
            "candidate": 5.4267,
            "change": 0.113,
            "relative": 0.0213,
        }
    ],
    "failure": None,
    "actor": "key:planning",
    "created_at": "2026-03-02T09:00:00Z",
    "started_at": "2026-03-02T09:00:01Z",
    "finished_at": "2026-03-02T09:00:14Z",
    "actions": [],
}

tell(
    {
        # simulations
        "simulations.simulation_id": "sim_01kjq5a1b2c3d4e5f6g7h8j9k0",
        "files.rule_set": "rul_01kjq1t2v3w4x5y6z7a8b9c0d1",
        "SimulationDocument": _SIMULATION,
        "ShadowDocument": {
            "rule_set": "rul_01kjq1t2v3w4x5y6z7a8b9c0d1",
            "started_at": "2026-03-01T09:00:00Z",
            "judged_until": "2026-03-02T08:45:00Z",
            "judged": 1840,
            "changed": 412,
            "figures": _SIMULATION["figures"],
            "differences": _SIMULATION["differences"],
            "examples": [],
        },
        "SimulatedChangeDocument": {
            "id": 7,
            "reference": "dlv_01kjq2m8f1c3e5g7j9k2m4n6p8",
            "at": "2026-03-01T18:20:00Z",
            "channel": "web",
            "currency": "EUR",
            "lines": [{"sku": "SKU-1", "quantity": 2}],
            "baseline": _outcome("LYON", "6.00", 392.1),
            "candidate": _outcome("PARIS", "4.00", 2.3),
            "cost_change": "-2.00",
        },
        # rules
        "rule-sets.id": "rul_01kjq1t2v3w4x5y6z7a8b9c0d1",
        "RuleSetAnswer.id": "rul_01kjq1t2v3w4x5y6z7a8b9c0d1",
        "RuleSetAnswer.actions": ["edit", "publish", "delete"],
        "RuleSetAnswer.version": 3,
        "published_at": None,
        "created_at": "2026-03-01T16:20:00Z",
        "RuleSetDocument": {"name": "default", "channels": [], "rules": _RULES},
        "RuleSetAnswer.name": "default",
        "rules": _RULES,
        "PatchedRuleSetChangesRequest": {"name": "spring", "rules": _RULES},
        "FindingDocument": {
            "pointer": "/rules/0/steps/1",
            "code": "unreachable_step",
            "serious": False,
            "detail": "Never tried: the step “any place” before leaves nothing for it.",
        },
        "may_publish": True,
        "ComparedRuleSet": {"id": "rul_01kjq1t2v3w4x5y6z7a8b9c0d0", "name": "default", "version": 2},
        "DifferenceDocument": {
            "kind": "changed",
            "where": ["rules", "everything", "steps", "one warehouse near", "from", "max_distance_km"],
            "before": 120.0,
            "after": 160.0,
            "detail": "Rule “everything”, step “one warehouse near”, distance of at most (km): 160 instead of 120.",
        },
        "diff": "--- default v2\n+++ default v3\n@@ -10,1 +10,1 @@\n-      max_distance_km: 120.0\n+      max_distance_km: 160.0\n",
        # plans and decisions
        "decisions.id": "dec_01kjq2m8f2t4v6x8z0b2d4f6h8",
        "DecisionDocument.id": "dec_01kjq2m8f2t4v6x8z0b2d4f6h8",
        "PlanDocument.decision": None,
        "carrier_service": "post",
        "lower_bound": "4.00",
        "optimal": True,
        "elapsed_ms": 3.2,
        "reoptimised": None,
        "rest": [],
        "rule": "everything",
        "excluded_because": None,
        "eligible": True,
        "score": "4.00",
        "CandidateDocument.cost": {"shipping": "4.00", "handling": "0.00"},
        "excluded_counts": {"no_stock": 41},
        "StepDocument": {"name": "any place", "outcome": "served", "eligible": 3, "parcels": 1, "cost": "4.00"},
        "notes": [],
        "excluded": {},
        "as_of": "2026-03-02T09:00:00Z",
        "DecidedLine.line": "oli_01kjq2m8f1c3e5g7j9k2m4n6p8",
        "DecidedDestination": {"country": "FR", "postal_code": "75011", "latitude": 48.86, "longitude": 2.38},
        "DecidedRules": {"id": "rul_01kjq1t2v3w4x5y6z7a8b9c0d1", "version": 3},
        "DecidedDemand.location": None,
        # why not there?
        "WhyNotDocument": {
            "location": "LYON",
            "is_used": False,
            "steps": [
                {
                    "step": "any place",
                    "verdict": "dearer",
                    "excluded_because": None,
                    "actual": None,
                    "needed": None,
                    "alternative": {
                        "lines": [{"line": "oli_01kjq2m8f1c3e5g7j9k2m4n6p8", "sku": "SKU-1", "quantity": 2}],
                        "own_cost": "7.10",
                        "cost": "7.10",
                        "plan_cost": "4.00",
                        "extra": "3.10",
                        "parts": {"scarcity": "3.10"},
                        "others": [],
                        "missing_units": 0,
                        "last_units": [{"sku": "SKU-1", "held": 2, "cost": "3.10"}],
                        "is_best": True,
                    },
                    "words": "Step “any place”: possible, but the best plan with it costs 3.10 EUR more"
                    " (keeps the last 2 × SKU-1 in Lyon for local demand: +3.10).",
                }
            ],
            "needs": [
                {
                    "parameter": "scarcity",
                    "step": None,
                    "sku": "SKU-1",
                    "found": "value",
                    "actual": "1.55",
                    "needed": "0.00",
                    "is_smallest": True,
                },
                {
                    "parameter": "stock",
                    "step": None,
                    "sku": "SKU-1",
                    "found": "none",
                    "actual": 2,
                    "needed": None,
                    "is_smallest": True,
                },
            ],
            "words": [
                "Step “any place”: possible, but the best plan with it costs 3.10 EUR more"
                " (keeps the last 2 × SKU-1 in Lyon for local demand: +3.10).",
                "Scarcity price of SKU-1 there: used with 0.00 EUR instead of 1.55 EUR.",
                "None of these alone would have done it: stock of SKU-1 there.",
            ],
            "is_as_decided": True,
            "is_asked_anew": False,
            "is_together": False,
            "kept": None,
        },
        "decisions_why_not.location": "LYON",
        # what a shopper can have
        "QuoteDocument.quote": "eyJjIjoid2ViIiwibCI6W1siU0tVLTEiLDFdXX0:1vNsG2:vT0hVg8b3yq5mQ2Xr7Zk1c9Jd4Lw6Ns8Pt2Ru5Yx0Ae",
        "QuoteOption.price": "4.90",
        "QuoteOption.name": "Paris Marais",
        "QuoteOption.location": "PARIS",
        "QuoteOption.distance_km": 1.3,
        "Elsewhere.name": "Paris Marais",
        "Elsewhere.distance_km": 1.3,
        "requested": 2,
        # carriers and their prices
        "carrier-services.code": "post",
        "CarrierService": {
            "code": "post",
            "carrier": "Post",
            "name": "Parcel to the door",
            "service": "standard",
            "currency": "EUR",
            "is_active": True,
            "max_weight_g": 30000,
            "cut_off": "16:00:00",
            "zones": _ZONES,
        },
        "PatchedCarrierServiceRequest": {"cut_off": "17:30:00"},
        "rates.id": 12,
        "Rate": {"carrier_service": "post", "zone": "z0", "max_weight_g": 5000, "price": "4.60"},
        "Rate.id": 12,
        "PatchedRateRequest": {"price": "4.80"},
        "CarrierService.pickup_days": ["mon", "tue", "wed", "thu", "fri", "sat"],
        "CarrierService.delivery_days": ["mon", "tue", "wed", "thu", "fri"],
        "pickup_days": ["mon", "tue", "wed", "thu", "fri", "sat"],
        "delivery_days": ["mon", "tue", "wed", "thu", "fri"],
        # promise dates
        "date-policies.id": 4,
        "DatePolicy": {"channel": "web", "service": "standard", "mode": "learned", "quantile": 0.9},
        "DatePolicy.id": 4,
        "PatchedDatePolicyRequest": {"quantile": 0.95},
        "QuoteOption.confidence": 0.9,
        "PlannedFulfillment.confidence": 0.9,
        "QuoteOption.order_by_seconds": 14400,
        "PromiseDocument": {
            "fulfillment": "ful_01kjq2m8f1c3e5g7j9k2m4n6p8",
            "order": "ord_01kjq2m8f0e7v9s4t6w1x3y5z7",
            "destination_area": "FR-75",
            "hour": 10,
            "given_at": "2026-03-02T09:00:00Z",
            "promised_at": "2026-03-05T22:59:00Z",
            "expected_at": "2026-03-05T22:59:00Z",
            "confidence": 0.9,
            "prepared_at": "2026-03-02T14:10:00Z",
            "ended_at": "2026-03-04T10:30:00Z",
            "outcome": "kept",
        },
        "PromiseSummary": {
            "group_by": "location",
            "results": [
                {
                    "group": "PARIS",
                    "given": 120,
                    "kept": 101,
                    "late": 6,
                    "overdue": 2,
                    "open": 9,
                    "withdrawn": 2,
                    "share_kept": 0.9266,
                    "promised_days": 2.84,
                    "late_hours": 19.5,
                }
            ],
        },
        "LearnedDocument": {
            "version": 31,
            "learned_at": "2026-03-02T02:40:00Z",
            "window_days": 180,
            "preparations": 8120,
            "transits": 5903,
            "calibrations": [{"method": "ship", "cases": 1890, "level": 0.917}],
            "drift": [
                {
                    "method": "ship",
                    "month": "2026-02",
                    "cases": 1420,
                    "kept": 0.911,
                    "kept_uncalibrated": 0.884,
                    "days": 2.6,
                }
            ],
        },
        # how quickly places answer
        "service-levels.id": "sla_01kjq1v3x4z5b6d7f8h9j0m1n2",
        "ServiceLevel.id": "sla_01kjq1v3x4z5b6d7f8h9j0m1n2",
        "ServiceLevel": {
            "scope": {"kinds": ["store"], "methods": ["ship"]},
            "acknowledge_minutes": 30,
            "prepare_minutes": 120,
            "hand_over_minutes": 240,
            "collect_hours": 72,
            "warn_at_share": 0.75,
            "escalate_at_share": 0.9,
            "max_attempts": 4,
        },
        "ApplyingDocument": {
            "location": "PARIS",
            "method": "ship",
            "service": "standard",
            "level": "sla_01kjq1v3x4z5b6d7f8h9j0m1n2",
            "acknowledge_minutes": 30,
            "prepare_minutes": 120,
            "hand_over_minutes": 240,
            "collect_hours": 72,
            "warn_at_share": 0.75,
            "escalate_at_share": 0.9,
            "max_attempts": 4,
            "levels": [
                {
                    "id": "sla_01kjq1v3x4z5b6d7f8h9j0m1n2",
                    "named": ["kinds", "methods"],
                    "gives_way_to": None,
                    "words": ["Store · Delivery", "accept within 30 min, prepare within 2 h, 4 places are tried"],
                }
            ],
        },
        "service_levels_applying.location": "PARIS",
        "service_levels_applying.method": "ship",
        "service_levels_applying.service": "standard",
        "PatchedServiceLevelRequest": {"acknowledge_minutes": 20},
        # the map
        "postal-areas.id": 7,
        "PostalArea": {"country": "FR", "code": "75011", "name": "Paris 11", "latitude": 48.859, "longitude": 2.378},
        "PostalArea.id": 7,
        "PatchedPostalAreaRequest": {"name": "Paris 11e"},
    }
)
