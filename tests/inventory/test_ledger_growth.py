"""What reading and writing the ledger costs does not grow with the months behind it.

Small tables tempt the planner to read them whole; here it is kept from that, so that the plans are those of large
ones. Figures for a million movements stand in docs/adr/0010.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from inventory.services import StockEvent, apply_stock_events, stock_events
from inventory.services.ledger_months import months_kept, open_months
from tests.factories.inventory import make_locations, make_products

pytestmark = pytest.mark.django_db

TODAY = datetime(2032, 12, 15, 12, tzinfo=UTC)
DAY = timedelta(days=1)
URL = "/api/v1/stock/movements/"


def tell(name: str, sku: str, at: datetime) -> None:
    event = StockEvent(name, sku, "S", "delta", 1, at, reason="sale", reference=name)
    with transaction.atomic():
        apply_stock_events([event], source="t", actor="t", as_of=at)


@pytest.fixture(autouse=True)
def two_years(db: None) -> Iterator[None]:
    make_products("A", "B")
    make_locations("S", "T")
    open_months(since=TODAY - 720 * DAY, as_of=TODAY)
    for number in range(0, 720, 30):
        tell(f"R-{number}", "AB"[number % 2], TODAY - number * DAY)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_bitmapscan = off")
        cursor.execute("SET LOCAL enable_hashjoin = off")
        cursor.execute("SET LOCAL enable_mergejoin = off")
        cursor.execute("SET LOCAL enable_sort = off")
        yield


def plan(statement: str, parameters: Any = None) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) {statement}", parameters)
        return "\n".join(row[0] for row in cursor.fetchall())


def months_read(shown: str) -> set[str]:
    """Those whose partitions were really looked into."""
    nodes = [line for line in shown.splitlines() if "never executed" not in line]
    return set(re.findall(r"on inventory_stockmovement_(\d{4}_\d{2}|default)", "\n".join(nodes)))


@pytest.mark.parametrize(
    "query, index",
    [
        ({}, "pkey"),
        ({"location": "S"}, "location_id_id_idx"),
        ({"cause": "sale"}, "cause_id_idx"),
        ({"reference": "R-30"}, "reference_id_idx"),
        ({"occurred_after": "2032-12-01T00:00:00Z", "location": "S"}, "location_id_id_idx"),
        ({"recorded_after": "2032-11-01T00:00:00Z"}, "pkey"),
    ],
)
def test_the_latest_movements_come_from_an_index_in_its_order(client: Any, query: dict[str, str], index: str) -> None:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(URL, query).json()["results"]
    shown = plan(captured[-1]["sql"])

    assert index in shown
    assert "Sort" not in shown.replace("Sort Key", "")
    assert "Seq Scan" not in shown


@pytest.fixture
def a_busy_fortnight(time_machine: Any) -> Iterator[None]:
    """Ten movements of A at S, a day apart, the last of them today; ids rise with time."""
    time_machine.move_to(TODAY)
    for number in reversed(range(10)):
        tell(f"late-{number}", "A", TODAY - number * DAY)
    yield


def ids_of(answer: Any) -> list[str]:
    return [row["external_id"] for row in answer["results"]]


@pytest.mark.usefixtures("a_busy_fortnight")
@pytest.mark.parametrize("query", [{}, {"location": "S"}, {"sku": "A"}, {"cause": "sale"}])
def test_a_page_that_the_last_month_fills_reads_no_other(client: Any, query: dict[str, str]) -> None:
    with CaptureQueriesContext(connection) as captured:
        first = client.get(URL, query | {"page_size": 4}).json()
        second = client.get(first["next"]).json()

    assert ids_of(first) == ["late-0", "late-1", "late-2", "late-3"]
    assert ids_of(second) == ["late-4", "late-5", "late-6", "late-7"]
    pages = [entry["sql"] for entry in captured if "ORDER BY" in entry["sql"] and "LIMIT 5" in entry["sql"]]
    assert len(pages) == 2
    for page in pages:
        assert months_read(plan(page)) <= {"2032_11", "2032_12", "2033_01", "2033_02", "2033_03", "default"}


def test_a_page_of_what_seldom_moves_reads_some_months_more(client: Any, time_machine: Any) -> None:
    time_machine.move_to(TODAY)
    for days in (100, 70, 40):
        tell(f"seldom-{days}", "B", TODAY - days * DAY)
    with CaptureQueriesContext(connection) as captured:
        page = client.get(URL, {"sku": "B", "page_size": 2}).json()

    assert ids_of(page) == ["seldom-40", "seldom-70"]
    shown = [plan(entry["sql"]) for entry in captured if "ORDER BY" in entry["sql"] and "LIMIT 3" in entry["sql"]]
    assert len(shown) == 2
    read = months_read(shown[-1])
    assert "2032_09" in read
    assert min(read - {"default"}) >= "2032_08"


@pytest.mark.usefixtures("a_busy_fortnight")
def test_pages_leave_nothing_out_and_lead_back(client: Any) -> None:
    whole = ids_of(client.get(URL, {"page_size": 500}).json())
    seen, pages = [], [client.get(URL, {"page_size": 3}).json()]
    while pages[-1]["next"]:
        pages.append(client.get(pages[-1]["next"]).json())
    for page in pages:
        seen += ids_of(page)

    assert len(whole) == 24 + 10
    assert seen == whole
    back = client.get(pages[3]["previous"]).json()
    assert ids_of(back) == ids_of(pages[2])


@pytest.fixture
def a_past_written_order_by_order(time_machine: Any) -> Iterator[None]:
    """As the demo writes its own: each order sent at once and collected ten days later, the last one tomorrow."""
    time_machine.move_to(TODAY)
    for number in reversed(range(12)):
        sent = TODAY - (9 + number) * DAY
        tell(f"sent-{number}", "A", sent)
        tell(f"collected-{number}", "A", sent + 10 * DAY)
    yield


@pytest.mark.usefixtures("a_past_written_order_by_order")
@pytest.mark.parametrize("query", [{}, {"location": "S"}, {"recorded_after": "2032-11-20T00:00:00Z"}])
@pytest.mark.parametrize("size", [1, 3, 7])
def test_pages_leave_nothing_out_of_a_past_that_was_written_order_by_order(
    client: Any, query: dict[str, str], size: int
) -> None:
    whole = ids_of(client.get(URL, query | {"page_size": 500}).json())
    seen, page = [], client.get(URL, query | {"page_size": size}).json()
    seen += ids_of(page)
    while page["next"]:
        page = client.get(page["next"]).json()
        seen += ids_of(page)

    told = [f"{what}-{number}" for number in range(12) for what in ("collected", "sent")]
    assert whole[: len(told)] == told
    assert seen == whole


def test_who_names_a_time_reads_the_months_since(client: Any) -> None:
    with CaptureQueriesContext(connection) as captured:
        client.get(URL, {"occurred_after": "2032-11-10T00:00:00Z"})

    read = months_read(plan(captured[-1]["sql"]))

    assert "2032_12" in read
    assert read <= {"2032_11", "2032_12", "2033_01", "2033_02", "2033_03", "default"}


def test_a_late_count_reads_the_months_since_it_was_taken() -> None:
    columns = [["t"], ["x"], ["A"], ["S"], [TODAY - 3 * DAY]]

    read = months_read(plan(stock_events._LATER, columns))

    assert len(months_kept()) > 24
    assert "2032_12" in read
    assert read <= {"2032_12", "2033_01", "2033_02", "2033_03", "default"}


def test_a_movement_is_written_to_its_month() -> None:
    tell("new", "A", TODAY)

    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM inventory_stockmovement WHERE external_id = 'new'")
        assert cursor.fetchall() == [("inventory_stockmovement_2032_12",)]
