"""Counting in a store over HTTP: associates count blind, the manager decides, headquarters decides what is worth much."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from inventory.models import CountLine, CountSession, StockLevel, StockMovement
from oms.clock import now
from oms.models import Event
from tests.factories.inventory import make_location, make_product, set_stocks
from tests.factories.orders import make_key
from tests.factories.people import make_user
from tests.flows.conftest import Answer, Api

As = Callable[..., Any]


class Person(Api):
    """Somebody signed in, who speaks to the API as the store's page does."""

    def __init__(self, *roles: str, name: str, places: tuple[str, ...] = ()):
        self.client = Client()
        self.client.force_login(make_user(name, *roles, places=places))

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        call = getattr(self.client, method.lower())
        sent = {} if body is None else {"data": body, "content_type": "application/json"}
        return Answer(call(f"/api/v1/{path}", headers=names, **sent))


@pytest.fixture(autouse=True)
def shelves(transactional_db: None) -> None:
    """Ten mugs, five plates and one vase in PARIS, 20.00 each, and some in LYON."""
    for code in ("PARIS", "LYON"):
        make_location(code)
    make_product("MUG", name_en="Mug", price="20.00", barcodes=["3001234567892"], tags=["kitchen"])
    make_product("PLATE", name_en="Plate", price="20.00", tags=["kitchen"])
    make_product("VASE", name_en="Vase", price="2000.00")
    set_stocks({("MUG", "PARIS"): 10, ("PLATE", "PARIS"): 5, ("VASE", "PARIS"): 1, ("MUG", "LYON"): 3})


@pytest.fixture
def lea(shelves: None) -> Person:
    return Person("store_associate", name="lea", places=("PARIS",))


@pytest.fixture
def max_(shelves: None) -> Person:
    return Person("store_manager", name="max", places=("PARIS",))


@pytest.fixture
def olga(shelves: None) -> Person:
    return Person("operations", name="olga")


def opened(person: Api, **body: Any) -> str:
    answer = person.post("counts/", {"location": "PARIS", **body})
    assert answer.status == 201, answer
    return str(answer.json["id"])


def scan(person: Api, count: str, *scans: dict[str, Any]) -> list[str]:
    answer = person.post(f"counts/{count}/scans/", {"scans": list(scans)})
    assert answer.status == 200, answer
    return [row.get("code") or row["status"] for row in answer.json["results"]]


def put(person: Api, count: str, code: str, units: int, **body: Any) -> Answer:
    answer: Answer = person.call("PUT", f"counts/{count}/lines/{code}/", {"units": units, **body})
    return answer


def act(person: Api, count: str, name: str, **body: Any) -> Answer:
    answer: Answer = person.post(f"counts/{count}/{name}/", body)
    return answer


def stock(sku: str, location: str = "PARIS") -> int:
    return StockLevel.objects.get(product_id=sku, location_id=location).on_hand


def traces() -> tuple[Any, ...]:
    return (
        list(CountLine.objects.order_by("id").values()),
        list(CountSession.objects.order_by("id").values()),
        StockMovement.objects.count(),
        list(StockLevel.objects.order_by("id").values()),
        Event.objects.count(),
    )


def test_a_blind_count_from_the_first_beep_to_the_books(lea: Person, max_: Person, invariants_hold: Any) -> None:
    count = opened(lea, note="Monday round")
    beeps = [{"id": f"b{n}", "code": "3001234567892", "add": 1} for n in range(7)]

    assert scan(lea, count, *beeps, beeps[0]) == [*["counted"] * 7, "duplicate"]
    assert put(lea, count, "PLATE", 5).json["units"] == 5
    submitted = act(lea, count, "submit").json

    assert submitted["status"] == "submitted"
    assert submitted["progress"] == {
        "counted": 0,
        "recount": 0,
        "waiting": 1,
        "applied": 1,
        "rejected": 0,
        "stale": 0,
        "to_find": 1,
    }
    assert (stock("MUG"), stock("PLATE")) == (10, 5)
    (waiting,) = max_.get(f"counts/{count}/differences/").json["results"]
    assert {
        name: waiting[name] for name in ("sku", "expected", "units", "difference", "value", "currency", "needs")
    } == {
        "sku": "MUG",
        "expected": 10,
        "units": 7,
        "difference": -3,
        "value": "60.00",
        "currency": "EUR",
        "needs": "manager",
    }

    approved = act(max_, count, "approve").json

    assert (approved["status"], approved["closed_by"], approved["actions"]) == ("approved", "user:max", [])
    assert (stock("MUG"), stock("PLATE"), stock("VASE")) == (7, 5, 1)
    assert list(StockMovement.objects.filter(reference=count).values_list("product_id", "quantity")) == [
        ("MUG", -3),
        ("PLATE", 0),
    ]
    invariants_hold()


