"""Public holidays of countries and regions, as a calendar asks for them: is this day one?

The dates are the `holidays` library's. A year of a calendar is worked out when a day of it is first asked for,
and remembered; the library's own objects grow while they are read, so none of them is shared.
"""

import functools
import re
from collections.abc import Container, Mapping
from dataclasses import dataclass
from datetime import date

import holidays

_COUNTRY = re.compile(r"[A-Z]{2}")


@dataclass(frozen=True, slots=True, eq=False)  # of a code there is one: days that are remembered by it are found fast
class PublicHolidays:
    """The days off of a country ("FR") or a region ("FR-6AE", "US-CA"): `day in holidays_of("FR")`."""

    code: str

    def __contains__(self, day: object) -> bool:
        return isinstance(day, date) and day in _days_of(self.code, day.year)


@functools.lru_cache(4096)
def holidays_of(code: str) -> Container[date]:
    """The public holidays of a calendar; none where the code is empty or nobody knows it."""
    return PublicHolidays(code) if is_known(code) else frozenset()


def is_known(code: str) -> bool:
    """A country by its two letters, alone or with one of its regions after a hyphen."""
    country, hyphen, region = code.partition("-")
    return region in regions_of(country) if hyphen else _is_country(country)


@functools.lru_cache(4096)
def regions_of(country: str) -> frozenset[str]:
    """Regions with holidays of their own, as the library names them (mostly ISO 3166-2 without the country)."""
    return frozenset(holidays.country_holidays(country).subdivisions) if _is_country(country) else frozenset()


@functools.cache
def countries() -> Mapping[str, str]:
    """Every country there is a calendar for, by its two letters, with its English name."""
    found = {codes[1]: _spaced(codes[0]) for codes in holidays.registry.COUNTRIES.values()}
    return dict(sorted(found.items(), key=lambda entry: entry[1]))


def names_of(code: str, year: int, *, language: str) -> dict[date, str]:
    """The holidays of a year with their names, in this language where the library speaks it, in order."""
    country, _hyphen, region = code.partition("-")
    spoken = holidays.country_holidays(country).supported_languages
    tongue = next((known for known in spoken if known.partition("_")[0] == language), None)
    return dict(sorted(holidays.country_holidays(country, region or None, years=year, language=tongue).items()))


def _is_country(country: str) -> bool:
    return _COUNTRY.fullmatch(country) is not None and country in countries()


def _spaced(name: str) -> str:
    """UnitedStates as United States."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)


@functools.lru_cache(4096)
def _days_of(code: str, year: int) -> frozenset[date]:
    country, _hyphen, region = code.partition("-")
    return frozenset(holidays.country_holidays(country, region or None, years=year))
