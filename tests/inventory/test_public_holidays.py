"""Public holidays come from a library; these are the few dates that tell whether we ask it rightly."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest

from inventory import public_holidays
from inventory.public_holidays import countries, holidays_of, is_known, names_of, regions_of


@pytest.mark.parametrize(
    "code, day, is_off",
    [
        ("FR", date(2026, 12, 25), True),
        ("FR", date(2026, 12, 26), False),
        ("FR", date(2027, 3, 29), True),  # Easter Monday moves
        ("FR", date(2026, 4, 3), False),
        ("FR-6AE", date(2026, 4, 3), True),  # Good Friday, in Alsace
        ("US-CA", date(2026, 11, 26), True),  # the fourth Thursday of November
        ("US", date(2026, 7, 3), True),  # the 4th is a Saturday: observed the day before
        ("", date(2026, 12, 25), False),
        ("XX", date(2026, 12, 25), False),
        ("FR", date(9999, 12, 25), False),  # nobody knows
    ],
)
def test_knows_the_days_off(code, day, is_off):
    assert (day in holidays_of(code)) is is_off


@pytest.mark.parametrize("code", ["FR", "FR-6AE", "US-CA", "BE", "LU", "PT"])
def test_knows_countries_and_their_regions(code):
    assert is_known(code)


@pytest.mark.parametrize("code", ["", "fr", "FRA", "XX", "FR-", "FR-99", "-CA", "United States", "FR-6AE-1"])
def test_refuses_what_is_no_calendar(code):
    assert not is_known(code)


def test_names_them_in_the_readers_language():
    assert names_of("FR", 2026, language="fr")[date(2026, 12, 25)] == "Noël"
    assert names_of("FR", 2026, language="en")[date(2026, 12, 25)] == "Christmas Day"


def test_offers_every_country_by_its_name_and_its_regions():
    assert countries()["US"] == "United States"
    assert "CA" in regions_of("US") and regions_of("XX") == frozenset()


def test_threads_that_ask_for_a_new_year_at_once_all_get_the_whole_year():
    public_holidays._days_of.cache_clear()
    france = holidays_of("FR")

    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(lambda year: date(year, 12, 25) in france, [*range(1950, 2050)] * 4))

    assert all(seen)
