"""Counts and stock health in the back office: what is shown, who decides, what a refusal leaves."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.admin.utils import quote
from django.test import Client
from django.urls import reverse

from inventory.models import CountLine, CountSession, StockLevel
from inventory.services import Scan, Scope, StockEvent, open_count, receive_stock_events, record_scans, submit_count
from inventory.services.pace import refresh_pace
from oms import roles
from oms.clock import now
from oms.models import Event
from tests.factories.inventory import make_location, make_product, make_products, set_stocks

As = Callable[[str], Client]
LIST = "admin:inventory_countsession_changelist"
HEALTH = "admin:inventory_levelpace_changelist"


@pytest.fixture(autouse=True)
def shelves(db: None) -> None:
    for code in ("PARIS", "LYON"):
        make_location(code, name=code.title(), groups=["south"] if code == "LYON" else [])
    make_product("MUG", name_en="Mug", price=Decimal("20.00"), tags=["kitchen"])
    make_product("VASE", name_en="Vase", price=Decimal("2000.00"))
    set_stocks({("MUG", "PARIS"): 10, ("VASE", "PARIS"): 1, ("MUG", "LYON"): 4})


def opened(location: str = "PARIS", **values: Any) -> str:
    return str(open_count(**{"location": location, "scope": Scope(), "actor": "user:lea", "as_of": now(), **values}))


def found(count: str, **units: int) -> str:
    scans = [Scan(sku, sku, number, is_total=True) for sku, number in units.items()]
    record_scans(session_id=count, scans=scans, actor="user:lea", as_of=now())
    return count


def submitted(**units: int) -> str:
    count = found(opened(), **units)
    submit_count(session_id=count, actor="user:lea", as_of=now())
    return count


def address(count: str) -> str:
    return reverse("admin:inventory_countsession_change", args=[count])


def page(response: Any) -> str:
    return response.content.decode()


def statuses() -> dict[str, str]:
    return dict(CountLine.objects.values_list("product_id", "status"))


def mugs() -> int:
    return StockLevel.objects.get(product="MUG", location="PARIS").on_hand


# ---- counts -----------------------------------------------------------------------------------------


def test_the_list_tells_how_far_each_count_is(administrator: Client) -> None:
    submitted(MUG=3)
    opened("LYON", scope=Scope("bins", bins=["B-1", "B-2"]))

    shown = page(administrator.get(reverse(LIST)))

    assert "Bins B-1, B-2" in shown and "The whole place" in shown
    assert "To be approved" in shown and "Being counted" in shown


def test_a_list_of_counts_takes_a_constant_number_of_statements(
    administrator: Client, django_assert_max_num_queries: Any
) -> None:
    for _time in range(15):
        found(opened(), MUG=10)

    with django_assert_max_num_queries(12):
        administrator.get(reverse(LIST))


def test_a_count_is_found_by_a_product_that_was_counted(administrator: Client) -> None:
    count = found(opened(), MUG=3)
    opened("LYON")

    shown = page(administrator.get(reverse(LIST), {"q": "MUG"}))

    assert f"/inventory/countsession/{quote(count)}/change/" in shown
    assert shown.count("/inventory/countsession/cse_") == 1


def test_differences_are_decided_line_by_line_and_together(administrator: Client) -> None:
    make_product("BOWL", price=Decimal("20.00"))
    set_stocks({("BOWL", "PARIS"): 9})
    count = submitted(MUG=3, VASE=0, BOWL=5)
    shown = page(administrator.get(address(count)))
    assert "-7" in shown and "140.00\N{NO-BREAK SPACE}EUR" in shown

    administrator.post(address(count), {"decision": "reject", "sku": "MUG"})
    administrator.post(address(count), {"decision": "recount", "sku": "BOWL"})
    middle = statuses()
    administrator.post(address(count), {"decision": "approve_all"})

    assert middle == {"MUG": "rejected", "BOWL": "recount", "VASE": "waiting"}
    assert statuses() == {"MUG": "rejected", "BOWL": "recount", "VASE": "applied"}
    assert mugs() == 10


def test_who_decides_sees_how_many_are_damaged(administrator: Client) -> None:
    count = opened()
    scans = [Scan("m", "MUG", 10, is_total=True, damaged=4)]
    record_scans(session_id=count, scans=scans, actor="user:lea", as_of=now())
    assert "instead of" not in page(administrator.get(address(count)))
    submit_count(session_id=count, actor="user:lea", as_of=now())

    shown = page(administrator.get(address(count)))

    assert "4 of them damaged instead of 0" in shown and "80.00\N{NO-BREAK SPACE}EUR" in shown


def test_nothing_chosen_and_nothing_known_change_nothing(administrator: Client) -> None:
    count = submitted(MUG=3)
    events = Event.objects.count()

    for given in ({"decision": "approve"}, {"decision": "burn"}, {}, {"decision": "approve", "sku": "NONE"}):
        administrator.post(address(count), given)

    assert (statuses(), mugs(), Event.objects.count()) == ({"MUG": "waiting"}, 10, events)


def test_a_count_is_canceled(administrator: Client) -> None:
    count = found(opened(), MUG=3)

    administrator.post(address(count), {"decision": "cancel"})

    assert CountSession.objects.get().status == "canceled"


def test_a_blind_count_tells_nobody_what_is_expected_before_it_is_submitted(administrator: Client) -> None:
    set_stocks({("MUG", "PARIS"): 7391})
    count = found(opened(), MUG=3)

    assert "7391" not in page(administrator.get(address(count)))
    submit_count(session_id=count, actor="user:lea", as_of=now())
    assert "7391" in page(administrator.get(address(count)))


def test_who_may_not_change_counts_sees_no_button_and_decides_nothing(client_as: As) -> None:
    count = submitted(MUG=3)
    service, operations = client_as(roles.CUSTOMER_SERVICE), client_as(roles.OPERATIONS)

    assert service.get(address(count)).status_code == 403
    assert service.post(address(count), {"decision": "approve_all"}).status_code == 403
    assert service.get(reverse(HEALTH)).status_code == 403
    assert statuses() == {"MUG": "waiting"}
    assert "Approve all" in page(operations.get(address(count)))
    operations.post(address(count), {"decision": "approve_all"})
    assert mugs() == 3


def test_a_count_that_is_not_there_is_not_found(administrator: Client) -> None:
    assert administrator.get(address("cse_none")).status_code == 404


# ---- stock health -----------------------------------------------------------------------------------


def sell(sku: str, place: str, units: int, *, days: int) -> None:
    at = now() - timedelta(days=days)
    StockLevel.objects.update(counted_at=None)
    event = StockEvent(f"{sku}{place}{days}", sku, place, "delta", -units, at, reason="sale")
    receive_stock_events([event], source="till", actor="till", as_of=at)


@pytest.fixture
def lived_in() -> None:
    sell("VASE", "PARIS", 1, days=21)
    sell("MUG", "LYON", 4, days=14)
    StockLevel.objects.filter(product="MUG", location="PARIS").update(suspect_at=now(), confidence=0.4)
    refresh_pace(as_of=now())


@pytest.mark.parametrize(
    ("query", "there", "absent"),
    [
        ({}, ["Vase", "Mug", "Lyon", "Paris", "1,200.00"], ["Suspect stock</h2>"]),
        ({"location": "LYON"}, ["Mug"], ["Vase"]),
        ({"group": "south"}, ["Mug"], ["Vase"]),
        ({"tag": "kitchen"}, ["Mug"], ["Vase"]),
        ({"scope": "network"}, ["Vase", "all places"], []),
        ({"weeks": "2"}, [], ["Vase"]),
        ({"list": "overstock", "cover": "1"}, ["none went out", "200.00"], []),
        (
            {"list": "suspect"},
            [
                "not found when it was picked, a pick found too few, and nobody has counted it since",
                "count now",
                "0.40",
            ],
            ["Vase"],
        ),
        ({"list": "suspect", "reason": "never_counted"}, ["Nothing of that kind"], []),
        ({"list": "nonsense", "weeks": "many", "after": "nonsense", "location": "ATLANTIS"}, ["Vase"], []),
    ],
)
def test_each_list_shows_what_is_asked_for_with_its_definition(
    administrator: Client, lived_in: None, query: dict[str, str], there: list[str], absent: list[str]
) -> None:
    shown = page(administrator.get(reverse(HEALTH), query)).partition('<div class="bo ')[2]
    table = shown.partition("<table")[2]

    assert [word for word in there if word not in (table or shown)] == []
    assert [word for word in absent if word in table] == []
    assert "The pace of the levels is of" in shown


def test_suspect_stock_of_a_place_becomes_a_count(administrator: Client, lived_in: None) -> None:
    where = f"{reverse(HEALTH)}?list=suspect&location=PARIS"
    assert "Let the place count these" in page(administrator.get(where))

    answer = administrator.post(where, {"sku": ["MUG"]})

    session = CountSession.objects.get()
    assert answer["Location"] == address(session.pk)
    assert (session.location_id, session.skus, session.opened_by) == ("PARIS", ["MUG"], "user:root")


def test_a_count_of_nothing_is_refused_in_words(administrator: Client, lived_in: None) -> None:
    for where in ("?list=suspect&location=PARIS", "?list=suspect"):
        answer = administrator.post(reverse(HEALTH) + where, {"sku": [] if "PARIS" in where else ["MUG"]}, follow=True)
        assert answer.status_code == 200
        assert "Some fields are not right" in page(answer)
    assert not CountSession.objects.exists()


def test_long_lists_go_on(administrator: Client) -> None:
    skus = [f"P{number:02}" for number in range(60)]
    make_products(*skus, price=Decimal("10.00"))
    set_stocks({(sku, "PARIS"): 100 + number for number, sku in enumerate(skus)})

    first = page(administrator.get(reverse(HEALTH), {"list": "overstock"}))
    following = first.partition('<a class="bo-button bo-small" href="')[2].partition('"')[0].replace("&amp;", "&")
    second = page(administrator.get(following))

    seen = [sku for sku in skus if f">{sku}<" in first], [sku for sku in skus if f">{sku}<" in second]
    assert sorted(seen[0] + seen[1]) == skus
    assert "From the beginning" in second