def test_nothing_tells_who_counts_blind_what_the_books_expect(lea: Person, max_: Person) -> None:
    count = opened(lea)
    answers = [put(lea, count, "MUG", 7)]
    answers += [
        person.get(f"counts/{count}/{what}") for person in (lea, max_) for what in ("", "lines/", "differences/")
    ]
    assert [row["sku"] for row in answers[2].json["results"]] == ["MUG"]
    for answer in answers:
        for row in answer.json.get("results", [answer.json]):
            told = {row.get(name) for name in ("expected", "difference", "value", "needs", "currency")}
            assert told <= {None, ""}, row
    assert answers[3].json["results"] == answers[6].json["results"] == []

    act(lea, count, "submit")

    assert [row["expected"] for row in lea.get(f"counts/{count}/lines/").json["results"]] == [None]
    assert lea.get(f"counts/{count}/differences/").json["results"] == []
    assert [row["expected"] for row in max_.get(f"counts/{count}/lines/").json["results"]] == [10]


def test_a_count_that_is_not_blind_says_what_is_expected(lea: Person) -> None:
    count = opened(lea, is_blind=False)

    assert put(lea, count, "MUG", 7).json["expected"] == 10


def test_an_associate_counts_and_does_not_decide(lea: Person, max_: Person) -> None:
    count = opened(lea)
    put(lea, count, "MUG", 7)
    assert act(lea, count, "submit").json["actions"] == []
    before = traces()

    refused = [
        act(lea, count, "approve"),
        act(lea, count, "reject", lines=["MUG"]),
        act(lea, count, "recount", lines=["MUG"]),
        act(lea, count, "cancel"),
    ]

    assert [(answer.status, answer.json["code"]) for answer in refused] == [
        (403, "missing_scope"),
        (403, "missing_scope"),
        (403, "missing_scope"),
        (403, "approval_needed"),
    ]
    assert traces() == before
    assert max_.get(f"counts/{count}/").json["actions"] == ["approve", "reject", "recount", "cancel"]


def test_an_associate_still_writes_no_stock_past_the_manager(lea: Person, max_: Person) -> None:
    """Nor does the manager past headquarters: what differs above a value is theirs to approve."""
    event = {"id": "e", "sku": "MUG", "location": "PARIS", "kind": "delta", "quantity": -9}
    event |= {"occurred_at": now().isoformat()}
    before = traces()

    for person in (lea, max_):
        refused = person.post("stock/events/", {"events": [event]})
        assert (refused.status, refused.json["code"]) == (403, "missing_scope")
    assert stock("MUG") == 10
    assert traces() == before


def test_the_manager_sends_one_difference_back_and_rejects_another(lea: Person, max_: Person) -> None:
    count = opened(lea)
    put(lea, count, "MUG", 7)
    put(lea, count, "PLATE", 9)
    act(lea, count, "submit")

    sent_back = act(max_, count, "recount", lines=["MUG"]).json
    (again,) = lea.get(f"counts/{count}/lines/?status=recount").json["results"]
    missing = act(lea, count, "submit")
    put(lea, count, "MUG", 10)
    submitted = act(lea, count, "submit").json
    rejected = act(max_, count, "reject", lines=["PLATE"]).json

    assert (sent_back["status"], again["sku"], again["expected"], again["attempt"]) == ("open", "MUG", None, 2)
    assert (missing.status, missing.json["code"], missing.json["skus"]) == (409, "recount_missing", ["MUG"])
    assert (submitted["status"], submitted["progress"]["applied"], submitted["progress"]["waiting"]) == (
        "submitted",
        1,
        1,
    )
    assert (rejected["status"], stock("MUG"), stock("PLATE")) == ("approved", 10, 5)


def test_what_is_worth_much_waits_for_headquarters(lea: Person, max_: Person, olga: Person) -> None:
    count = opened(lea, scope="skus", skus=["VASE", "MUG"])
    put(lea, count, "VASE", 0)
    put(lea, count, "MUG", 7)
    act(lea, count, "submit")
    before = traces()

    for name, body in (("approve", {"lines": ["VASE"]}), ("reject", {"lines": ["VASE"]}), ("cancel", {})):
        refused = act(max_, count, name, **body)
        assert (refused.status, refused.json["code"], refused.json["skus"]) == (403, "headquarters_needed", ["VASE"])
    assert traces() == before

    by_manager = act(max_, count, "approve").json
    by_headquarters = act(olga, count, "approve").json

    assert (by_manager["status"], by_manager["progress"]["waiting"]) == ("submitted", 1)
    assert (by_headquarters["status"], stock("VASE"), stock("MUG")) == ("approved", 0, 7)


