"""Stock health: what is missing though people want it, what there is too much of, what cannot be believed.

Every figure is worked out from the levels as they stand and from what went out of them in the last weeks (`LevelPace`,
of last night). "Out" are parcels, pickups and till sales. `definitions()` says the same to those who read the lists.
"""

import base64
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any, Generic, NamedTuple, TypeVar

from django.db import connection
from django.db.models import Max
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from inventory.models import LevelPace
from inventory.sellable import good_sql, sellable_sql
from inventory.services.pace import WEEKS

OUT_OF_STOCK, OVERSTOCK, SUSPECT = "out-of-stock", "overstock", "suspect"
MOST_WEEKS = WEEKS
WEEKS_LOOKED_AT, WEEKS_OF_COVER = 8, 26
DOUBT_BELOW = 0.5
_SILENT = 3  # so many sales were to be expected in the silence: none comes by chance once in e³ = 20 times
PLAIN = ("not_found", "negative", "silent", "low_confidence")
"""Reasons that say something is wrong; that nobody ever counted is true of most levels of a new system."""

REASONS: Mapping[str, Any] = {
    "not_found": gettext_lazy("not found when it was picked"),
    "negative": gettext_lazy("fewer than none in the books"),
    "silent": gettext_lazy("sells usually, but not for long now"),
    "low_confidence": gettext_lazy("counts or picks often found something else"),
    "never_counted": gettext_lazy("nobody has ever counted it"),
}
_ONLY_PICKED = gettext_lazy("a pick found too few, and nobody has counted it since")


class After(NamedTuple):
    """Where a page of a list ends: its instant stays that of the first page, so that figures do not drift."""

    as_of: datetime
    rank: Decimal
    sku: str
    location: str

    @property
    def text(self) -> str:
        """As it stands in addresses."""
        plain = json.dumps([self.as_of.isoformat(), str(self.rank), self.sku, self.location])
        return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")

    @classmethod
    def of(cls, text: str) -> "After":
        """Errors: ValueError."""
        try:
            given = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            at, rank, sku, location = given
            found = cls(datetime.fromisoformat(at), Decimal(rank), str(sku), str(location))
        except (TypeError, ArithmeticError) as error:
            raise ValueError(text) from error
        (found.sku + found.location).encode()  # half of a surrogate pair is no text
        if found.as_of.tzinfo is None or not found.rank.is_finite() or "\0" in found.sku + found.location:
            raise ValueError(text)
        return found


@dataclass(frozen=True, slots=True)
class Where:
    """Which levels are meant; None or empty does not restrict."""

    locations: Sequence[str] | None = None
    group: str = ""
    tag: str = ""


@dataclass(frozen=True, slots=True)
class OutOfStock:
    """A product that nobody can buy at a place (`location` None: anywhere), though it went out in the last weeks.

    `weekly`: units a week while it was there. `lost_units`: that pace times the weeks since it last went out, an
    estimate of what would have been sold since; `lost_value` at the product's price.
    """

    sku: str
    name: str
    location: str | None
    on_hand: int
    reserved: int
    is_suspect: bool
    weekly: Decimal
    last_out_at: datetime
    lost_units: Decimal
    lost_value: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class Overstock:
    """More in good condition than is used up in the weeks asked for. `cover_weeks` None: nothing went out at all.

    `surplus`: units beyond those weeks' need, worth `value` at the product's price. `last_in_at`: what came in lately
    had little time to go out.
    """

    sku: str
    name: str
    location: str
    good: int
    weekly: Decimal
    cover_weeks: Decimal | None
    surplus: int
    value: Decimal
    currency: str
    last_in_at: datetime | None


@dataclass(frozen=True, slots=True)
class Suspect:
    """A number that cannot be believed, and why (`REASONS`); `chance`: that such a silence is mere chance.

    `suggestion`: `count_now` where shoppers are turned away or promised what may not be there, else `count_soon`.
    """

    sku: str
    name: str
    location: str
    on_hand: int
    reserved: int
    bin: str
    confidence: float | None
    reasons: Sequence[str]
    chance: Decimal | None
    suspect_at: datetime | None
    counted_at: datetime | None
    last_out_at: datetime | None
    suggestion: str

    def words(self, reason: str) -> str:
        """The reason as it is with this level: where nobody counted, it was a pick that lowered the confidence."""
        is_by_picks = reason == "low_confidence" and self.counted_at is None
        return str(_ONLY_PICKED if is_by_picks else REASONS[reason])


