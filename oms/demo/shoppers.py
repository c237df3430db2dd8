"""Who buys, what, and where it goes: bodies of `POST /orders/`, for the past (history) and for now (traffic).

Knows nothing of the database: whoever calls brings the products and the places.
"""

import random
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from oms.demo.geography import FRANCE, NEIGHBOURS, Area

Body = dict[str, Any]

_FIRST_NAMES = (
    *("Camille", "Louis", "Léa", "Hugo", "Manon", "Lucas", "Chloé", "Nathan", "Emma", "Jules", "Inès", "Adam", "Sarah"),
    *("Raphaël", "Jade", "Arthur", "Louise", "Gabriel", "Alice", "Paul", "Zoé", "Mohamed", "Fatou", "Mehdi", "Lina"),
    *(
        "Thomas",
        "Julie",
        "Antoine",
        "Clara",
        "Yanis",
        "Anaïs",
        "Théo",
        "Élodie",
        "Maxime",
        "Nora",
        "Baptiste",
        "Agathe",
    ),
)
_LAST_NAMES = (
    *("Martin", "Bernard", "Dubois", "Thomas", "Robert", "Richard", "Petit", "Durand", "Leroy", "Moreau", "Simon"),
    *("Laurent", "Lefebvre", "Michel", "Garcia", "David", "Bertrand", "Roux", "Vincent", "Fournier", "Morel", "Girard"),
    *(
        "André",
        "Mercier",
        "Dupont",
        "Lambert",
        "Bonnet",
        "François",
        "Martinez",
        "Legrand",
        "Garnier",
        "Faure",
        "Benali",
    ),
    *("Rousseau", "Blanc", "Guerin", "Muller", "Henry", "Roussel", "Nicolas", "Perrin", "Traoré", "Nguyen", "Da Silva"),
)
_STREETS = (
    *(
        "rue de la République",
        "rue Victor-Hugo",
        "avenue Jean-Jaurès",
        "rue Pasteur",
        "place de l'Église",
        "rue du Moulin",
    ),
    *(
        "rue des Écoles",
        "boulevard Gambetta",
        "rue des Lilas",
        "chemin des Vignes",
        "rue de la Gare",
        "allée des Tilleuls",
    ),
    *("rue Nationale", "quai des Chartrons", "impasse du Puits", "rue Jules-Ferry", "avenue de Verdun", "rue du Stade"),
)
_BASKET_SIZES, _BASKET_WEIGHTS = (1, 2, 3, 4, 6), (46, 30, 14, 7, 3)
_REGULARS = 900
_ONE_LOYAL_IN = 8
_FREE_SHIPPING_FROM = Decimal(60)
_SHIPPING = {"standard": Decimal("4.90"), "express": Decimal("9.90"), "same_day": Decimal("12.90")}
_TAX_RATES = {"standard": "0.20", "reduced": "0.055"}
_HUB_TOWNS = frozenset({"Paris", "Lyon", "Marseille"})
_DISCOUNT_CODES = (("BIENVENUE10", Decimal("0.10")), ("HIVER15", Decimal("0.15")), ("CLUB5", Decimal("0.05")))


@dataclass(frozen=True, slots=True)
class Item:
    """A product as a shopper sees it."""

    sku: str
    price: Decimal
    tax_class: str


@dataclass(frozen=True, slots=True)
class Errand:
    """How somebody shops; decides the body. `location`: the store they chose to collect from."""

    channel: str
    method: str
    service: str
    location: str | None = None


def pick_errand(rng: random.Random, *, stores: Sequence[str]) -> Errand:
    """`stores`: codes of the places that hand out, as often as they are chosen."""
    if rng.random() < 0.24:
        return Errand("marketplace", "ship", "standard")
    if stores and rng.random() < 0.34:
        return Errand("web", "pickup", "standard", rng.choice(stores))
    return Errand("web", "ship", rng.choices(("standard", "express", "same_day"), (80, 14, 6))[0])


def pick_items(rng: random.Random, items: Sequence[Item]) -> list[tuple[Item, int]]:
    """Distinct items, those at the front of the list far more often, nearly always one of each."""
    wanted = rng.choices(_BASKET_SIZES, _BASKET_WEIGHTS)[0]
    chosen = {items[int(len(items) * rng.random() ** 1.7)] for _ in range(wanted)}
    return [(item, rng.choices((1, 2, 3), (90, 8, 2))[0]) for item in sorted(chosen, key=lambda item: item.sku)]


