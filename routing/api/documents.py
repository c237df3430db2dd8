"""Bodies and answers of the routing endpoints."""

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal

from django.utils.translation import gettext_noop
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from oms.api.body import CODE_PATTERN, Body, Code, Country, Instant, Latitude, Longitude, Name, Quantity, example
from oms.clock import now
from routing import whys
from routing.differences import Document, differences, yaml_diff
from routing.documents import (
    MOST_CUSTOMER_TAGS,
    ListOf,
    Method,
    Rule,
    RuleSetDocument,
    Service,
    SomeOf,
    Tag,
    written_out,
)
from routing.engine.counterfactual import Alternative, Found, Need, StepVerdict, Verdict
from routing.engine.review import Finding
from routing.engine.types import from_micro
from routing.models import Decision, RuleSet
from routing.queries import decides_for
from routing.rate_review import Remark
from routing.remarks import difference_sentence, finding_sentence, remark_sentence
from routing.services.dry_runs import WantedLine
from routing.services.explanations import KeptThere, PlaceExplained
from routing.services.rule_sets import Publication
from routing.services.sourcing import SourcingPlan
from routing.snapshots import cost_parts, explanation, explanation_of, gap, money

_REACH = dt.timedelta(days=3653)
"""How far from now a plan can be asked for: calendars are not known for ever."""

# ---- planning ----------------------------------------------------------------------------------


Group = Annotated[str, Field(min_length=1, max_length=40)]
"""As of an order's line."""


class PlanLine(Body):
    sku: Code
    quantity: Quantity
    group: Group | None = None


class PlanDestination(Body):
    country: Country
    postal_code: Annotated[str, Field(max_length=20)] = ""
    city: Annotated[str, Field(max_length=100)] = ""
    latitude: Latitude | None = None
    longitude: Longitude | None = None


class PlanDelivery(Body):
    method: Method = "ship"
    service: Service = "standard"
    location: Code | None = None


def _in_reach(instant: dt.datetime) -> dt.datetime:
    if abs(instant - now()) > _REACH:
        raise PydanticCustomError("too_far_away", gettext_noop("At most ten years from now are possible"))
    return instant


PlanningTime = Annotated[Instant, AfterValidator(_in_reach)]


def _id_or_document(value: Any) -> Any:
    """Asked once, for a union of types names each of them in the pointer."""
    is_id = isinstance(value, str) and len(value) <= 64 and value.isprintable() and re.match(CODE_PATTERN, value)
    if not (is_id or isinstance(value, dict)):
        raise PydanticCustomError(
            "not_a_rule_set", gettext_noop("The id of a rule set is needed, or a whole document of rules")
        )
    return value


CustomerTags = Annotated[list[Tag], Field(max_length=MOST_CUSTOMER_TAGS)]
RuleSetChoice = Annotated[Code | dict[str, Any], BeforeValidator(_id_or_document)]
"""A rule set by its id, or a whole document."""


class PlanStock(Body):
    sku: Code
    location: Code
    sellable: Annotated[int, Field(ge=0, le=1_000_000)]


class PlanBody(Body):
    """Planned as an order placed at `as_of` (default: now), of which its places learn when the channel's grace is over.

    `rule_set`: null for the published one, an id, or a whole document. `stock`: units to reckon with at these places
    instead of what stands in the books. `keep` stores the decision, not of a plan with such stock. `allow_partial`: as of an
    order; what would refuse it is left out (`cut`), were the shopper to wait for what the rules back-order. `wanted_by`: a
    date to keep; without one nothing is late, and days of lateness count from today. `reservation`: as of an order; what it
    keeps is free to this basket. Rules that ask for a value know the prices of the channel at `as_of`."""

    model_config = example(
        channel="web",
        lines=[{"sku": "SKU-1", "quantity": 2}, {"sku": "SKU-2", "quantity": 1}],
        destination={"country": "FR", "postal_code": "75011", "latitude": 48.86, "longitude": 2.38},
        delivery={"method": "ship", "service": "standard"},
    )

    channel: Code
    lines: Annotated[list[PlanLine], Field(min_length=1, max_length=200)]
    destination: PlanDestination | None = None
    delivery: PlanDelivery = PlanDelivery()
    rule_set: RuleSetChoice | None = None
    exclude: Annotated[list[Code], Field(max_length=1000)] = []
    customer_tags: CustomerTags = []
    stock: Annotated[list[PlanStock], Field(max_length=1000)] = []
    as_of: PlanningTime | None = None
    wanted_by: PlanningTime | None = None
    reservation: str | None = None
    keep: bool = False
    allow_partial: bool = False