R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Page(Generic[R]):
    """`after` is where the next page begins, None if this is the last."""

    rows: tuple[R, ...]
    after: After | None


def definitions() -> dict[str, str]:
    """What each list shows, in words for its readers."""
    return {
        OUT_OF_STOCK: _(
            "Nothing is for sale (all gone, reserved, kept back, damaged or not found), though units went out in the"
            " weeks looked at. Lost units: the weekly pace while it was there, times the weeks since it last went out."
        ),
        OVERSTOCK: _(
            "What is there in good condition lasts longer than the weeks of cover asked for, at the pace of the weeks"
            " looked at; or nothing went out at all. Surplus: the units beyond that cover, at today's price."
        ),
        SUSPECT: _(
            "The number in the books may be wrong: the goods were not found, there are fewer than none, nothing goes"
            " out though three sales or more were to be expected meanwhile, or counts or picks often found something else (confidence below"
            " one half). Counting settles it."
        ),
    }


def refreshed_at() -> datetime | None:
    """Of when the pace of the levels is."""
    return LevelPace.objects.aggregate(at=Max("refreshed_at"))["at"]


# ---- shared parts of the statements -----------------------------------------------------------------

_NAME = "CASE WHEN %(is_french)s AND p.name_fr <> '' THEN p.name_fr ELSE p.name_en END AS name"
_OUT = "(SELECT coalesce(sum(units), 0) FROM unnest(d.weekly[1:%(weeks)s::int]) AS units)"
_GOOD = good_sql("s")
_SELLABLE = sellable_sql("s", safety="l.safety_stock", as_of="%(as_of)s")
_ACTIVE = """
    JOIN inventory_product p ON p.sku = s.sku AND p.is_active
    JOIN inventory_location l ON l.code = s.location_id AND l.is_active"""


def _quiet(last: str) -> str:
    """Weeks since then."""
    return f"greatest(0, extract(epoch FROM %(as_of)s::timestamptz - {last}) / 604800)"


def _meant(where: Where) -> str:
    """Only what is asked for stands in the statement, so that each filter finds its index."""
    asked = {
        "s.location_id = ANY(%(locations)s::text[])": where.locations is not None,
        "l.groups @> ARRAY[%(group)s]::varchar[]": bool(where.group),
        "p.tags @> ARRAY[%(tag)s]::varchar[]": bool(where.tag),
    }
    return "".join(f" AND {condition}" for condition, is_asked in asked.items() if is_asked)


def _paged(ranked: str, after: After | None) -> str:
    """The rows of `ranked` from the highest `rank` down, those of one rank by name."""
    beyond = "WHERE (-rank, sku, coalesce(location, '')) > (-%(rank)s::numeric, %(sku)s, %(location)s)" if after else ""
    return f"SELECT * FROM ({ranked}) ranked {beyond} ORDER BY -rank, sku, coalesce(location, '') LIMIT %(limit)s"


def _page(
    kind: type[R],
    statement: str,
    where: Where,
    *,
    weeks: int,
    after: After | None,
    limit: int,
    as_of: datetime,
    **more: Any,
) -> Page[R]:
    began_at = after.as_of if after else as_of
    parameters: dict[str, Any] = {
        "as_of": began_at,
        "weeks": weeks,
        "is_french": (get_language() or "").startswith("fr"),
        "limit": limit + 1,
        **more,
        **({"locations": list(where.locations)} if where.locations is not None else {}),
        **({"group": where.group} if where.group else {}),
        **({"tag": where.tag} if where.tag else {}),
        **({"rank": after.rank, "sku": after.sku, "location": after.location} if after else {}),
    }
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        names = [column.name for column in cursor.description or ()]
        found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    wanted = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    rows = tuple(kind(**{name: row[name] for name in wanted}) for row in found[:limit])
    if len(found) <= limit:
        return Page(rows, None)
    last = found[limit - 1]
    return Page(rows, After(began_at, last["rank"], last["sku"], last["location"] or ""))


