"""Offering work to several places at once: the best has it and its stock, others may take it until somebody answers.

Once a place was told of its work, and the rules say `offer_to` for it, it is planned again without that place; the next best
ones are offered the same units, which are held for them until the place's time to answer is over. Taking it is one
conditional move of the work: whoever is second finds it gone. Where the work leaves its place, the other offers end with it
(`offered.end_with`); where its place accepts it, that is heard from the event, so that no answer at a counter waits for it.

Holds are locked before the order, as everybody does; so nobody who has the order waits for a hold.
"""

from collections.abc import Sequence
from datetime import datetime

from inventory.errors import HoldIsOver
from inventory.locks import lock_stock
from inventory.models import CartHold
from inventory.services.cart_holds import commit_hold, end_hold, hold_at
from oms import deadlines
from oms.actors import SYSTEM
from oms.deadlines import Claimed
from oms.errors import Missing
from oms.models import Event
from oms.outbox import Fact, publish
from oms.transactions import in_transaction, use_case
from orders.errors import OfferIsOver
from orders.locks import Work, lock_work
from orders.models import Fulfillment, Offer, OrderLine
from orders.services import fulfillments, planning, reassignment, resolution
from orders.services.offered import open_offers
from orders.services.status import refresh_expectation, refresh_status
from orders.states import FulfillmentStatus as F
from routing.engine.types import Parcel

CLAIMED = "claimed"
ENDED = tuple(f"orders.fulfillment.{status}" for status in (F.ACCEPTED, F.DECLINED, F.TIMED_OUT, F.CANCELED))


# ---- offering ------------------------------------------------------------------------------------


@use_case
def on_offer_around(deadline: Claimed, as_of: datetime) -> None:
    """The place was told; if the rules want that, others are asked, too: anew, where it was called back meanwhile."""
    for offer in open_offers(deadline.subject):
        _end(offer, as_of=as_of)
    held = lock_work(deadline.subject)
    deadlines.finish(deadline)
    work = held.fulfillment
    is_still_theirs = work.status == F.ASSIGNED and work.version == deadline.generation
    if not is_still_theirs or work.is_pickup or not work.acknowledge_by or work.acknowledge_by <= as_of:
        return
    units = {line.order_line: line.to_pick for line in held.lines if line.to_pick}
    planned = planning.plan_again(
        held.order,
        work.delivery,
        units,
        exclude_also=[work.location_id, *planning.closed_until(work.acknowledge_by, as_of=as_of)],
        only=None,
        as_of=as_of,
        wanted_by=work.promised_at,
    )
    _offer(held, units, planning.next_best(planned), until=work.acknowledge_by, as_of=as_of)


@in_transaction
def _offer(
    held: Work, units: dict[OrderLine, int], parcels: Sequence[Parcel], *, until: datetime, as_of: datetime
) -> None:
    """Hold the units at each of these places and offer them the work; who has them no more is left out."""
    order, work = held.order, held.fulfillment
    needed, context = planning.units_by_sku(units), planning.context_of(order, work, as_of=as_of)
    lock_stock({(sku, parcel.location) for parcel in parcels for sku in needed})  # all at once, in everybody's order
    offers = []
    for parcel in parcels:
        name = f"{work.pk}@{parcel.location}.{work.version}"
        hold = hold_at(parcel.location, needed, name=name, owner=CartHold.OFFERS, until=until, context=context)
        if hold is not None:
            offers.append(
                Offer(
                    fulfillment=work,
                    location_id=parcel.location,
                    hold=hold,
                    cost=round(parcel.cost, 2),
                    distance_km=parcel.distance_km,
                    made_at=as_of,
                    expires_at=until,
                )
            )
    if offers:
        Offer.objects.bulk_create(
            offers,
            update_conflicts=True,  # called back and handed out again, it is offered there once more
            unique_fields=["fulfillment", "location"],
            update_fields=["hold", "status", "cost", "distance_km", "made_at", "expires_at"],
        )
        where = [offer.location_id for offer in offers]
        publish([Fact("orders.fulfillment.offered", work.pk, order.pk, SYSTEM, {"locations": where})], as_of=as_of)


