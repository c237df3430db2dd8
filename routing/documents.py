"""The rule set as a document: read, checked, and turned into the engine's rules.

The document is what people export, compare and import; the shape stands in the API's description.
Every key is known or refused, and every fault is named by its JSON pointer.
"""

import datetime as dt
import re
from contextlib import suppress
from typing import Annotated, Any, Literal, TypeVar

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from oms.api.body import Body, Code, Country, Money, Name, read
from oms.errors import FieldError, Invalid
from routing.engine import types as engine
from routing.errors import InvalidDocument

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Method = Literal["ship", "pickup", "curbside", "locker"]
Service = Literal["standard", "express", "same_day"]
Kind = Literal["warehouse", "store", "supplier", "third_party", "locker"]
Ability = Literal["ship", "pickup", "curbside", "receive_transfer", "accept_return"]
Weight = Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=64)]
MOST_CUSTOMER_TAGS = 20


def compact_postal_code(text: str) -> str:
    """Postal codes are compared in capitals and without spaces."""
    return "".join(text.upper().split())


def _written_prefix(value: Any) -> Any:
    """Compacted before it is measured: of blanks nothing is left, which would be the beginning of every code."""
    return compact_postal_code(value) if isinstance(value, str) else value


PostalPrefix = Annotated[str, StringConstraints(min_length=1, max_length=20), BeforeValidator(_written_prefix)]


def _none_as_empty(value: Any) -> Any:
    """`null` says what an absent condition says: no restriction."""
    return [] if value is None else value


def _none_as_default(value: Any) -> Any:
    return {} if value is None else value


def _not_empty(value: Any) -> Any:
    """Before the items are read: an item at fault must not also make the list look empty."""
    if isinstance(value, list | tuple) and not value:
        raise PydanticCustomError("empty", gettext_noop("At least one is needed"))
    return value


T = TypeVar("T")
ListOf = Annotated[tuple[T, ...], BeforeValidator(_none_as_empty), Field(max_length=10_000)]
SomeOf = Annotated[tuple[T, ...], BeforeValidator(_not_empty), Field(max_length=500)]
ClockTime = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]


_ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def _written_day(value: Any) -> Any:
    """A number would be read as seconds since 1970."""
    if isinstance(value, dt.date):
        return value
    if isinstance(value, str) and _ISO_DAY.fullmatch(value):
        with suppress(ValueError):
            return dt.date.fromisoformat(value)
    raise PydanticCustomError("not_a_day", gettext_noop("A day is written like 2026-11-27"))


Day = Annotated[dt.date, BeforeValidator(_written_day)]


def _require_order(low: Any, high: Any) -> None:
    """A range that nothing lies in would make a rule that never speaks."""
    if low is not None and high is not None and low > high:
        raise PydanticCustomError("empty_range", gettext_noop("The range ends before it begins"))


def _as_time(text: str | None) -> dt.time | None:
    return dt.time.fromisoformat(text) if text else None


class When(Body):
    """All conditions must hold; an empty one does not restrict. Bounds and days are inclusive, times half-open; day and
    time are the shopper's. One line with one of the `skus` is enough, another (or the same) with one of the `tags`, and
    one of the `customer_tags`."""

    channels: ListOf[Code] = ()
    methods: ListOf[Method] = ()
    services: ListOf[Service] = ()
    countries: ListOf[Country] = ()
    postal_prefixes: ListOf[PostalPrefix] = ()
    skus: ListOf[Code] = ()
    tags: ListOf[Tag] = ()
    min_value: Money | None = None
    max_value: Money | None = None
    min_weight_g: Count | None = None
    max_weight_g: Annotated[int, Field(ge=0, le=10**9)] | None = None
    weekdays: ListOf[Weekday] = ()
    from_time: ClockTime | None = None
    until_time: ClockTime | None = None
    customer_tags: ListOf[Tag] = ()
    min_units: Count | None = None
    max_units: Count | None = None
    from_date: Day | None = None
    until_date: Day | None = None

    @model_validator(mode="after")
    def _holds_something(self) -> "When":
        _require_order(self.min_units, self.max_units)
        _require_order(self.from_date, self.until_date)
        return self

    def as_engine(self) -> engine.When:
        return engine.When(
            channels=frozenset(self.channels),
            methods=frozenset(self.methods),
            services=frozenset(self.services),
            countries=frozenset(self.countries),
            postal_prefixes=self.postal_prefixes,
            skus=frozenset(self.skus),
            tags=frozenset(self.tags),
            min_value=self.min_value,
            max_value=self.max_value,
            min_weight_g=self.min_weight_g,
            max_weight_g=self.max_weight_g,
            weekdays=frozenset(self.weekdays),
            from_time=_as_time(self.from_time),
            until_time=_as_time(self.until_time),
            customer_tags=frozenset(self.customer_tags),
            min_units=self.min_units,
            max_units=self.max_units,
            from_date=self.from_date,
            until_date=self.until_date,
        )