# ---- out of stock ----------------------------------------------------------------------------------

_MISSING_HERE = f"""
    SELECT s.sku, s.location_id AS location, s.on_hand, s.reserved, s.suspect_at IS NOT NULL AS is_suspect,
           d.last_out_at, {_OUT} AS units, {_quiet("d.last_out_at")} AS quiet
    FROM inventory_levelpace d
    JOIN inventory_stocklevel s ON s.sku = d.sku AND s.location_id = d.location_id {_ACTIVE}
    WHERE {_OUT} > 0 AND {_SELLABLE} = 0{{meant}}"""
_MISSING_EVERYWHERE = f"""
    SELECT s.sku, NULL::text AS location, sum(s.on_hand) AS on_hand, sum(s.reserved) AS reserved,
           bool_or(s.suspect_at IS NOT NULL) AS is_suspect, max(d.last_out_at) AS last_out_at,
           sum({_OUT}) AS units, {_quiet("max(d.last_out_at)")} AS quiet
    FROM inventory_stocklevel s
    LEFT JOIN inventory_levelpace d ON d.sku = s.sku AND d.location_id = s.location_id {_ACTIVE}
    WHERE s.sku IN (SELECT sku FROM inventory_levelpace){{meant}}
    GROUP BY s.sku HAVING sum({_SELLABLE}) = 0 AND sum({_OUT}) > 0"""
# An empty shelf sells nothing: the pace counts the weeks until it last went out only.
_LOST = f"""
SELECT lost.*, {_NAME}, p.currency, round(pace, 2) AS weekly, round(pace * silence, 1) AS lost_units,
       round(pace * silence * p.price, 2) AS lost_value, round(pace * silence, 4) AS rank
FROM (
    SELECT missing.*, units / greatest(1, %(weeks)s - quiet) AS pace, least(quiet, %(weeks)s) AS silence
    FROM ({{missing}}) missing
) lost JOIN inventory_product p ON p.sku = lost.sku"""


def out_of_stock(
    where: Where,
    *,
    everywhere: bool = False,
    weeks: int = WEEKS_LOOKED_AT,
    after: After | None = None,
    limit: int = 50,
    as_of: datetime,
) -> Page[OutOfStock]:
    """What went out in the last `weeks` and is not for sale at a place; `everywhere`: at none of those meant.

    The most lost units come first.
    """
    missing = (_MISSING_EVERYWHERE if everywhere else _MISSING_HERE).format(meant=_meant(where))
    statement = _paged(_LOST.format(missing=missing), after)
    return _page(OutOfStock, statement, where, weeks=weeks, after=after, limit=limit, as_of=as_of)


# ---- overstock -------------------------------------------------------------------------------------

_TOO_MUCH = f"""
SELECT s.sku, s.location_id AS location, {_NAME}, p.currency, {_GOOD} AS good, d.units,
       greatest(0, {_GOOD} - ceil(d.units::numeric / %(weeks)s * %(cover)s))::int AS surplus,
       round(greatest(0, {_GOOD} - ceil(d.units::numeric / %(weeks)s * %(cover)s)) * p.price, 2) AS rank
FROM inventory_stocklevel s
LEFT JOIN inventory_levelpace pace ON pace.sku = s.sku AND pace.location_id = s.location_id
CROSS JOIN LATERAL (
    SELECT coalesce(sum(units), 0) AS units FROM unnest(pace.weekly[1:%(weeks)s::int]) AS units
) d {_ACTIVE}
WHERE {_GOOD} > ceil(d.units::numeric / %(weeks)s * %(cover)s){{meant}}"""
_COVERED = """
SELECT page.*, rank AS value, round(units::numeric / %(weeks)s, 2) AS weekly,
       round(good / nullif(units::numeric / %(weeks)s, 0), 1) AS cover_weeks,
       (SELECT max(m.occurred_at) FROM inventory_stockmovement m
        WHERE m.sku = page.sku AND m.location_id = page.location AND m.quantity > 0) AS last_in_at
FROM ({page}) page ORDER BY -rank, sku, location"""


