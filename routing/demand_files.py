"""Files of demands: what somebody else wanted, or what may be wanted, to be replayed under rules.

CSV in UTF-8 with a header, separated by commas or semicolons; one row per line of an order, in any order:

| column | |
|---|---|
| `order` | names the order; rows of the same belong together |
| `placed_at` | instant with its zone, as 2026-11-27T09:30:00Z |
| `channel`, `sku`, `quantity` | known here; 1 to 10,000 units |
| `method`, `service` | `ship` (the default), `pickup`, `curbside`; `standard`, `express`, `same_day` |
| `country`, `postal_code`, `latitude`, `longitude` | where to; of what is shipped the country is needed |
| `location` | the place that the shopper chose; needed for what is collected |
| `unit_price`, `group` | default: the product's price; lines of one group stay together |
| `wanted_by` | instant on the day by which it was wanted: what comes on a later day of the shopper's counts as late |
| `customer_tags` | what rules may ask of customers, parted by commas or semicolons: `"gold,staff"`; at most 20 |

What stands in the first row of an order holds for all of it.
"""

import csv
import re
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import get_args

import orjson
from django.utils.translation import gettext as _

from inventory import queries as inventory
from inventory.queries import ProductInfo
from oms.channels import ChannelInfo, channels
from oms.characters import stray
from oms.characters import told as told_character
from oms.clock import EARLIEST, LATEST
from oms.errors import FieldError, Invalid
from routing.documents import MOST_CUSTOMER_TAGS, Service
from routing.models import DemandFact
from routing.services.demand_facts import Wanted, fact_of, told
from routing.services.sourcing import COLLECTED, Demand, Destination, Line

REQUIRED = ("order", "placed_at", "channel", "sku", "quantity")
OPTIONAL = (
    *("method", "service", "country", "postal_code", "latitude", "longitude"),
    *("location", "unit_price", "group", "wanted_by", "customer_tags"),
)
MOST_FAULTS = 100
MOST_LINES_PER_ORDER = 500
_MOST_UNITS = 10_000
_METHODS = ("ship", *sorted(COLLECTED))
_SERVICES = get_args(Service)
_LONGEST = {"order": 80, "sku": 64, "group": 64, "postal_code": 20, "location": 64, "channel": 32}
_LONGEST_TAG = 64
_PARTED = re.compile("[,;]")

Row = Mapping[str, str]


class BadDemandFile(Invalid):
    """Every fault, up to the first hundred, with `/rows/<line of the file>/<column>`."""

    code = "invalid_demand_file"


def read_demands(data: bytes, *, most_orders: int) -> list[Wanted]:
    """The orders of a file by time. Errors: BadDemandFile."""
    table = _table(data)
    reading = _Reading(
        products=inventory.products_by_sku({*table.column("sku")}),
        channels=channels(),
        places=inventory.places(),
    )
    orders = table.by_order()
    if len(orders) > most_orders:
        raise BadDemandFile(errors=[_fault(0, "order", "too_many_orders", _("At most %d") % most_orders)])
    found = [wanted for name, rows in orders.items() if (wanted := reading.order(name, [*map(table.row, rows)]))]
    if reading.faults:
        raise BadDemandFile(errors=reading.faults[:MOST_FAULTS])
    return sorted(found, key=lambda wanted: (wanted.at, wanted.demand.location is None))