def test_units_in_another_condition_are_a_difference(lea: Person, max_: Person, olga: Person) -> None:
    count = opened(lea)
    told = [put(lea, count, "MUG", 10, damaged=10), put(lea, count, "VASE", 1, damaged=1)]
    submitted = act(lea, count, "submit").json
    blind = lea.get(f"counts/{count}/lines/").json["results"]
    before = traces()

    assert (submitted["status"], submitted["progress"]["waiting"]) == ("submitted", 2)
    assert (
        [row.json["damaged_difference"] for row in told] == [row["damaged_difference"] for row in blind] == [None] * 2
    )
    assert lea.get(f"counts/{count}/differences/").json["results"] == []
    names = ("sku", "difference", "damaged_difference", "value", "needs")
    assert [tuple(row[name] for name in names) for row in max_.get(f"counts/{count}/differences/").json["results"]] == [
        ("VASE", 0, 1, "2000.00", "headquarters"),
        ("MUG", 0, 10, "200.00", "manager"),
    ]
    assert act(max_, count, "approve", lines=["VASE"]).json["code"] == "headquarters_needed"
    assert traces() == before

    act(max_, count, "approve")
    act(olga, count, "approve")

    assert list(StockLevel.objects.filter(damaged__gt=0).order_by("product").values_list("product", "damaged")) == [
        ("MUG", 10),
        ("VASE", 1),
    ]


def test_what_nobody_found_needs_to_be_confirmed_by_its_number(lea: Person, olga: Person) -> None:
    count = opened(lea, not_found_is_zero=True)
    put(lea, count, "MUG", 10)

    unconfirmed, wrong = act(lea, count, "submit"), act(lea, count, "submit", confirm_not_found=1)
    confirmed = act(lea, count, "submit", confirm_not_found=2)
    act(olga, count, "approve")

    assert [(a.status, a.json["code"], a.json["not_found"], a.json["skus"]) for a in (unconfirmed, wrong)] == [
        (409, "not_found_unconfirmed", 2, ["PLATE", "VASE"])
    ] * 2
    assert confirmed.json["progress"]["waiting"] == 2
    assert (stock("MUG"), stock("PLATE"), stock("VASE")) == (10, 0, 0)


def test_sales_after_the_scan_are_no_difference_however_late_the_phone_comes_online(
    lea: Person, max_: Person, olga: Person
) -> None:
    count = opened(lea)
    CountSession.objects.update(opened_at=now() - timedelta(hours=2))
    StockLevel.objects.update(counted_at=now() - timedelta(days=1))
    scanned_at = (now() - timedelta(hours=1)).isoformat()
    sale = {"id": "t1", "sku": "MUG", "location": "PARIS", "kind": "delta", "quantity": -2, "reason": "sale"}
    olga.post("stock/events/", {"events": [sale | {"occurred_at": (now() - timedelta(minutes=5)).isoformat()}]})

    assert scan(lea, count, {"id": "s1", "code": "MUG", "units": 10, "scanned_at": scanned_at}) == ["counted"]
    done = act(lea, count, "submit").json

    assert (done["status"], stock("MUG")) == ("approved", 8)


def test_an_undone_scan_counts_no_more(lea: Person) -> None:
    count = opened(lea)
    scan(lea, count, {"id": "s1", "code": "MUG", "add": 1}, {"id": "s2", "code": "MUG", "add": 1})

    undone = [lea.call("DELETE", f"counts/{count}/scans/s2/").status for _time in range(2)]

    assert undone == [204, 204]
    assert [row["units"] for row in lea.get(f"counts/{count}/lines/").json["results"]] == [1]
    assert lea.call("DELETE", f"counts/{count}/scans/s3/").status == 404


def test_counts_of_other_places_are_neither_seen_nor_touched(lea: Person, olga: Person) -> None:
    elsewhere = opened(olga, location="LYON")
    put(olga, elsewhere, "MUG", 1)
    act(olga, elsewhere, "submit")
    before = traces()
    bound = Api(make_key("bound", scopes=("stock:read", "stock:write"), locations=["PARIS"]))

    for caller in (lea, bound):
        assert caller.get("counts/").json["results"] == []
        answers = [
            caller.get(f"counts/{elsewhere}/"),
            caller.get(f"counts/{elsewhere}/lines/"),
            caller.get(f"counts/{elsewhere}/differences/"),
            put(caller, elsewhere, "MUG", 3),
            caller.post(f"counts/{elsewhere}/scans/", {"scans": []}),
            caller.call("DELETE", f"counts/{elsewhere}/scans/x/"),
            act(caller, elsewhere, "submit"),
            act(caller, elsewhere, "cancel"),
            caller.post("counts/", {"location": "LYON"}),
        ]
        assert [answer.status for answer in answers] == [404] * 9
    assert act(bound, elsewhere, "approve").status == 404
    assert traces() == before