def order_body(
    rng: random.Random,
    errand: Errand,
    basket: Sequence[tuple[Item, int]],
    *,
    external_id: str,
    token: str = "tok_ok",
    pays_in_store: bool = False,
) -> Body:
    """An order as the web shop or the marketplace sends it; its payment covers the total to the cent."""
    area = _area(rng, errand)
    person = _person(rng, errand)
    lines = [_line(index, item, quantity, rng) for index, (item, quantity) in enumerate(basket, start=1)]
    value = sum(
        (Decimal(line["unit_price"]) * line["quantity"] - Decimal(line["discount"]) for line in lines), Decimal(0)
    )
    discounts = _discounts(rng, errand, value)
    net = value - sum((Decimal(discount["amount"]) for discount in discounts), Decimal(0))
    shipping = _shipping(errand, net)
    return {
        "channel": errand.channel,
        "external_id": external_id,
        "currency": "EUR",
        "locale": "fr" if area.country == "FR" and rng.random() < 0.93 else rng.choice(("fr", "en")),
        "prices_include_tax": True,
        "customer": person,
        **({} if errand.method == "pickup" else {"shipping_address": _address(rng, area, person)}),
        "delivery": _delivery(errand),
        "lines": lines,
        "shipping_price": str(shipping),
        "discounts": discounts,
        "payments": [_payment(errand, net + shipping, token, pays_in_store=pays_in_store)],
        "metadata": {"device": rng.choice(("phone", "phone", "computer", "tablet"))} if errand.channel == "web" else {},
    }


def _area(rng: random.Random, errand: Errand) -> Area:
    areas: Sequence[Area] = FRANCE if errand.channel == "marketplace" else (*FRANCE, *NEIGHBOURS)
    if errand.service == "same_day":
        areas = [area for area in FRANCE if area.town in _HUB_TOWNS]
    elif errand.service == "express":
        areas = [area for area in FRANCE if len(area.prefix) == 2]
    return rng.choices(areas, [area.people for area in areas])[0]


def _person(rng: random.Random, errand: Errand) -> Body:
    """Two in three are customers we know; the same number is always the same person."""
    is_regular = rng.random() < 0.66
    number = rng.randrange(_REGULARS)
    names = random.Random(f"{errand.channel} {number}") if is_regular else rng
    first, last = names.choice(_FIRST_NAMES), names.choice(_LAST_NAMES)
    plain = unicodedata.normalize("NFKD", f"{first}.{last}.{number}").encode("ascii", "ignore").decode()
    mailbox = plain.lower().replace(" ", "")
    return {
        **({"external_id": f"C-{number:05d}"} if is_regular else {}),
        "email": f"{mailbox}@example.org",
        "phone": f"+336{names.randrange(10**8):08d}",
        "first_name": first,
        "last_name": last,
        **({"tags": ["loyal"]} if is_regular and number % _ONE_LOYAL_IN == 0 else {}),
    }


def _address(rng: random.Random, area: Area, person: Mapping[str, str]) -> Body:
    """Around the town, with coordinates for one in three, as shops send them."""
    exact = {
        "latitude": round(area.latitude + rng.gauss(0, 0.04), 5),
        "longitude": round(area.longitude + rng.gauss(0, 0.05), 5),
    }
    return {
        "name": f"{person['first_name']} {person['last_name']}",
        "line1": f"{rng.randint(1, 140)} {rng.choice(_STREETS)}",
        "postal_code": area.postal_code,
        "city": area.town,
        "country": area.country,
        **(exact if rng.random() < 0.34 else {}),
    }


def _delivery(errand: Errand) -> Body:
    place = {"location": errand.location, "stock": "local"} if errand.location else {}
    return {"method": errand.method, "service": errand.service, **place}


def _line(index: int, item: Item, quantity: int, rng: random.Random) -> Body:
    reduction = Decimal("0.20") if rng.random() < 0.08 else Decimal(0)
    return {
        "id": f"l{index}",
        "sku": item.sku,
        "quantity": quantity,
        "unit_price": str(item.price),
        "discount": str((item.price * quantity * reduction).quantize(Decimal("0.01"))),
        "tax_rate": _TAX_RATES[item.tax_class],
    }


def _discounts(rng: random.Random, errand: Errand, value: Decimal) -> list[Body]:
    if errand.channel != "web" or rng.random() > 0.12:
        return []
    code, share = rng.choice(_DISCOUNT_CODES)
    return [{"code": code, "amount": str((value * share).quantize(Decimal("0.01")))}]


def _shipping(errand: Errand, net: Decimal) -> Decimal:
    is_free = errand.method == "pickup" or (errand.service == "standard" and net >= _FREE_SHIPPING_FROM)
    return Decimal("0.00") if is_free else _SHIPPING[errand.service]


def _payment(errand: Errand, amount: Decimal, token: str, *, pays_in_store: bool) -> Body:
    if pays_in_store:
        return {"gateway": "in_store", "method": "till", "amount": str(amount)}
    method = "marketplace" if errand.channel == "marketplace" else "card"
    return {"gateway": "sandbox", "method": method, "amount": str(amount), "token": token}


def pick_token(rng: random.Random, tokens: Mapping[str, float]) -> str:
    """A payment's fate, by share; the rest is paid at once."""
    roll = rng.random()
    for token, share in tokens.items():
        roll -= share
        if roll < 0:
            return token
    return "tok_ok"
