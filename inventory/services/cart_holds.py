"""Units kept for a cart for a little while: held, renewed, released, turned into an order's reservations.

A hold is pinned to levels, the fullest first, so that nobody else can have those units; which place will serve
the order is decided when it is placed, inside its transaction. Readers and reservers subtract live holds by
themselves: a hold is over at its instant, whether or not anybody has written that down.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from inventory.errors import HoldIsOver, HoldLivedLongEnough, HoldTooLarge, InsufficientStock, StockMoved, TooManyHolds
from inventory.exposure import Context
from inventory.locks import Level, StockKey, lock_stock
from inventory.models import CartHold, CartHoldLine, HoldStatus
from inventory.queries import places, products_by_sku, sellable_units
from inventory.services.reservations import Want, share_out, with_protection
from oms.channels import channels
from oms.errors import FieldError, Invalid, Missing
from oms.idempotency import Once, begin, check_same, recall
from oms.transactions import in_transaction, use_case

_ATTEMPTS = 4
_ALTERNATIVES = 5
_AT_ONCE = 100  # more than one owner asks for at the same moment
Pins = dict[StockKey, int]  # units by level


@dataclass(frozen=True, slots=True)
class HoldLine:
    """`location` None: wherever there is most."""

    sku: str
    quantity: int
    location: str | None = None


@dataclass(frozen=True, slots=True)
class Held:
    id: str
    is_replay: bool = False


class _Taken(Exception):
    """Others took what was to be held."""


def hold_cart(
    *,
    cart: str,
    channel: str,
    lines: Sequence[HoldLine],
    ttl_seconds: int,
    method: str,
    service: str,
    fingerprint: bytes,
    owner: str,
    among: Collection[str] | None,
    as_of: datetime,
    once: Once | None = None,
) -> Held:
    """Keep these units for the cart. The same request again finds the hold it made: without a key as long as that
    lives, under its key (`once`) also when it is over.

    `among`: the only places it may be pinned to (None: all). `owner`: whose holds are counted together.
    Errors: Invalid (names nobody knows), IdempotencyKeyReused (the cart holds something else, or the key made
    something else), IdempotencyInProgress, HoldTooLarge, TooManyHolds, InsufficientStock, StockMoved.
    """
    if once and (made := recall(once)):
        return Held(made, is_replay=True)
    _check(channel, lines, among)
    context = Context(as_of, channel, order_type=method, service=service)
    for _attempt in range(_ATTEMPTS):
        if known := _recall(cart, channel, fingerprint, as_of=as_of):
            return Held(_under_key(once, known, as_of=as_of), is_replay=True)
        hold = CartHold(
            channel_id=channel,
            cart=cart,
            owner=owner,
            fingerprint=fingerprint,
            lines=_asked(lines),
            expires_at=as_of + timedelta(seconds=ttl_seconds),
            created_at=as_of,
            updated_at=as_of,
        )
        try:
            made = _make(hold, _pin(lines, context, among), context, once)
        except (_Taken, IntegrityError):  # somebody was faster, with these units or with this very cart
            continue
        except InsufficientStock:
            if once and (made := recall(once)):  # the same request, a moment before us, has what we miss
                return Held(made, is_replay=True)
            raise
        return Held(made, is_replay=made != hold.pk)
    raise StockMoved()


def renew_hold(
    *,
    hold_id: str,
    ttl_seconds: int,
    lines: Sequence[HoldLine] | None,
    method: str | None,
    service: str | None,
    among: Collection[str] | None,
    as_of: datetime,
) -> None:
    """Let it live on from now. Where lines are given, or a method or service is named, the units are found anew, and it
    keeps all it had when that is refused. It does not remember how it was asked for: where they are found anew, what is
    not named is `ship` and `standard`.

    Errors: Missing, HoldIsOver, HoldLivedLongEnough, and those of `hold_cart`.
    """
    if lines is None and method is None and service is None:
        _extend(hold_id, ttl_seconds=ttl_seconds, as_of=as_of)
        return
    hold = _known(CartHold.objects.filter(pk=hold_id))
    _check_alive(hold, as_of=as_of)  # before a shortage is told: it would have been short of its own units
    _end_of_life(hold, ttl_seconds, as_of=as_of)
    method, service = "ship" if method is None else method, "standard" if service is None else service
    context = Context(as_of, hold.channel_id, order_type=method, service=service, holds=(hold_id,))
    for _attempt in range(_ATTEMPTS):
        wanted = lines if lines is not None else _lines_of(hold)
        _check(hold.channel_id, wanted, among)
        pins = _pin(wanted, context, among)
        was = None if lines is not None else hold.lines
        try:
            _replace(hold_id, wanted, pins, context, ttl_seconds=ttl_seconds, was=was)
        except _Taken:
            hold.refresh_from_db()
            continue
        return
    raise StockMoved()


@use_case
def release_hold(*, hold_id: str, as_of: datetime) -> None:
    """Give the units back. What has ended already stays as it ended. Errors: Missing, HoldIsOver (an order has them)."""
    end_hold(hold_id, as_of=as_of)


@in_transaction
def end_hold(hold_id: str, *, as_of: datetime) -> None:
    """The same, inside a larger act."""
    hold = _locked(hold_id)
    if hold.status == HoldStatus.COMMITTED:
        raise HoldIsOver(ended=str(hold.status))
    if hold.status == HoldStatus.ACTIVE:
        _let_go(hold, as_of=as_of)


@in_transaction
def end_unlocked(hold_ids: Collection[str], *, as_of: datetime) -> list[str]:
    """The same for those of these that live and that nobody has locked; returns them. It waits for nobody.

    So it may be called where orders or levels are locked already.
    """
    alive = CartHold.objects.filter(pk__in=hold_ids, status=HoldStatus.ACTIVE)
    free = list(alive.select_for_update(of=("self",), no_key=True, skip_locked=True))
    for hold in free:
        _let_go(hold, as_of=as_of)
    return [hold.pk for hold in free]


@in_transaction
def lock_hold(hold_id: str) -> CartHold:
    """For the order that takes over: first this, then the reservations, which find in it what is theirs whatever the
    rules keep by now, then `commit_hold`.

    Errors: Missing, HoldIsOver (another order has it, or it was released).
    """
    hold = _locked(hold_id)
    if hold.status in (HoldStatus.COMMITTED, HoldStatus.RELEASED):
        raise HoldIsOver(ended=str(hold.status))
    return hold


@in_transaction
def commit_hold(hold_id: str, *, as_of: datetime) -> None:
    """An order takes over: its reservations, made in this transaction, replace the hold.

    One that has expired gives nothing, and the order takes what is there. Errors: those of `lock_hold`.
    """
    hold = lock_hold(hold_id)
    if hold.status == HoldStatus.ACTIVE and hold.expires_at > as_of:
        _end(hold, HoldStatus.COMMITTED, as_of=as_of)


@in_transaction
def hold_at(
    location: str, units: Mapping[str, int], *, name: str, owner: str, until: datetime, context: Context
) -> str | None:
    """Keep these units of one place until then, not for a cart but for what `name` says; ends like any other hold.

    The levels are locked. Returns the hold's id; None, and nothing is kept, where they are not there any more.
    """
    hold = CartHold(
        channel_id=context.channel,
        cart=name,
        owner=owner,
        fingerprint=b"",
        lines=_asked([HoldLine(sku, quantity, location) for sku, quantity in units.items()]),
        expires_at=until,
        created_at=context.as_of,
        updated_at=context.as_of,
    )
    try:
        with transaction.atomic():  # a savepoint: what was kept in vain is free again
            hold.save(force_insert=True)
            _keep(hold, {(sku, location): quantity for sku, quantity in units.items()}, context)
    except _Taken:
        return None
    return hold.pk


@use_case
def forget_ended_holds(*, as_of: datetime, older_than: datetime) -> None:
    """Write down which holds have expired, and drop what nobody will ask for again. Nothing depends on it."""
    ended = CartHold.objects.select_for_update(skip_locked=True).filter(status=HoldStatus.ACTIVE, expires_at__lte=as_of)
    ids = list(ended.values_list("pk", flat=True))
    CartHoldLine.objects.filter(hold__in=ids).delete()
    CartHold.objects.filter(pk__in=ids).update(status=HoldStatus.EXPIRED, updated_at=as_of)
    CartHold.objects.exclude(status=HoldStatus.ACTIVE).filter(updated_at__lt=older_than).delete()


def unknown_hold(channel: str, hold_id: str | None) -> list[FieldError]:
    """The fault of naming a hold that this channel neither has nor had; none where none is named."""
    if not hold_id or CartHold.objects.filter(pk=hold_id, channel=channel).exists():
        return []
    return [FieldError("/reservation", "unknown_reservation", _("There is nothing of this name"))]


# ---- what is asked -------------------------------------------------------------------------------


def _check(channel: str, lines: Sequence[HoldLine], among: Collection[str] | None) -> None:
    known = products_by_sku({line.sku for line in lines})
    faults = []
    if channel not in channels() or not channels()[channel].is_active:
        faults.append(FieldError("/channel", "unknown_channel", _("No such channel")))
    for number, line in enumerate(lines):
        if line.sku not in known or not known[line.sku].is_active:
            faults.append(FieldError(f"/lines/{number}/sku", "unknown_sku", _("No such product")))
        place = places().get(line.location) if line.location else None
        hidden = among is not None and line.location not in among
        if line.location and (place is None or not place.is_active or hidden):
            faults.append(FieldError(f"/lines/{number}/location", "unknown_location", _("No such location")))
    if faults:
        raise Invalid(errors=faults)
    if sum(line.quantity for line in lines) > settings.HOLD_MOST_UNITS:
        raise HoldTooLarge(most_units=settings.HOLD_MOST_UNITS)


def _asked(lines: Sequence[HoldLine]) -> list[dict[str, Any]]:
    return [{"sku": line.sku, "quantity": line.quantity, "location": line.location} for line in lines]


def _lines_of(hold: CartHold) -> list[HoldLine]:
    return [HoldLine(**line) for line in hold.lines]


def _recall(cart: str, channel: str, fingerprint: bytes, *, as_of: datetime) -> str | None:
    """The cart's live hold, if it is the same request's. Errors: IdempotencyKeyReused."""
    live = CartHold.objects.filter(channel=channel, cart=cart, status=HoldStatus.ACTIVE, expires_at__gt=as_of).first()
    if live is None:
        return None
    check_same(live.fingerprint, Once("", "", fingerprint))
    return live.pk


@use_case
def _take_key(once: Once, hold_id: str, *, as_of: datetime) -> str:
    return begin(once, as_of=as_of, result=hold_id) or hold_id


def _under_key(once: Once | None, hold_id: str, *, as_of: datetime) -> str:
    """The hold that a new key means, whose request found that one by its cart: it goes on to mean it when that is over."""
    return _take_key(once, hold_id, as_of=as_of) if once else hold_id


# ---- where it is held ----------------------------------------------------------------------------


def _pin(lines: Sequence[HoldLine], context: Context, among: Collection[str] | None) -> Pins:
    """Levels to hold the units at. Lines of one product count together. Errors: InsufficientStock."""
    stock = _eligible(lines, context, among)
    pins: Counter[StockKey] = Counter()
    shortages = []
    for (sku, location), quantity in _together(lines).items():
        here = {location: stock[sku].get(location, 0)} if location else stock[sku]
        found = _fullest(here, quantity)
        if sum(found.values()) < quantity:
            shortages.append(_shortage(sku, location, quantity, stock[sku]))
        for code, units in found.items():
            stock[sku][code] -= units
            pins[sku, code] += units
    if shortages:
        raise InsufficientStock(shortages=shortages)
    return dict(pins)


def _together(lines: Sequence[HoldLine]) -> dict[tuple[str, str | None], int]:
    """Units by product and place; those that can be had in one place only come first."""
    asked: Counter[tuple[str, str | None]] = Counter()
    for line in sorted(lines, key=lambda line: line.location is None):
        asked[line.sku, line.location] += line.quantity
    return asked


def _eligible(lines: Sequence[HoldLine], context: Context, among: Collection[str] | None) -> dict[str, dict[str, int]]:
    """What could be sold of each product, at places that serve the asker."""
    stock = sellable_units(sorted({line.sku for line in lines}), context=context)
    directory = places()

    def may(code: str) -> bool:
        return directory[code].serves(context) and (among is None or code in among)

    return {sku: {code: units for code, units in here.items() if may(code)} for sku, here in stock.items()}


def _fullest(stock: Mapping[str, int], quantity: int) -> dict[str, int]:
    """Units by place, from the fullest down, until there are enough."""
    found: dict[str, int] = {}
    for code in sorted(stock, key=lambda code: (-stock[code], code)):
        left = quantity - sum(found.values())
        if left <= 0 or stock[code] <= 0:
            break
        found[code] = min(left, stock[code])
    return found


def _shortage(sku: str, location: str | None, requested: int, stock: Mapping[str, int]) -> dict[str, Any]:
    others = sorted((code for code in stock if code != location and stock[code] > 0), key=lambda code: -stock[code])
    return {
        "sku": sku,
        "requested": requested,
        "sellable": stock.get(location, 0) if location else sum(stock.values()),
        "alternatives": [{"location": code, "sellable": stock[code]} for code in others[:_ALTERNATIVES]],
    }


# ---- rows ----------------------------------------------------------------------------------------


@use_case
def _make(hold: CartHold, pins: Pins, context: Context, once: Once | None) -> str:
    """Returns its id, or that of the one that was made under the key meanwhile.

    Errors: TooManyHolds; _Taken; IntegrityError when the cart got a hold meanwhile.
    """
    as_of = context.as_of
    is_counted = _takes_turn(hold.owner, as_of=as_of)
    if once and (made := begin(once, as_of=as_of, result=hold.pk)):
        return made
    if is_counted:
        _check_room(hold.owner, as_of=as_of)
    over = CartHold.objects.select_for_update().filter(
        channel=hold.channel_id, cart=hold.cart, status=HoldStatus.ACTIVE, expires_at__lte=as_of
    )
    for earlier in over:
        _end(earlier, HoldStatus.EXPIRED, as_of=as_of)
    hold.save(force_insert=True)
    _keep(hold, pins, context)
    return hold.pk


def _takes_turn(owner: str, *, as_of: datetime) -> bool:
    """Shortly before an owner's most, carts are made one by one, so that none is counted too late."""
    if _live_holds(owner, as_of=as_of).count() < settings.HOLD_MOST_PER_KEY - _AT_ONCE:
        return False
    _wait_for_turn(owner)
    return True


