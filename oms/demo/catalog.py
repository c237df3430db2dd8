# ruff: noqa: E501 (one row per line: a table reads better wide)
"""What Orvane sells: a few thousand SKUs, worked out from families × styles × colours × sizes.

Everything is derived from positions in these tables, so a SKU means the same on every machine.
"""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple

from django.conf import settings

from inventory.services import ProductRow
from oms.demo import pictures


class Color(NamedTuple):
    code: str
    en: str
    fr: str
    rgb: str


COLORS = {
    color.code: color
    for color in (
        Color("BLK", "black", "noir", "#2a2a2d"),
        Color("WHT", "white", "blanc", "#fdfdfb"),
        Color("ECR", "ecru", "écru", "#e9dfc9"),
        Color("NAV", "navy", "bleu marine", "#24365c"),
        Color("SKY", "sky blue", "bleu ciel", "#9fc3e0"),
        Color("GRY", "grey", "gris", "#8f949b"),
        Color("KHA", "khaki", "kaki", "#6f7350"),
        Color("GRN", "forest green", "vert sapin", "#2f5d47"),
        Color("RED", "red", "rouge", "#b8322f"),
        Color("BOR", "burgundy", "bordeaux", "#6d2136"),
        Color("PNK", "powder pink", "rose poudré", "#e3b5b6"),
        Color("TER", "terracotta", "terre cuite", "#c06a45"),
        Color("MUS", "mustard", "moutarde", "#d3a030"),
        Color("CAM", "camel", "camel", "#b78a58"),
        Color("IND", "indigo", "indigo", "#3c4a7d"),
        Color("LIL", "lilac", "lilas", "#b9a6cf"),
    )
}

SIZES: dict[str, tuple[str, ...]] = {
    "letters": ("XS", "S", "M", "L", "XL", "XXL"),
    "numbers": ("36", "38", "40", "42", "44", "46"),
    "shoes_w": ("36", "37", "38", "39", "40", "41"),
    "shoes_m": ("40", "41", "42", "43", "44", "45", "46"),
    "socks": ("35-38", "39-42", "43-46"),
    "beds": ("140×200", "160×200", "180×200"),
    "kilos": ("2 kg", "5 kg", "10 kg"),
    "one": ("",),
}


class Family(NamedTuple):
    """`price`: of the cheapest style in euros; every further style costs a step more."""

    code: str
    shape: str
    en: str
    fr: str
    department: str
    sizes: str
    colors: str
    price: str
    weight_g: int
    material: str
    tags: str = ""