class Source(Body):
    """Which places a step lets in. `min_confidence` is asked of each product's stock there (one half before anybody
    looked, also of goods that are still to come or typed in), `min_capacity_left` counts the parcels a place can still prepare
    that day, `on_time` leaves out every carrier service that would be late."""

    kinds: ListOf[Kind] = ()
    groups: ListOf[Tag] = ()
    exclude_groups: ListOf[Tag] = ()
    locations: ListOf[Code] = ()
    abilities: ListOf[Ability] = ()
    max_distance_km: Annotated[float, Field(ge=0, le=50_000, allow_inf_nan=False)] | None = None
    ignore_capacity: bool = False
    min_sellable: Count = 0
    min_left_after: Count = 0
    open_now: bool = False
    on_time: bool = False
    min_capacity_left: Count = 0
    min_confidence: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0
    before_cut_off: bool = False

    def as_engine(self) -> engine.Source:
        return engine.Source(
            kinds=frozenset(self.kinds),
            groups=frozenset(self.groups),
            exclude_groups=frozenset(self.exclude_groups),
            locations=self.locations,
            abilities=frozenset(self.abilities),
            max_distance_km=self.max_distance_km,
            ignore_capacity=self.ignore_capacity,
            min_sellable=self.min_sellable,
            min_left_after=self.min_left_after,
            open_now=self.open_now,
            on_time=self.on_time,
            min_capacity_left=self.min_capacity_left,
            min_confidence=self.min_confidence,
            before_cut_off=self.before_cut_off,
        )


class Weights(Body):
    """In money per unit of each figure, so that the total is money. `cost` multiplies carriage, packaging and handling;
    `scarcity`, `markdown` (slow stock) and `location_order` count per unit, the others per parcel. `refusal` is
    what one failed attempt costs. None given, or only zeros: cost 1."""

    cost: Weight = 0
    distance_km: Weight = 0
    parcels: Weight = 0
    lateness_days: Weight = 0
    workload: Weight = 0
    carbon_kg: Weight = 0
    scarcity: Weight = 0
    location_order: Weight = 0
    markdown: Weight = 0
    refusal: Weight = 0

    def as_engine(self) -> engine.Weights:
        return engine.Weights(**self.model_dump())


BY_COST = Weights(cost=1)


def _by_cost_if_by_nothing(weights: Weights) -> Weights:
    return weights if any(weights.model_dump().values()) else BY_COST


