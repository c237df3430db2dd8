"""What the pages about deliveries and transfers show: frozen dataclasses, a fixed number of statements."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q, QuerySet, Sum

from inventory.gtin import spellings
from inventory.models import Ability, Barcode, Inbound, Kind, Product, StockLevel
from inventory.queries import PlaceInfo, places
from inventory.states import UNTOUCHED
from inventory.supply import sendable_units
from oms.actors import Caller
from stores.queries import variant, walking_order

LISTED = 50
ARTICLES_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Coming:
    """A delivery or transfer in a list; `other` is where it comes from or, sent from here, where it goes."""

    id: str
    other: str
    reference: str
    reason: str
    units: int
    articles: int
    expected_at: datetime
    is_late: bool
    is_transfer: bool
    is_begun: bool


@dataclass(frozen=True, slots=True)
class Article:
    """One product to count. `expected`: units that may still come or, when sending, that can be sent."""

    sku: str
    name: str
    details: str
    image_url: str
    bin: str
    expected: int
    codes: tuple[str, ...] = ()
    is_extra: bool = False


@dataclass(frozen=True, slots=True)
class Arrival:
    """One delivery or transfer with what is still to come of it, in walking order."""

    id: str
    place: str
    other: str
    reference: str
    expected_at: datetime
    is_late: bool
    is_transfer: bool
    is_open: bool
    status_label: str
    version: int
    articles: tuple[Article, ...]
    hidden: int

    @property
    def units(self) -> int:
        return sum(article.expected for article in self.articles)


# ---- lists ---------------------------------------------------------------------------------------


def coming_to(place: str, *, as_of: datetime) -> list[Coming]:
    """What is on its way to a place, the one expected first on top."""
    return _listed(_open().filter(location_id=place), as_of, lambda row: row.origin_id)


def sent_from(place: str, *, as_of: datetime) -> list[Coming]:
    """What left a place and has not all arrived, the latest first."""
    return _listed(_open().filter(origin_id=place).order_by("-id"), as_of, lambda row: row.location_id)


def count_coming_to(place: str) -> int:
    return _open().filter(location_id=place).count()


def _open() -> QuerySet[Inbound]:
    return Inbound.objects.filter(closed_at=None).order_by("expected_at", "id")


def _listed(rows: QuerySet[Inbound], as_of: datetime, other: Callable[[Inbound], str | None]) -> list[Coming]:
    found = rows.annotate(units=Sum("lines__remaining"), articles=Count("lines", filter=Q(lines__remaining__gt=0)))
    return [
        Coming(
            id=row.pk,
            other=name_of(other(row)) or row.named_source,
            reference=row.reference or row.external_id or "",
            reason=row.reason,
            units=row.units or 0,
            articles=row.articles,
            expected_at=row.expected_at,
            is_late=row.expected_at <= as_of,
            is_transfer=row.is_transfer,
            is_begun=row.status not in UNTOUCHED,
        )
        for row in found[:LISTED]
    ]


def name_of(code: str | None) -> str:
    place = places().get(code or "")
    return place.name if place else code or ""


# ---- one of them ---------------------------------------------------------------------------------


def arrival(inbound_id: str, caller: Caller, *, as_of: datetime) -> Arrival | None:
    """None too when it goes to a place where this person does not work."""
    row = Inbound.objects.filter(pk=inbound_id).first()
    if row is None or not caller.sees(row.location_id):
        return None
    lines = dict(row.lines.filter(remaining__gt=0).order_by("id").values_list("product_id", "remaining"))
    shown = dict(list(lines.items())[:ARTICLES_AT_ONCE])
    return Arrival(
        id=row.pk,
        place=row.location_id,
        other=name_of(row.origin_id) or row.named_source,
        reference=row.reference or row.external_id or "",
        expected_at=row.expected_at,
        is_late=row.is_open and row.expected_at <= as_of,
        is_transfer=row.is_transfer,
        is_open=row.is_open,
        status_label=row.get_status_display(),
        version=row.version,
        articles=articles_of(shown, place=row.location_id),
        hidden=len(lines) - len(shown),
    )


def articles_of(units: Mapping[str, int], *, place: str, extra: Collection[str] = ()) -> tuple[Article, ...]:
    """The products of these SKUs with their units, in walking order; those of `extra` come last. Unknown ones are left out."""
    bins = dict(StockLevel.objects.filter(location_id=place, product__in=units).values_list("product_id", "bin"))
    rows = Product.objects.filter(pk__in=units).prefetch_related("barcodes")
    found = [
        Article(
            sku=row.pk,
            name=row.name,
            details=variant(row.attributes),
            image_url=row.image_url,
            bin=bins.get(row.pk, ""),
            expected=units[row.pk],
            codes=(row.pk, *(spelling for barcode in row.barcodes.all() for spelling in spellings(barcode.code))),
            is_extra=row.pk in extra,
        )
        for row in rows
    ]
    return tuple(sorted(found, key=lambda article: (article.is_extra, walking_order(article.bin), article.sku)))


def scanned(code: str) -> str | None:
    """The SKU behind what was scanned or typed."""
    text = code.replace("\0", "").strip()
    by_code = Barcode.objects.filter(code__in=spellings(text)).values_list("product_id", flat=True).first()
    return by_code or Product.objects.filter(pk=text).values_list("pk", flat=True).first()


# ---- sending -------------------------------------------------------------------------------------


def destinations(place: PlaceInfo, *, words: str) -> list[PlaceInfo]:
    """Where a place may send units to, the nearest by name; `words` narrows by code, name or city."""
    wanted = words.casefold().split()
    found = [
        other
        for other in places().values()
        if other.is_active
        and other.code != place.code
        and Ability.RECEIVE_TRANSFER in other.abilities
        and other.kind != Kind.LOCKER
        and all(word in f"{other.code} {other.name} {other.city}".casefold() for word in wanted)
    ]
    return sorted(found, key=lambda other: other.name.casefold())


def goods_to_send(skus: Iterable[str], *, place: str, as_of: datetime) -> tuple[Article, ...]:
    """These products with how many of each the place could send, in the order given."""
    wanted = list(dict.fromkeys(skus))
    sendable = sendable_units(place, wanted, as_of=as_of)
    found = {
        article.sku: article for article in articles_of({sku: sendable.get(sku, 0) for sku in wanted}, place=place)
    }
    return tuple(found[sku] for sku in wanted if sku in found)