FAMILIES = (
    Family("TSW", "tee", "women's T-shirt", "T-shirt femme", "fashion", "letters", "WHT BLK PNK SKY RED", "15.99", 150, "cotton", "women"),
    Family("TSM", "tee", "men's T-shirt", "T-shirt homme", "fashion", "letters", "WHT BLK NAV GRY KHA", "15.99", 190, "cotton", "men"),
    Family("POL", "polo", "polo shirt", "polo", "fashion", "letters", "WHT NAV GRN BOR", "29.99", 240, "cotton piqué", "men"),
    Family("SHW", "shirt", "women's shirt", "chemise femme", "fashion", "numbers", "WHT ECR SKY LIL", "39.99", 210, "viscose", "women"),
    Family("SHM", "shirt", "linen shirt", "chemise en lin", "fashion", "letters", "WHT SKY KHA NAV", "45.99", 260, "linen", "men"),
    Family("KNW", "knit", "women's jumper", "pull femme", "fashion", "letters", "ECR CAM BOR GRN", "49.99", 380, "merino wool", "women"),
    Family("KNM", "knit", "men's jumper", "pull homme", "fashion", "letters", "NAV GRY GRN CAM", "55.99", 460, "lambswool", "men"),
    Family("HOO", "hoodie", "hoodie", "sweat à capuche", "fashion", "letters", "GRY BLK NAV LIL", "42.99", 620, "brushed cotton", "women men"),
    Family("JAC", "jacket", "jacket", "veste", "fashion", "numbers", "NAV BLK CAM", "89.99", 850, "wool blend", "women"),
    Family("COA", "coat", "coat", "manteau", "fashion", "numbers", "CAM BLK BOR", "149.99", 1450, "wool", "women"),
    Family("PAR", "coat", "parka", "parka", "fashion", "letters", "KHA NAV BLK", "129.99", 1350, "recycled polyester", "men"),
    Family("DRE", "dress", "dress", "robe", "fashion", "numbers", "BLK GRN TER LIL", "59.99", 320, "viscose", "women"),
    Family("SKI", "skirt", "skirt", "jupe", "fashion", "numbers", "BLK CAM IND", "39.99", 290, "cotton", "women"),
    Family("TRW", "trousers", "women's trousers", "pantalon femme", "fashion", "numbers", "BLK ECR KHA", "49.99", 420, "cotton", "women"),
    Family("CHI", "trousers", "chinos", "chino", "fashion", "numbers", "CAM NAV KHA", "45.99", 480, "cotton twill", "men"),
    Family("JEA", "jeans", "jeans", "jean", "fashion", "numbers", "IND BLK SKY", "59.99", 640, "denim", "women men"),
    Family("SNW", "sneaker", "women's sneakers", "baskets femme", "fashion", "shoes_w", "WHT PNK BLK", "69.99", 780, "leather", "women shoes"),
    Family("SNM", "sneaker", "men's sneakers", "baskets homme", "fashion", "shoes_m", "WHT NAV BLK", "74.99", 950, "leather", "men shoes"),
    Family("BOO", "boot", "ankle boots", "bottines", "fashion", "shoes_w", "BLK CAM BOR", "99.99", 1150, "leather", "women shoes"),
    Family("SAN", "sandal", "sandals", "sandales", "fashion", "shoes_w", "CAM BLK", "49.99", 520, "leather", "women shoes"),
    Family("SOC", "socks", "pair of socks", "paire de chaussettes", "fashion", "socks", "NAV GRY MUS BOR", "6.99", 60, "cotton", "men women"),
    Family("BAG", "bag", "tote bag", "cabas", "fashion", "one", "CAM BLK BOR GRN", "79.99", 680, "leather", "accessories"),
    Family("CAP", "cap", "cap", "casquette", "fashion", "one", "NAV BLK ECR KHA", "19.99", 90, "cotton", "accessories"),
    Family("SCA", "scarf", "scarf", "écharpe", "fashion", "one", "CAM GRY RED MUS", "34.99", 160, "wool", "accessories"),
    Family("LEG", "leggings", "running leggings", "legging de course", "sport", "letters", "BLK NAV BOR", "34.99", 220, "elastane", "running women"),
    Family("RUN", "tee", "running top", "haut de course", "sport", "letters", "RED SKY BLK", "24.99", 130, "recycled polyester", "running"),
    Family("SHO", "shorts", "training shorts", "short d'entraînement", "sport", "letters", "BLK NAV GRY", "22.99", 140, "polyester", "training"),
    Family("RSH", "sneaker", "running shoes", "chaussures de course", "sport", "shoes_m", "RED SKY BLK", "94.99", 620, "mesh", "running shoes"),
    Family("HIK", "boot", "hiking boots", "chaussures de randonnée", "sport", "shoes_m", "KHA GRY", "119.99", 1350, "nubuck", "outdoor shoes"),
    Family("BPK", "backpack", "backpack 25 l", "sac à dos 25 l", "sport", "one", "GRN NAV TER BLK", "54.99", 900, "ripstop", "outdoor"),
    Family("MAT", "mat", "yoga mat", "tapis de yoga", "sport", "one", "LIL GRN TER SKY", "29.99", 1300, "cork", "training"),
    Family("DUM", "dumbbell", "dumbbell", "haltère", "sport", "kilos", "BLK RED", "14.99", 2000, "cast iron", "training heavy"),
    Family("BOT", "bottle", "water bottle", "gourde", "sport", "one", "SKY GRN BLK PNK", "17.99", 310, "steel", "outdoor"),
    Family("BAL", "ball", "ball", "ballon", "sport", "one", "WHT TER SKY", "19.99", 430, "rubber", "training"),
    Family("RAC", "racket", "badminton racket", "raquette de badminton", "sport", "one", "RED SKY", "39.99", 190, "carbon", "training"),
    Family("TEN", "tent", "two-person tent", "tente deux places", "sport", "one", "GRN TER", "129.99", 3200, "polyester", "outdoor heavy"),
    Family("CUS", "cushion", "cushion cover", "housse de coussin", "home", "one", "TER MUS GRN ECR LIL", "14.99", 220, "cotton", "living"),
    Family("THR", "throw", "throw", "plaid", "home", "one", "ECR GRY TER GRN", "39.99", 900, "wool blend", "living"),
    Family("BED", "bedding", "duvet set", "parure de lit", "home", "beds", "WHT SKY TER GRN", "69.99", 1800, "washed linen", "bedroom"),
    Family("TOW", "towel", "bath towel", "drap de bain", "home", "one", "WHT GRY PNK GRN MUS", "16.99", 550, "terry cotton", "bathroom"),
    Family("MUG", "mug", "mug", "mug", "home", "one", "ECR TER SKY GRN MUS", "8.99", 340, "stoneware", "tableware"),
    Family("PLA", "plate", "dinner plate", "assiette plate", "home", "one", "ECR SKY TER GRN", "9.99", 620, "stoneware", "tableware"),
    Family("VAS", "vase", "vase", "vase", "home", "one", "TER ECR GRN", "24.99", 980, "ceramic", "living"),
    Family("CAN", "candle", "scented candle", "bougie parfumée", "home", "one", "ECR PNK GRN MUS", "18.99", 450, "soy wax", "living gift"),
    Family("LAM", "lamp", "table lamp", "lampe à poser", "home", "one", "ECR TER GRN", "59.99", 1700, "ceramic", "living"),
    Family("RUG", "rug", "rug 120×180", "tapis 120×180", "home", "one", "ECR TER GRY", "119.99", 6500, "jute", "living heavy"),
    Family("TEA", "tea", "herbal tea", "infusion", "home", "one", "GRN MUS PNK", "6.50", 90, "organic herbs", "food gift"),
    Family("CHA", "chair", "oak chair", "chaise en chêne", "home", "one", "CAM BLK", "129.00", 5200, "oak", "bulky dropship"),
    Family("TAB", "table", "oak side table", "table d'appoint en chêne", "home", "one", "CAM BLK", "189.00", 9800, "oak", "bulky dropship"),
)  # fmt: skip