def _check_room(owner: str, *, as_of: datetime) -> None:
    """Errors: TooManyHolds."""
    most, live = settings.HOLD_MOST_PER_KEY, _live_holds(owner, as_of=as_of)
    if live.count() >= most:
        raise TooManyHolds(most=most)


def _live_holds(owner: str, *, as_of: datetime) -> QuerySet[CartHold]:
    return CartHold.objects.filter(owner=owner, status=HoldStatus.ACTIVE, expires_at__gt=as_of)


def _wait_for_turn(owner: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"inventory.carts:{owner}"])


@use_case
def _replace(
    hold_id: str,
    lines: Sequence[HoldLine],
    pins: Pins,
    context: Context,
    *,
    ttl_seconds: int,
    was: list[dict[str, Any]] | None,
) -> None:
    """`was`: the lines that these repeat, None for new ones. Errors: _Taken, and those of `renew_hold`."""
    hold = _living(hold_id, as_of=context.as_of)
    if was is not None:
        _check_unchanged(hold, was)
    hold.expires_at = _end_of_life(hold, ttl_seconds, as_of=context.as_of)
    hold.lines = _asked(lines)
    hold.updated_at = context.as_of
    hold.save(update_fields=["expires_at", "lines", "updated_at"])
    _lock_and_weigh(hold, pins, context)
    CartHoldLine.objects.filter(hold=hold).delete()
    _pin_down(hold, pins)


