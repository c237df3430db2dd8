"""`GET availability/explain/`: why a number is what it is."""

from typing import Annotated, Any, Literal

from drf_spectacular.utils import OpenApiParameter, extend_schema
from pydantic import BaseModel, Field
from rest_framework.request import Request
from rest_framework.response import Response

from inventory.api.availability import METHOD_ASKED, METHODS, AvailabilityQuery, channel_of_query, check_all_known
from inventory.confidence import told
from inventory.explanation import MOST_PLACES, Explanation, explain
from inventory.explanation_words import explanation_sentence, names_of_rules
from inventory.exposure import Rule
from inventory.queries import places, products_by_sku
from oms.api.body import Instant, read
from oms.api.views import ApiView
from oms.clock import now

_SHUT = frozenset({"place_inactive", "takes_no_orders", "never_open", "no_daily_capacity"})


class ExplanationQuery(AvailabilityQuery):
    sku: Annotated[list[str], Field(min_length=1, max_length=1)]


class RuleThatKeeps(BaseModel):
    id: str
    name: str
    keep_units: int
    keep_share: float
    hidden: bool


class ExplainedPlace(BaseModel):
    """`sellable` = on hand − damaged − quarantined − reserved − held by carts − held for offers − kept back, never below
    nothing; nothing at all where `closed_by` says why. `held_for_offers`: kept where work is offered to several places.
    `kept_by`: the safety stock of the `level` or of the `place`, a `rule`, or a rule for `doubt`ful stock. `text` says it
    in a sentence."""

    location: str
    name: str
    sellable: int
    on_hand: int
    damaged: int
    quarantined: int
    reserved: int
    held_by_carts: int
    held_for_offers: int
    kept_back: int
    kept_by: Literal["level", "place", "rule", "doubt"]
    closed_by: list[
        Literal[
            "suspect",
            "hidden",
            "product_inactive",
            "place_inactive",
            "takes_no_orders",
            "never_open",
            "no_daily_capacity",
            "cannot_serve_method",
        ]
    ]
    accepting_orders: bool
    confidence: float | None
    suspect_at: Instant | None
    rule: RuleThatKeeps | None
    doubt_rule: RuleThatKeeps | None
    text: str


class ExplanationDocument(BaseModel):
    sku: str
    sellable: int
    locations: list[ExplainedPlace]


class ExplainAvailability(ApiView):
    scopes = {"GET": "stock:read"}

    @extend_schema(
        summary="Why so many units can be sold",
        description=f"For one SKU and this asker: every figure behind the number, place by place, the fullest first (at most"
        f" {MOST_PLACES:,}), and the rule that keeps some back.",
        parameters=[
            OpenApiParameter("sku", required=True),
            OpenApiParameter("location", description="Only these places, separated by commas."),
            OpenApiParameter("group", description="Only places of these groups, separated by commas."),
            OpenApiParameter("channel"),
            OpenApiParameter("method", enum=METHODS, description=METHOD_ASKED),
            OpenApiParameter("service", enum=["standard", "express", "same_day"]),
        ],
        responses={200: ExplanationDocument},
    )
    def get(self, request: Request) -> Response:
        query = read(ExplanationQuery, request.query_params.dict() | {"sku": request.query_params.getlist("sku")})
        query.channel = channel_of_query(self, query.channel)
        (sku,) = query.sku
        check_all_known("sku", [sku], products_by_sku([sku]))
        if query.location is not None:
            check_all_known("location", query.location, places())
        found = explain(sku, context=query.context(as_of=now()), locations=self._mine(_asked(query)))
        names = names_of_rules(found)
        sellable = sum(one.sellable for one in found)
        return Response({"sku": sku, "sellable": sellable, "locations": [_document(one, names) for one in found]})

    def _mine(self, asked: list[str] | None) -> list[str] | None:
        """A caller bound to places reads the inside of those alone."""
        if self.caller.locations is None:
            return asked
        return sorted(self.caller.locations if asked is None else self.caller.locations.intersection(asked))


def _asked(query: ExplanationQuery) -> list[str] | None:
    """The places that are named and of the groups that are named, None if neither is."""
    if query.group is None:
        return query.location
    codes = [code for code, place in places().items() if not place.groups.isdisjoint(query.group)]
    return codes if query.location is None else sorted({*codes}.intersection(query.location))


def _document(one: Explanation, names: dict[str, str]) -> dict[str, Any]:
    stood = one.stood
    return {
        "location": one.place.code,
        "name": one.place.name,
        "sellable": one.sellable,
        "on_hand": stood.on_hand,
        "damaged": stood.damaged,
        "quarantined": stood.quarantined,
        "reserved": stood.reserved,
        "held_by_carts": stood.in_carts,
        "held_for_offers": stood.offered,
        "kept_back": one.kept,
        "kept_by": one.kept_by,
        "closed_by": one.closed_by,
        "accepting_orders": not _SHUT.intersection(one.closed_by),
        "confidence": told(stood.confidence),
        "suspect_at": stood.suspect_at,
        "rule": _rule(one.rule, names),
        "doubt_rule": _rule(one.doubt_rule, names),
        "text": explanation_sentence(one, names),
    }


def _rule(rule: Rule | None, names: dict[str, str]) -> dict[str, Any] | None:
    if rule is None:
        return None
    keeps = {"keep_units": rule.keep_units, "keep_share": rule.keep_share / 10_000, "hidden": rule.hidden}
    return {"id": rule.id, "name": names.get(rule.id, ""), **keeps}
