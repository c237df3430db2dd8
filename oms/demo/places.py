# ruff: noqa: E501 (one row per line: a table reads better wide)
"""Where Orvane stocks, sells and hands over: warehouses, stores, city hubs, suppliers and lockers."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from inventory.services import LocationRow

Hours = Mapping[str, list[list[str]]]
_WEEK = ("mon", "tue", "wed", "thu", "fri", "sat")


def _daily(opens: str, closes: str, days: tuple[str, ...] = _WEEK) -> dict[str, list[list[str]]]:
    return {day: [[opens, closes]] for day in days}


HOURS: Mapping[str, Hours] = {
    "always": {},
    "warehouse": {},
    "city": _daily("10:00", "19:00"),
    "center": {**_daily("10:00", "20:00"), "sun": [["11:00", "18:00"]]},
    "mall": _daily("09:30", "20:30"),
    "station": {**_daily("07:30", "20:30"), "sun": [["10:00", "19:00"]]},
    "small_town": {
        "mon": [["14:00", "19:00"]],
        **{day: [["10:00", "12:30"], ["14:00", "19:00"]] for day in _WEEK[1:5]},
        "sat": [["10:00", "19:00"]],
    },
    "closed_monday": _daily("10:00", "19:00", _WEEK[1:]),
    "outlet": _daily("10:00", "19:00", (*_WEEK, "sun")),
    "overseas": _daily("09:00", "18:30"),
    "office": _daily("08:00", "17:00", _WEEK[:5]),
}


class Store(NamedTuple):
    code: str
    name: str
    line1: str
    postal_code: str
    city: str
    region: str
    latitude: float
    longitude: float
    hours: str
    groups: str


_IDF, _ARA, _PACA, _HDF, _BRE, _NAQ, _OCC = "Île-de-France", "Auvergne-Rhône-Alpes", "Provence-Alpes-Côte d'Azur", "Hauts-de-France", "Bretagne", "Nouvelle-Aquitaine", "Occitanie"  # fmt: skip
_PDL, _GES, _NOR, _CVL, _BFC = "Pays de la Loire", "Grand Est", "Normandie", "Centre-Val de Loire", "Bourgogne-Franche-Comté"  # fmt: skip

# Streets and coordinates are real ones of the towns; no such shop stands there.
STORES = (
    Store("PARIS-OPERA", "Paris Opéra", "24 rue de la Chaussée d'Antin", "75009", "Paris", _IDF, 48.8731, 2.3329, "center", "idf flagship"),
    Store("PARIS-RIVOLI", "Paris Rivoli", "118 rue de Rivoli", "75001", "Paris", _IDF, 48.8594, 2.3449, "center", "idf flagship"),
    Store("PARIS-BERCY", "Paris Bercy", "12 cour Saint-Émilion", "75012", "Paris", _IDF, 48.8331, 2.3862, "center", "idf"),
    Store("PARIS-BATIGNOLLES", "Paris Batignolles", "47 rue des Batignolles", "75017", "Paris", _IDF, 48.8844, 2.3216, "closed_monday", "idf"),
    Store("PARIS-ALESIA", "Paris Alésia", "82 rue d'Alésia", "75014", "Paris", _IDF, 48.8283, 2.3269, "city", "idf"),
    Store("PARIS-GARE-EST", "Paris Gare de l'Est", "Place du 11-Novembre-1918", "75010", "Paris", _IDF, 48.8768, 2.3592, "station", "idf station"),
    Store("LEVALLOIS", "Levallois", "30 rue du Président-Wilson", "92300", "Levallois-Perret", _IDF, 48.8946, 2.2874, "city", "idf"),
    Store("LA-DEFENSE", "La Défense", "15 parvis de la Défense", "92800", "Puteaux", _IDF, 48.8919, 2.2384, "mall", "idf mall flagship"),
    Store("VERSAILLES", "Versailles", "21 rue de la Paroisse", "78000", "Versailles", _IDF, 48.8071, 2.1318, "closed_monday", "idf"),
    Store("CRETEIL", "Créteil Soleil", "101 avenue du Général-de-Gaulle", "94000", "Créteil", _IDF, 48.7797, 2.4577, "mall", "idf mall"),
    Store("ROSNY", "Rosny", "16 avenue du Général-de-Gaulle", "93110", "Rosny-sous-Bois", _IDF, 48.8790, 2.4790, "mall", "idf mall"),
    Store("LYON-PART-DIEU", "Lyon Part-Dieu", "17 rue du Docteur-Bouchut", "69003", "Lyon", _ARA, 45.7609, 4.8574, "mall", "aura mall flagship"),
    Store("LYON-BELLECOUR", "Lyon Bellecour", "58 rue de la République", "69002", "Lyon", _ARA, 45.7610, 4.8355, "city", "aura"),
    Store("GRENOBLE", "Grenoble", "9 rue Félix-Poulat", "38000", "Grenoble", _ARA, 45.1903, 5.7264, "city", "aura"),
    Store("SAINT-ETIENNE", "Saint-Étienne", "6 rue du Général-Foy", "42000", "Saint-Étienne", _ARA, 45.4412, 4.3874, "small_town", "aura"),
    Store("ANNECY", "Annecy", "14 rue Royale", "74000", "Annecy", _ARA, 45.9008, 6.1246, "closed_monday", "aura"),
    Store("CLERMONT", "Clermont-Ferrand", "33 avenue des États-Unis", "63000", "Clermont-Ferrand", _ARA, 45.7790, 3.0825, "small_town", "aura"),
    Store("MARSEILLE-PRADO", "Marseille Prado", "41 boulevard Michelet", "13008", "Marseille", _PACA, 43.2709, 5.3937, "center", "sud flagship"),
    Store("MARSEILLE-JOLIETTE", "Marseille Joliette", "9 quai du Lazaret", "13002", "Marseille", _PACA, 43.3087, 5.3668, "center", "sud mall"),
    Store("AIX", "Aix-en-Provence", "11 rue Espariat", "13100", "Aix-en-Provence", _PACA, 43.5283, 5.4470, "city", "sud"),
    Store("NICE", "Nice", "26 avenue Jean-Médecin", "06000", "Nice", _PACA, 43.7010, 7.2690, "center", "sud"),
    Store("TOULON", "Toulon", "12 rue d'Alger", "83000", "Toulon", _PACA, 43.1219, 5.9312, "small_town", "sud"),
    Store("AVIGNON", "Avignon", "40 rue de la République", "84000", "Avignon", _PACA, 43.9468, 4.8066, "city", "sud"),
    Store("MONTPELLIER", "Montpellier", "23 Grand-Rue Jean-Moulin", "34000", "Montpellier", _OCC, 43.6096, 3.8781, "city", "sud"),
    Store("NIMES", "Nîmes", "5 rue de l'Aspic", "30000", "Nîmes", _OCC, 43.8366, 4.3583, "small_town", "sud"),
    Store("PERPIGNAN", "Perpignan", "18 rue Mailly", "66000", "Perpignan", _OCC, 42.6984, 2.8963, "small_town", "sud"),
    Store("TOULOUSE-CAPITOLE", "Toulouse Capitole", "44 rue d'Alsace-Lorraine", "31000", "Toulouse", _OCC, 43.6050, 1.4455, "city", "sud-ouest flagship"),
    Store("TOULOUSE-LABEGE", "Toulouse Labège", "700 rue La Pyrénéenne", "31670", "Labège", _OCC, 43.5405, 1.5102, "mall", "sud-ouest mall"),
    Store("BORDEAUX", "Bordeaux Sainte-Catherine", "63 rue Sainte-Catherine", "33000", "Bordeaux", _NAQ, 44.8388, -0.5738, "center", "sud-ouest flagship"),
    Store("MERIGNAC", "Mérignac", "16 avenue de la Somme", "33700", "Mérignac", _NAQ, 44.8306, -0.6580, "mall", "sud-ouest mall"),
    Store("PAU", "Pau", "10 rue Serviez", "64000", "Pau", _NAQ, 43.2966, -0.3682, "small_town", "sud-ouest"),
    Store("LIMOGES", "Limoges", "8 rue du Clocher", "87000", "Limoges", _NAQ, 45.8303, 1.2609, "small_town", "sud-ouest"),
    Store("LA-ROCHELLE", "La Rochelle", "29 rue du Palais", "17000", "La Rochelle", _NAQ, 46.1601, -1.1524, "closed_monday", "sud-ouest"),
    Store("NANTES", "Nantes Crébillon", "14 rue Crébillon", "44000", "Nantes", _PDL, 47.2133, -1.5610, "city", "ouest flagship"),
    Store("ANGERS", "Angers", "7 rue Lenepveu", "49000", "Angers", _PDL, 47.4722, -0.5527, "city", "ouest"),
    Store("LE-MANS", "Le Mans", "19 rue des Minimes", "72000", "Le Mans", _PDL, 48.0057, 0.1966, "small_town", "ouest"),
    Store("RENNES", "Rennes", "22 rue Le Bastard", "35000", "Rennes", _BRE, 48.1128, -1.6796, "city", "ouest"),
    Store("BREST", "Brest", "65 rue de Siam", "29200", "Brest", _BRE, 48.3866, -4.4893, "small_town", "ouest"),
    Store("CAEN", "Caen", "31 rue Saint-Pierre", "14000", "Caen", _NOR, 49.1837, -0.3640, "city", "ouest"),
    Store("ROUEN", "Rouen", "52 rue du Gros-Horloge", "76000", "Rouen", _NOR, 49.4414, 1.0903, "closed_monday", "nord"),
    Store("LILLE", "Lille Rihour", "27 rue de Béthune", "59000", "Lille", _HDF, 50.6342, 3.0624, "center", "nord flagship"),
    Store("AMIENS", "Amiens", "13 rue des Trois-Cailloux", "80000", "Amiens", _HDF, 49.8931, 2.2992, "small_town", "nord"),
    Store("STRASBOURG", "Strasbourg", "20 rue des Grandes-Arcades", "67000", "Strasbourg", _GES, 48.5835, 7.7465, "city", "est flagship"),
    Store("NANCY", "Nancy", "36 rue Saint-Jean", "54000", "Nancy", _GES, 48.6899, 6.1799, "city", "est"),
    Store("REIMS", "Reims", "45 rue de Vesle", "51100", "Reims", _GES, 49.2543, 4.0301, "city", "est"),
    Store("DIJON", "Dijon", "28 rue de la Liberté", "21000", "Dijon", _BFC, 47.3223, 5.0393, "closed_monday", "est"),
    Store("TOURS", "Tours", "39 rue Nationale", "37000", "Tours", _CVL, 47.3942, 0.6853, "small_town", "ouest"),
    Store("TROYES-OUTLET", "Troyes Outlet", "114 boulevard de Dijon", "10800", "Saint-Julien-les-Villas", _GES, 48.2769, 4.0950, "outlet", "est outlet"),
    Store("ROUBAIX-OUTLET", "Roubaix Outlet", "44 mail de Lannoy", "59100", "Roubaix", _HDF, 50.6892, 3.1792, "outlet", "nord outlet"),
)  # fmt: skip

# Small depots in the big cities, staffed day and night: express parcels, and lockers at the door.
HUBS = (
    Store("HUB-PARIS", "Hub Paris La Villette", "11 quai de la Gironde", "75019", "Paris", _IDF, 48.8963, 2.3849, "always", "idf hub"),
    Store("HUB-LYON", "Hub Lyon Gerland", "52 avenue Tony-Garnier", "69007", "Lyon", _ARA, 45.7311, 4.8316, "always", "aura hub"),
    Store("HUB-MARSEILLE", "Hub Marseille Arenc", "30 rue d'Anthoine", "13015", "Marseille", _PACA, 43.3170, 5.3690, "always", "sud hub"),
)  # fmt: skip

_ABROAD = (
    ("BE", "Europe/Brussels", Store("BRUXELLES", "Bruxelles Neuve", "96 rue Neuve", "1000", "Bruxelles", "Bruxelles-Capitale", 50.8515, 4.3560, "center", "abroad flagship")),
    ("LU", "Europe/Luxembourg", Store("LUXEMBOURG", "Luxembourg", "31 Grand-Rue", "1661", "Luxembourg", "Luxembourg", 49.6117, 6.1296, "city", "abroad")),
    ("FR", "Indian/Reunion", Store("SAINT-DENIS", "Saint-Denis de La Réunion", "60 rue Maréchal-Leclerc", "97400", "Saint-Denis", "La Réunion", -20.8789, 55.4481, "overseas", "overseas")),
    ("FR", "America/Martinique", Store("FORT-DE-FRANCE", "Fort-de-France", "25 rue Victor-Hugo", "97200", "Fort-de-France", "Martinique", 14.6037, -61.0700, "overseas", "overseas")),
)  # fmt: skip

_WAREHOUSES = (
    Store("WH-ORLEANS", "Entrepôt Orléans", "1240 rue de la Vallée d'Ormes", "45770", "Saran", _CVL, 47.9560, 1.8740, "warehouse", "central"),
    Store("WH-LYON", "Entrepôt Lyon Est", "75 rue du Mollaret", "38070", "Saint-Quentin-Fallavier", _ARA, 45.6440, 5.1120, "warehouse", "sud"),
    Store("WH-LILLE", "Entrepôt Lesquin", "8 rue de la Haie Plouvier", "59810", "Lesquin", _HDF, 50.5850, 3.1040, "warehouse", "nord"),
)  # fmt: skip

_SUPPLIERS = (
    Store("SUP-VOSGES", "Ateliers des Vosges (meubles)", "3 route de Remiremont", "88200", "Saint-Nabord", _GES, 48.0480, 6.5860, "office", "dropship"),
    Store("SUP-PORTO", "Têxteis do Ave (linge)", "210 rua da Fábrica", "4810-026", "Guimarães", "Braga", 41.4440, -8.2960, "office", "dropship"),
)  # fmt: skip

_LOCKERS = (
    Store("LOCKER-NATION", "Casier Nation", "4 place de la Nation", "75011", "Paris", _IDF, 48.8483, 2.3952, "always", "idf"),
    Store("LOCKER-VAISE", "Casier Gare de Vaise", "1 place de Paris", "69009", "Lyon", _ARA, 45.7800, 4.8050, "always", "aura"),
    Store("LOCKER-ST-CHARLES", "Casier Saint-Charles", "Square Narvik", "13001", "Marseille", _PACA, 43.3027, 5.3805, "always", "sud"),
    Store("LOCKER-MATABIAU", "Casier Matabiau", "64 boulevard Pierre-Sémard", "31500", "Toulouse", _OCC, 43.6113, 1.4536, "always", "sud-ouest"),
)  # fmt: skip

_STORE_ABILITIES = ("ship", "pickup", "receive_transfer", "accept_return")


# Regions with days off of their own; elsewhere those of the country. Warehouses, hubs and lockers know no day off.
_REGIONAL_HOLIDAYS = {"STRASBOURG": "FR-6AE", "SAINT-DENIS": "FR-974", "FORT-DE-FRANCE": "FR-972"}
PAUSED = "GRENOBLE"
"""The store whose manager takes no more orders on the day the demo is loaded."""


def location_rows(today: date) -> list[LocationRow]:
    """Every place, warehouses first: the order in which rules fall back on them."""
    return [_with_days_off(row, today.year) for row in _location_rows()]


def _with_days_off(row: LocationRow, year: int) -> LocationRow:
    """Stores and suppliers close on public holidays; stores close early on the eves, malls open on the last Sunday."""
    if not row.opening_hours:
        return row
    row = replace(row, holiday_calendar=_REGIONAL_HOLIDAYS.get(row.code, row.country))
    return replace(row, special_hours=_december(row, year)) if row.kind == "store" else row


def _december(row: LocationRow, year: int) -> Hours:
    eves = {f"{year}-12-{day}": [["10:00", "17:00"]] for day in (24, 31)}
    last_sunday = date(year, 12, 24) - timedelta(days=(date(year, 12, 24).weekday() + 1) % 7 or 7)
    return {**eves, last_sunday.isoformat(): [["10:00", "19:00"]]} if "mall" in row.groups else eves


def _location_rows() -> list[LocationRow]:
    return [
        *(_warehouse(place) for place in _WAREHOUSES),
        *(_hub(place) for place in HUBS),
        *(_store(place) for place in STORES),
        *(_store(place, country=country, timezone=timezone) for country, timezone, place in _ABROAD),
        *(_supplier(place) for place in _SUPPLIERS),
        *(_row(place, "locker", abilities=("pickup",)) for place in _LOCKERS),
    ]


def _warehouse(place: Store) -> LocationRow:
    return _row(
        place,
        "warehouse",
        abilities=("ship", "receive_transfer", "accept_return"),
        cut_off={"standard": "17:00", "express": "19:00"},
        preparation_minutes=120,
        handling_cost=Decimal("1.20"),
        handling_cost_per_unit=Decimal("0.15"),
        packaging_cost=Decimal("0.30"),
        safety_stock=2,
    )


def _hub(place: Store) -> LocationRow:
    return _row(
        place,
        "store",
        abilities=("ship", "pickup", "accept_return"),
        daily_capacity=400,
        preparation_minutes=20,
        handling_cost=Decimal("1.90"),
        handling_cost_per_unit=Decimal("0.30"),
        packaging_cost=Decimal("0.45"),
    )


def _store(place: Store, *, country: str = "FR", timezone: str = "Europe/Paris") -> LocationRow:
    groups = place.groups.split()
    is_flagship = "flagship" in groups
    curbside = ("curbside",) if "mall" in groups else ()
    return _row(
        place,
        "store",
        country=country,
        timezone=timezone,
        abilities=(*_STORE_ABILITIES, *curbside),
        daily_capacity=None if is_flagship else 30 if place.hours == "small_town" else 60,
        cut_off="17:00",
        preparation_minutes=45 if is_flagship else 60,
        handling_cost=Decimal("2.40"),
        handling_cost_per_unit=Decimal("0.40"),
        packaging_cost=Decimal("0.60"),
        safety_stock=0 if "outlet" in groups else 1,
    )


def _supplier(place: Store) -> LocationRow:
    is_portuguese = place.code == "SUP-PORTO"
    return _row(
        place,
        "supplier",
        country="PT" if is_portuguese else "FR",
        timezone="Europe/Lisbon" if is_portuguese else "Europe/Paris",
        abilities=("ship",),
        cut_off="12:00",
        preparation_minutes=480,
        handling_cost=Decimal("3.50"),
        packaging_cost=Decimal("0.50"),
        safety_stock=3,
    )


def _row(
    place: Store, kind: str, *, country: str = "FR", timezone: str = "Europe/Paris", **values: object
) -> LocationRow:
    return LocationRow(
        code=place.code,
        name=place.name,
        kind=kind,
        line1=place.line1,
        postal_code=place.postal_code,
        city=place.city,
        region=place.region,
        country=country,
        latitude=place.latitude,
        longitude=place.longitude,
        timezone=timezone,
        opening_hours=HOURS[place.hours],
        groups=place.groups.split(),
        **values,  # type: ignore[arg-type]
    )
