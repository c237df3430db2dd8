"""What leaves in one parcel or not at all: where a place loses some of it, the rest goes along, or a person decides."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import F

from orders.locks import Work
from orders.models import FulfillmentLine
from orders.services import planning
from orders.states import TAKEN_AWAY
from routing.services.decisions import step_that_served
from routing.services.sourcing import mates


@dataclass(frozen=True, slots=True)
class Mates:
    """`units`: still to pick of the parcels that lost units were part of. `are_picked`: some of these parcels is picked."""

    units: Mapping[FulfillmentLine, int] = field(default_factory=dict)
    are_picked: bool = False


def mates_of(held: Work, lost: Collection[FulfillmentLine], *, as_of: datetime) -> Mates:
    """Of lines whose missing units are recorded, judged by the rules of today. Nothing where the work has ended, so that all
    of it is lost, where the parcel is not in one place any more, or where the shopper collects it."""
    if held.fulfillment.is_pickup or held.fulfillment.status in TAKEN_AWAY or held.is_empty:
        return Mates()
    keys = _parcel_mates(held, {line.order_line_id for line in lost}, as_of=as_of)
    if not keys or _are_elsewhere(keys, held):
        return Mates()
    here = [line for line in held.lines if line.order_line_id in keys]
    return Mates({line: line.to_pick for line in here if line.to_pick}, any(line.picked for line in here))


def _parcel_mates(held: Work, lost: Collection[str], *, as_of: datetime) -> frozenset[str]:
    work, delivery = held.fulfillment, held.fulfillment.delivery
    asked = {line: line.quantity for line in delivery.lines.select_related("product").order_by("id")}
    step = step_that_served(work.decision, work.location_id)
    return mates(planning.demand_of(held.order, delivery, asked), lost, step=step, as_of=as_of)


def _are_elsewhere(keys: Collection[str], held: Work) -> bool:
    """Whether other work has, or had, units of these lines."""
    others = FulfillmentLine.objects.filter(order_line__in=keys, quantity__gt=F("short") + F("canceled"))
    return others.exclude(fulfillment=held.fulfillment).exclude(fulfillment__status__in=TAKEN_AWAY).exists()