def test_a_key_needs_the_scope(shelves: None) -> None:
    reader = Api(make_key("reader", scopes=("stock:read",)))
    writer = Api(make_key("writer", scopes=("stock:write", "stock:read")))

    assert reader.post("counts/", {"location": "PARIS"}).status == 403
    assert writer.post("counts/", {"location": "PARIS"}).status == 201
    assert Api(make_key("counter", scopes=("stock:count",))).get("counts/").status == 403


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"location": "PARIS", "scope": "bins"}, "/bins"),
        ({"location": "PARIS", "scope": "tag"}, "/tag"),
        ({"location": "PARIS", "scope": "skus", "skus": ["NONE"]}, "/skus"),
        ({"location": "PARIS", "scope": "floor"}, "/scope"),
        ({"location": "PARIS", "bins": ["A"]}, "/bins"),
        ({"location": "NOWHERE"}, "/location"),
        ({"location": "PARIS", "note": "x" * 201}, "/note"),
        ({"location": "PARIS", "more": 1}, "/more"),
        ({}, "/location"),
    ],
)
def test_a_wrong_opening_is_refused(olga: Person, body: dict[str, Any], pointer: str) -> None:
    answer = olga.post("counts/", body)

    assert (answer.status, [error["pointer"] for error in answer.json["errors"]]) == (422, [pointer])
    assert not CountSession.objects.exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": "s", "code": "MUG"},
        {"id": "s", "code": "MUG", "units": 1, "add": 1},
        {"id": "s", "code": "MUG", "units": -1},
        {"id": "s", "code": "MUG", "units": 1.5},
        {"id": "s", "code": "MUG", "units": 10**7},
        {"id": "s", "code": "MUG", "add": -(10**7)},
        {"id": "s", "code": "MUG", "units": 1, "scanned_at": "2026-03-02 09:00"},
        {"id": "s" * 65, "code": "MUG", "units": 1},
        {"code": "MUG", "units": 1},
        {"id": "s", "units": 1},
        "nonsense",
        None,
    ],
)
def test_a_scan_that_cannot_be_read_is_rejected_and_its_neighbour_counts(lea: Person, wrong: Any) -> None:
    count = opened(lea)

    assert scan(lea, count, wrong, {"id": "good", "code": "MUG", "add": 2}) == ["invalid", "counted"]
    assert [row["units"] for row in lea.get(f"counts/{count}/lines/").json["results"]] == [2]


def test_a_wrong_line_is_refused(lea: Person) -> None:
    count = opened(lea, scope="skus", skus=["MUG"])

    answers = [
        put(lea, count, "MUG", -1),
        put(lea, count, "MUG", 2, damaged=3),
        put(lea, count, "NONE", 1),
        put(lea, count, "PLATE", 1),
        put(lea, count, "MUG", 1, scanned_at=(now() + timedelta(days=1)).isoformat()),
    ]

    assert [(answer.status, answer.json["errors"][0]["code"]) for answer in answers] == [
        (422, "greater_than_equal"),
        (422, "more_damaged_than_found"),
        (422, "unknown_product"),
        (422, "outside_scope"),
        (422, "in_the_future"),
    ]
    assert not CountLine.objects.exists()


def test_opening_again_under_one_key_opens_one(lea: Person) -> None:
    first, again = (lea.post("counts/", {"location": "PARIS"}, Idempotency_Key="k") for _time in range(2))

    assert (first.json["id"], again.status) == (again.json["id"], 201)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert CountSession.objects.count() == 1


def test_lists_are_filtered_and_paged(lea: Person, olga: Person) -> None:
    counts = [opened(lea) for _time in range(3)]
    put(lea, counts[0], "MUG", 10)
    act(lea, counts[0], "submit")
    opened(olga, location="LYON")

    first = olga.get("counts/?location=PARIS&page_size=2").json
    rest = olga.get(first["next"].partition("/api/v1/")[2]).json

    assert [row["id"] for row in [*first["results"], *rest["results"]]] == counts[::-1]
    assert [row["id"] for row in olga.get("counts/?status=approved").json["results"]] == [counts[0]]
    assert olga.get("counts/?status=lost").status == 422


def test_a_list_of_counts_takes_a_constant_number_of_statements(
    lea: Person, django_assert_max_num_queries: Any
) -> None:
    for _time in range(12):
        put(lea, opened(lea), "MUG", 10)

    with django_assert_max_num_queries(7):
        assert len(lea.get("counts/").json["results"]) == 12
