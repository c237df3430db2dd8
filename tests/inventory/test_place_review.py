"""What a place leaves unsaid is told where it is edited."""

import inspect
import re
from decimal import Decimal
from typing import Any

import pytest

from inventory import place_review
from inventory.models import Location
from inventory.place_review import REMARKS, review_place
from tests.factories.inventory import NOW, make_location

pytestmark = pytest.mark.django_db
WHOLE = {"latitude": 48.8, "longitude": 2.3, "opening_hours": {"mon": [["10:00", "19:00"]]}}
CLOSED = [{"from_at": "2026-01-01T00:00:00Z", "until_at": "2099-01-01T00:00:00Z", "note": ""}]


def remarks(**values: Any) -> list[str]:
    make_location("P", **{**WHOLE, **values})
    return review_place(Location.objects.get(pk="P"), currencies={"EUR"}, as_of=NOW)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, []),
        ({"latitude": None, "longitude": None}, ["not_on_the_map"]),
        ({"opening_hours": {}}, ["always_open"]),
        ({"opening_hours": {}, "kind": "warehouse"}, []),
        ({"opening_hours": {"mon": [], "tue": []}}, ["never_open"]),
        ({"opening_hours": {}, "closures": CLOSED}, ["never_open"]),
        ({"opening_hours": {}, "closures": CLOSED, "kind": "warehouse"}, ["never_open"]),
        ({"daily_capacity": 0}, ["no_daily_capacity"]),
        ({"timezone": "UTC"}, ["clock_of_utc"]),
        ({"country": ""}, ["no_country"]),
        ({"abilities": []}, ["no_abilities"]),
        ({"currency": "SEK"}, []),
        ({"currency": "SEK", "packaging_cost": Decimal("0.30")}, ["foreign_costs"]),
    ],
)
def test_what_is_missing_is_told_with_what_follows(values: dict[str, Any], expected: list[str]) -> None:
    assert remarks(**values) == expected


def test_every_remark_has_words() -> None:
    assert set(re.findall(r'yield "(\w+)"', inspect.getsource(place_review))) == set(REMARKS)


def test_the_page_of_a_place_says_it(admin_client: Any) -> None:
    make_location("P", opening_hours={})

    page = admin_client.get("/admin/inventory/location/P/change/").content.decode()

    assert str(REMARKS["always_open"]) in page
    assert "It is not on the map" in page
    assert admin_client.get("/admin/inventory/location/add/").status_code == 200


def test_the_api_says_it(client: Any) -> None:
    make_location("P", opening_hours={})

    told = client.get("/api/v1/locations/P/review/").json()["remarks"]

    assert [remark["code"] for remark in told] == ["not_on_the_map", "always_open"]
    assert [remark["detail"] for remark in told] == [str(REMARKS[remark["code"]]) for remark in told]
    assert client.get("/api/v1/locations/NONE/review/").status_code == 404
