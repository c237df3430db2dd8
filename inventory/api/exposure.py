"""`exposure-rules/`: how much of the stock each asker is shown."""

from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from drf_spectacular.utils import extend_schema
from pydantic import BaseModel, BeforeValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from inventory.api.catalog import merged
from inventory.models import ExposureRule
from inventory.services.exposure_rules import (
    ExposureRow,
    change_exposure_rule,
    create_exposure_rule,
    remove_exposure_rule,
)
from oms.api.body import Body, Code, Country, Instant, Rate, Units, read
from oms.api.views import IDEMPOTENCY_KEY, ApiMixin, ApiView
from oms.clock import now
from oms.errors import FieldError, Invalid, Missing

Label = Annotated[str, StringConstraints(min_length=1, max_length=64, strip_whitespace=True)]
Confidence = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]


class ExposureRuleBody(Body):
    """An absent or empty condition does not restrict. The most specific rule says what is kept; hidden wins."""

    name: Annotated[str, StringConstraints(max_length=200, strip_whitespace=True)] = ""
    channel: Code | None = None
    order_type: Literal["", "ship", "pickup", "curbside", "locker"] = Field(default="", description="Delivery method.")
    service: Literal["", "standard", "express", "same_day"] = ""
    countries: Annotated[list[Country], Field(max_length=300)] = Field(default=[], description="Of the places.")
    groups: Annotated[list[Label], Field(max_length=100)] = []
    locations: Annotated[list[Code], Field(max_length=1000)] = []
    tags: Annotated[list[Label], Field(max_length=100)] = []
    skus: Annotated[list[Code], Field(max_length=5000)] = []
    below_confidence: Confidence | None = Field(
        default=None, description="The rule counts only where the stock's confidence is below this."
    )
    keep_units: Units | None = None
    keep_share: Annotated[Rate, BeforeValidator(str)] | None = Field(
        default=None, description="Of what stands there in good condition, rounded up to whole units."
    )
    hidden: bool = False
    is_active: bool = True

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, data: Any) -> Any:
        return {name: value for name, value in data.items() if value is not None} if isinstance(data, dict) else data

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if not self.hidden and self.keep_units is None and self.keep_share is None:
            message = gettext_noop("A rule keeps units, keeps a share, or hides")
            raise PydanticCustomError("rule_does_nothing", message)
        if self.hidden and self.below_confidence is not None:
            message = gettext_noop("Doubtful stock can be kept back, not hidden")
            raise PydanticCustomError("doubt_does_not_hide", message)
        return self

    def row(self) -> ExposureRow:
        return ExposureRow(**self.model_dump())


class ExposureRuleDocument(ExposureRuleBody):
    id: str
    created_at: Instant
    updated_at: Instant


class ExposureRulePage(BaseModel):
    results: list[ExposureRuleDocument]
    next: str | None
    previous: str | None


def _body_of(rule: ExposureRule) -> dict[str, Any]:
    """The rule as it is written."""
    values = {name: getattr(rule, name) for name in ExposureRuleBody.model_fields if name != "channel"}
    share: Decimal | None = rule.keep_share
    return values | {"channel": rule.channel_id, "keep_share": None if share is None else f"{share.normalize():f}"}


def find_exposure_rule(rule_id: str) -> ExposureRule:
    """Errors: Missing."""
    rule = ExposureRule.objects.filter(pk=rule_id).first()
    if rule is None:
        raise Missing()
    return rule


def exposure_rule_document(rule: ExposureRule) -> dict[str, Any]:
    return {"id": rule.pk, **_body_of(rule), "created_at": rule.created_at, "updated_at": rule.updated_at}


_SCOPES = dict.fromkeys(("POST", "PUT", "PATCH", "DELETE"), "stock:write") | {"GET": "stock:read"}


class ExposureRules(ApiMixin, GenericAPIView):
    scopes = _SCOPES
    network_wide = True
    queryset = ExposureRule.objects.all()
    filterset_fields = ["channel", "order_type", "service", "hidden", "is_active"]

    @extend_schema(
        summary="List exposure rules, newest first",
        responses={200: ExposureRulePage},
        filters=True,
        operation_id="exposure_rules_list",
    )
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        return self.get_paginated_response([exposure_rule_document(rule) for rule in page])

    @extend_schema(
        summary="Make an exposure rule",
        description="Keeps so many units or such a share of the stock from whoever asks in this way, or hides it. It"
        " bears alike on what is shown, planned and reserved, within a second.",
        parameters=[IDEMPOTENCY_KEY],
        request=ExposureRuleBody,
        responses={201: ExposureRuleDocument},
    )
    def post(self, request: Request) -> Response:
        row, once = self.body(ExposureRuleBody).row(), self.once("exposure_rules", required=False)
        made = create_exposure_rule(row, actor=self.caller.actor, as_of=now(), once=once)
        return Response(exposure_rule_document(find_exposure_rule(made)), status=201, headers=self.replay_headers(once))


class OneExposureRule(ApiView):
    scopes = _SCOPES
    network_wide = True

    @extend_schema(summary="One exposure rule", responses={200: ExposureRuleDocument})
    def get(self, request: Request, rule: str) -> Response:
        return Response(exposure_rule_document(find_exposure_rule(rule)))

    @extend_schema(summary="Replace an exposure rule", request=ExposureRuleBody, responses={200: ExposureRuleDocument})
    def put(self, request: Request, rule: str) -> Response:
        row = self.body(ExposureRuleBody).row()
        changed = change_exposure_rule(rule, lambda _rule: row, actor=self.caller.actor, as_of=now())
        return Response(exposure_rule_document(changed))

    @extend_schema(
        summary="Change an exposure rule",
        description="A JSON merge patch (RFC 7396).",
        request=ExposureRuleBody,
        responses={200: ExposureRuleDocument},
    )
    def patch(self, request: Request, rule: str) -> Response:
        patch = request.data
        if not isinstance(patch, dict):
            raise Invalid(errors=[FieldError("", "dict_type", _("An object is needed"))])

        def change(stored: ExposureRule) -> ExposureRow:
            return read(ExposureRuleBody, merged(_body_of(stored), patch)).row()

        changed = change_exposure_rule(rule, change, actor=self.caller.actor, as_of=now())
        return Response(exposure_rule_document(changed))

    @extend_schema(summary="Take an exposure rule away", responses={204: None})
    def delete(self, request: Request, rule: str) -> Response:
        remove_exposure_rule(rule, actor=self.caller.actor, as_of=now())
        return Response(status=204)