class Allotted(BaseModel):
    sku: str
    quantity: int


class PlannedFulfillment(BaseModel):
    """`parts`: the cost by cause; with those of all places they make up the cost of the plan."""

    location: str
    lines: list[Allotted]
    service: str
    carrier_service: str
    cost: str
    parts: dict[str, str]
    promised_at: Instant
    earliest_at: Instant
    confidence: float | None = Field(description="How often such a date is kept; null: from configured times.")
    distance_km: float | None


class RestUnits(BaseModel):
    sku: str
    quantity: int
    disposition: Literal["backorder", "exception", "refuse"]
    date: dt.date | None = Field(
        default=None, description="backorder: the shopper's day; null while not enough is on its way."
    )
    cancel_after_days: int | None = Field(
        default=None, description="What still waits then is canceled; null: it waits."
    )


class CandidateDocument(BaseModel):
    """`cost`: the parts of the score by cause; `excluded_because` is a code when the place was left out."""

    location: str
    eligible: bool
    excluded_because: str | None
    score: str | None
    cost: dict[str, str]
    distance_km: float | None


class StepDocument(BaseModel):
    name: str
    outcome: Literal["served", "partly", "incomplete", "nobody"]
    eligible: int
    parcels: int
    cost: str


class Explanation(BaseModel):
    """`excluded_counts`: places left out, by reason (`no_stock`: without a single unit wanted).

    Where the shopper chose the place, all others are `other_place_chosen`.
    """

    rule: str | None
    candidates: list[CandidateDocument]
    excluded_counts: dict[str, int]
    steps: list[StepDocument]
    notes: list[str]


class PlanDocument(BaseModel):
    """`cost` and `lower_bound` are the objective of the rules; with the weight `cost` alone it is money. `gap`: the share of
    the cost that a better plan might save at most, 0 where `optimal`. `cut`: what is not to be had; not there where all
    is, or nothing."""

    fulfillments: list[PlannedFulfillment]
    rest: list[RestUnits]
    cut: list[Allotted] | None = None
    cost: str
    lower_bound: str
    gap: float
    optimal: bool
    currency: str
    decision: str | None
    explanation: Explanation
    elapsed_ms: float


def plan_document(
    planned: SourcingPlan,
    *,
    decision: str | None,
    dates: Mapping[str, dt.date] | None = None,
    cut: Sequence[WantedLine] = (),
) -> dict[str, Any]:
    """`dates`: by line, the day on which what waits for a delivery is there."""
    spelled_out = explanation_of(planned)
    return {
        "fulfillments": [
            {
                "location": parcel.location,
                "lines": [{"sku": line.sku, "quantity": line.quantity} for line in parcel.lines],
                "service": parcel.service,
                "carrier_service": parcel.carrier_service,
                "cost": money(parcel.cost),
                "parts": cost_parts(chosen),
                "promised_at": parcel.promised_at,
                "earliest_at": parcel.earliest_at,
                "confidence": parcel.confidence,
                "distance_km": None if parcel.distance_km is None else round(parcel.distance_km, 1),
            }
            for parcel, chosen in zip(planned.parcels, planned.outcome.parcels, strict=True)
        ],
        "rest": [
            {
                "sku": line.sku,
                "quantity": line.quantity,
                "disposition": str(line.disposition),
                "date": (dates or {}).get(line.key),
                "cancel_after_days": line.cancel_after_days,
            }
            for line in planned.rest
        ],
        **({"cut": [{"sku": line.sku, "quantity": line.quantity} for line in cut]} if cut else {}),
        "cost": money(planned.outcome.cost),
        "lower_bound": money(from_micro(planned.outcome.lower_bound_micro)),
        "gap": 0.0 if planned.outcome.optimal else gap(planned.outcome.cost, planned.outcome.lower_bound),
        "optimal": planned.outcome.optimal,
        "currency": planned.demand.currency,
        "decision": decision,
        "explanation": {name: spelled_out[name] for name in Explanation.model_fields},
        "elapsed_ms": planned.elapsed_ms,
    }


# ---- decisions ---------------------------------------------------------------------------------


class DecidedLine(BaseModel):
    line: str
    sku: str
    quantity: int


