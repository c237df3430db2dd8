"""Products and places, saved by the thousand: whole rows, made or replaced by their code."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from django.db import connection, models, transaction
from django.utils.translation import gettext as _

from inventory.errors import AlreadyExists
from inventory.events import location_limited
from inventory.gtin import check_digit, is_mistyped, normalized, spellings
from inventory.models import Ability, Barcode, Kind, Location, Product
from oms.actors import SYSTEM
from oms.cache import bump
from oms.errors import Busy, FieldError, Invalid, Missing
from oms.idempotency import idempotent
from oms.outbox import publish
from oms.sql import any_of, as_json
from oms.transactions import in_transaction, use_case

M = TypeVar("M", bound=models.Model)

_ATTEMPTS = 4

RESERVED = frozenset({"bulk", "export"})
"""What stands in the place of a code in addresses of products and places (`inventory/api/urls.py`)."""
CREATED, UPDATED, REJECTED = "created", "updated", "rejected"

ABILITIES_OF_KIND: Mapping[str, tuple[str, ...]] = {
    Kind.WAREHOUSE: (Ability.SHIP,),
    Kind.STORE: (Ability.SHIP, Ability.PICKUP, Ability.ACCEPT_RETURN),
    Kind.SUPPLIER: (Ability.SHIP,),
    Kind.THIRD_PARTY: (Ability.SHIP,),
    Kind.LOCKER: (Ability.PICKUP, Ability.RECEIVE_TRANSFER),
}
"""What a new place can do unless it says otherwise."""


@dataclass(frozen=True, slots=True)
class ProductRow:
    sku: str
    name_en: str
    price: Decimal
    name_fr: str = ""
    currency: str = "EUR"
    tax_class: str = "standard"
    weight_g: int = 0
    length_mm: int = 0
    width_mm: int = 0
    height_mm: int = 0
    image_url: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    tags: Sequence[str] = ()
    barcodes: Sequence[str] = ()
    is_active: bool = True


@dataclass(frozen=True, slots=True)
class LocationRow:
    """`abilities` None: those usual for the kind."""

    code: str
    name: str
    kind: str
    line1: str = ""
    line2: str = ""
    postal_code: str = ""
    city: str = ""
    region: str = ""
    country: str = ""
    latitude: float | None = None
    longitude: float | None = None
    timezone: str = "UTC"
    opening_hours: Mapping[str, Sequence[Sequence[str]]] = field(default_factory=dict)
    closures: Sequence[Mapping[str, str]] = ()
    special_hours: Mapping[str, Sequence[Sequence[str]]] = field(default_factory=dict)
    holiday_calendar: str = ""
    abilities: Sequence[str] | None = None
    daily_capacity: int | None = None
    accepting_orders: bool = True
    cut_off: str | Mapping[str, str] | None = None
    preparation_minutes: int = 0
    handling_cost: Decimal = Decimal(0)
    handling_cost_per_unit: Decimal = Decimal(0)
    packaging_cost: Decimal = Decimal(0)
    currency: str = "EUR"
    groups: Sequence[str] = ()
    safety_stock: int = 0
    is_active: bool = True


@dataclass(frozen=True, slots=True)
class RowResult:
    """What became of a row: created, updated, unchanged, or rejected with a code and the field at fault.

    `id`: of what it made, where that has no code of its own.
    """

    status: str
    code: str = ""
    pointer: str = ""
    detail: str = ""
    id: str = ""


class _Taken(Exception):
    """Another product took one of these barcodes meanwhile."""


@use_case
def receive_products(rows: Sequence[ProductRow], *, as_of: datetime) -> list[RowResult]:
    """`save_products` in a transaction of its own."""
    return save_products(rows, as_of=as_of)


@use_case
def receive_locations(rows: Sequence[LocationRow], *, as_of: datetime) -> list[RowResult]:
    """`save_locations` in a transaction of its own."""
    return save_locations(rows, as_of=as_of)


@use_case
@idempotent
def create_product(row: ProductRow, *, as_of: datetime) -> str:
    """Returns its SKU. Errors: AlreadyExists; Invalid (a barcode is another product's, a reserved word)."""
    _only_new(save_products([row], as_of=as_of)[0])
    return row.sku


@use_case
@idempotent
def create_location(row: LocationRow, *, as_of: datetime) -> str:
    """Returns its code. Errors: AlreadyExists, Invalid (a reserved word)."""
    _only_new(save_locations([row], as_of=as_of)[0])
    return row.code


@use_case
def put_product(row: ProductRow, *, as_of: datetime) -> bool:
    """Make or replace one; True if it is new. Errors: Invalid (a barcode is another product's)."""
    return _accepted(save_products([row], as_of=as_of)[0]).status == CREATED


@use_case
def put_location(row: LocationRow, *, as_of: datetime) -> bool:
    """Make or replace one; True if it is new."""
    return _accepted(save_locations([row], as_of=as_of)[0]).status == CREATED


@use_case
def change_product(sku: str, change: Callable[[Product], ProductRow], *, as_of: datetime) -> None:
    """Replace a product by what `change` makes of it under its lock. Errors: Missing, Invalid."""
    row = change(_locked(Product, sku))
    _accepted(save_products([row], as_of=as_of)[0])


@use_case
def change_location(code: str, change: Callable[[Location], LocationRow], *, as_of: datetime) -> None:
    """Replace a place by what `change` makes of it under its lock. Errors: Missing."""
    bump("places")  # first, as all who write places do: they take turns there
    row = change(_locked(Location, code))
    _accepted(save_locations([row], as_of=as_of)[0])


@use_case
def deactivate_product(sku: str, *, as_of: datetime) -> None:
    """Take a product off sale. It stays, because history names it. Errors: Missing."""
    _deactivate(Product, sku, as_of=as_of)


@use_case
def deactivate_location(code: str, *, as_of: datetime) -> None:
    """Close a place. It stays, because history names it. Errors: Missing."""
    bump("places")
    _deactivate(Location, code, as_of=as_of)


def _deactivate(model: type[models.Model], code: str, *, as_of: datetime) -> None:
    if not model._default_manager.filter(pk=code).update(is_active=False, updated_at=as_of):
        raise Missing()


def _locked(model: type[M], code: str) -> M:
    row = model._default_manager.select_for_update(no_key=True).filter(pk=code).first()
    if row is None:
        raise Missing()
    return row


def _accepted(result: RowResult) -> RowResult:
    if result.status == REJECTED:
        raise Invalid(errors=[FieldError(result.pointer, result.code, result.detail)])
    return result


def _only_new(result: RowResult) -> None:
    """Undoes (by raising) what turned out to replace an existing row."""
    if _accepted(result).status == UPDATED:
        raise AlreadyExists()


@in_transaction
def save_products(rows: Sequence[ProductRow], *, as_of: datetime) -> list[RowResult]:
    """Make or replace each product with its barcodes; one result per row, in order.

    A SKU that came before in the list or is a reserved word, or a barcode that another product has, is rejected, not
    its neighbours.
    A barcode moves in two calls: it is dropped here before it is taken there. Who takes one at the same moment as
    another product waits for that, and is judged anew.
    Errors: Busy, when that happens again and again.
    """
    for _attempt in range(_ATTEMPTS):
        try:
            with transaction.atomic():  # a savepoint: of what was judged too early nothing stays
                return _save_products(rows, as_of=as_of)
        except _Taken:
            continue
    raise Busy()


@in_transaction
def _save_products(rows: Sequence[ProductRow], *, as_of: datetime) -> list[RowResult]:
    """Errors: _Taken."""
    refusals = _product_refusals(rows)
    accepted = sorted((row for index, row in enumerate(rows) if index not in refusals), key=lambda row: row.sku)
    created = _upsert(Product, "sku", [_product_columns(row) for row in accepted], as_of=as_of)
    _replace_barcodes({code: row.sku for row in accepted for code in row.barcodes}, of=[row.sku for row in accepted])
    return [refusals.get(index) or _saved(row.sku in created) for index, row in enumerate(rows)]


@in_transaction
def lock_products(skus: Sequence[str]) -> list[Product]:
    """Those that exist, with their barcodes, locked in order: what is then saved replaces what was seen."""
    rows = Product.objects.select_for_update(no_key=True).defer("search_text").filter(pk__in=any_of(skus))
    return list(rows.order_by("pk").prefetch_related("barcodes"))


@in_transaction
def lock_locations(codes: Sequence[str]) -> list[Location]:
    """Those that exist, locked after the turn of all writers of places was taken."""
    bump("places")
    return list(Location.objects.select_for_update(no_key=True).filter(pk__in=any_of(codes)).order_by("pk"))


def judge_products(rows: Sequence[ProductRow]) -> list[RowResult]:
    """What `save_products` would answer just now. Changes and locks nothing."""
    return _judged(Product, [row.sku for row in rows], _product_refusals(rows))


def judge_locations(rows: Sequence[LocationRow]) -> list[RowResult]:
    """What `save_locations` would answer just now. Changes and locks nothing."""
    codes = [row.code for row in rows]
    return _judged(Location, codes, _location_refusals(codes))


def _judged(model: type[models.Model], codes: Sequence[str], refusals: Mapping[int, RowResult]) -> list[RowResult]:
    known = set(model._default_manager.filter(pk__in=any_of(codes)).values_list("pk", flat=True))
    return [refusals.get(index) or _saved(code not in known) for index, code in enumerate(codes)]


@in_transaction
def save_locations(rows: Sequence[LocationRow], *, as_of: datetime) -> list[RowResult]:
    """Make or replace each place; one result per row, in order.

    A code that came before in the list, or that is a reserved word, is rejected.

    Writers of places take turns (`bump` comes first), so positions follow the order in which places were made.
    """
    bump("places")
    refusals = _location_refusals([row.code for row in rows])
    accepted = [row for index, row in enumerate(rows) if index not in refusals]
    _tell_limits(accepted, as_of=as_of)
    created = _upsert(Location, "code", [_location_columns(row) for row in accepted], as_of=as_of)
    return [refusals.get(index) or _saved(row.code in created) for index, row in enumerate(rows)]


@in_transaction
def _tell_limits(rows: Sequence[LocationRow], *, as_of: datetime) -> None:
    """Of places that are to have a limit per day and have none yet."""
    limits = {row.code: row.daily_capacity for row in rows if row.daily_capacity is not None}
    unlimited = Location.objects.filter(pk__in=any_of(limits), daily_capacity=None) if limits else ()
    publish([location_limited(row.pk, limit=limits[row.pk], actor=SYSTEM) for row in unlimited], as_of=as_of)


def _saved(is_new: bool) -> RowResult:
    return RowResult(CREATED if is_new else UPDATED)


def _refused(codes: Sequence[str], name: str) -> dict[int, RowResult]:
    """The rows whose code came before in the list."""
    first = {code: index for index, code in reversed(list(enumerate(codes)))}
    detail = _("This code stands in the list more than once")
    return {
        index: RowResult(REJECTED, "duplicate_in_list", f"/{name}", detail)
        for index, code in enumerate(codes)
        if first[code] != index
    }


def _location_refusals(codes: Sequence[str]) -> dict[int, RowResult]:
    return _reserved(Location, codes, "code") | _refused(codes, "code")


def _product_refusals(rows: Sequence[ProductRow]) -> dict[int, RowResult]:
    skus = [row.sku for row in rows]
    return _mistyped(rows) | _barcode_refusals(rows) | _reserved(Product, skus, "sku") | _refused(skus, "sku")


def _reserved(model: type[models.Model], codes: Sequence[str], name: str) -> dict[int, RowResult]:
    """The rows that would make something nobody could ask for: its address is another's."""
    if RESERVED.isdisjoint(codes):
        return {}
    known = set(model._default_manager.filter(pk__in=RESERVED).values_list("pk", flat=True))
    detail = _("This word is part of the API's addresses: choose another code")
    refusal = RowResult(REJECTED, "reserved_word", f"/{name}", detail)
    return {index: refusal for index, code in enumerate(codes) if code in RESERVED - known}


def _mistyped(rows: Sequence[ProductRow]) -> dict[int, RowResult]:
    """The rows with a barcode that claims to be a GTIN and is none."""
    refusals = {}
    for index, row in enumerate(rows):
        wrong = [place for place, code in enumerate(row.barcodes) if is_mistyped(code)]
        if wrong:
            code = row.barcodes[wrong[0]]
            facts = {"code": code, "digit": check_digit(code[:-1])}
            detail = _("%(code)s is no GTIN: its last digit would have to be %(digit)s") % facts
            refusals[index] = RowResult(REJECTED, "wrong_check_digit", f"/barcodes/{wrong[0]}", detail)
    return refusals


def _barcode_refusals(rows: Sequence[ProductRow]) -> dict[int, RowResult]:
    """The rows that name a barcode of another product, in the database or before them in the list.

    A GTIN is the same number with and without its leading zeros: scanners differ in what they send.
    """
    wanted = {same for row in rows for code in row.barcodes for same in spellings(code)}
    stored = Barcode.objects.filter(code__in=any_of(wanted)).values_list("code", "product_id")
    owners = dict(stored) if wanted else {}
    refusals = {}
    for index, row in enumerate(rows):
        taken = [place for place, code in enumerate(row.barcodes) if not _belongs(code, row.sku, owners)]
        if taken:
            detail = _("Another product has this barcode")
            refusals[index] = RowResult(REJECTED, "barcode_taken", f"/barcodes/{taken[0]}", detail)
    return refusals


def _belongs(code: str, sku: str, owners: dict[str, str]) -> bool:
    """Nobody else has it; from now on this product does."""
    return all(owners.setdefault(same, sku) == sku for same in spellings(code))


_ADD_BARCODES = """
INSERT INTO inventory_barcode (code, sku) SELECT * FROM unnest(%s::text[], %s::text[]) ON CONFLICT DO NOTHING"""


@in_transaction
def _replace_barcodes(wanted: Mapping[str, str], *, of: Sequence[str]) -> None:
    """Give these products these codes and no others. Errors: _Taken."""
    stored = dict(Barcode.objects.filter(product__in=any_of(of)).values_list("code", "product_id"))
    if gone := [code for code, sku in stored.items() if wanted.get(code) != sku]:
        Barcode.objects.filter(code__in=any_of(gone)).delete()
    if fresh := [code for code, sku in wanted.items() if stored.get(code) != sku]:
        _add_barcodes(sorted(fresh, key=lambda code: (normalized(code), code)), wanted)


@in_transaction
def _add_barcodes(codes: Sequence[str], owners: Mapping[str, str]) -> None:
    """In everybody's order, so that nobody waits in a circle. Errors: _Taken."""
    with connection.cursor() as cursor:
        cursor.execute(_ADD_BARCODES, [list(codes), [owners[code] for code in codes]])
        if cursor.rowcount < len(codes):
            raise _Taken()


def _product_columns(row: ProductRow) -> dict[str, Any]:
    columns = asdict(row)
    del columns["barcodes"]
    return columns


def _location_columns(row: LocationRow) -> dict[str, Any]:
    columns = asdict(row)
    if row.abilities is None:
        columns["abilities"] = ABILITIES_OF_KIND[row.kind]
    return columns


def _upsert(model: type[models.Model], key: str, rows: Sequence[Mapping[str, Any]], *, as_of: datetime) -> set[str]:
    """Insert or overwrite rows by `key` in one statement; returns the keys that are new."""
    if not rows:
        return set()
    names = [*rows[0], "updated_at"]
    table = model._meta.db_table
    changes = ", ".join(f"{name} = excluded.{name}" for name in names if name != key)
    statement = (
        f"INSERT INTO {table} ({', '.join(names)}, created_at)"
        f" SELECT {', '.join(names)}, updated_at FROM jsonb_populate_recordset(NULL::{table}, %s::jsonb)"
        f" ON CONFLICT ({key}) DO UPDATE SET {changes} RETURNING {key}, xmax = 0"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [as_json([{**row, "updated_at": as_of} for row in rows])])
        return {code for code, is_new in cursor.fetchall() if is_new}
