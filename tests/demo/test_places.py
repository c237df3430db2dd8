from datetime import date

from inventory.public_holidays import is_known
from oms.demo.places import PAUSED, location_rows

ROWS = {row.code: row for row in location_rows(date(2026, 11, 25))}


def test_stores_and_suppliers_close_on_the_public_holidays_of_where_they_are():
    assert ROWS["PARIS-OPERA"].holiday_calendar == ROWS["SUP-VOSGES"].holiday_calendar == "FR"
    assert {ROWS[code].holiday_calendar for code in ("BRUXELLES", "SUP-PORTO")} == {"BE", "PT"}
    assert all(is_known(row.holiday_calendar) for row in ROWS.values() if row.holiday_calendar)


def test_what_never_closes_knows_no_day_off():
    assert [row.code for row in ROWS.values() if not row.opening_hours and row.holiday_calendar] == []


def test_stores_close_early_on_the_eves_and_malls_open_on_the_last_sunday():
    assert ROWS["PARIS-OPERA"].special_hours["2026-12-24"] == [["10:00", "17:00"]]
    assert ROWS["LYON-PART-DIEU"].special_hours["2026-12-20"] == [["10:00", "19:00"]]  # a Sunday


def test_the_store_that_pauses_is_one_of_ours():
    assert ROWS[PAUSED].kind == "store"
