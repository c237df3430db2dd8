"""Products by what people type or scan: the same search for the API and for staff.

A barcode finds its product and nothing else. Otherwise every word must be found in the SKU or in the name, English or
French, whatever its case and accents, also as part of a longer word. Only where no product has them all, words that
are merely like them will do, so that a typo still finds something: that costs more, and is rarely needed.
"""

import unicodedata
from collections.abc import Sequence
from functools import reduce
from operator import add

from django.contrib.postgres.search import TrigramWordSimilarity
from django.db import connection
from django.db.models import Case, CharField, Expression, F, FloatField, IntegerField, Q, QuerySet, Value, When
from django.db.models.functions import Cast, Collate, Concat, LPad, Round

from inventory.gtin import spellings
from inventory.models import Product

_MOST_WORDS, _MOST_CHARACTERS = 8, 200
_SHORT = 2
"""So few letters count only where a word begins: they are inside of nearly everything."""

_ASK = """
SELECT inventory_plain(%(text)s), ARRAY(SELECT sku FROM inventory_barcode WHERE code = ANY(%(codes)s::text[]))"""

# Materialized, lest the planner, in hope of an early hit, read the table from its beginning. The index takes one pattern.
_SOME_HAVE = """
WITH found AS MATERIALIZED (
    SELECT FROM inventory_product WHERE search_text LIKE %(longest)s AND search_text LIKE ALL(%(all)s::text[])
)
SELECT EXISTS (SELECT FROM found)"""


def find_products(products: QuerySet[Product], text: str) -> QuerySet[Product]:
    """Those that match, each with a `search_key`: unique, and in its order the best match comes first."""
    text = unicodedata.normalize("NFKC", text).strip()[:_MOST_CHARACTERS]
    plain, scanned = _ask(text)
    words = plain.split()[:_MOST_WORDS]
    if scanned:
        return products.filter(pk__in=scanned).annotate(search_key=F("pk"))
    if not words:
        return products.none().annotate(search_key=F("pk"))
    if _some_have(words):
        has_all = products.filter(reduce(Q.__and__, map(_has, words)))
        return _ranked(has_all, text, plain, [_place_of(word) for word in words])
    shares = [TrigramWordSimilarity(word, F("search_text")) for word in words]
    return _ranked(products.filter(reduce(Q.__and__, map(_is_like, words))), text, plain, shares)


def _ask(text: str) -> tuple[str, list[str]]:
    """The text as the products' is kept, and the products with this barcode."""
    with connection.cursor() as cursor:
        cursor.execute(_ASK, {"text": text, "codes": spellings(text)})
        plain, scanned = cursor.fetchone()
    return plain, scanned


def _some_have(words: list[str]) -> bool:
    patterns = [f"%{_part(word)}%" for word in words]  # words of letters and digits: nothing to escape
    with connection.cursor() as cursor:
        cursor.execute(_SOME_HAVE, {"longest": max(patterns, key=len), "all": patterns})
        return cursor.fetchone()[0]


def _has(word: str) -> Q:
    return Q(search_text__contains=_part(word))


def _part(word: str) -> str:
    return f" {word}" if len(word) <= _SHORT else word


def _is_like(word: str) -> Q:
    """A number or a code with another digit is another number."""
    return Q(search_text__trigram_word_similar=word) if word.isalpha() else _has(word)


def _place_of(word: str) -> Case:
    """A word of its own, the beginning of one, or inside of one."""
    return Case(
        When(search_text__contains=f" {word} ", then=Value(1.0)),
        When(search_text__contains=f" {word}", then=Value(0.8)),
        default=Value(0.5),
    )


def _ranked(found: QuerySet[Product], text: str, plain: str, shares: Sequence[Expression]) -> QuerySet[Product]:
    """The SKU itself first, then what its beginning is, then by how well the words fit on average."""
    average = reduce(add, shares) / Value(float(len(shares)))
    score = Case(
        When(pk=text, then=Value(3.0)),
        When(search_text__startswith=plain, then=Value(2.5)),
        When(search_text__startswith=plain.rstrip(), then=Value(2.0)),
        default=average,
        output_field=FloatField(),
    )
    distance = Cast(Round((Value(3.0) - score) * Value(1000.0)), IntegerField())
    rank = LPad(Cast(distance, CharField()), 4, Value("0"))
    key = Concat(Collate(rank, "C"), Collate(F("pk"), "C"), output_field=CharField(db_collation="C"))
    return found.annotate(search_key=key)
