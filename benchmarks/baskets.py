"""Real baskets and real stores, read from public files and made into what the API takes. Deterministic."""

import csv
import gzip
import hashlib
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

CHANNEL, CURRENCY = "web", "USD"
#: Five plausible sites of American distribution: near the people, beside the motorways.
WAREHOUSES = (
    ("WH-ONT", "Ontario CA", "91761", 34.03, -117.60),
    ("WH-DFW", "Fort Worth TX", "76177", 32.98, -97.31),
    ("WH-CMH", "Columbus OH", "43217", 39.82, -82.93),
    ("WH-ATL", "Union City GA", "30291", 33.58, -84.54),
    ("WH-ABE", "Allentown PA", "18106", 40.58, -75.63),
)
_TIMEZONES = ((-82.5, "America/New_York"), (-97.0, "America/Chicago"), (-112.0, "America/Denver"))
_NOT_GOODS = re.compile(r"^(POST|D|DOT|M|m|S|B|C2|CRUK|PADS|BANK CHARGES|AMAZONFEE|gift_.*|DCGS.*|TEST.*)$")


@dataclass(frozen=True, slots=True)
class Basket:
    """One invoice: its lines as (sku, quantity, unit price)."""

    invoice: str
    lines: tuple[tuple[str, int, Decimal], ...]


@dataclass(frozen=True, slots=True)
class Catalogue:
    names: Mapping[str, str]
    prices: Mapping[str, Decimal]


def _rows(path: Path) -> Iterator[dict[str, str]]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines)


def read_baskets(path: Path, *, count: int, max_lines: int) -> tuple[list[Basket], Catalogue]:
    """The first `count` invoices of 2 to `max_lines` products: no cancellations, postage, fees or gifts."""
    invoices: dict[str, dict[str, tuple[int, Decimal]]] = defaultdict(dict)
    names: dict[str, str] = {}
    for row in _rows(path):
        quantity, price = int(row["quantity"]), Decimal(row["price"])
        if row["invoice"].startswith(("C", "A")) or quantity <= 0 or price <= 0 or _NOT_GOODS.match(row["stock_code"]):
            continue
        sku = row["stock_code"].upper()
        before, _price = invoices[row["invoice"]].get(sku, (0, price))
        invoices[row["invoice"]][sku] = (before + quantity, price.quantize(Decimal("0.01")))
        names.setdefault(sku, row["description"].strip() or sku)
    baskets = []
    for invoice, lines in invoices.items():
        if 2 <= len(lines) <= max_lines and all(price > 0 for _quantity, price in lines.values()):
            baskets.append(Basket(invoice, tuple((sku, n, price) for sku, (n, price) in lines.items())))
        if len(baskets) == count:
            break
    prices = {sku: price for basket in baskets for sku, _quantity, price in basket.lines}
    return baskets, Catalogue({sku: names[sku] for sku in prices}, prices)


# ---- places -------------------------------------------------------------------------------------


def read_places(path: Path, *, stores: int) -> list[dict[str, Any]]:
    """Five warehouses and `stores` real stores, drawn evenly over the file (which is sorted by chain and state)."""
    found = [row for row in _rows(path) if _on_the_map(row)]
    step = len(found) / stores
    chosen = [found[int(n * step)] for n in range(stores)]
    places = [_place(code, name, "warehouse", zip_code, lat, lng) for code, name, zip_code, lat, lng in WAREHOUSES]
    for row in chosen:
        code = f"{row['chain'][:2].upper()}-{row['store_id']}"
        name = f"{row['city']}, {row['state']}"
        place = _place(code, name, "store", row["zip"], float(row["lat"]), float(row["lng"]))
        place["address"] |= {"line1": row["address"][:200], "city": row["city"], "region": row["state"]}
        places.append(place)
    return places


def _on_the_map(row: Mapping[str, str]) -> bool:
    try:
        return 18 < float(row["lat"]) < 72 and -170 < float(row["lng"]) < -60
    except ValueError:
        return False


def _place(code: str, name: str, kind: str, zip_code: str, lat: float, lng: float) -> dict[str, Any]:
    return {
        "code": code,
        "name": name,
        "kind": kind,
        "address": {"postal_code": zip_code, "city": name, "country": "US"},
        "latitude": lat,
        "longitude": lng,
        "timezone": next((zone for west, zone in _TIMEZONES if lng > west), "America/Los_Angeles"),
        "abilities": ["ship"] if kind == "warehouse" else ["ship", "pickup"],
        "preparation_minutes": 120,
        "handling_cost": "1.00" if kind == "warehouse" else "1.80",
        "currency": CURRENCY,
        "groups": ["large"] if kind == "store" and _share(code) < 0.12 else [],
    }


