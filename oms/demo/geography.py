"""Where French postal codes lie, coarsely: every department with its main town. Coordinates in degrees.

Enough to put any French address on the map to within some tens of kilometres; the full table of a
country is loaded by `manage.py load_postal_areas`.
"""

from typing import NamedTuple


class Area(NamedTuple):
    """`people`: inhabitants of the department in thousands; it weighs how many orders come from there."""

    country: str
    prefix: str
    town: str
    postal_code: str
    latitude: float
    longitude: float
    people: int


def _france(prefix: str, town: str, postal_code: str, latitude: float, longitude: float, people: int) -> Area:
    return Area("FR", prefix, town, postal_code, latitude, longitude, people)


FRANCE = (
    _france("01", "Bourg-en-Bresse", "01000", 46.205, 5.226, 660),
    _france("02", "Laon", "02000", 49.564, 3.620, 525),
    _france("03", "Moulins", "03000", 46.566, 3.333, 333),
    _france("04", "Digne-les-Bains", "04000", 44.092, 6.236, 166),
    _france("05", "Gap", "05000", 44.559, 6.079, 141),
    _france("06", "Nice", "06000", 43.702, 7.268, 1103),
    _france("07", "Privas", "07000", 44.735, 4.599, 330),
    _france("08", "Charleville-Mézières", "08000", 49.762, 4.720, 266),
    _france("09", "Foix", "09000", 42.966, 1.607, 155),
    _france("10", "Troyes", "10000", 48.297, 4.074, 311),
    _france("11", "Carcassonne", "11000", 43.213, 2.352, 378),
    _france("12", "Rodez", "12000", 44.350, 2.574, 280),
    _france("13", "Marseille", "13001", 43.297, 5.381, 2056),
    _france("14", "Caen", "14000", 49.183, -0.370, 697),
    _france("15", "Aurillac", "15000", 44.926, 2.440, 144),
    _france("16", "Angoulême", "16000", 45.649, 0.156, 350),
    _france("17", "La Rochelle", "17000", 46.160, -1.151, 660),
    _france("18", "Bourges", "18000", 47.081, 2.399, 299),
    _france("19", "Tulle", "19000", 45.267, 1.771, 239),
    _france("20", "Ajaccio", "20000", 41.927, 8.737, 350),
    _france("21", "Dijon", "21000", 47.322, 5.041, 535),
    _france("22", "Saint-Brieuc", "22000", 48.514, -2.766, 605),
    _france("23", "Guéret", "23000", 46.171, 1.872, 115),
    _france("24", "Périgueux", "24000", 45.184, 0.721, 414),
    _france("25", "Besançon", "25000", 47.238, 6.024, 548),
    _france("26", "Valence", "26000", 44.933, 4.892, 520),
    _france("27", "Évreux", "27000", 49.024, 1.151, 599),
    _france("28", "Chartres", "28000", 48.447, 1.489, 431),
    _france("29", "Quimper", "29000", 47.997, -4.097, 920),
    _france("30", "Nîmes", "30000", 43.837, 4.360, 756),
    _france("31", "Toulouse", "31000", 43.605, 1.444, 1434),
    _france("32", "Auch", "32000", 43.646, 0.586, 192),
    _france("33", "Bordeaux", "33000", 44.838, -0.579, 1654),
    _france("34", "Montpellier", "34000", 43.611, 3.877, 1201),
    _france("35", "Rennes", "35000", 48.111, -1.680, 1099),
    _france("36", "Châteauroux", "36000", 46.811, 1.691, 217),
    _france("37", "Tours", "37000", 47.394, 0.685, 612),
    _france("38", "Grenoble", "38000", 45.188, 5.724, 1284),
    _france("39", "Lons-le-Saunier", "39000", 46.675, 5.555, 259),
    _france("40", "Mont-de-Marsan", "40000", 43.891, -0.500, 422),
    _france("41", "Blois", "41000", 47.586, 1.336, 328),
    _france("42", "Saint-Étienne", "42000", 45.440, 4.387, 768),
    _france("43", "Le Puy-en-Velay", "43000", 45.043, 3.885, 227),
    _france("44", "Nantes", "44000", 47.218, -1.554, 1457),
    _france("45", "Orléans", "45000", 47.903, 1.909, 684),
    _france("46", "Cahors", "46000", 44.448, 1.441, 174),
    _france("47", "Agen", "47000", 44.203, 0.616, 330),
    _france("48", "Mende", "48000", 44.518, 3.499, 76),
    _france("49", "Angers", "49000", 47.472, -0.551, 822),
    _france("50", "Saint-Lô", "50000", 49.116, -1.090, 495),
    _france("51", "Reims", "51100", 49.258, 4.032, 565),
    _france("52", "Chaumont", "52000", 48.111, 5.139, 170),
    _france("53", "Laval", "53000", 48.073, -0.769, 306),
    _france("54", "Nancy", "54000", 48.692, 6.184, 731),
    _france("55", "Bar-le-Duc", "55000", 48.772, 5.161, 181),
    _france("56", "Vannes", "56000", 47.658, -2.760, 766),
    _france("57", "Metz", "57000", 49.120, 6.176, 1049),
    _france("58", "Nevers", "58000", 46.990, 3.159, 202),
    _france("59", "Lille", "59000", 50.633, 3.066, 2608),
    _france("60", "Beauvais", "60000", 49.430, 2.081, 829),
    _france("61", "Alençon", "61000", 48.432, 0.091, 277),
    _france("62", "Arras", "62000", 50.291, 2.778, 1460),
    _france("63", "Clermont-Ferrand", "63000", 45.778, 3.087, 662),
    _france("64", "Pau", "64000", 43.295, -0.370, 692),
    _france("65", "Tarbes", "65000", 43.233, 0.078, 229),
    _france("66", "Perpignan", "66000", 42.689, 2.895, 485),
    _france("67", "Strasbourg", "67000", 48.574, 7.752, 1152),
    _france("68", "Mulhouse", "68100", 47.750, 7.336, 769),
    _france("69", "Lyon", "69003", 45.760, 4.849, 1893),
    _france("70", "Vesoul", "70000", 47.620, 6.155, 234),
    _france("71", "Mâcon", "71000", 46.307, 4.828, 551),
    _france("72", "Le Mans", "72000", 48.006, 0.199, 567),
    _france("73", "Chambéry", "73000", 45.564, 5.918, 439),
    _france("74", "Annecy", "74000", 45.899, 6.129, 840),
    _france("75", "Paris", "75011", 48.859, 2.347, 2133),
    _france("76", "Rouen", "76000", 49.443, 1.099, 1256),
    _france("77", "Melun", "77000", 48.540, 2.660, 1438),
    _france("78", "Versailles", "78000", 48.802, 2.130, 1454),
    _france("79", "Niort", "79000", 46.324, -0.465, 375),
    _france("80", "Amiens", "80000", 49.894, 2.296, 568),
    _france("81", "Albi", "81000", 43.929, 2.148, 393),
    _france("82", "Montauban", "82000", 44.018, 1.355, 263),
    _france("83", "Toulon", "83000", 43.125, 5.931, 1095),
    _france("84", "Avignon", "84000", 43.949, 4.806, 565),
    _france("85", "La Roche-sur-Yon", "85000", 46.670, -1.426, 699),
    _france("86", "Poitiers", "86000", 46.580, 0.340, 440),
    _france("87", "Limoges", "87000", 45.834, 1.261, 372),
    _france("88", "Épinal", "88000", 48.174, 6.450, 360),
    _france("89", "Auxerre", "89000", 47.798, 3.573, 334),
    _france("90", "Belfort", "90000", 47.638, 6.863, 139),
    _france("91", "Évry-Courcouronnes", "91000", 48.629, 2.428, 1314),
    _france("92", "Nanterre", "92000", 48.892, 2.207, 1636),
    _france("93", "Saint-Denis", "93200", 48.936, 2.357, 1681),
    _france("94", "Créteil", "94000", 48.790, 2.455, 1415),
    _france("95", "Cergy", "95000", 49.036, 2.063, 1266),
    _france("971", "Les Abymes", "97139", 16.271, -61.505, 384),
    _france("972", "Fort-de-France", "97200", 14.604, -61.067, 361),
    _france("973", "Cayenne", "97300", 4.938, -52.330, 286),
    _france("974", "Saint-Denis", "97400", -20.882, 55.450, 873),
    _france("976", "Mamoudzou", "97600", -12.780, 45.228, 300),
)

NEIGHBOURS = (
    Area("BE", "1", "Bruxelles", "1000", 50.847, 4.352, 900),
    Area("BE", "4", "Liège", "4000", 50.633, 5.568, 250),
    Area("BE", "5", "Namur", "5000", 50.467, 4.867, 120),
    Area("BE", "6", "Charleroi", "6000", 50.411, 4.444, 150),
    Area("BE", "7", "Mons", "7000", 50.454, 3.952, 100),
    Area("BE", "9", "Gent", "9000", 51.054, 3.725, 100),
    Area("LU", "", "Luxembourg", "1111", 49.611, 6.130, 120),
)

AREAS = FRANCE + NEIGHBOURS


def postal_area_lines() -> list[str]:
    """The areas as the CSV that `load_postal_areas` reads."""
    codes = {(area.country, area.prefix or area.postal_code[0]): area for area in AREAS}
    rows = [
        f"{country},{code},{area.town},{area.latitude},{area.longitude},{area.people * 1000}"
        for (country, code), area in codes.items()
    ]
    return ["country,code,name,latitude,longitude,population", *rows]
