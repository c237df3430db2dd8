"""A delivery from its announcement to the shelf: in full, in part, late, short, over, canceled."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inventory.models import Inbound, InboundLine, StockMovement
from oms.clock import now
from oms.models import Deadline, Event
from tests.factories.inventory import level, make_location, make_locations, make_products, set_stock
from tests.factories.orders import make_key
from tests.flows.conftest import Api, pass_time


@pytest.fixture(autouse=True)
def shop(transactional_db: None) -> None:
    make_products("A", "B", "C")
    make_locations("DC", "S1", kind="warehouse")


def body(**values: Any) -> dict[str, Any]:
    lines = [{"sku": "A", "quantity": 10}, {"sku": "B", "quantity": 4}]
    return {"location": "DC", "expected_at": _in(days=2), "lines": lines, **values}


def _in(**span: float) -> str:
    return (now() + timedelta(**span)).isoformat()


def announce(api: Api, **values: Any) -> str:
    made = api.post("inbound/", body(**values))
    assert made.status == 201, made
    return made.json["id"]


def lines_of(document: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """announced, received, missing, over, remaining by SKU"""
    names = ("quantity", "received", "missing", "over", "remaining")
    return {line["sku"]: tuple(line[name] for name in names) for line in document["lines"]}


def told(inbound: str) -> list[str]:
    events = Event.objects.filter(subject=inbound).order_by("id")
    return [kind.removeprefix("inventory.inbound.") for kind in events.values_list("type", flat=True)]


def stock(api: Api, sku: str, location: str = "DC") -> tuple[int, int, int]:
    """on hand, sellable, inbound"""
    rows = api.get(f"stock/?sku={sku}&location={location}").json["results"]
    return tuple(rows[0][name] for name in ("on_hand", "sellable", "inbound")) if rows else (0, 0, 0)  # type: ignore[return-value]


# ---- announcing ----------------------------------------------------------------------------------


def test_a_delivery_is_announced_and_received_in_full(api: Api, invariants_hold: Any) -> None:
    made = api.post("inbound/", body(external_id="PO-1", reference="Spring"))

    assert made.status == 201
    assert (made.json["status"], made.json["origin"], made.json["is_late"]) == ("announced", None, False)
    assert made.json["actions"] == ["receive", "change", "cancel"]
    assert stock(api, "A") == (0, 0, 10)

    received = api.post(f"inbound/{made.json['id']}/receive/")

    assert (received.status, received.json["status"], received.json["actions"]) == (200, "received", [])
    assert lines_of(received.json) == {"A": (10, 10, 0, 0, 0), "B": (4, 4, 0, 0, 0)}
    assert (stock(api, "A"), stock(api, "B")) == ((10, 10, 0), (4, 4, 0))
    movements = StockMovement.objects.filter(reference=made.json["id"]).order_by("product")
    assert list(movements.values_list("cause", "product_id", "quantity", "actor")) == [
        ("received", "A", 10, "key:shop"),
        ("received", "B", 4, "key:shop"),
    ]
    assert told(made.json["id"]) == ["announced", "received", "closed"]
    assert not Deadline.objects.filter(subject=made.json["id"], done_at=None).exists()
    invariants_hold()


def test_what_comes_to_a_place_where_it_never_lay_is_seen_there(api: Api, invariants_hold: Any) -> None:
    later = announce(api, lines=[{"sku": "A", "quantity": 1}])
    bulk = api.post(
        "inbound/bulk/", [body(location="S1"), body(location="S1"), body(lines=[{"sku": "Z", "quantity": 1}])]
    )
    api.call("PATCH", f"inbound/{later}/", {"lines": [{"sku": "C", "quantity": 2}]})

    assert [row["status"] for row in bulk.json["results"]] == ["created", "created", "rejected"]
    rows = api.get("stock/").json["results"]
    assert {(row["sku"], row["location"]): (row["on_hand"], row["inbound"], row["counted_at"]) for row in rows} == {
        ("A", "DC"): (0, 0, None),
        ("A", "S1"): (0, 20, None),
        ("B", "S1"): (0, 8, None),
        ("C", "DC"): (0, 2, None),
    }
    assert len(rows) == 4 and not StockMovement.objects.exists()
    invariants_hold()


def test_lines_of_one_sku_count_together(api: Api) -> None:
    made = api.post("inbound/", body(lines=[{"sku": "A", "quantity": 1}, {"sku": "A", "quantity": 2}]))

    assert lines_of(made.json) == {"A": (3, 0, 0, 0, 3)}


def test_a_source_announces_a_delivery_once(api: Api) -> None:
    given = body(source="erp", external_id="PO-1")
    first = api.post("inbound/", given)

    again = api.post("inbound/", given)
    other = api.post("inbound/", {**given, "location": "S1"})
    elsewhere = api.post("inbound/", {**given, "source": "wms"})

    assert (again.status, again.json["id"]) == (201, first.json["id"])
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (other.status, other.json["errors"][0]["code"]) == (422, "id_reused")
    assert elsewhere.status == 201
    assert Inbound.objects.count() == 2
    assert told(first.json["id"]) == ["announced"]


def test_a_key_makes_one_delivery(api: Api) -> None:
    given = body()

    first, again = (api.post("inbound/", given, Idempotency_Key="k1") for _ in range(2))

    assert (again.status, again.json["id"]) == (201, first.json["id"])
    assert (first.headers.get("Idempotency-Replayed"), again.headers["Idempotency-Replayed"]) == (None, "true")
    assert Inbound.objects.count() == 1


@pytest.mark.parametrize(
    ("values", "pointer", "code"),
    [
        ({"location": "NOWHERE"}, "/location", "unknown_location"),
        ({"location": "CLOSED"}, "/location", "location_closed"),
        ({"lines": [{"sku": "X", "quantity": 1}]}, "/lines/0/sku", "unknown_sku"),
        ({"lines": []}, "/lines", "too_short"),
        ({"lines": [{"sku": "A", "quantity": 0}]}, "/lines/0/quantity", "greater_than_equal"),
        ({"lines": [{"sku": "A", "quantity": "1e9"}]}, "/lines/0/quantity", "int_type"),
        ({"expected_at": "2199-12-31T23:59:00Z"}, "/expected_at", "too_far"),
        ({"expected_at": "1970-01-01T00:00:00Z"}, "/expected_at", "too_far"),
        ({"expected_at": "2026-03-09T08:00:00"}, "/expected_at", "timezone_aware"),
        ({"status": "received"}, "/status", "unknown_field"),
    ],
)
def test_what_cannot_be_announced_is_refused(api: Api, values: dict[str, Any], pointer: str, code: str) -> None:
    make_location("CLOSED", is_active=False)

    answer = api.post("inbound/", body(**values))

    assert (answer.status, answer.json["errors"][0]["pointer"], answer.json["errors"][0]["code"]) == (
        422,
        pointer,
        code,
    )
    assert not Inbound.objects.exists()
    assert not Event.objects.filter(type__startswith="inventory.inbound").exists()


def test_many_are_announced_at_once_each_judged_by_itself(api: Api, invariants_hold: Any) -> None:
    known = body(source="erp", external_id="PO-0")
    first = api.post("inbound/", known).json["id"]
    rows = [
        known,
        body(source="erp", external_id="PO-1"),
        body(source="erp", external_id="PO-1", location="S1"),
        body(location="NOWHERE"),
        body(lines=[{"sku": "A", "quantity": 1}, {"sku": "X", "quantity": 1}]),
        {"location": "DC"},
        body(),
    ]

    answers = api.post("inbound/bulk/", rows).json["results"]

    assert [(row["index"], row["status"], row.get("code")) for row in answers] == [
        (0, "duplicate", None),
        (1, "created", None),
        (2, "rejected", "id_reused"),
        (3, "rejected", "unknown_location"),
        (4, "rejected", "unknown_sku"),
        (5, "rejected", "invalid"),
        (6, "created", None),
    ]
    assert answers[0]["id"] == first
    assert answers[4]["errors"][0]["pointer"] == "/lines/1/sku"
    assert Inbound.objects.count() == 3
    invariants_hold()


# ---- receiving -----------------------------------------------------------------------------------


def test_what_comes_in_parts_is_counted_in_part_by_part(api: Api, invariants_hold: Any) -> None:
    inbound = announce(api)

    first = api.post(f"inbound/{inbound}/receive/", {"lines": [{"sku": "A", "quantity": 6, "bin": "A-04"}]})

    assert (first.json["status"], first.json["actions"]) == ("partially_received", ["receive", "change"])
    assert lines_of(first.json) == {"A": (10, 6, 0, 0, 4), "B": (4, 0, 0, 0, 4)}
    assert stock(api, "A") == (6, 6, 4)
    assert level("A", "DC").bin == "A-04"

    second = api.post(f"inbound/{inbound}/receive/", {"lines": [{"sku": "A", "quantity": 1}]})
    assert (second.json["status"], second.json["version"]) == ("partially_received", 3)

    last = api.post(f"inbound/{inbound}/receive/")
    assert (last.json["status"], lines_of(last.json)["A"]) == ("received", (10, 10, 0, 0, 0))
    assert told(inbound) == ["announced", "received", "received", "received", "closed"]
    invariants_hold()


def test_what_does_not_come_is_missing_when_it_is_closed(api: Api, invariants_hold: Any) -> None:
    inbound = announce(api)
    came = {"lines": [{"sku": "A", "quantity": 7}], "final": True, "note": "One box was not on the truck"}

    closed = api.post(f"inbound/{inbound}/receive/", came)

    assert (closed.json["status"], closed.json["closing_note"]) == ("received", "One box was not on the truck")
    assert lines_of(closed.json) == {"A": (10, 7, 3, 0, 0), "B": (4, 0, 4, 0, 0)}
    assert (stock(api, "A"), stock(api, "B")) == ((7, 7, 0), (0, 0, 0))
    assert told(inbound) == ["announced", "received", "closed", "short"]
    short = Event.objects.get(type="inventory.inbound.short")
    assert short.payload == {
        "location": "DC",
        "reference": "",
        "lines": [{"sku": "A", "missing": 3}, {"sku": "B", "missing": 4}],
    }
    invariants_hold()


def test_nothing_of_it_may_have_come_at_all(api: Api, invariants_hold: Any) -> None:
    inbound = announce(api)

    closed = api.post(f"inbound/{inbound}/receive/", {"lines": [], "final": True})

    assert lines_of(closed.json) == {"A": (10, 0, 10, 0, 0), "B": (4, 0, 4, 0, 0)}
    assert told(inbound) == ["announced", "closed", "short"]
    assert not StockMovement.objects.exists()
    invariants_hold()


def test_more_than_announced_and_what_nobody_announced_comes_in_too(api: Api, invariants_hold: Any) -> None:
    inbound = announce(api)
    came = {"lines": [{"sku": "A", "quantity": 12}, {"sku": "B", "quantity": 4}, {"sku": "C", "quantity": 1}]}

    closed = api.post(f"inbound/{inbound}/receive/", came)

    assert closed.json["status"] == "received"
    assert lines_of(closed.json) == {"A": (10, 12, 0, 2, 0), "B": (4, 4, 0, 0, 0), "C": (0, 1, 0, 1, 0)}
    assert (stock(api, "A"), stock(api, "C")) == ((12, 12, 0), (1, 1, 0))
    payload = Event.objects.get(type="inventory.inbound.closed").payload
    assert (payload["over"], [row["sku"] for row in payload["differences"]]) == (3, ["A", "C"])
    invariants_hold()


def test_broken_and_doubtful_units_are_stock_that_is_not_sold(api: Api, invariants_hold: Any) -> None:
    inbound = announce(api)
    came = [
        {"sku": "A", "quantity": 5},
        {"sku": "A", "quantity": 3, "condition": "damaged"},
        {"sku": "A", "quantity": 2, "condition": "quarantined"},
        {"sku": "B", "quantity": 4},
    ]

    closed = api.post(f"inbound/{inbound}/receive/", {"lines": came})

    row = next(line for line in closed.json["lines"] if line["sku"] == "A")
    assert (row["received"], row["damaged"], row["quarantined"], closed.json["status"]) == (10, 3, 2, "received")
    assert (level("A", "DC").damaged, level("A", "DC").quarantined, stock(api, "A")) == (3, 2, (10, 5, 0))
    invariants_hold()


def test_a_receipt_that_is_sent_twice_with_one_key_counts_once(api: Api, invariants_hold: Any) -> None:
    inbound = announce(api)
    came = {"lines": [{"sku": "A", "quantity": 6}]}

    first, again = (api.post(f"inbound/{inbound}/receive/", came, Idempotency_Key="r1") for _ in range(2))

    assert (first.status, again.status, again.headers["Idempotency-Replayed"]) == (200, 200, "true")
    assert lines_of(again.json)["A"] == (10, 6, 0, 0, 4)
    assert stock(api, "A")[0] == 6
    other = api.post(f"inbound/{inbound}/receive/", {}, Idempotency_Key="r1")
    assert (other.status, other.json["code"]) == (422, "idempotency_key_reused")
    invariants_hold()


def test_who_counted_what_another_counted_meanwhile_is_refused(api: Api, invariants_hold: Any) -> None:
    inbound = announce(api)
    seen = api.get(f"inbound/{inbound}/").json["version"]
    came = {"lines": [{"sku": "A", "quantity": 6}], "version": seen}
    assert api.post(f"inbound/{inbound}/receive/", came).status == 200

    again = api.post(f"inbound/{inbound}/receive/", came)

    assert (again.status, again.json["code"], again.json["version"]) == (409, "changed_meanwhile", 2)
    assert stock(api, "A")[0] == 6
    invariants_hold()


@pytest.mark.parametrize(
    ("came", "pointer", "code"),
    [
        ({"lines": []}, "/lines", "nothing_received"),
        ({"lines": [{"sku": "X", "quantity": 1}]}, "/lines/0/sku", "unknown_sku"),
        ({"lines": [{"sku": "A", "quantity": -1}]}, "/lines/0/quantity", "greater_than_equal"),
        ({"lines": [{"sku": "A", "quantity": 1, "condition": "lost"}]}, "/lines/0/condition", "enum"),
    ],
)
def test_a_receipt_that_makes_no_sense_changes_nothing(api: Api, came: dict[str, Any], pointer: str, code: str) -> None:
    inbound = announce(api)

    answer = api.post(f"inbound/{inbound}/receive/", came)

    assert (answer.status, answer.json["errors"][0]["pointer"], answer.json["errors"][0]["code"]) == (
        422,
        pointer,
        code,
    )
    assert told(inbound) == ["announced"]
    assert not StockMovement.objects.exists()


def test_what_has_ended_is_neither_received_nor_changed_nor_canceled(api: Api) -> None:
    inbound = announce(api)
    api.post(f"inbound/{inbound}/receive/")

    answers = [
        api.post(f"inbound/{inbound}/receive/"),
        api.call("PATCH", f"inbound/{inbound}/", {"expected_at": _in(days=9)}),
        api.post(f"inbound/{inbound}/cancel/"),
    ]

    assert [(answer.status, answer.json["code"], answer.json["current"]) for answer in answers] == [
        (409, "illegal_move", "received")
    ] * 3
    assert stock(api, "A")[0] == 10


def test_new_units_do_not_clear_a_suspicion(api: Api) -> None:
    set_stock("A", "DC", 3)
    row = level("A", "DC")
    row.suspect_at = now()
    row.save()

    api.post(f"inbound/{announce(api)}/receive/")

    assert stock(api, "A") == (13, 0, 0)


# ---- changing ------------------------------------------------------------------------------------


def test_it_is_given_another_day(api: Api) -> None:
    inbound = announce(api)
    day = "2026-12-24T08:00:00+00:00"

    changed = api.call("PATCH", f"inbound/{inbound}/", {"expected_at": day, "reference": "Delayed"})

    assert (changed.status, changed.json["expected_at"], changed.json["reference"]) == (200, day, "Delayed")
    assert changed.json["version"] == 2
    assert told(inbound) == ["announced", "changed"]
    waiting = Deadline.objects.get(subject=inbound, done_at=None)
    assert waiting.due_at.isoformat() == day


def test_a_change_that_changes_nothing_tells_nothing(api: Api) -> None:
    inbound = announce(api, reference="Spring")

    same = api.call("PATCH", f"inbound/{inbound}/", {"reference": "Spring"})

    assert (same.json["version"], told(inbound)) == (1, ["announced"])


def test_more_fewer_and_other_lines_are_announced_while_it_is_open(api: Api, invariants_hold: Any) -> None:
    inbound = announce(api)
    api.post(f"inbound/{inbound}/receive/", {"lines": [{"sku": "A", "quantity": 6}]})

    changed = api.call(
        "PATCH", f"inbound/{inbound}/", {"lines": [{"sku": "A", "quantity": 8}, {"sku": "C", "quantity": 5}]}
    )

    assert lines_of(changed.json) == {"A": (8, 6, 0, 0, 2), "C": (5, 0, 0, 0, 5)}
    assert (stock(api, "A")[2], changed.json["status"]) == (2, "partially_received")
    received = api.post(f"inbound/{inbound}/receive/")
    assert lines_of(received.json) == {"A": (8, 8, 0, 0, 0), "C": (5, 5, 0, 0, 0)}
    invariants_hold()


def test_of_a_product_that_is_announced_no_more_only_what_came_stays(api: Api, invariants_hold: Any) -> None:
    inbound = announce(api)
    api.post(f"inbound/{inbound}/receive/", {"lines": [{"sku": "A", "quantity": 6}]})

    changed = api.call("PATCH", f"inbound/{inbound}/", {"lines": [{"sku": "B", "quantity": 4}]})

    assert lines_of(changed.json) == {"A": (6, 6, 0, 0, 0), "B": (4, 0, 0, 0, 4)}
    invariants_hold()


def test_it_is_closed_when_no_more_is_announced_than_came(api: Api, invariants_hold: Any) -> None:
    inbound = announce(api)
    api.post(f"inbound/{inbound}/receive/", {"lines": [{"sku": "A", "quantity": 6}]})

    closed = api.call("PATCH", f"inbound/{inbound}/", {"lines": [{"sku": "A", "quantity": 5}]})

    assert (closed.json["status"], lines_of(closed.json)) == ("received", {"A": (5, 6, 0, 1, 0)})
    assert told(inbound) == ["announced", "received", "changed", "closed"]
    invariants_hold()


def test_a_change_to_what_does_not_exist_changes_nothing(api: Api) -> None:
    inbound = announce(api)

    answer = api.call("PATCH", f"inbound/{inbound}/", {"reference": "x", "lines": [{"sku": "X", "quantity": 1}]})

    assert (answer.status, answer.json["errors"][0]["code"]) == (422, "unknown_sku")
    unchanged = api.get(f"inbound/{inbound}/").json
    assert (unchanged["reference"], sorted(lines_of(unchanged))) == ("", ["A", "B"])
    assert told(inbound) == ["announced"]


def test_a_delivery_is_canceled_before_anything_came(api: Api, invariants_hold: Any) -> None:
    inbound = announce(api)

    canceled = api.post(f"inbound/{inbound}/cancel/", {"reason": "Supplier is out"})

    assert (canceled.status, canceled.json["status"], canceled.json["closing_note"]) == (
        200,
        "canceled",
        "Supplier is out",
    )
    assert lines_of(canceled.json) == {"A": (10, 0, 0, 0, 0), "B": (4, 0, 0, 0, 0)}
    assert not Deadline.objects.filter(subject=inbound, done_at=None).exists()
    assert not StockMovement.objects.exists()
    invariants_hold()


def test_a_delivery_of_which_something_came_is_closed_not_canceled(api: Api) -> None:
    inbound = announce(api)
    api.post(f"inbound/{inbound}/receive/", {"lines": [{"sku": "A", "quantity": 1}]})

    answer = api.post(f"inbound/{inbound}/cancel/")

    assert (answer.status, answer.json["code"]) == (409, "illegal_move")
    assert InboundLine.objects.get(product="A").remaining == 9


# ---- late ----------------------------------------------------------------------------------------


def test_a_late_delivery_is_told_once(api: Api) -> None:
    inbound = announce(api, expected_at=_in(hours=1))

    pass_time(minutes=59)
    assert told(inbound) == ["announced"]
    pass_time(minutes=61)
    pass_time(days=9)

    assert told(inbound) == ["announced", "late"]
    late = Event.objects.get(type="inventory.inbound.late")
    assert late.payload["lines"] == [{"sku": "A", "quantity": 10}, {"sku": "B", "quantity": 4}]


def test_what_came_in_time_is_not_told_late(api: Api) -> None:
    inbound = announce(api, expected_at=_in(hours=1))
    api.post(f"inbound/{inbound}/receive/")

    pass_time(days=1)

    assert "late" not in told(inbound)


def test_a_new_day_may_be_missed_again(api: Api) -> None:
    inbound = announce(api, expected_at=_in(hours=1))
    pass_time(hours=2)
    assert api.call("PATCH", f"inbound/{inbound}/", {"expected_at": _in(hours=5)}).status == 200

    pass_time(hours=6)

    assert told(inbound) == ["announced", "late", "changed", "late"]


def test_one_that_is_late_says_so(api: Api) -> None:
    inbound = announce(api, expected_at=_in(minutes=-5))

    assert api.get(f"inbound/{inbound}/").json["is_late"] is True
    api.post(f"inbound/{inbound}/receive/")
    assert api.get(f"inbound/{inbound}/").json["is_late"] is False


# ---- who sees what -------------------------------------------------------------------------------


def test_the_list_can_be_narrowed(api: Api) -> None:
    make_location("S2", groups=["south"])
    first = announce(api, external_id="PO-1", reference="Spring", expected_at=_in(days=1))
    second = announce(api, location="S2", lines=[{"sku": "C", "quantity": 1}], expected_at=_in(days=5))
    api.post(f"inbound/{second}/receive/")

    def found(query: str) -> list[str]:
        answer = api.get(f"inbound/?{query}")
        assert answer.status == 200, answer
        return [row["id"] for row in answer.json["results"]]

    assert found("") == [second, first]
    assert found("location=DC") == [first]
    assert found("group=south") == [second]
    assert found("status=announced") == [first]
    assert found("status=announced&status=received") == [second, first]
    assert found("open=true") == [first]
    assert found("sku=B,X") == [first]
    assert found("external_id=PO-1") == [first]
    assert found(f"expected_after={_in(days=2)}".replace("+", "%2B")) == [second]
    assert found(f"expected_before={_in(days=2)}".replace("+", "%2B")) == [first]
    assert api.get("inbound/?status=lost").status == 422


def test_a_key_bound_to_places_sees_and_receives_its_own(api: Api, invariants_hold: Any) -> None:
    theirs, ours = announce(api, location="DC"), announce(api, location="S1")
    store = Api(make_key("store", locations=["S1"]))

    assert [row["id"] for row in store.get("inbound/").json["results"]] == [ours]
    for answer in (
        store.get(f"inbound/{theirs}/"),
        store.post(f"inbound/{theirs}/receive/"),
        store.post(f"inbound/{theirs}/cancel/"),
        store.call("PATCH", f"inbound/{theirs}/", {"reference": "mine"}),
        store.post("inbound/", body(location="DC")),
    ):
        assert answer.status == 404
    bulk = store.post("inbound/bulk/", [body(location="DC"), body(location="S1")]).json["results"]
    assert [row["status"] for row in bulk] == ["rejected", "created"]
    assert store.post(f"inbound/{ours}/receive/").status == 200
    assert told(theirs) == ["announced"]
    assert stock(api, "A", "DC") == (0, 0, 10)
    invariants_hold()


def test_reading_needs_one_scope_and_writing_another(api: Api) -> None:
    inbound = announce(api)
    reader = Api(make_key("reader", scopes=("stock:read",)))

    assert reader.get(f"inbound/{inbound}/").json["actions"] == []
    for answer in (
        reader.post("inbound/", body()),
        reader.post("inbound/bulk/", []),
        reader.post(f"inbound/{inbound}/receive/"),
        reader.post(f"inbound/{inbound}/cancel/"),
        reader.call("PATCH", f"inbound/{inbound}/", {}),
        reader.post("transfers/", {}),
    ):
        assert (answer.status, answer.json["code"]) == (403, "missing_scope")
    assert Api(make_key("nobody", scopes=("orders:read",))).get("inbound/").status == 403


def test_who_may_adjust_stock_moves_goods_but_tells_no_events(api: Api) -> None:
    received, canceled = announce(api), announce(api, external_id="other")
    make_location("S2", abilities=["receive_transfer"])
    manager = Api(make_key("manager", scopes=("stock:read", "stock:count", "stock:adjust")))

    assert manager.get(f"inbound/{received}/").json["actions"] == ["receive", "change", "cancel"]
    assert manager.call("PATCH", f"inbound/{canceled}/", {"reference": "R"}).status == 200
    assert manager.post(f"inbound/{canceled}/cancel/").status == 200
    assert manager.post(f"inbound/{received}/receive/").status == 200
    sent = manager.post("transfers/", {"from": "DC", "to": "S2", "lines": [{"sku": "A", "quantity": 1}]})
    assert sent.status == 201
    change = {"sku": "A", "location": "DC", "kind": "damage", "quantity": 1, "reason": "broken"}
    assert manager.post("stock/adjustments/", change).status == 201
    before = Event.objects.count()
    for method, path in (
        ("POST", "inbound/"),
        ("POST", "inbound/bulk/"),
        ("POST", "stock/events/"),
        ("POST", "stock/imports/"),
        ("PUT", "stock/protection/"),
        ("POST", "exposure-rules/"),
        ("PUT", "feeds/till/"),
    ):
        refused = manager.call(method, path, {})
        assert (path, refused.status, refused.json["code"]) == (path, 403, "missing_scope")
    assert Event.objects.count() == before


def test_who_may_count_receives_what_comes_and_changes_nothing_else(api: Api) -> None:
    received, other = announce(api), announce(api, external_id="other")
    associate = Api(make_key("associate", scopes=("stock:read", "stock:count")))

    assert associate.get(f"inbound/{received}/").json["actions"] == ["receive"]
    assert associate.post(f"inbound/{received}/receive/").json["status"] == "received"
    for answer in (
        associate.call("PATCH", f"inbound/{other}/", {"reference": "R"}),
        associate.post(f"inbound/{other}/cancel/"),
        associate.post("transfers/", {}),
    ):
        assert (answer.status, answer.json["code"]) == (403, "missing_scope")
    assert api.get(f"inbound/{other}/").json["version"] == 1


def test_more_than_can_be_written_down_is_refused(api: Api) -> None:
    set_stock("A", "DC", 2_000_000_000)
    inbound = announce(api)

    answer = api.post(f"inbound/{inbound}/receive/")

    assert (answer.status, answer.json["errors"][0]["code"]) == (422, "out_of_range")
    assert told(inbound) == ["announced"]


def test_statements_do_not_grow_with_the_list_or_the_lines(api: Api, settings: Any) -> None:
    settings.VERSIONED_CACHE_SECONDS = settings.KEY_CACHE_SECONDS = 3600

    def statements(act: Any) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert act().status in (200, 201)
        return len(captured)

    first = announce(api, lines=[{"sku": "A", "quantity": 1}])
    statements(lambda: api.get("inbound/"))
    few = statements(lambda: api.get("inbound/")), statements(lambda: api.post(f"inbound/{first}/receive/"))
    announce(api)
    longer = announce(api, lines=[{"sku": sku, "quantity": 2} for sku in "ABC"])

    assert (statements(lambda: api.get("inbound/")), statements(lambda: api.post(f"inbound/{longer}/receive/"))) == few