class Step(Body):
    """One attempt. An order worth less than `no_split_below`, with a product that has one of `no_split_tags`, or of a
    customer who has one of `no_split_customer_tags`, leaves in one parcel or not by this step. `cancel_after_days` ends
    the waiting of what is sent to back-order or to a person; what must leave whole waits only for deliveries that bring
    all of it, never beside a part that stands in stock. `offer_to` places at once are asked for each parcel; the
    first that answers has it."""

    name: Name = "step"
    source: Annotated[Source, BeforeValidator(_none_as_default)] = Field(default=Source(), alias="from")
    weights: Annotated[Weights, BeforeValidator(_none_as_default), AfterValidator(_by_cost_if_by_nothing)] = BY_COST
    max_parcels: Annotated[int, Field(ge=1, le=100)] | None = None
    min_parcel_value: Money | None = None
    keep_groups: bool = True
    complete: bool = False
    rest: Literal["next", "backorder", "exception", "refuse"] = "next"
    no_split_below: Money | None = None
    no_split_tags: ListOf[Tag] = ()
    no_split_customer_tags: ListOf[Tag] = ()
    cancel_after_days: Annotated[int, Field(ge=1, le=365)] | None = None
    offer_to: Annotated[int, Field(ge=1, le=20)] = 1

    @model_validator(mode="after")
    def _cancels_what_waits(self) -> "Step":
        if self.cancel_after_days is not None and self.rest not in ("backorder", "exception"):
            raise PydanticCustomError(
                "nothing_waits", gettext_noop("Only what is sent to back-order or to a person can be canceled later")
            )
        return self

    def as_engine(self) -> engine.Step:
        return engine.Step(
            name=self.name,
            source=self.source.as_engine(),
            weights=self.weights.as_engine(),
            max_parcels=self.max_parcels,
            min_parcel_value=self.min_parcel_value,
            keep_groups=self.keep_groups,
            complete=self.complete,
            rest=engine.Rest(self.rest),
            no_split_below=self.no_split_below,
            no_split_tags=frozenset(self.no_split_tags),
            no_split_customer_tags=frozenset(self.no_split_customer_tags),
            cancel_after_days=self.cancel_after_days,
            offer_to=self.offer_to,
        )


class Rule(Body):
    name: Name = "rule"
    when: Annotated[When, BeforeValidator(_none_as_default)] = When()
    steps: SomeOf[Step]

    def as_engine(self) -> engine.Rule:
        return engine.Rule(self.name, tuple(step.as_engine() for step in self.steps), self.when.as_engine())


class RuleSetDocument(Body):
    """A whole rule set. `channels` empty: for every channel without a rule set of its own."""

    name: Name = "rules"
    channels: ListOf[Code] = ()
    rules: SomeOf[Rule]

    @model_validator(mode="after")
    def _names_each_channel_once(self) -> "RuleSetDocument":
        if len(set(self.channels)) != len(self.channels):
            raise PydanticCustomError("duplicate", gettext_noop("A channel is named twice"))
        return self

    def as_engine(self) -> tuple[engine.Rule, ...]:
        return tuple(rule.as_engine() for rule in self.rules)

    def as_json(self) -> dict[str, Any]:
        """The document in full, defaults written out, as it is stored and exported."""
        return self.model_dump(mode="json", by_alias=True)


def parse(document: Any) -> RuleSetDocument:
    """Errors: InvalidDocument with one pointer per fault."""
    try:
        return read(RuleSetDocument, document)
    except Invalid as refusal:
        raise InvalidDocument(errors=refusal.errors) from None


def written_out(stored: Any) -> dict[str, Any]:
    """A stored text in the order people read it in (the database keeps none), with what came to be known since."""
    return parse(stored).as_json()


def in_brief(text: Any) -> dict[str, Any]:
    """The text without what goes without saying, for people to read; read again, it says the same."""
    document = parse(text)
    said = document.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return {
        "name": document.name,
        "channels": list(document.channels),
        "rules": [_rule_in_brief(rule, brief) for rule, brief in zip(document.rules, said["rules"], strict=True)],
    }


def _rule_in_brief(rule: Rule, said: dict[str, Any]) -> dict[str, Any]:
    """Names, and where the rest goes, are always told."""
    steps = [
        {"name": step.name, **brief, "rest": step.rest} for step, brief in zip(rule.steps, said["steps"], strict=True)
    ]
    return {"name": rule.name, **said, "steps": steps}


def unknown_channels(document: RuleSetDocument, known: set[str]) -> list[FieldError]:
    return [
        FieldError(f"/channels/{i}", "unknown_channel", _("There is no channel: %(channels)s.") % {"channels": channel})
        for i, channel in enumerate(document.channels)
        if channel not in known
    ]


BUILT_IN = RuleSetDocument(
    name="built-in",
    rules=(Rule(name="cheapest places", steps=(Step(name="any place", rest="exception"),)),),
)
"""What decides until the first rule set is published."""