_FOLDED = (300, 220, 40)
_PACKED = {  # millimetres: length, width, height of what is not folded flat
    **dict.fromkeys(("jacket", "coat", "hoodie", "knit"), (400, 300, 90)),
    **dict.fromkeys(("jeans", "trousers"), (350, 260, 50)),
    **dict.fromkeys(("sneaker", "sandal"), (330, 200, 120)),
    "boot": (360, 260, 130),
    "socks": (180, 90, 30),
    "cap": (260, 180, 130),
    "scarf": (260, 200, 50),
    "bag": (420, 320, 140),
    "backpack": (480, 300, 160),
    "mat": (640, 120, 120),
    "dumbbell": (220, 110, 110),
    "bottle": (270, 80, 80),
    "ball": (240, 240, 240),
    "racket": (680, 220, 40),
    "tent": (440, 160, 160),
    "cushion": (400, 300, 30),
    "throw": (380, 300, 100),
    "bedding": (420, 320, 110),
    "towel": (350, 250, 90),
    "mug": (130, 110, 110),
    "plate": (300, 300, 50),
    "vase": (320, 180, 180),
    "candle": (120, 110, 110),
    "lamp": (460, 320, 320),
    "rug": (1250, 220, 220),
    "tea": (120, 80, 60),
    "chair": (880, 520, 500),
    "table": (620, 620, 480),
}