# ---- taking --------------------------------------------------------------------------------------


@use_case
def take_offer(*, offer_id: str, actor: str, as_of: datetime) -> str:
    """Take the work; it is accepted at once. Returns the id of the work here. Errors: OfferIsOver (others were faster)."""
    offer = Offer.objects.get(pk=offer_id)
    if taken := _taken(offer, actor):
        return taken  # pressed twice
    if offer.status != Offer.Status.OPEN or offer.expires_at <= as_of:
        raise OfferIsOver()
    try:
        commit_hold(offer.hold, as_of=as_of)
    except HoldIsOver:
        offer.refresh_from_db()
        if taken := _taken(offer, actor):
            return taken
        raise OfferIsOver() from None
    held = lock_work(offer.fulfillment_id)
    if held.fulfillment.status != F.ASSIGNED:
        raise OfferIsOver()
    work = _move_here(held, offer.location_id, actor=actor, as_of=as_of)
    Offer.objects.filter(pk=offer.pk).update(status=Offer.Status.TAKEN, taken_by=actor, taken_over=work)
    Fulfillment.objects.filter(pk=work.pk).update(cost=offer.cost)  # a place that was named is planned at no cost
    return work.pk


def _taken(offer: Offer, actor: str) -> str | None:
    """The work that this very caller has by it."""
    return offer.taken_over_id if offer.taken_by == actor else None


@in_transaction
def _move_here(held: Work, location: str, *, actor: str, as_of: datetime) -> Fulfillment:
    """The work leaves its place, which has not lost it, and is accepted by this one. Errors: OfferIsOver."""
    order, work = held.order, held.fulfillment
    units = {line: line.to_pick for line in held.lines if line.to_pick}
    open_units = {line.order_line: quantity for line, quantity in units.items()}
    planned = reassignment.plan_and_lock(order, work, open_units, as_of=as_of, only=location)
    if planned.rest or not planned.parcels:
        raise OfferIsOver()
    resolution.take_back(held, units, why=CLAIMED, actor=actor, as_of=as_of)
    given = reassignment.find_places(
        order,
        work.delivery,
        work,
        open_units,
        actor=actor,
        as_of=as_of,
        only=location,
        without_limit=True,
        planned=planned,
    )
    here = Fulfillment.objects.filter(pk__in=given, location=location, status=F.ASSIGNED).first()
    if here is None:  # the day is full by now, or the order waits for something
        raise OfferIsOver()
    fulfillments.accept(lock_work(here.pk), actor=actor, as_of=as_of)
    refresh_expectation(order, actor=actor, as_of=as_of)
    refresh_status(order)
    return here


# ---- ending --------------------------------------------------------------------------------------


def on_answered(event: Event) -> None:
    """Somebody has it, or it was taken away: what was held elsewhere is free. Hearing it twice changes nothing."""
    for offer in _ended_by_then(event.subject, event.occurred_at):
        _end_alone(offer, as_of=event.occurred_at)


@use_case
def on_called_back(deadline: Claimed, as_of: datetime) -> None:
    """Its order is held: so long nobody else is asked for it, either."""
    for offer in _ended_by_then(deadline.subject, deadline.due_at):
        _end(offer, as_of=as_of)
    deadlines.finish(deadline)


def _ended_by_then(work: str, at: datetime) -> list[Offer]:
    """Heard late, the work may have been handed out since then: what is offered now is not meant."""
    offers = list(open_offers(work))
    if offers and Fulfillment.objects.filter(pk=work, status=F.ASSIGNED).exists():
        return [offer for offer in offers if offer.made_at < at]
    return offers


@use_case
def _end_alone(offer: Offer, *, as_of: datetime) -> None:
    _end(offer, as_of=as_of)


@in_transaction
def _end(offer: Offer, *, as_of: datetime) -> None:
    """As it was read: what was offered anew meanwhile has another hold, and stays."""
    try:
        end_hold(offer.hold, as_of=as_of)
    except HoldIsOver:
        return  # it is being taken
    except Missing:  # forgotten long ago
        pass
    Offer.objects.filter(pk=offer.pk, hold=offer.hold, status=Offer.Status.OPEN).update(status=Offer.Status.OVER)
