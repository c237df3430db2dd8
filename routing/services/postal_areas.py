"""Loading a table of postal codes, as countries publish them, in one streamed transaction."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from django.db import connection
from django.utils.translation import gettext as _

from oms.cache import bump
from oms.transactions import use_case
from routing import queries
from routing.documents import compact_postal_code
from routing.errors import InvalidPostalFile

_NAMES = {
    "code": ("postal_code", "postalcode", "postcode", "code_postal", "zip", "zip_code", "zipcode", "zcta", "code"),
    "latitude": ("latitude", "lat"),
    "longitude": ("longitude", "lng", "lon", "long"),
    "name": ("name", "city", "commune", "place_name", "nom_de_la_commune"),
    "country": ("country", "country_code"),
    "population": ("population", "pop"),
}
_REQUIRED = ("code", "latitude", "longitude")
_MAX_CODE, _MAX_NAME = 20, 100

_STAGE = """CREATE TEMPORARY TABLE postal_area_load
(country text, code text, name text, latitude float8, longitude float8, population float8) ON COMMIT DROP"""
_DROP = "DROP TABLE postal_area_load"
_COPY = "COPY postal_area_load FROM STDIN"
# A code shared by several towns lies at their middle, weighted by people, and bears the largest one's name.
_MERGE = """
INSERT INTO routing_postalarea (country, code, name, latitude, longitude)
SELECT country, code, (array_agg(name ORDER BY population DESC, name))[1],
       sum(latitude * population) / sum(population), sum(longitude * population) / sum(population)
FROM postal_area_load GROUP BY country, code ORDER BY country, code
ON CONFLICT (country, code) DO UPDATE
SET name = excluded.name, latitude = excluded.latitude, longitude = excluded.longitude
WHERE (routing_postalarea.name, routing_postalarea.latitude, routing_postalarea.longitude)
      IS DISTINCT FROM (excluded.name, excluded.latitude, excluded.longitude)"""


@dataclass(frozen=True, slots=True)
class LoadReport:
    """`without_place`: rows that name a code but no coordinates."""

    rows: int
    areas_changed: int
    without_place: int


@use_case
def load_postal_areas(lines: Iterable[str], *, country: str | None = None) -> LoadReport:
    """Read CSV lines with a header and set each code's area; loading the same file again changes nothing.

    `country` serves files without a column for it. All or nothing. Errors: InvalidPostalFile.
    """
    rows = _Rows(lines, country)
    with connection.cursor() as cursor:
        cursor.execute(_STAGE)
        with cursor.copy(_COPY) as copy:
            for row in rows:
                copy.write_row(row)
        cursor.execute(_MERGE)
        changed = cursor.rowcount
        cursor.execute(_DROP)
    bump(queries.POSTAL_AREAS)
    return LoadReport(rows.read, changed, rows.without_place)


class _Rows:
    """(country, code, name, latitude, longitude, population) of each line that has a place."""

    def __init__(self, lines: Iterable[str], country: str | None):
        self._reader = csv.reader(lines)
        self._country = country
        self._columns = self._find_columns(next(self._reader, []))
        self.read = self.without_place = 0

    def _find_columns(self, header: Sequence[str]) -> dict[str, int]:
        names = [name.strip().lstrip("\ufeff").lower() for name in header]
        found = {
            column: names.index(next(name for name in known if name in names))
            for column, known in _NAMES.items()
            if any(name in names for name in known)
        }
        if missing := [column for column in _REQUIRED if column not in found]:
            raise InvalidPostalFile(
                _("No column for %(missing)s among: %(header)s")
                % {"missing": ", ".join(missing), "header": ", ".join(names)[:200]}
            )
        if self._country is None and "country" not in found:
            raise InvalidPostalFile(_("The file has no column for the country: name it with --country"))
        return found

    def __iter__(self) -> Iterator[tuple[str, str, str, float, float, float]]:
        for row in self._reader:
            if not row:
                continue
            self.read += 1
            if self._text(row, "latitude") and self._text(row, "longitude"):
                yield self._area(row)
            else:
                self.without_place += 1

    def _area(self, row: Sequence[str]) -> tuple[str, str, str, float, float, float]:
        code = compact_postal_code(self._text(row, "code"))
        country = (self._text(row, "country") or self._country or "").upper()
        if not 0 < len(code) <= _MAX_CODE:
            raise self._fault(_("no postal code"))
        if len(country) != 2 or not country.isalpha():
            raise self._fault(_("%(country)s is not a country of two letters") % {"country": country or "?"})
        # A town of nobody still has a place.
        people = self._number(row, "population", 0, 1e10) if self._text(row, "population") else 0
        return (
            country,
            code,
            self._text(row, "name")[:_MAX_NAME],
            self._number(row, "latitude", -90, 90),
            self._number(row, "longitude", -180, 180),
            people + 1,
        )

    def _text(self, row: Sequence[str], column: str) -> str:
        index = self._columns.get(column)
        return row[index].strip() if index is not None and index < len(row) else ""

    def _number(self, row: Sequence[str], column: str, low: float, high: float) -> float:
        text = self._text(row, column)
        try:
            number = float(text)
        except ValueError:
            number = float("nan")
        if not low <= number <= high:
            raise self._fault(_("%(column)s is %(text)s") % {"column": column, "text": text[:40]})
        return number

    def _fault(self, what: str) -> InvalidPostalFile:
        return InvalidPostalFile(_("Line %(line)d: %(what)s") % {"line": self._reader.line_num, "what": what})
