"""What the pages of a place show: frozen dataclasses, a fixed number of statements however much work there is."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Case, CharField, Count, F, Q, QuerySet, Value, When
from django.utils.translation import get_language

from inventory.models import Location, StockLevel
from inventory.queries import PlaceInfo, places
from oms.actors import Caller
from orders.actions import actions_for
from orders.models import Fulfillment, FulfillmentLine, Order
from orders.queries import STEP_DUE, live_offers
from orders.services.exceptions import stopped_by
from orders.states import FulfillmentStatus as S
from routing.models import CarrierService
from stores.offers import Offered, offers_to

_VARIANT = ("size", "color", "colour")
CARDS_SHOWN = 100
PLACES_SHOWN = 50
_LOOK_BACK = timedelta(days=45)  # nothing stays longer in a store; bounds the search for what was finished today

NEW, PICK, HAND, TODAY = "new", "pick", "hand", "today"
TABS: Mapping[str, tuple[str, ...]] = {
    NEW: (S.ASSIGNED,),
    PICK: (S.ACCEPTED, S.PICKING, S.PACKED),
    HAND: (S.READY_FOR_PICKUP,),
    TODAY: (S.SHIPPED, S.DELIVERED, S.COLLECTED, S.DECLINED, S.TIMED_OUT, S.CANCELED, S.EXPIRED),
}
_OFFERED = "offered"
_TO_DO = (*TABS[NEW], *TABS[PICK], *TABS[HAND])
_URGENT_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Picture:
    url: str
    name: str


@dataclass(frozen=True, slots=True)
class Card:
    """One piece of work in a list.

    `due_at` is the end of the step it stands in, None once it is over; `is_soon`: the place was warned that it is near.
    """

    id: str
    number: int
    status: str
    status_label: str
    is_pickup: bool
    version: int
    units: int
    pictures: tuple[Picture, ...]
    due_at: datetime | None
    is_late: bool
    is_soon: bool
    is_escalated: bool
    is_stopped: bool
    shopper: str
    promised_at: datetime | None
    staging: str
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Board:
    tab: str
    counts: Mapping[str, int]
    cards: tuple[Card, ...]
    offers: Offered

    @property
    def hidden(self) -> int:
        return self.counts[self.tab] - len(self.cards)


@dataclass(frozen=True, slots=True)
class Line:
    """Units of one product to fetch. `bin` is where it lies in this place."""

    ref: str
    sku: str
    name: str
    details: str
    image_url: str
    bin: str
    quantity: int
    picked: int
    short: int
    canceled: int

    @property
    def target(self) -> int:
        """Units still expected of this line, those picked included."""
        return self.quantity - self.short - self.canceled

    @property
    def is_done(self) -> bool:
        return self.picked == self.target


@dataclass(frozen=True, slots=True)
class Shopper:
    name: str
    collected_by: str
    phone: str


@dataclass(frozen=True, slots=True)
class WorkDetail:
    """One piece of work with everything its screen shows. Lines stand in walking order. `must_stay`: why nothing of it may
    leave now, if so."""

    id: str
    number: int
    place: str
    status: str
    status_label: str
    is_pickup: bool
    actions: frozenset[str]
    must_stay: str
    claimed_by: str
    shopper: Shopper
    destination: str
    due_at: datetime | None
    is_late: bool
    is_soon: bool
    is_escalated: bool
    is_stopped: bool
    promised_at: datetime | None
    changed_at: datetime
    staging: str
    tracking_number: str
    carrier_service: str
    code_locked_until: datetime | None
    lines: tuple[Line, ...]

    @property
    def units(self) -> int:
        return sum(line.target for line in self.lines)

    @property
    def left(self) -> tuple[Line, ...]:
        return tuple(line for line in self.lines if not line.is_done)


@dataclass(frozen=True, slots=True)
class PlaceCard:
    code: str
    name: str
    city: str
    paused_until: datetime | None
    new: int
    to_do: int
    late: int
    soon: int


# ---- places ---------------------------------------------------------------------------------------


def place_cards(caller: Caller, *, words: str, as_of: datetime) -> list[PlaceCard]:
    """The places this person works in, the one with most late work first; `words` narrows by code, name or city."""
    found = Location.objects.all()
    found = found.filter(is_active=True) if caller.locations is None else found.filter(pk__in=caller.locations)
    for word in words.split():
        found = found.filter(Q(name__icontains=word) | Q(city__icontains=word) | Q(code__icontains=word))
    paused_until = Case(When(paused_at__lte=as_of, paused_until__gt=as_of, then=F("paused_until")))
    rows = list(found.values_list("code", "name", "city", paused_until))
    work = _work_at(code for code, *_rest in rows).filter(status__in=_TO_DO)
    figures = work.values("location_id").annotate(
        new=Count("id", filter=Q(status=S.ASSIGNED)),
        to_do=Count("id"),
        late=Count("id", filter=Q(due_at__lt=as_of)),
        soon=Count("id", filter=Q(due_at__gte=as_of, warned_at__isnull=False)),
    )
    counts = {code: found for code, *found in figures.values_list("location_id", "new", "to_do", "late", "soon")}
    cards = [PlaceCard(*row, *counts.get(row[0], (0, 0, 0, 0))) for row in rows]
    return sorted(cards, key=lambda card: (-card.late, -card.soon, -card.new, -card.to_do, card.name.casefold()))


def place_for(caller: Caller, code: str) -> PlaceInfo | None:
    """The place, if this person works there."""
    return places().get(code) if caller.sees(code) else None


def _work_at(codes: Iterable[str]) -> QuerySet[Fulfillment]:
    return Fulfillment.objects.filter(location_id__in=list(codes)).annotate(due_at=STEP_DUE)


# ---- the list --------------------------------------------------------------------------------------


def board(place: PlaceInfo, *, tab: str, as_of: datetime) -> Board:
    """One tab of a place's work, most urgent first, with the counts of all tabs."""
    work = _work_at([place.code])
    over = _over_today(work, place, as_of)
    to_do = work.filter(status__in=_TO_DO).values_list("status").annotate(Count("id"))
    offered = live_offers(place.code, as_of=as_of).annotate(kind=Value(_OFFERED, CharField())).values_list("kind")
    by_status = dict(to_do.union(offered.annotate(Count("id"))))
    counts = {name: sum(by_status.get(status, 0) for status in statuses) for name, statuses in TABS.items()}
    counts[TODAY] = over.count()
    if tab == TODAY:
        rows = over.order_by("-updated_at")
    else:
        rows = work.filter(status__in=TABS[tab]).order_by(F("due_at").asc(nulls_last=True), "id")
    cards = _cards(list(rows.select_related("order__customer")[:CARDS_SHOWN]), as_of)
    offers = offers_to(place.code, as_of=as_of) if by_status.get(_OFFERED) else Offered(())
    return Board(tab, counts, cards, offers)