# Collections are named after islands and hills.
_COLLECTIONS = (
    *("Ouessant", "Bréhat", "Noirmoutier", "Vercors", "Lubéron", "Cévennes", "Aubrac", "Ventoux", "Sancy", "Glénan"),
    *(
        "Porquerolles",
        "Morvan",
        "Hoëdic",
        "Mercantour",
        "Oléron",
        "Bugey",
        "Queyras",
        "Ardenne",
        "Chausey",
        "Corbières",
    ),
)
_STYLES_PER_FAMILY = {"fashion": 5, "sport": 4, "home": 5}
_PRICE_STEP = Decimal("0.18")
_IN_STORE_EAN = "20"  # GS1 keeps 20–29 for a retailer's own codes, so none of ours is somebody's


class Style(NamedTuple):
    family: Family
    number: int
    collection: str

    @property
    def price(self) -> Decimal:
        """The family's price, a step more per style, ending as the family's does."""
        raised = Decimal(self.family.price) * (1 + _PRICE_STEP * self.number)
        return raised.quantize(Decimal(1)) - Decimal("0.01") if self.number else Decimal(self.family.price)


def styles() -> Iterator[Style]:
    for position, family in enumerate(FAMILIES):
        for number in range(_STYLES_PER_FAMILY[family.department]):
            yield Style(family, number, _COLLECTIONS[(position * 7 + number * 3) % len(_COLLECTIONS)])


def product_rows(scale: float = 1.0) -> list[ProductRow]:
    """The catalogue, or about this share of its styles."""
    chosen = list(styles())[:: max(1, round(1 / scale))]
    rows = [row for style in chosen for row in _products_of(style)]
    return [_with_barcode(row, serial) for serial, row in enumerate(rows, start=1)]


def _products_of(style: Style) -> Iterator[ProductRow]:
    family = style.family
    for color in map(COLORS.__getitem__, family.colors.split()):
        for index, size in enumerate(SIZES[family.sizes]):
            yield _product(style, color, size, index)


def _product(style: Style, color: Color, size: str, size_index: int) -> ProductRow:
    family = style.family
    sku = "-".join(part for part in (f"{family.code}{style.number + 1}", color.code, _compact(size)) if part)
    details = f", {size}" if size else ""
    attributes = {
        "department": family.department,
        "style": f"{family.code}{style.number + 1}",
        "collection": style.collection,
        "color": color.en,
        "material": family.material,
        **({"size": size} if size else {}),
    }
    length, width, height = _PACKED.get(family.shape, _FOLDED)
    return ProductRow(
        sku=sku,
        name_en=f"{style.collection} {family.en}, {color.en}{details}",
        name_fr=f"{family.fr[0].upper()}{family.fr[1:]} {style.collection}, {color.fr}{details}",
        price=style.price,
        tax_class="reduced" if "food" in family.tags else "standard",
        weight_g=_weight(family, size_index),
        length_mm=length,
        width_mm=width,
        height_mm=height,
        image_url=settings.MEDIA_URL + pictures.url_path(family.shape, color.code.lower()),
        attributes=attributes,
        tags=_tags(style),
    )


def _compact(size: str) -> str:
    return size.upper().replace(" ", "").replace("×", "X").replace("-", "")


def _weight(family: Family, size_index: int) -> int:
    if family.sizes == "kilos":
        return (2000, 5000, 10000)[size_index]
    return round(family.weight_g * (1 + 0.04 * size_index))


def _tags(style: Style) -> tuple[str, ...]:
    seasonal = ("new",) if style.number == 0 else ("outlet",) if style.number == 2 else ()
    return (style.family.department, *style.family.tags.split(), *seasonal)


def _with_barcode(row: ProductRow, serial: int) -> ProductRow:
    return replace(row, barcodes=(ean13(f"{_IN_STORE_EAN}{serial:010d}"),))


def ean13(twelve: str) -> str:
    """Twelve digits with their check digit: weights 1 and 3 in turn, filled up to the next ten."""
    weighted = sum(int(digit) * (3 if index % 2 else 1) for index, digit in enumerate(twelve))
    return f"{twelve}{-weighted % 10}"


def picture_files() -> set[tuple[str, str, str]]:
    """(shape, colour name, #rrggbb) of every picture the catalogue names."""
    return {(family.shape, code.lower(), COLORS[code].rgb) for family in FAMILIES for code in family.colors.split()}