@use_case
def _extend(hold_id: str, *, ttl_seconds: int, as_of: datetime) -> None:
    hold = _living(hold_id, as_of=as_of)
    held = [(line.product_id, line.location_id) for line in hold.held.all()]
    levels = lock_stock(held)
    if _has_passed(hold.expires_at, levels.values(), but=hold):
        raise HoldIsOver(ended=str(HoldStatus.EXPIRED))
    hold.expires_at = _end_of_life(hold, ttl_seconds, as_of=as_of)
    hold.updated_at = as_of
    hold.save(update_fields=["expires_at", "updated_at"])
    hold.held.update(expires_at=hold.expires_at)
    _mark_levels(held, hold.expires_at)


def _has_passed(ends_at: datetime, levels: Collection[Level], *, but: CartHold) -> bool:
    """Whether somebody who had one of these levels before us saw an instant that late, and may have taken the units."""
    if any(level.updated_at >= ends_at for level in levels):
        return True
    skus, places = {level.sku for level in levels}, {level.location for level in levels}
    others = CartHold.objects.exclude(pk=but.pk).filter(held__product__in=skus, held__location__in=places)
    return others.filter(updated_at__gte=ends_at).exists()


@in_transaction
def _keep(hold: CartHold, pins: Pins, context: Context) -> None:
    """Lock the levels, weigh them once more, keep the units. Errors: _Taken."""
    _lock_and_weigh(hold, pins, context)
    _pin_down(hold, pins)