class ChosenPlace(BaseModel):
    """`parts`: the cost by cause, with those of all places what the plan costs; null where it cannot be told any more."""

    location: str
    lines: list[DecidedLine]
    cost: str
    parts: dict[str, str] | None
    carrier_service: str


class DecidedRest(DecidedLine):
    disposition: Literal["backorder", "exception", "refuse"]


class DecidedDestination(BaseModel):
    country: str
    postal_code: str
    latitude: float | None
    longitude: float | None


class DecidedDemand(BaseModel):
    channel: str
    currency: str
    method: str
    service: str
    location: str | None
    destination: DecidedDestination | None
    lines: list[DecidedLine]
    excluded: dict[str, list[str]]
    as_of: Instant


class DecidedRules(BaseModel):
    """`id` is null when the built-in rules or a document sent with the request decided."""

    id: str | None
    version: int | None


class KeptForDocument(BaseModel):
    """So many other orders, the first of which are `named`, keep what this one could have had there."""

    location: str
    orders: int
    named: list[str]


class ReoptimisedDocument(BaseModel):
    """Planned again together with others: so many orders, this one among them, save this much in all.

    `own_saved`: by this delivery alone, below nothing where others save more; null for decisions of before it was kept.
    """

    orders: int
    saved: str
    own_saved: str | None
    kept_for: list[KeptForDocument]


class DecisionDocument(Explanation):
    id: str
    subject: str
    created_at: Instant
    demand: DecidedDemand
    rule_set: DecidedRules
    chosen: list[ChosenPlace]
    rest: list[DecidedRest]
    cost: str
    lower_bound: str
    gap: float = Field(description="The share of the cost that a better plan might save at most; 0 where `optimal`.")
    optimal: bool
    elapsed_ms: float
    reoptimised: ReoptimisedDocument | None


def decision_document(decision: Decision) -> dict[str, Any]:
    return {
        "id": decision.id,
        "subject": decision.subject,
        "created_at": decision.created_at,
        "rule_set": {"id": decision.rule_set or None, "version": decision.rule_set_version or None},
        "cost": money(Decimal(decision.cost)),
        "lower_bound": money(Decimal(decision.lower_bound)),
        "gap": 0.0 if decision.optimal else gap(Decimal(decision.cost), Decimal(decision.lower_bound)),
        "optimal": decision.optimal,
        "elapsed_ms": decision.elapsed_ms,
        "reoptimised": _reoptimised(decision.snapshot.get("reoptimised")),
        **explanation(decision),
    }