@dataclass
class _Table:
    """The cells of a file by its columns, with the number of their line: little memory for many rows."""

    names: Sequence[str]
    lines: list[int] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    _same: dict[str, str] = field(default_factory=dict)

    def add(self, line: int, cells: Sequence[str]) -> None:
        self.lines.append(line)
        self.rows.append([self._same.setdefault(text, text) for cell in cells for text in (cell.strip(),)])

    def column(self, name: str) -> Iterator[str]:
        at = self.names.index(name)
        return (cells[at] if at < len(cells) else "" for cells in self.rows)

    def by_order(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for number, order in enumerate(self.column("order")):
            found.setdefault(order, []).append(number)
        return found

    def row(self, number: int) -> tuple[int, Row]:
        """With the number of its line; every column, empty where nothing is said."""
        cells = dict(zip(self.names, self.rows[number], strict=False))
        return self.lines[number], {name: cells.get(name, "") for name in (*REQUIRED, *OPTIONAL)}


def _table(data: bytes) -> _Table:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadDemandFile(errors=[_fault(0, "", "not_utf_8", _("The file is not written in UTF-8"))]) from None
    if character := stray(text):
        line = text[: text.index(character)].count("\n") + 1
        raise BadDemandFile(errors=[_fault(line, "", "not_printable", told_character(character))])
    lines = text.splitlines()
    head = lines[0] if lines else ""
    reader = csv.reader(lines, delimiter=";" if head.count(";") > head.count(",") else ",")
    names = [name.strip().lower() for name in next(reader, [])]
    faults = [_fault(1, name, "required", _("This column is needed")) for name in REQUIRED if name not in names]
    known = {*REQUIRED, *OPTIONAL}
    faults += [_fault(1, name[:40], "unknown_column", _("No such column")) for name in names if name not in known]
    if len(set(names)) != len(names):
        faults.append(_fault(1, "", "duplicate", _("A column is named twice")))
    if faults:
        raise BadDemandFile(errors=faults[:MOST_FAULTS])
    found = _Table(names)
    try:
        for cells in reader:
            if any(cells[len(names) :]):  # an amount with a comma, say: what it meant can only be guessed
                faults.append(_fault(reader.line_num, "", "too_many_values", _("More values than there are columns")))
            elif any(cells):
                found.add(reader.line_num, cells)
    except csv.Error:
        raise BadDemandFile(errors=[_fault(reader.line_num, "", "not_csv", _("This line cannot be read"))]) from None
    if faults:
        raise BadDemandFile(errors=faults[:MOST_FAULTS])
    if not found.rows:
        raise BadDemandFile(errors=[_fault(1, "", "no_rows", _("The file names no order"))])
    return found


def _fault(line: int, column: str, code: str, detail: str) -> FieldError:
    return FieldError(f"/rows/{line}/{column}".rstrip("/"), code, detail)


class _Wrong(Exception):
    pass


@dataclass
class _Reading:
    products: Mapping[str, ProductInfo]
    channels: Mapping[str, ChannelInfo]
    places: Collection[str]

    def __post_init__(self) -> None:
        self.faults: list[FieldError] = []

    def order(self, name: str, rows: Sequence[tuple[int, Row]]) -> Wanted | None:
        """None where something is wrong with it."""
        number, first = rows[0]
        before = len(self.faults)
        if len(rows) > MOST_LINES_PER_ORDER:
            self._note(number, "order", "too_many_lines", _("At most %d lines") % MOST_LINES_PER_ORDER)
            return None
        lines = [self._line(f"l{n}", number, row) for n, (number, row) in enumerate(rows, start=1)]
        at = self._instant(number, first, "placed_at")
        wanted_by = self._instant(number, first, "wanted_by") if first["wanted_by"] else None
        demand = self._demand(number, first, [line for line in lines if line], wanted_by)
        if len(self.faults) > before or at is None or demand is None:
            return None
        return Wanted(name, at, demand)

    def _demand(self, number: int, row: Row, lines: Sequence[Line], wanted_by: datetime | None) -> Demand | None:
        method = self._one_of(number, row, "method", _METHODS)
        service = self._one_of(number, row, "service", _SERVICES)
        channel = self.channels.get(row["channel"])
        if channel is None:
            self._note(number, "channel", "unknown_channel", _("No such channel"))
            return None
        location = row["location"] or None
        if location and location not in self.places:
            self._note(number, "location", "unknown_location", _("No such location"))
        if method in COLLECTED and not location:
            self._note(number, "location", "required", _("Name the place where the shopper collects"))
        return Demand(
            channel=channel.code,
            currency=channel.currency,
            lines=tuple(lines),
            method=method,
            service=service,
            destination=None if method in COLLECTED else self._destination(number, row),
            location=location,
            customer_tags=self._tags(number, row),
            wanted_by=wanted_by,
        )

    def _tags(self, number: int, row: Row) -> list[str]:
        tags = [tag for part in _PARTED.split(row["customer_tags"]) if (tag := part.strip())]
        if len(tags) > MOST_CUSTOMER_TAGS or any(len(tag) > _LONGEST_TAG for tag in tags):
            known = {"most": MOST_CUSTOMER_TAGS, "longest": _LONGEST_TAG}
            detail = (
                _("At most %(most)d tags of at most %(longest)d characters, parted by commas or semicolons") % known
            )
            self._note(number, "customer_tags", "not_tags", detail)
        return tags

    def _line(self, key: str, number: int, row: Row) -> Line | None:
        for column, longest in _LONGEST.items():
            if len(row[column]) > longest or (column == "order" and not row[column]):
                self._note(number, column, "wrong_length", _("Between 1 and %d characters") % longest)
        product = self.products.get(row["sku"])
        if product is None:
            self._note(number, "sku", "unknown_sku", _("No such product"))
        units = row["quantity"]
        if not (units.isascii() and units.isdigit() and 0 < int(units[:9]) <= _MOST_UNITS and len(units) < 9):
            self._note(number, "quantity", "not_a_quantity", _("A whole number from 1 to %d") % _MOST_UNITS)
            return None
        price = self._price(number, row, product)
        if product is None:
            return None
        return Line(key, product.sku, int(units), row["group"] or None, price, product.weight_g, product.tags)

    def _price(self, number: int, row: Row, product: ProductInfo | None) -> Decimal:
        if not row["unit_price"]:
            return product.price if product else Decimal(0)
        try:
            price = Decimal(row["unit_price"])
        except InvalidOperation:
            price = Decimal(-1)
        if not (price.is_finite() and 0 <= price < 10**9):
            self._note(number, "unit_price", "not_an_amount", _("An amount such as 19.90"))
            return Decimal(0)
        return price

    def _destination(self, number: int, row: Row) -> Destination:
        country = row["country"].upper()
        if not (len(country) == 2 and country.isascii() and country.isalpha()):
            self._note(number, "country", "not_a_country", _("Two letters, such as FR"))
        latitude, longitude = self._degrees(number, row, "latitude", 90), self._degrees(number, row, "longitude", 180)
        return Destination(country[:2], row["postal_code"], latitude=latitude, longitude=longitude)

    def _degrees(self, number: int, row: Row, column: str, most: int) -> float | None:
        if not row[column]:
            return None
        try:
            degrees = float(row[column])
        except ValueError:
            degrees = float("nan")
        if not -most <= degrees <= most:
            self._note(number, column, "not_degrees", _("Degrees between -%(most)d and %(most)d") % {"most": most})
            return None
        return degrees

    def _instant(self, number: int, row: Row, column: str) -> datetime | None:
        try:
            at = datetime.fromisoformat(row[column])
        except ValueError:
            at = None
        if at is None or at.tzinfo is None or not EARLIEST < at < LATEST:
            self._note(number, column, "not_an_instant", _("An instant with its zone, as 2026-11-27T09:30:00Z"))
            return None
        return at.astimezone(UTC)

    def _one_of(self, number: int, row: Row, column: str, known: Sequence[str]) -> str:
        value = row[column] or known[0]
        if value not in known:
            self._note(number, column, "unknown_value", _("One of %s") % ", ".join(known))
        return value

    def _note(self, number: int, column: str, code: str, detail: str) -> None:
        self.faults.append(_fault(number, column, code, detail))


# ---- kept with the simulation ------------------------------------------------------------------------

_NOT_TOLD = {"id", "source", "may_wait", "may_be_cut"}  # a file names no consent
_KEPT = [field.attname for field in DemandFact._meta.concrete_fields if field.attname not in _NOT_TOLD]


def pack(wanted: Iterable[Wanted]) -> bytes:
    rows = []
    for one in wanted:
        fact = fact_of(one)
        wanted_by = one.demand.wanted_by
        rows.append([*(getattr(fact, name) for name in _KEPT), wanted_by])
    return zlib.compress(orjson.dumps(rows, default=str))


def unpack(packed: bytes) -> list[Wanted]:
    rows = orjson.loads(zlib.decompress(packed))
    facts = [DemandFact(**dict(zip(_KEPT, row[:-1], strict=True))) for row in rows]
    for fact in facts:
        fact.at, fact.value = datetime.fromisoformat(str(fact.at)), Decimal(fact.value)
    by = [row[-1] and datetime.fromisoformat(row[-1]) for row in rows]
    return [
        replace(one, demand=replace(one.demand, wanted_by=at)) if at else one
        for one, at in zip(told(facts), by, strict=True)
    ]