def _share(*names: str) -> float:
    """A number in [0, 1) that belongs to these names for ever."""
    return int.from_bytes(hashlib.sha256("/".join(names).encode()).digest()[:6]) / 2**48


# ---- stock --------------------------------------------------------------------------------------


def stock_for(
    baskets: Sequence[Basket], places: Sequence[Mapping[str, Any]], *, refused_share: float
) -> dict[tuple[str, str], int]:
    """Units by (sku, place). Some SKUs are too few in the whole network, so many that about `refused_share` fail.

    Warehouses hold three quarters of the assortment, large stores four fifths, other stores a twelfth.
    """
    demand: Counter[str] = Counter()
    largest: Counter[str] = Counter()
    for basket in baskets:
        for sku, quantity, _price in basket.lines:
            demand[sku] += quantity
            largest[sku] = max(largest[sku], quantity)
    scarce = _scarce(baskets, demand, refused_share)
    stock: dict[tuple[str, str], int] = {}
    for sku in sorted(demand):
        if sku in scarce:
            holders = sorted(places, key=lambda place: _share("scarce", sku, place["code"]))[:3]
            for share, place in zip((2, 1, 1), holders, strict=True):
                stock[sku, place["code"]] = max(1, scarce[sku] * share // 4)
            continue
        for place in places:
            if units := _units(sku, place, demand[sku], largest[sku]):
                stock[sku, place["code"]] = units
    return stock


def _units(sku: str, place: Mapping[str, Any], demand: int, largest: int) -> int:
    draw = _share(sku, place["code"])
    if place["kind"] == "warehouse":
        return demand if draw < 0.75 else 0
    if "large" in place["groups"]:
        return max(3, largest) if draw < 0.8 else 0
    return max(2, largest // 2) if draw < 1 / 12 else 0


def _scarce(baskets: Sequence[Basket], demand: Mapping[str, int], refused_share: float) -> dict[str, int]:
    """SKUs with half the units that are wanted: as many as make that share of baskets fail, served in order."""
    order = sorted(demand, key=lambda sku: _share("scarcity", sku))
    low, high = 0, len(order)
    while low < high:
        middle = (low + high) // 2
        if _refused(baskets, {sku: demand[sku] // 2 for sku in order[:middle]}) < refused_share * len(baskets):
            low = middle + 1
        else:
            high = middle
    return {sku: demand[sku] // 2 for sku in order[:low]}


def _refused(baskets: Sequence[Basket], scarce: Mapping[str, int]) -> int:
    left, refused = dict(scarce), 0
    for basket in baskets:
        if any(quantity > left.get(sku, quantity) for sku, quantity, _price in basket.lines):
            refused += 1
            continue
        for sku, quantity, _price in basket.lines:
            if sku in left:
                left[sku] -= quantity
    return refused


# ---- orders -------------------------------------------------------------------------------------


def read_zips(path: Path) -> list[str]:
    """Postal codes of the contiguous states, where parcels go by road."""
    return [row["zip"] for row in _rows(path) if 24 < float(row["lat"]) < 50 and -125 < float(row["lng"]) < -66]


def order_of(basket: Basket, zips: Sequence[str], *, prefix: str = "UCI") -> dict[str, Any]:
    """The basket as an order to a real postal code, without coordinates: the system finds the place."""
    zip_code = random.Random(basket.invoice).choice(zips)
    total = sum((quantity * price for _sku, quantity, price in basket.lines), Decimal(0))
    return {
        "channel": CHANNEL,
        "external_id": f"{prefix}-{basket.invoice}",
        "currency": CURRENCY,
        "customer": {"external_id": f"C-{basket.invoice}", "email": f"c{basket.invoice}@example.org"},
        "shipping_address": {"name": "A Shopper", "line1": "1 Main Street", "postal_code": zip_code,
                             "city": "Town", "country": "US"},
        "delivery": {"method": "ship", "service": "standard"},
        "lines": [
            {"id": f"l{n}", "sku": sku, "quantity": quantity, "unit_price": str(price)}
            for n, (sku, quantity, price) in enumerate(basket.lines, start=1)
        ],
        "payments": [{"gateway": "sandbox", "method": "card", "amount": str(total), "token": "tok_ok"}],
    }  # fmt: skip