def _over_today(work: QuerySet[Fulfillment], place: PlaceInfo, as_of: datetime) -> QuerySet[Fulfillment]:
    zone = ZoneInfo(place.timezone)
    midnight = datetime.combine(as_of.astimezone(zone).date(), time.min, zone)
    return work.filter(status__in=TABS[TODAY], updated_at__gte=midnight, ready_by__gte=midnight - _LOOK_BACK)


def _cards(rows: Sequence[Fulfillment], as_of: datetime) -> tuple[Card, ...]:
    found = FulfillmentLine.objects.filter(fulfillment__in=rows).select_related("order_line__product").order_by("id")
    lines = defaultdict(list)
    for line in found:
        lines[line.fulfillment_id].append(line)
    return tuple(_card(row, lines[row.pk], as_of) for row in rows)


def _card(row: Fulfillment, lines: Sequence[FulfillmentLine], as_of: datetime) -> Card:
    products = [line.order_line.product for line in lines]
    due_at: datetime | None = row.due_at  # type: ignore[attr-defined]
    return Card(
        id=row.pk,
        number=row.order.number,
        status=row.status,
        status_label=row.get_status_display(),
        is_pickup=row.is_pickup,
        version=row.version,
        units=sum(line.quantity - line.short - line.canceled for line in lines),
        pictures=tuple(Picture(product.image_url, product.name) for product in products),
        due_at=due_at,
        is_late=bool(due_at and due_at < as_of),
        is_soon=is_soon(row),
        is_escalated=row.escalated_at is not None,
        is_stopped=is_stopped(row),
        shopper=short_name(row.order),
        promised_at=row.promised_at,
        staging=row.staging,
        changed_at=row.updated_at,
    )


def is_soon(row: Fulfillment) -> bool:
    return row.warned_at is not None and row.status in _TO_DO and not is_stopped(row)


def is_stopped(row: Fulfillment) -> bool:
    """Its order is held: no time passes for it, and it may not leave."""
    return row.is_stopped and row.status in _TO_DO


def short_name(order: Order) -> str:
    """Marie D.: enough to greet somebody, too little to look them up."""
    first, last = order.customer.first_name.strip(), order.customer.last_name.strip()
    return f"{first} {last[:1]}.".strip() if first and last else first or last


@dataclass(frozen=True, slots=True)
class Urgent:
    """Work that its manager should look at: of which they were told, or that is late."""

    cards: tuple[Card, ...]
    count: int

    @property
    def hidden(self) -> int:
        return self.count - len(self.cards)

    @property
    def version(self) -> str:
        """Changes with what is shown."""
        return " ".join([*(f"{card.id} {card.status} {card.due_at}" for card in self.cards), str(self.count)])


