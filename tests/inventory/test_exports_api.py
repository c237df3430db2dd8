"""Whole lists as files over the API."""

import csv
import io
import tracemalloc
from decimal import Decimal
from typing import Any

import orjson
import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from inventory.services import PriceRow, receive_prices
from oms.channels import save_channel
from oms.clock import now
from oms.keys import create_api_key
from oms.models import Channel
from tests.factories.inventory import make_location, make_product, make_products

pytestmark = pytest.mark.django_db


def body_of(answer: Any) -> bytes:
    assert answer.status_code == 200
    assert answer.streaming
    return b"".join(answer.streaming_content)


def csv_of(answer: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(body_of(answer).decode("utf-8-sig"))))


def ndjson_of(answer: Any) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in body_of(answer).splitlines()]


def test_products_are_taken_out_as_the_list_shows_them(client: Any) -> None:
    make_product("A", name_fr="Écharpe", barcodes=["111", "222"], tags=["x", "y"], attributes={"size": "M"})
    make_product("B", is_active=False)

    lines = client.get("/api/v1/products/export/?format=ndjson")
    rows = csv_of(client.get("/api/v1/products/export/"))

    assert lines["Content-Type"] == "application/x-ndjson"
    assert 'filename="products.ndjson"' in lines["Content-Disposition"]
    assert ndjson_of(lines) == client.get("/api/v1/products/").json()["results"]
    assert [row["sku"] for row in rows] == ["A", "B"]
    assert (rows[0]["name_fr"], rows[0]["barcodes"], rows[0]["tags"], rows[0]["attributes"]) == (
        "Écharpe",
        "111 | 222",
        "x | y",
        "size = M",
    )
    assert [row["is_active"] for row in rows] == ["true", "false"]


def test_the_filters_of_the_list_hold(client: Any) -> None:
    make_product("A", name_en="Red shirt", tags=["x"])
    make_product("B", name_en="Blue shirt", tags=["x"], is_active=False)
    make_product("C", name_en="Mug")

    def skus(query: str) -> list[str]:
        return [row["sku"] for row in csv_of(client.get(f"/api/v1/products/export/?{query}"))]

    assert [skus("tag=x"), skus("q=shirt"), skus("q=shirt&is_active=true"), skus("sku=C,A")] == [
        ["A", "B"],
        ["A", "B"],
        ["A"],
        ["A", "C"],
    ]


def test_many_rows_are_taken_out_page_by_page(client: Any) -> None:
    make_products(*[f"P{n:04}" for n in range(1200)])

    answer = client.get("/api/v1/products/export/")
    with CaptureQueriesContext(connection) as captured:
        rows = csv_of(answer)

    assert [row["sku"] for row in rows] == [f"P{n:04}" for n in range(1200)]
    assert len(captured) == 3  # pages


def test_memory_does_not_grow_with_the_rows(client: Any) -> None:
    def peak() -> int:
        stream = client.get("/api/v1/products/export/?format=ndjson").streaming_content
        tracemalloc.start()
        try:
            assert sum(map(len, stream)) > 0
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    make_products(*[f"P{n:05}" for n in range(1500)])
    peak()
    few = peak()
    make_products(*[f"Q{n:05}" for n in range(4500)])

    assert peak() < 1.5 * few


def test_prices_and_places_are_taken_out(client: Any) -> None:
    with transaction.atomic():
        for code in ("web", "outlet"):
            save_channel(Channel(code=code, name=code, currency="EUR"))
    make_product("A")
    make_location("S-2", opening_hours={"mon": [["10:00", "19:00"]]})
    make_location("S-1")
    rows = [PriceRow("A", channel, Decimal("9.90")) for channel in ("web", "outlet")]
    receive_prices(rows, actor="t", as_of=now())

    assert sorted(row["channel"] for row in csv_of(client.get("/api/v1/prices/export/"))) == ["outlet", "web"]
    assert [row["channel"] for row in csv_of(client.get("/api/v1/prices/export/?channel=web"))] == ["web"]
    assert [row["code"] for row in csv_of(client.get("/api/v1/locations/export/"))] == ["S-2", "S-1"]
    lines = client.get("/api/v1/locations/export/?format=ndjson")
    assert ndjson_of(lines) == client.get("/api/v1/locations/").json()["results"]
    _key, token = create_api_key(name="web", scopes=["all"], channel="web")
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    assert [row["channel"] for row in csv_of(client.get("/api/v1/prices/export/"))] == ["web"]


@pytest.mark.parametrize("noun", ["products", "prices", "locations"])
def test_an_unknown_format_a_wrong_filter_and_a_missing_scope_are_refused(
    client: Any, client_with: Any, noun: str
) -> None:
    unknown = client.get(f"/api/v1/{noun}/export/?format=pdf")
    stranger = client_with("orders:read").get(f"/api/v1/{noun}/export/")
    nobody = client_with("all")
    nobody.credentials()

    assert (unknown.status_code, unknown.json()["errors"][0]["code"]) == (422, "unknown_format")
    assert (stranger.status_code, stranger.json()["code"]) == (403, "missing_scope")
    assert nobody.get(f"/api/v1/{noun}/export/?format=csv").status_code == 401