def _reoptimised(why: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if why is None:
        return None
    kept_for = [
        {"location": code, "orders": orders, "named": named}
        for code, (orders, *named) in why.get("kept_for", {}).items()
    ]
    return {"own_saved": None, **why, "kept_for": kept_for}


# ---- why not? ----------------------------------------------------------------------------------

Figure = str | float | bool | list[str] | None


class UnitsSent(BaseModel):
    line: str
    sku: str
    quantity: int


class LastUnitsDocument(BaseModel):
    """What scarcity asks for the units of a product that the place's parcel would take of the `held`."""

    sku: str
    held: int
    cost: str


class AlternativeDocument(BaseModel):
    """The best the step could have done with the place. `parts`: what each cause adds to the cost of the plan's parcels
    or takes from it; `missing_units`: served by the plan, and not with the place; `is_best`: proven so."""

    lines: list[UnitsSent]
    own_cost: str
    cost: str
    plan_cost: str
    extra: str
    parts: dict[str, str]
    others: list[str]
    missing_units: int
    last_units: list[LastUnitsDocument]
    is_best: bool


class StepVerdictDocument(BaseModel):
    """`excluded_because` with what was (`actual`) and had to be (`needed`), or the `alternative`."""

    step: str
    verdict: Verdict
    excluded_because: str | None
    actual: Figure
    needed: Figure
    alternative: AlternativeDocument | None
    words: str


class NeedDocument(BaseModel):
    """One figure with all others as they were: with `needed` the place would have been used, as planning again has shown.

    Each is changed in the place's favour: more stock, less cost, a limit loosened; the distance limit of a step that
    reaches the place is lowered as far as it still does. `found` `none` is said of that one way alone: a step made so
    strict that it leaves the order to another one is not tried.

    A later `cut_off` of a place whose own has passed that day counts where a step asks for it, and where what misses it comes
    late. `is_smallest`: no smaller change does it. `step`: of the rule, for its limits. `carriage_less` and `days_earlier` are
    changes; of `kinds`, `locations`, `groups` and `abilities` what is needed besides is told; all others are the figures
    themselves. `no_limit` stands for a limit taken away.
    """

    parameter: str
    step: str | None
    sku: str | None
    found: Found
    actual: Figure
    needed: Figure
    is_smallest: bool


class KeptThereDocument(BaseModel):
    """What other orders, planned together with this one, keep there; `parcels` of the day, where no more can be prepared.
    `step`: what would have become of the place for this
    order alone, had they kept nothing there; `saved`: what it would have cost less then."""

    units: dict[str, int]
    parcels: int
    orders: int
    named: list[str]
    step: StepVerdictDocument
    saved: str


class WhyNotDocument(BaseModel):
    """`is_as_decided`: planning again gave the plan that was decided. `is_asked_anew`: hours, bookings or dates that
    nobody asked about then, or all of a place that held nothing, are those of today. `is_together`: decided together with
    other orders, and told for this one alone, from what they leave."""

    decision: str
    location: str
    is_used: bool
    steps: list[StepVerdictDocument]
    needs: list[NeedDocument]
    words: list[str]
    is_as_decided: bool
    is_asked_anew: bool
    is_together: bool
    kept: KeptThereDocument | None


def why_not_document(decision: Decision, told: PlaceExplained) -> dict[str, Any]:
    return {
        "decision": decision.id,
        "location": told.location,
        "is_used": told.is_used,
        "steps": [_step_verdict(step, told) for step in told.steps],
        "needs": [_need(need, told) for need in told.needs],
        "words": [*whys.sentences(told), *whys.need_sentences(told)],
        "is_as_decided": told.is_as_decided,
        "is_asked_anew": told.is_asked_anew,
        "is_together": told.is_together,
        "kept": _kept_there(told.kept, told) if told.kept else None,
    }


def _kept_there(kept: KeptThere, told: PlaceExplained) -> dict[str, Any]:
    return {
        "units": dict(kept.units),
        "parcels": kept.parcels,
        "orders": kept.orders,
        "named": list(kept.named),
        "step": _step_verdict(kept.step, told),
        "saved": _money(kept.saved_micro),
    }


def _step_verdict(step: StepVerdict, told: PlaceExplained) -> dict[str, Any]:
    is_money = step.reason == "parcel_value"
    return {
        "step": step.name,
        "verdict": step.verdict,
        "excluded_because": step.reason or None,
        "actual": _money(step.actual) if is_money else _rounded(step.actual),
        "needed": _money(step.needed) if is_money else step.needed,
        "alternative": _alternative(step.alternative) if step.alternative else None,
        "words": whys.step_sentence(step, told),
    }


def _alternative(found: Alternative) -> dict[str, Any]:
    return {
        "lines": [{"line": line.key, "sku": line.sku, "quantity": line.quantity} for line in found.lines],
        "own_cost": _money(found.own_cost_micro),
        "cost": _money(found.cost_micro),
        "plan_cost": _money(found.plan_cost_micro),
        "extra": _money(found.extra_micro),
        "parts": {name: _money(micro) for name, micro in found.parts.items()},
        "others": list(found.others),
        "missing_units": found.missing_units,
        "last_units": [
            {"sku": last.sku, "held": last.held, "cost": _money(last.cost_micro)} for last in found.last_units
        ],
        "is_best": found.is_best,
    }


def _need(need: Need, told: PlaceExplained) -> dict[str, Any]:
    is_money = need.parameter.endswith("_micro")
    return {
        "parameter": need.parameter.removesuffix("_micro"),
        "step": None if need.step is None else told.steps[need.step].name,
        "sku": need.sku or None,
        "found": need.found,
        "actual": _money(need.actual) if is_money else need.actual,
        "needed": _money(need.needed) if is_money and need.needed is not None else need.needed,
        "is_smallest": need.is_smallest,
    }


def _rounded(figure: Any) -> Any:
    return round(figure, 3) if isinstance(figure, float) else figure


def _money(micro: int) -> str:
    return money(from_micro(micro))


# ---- rule sets ---------------------------------------------------------------------------------


class RuleSetAnswer(RuleSetDocument):
    """The document as it was written, with what became of it. `actions`: what can be done now."""

    id: str
    version: int
    status: Literal["draft", "published", "archived"]
    decides_for: list[str] | None = Field(
        description="Of a published one the channels for which it decides today: those of `channels` that no other rule set "
        "has taken over, or none named: every channel without a rule set of its own. null: it decides nowhere."
    )
    created_at: Instant
    published_at: Instant | None
    actions: list[str]


class RuleSetChanges(Body):
    """Whichever is sent replaces what there was."""

    name: Name | None = None
    channels: ListOf[Code] | None = None
    rules: SomeOf[Rule] | None = None


class RuleSetPage(BaseModel):
    results: list[RuleSetAnswer]
    next: str | None
    previous: str | None


def rule_set_answer(rule_set: RuleSet) -> dict[str, Any]:
    return {
        "id": rule_set.id,
        "version": rule_set.version,
        "status": rule_set.status,
        "decides_for": decides_for(rule_set),
        "created_at": rule_set.created_at,
        "published_at": rule_set.published_at,
        "actions": ["edit", "publish", "delete"] if rule_set.status == "draft" else [],
        **rule_set.document,
    }


class FindingDocument(BaseModel):
    """`pointer` leads into the document. A `serious` one refuses publication, the others only deserve a look."""

    pointer: str
    code: str
    serious: bool
    detail: str


class ReviewDocument(BaseModel):
    may_publish: bool = Field(description="Nothing serious was found. Only drafts are published.")
    findings: list[FindingDocument]


def review_answer(findings: Sequence[Finding]) -> dict[str, Any]:
    return {
        "may_publish": not any(finding.is_fault for finding in findings),
        "findings": [finding_document(finding) for finding in findings],
    }


def finding_document(finding: Finding, *, under: str = "") -> dict[str, Any]:
    """`under`: where the document stands that it is about."""
    return {
        "pointer": f"{under}{finding.pointer}",
        "code": finding.code,
        "serious": finding.is_fault,
        "detail": finding_sentence(finding),
    }


class RuleSetMoved(BaseModel):
    """`became`: `published`, `archived` when another one took its place, or `narrowed` when another one took `channels`
    over and it goes on to decide for the rest; `by`: that one's id."""

    id: str
    version: int
    became: Literal["published", "archived", "narrowed"]
    at: Instant
    actor: str
    channels: list[str] = []
    by: str = ""


class RuleSetHistory(BaseModel):
    name: str
    moves: list[RuleSetMoved]


def history_answer(name: str, told: Sequence[Publication]) -> dict[str, Any]:
    return {
        "name": name,
        "moves": [
            {
                "id": move.rule_set.pk,
                "version": move.rule_set.version,
                "became": move.became,
                "at": move.at,
                "actor": move.actor,
                "channels": list(move.channels),
                "by": move.by,
            }
            for move in told
        ],
    }


class RemarkDocument(BaseModel):
    """`zone`: its code, or null of the whole service. A `serious` one makes a zone or the service do nothing."""

    zone: str | None
    code: str
    serious: bool
    detail: str


class RatesReview(BaseModel):
    """What the zones and prices of a carrier service leave open."""

    remarks: list[RemarkDocument]


def rates_review(remarks: Sequence[Remark]) -> dict[str, Any]:
    return {
        "remarks": [
            {
                "zone": remark.zone or None,
                "code": remark.code,
                "serious": remark.is_fault,
                "detail": remark_sentence(remark),
            }
            for remark in remarks
        ]
    }


class ComparedRuleSet(BaseModel):
    """`id` and `version` are null of the rules that are built in."""

    id: str | None
    name: str
    version: int | None


class DifferenceDocument(BaseModel):
    """`where`: keys and names from the outside in. `before` and `after`: values, positions of what was moved, or all of
    what was added or removed."""

    kind: Literal["added", "removed", "moved", "changed"]
    where: list[str]
    before: Any
    after: Any
    detail: str


class DifferencesDocument(BaseModel):
    compared_with: ComparedRuleSet
    differences: list[DifferenceDocument]
    diff: str = Field(description="Of the two exports as YAML; empty when nothing differs.")


def differences_answer(rule_set: RuleSet, before: Document, other: RuleSet | None) -> dict[str, Any]:
    after = written_out(rule_set.document)
    return {
        "compared_with": {
            "id": other.pk if other else None,
            "name": before["name"],
            "version": other.version if other else None,
        },
        "differences": [
            {
                "kind": difference.kind,
                "where": list(difference.where),
                "before": difference.before,
                "after": difference.after,
                "detail": difference_sentence(difference),
            }
            for difference in differences(before, after)
        ],
        "diff": yaml_diff(before, after, old_name=str(other) if other else before["name"], new_name=str(rule_set)),
    }
