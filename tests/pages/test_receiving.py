"""Receiving and sending on the phone, without script: each step, who may, and what a refusal leaves behind."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from inventory.models import Inbound, StockMovement
from oms.clock import now
from oms.models import Event
from tests.factories.inventory import level, make_inbound, make_location, make_product, make_transfer, set_stock
from tests.factories.people import make_user

pytestmark = pytest.mark.django_db(transaction=True)
TOMORROW = timedelta(days=1)


@pytest.fixture(autouse=True)
def shop(network: None) -> None:
    for code, name in (("PARIS", "Paris Marais"), ("LYON", "Lyon Part-Dieu")):
        make_location(code, name=name, abilities=["ship", "pickup", "receive_transfer"])
    make_product("JUMPER", name_en="Jumper", barcodes=["3760000000017"])


@pytest.fixture
def max_(network: None) -> Client:
    """Signed in; manages the store in Paris."""
    client = Client()
    client.force_login(make_user("max", "store_manager", places=("PARIS",)))
    return client


def text(response: Any) -> str:
    return response.content.decode()


def hidden(response: Any) -> dict[str, str]:
    """What travels with the form, counts included."""
    fields = re.findall(r'<input[^>]*name="([^"]+)"[^>]*>', text(response))
    values = {}
    for name in fields:
        tag = re.search(rf'<input[^>]*name="{re.escape(name)}"[^>]*>', text(response))
        found = re.search(r'value="([^"]*)"', tag[0]) if tag else None
        if name not in ("csrfmiddlewaretoken", "rest"):
            values[name] = found[1] if found else ""
    return values


def step(client: Client, address: str, name: str, before: Any, **counts: Any) -> Any:
    return client.post(address, hidden(before) | {"step": name} | counts)


def count(sku: str, good: int, damaged: int = 0) -> dict[str, str]:
    return {f"good:{sku}": str(good), f"damaged:{sku}": str(damaged)}


# ---- receiving -----------------------------------------------------------------------------------


def test_the_board_says_how_much_is_on_its_way(lea: Client) -> None:
    make_inbound("PARIS", {"SKU-1": 5}, expected_at=now() + TOMORROW)

    shown = text(lea.get("/store/at/PARIS/"))

    assert re.search(r"Receive <span[^>]*>1</span>", shown)
    assert "Send" not in shown  # that is for managers


def test_the_list_shows_what_comes_first_and_what_is_late(lea: Client) -> None:
    later = make_inbound("PARIS", {"SKU-1": 5}, expected_at=now() + TOMORROW, source="erp", reference="Spring")
    late = make_inbound("PARIS", {"SKU-1": 1, "SKU-2": 2}, expected_at=now() - TOMORROW)
    make_inbound("LYON", {"SKU-1": 5})

    shown = text(lea.get("/store/at/PARIS/receive/"))

    assert shown.index(late) < shown.index(later)
    assert shown.count('class="card is-late"') == 1
    assert all(words in shown for words in ("erp", "Spring", "3 articles · 2 kinds", "Late"))
    assert shown.count('class="card') - shown.count("card-") - shown.count('class="cards') == 2


def test_an_empty_list_says_so(lea: Client) -> None:
    assert "Nothing is on its way here" in text(lea.get("/store/at/PARIS/receive/"))


def test_a_delivery_is_counted_by_scan_checked_and_put_into_stock(lea: Client) -> None:
    inbound = make_inbound("PARIS", {"JUMPER": 3, "SKU-2": 2}, expected_at=now() + TOMORROW)
    address = f"/store/receive/{inbound}/"

    page = lea.get(address)
    for code in ("3760000000017", "3760000000017", "JUMPER"):
        page = step(lea, address, "scan", page, code=code)
    assert hidden(page)["good:JUMPER"] == "3"
    page = step(lea, address, "check", page, **count("SKU-2", 1, 1))
    assert "<strong>5 articles</strong> came" in text(page)
    assert all(words in text(page) for words in ("1 damaged", "2 / 2"))
    assert "And the rest?" not in text(page)
    done = step(lea, address, "finish", page, note="Torn box")

    assert done["Location"] == "/store/at/PARIS/receive/"
    assert "5 articles are in stock." in text(lea.get(done["Location"]))
    assert (level("JUMPER", "PARIS").on_hand, level("SKU-2", "PARIS").on_hand, level("SKU-2", "PARIS").damaged) == (
        3,
        2,
        1,
    )
    row = Inbound.objects.get()
    assert (row.status, row.closing_note) == ("received", "Torn box")
    assert set(StockMovement.objects.filter(reference=inbound).values_list("actor", flat=True)) == {"user:lea"}


def test_all_of_it_is_received_in_two_taps(lea: Client) -> None:
    inbound = make_inbound("PARIS", {"JUMPER": 3, "SKU-2": 2})
    address = f"/store/receive/{inbound}/"

    page = step(lea, address, "all", lea.get(address))
    assert "Everything that was announced is here." in text(page)
    step(lea, address, "finish", page)

    assert (Inbound.objects.get().status, level("JUMPER", "PARIS").on_hand) == ("received", 3)


@pytest.mark.parametrize(("rest", "status", "missing"), [("open", "partially_received", 0), ("missing", "received", 2)])
def test_what_did_not_come_is_asked(lea: Client, rest: str, status: str, missing: int) -> None:
    inbound = make_inbound("PARIS", {"JUMPER": 3})
    address = f"/store/receive/{inbound}/"

    page = step(lea, address, "check", lea.get(address), **count("JUMPER", 1))
    assert all(words in text(page) for words in ("And the rest?", "2 missing"))
    step(lea, address, "finish", page, rest=rest)

    row = Inbound.objects.get()
    assert (row.status, row.lines.get().missing, level("JUMPER", "PARIS").on_hand) == (status, missing, 1)


def test_what_nobody_announced_is_counted_too(lea: Client) -> None:
    inbound = make_inbound("PARIS", {"SKU-2": 1})
    address = f"/store/receive/{inbound}/"

    page = step(lea, address, "scan", lea.get(address), code="3760000000017")
    assert "not announced" in text(page)
    page = step(lea, address, "check", page, **count("SKU-2", 1))
    assert "1 more than announced" in text(page)
    page = step(lea, address, "again", page)
    assert hidden(page)["good:JUMPER"] == "1"
    step(lea, address, "finish", page)

    assert (level("JUMPER", "PARIS").on_hand, Inbound.objects.get().status) == (1, "received")


def test_a_code_that_nobody_knows_is_told_and_what_was_counted_stays(lea: Client) -> None:
    inbound = make_inbound("PARIS", {"SKU-2": 4})
    address = f"/store/receive/{inbound}/"

    page = step(lea, address, "scan", lea.get(address), code="123<b>", **count("SKU-2", 3))

    assert "No article has the code 123&lt;b&gt;." in text(page)
    assert hidden(page)["good:SKU-2"] == "3"


def test_numbers_that_are_none_are_asked_again(lea: Client) -> None:
    inbound = make_inbound("PARIS", {"SKU-2": 4})
    address = f"/store/receive/{inbound}/"

    page = step(lea, address, "check", lea.get(address), **{"good:SKU-2": "many", "damaged:SKU-2": "-1"})

    assert page.status_code == 422
    assert "A whole number is needed" in text(page)
    assert Inbound.objects.get().status == "announced"


def test_a_double_tap_receives_once(lea: Client) -> None:
    inbound = make_inbound("PARIS", {"SKU-2": 4})
    address = f"/store/receive/{inbound}/"
    page = step(lea, address, "check", lea.get(address), **count("SKU-2", 3))

    answers = [step(lea, address, "finish", page, rest="open") for _tap in range(2)]

    assert [answer.status_code for answer in answers] == [302, 302]
    assert level("SKU-2", "PARIS").on_hand == 3


def test_who_counted_what_another_has_received_is_told_and_counts_the_rest(lea: Client, max_: Client) -> None:
    inbound = make_inbound("PARIS", {"SKU-2": 4})
    address = f"/store/receive/{inbound}/"
    mine, theirs = (step(client, address, "check", client.get(address), **count("SKU-2", 3)) for client in (lea, max_))
    step(max_, address, "finish", theirs, rest="open")

    refused = step(lea, address, "finish", mine, rest="open")

    assert refused.status_code == 409
    assert "Somebody else has received part of it meanwhile" in text(refused)
    assert "of 1" in text(refused)
    assert level("SKU-2", "PARIS").on_hand == 3
    page = step(lea, address, "check", refused, **count("SKU-2", 1))
    step(lea, address, "finish", page)
    assert (level("SKU-2", "PARIS").on_hand, Inbound.objects.get().status) == (4, "received")


def test_what_is_closed_says_so(lea: Client, max_: Client) -> None:
    inbound = make_inbound("PARIS", {"SKU-2": 4})
    address = f"/store/receive/{inbound}/"
    mine, theirs = (step(client, address, "all", client.get(address)) for client in (lea, max_))
    step(max_, address, "finish", theirs)

    refused = step(lea, address, "finish", mine)

    assert (refused.status_code, "This is closed" in text(refused)) == (409, True)
    assert "Nothing is left to receive" in text(lea.get(address))
    assert level("SKU-2", "PARIS").on_hand == 4


def test_of_a_long_delivery_the_first_hundred_kinds_are_counted_and_nothing_is_called_missing(lea: Client) -> None:
    skus = [f"X-{number:03}" for number in range(120)]
    for sku in skus:
        make_product(sku)
    inbound = make_inbound("PARIS", dict.fromkeys(skus, 1))
    address = f"/store/receive/{inbound}/"

    page = lea.get(address)
    assert "and 20 more kinds" in text(page)
    page = step(lea, address, "all", page)
    step(lea, address, "finish", page)

    row = Inbound.objects.get()
    assert (row.status, row.lines.filter(remaining=1).count(), row.lines.filter(missing__gt=0).count()) == (
        "partially_received",
        20,
        0,
    )


def test_another_places_deliveries_are_not_there(lea: Client) -> None:
    inbound = make_inbound("LYON", {"SKU-2": 4})

    assert lea.get("/store/at/LYON/receive/").status_code == 404
    assert lea.get(f"/store/receive/{inbound}/").status_code == 404
    assert lea.post(f"/store/receive/{inbound}/", {"step": "finish"}).status_code == 404
    assert Inbound.objects.get().status == "announced"


# ---- sending -------------------------------------------------------------------------------------


def test_sending_and_calling_back_are_for_managers(lea: Client) -> None:
    set_stock("SKU-2", "PARIS", 4)
    transfer = make_transfer("PARIS", "LYON", {"SKU-2": 1})

    for address in (
        "/store/at/PARIS/send/",
        "/store/at/PARIS/send/LYON/",
        f"/store/sent/{transfer}/call-back/",
    ):
        assert (lea.get(address).status_code, lea.post(address, {"step": "finish"}).status_code) == (403, 403)
    assert Inbound.objects.get().status == "in_transit"


def test_a_transfer_is_scanned_checked_and_sent(max_: Client) -> None:
    set_stock("JUMPER", "PARIS", 4)
    address = "/store/at/PARIS/send/LYON/"

    assert 'href="/store/at/PARIS/send/LYON/"' in text(max_.get("/store/at/PARIS/send/"))
    page = max_.get(address)
    for _scan in range(2):
        page = step(max_, address, "scan", page, code="3760000000017")
    assert "4 here" in text(page)
    page = step(max_, address, "check", page)
    assert "<strong>2 articles</strong> leave your stock" in text(page)
    answers = [step(max_, address, "finish", page, reason="Sold out there") for _tap in range(2)]

    assert [answer["Location"] for answer in answers] == ["/store/at/PARIS/send/"] * 2
    row = Inbound.objects.get()
    assert (row.origin_id, row.location_id, row.reason, row.lines.get().quantity) == (
        "PARIS",
        "LYON",
        "Sold out there",
        2,
    )
    assert level("JUMPER", "PARIS").on_hand == 2
    shown = text(max_.get("/store/at/PARIS/send/"))
    assert all(words in shown for words in ("On their way from here", "Lyon Part-Dieu", "Sold out there"))


def test_more_than_can_be_sent_is_told_at_the_article(max_: Client) -> None:
    set_stock("JUMPER", "PARIS", 4, safety_stock=1)
    address = "/store/at/PARIS/send/LYON/"

    page = step(max_, address, "check", max_.get(address), **{"good:JUMPER": "4"})

    assert page.status_code == 422
    assert "Only 3 can be sent from here." in text(page)
    assert not Inbound.objects.exists()


def test_what_was_sold_meanwhile_is_not_sent(max_: Client) -> None:
    set_stock("JUMPER", "PARIS", 4)
    address = "/store/at/PARIS/send/LYON/"
    page = step(max_, address, "check", max_.get(address), **{"good:JUMPER": "4"})
    set_stock("JUMPER", "PARIS", 1)

    refused = step(max_, address, "finish", page, reason="")

    assert refused.status_code == 409
    assert all(words in text(refused) for words in ("Less is here", "Only 1 can be sent from here."))
    assert hidden(refused)["good:JUMPER"] == "4"
    assert level("JUMPER", "PARIS").on_hand == 1
    assert not Event.objects.filter(type__startswith="inventory.inbound").exists()


def test_an_empty_box_is_not_sent(max_: Client) -> None:
    address = "/store/at/PARIS/send/LYON/"

    page = step(max_, address, "check", max_.get(address))

    assert (page.status_code, "Scan or type what goes there first." in text(page)) == (422, True)


@pytest.mark.parametrize("to", ["PARIS", "LILLE", "NOWHERE"])
def test_units_go_only_where_transfers_are_received(max_: Client, to: str) -> None:
    assert max_.get(f"/store/at/PARIS/send/{to}/").status_code == 404


def test_a_transfer_is_called_back(max_: Client) -> None:
    set_stock("JUMPER", "PARIS", 4)
    transfer = make_transfer("PARIS", "LYON", {"JUMPER": 3})
    address = f"/store/sent/{transfer}/call-back/"
    assert "3 articles are on their way to Lyon Part-Dieu" in text(max_.get(address))

    answers = [max_.post(address, {"reason": "Not needed"}) for _tap in range(2)]

    assert (answers[0]["Location"], answers[1].status_code) == ("/store/at/PARIS/send/", 409)
    assert level("JUMPER", "PARIS").on_hand == 4
    assert "cannot be called back any more" in text(max_.get(address))


def test_another_places_transfer_is_not_called_back(max_: Client) -> None:
    set_stock("JUMPER", "LYON", 4)
    transfer = make_transfer("LYON", "PARIS", {"JUMPER": 3})

    assert max_.get(f"/store/sent/{transfer}/call-back/").status_code == 404
    assert max_.post(f"/store/sent/{transfer}/call-back/", {}).status_code == 404
    assert max_.get("/store/at/LYON/send/").status_code == 404
    assert Inbound.objects.get().status == "in_transit"


def test_statements_do_not_grow_with_what_is_on_its_way(lea: Client, settings: Any) -> None:
    settings.VERSIONED_CACHE_SECONDS = 3600

    def statements(address: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert lea.get(address).status_code == 200
        return len(captured)

    inbound = make_inbound("PARIS", {"SKU-1": 1})
    statements("/store/at/PARIS/receive/")  # what is cached is cached now
    few = statements("/store/at/PARIS/receive/"), statements(f"/store/receive/{inbound}/")
    make_inbound("PARIS", {"JUMPER": 1, "SKU-2": 3})
    longer = make_inbound("PARIS", {"SKU-1": 1, "SKU-2": 3, "JUMPER": 4})

    assert (statements("/store/at/PARIS/receive/"), statements(f"/store/receive/{longer}/")) == few
    assert few[0] <= 6
    assert few[1] <= 10


def test_codes_that_no_column_can_hold_are_told_too(lea: Client) -> None:
    address = f"/store/receive/{make_inbound('PARIS', {'SKU-2': 4})}/"

    page = step(lea, address, "scan", lea.get(address), code="12\0", **{"good:\0": "1"})

    assert (page.status_code, "No article has the code" in text(page)) == (200, True)