def urgent_work(place: PlaceInfo, *, as_of: datetime) -> Urgent:
    """Of every tab, the most urgent first. What waits for its shopper is nobody's fault here."""
    here = Fulfillment.objects.filter(location=place.code, status__in=[*TABS[NEW], *TABS[PICK]])
    work = here.annotate(due_at=STEP_DUE).filter(
        Q(escalated_at__isnull=False) | Q(due_at__lt=as_of), due_at__isnull=False
    )
    rows = list(work.select_related("order__customer").order_by("due_at", "id")[:_URGENT_SHOWN])
    count = len(rows) if len(rows) < _URGENT_SHOWN else work.count()
    return Urgent(tuple(_card(row, (), as_of) for row in rows), count)


# ---- one piece of work ---------------------------------------------------------------------------


def work_detail(work_id: str, caller: Caller, *, as_of: datetime) -> WorkDetail | None:
    """None too when it is another place's work, or not yet handed out."""
    found = Fulfillment.objects.exclude(status=S.PLANNED).annotate(due_at=STEP_DUE)
    if caller.locations is not None:
        found = found.filter(location_id__in=caller.locations)
    row = found.select_related("order__customer", "delivery", "shipment").filter(pk=work_id).first()
    return _detail(row, as_of) if row else None


def _detail(row: Fulfillment, as_of: datetime) -> WorkDetail:
    due_at: datetime | None = row.due_at  # type: ignore[attr-defined]
    locked_until = row.code_locked_until
    shipment = getattr(row, "shipment", None)
    address = row.delivery.address or row.order.shipping_address or {}
    stop = stopped_by(row.order, row)
    return WorkDetail(
        id=row.pk,
        number=row.order.number,
        place=row.location_id,
        status=row.status,
        status_label=row.get_status_display(),
        is_pickup=row.is_pickup,
        actions=frozenset(actions_for(row.status, row.method, may_leave=stop is None)),
        must_stay=str(stop.title) if stop else "",
        claimed_by=row.claimed_by,
        shopper=_shopper(row),
        destination=" ".join(filter(None, [address.get("postal_code"), address.get("city"), address.get("country")])),
        due_at=due_at,
        is_late=bool(due_at and due_at < as_of),
        is_soon=is_soon(row),
        is_escalated=row.escalated_at is not None,
        is_stopped=is_stopped(row),
        promised_at=row.promised_at,
        changed_at=row.updated_at,
        staging=row.staging,
        tracking_number=shipment.tracking_number if shipment else "",
        carrier_service=shipment.carrier_service if shipment else "",
        code_locked_until=locked_until if locked_until and locked_until > as_of else None,
        lines=_lines(row),
    )


def _shopper(row: Fulfillment) -> Shopper:
    person = row.order.pickup_person or {}
    return Shopper(short_name(row.order), person.get("name", ""), person.get("phone", "") or row.order.customer.phone)


def _lines(row: Fulfillment) -> tuple[Line, ...]:
    found = FulfillmentLine.objects.filter(fulfillment=row).select_related("order_line__product")
    rows = list(found.order_by("order_line__position"))
    levels = StockLevel.objects.filter(location_id=row.location_id, product__in=[line.sku for line in rows])
    bins = dict(levels.values_list("product_id", "bin"))
    return tuple(
        sorted((_line(line, bins.get(line.sku, "")) for line in rows), key=lambda line: walking_order(line.bin))
    )


def _line(row: FulfillmentLine, shelf: str) -> Line:
    product = row.order_line.product
    return Line(
        ref=row.order_line.ref,
        sku=row.sku,
        name=product.name,
        details=variant(product.attributes),
        image_url=product.image_url,
        bin=shelf,
        quantity=row.quantity,
        picked=row.picked,
        short=row.short,
        canceled=row.canceled,
    )


def variant(attributes: Mapping[str, Any]) -> str:
    """What tells articles of one name apart, in the reader's language where a value has several."""
    language = (get_language() or "en")[:2]
    given = [attributes[name] for name in _VARIANT if attributes.get(name)]
    values = [value.get(language, value.get("en", "")) if isinstance(value, dict) else value for value in given]
    return " · ".join(map(str, values))


def walking_order(shelf: str) -> tuple[bool, list[tuple[bool, int, str]]]:
    """Sort key of bins: "A-2" before "A-10", what has no bin last."""
    parts = re.findall(r"\d+|\D+", shelf)
    return not shelf, [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]


def carrier_services() -> list[tuple[str, str]]:
    """(code, name) of what parcels may leave with."""
    return [(service.code, str(service)) for service in CarrierService.objects.filter(is_active=True)]