@in_transaction
def _lock_and_weigh(hold: CartHold, pins: Pins, context: Context) -> None:
    """Errors: _Taken."""
    lock_stock(pins)
    wants = [Want(hold.pk, sku, location, units) for (sku, location), units in sorted(pins.items())]
    _granted, refused = share_out(with_protection([(context, wants)]))
    if refused:
        raise _Taken()


@in_transaction
def _pin_down(hold: CartHold, pins: Pins) -> None:
    CartHoldLine.objects.bulk_create(
        [
            CartHoldLine(hold=hold, product_id=sku, location_id=location, quantity=units, expires_at=hold.expires_at)
            for (sku, location), units in pins.items()
        ]
    )
    _mark_levels(pins, hold.expires_at)


@in_transaction
def _mark_levels(keys: Collection[StockKey], until: datetime) -> None:
    """Readers look for holds only where one may still live. The levels are locked."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE inventory_stocklevel s SET held_until = greatest(s.held_until, %s)"
            " FROM unnest(%s::text[], %s::text[]) AS key (sku, location)"
            " WHERE s.sku = key.sku AND s.location_id = key.location",
            [until, [sku for sku, _location in keys], [location for _sku, location in keys]],
        )


@in_transaction
def _locked(hold_id: str) -> CartHold:
    return _known(CartHold.objects.select_for_update(of=("self",), no_key=True).filter(pk=hold_id))


def _known(holds: QuerySet[CartHold]) -> CartHold:
    """Errors: Missing; it may have been forgotten since somebody looked."""
    hold = holds.first()
    if hold is None:
        raise Missing()
    return hold


@in_transaction
def _living(hold_id: str, *, as_of: datetime) -> CartHold:
    """Errors: HoldIsOver."""
    hold = _locked(hold_id)
    _check_alive(hold, as_of=as_of)
    return hold


def _check_unchanged(hold: CartHold, was: list[dict[str, Any]]) -> None:
    """Errors: _Taken, when other lines were asked for since: those are to be kept."""
    if hold.lines != was:
        raise _Taken()


def _check_alive(hold: CartHold, *, as_of: datetime) -> None:
    """Errors: HoldIsOver."""
    if hold.status != HoldStatus.ACTIVE:
        raise HoldIsOver(ended=str(hold.status))
    if hold.expires_at <= as_of:
        raise HoldIsOver(ended=str(HoldStatus.EXPIRED))


def _end_of_life(hold: CartHold, ttl_seconds: int, *, as_of: datetime) -> datetime:
    """Errors: HoldLivedLongEnough, when it could not live on from here."""
    last = hold.created_at + timedelta(minutes=settings.HOLD_LONGEST_MINUTES)
    until = min(as_of + timedelta(seconds=ttl_seconds), last)
    if until <= as_of:
        raise HoldLivedLongEnough(ends_at=last)
    return until


@in_transaction
def _let_go(hold: CartHold, *, as_of: datetime) -> None:
    _end(hold, HoldStatus.EXPIRED if hold.expires_at <= as_of else HoldStatus.RELEASED, as_of=as_of)


@in_transaction
def _end(hold: CartHold, status: HoldStatus, *, as_of: datetime) -> None:
    CartHoldLine.objects.filter(hold=hold).delete()
    hold.status = status
    hold.updated_at = as_of
    hold.save(update_fields=["status", "updated_at"])