def overstock(
    where: Where,
    *,
    cover: int = WEEKS_OF_COVER,
    weeks: int = WEEKS_LOOKED_AT,
    after: After | None = None,
    limit: int = 50,
    as_of: datetime,
) -> Page[Overstock]:
    """What lasts longer than `cover` weeks at the pace of the last `weeks`; the greatest value of surplus first."""
    statement = _COVERED.format(page=_paged(_TOO_MUCH.format(meant=_meant(where)), after))
    return _page(Overstock, statement, where, weeks=weeks, after=after, limit=limit, as_of=as_of, cover=cover)


# ---- suspect ---------------------------------------------------------------------------------------

_EXPECTED = f"({_OUT} / greatest(1, %(weeks)s - {_quiet('d.last_out_at')}) * {_quiet('d.last_out_at')})"
_PACE = "LEFT JOIN inventory_levelpace d ON d.sku = s.sku AND d.location_id = s.location_id"
_TESTS = {
    "not_found": "s.suspect_at IS NOT NULL",
    "negative": f"{_GOOD} < 0",  # also where a count found fewer than are known to be broken
    "silent": f"{_GOOD} > s.reserved AND {_EXPECTED} >= {_SILENT}",
    "low_confidence": f"s.confidence < {DOUBT_BELOW}",
    "never_counted": "s.confidence IS NULL AND s.on_hand > 0",
}
# What each reason weighs; within one, the surer comes first.
_RANKS = {
    "not_found": "4",
    "negative": "3",
    "silent": f"3 - exp(-least({_EXPECTED}, 700))",
    "low_confidence": f"1 + {DOUBT_BELOW} - s.confidence::numeric",
    "never_counted": "0",
}
_DOUBTED = f"""
SELECT s.id, s.sku, s.location_id AS location, {_NAME}, s.on_hand, s.reserved, s.bin, s.confidence, s.suspect_at,
       s.counted_at, d.last_out_at, round(exp(-least({_EXPECTED}, 700)), 4) AS chance,
       CASE WHEN s.suspect_at IS NOT NULL OR s.reserved > {_GOOD} THEN 'count_now'
            ELSE 'count_soon' END AS suggestion,
       array_remove(ARRAY[{{reasons}}], NULL) AS reasons, round(greatest({{ranks}}), 4) AS rank
FROM inventory_stocklevel s {_PACE} {_ACTIVE}
WHERE s.id IN ({{doubted}}){{meant}}"""


def suspects(
    where: Where,
    *,
    reasons: Collection[str] = PLAIN,
    weeks: int = WEEKS_LOOKED_AT,
    after: After | None = None,
    limit: int = 50,
    as_of: datetime,
) -> Page[Suspect]:
    """Levels whose number may be wrong for any of these `reasons`, the surest first."""
    asked = [name for name in REASONS if name in reasons]
    ranked = _DOUBTED.format(
        reasons=", ".join(f"CASE WHEN {_TESTS[name]} THEN '{name}' END" for name in asked),
        ranks=", ".join(f"CASE WHEN {_TESTS[name]} THEN {_RANKS[name]} END" for name in asked),
        doubted=" UNION ".join(_doubted(name, where) for name in asked),
        meant=_meant(where),
    )
    return _page(Suspect, _paged(ranked, after), where, weeks=weeks, after=after, limit=limit, as_of=as_of)


def _doubted(reason: str, where: Where) -> str:
    """Each reason finds its levels by the index that suits it."""
    pace = _PACE.removeprefix("LEFT ") if reason == "silent" else ""
    here = "" if where.locations is None else " AND s.location_id = ANY(%(locations)s::text[])"
    return f"SELECT s.id FROM inventory_stocklevel s {pace} WHERE {_TESTS[reason]}{here}"


def to_count(location: str, *, limit: int, as_of: datetime) -> list[Suspect]:
    """What to count first at a place: what looks wrong, then what nobody ever counted."""
    found = suspects(Where([location]), reasons=REASONS.keys(), limit=limit, as_of=as_of)
    return list(found.rows)
