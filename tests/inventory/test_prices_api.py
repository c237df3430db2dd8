"""Prices per channel over HTTP: set, changed, ended; what has been in force stays as it was."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from inventory.models import ProductPrice
from inventory.prices import prices_at
from inventory.services import PriceRow, judge_prices, receive_prices, save_prices
from oms.channels import save_channel
from oms.clock import now
from oms.keys import create_api_key
from oms.models import Channel, Event
from tests.factories.inventory import make_product, make_products

pytestmark = pytest.mark.django_db

PRICES = "/api/v1/products/SHIRT/prices/"
SOON = timedelta(days=2)


@pytest.fixture(autouse=True)
def shop(db: None) -> None:
    with transaction.atomic():
        for code in ("web", "outlet"):
            save_channel(Channel(code=code, name=code, currency="EUR"))
    make_product("SHIRT", price=Decimal("39.90"))


def iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def stored() -> list[dict[str, Any]]:
    return list(ProductPrice.objects.order_by("from_at").values())


def of_channel(client_with: Any, channel: str) -> Any:
    _key, token = create_api_key(name=channel, scopes=["all"], channel=channel)
    client = client_with("all")
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client


def test_a_price_reads_back_as_it_was_set(client: Any) -> None:
    until = now() + SOON

    made = client.post(PRICES, {"channel": "web", "amount": "29.90", "until_at": iso(until)}, format="json")

    assert made.status_code == 201
    assert made.json() | {"id": None, "from_at": None} == {
        "id": None,
        "sku": "SHIRT",
        "channel": "web",
        "amount": "29.90",
        "currency": "EUR",
        "from_at": None,
        "until_at": until.isoformat(),
    }
    assert client.get(f"{PRICES}{made.json()['id']}/").json() == made.json()
    assert client.get(PRICES).json()["results"] == [made.json()]


def test_a_price_is_told_of(client: Any) -> None:
    client.post(PRICES, {"channel": "web", "amount": "29.90"}, format="json")

    event = Event.objects.get(type="inventory.price.changed")
    assert (event.subject, event.actor) == ("SHIRT", "key:client")
    assert [(told["channel"], told["amount"]) for told in event.payload["prices"]] == [("web", "29.90")]


def test_setting_it_again_changes_nothing(client: Any) -> None:
    body = {"channel": "web", "amount": "29.90", "from_at": iso(now() + SOON)}
    first = client.post(PRICES, body, format="json")
    before, events = stored(), Event.objects.count()

    again = client.post(PRICES, body, format="json")

    assert (again.status_code, again.json()) == (200, first.json())
    assert (stored(), Event.objects.count()) == (before, events)


def test_two_prices_never_hold_at_once(client: Any) -> None:
    client.post(PRICES, {"channel": "web", "amount": "29.90"}, format="json")
    before, events = stored(), Event.objects.count()

    refused = client.post(PRICES, {"channel": "web", "amount": "19.90", "from_at": iso(now() + SOON)}, format="json")

    assert (refused.status_code, refused.json()["code"]) == (409, "prices_overlap")
    assert (stored(), Event.objects.count()) == (before, events)
    other = client.post(PRICES, {"channel": "outlet", "amount": "19.90"}, format="json")
    assert other.status_code == 201


def test_a_sale_takes_over_and_the_old_price_goes_on_after_it(client: Any) -> None:
    start, end = now() + SOON, now() + 2 * SOON
    client.post(PRICES, {"channel": "web", "amount": "29.90"}, format="json")

    sale = {"channel": "web", "amount": "19.90", "from_at": iso(start), "until_at": iso(end), "takes_over": True}
    assert client.post(PRICES, sale, format="json").status_code == 201

    assert [(row["amount"], row["until_at"]) for row in stored()] == [
        (Decimal("29.90"), start),
        (Decimal("19.90"), end),
        (Decimal("29.90"), None),
    ]


def test_of_a_price_that_has_begun_only_the_end_is_changed(client: Any) -> None:
    made = client.post(PRICES, {"channel": "web", "amount": "29.90"}, format="json").json()
    address = f"{PRICES}{made['id']}/"
    before = stored()

    refused = [
        client.patch(address, change, format="json")
        for change in (
            {"amount": "9.90"},
            {"from_at": iso(now() + SOON)},
            {"until_at": iso(now() - timedelta(minutes=5))},
        )
    ]

    assert [answer.status_code for answer in refused] == [409, 409, 422]
    assert [answer.json()["code"] for answer in refused[:2]] == ["price_is_history"] * 2
    assert stored() == before
    changed = client.patch(address, {"until_at": iso(now() + SOON)}, format="json")
    assert (changed.status_code, changed.json()["amount"]) == (200, "29.90")
    assert client.patch(address, {"until_at": None}, format="json").json()["until_at"] is None


def test_a_price_to_come_may_be_changed_and_taken_back(client: Any) -> None:
    body = {"channel": "web", "amount": "29.90", "from_at": iso(now() + SOON)}
    address = f"{PRICES}{client.post(PRICES, body, format='json').json()['id']}/"

    assert client.patch(address, {"amount": "24.90"}, format="json").json()["amount"] == "24.90"
    assert client.delete(address).status_code == 204

    assert stored() == []
    told = Event.objects.filter(type="inventory.price.changed").latest("id").payload["prices"]
    assert [price["is_taken_back"] for price in told] == [True]
    assert client.get(address).status_code == 404


def test_deleting_ends_what_runs_and_leaves_what_has_ended(client: Any) -> None:
    made = client.post(PRICES, {"channel": "web", "amount": "29.90"}, format="json").json()
    address = f"{PRICES}{made['id']}/"

    assert client.delete(address).status_code == 204
    ended = stored()
    again = client.delete(address)

    assert [row["until_at"] is not None for row in ended] == [True]
    assert (again.status_code, again.json()["code"]) == (409, "price_is_history")
    assert stored() == ended


@pytest.mark.parametrize(
    ("wrong", "pointer", "code"),
    [
        ({"amount": "-1"}, "/amount", "greater_than_equal"),
        ({"amount": 9.9}, "/amount", "not_a_decimal"),
        ({"channel": "moon"}, "/channel", "unknown_channel"),
        ({"currency": "USD"}, "/currency", "wrong_currency"),
        ({"currency": "EURO"}, "/currency", "string_pattern_mismatch"),
        ({"from_at": "2026-03-01T00:00:00"}, "/from_at", "timezone_aware"),
        ({"from_at": "2026-03-02T00:00:00Z", "until_at": "2026-03-01T00:00:00Z"}, "", "ends_before_it_begins"),
        ({"until_at": "2020-03-01T00:00:00Z"}, "/until_at", "ends_before_it_begins"),
        ({"sku": "SHIRT"}, "/sku", "unknown_field"),
    ],
)
def test_each_fault_is_pointed_at(client: Any, wrong: dict[str, Any], pointer: str, code: str) -> None:
    answer = client.post(PRICES, {"channel": "web", "amount": "29.90"} | wrong, format="json")

    assert answer.status_code == 422
    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [(pointer, code)]
    assert stored() == []


def test_prices_of_an_unknown_product_are_not_found(client: Any) -> None:
    nowhere = "/api/v1/products/NONE/prices/"

    assert client.get(nowhere).status_code == 404
    assert client.post(nowhere, {"channel": "web", "amount": "1.00"}, format="json").status_code == 404
    assert client.patch(f"{PRICES}pri_none/", {"amount": "1.00"}, format="json").status_code == 404
    assert client.delete(f"{PRICES}pri_none/").status_code == 404


def test_a_price_is_found_at_its_own_product_only(client: Any) -> None:
    make_product("OTHER")
    made = client.post(PRICES, {"channel": "web", "amount": "29.90"}, format="json").json()

    for method in ("get", "delete"):
        assert getattr(client, method)(f"/api/v1/products/OTHER/prices/{made['id']}/").status_code == 404
    assert len(stored()) == 1


# ---- many at once ------------------------------------------------------------------------------------


def test_bulk_answers_row_by_row_and_again_without_change(client: Any, django_assert_max_num_queries: Any) -> None:
    make_products("HAT", "SOCK")
    rows = [
        {"sku": "SHIRT", "channel": "web", "amount": "29.90"},
        {"sku": "HAT", "channel": "web", "amount": "9.90", "from_at": iso(now() + SOON)},
        {"sku": "NONE", "channel": "web", "amount": "9.90"},
        {"sku": "HAT", "channel": "web", "amount": "8.90", "from_at": iso(now() + 2 * SOON)},
        {"sku": "SOCK", "channel": "moon", "amount": "8.90"},
        "nonsense",
    ]

    with django_assert_max_num_queries(14):  # key, transaction, products, prices, channels, constraint, rows, event
        answer = client.post("/api/v1/prices/bulk/", rows, format="json")
    before = stored()
    again = client.post("/api/v1/prices/bulk/", rows, format="json")

    def told(response: Any) -> list[tuple[str, str | None]]:
        return [(row["status"], row.get("code")) for row in response.json()["results"]]

    refused = [("rejected", "unknown_sku"), ("rejected", "prices_overlap"), ("rejected", "unknown_channel")]
    assert told(answer) == [("created", None), ("created", None), *refused, ("rejected", "invalid")]
    assert told(again) == [("unchanged", None), ("unchanged", None), *refused, ("rejected", "invalid")]
    assert {row["id"] for row in answer.json()["results"] if "id" in row} == {row["id"] for row in before}
    assert stored() == before


def test_a_row_meets_what_rows_before_it_set(client: Any) -> None:
    start, end = now() + SOON, now() + 2 * SOON
    rows = [
        {"sku": "SHIRT", "channel": "web", "amount": "29.90"},
        {"sku": "SHIRT", "channel": "web", "amount": "9.90", "from_at": iso(start), "until_at": iso(end)},
        {
            "sku": "SHIRT",
            "channel": "web",
            "amount": "19.90",
            "from_at": iso(start),
            "until_at": iso(end),
            "takes_over": True,
        },
    ]

    answer = client.post("/api/v1/prices/bulk/", rows, format="json")

    assert [row["status"] for row in answer.json()["results"]] == ["created", "rejected", "created"]
    assert [row["amount"] for row in stored()] == [Decimal("29.90"), Decimal("19.90"), Decimal("29.90")]


def test_bulk_takes_five_thousand_rows_and_no_more(client: Any) -> None:
    make_products(*[f"S{n}" for n in range(5000)])
    rows = [{"sku": f"S{n}", "channel": "web", "amount": "1.00"} for n in range(5001)]

    taken = client.post("/api/v1/prices/bulk/", rows[:-1], format="json")
    refused = client.post("/api/v1/prices/bulk/", rows, format="json")

    assert taken.status_code == 200
    assert {row["status"] for row in taken.json()["results"]} == {"created"}
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "too_many_rows")
    assert ProductPrice.objects.count() == 5000


def test_judging_tells_what_saving_would_and_changes_nothing() -> None:
    rows = [
        PriceRow("SHIRT", "web", Decimal("29.90")),
        PriceRow("SHIRT", "web", Decimal("19.90"), from_at=now() + SOON),
        PriceRow("NONE", "web", Decimal("19.90")),
    ]

    judged = judge_prices(rows, as_of=now())
    assert stored() == []
    saved = receive_prices(rows, actor="user:ann", as_of=now())

    assert [(row.status, row.code) for row in judged] == [(row.status, row.code) for row in saved]
    assert [row.status for row in saved] == ["created", "rejected", "rejected"]


# ---- whose ------------------------------------------------------------------------------------------


def test_a_key_of_a_channel_sees_and_sets_that_channels(client: Any, client_with: Any) -> None:
    foreign = client.post(PRICES, {"channel": "outlet", "amount": "29.90"}, format="json").json()
    web = of_channel(client_with, "web")
    rows = [{"sku": "SHIRT", "channel": channel, "amount": "19.90"} for channel in ("outlet", "web")]

    refused = web.post(PRICES, {"channel": "outlet", "amount": "1.00"}, format="json")
    answers = web.post("/api/v1/prices/bulk/", rows, format="json").json()["results"]

    assert (refused.status_code, refused.json()["code"]) == (403, "channel_not_allowed")
    assert [(row["status"], row.get("code")) for row in answers] == [
        ("rejected", "channel_not_allowed"),
        ("created", None),
    ]
    assert [row["channel"] for row in web.get("/api/v1/prices/").json()["results"]] == ["web"]
    for method in ("get", "delete"):
        assert getattr(web, method)(f"{PRICES}{foreign['id']}/").status_code == 404
    assert web.patch(f"{PRICES}{foreign['id']}/", {"amount": "1.00"}, format="json").status_code == 404
    assert ProductPrice.objects.get(channel="outlet").amount == Decimal("29.90")


def test_a_key_bound_to_places_reads_only(client_with: Any) -> None:
    clerk = client_with("all", locations=["S"])

    assert clerk.get(PRICES).status_code == 200
    for answer in (
        clerk.post(PRICES, {"channel": "web", "amount": "1.00"}, format="json"),
        clerk.post("/api/v1/prices/bulk/", [], format="json"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "place_not_allowed")


def test_setting_prices_needs_the_scope(client_with: Any) -> None:
    reader = client_with("catalog:read")

    assert reader.get(PRICES).status_code == 200
    answer = reader.post(PRICES, {"channel": "web", "amount": "1.00"}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")
    assert stored() == []


# ---- what is in force ---------------------------------------------------------------------------------


def test_what_is_in_force_is_told_for_any_instant() -> None:
    start, end = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 5, tzinfo=UTC)
    receive_prices([PriceRow("SHIRT", "web", Decimal("29.90"), "", start, end)], actor="t", as_of=start)

    def at(instant: datetime, channel: str = "web") -> Decimal:
        return prices_at(["SHIRT", "NONE"], channel=channel, as_of=instant)["SHIRT"].amount

    second = timedelta(seconds=1)
    assert [at(start - second), at(start), at(end - second), at(end)] == [
        Decimal("39.90"),
        Decimal("29.90"),
        Decimal("29.90"),
        Decimal("39.90"),
    ]
    assert at(start, "outlet") == Decimal("39.90")
    assert prices_at([], channel="web", as_of=start) == {}


def test_products_tell_what_they_cost_in_a_channel(client: Any, django_assert_num_queries: Any) -> None:
    make_products("HAT", "SOCK", price=Decimal("5.00"))
    client.post(PRICES, {"channel": "web", "amount": "29.90"}, format="json")

    with django_assert_num_queries(5):  # key, products, barcodes, channels, prices
        rows = client.get("/api/v1/products/?channel=web").json()["results"]

    told = {row["sku"]: row["channel_price"] for row in rows}
    assert {sku: (price["amount"], price["id"] is None) for sku, price in told.items()} == {
        "HAT": ("5.00", True),
        "SHIRT": ("29.90", False),
        "SOCK": ("5.00", True),
    }
    assert client.get("/api/v1/products/SHIRT/?channel=web").json()["channel_price"] == told["SHIRT"]
    assert "channel_price" not in client.get("/api/v1/products/SHIRT/").json()


def test_prices_of_another_channel_are_not_told(client: Any, client_with: Any) -> None:
    unknown = client.get("/api/v1/products/?channel=moon")
    foreign = of_channel(client_with, "web").get("/api/v1/products/?channel=outlet")

    assert (unknown.status_code, unknown.json()["errors"][0]["code"]) == (422, "unknown_channel")
    assert (foreign.status_code, foreign.json()["code"]) == (403, "channel_not_allowed")


def test_the_list_is_filtered(client: Any) -> None:
    make_product("HAT")
    for sku, channel, from_at in (("SHIRT", "web", now()), ("HAT", "web", now() + SOON), ("HAT", "outlet", now())):
        body = {"channel": channel, "amount": "1.00", "from_at": iso(from_at)}
        client.post(f"/api/v1/products/{sku}/prices/", body, format="json")

    def found(query: str) -> list[tuple[str, str]]:
        rows = client.get(f"/api/v1/prices/?{query}").json()["results"]
        return sorted((row["sku"], row["channel"]) for row in rows)

    assert found("sku=HAT") == [("HAT", "outlet"), ("HAT", "web")]
    assert found("channel=web") == [("HAT", "web"), ("SHIRT", "web")]
    assert found(f"in_force_at={iso(now())}&sku=HAT") == [("HAT", "outlet")]


# ---- the database's own promise ------------------------------------------------------------------------


def test_the_database_itself_refuses_two_prices_at_once() -> None:
    receive_prices([PriceRow("SHIRT", "web", Decimal("29.90"))], actor="t", as_of=now())
    (row,) = ProductPrice.objects.all()

    row.pk, row.from_at = "pri_second", now() + SOON
    with pytest.raises(IntegrityError, match="a_channel_has_one_price_at_a_time"), transaction.atomic():
        row.save(force_insert=True)


def test_saving_needs_a_transaction() -> None:
    with pytest.raises(RuntimeError, match="needs the caller's transaction"):
        save_prices([], actor="t", as_of=now())
