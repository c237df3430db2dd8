"""Counting on the phone: without script by its forms, with script in a real browser."""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Page, expect

from inventory.models import CountLine, CountScan, CountScope, CountSession, StockLevel
from inventory.services import Scan, Scope, open_count, record_scans, submit_count
from oms.clock import now
from oms.models import Event
from tests.factories.inventory import make_product, set_stock
from tests.factories.people import PASSWORD, make_user
from tests.pages.test_accessibility import faults

SignIn = Callable[..., None]


@pytest.fixture
def max_(network: None) -> Client:
    """Signed in; manages Paris."""
    client = Client()
    client.force_login(make_user("max", "store_manager", places=("PARIS",)))
    return client


@pytest.fixture
def shelves(network: None) -> None:
    stock_shelves()


def stock_shelves() -> None:
    """Beside the five of SKU-1 that are in Paris: ten mugs with a barcode, one vase that costs much."""
    make_product("MUG", name_en="Mug", price=Decimal("20.00"), barcodes=["3001234567892"], tags=["kitchen"])
    make_product("VASE", name_en="Vase", price=Decimal("2000.00"))
    set_stock("MUG", "PARIS", 10)
    set_stock("VASE", "PARIS", 1)


def page(response: Any) -> str:
    return response.content.decode()


def hidden(html: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', html)
    assert found, html
    return found[1]


def opened(location: str = "PARIS", **values: Any) -> str:
    given = {"scope": Scope(), "actor": "user:lea", "as_of": now(), **values}
    return str(open_count(location=location, **given))


def found(count: str, **units: int) -> None:
    scans = [Scan(sku, sku, number, is_total=True) for sku, number in units.items()]
    record_scans(session_id=count, scans=scans, actor="user:lea", as_of=now())


def submitted(**units: int) -> str:
    count = opened()
    found(count, **units)
    submit_count(session_id=count, actor="user:lea", as_of=now())
    return count


def lines(count: str) -> dict[str, tuple[int, str]]:
    rows = CountLine.objects.filter(session=count)
    return {sku: (units, status) for sku, units, status in rows.values_list("product_id", "units", "status")}


def mugs() -> int:
    return StockLevel.objects.get(product="MUG", location="PARIS").on_hand


# ---- without script ---------------------------------------------------------------------------------


def test_the_board_leads_to_the_counts_and_tells_the_manager_what_waits(
    lea: Client, max_: Client, shelves: None
) -> None:
    submitted(MUG=3)

    assert "/store/at/PARIS/counts/" in page(lea.get("/store/at/PARIS/"))
    assert "1 to approve" not in page(lea.get("/store/at/PARIS/"))
    assert "1 to approve" in page(max_.get("/store/at/PARIS/"))


def test_a_count_starts_with_what_looks_wrong(lea: Client, shelves: None) -> None:
    StockLevel.objects.filter(product="VASE").update(suspect_at=now())

    offered = page(lea.get("/store/at/PARIS/counts/new/"))
    answer = lea.post(
        "/store/at/PARIS/counts/new/", {"what": "suggested", "sku": re.findall(r'name="sku" value="([^"]*)"', offered)}
    )

    session = CountSession.objects.get()
    assert "not found when it was picked" in offered
    assert answer["Location"] == f"/store/counts/{session.pk}/"
    assert (session.scope, session.skus, session.is_blind, session.opened_by) == (
        "skus",
        ["MUG", "SKU-1", "VASE"],
        True,
        "user:lea",
    )


@pytest.mark.parametrize(
    ("given", "scope"),
    [
        ({"what": "place"}, ("place", [], "")),
        ({"what": "bins", "bins": "b-1, B-2;B-2"}, ("bins", ["B-2", "b-1"], "")),
        ({"what": "tag", "tag": "kitchen"}, ("tag", [], "kitchen")),
    ],
)
def test_a_count_may_be_of_bins_a_tag_or_the_whole_place(
    lea: Client, shelves: None, given: dict[str, str], scope: Any
) -> None:
    assert lea.post("/store/at/PARIS/counts/new/", given).status_code == 302

    session = CountSession.objects.get()
    assert (session.scope, session.bins, session.tag) == scope


@pytest.mark.parametrize(
    "given", [{}, {"what": "bins"}, {"what": "tag"}, {"what": "suggested"}, {"what": "bins", "bins": " , "}]
)
def test_a_start_that_lacks_something_is_explained_and_starts_nothing(
    lea: Client, shelves: None, given: dict[str, str]
) -> None:
    answer = lea.post("/store/at/PARIS/counts/new/", given)

    assert answer.status_code == 422
    assert 'class="errors"' in page(answer)
    assert not CountSession.objects.exists()


def test_only_a_manager_may_start_a_count_that_shows_what_is_expected(lea: Client, max_: Client, shelves: None) -> None:
    for client in (lea, max_):
        client.post("/store/at/PARIS/counts/new/", {"what": "place", "shows_expected": "on"})

    assert list(CountSession.objects.order_by("id").values_list("is_blind", flat=True)) == [True, False]
    assert "shows_expected" not in page(lea.get("/store/at/PARIS/counts/new/"))


def test_beeps_add_up_and_a_form_sent_twice_counts_once(lea: Client, shelves: None) -> None:
    count = opened()
    first = hidden(page(lea.get(f"/store/counts/{count}/")), "scan")

    for scan, code in ((first, "3001234567892"), (first, "3001234567892"), ("x", "mug-none"), ("y", "MUG")):
        answer = lea.post(f"/store/counts/{count}/scan/", {"scan": scan, "code": code, "bin": "B-1"})
        assert answer.status_code == (422 if code == "mug-none" else 302)
    shown = page(lea.get(f"/store/counts/{count}/?sku=MUG&bin=B-1"))

    assert lines(count) == {"MUG": (2, "counted")}
    assert 'value="2"' in shown
    assert "Take back one Mug" in shown


def test_an_unknown_code_stays_in_its_field(lea: Client, shelves: None) -> None:
    answer = lea.post(f"/store/counts/{opened()}/scan/", {"scan": "x", "code": "4711", "bin": "B-1"})

    assert answer.status_code == 422
    assert 'value="4711"' in page(answer)
    assert "There is no product with this code" in page(answer)


def test_a_number_that_is_set_replaces_what_was_beeped_in_that_bin(lea: Client, shelves: None) -> None:
    count = opened()
    lea.post(f"/store/counts/{count}/scan/", {"scan": "1", "code": "MUG", "bin": "B-1"})
    lea.post(f"/store/counts/{count}/scan/", {"scan": "2", "code": "MUG", "bin": "B-2"})

    lea.post(f"/store/counts/{count}/set/", {"scan": "3", "sku": "MUG", "bin": "B-1", "units": 8, "damaged": 1})
    shown = page(lea.get(f"/store/counts/{count}/?sku=MUG&bin=B-1"))

    assert lines(count) == {"MUG": (9, "counted")}
    assert CountLine.objects.get().damaged == 1
    assert 'value="8"' in shown
    assert "and 1 in another bin" in shown


@pytest.mark.parametrize("given", [{"units": -1}, {"units": ""}, {"units": 2, "damaged": 3}, {"units": 10**9}])
def test_a_wrong_number_is_explained_and_not_noted(lea: Client, shelves: None, given: dict[str, Any]) -> None:
    count = opened()

    answer = lea.post(f"/store/counts/{count}/set/", {"scan": "3", "sku": "MUG", "bin": "", **given})

    assert answer.status_code == 422
    assert 'class="errors"' in page(answer)
    assert not CountScan.objects.exists()


def test_the_last_scan_can_be_taken_back(lea: Client, shelves: None) -> None:
    count = opened()
    for number in "12":
        lea.post(f"/store/counts/{count}/scan/", {"scan": number, "code": "MUG", "bin": ""})

    lea.post(f"/store/counts/{count}/undo/", {"scan": "2"})

    assert lines(count) == {"MUG": (1, "counted")}
    assert lea.post(f"/store/counts/{count}/undo/", {"scan": "none"}).status_code == 404


def _body(client: Client, count: str, path: str) -> str:
    return page(client.get(f"/store/counts/{count}/{path}")).partition("<main")[2]


def _shown(body: str) -> str:
    """Without what is not read by people, such as ids and instants, where any number may stand."""
    return re.sub(r'(name|id|href|data-[a-z]+|action|datetime)="[^"]*"|value="[^"]{6,}"', "", body)


def test_no_screen_of_a_blind_count_tells_what_the_books_expect(lea: Client, max_: Client, shelves: None) -> None:
    set_stock("MUG", "PARIS", 73)
    count = opened()
    found(count, MUG=7)

    for client in (lea, max_):
        for path in ("", "?sku=MUG", "submit/", "cancel/"):
            assert "73" not in _shown(_body(client, count, path)), path
    submit_count(session_id=count, actor="user:lea", as_of=now())

    assert "73" not in _shown(page(lea.get(f"/store/counts/{count}/")))
    assert "Books 73, found 7" in page(max_.get(f"/store/counts/{count}/decide/"))


def test_a_count_that_shows_what_is_expected_says_it(lea: Client, shelves: None) -> None:
    count = opened(is_blind=False)

    assert "The books say 10." in page(lea.get(f"/store/counts/{count}/?sku=MUG"))


def test_submitting_what_agrees_ends_the_count(lea: Client, shelves: None) -> None:
    count = opened()
    found(count, MUG=10)

    answer = lea.post(f"/store/counts/{count}/submit/", {"not_found": 2})

    assert answer["Location"] == f"/store/counts/{count}/"
    assert CountSession.objects.get().status == "approved"
    assert "In the books" in page(lea.get(f"/store/counts/{count}/"))


def test_what_nobody_found_is_named_and_confirmed(lea: Client, shelves: None) -> None:
    count = opened(not_found_is_zero=True)
    found(count, MUG=10)

    asked = page(lea.get(f"/store/counts/{count}/submit/"))
    unconfirmed = lea.post(f"/store/counts/{count}/submit/", {"not_found": 2})
    stale = lea.post(f"/store/counts/{count}/submit/", {"not_found": 1, "confirmed": "on"})
    confirmed = lea.post(f"/store/counts/{count}/submit/", {"not_found": 2, "confirmed": "on"})

    assert "2 articles were not found" in asked and "A thing · Vase" in asked
    assert (unconfirmed.status_code, stale.status_code, confirmed.status_code) == (409, 409, 302)
    assert lines(count) == {"MUG": (10, "applied"), "SKU-1": (0, "waiting"), "VASE": (0, "waiting")}


def test_nothing_counted_is_not_submitted(lea: Client, shelves: None) -> None:
    count = opened()
    events = Event.objects.count()

    answer = lea.post(f"/store/counts/{count}/submit/", {})

    assert answer.status_code == 409
    assert "Nothing was counted yet" in page(answer)
    assert Event.objects.count() == events


def test_the_manager_decides_each_difference(max_: Client, shelves: None) -> None:
    count = submitted(MUG=3, **{"SKU-1": 1})
    shown = page(max_.get(f"/store/counts/{count}/decide/"))

    max_.post(f"/store/counts/{count}/decide/", {"decision": "approve", "sku": "MUG"})
    after = max_.post(f"/store/counts/{count}/decide/", {"decision": "recount", "sku": "SKU-1"}, follow=True)

    assert "Books 10, found 3" in shown and "140.00\N{NO-BREAK SPACE}EUR" in shown
    assert (mugs(), lines(count)) == (3, {"MUG": (3, "applied"), "SKU-1": (1, "recount")})
    assert "To be counted again" in page(after)


def test_who_decides_hears_how_many_are_damaged(max_: Client, shelves: None) -> None:
    count = opened()
    record_scans(
        session_id=count,
        scans=[Scan("m", "MUG", 10, is_total=True, damaged=4), Scan("s", "SKU-1", 3, is_total=True, damaged=0)],
        actor="user:lea",
        as_of=now(),
    )
    submit_count(session_id=count, actor="user:lea", as_of=now())

    shown = page(max_.get(f"/store/counts/{count}/decide/"))

    assert "Books 10, found 10" in shown and "4 of them damaged instead of 0" in shown
    assert "80.00\N{NO-BREAK SPACE}EUR" in shown
    assert "Books 5, found 3" in shown and shown.count("damaged") == 1


def test_a_recount_tells_how_many_are_to_be_counted_again(max_: Client, shelves: None) -> None:
    count = submitted(MUG=3, VASE=1, **{"SKU-1": 1})

    max_.post(f"/store/counts/{count}/decide/", {"decision": "recount", "sku": "MUG"})
    shown = page(max_.get(f"/store/counts/{count}/"))

    assert "To be counted again: 1 article" in shown
    assert "2 articles counted" in shown
    assert "Scan the first article" not in shown
    again = Scan("again", "MUG", 3, is_total=True)
    record_scans(session_id=count, scans=[again], actor="user:lea", as_of=now())
    assert "3 articles counted" in page(max_.get(f"/store/counts/{count}/"))


def test_who_decides_hears_that_the_rest_may_stand_in_another_bin(max_: Client, shelves: None) -> None:
    StockLevel.objects.filter(product="MUG").update(bin="B-9")
    count = opened(scope=Scope(CountScope.BINS, bins=["B-1"]))
    found(count, MUG=3)
    submit_count(session_id=count, actor="user:lea", as_of=now())

    shown = page(max_.get(f"/store/counts/{count}/decide/"))

    assert "usually in B-9" in shown
    assert "Approve all of them" in shown


def test_all_differences_are_approved_at_once(max_: Client, shelves: None) -> None:
    count = submitted(MUG=3, **{"SKU-1": 1})

    answer = max_.post(f"/store/counts/{count}/decide/", {"decision": "approve"}, follow=True)

    assert "The books follow the count." in page(answer)
    assert (mugs(), CountSession.objects.get().status) == (3, "approved")


def test_what_is_worth_much_is_not_the_managers_to_decide(max_: Client, shelves: None) -> None:
    count = submitted(VASE=0)

    shown = page(max_.get(f"/store/counts/{count}/decide/"))
    refused = max_.post(f"/store/counts/{count}/decide/", {"decision": "approve", "sku": "VASE"})

    assert "headquarters decides" in shown
    assert "Approve all of them" not in shown
    assert refused.status_code == 403
    assert "Differences of this value are decided by headquarters" in page(refused)
    assert lines(count) == {"VASE": (0, "waiting")}


@pytest.mark.parametrize(
    "given", [{}, {"decision": "burn"}, {"decision": "reject"}, {"decision": "approve", "sku": "NONE"}]
)
def test_a_decision_that_means_nothing_changes_nothing(max_: Client, shelves: None, given: dict[str, str]) -> None:
    count = submitted(MUG=3)

    assert max_.post(f"/store/counts/{count}/decide/", given).status_code == 422
    assert lines(count) == {"MUG": (3, "waiting")}


def test_an_associate_decides_nothing(lea: Client, shelves: None) -> None:
    count = submitted(MUG=3)

    assert lea.get(f"/store/counts/{count}/decide/").status_code == 403
    assert lea.post(f"/store/counts/{count}/decide/", {"decision": "approve"}).status_code == 403
    cancel = lea.post(f"/store/counts/{count}/cancel/")
    assert (cancel.status_code, "A manager decides" in page(cancel)) == (403, True)
    assert lines(count) == {"MUG": (3, "waiting")}


def test_a_count_begun_by_mistake_is_canceled(lea: Client, shelves: None) -> None:
    count = opened()
    found(count, MUG=3)

    lea.get(f"/store/counts/{count}/cancel/")
    answer = lea.post(f"/store/counts/{count}/cancel/", follow=True)

    assert "The count is canceled" in page(answer)
    assert (CountSession.objects.get().status, mugs()) == ("canceled", 10)


def test_a_scan_after_the_submission_is_refused_in_words(lea: Client, shelves: None) -> None:
    count = submitted(MUG=3)

    answer = lea.post(f"/store/counts/{count}/scan/", {"scan": "x", "code": "MUG", "bin": ""})

    assert answer.status_code == 409
    assert "This count is not open any more" in page(answer)


@pytest.mark.parametrize("path", ["", "scan/", "set/", "undo/", "submit/", "cancel/"])
def test_another_places_count_is_not_there(lea: Client, shelves: None, path: str) -> None:
    count = opened(location="LYON")

    assert lea.get(f"/store/counts/{count}/{path}").status_code == 404
    assert lea.post(
        f"/store/counts/{count}/{path}", {"scan": "x", "code": "MUG", "sku": "MUG", "units": 1}
    ).status_code in (404, 405)
    assert lea.get("/store/at/LYON/counts/").status_code == 404
    assert lea.post("/store/at/LYON/counts/new/", {"what": "place"}).status_code == 404
    assert not CountScan.objects.exists()
    assert CountSession.objects.get().status == "open"


def test_a_supplier_counts_nothing(shelves: None) -> None:
    client = Client()
    client.force_login(make_user("sam", "supplier", places=("PARIS",)))

    assert client.get("/store/at/PARIS/counts/").status_code == 403
    assert client.post("/store/at/PARIS/counts/new/", {"what": "place"}).status_code == 403
    assert "/counts/" not in page(client.get("/store/at/PARIS/"))


def test_the_screen_takes_a_constant_number_of_statements(
    lea: Client, shelves: None, django_assert_max_num_queries: Any
) -> None:
    count = opened()
    for number in range(12):
        make_product(f"P{number}")
    found(count, MUG=3, **{f"P{number}": 1 for number in range(12)})

    with django_assert_max_num_queries(20):
        assert lea.get(f"/store/counts/{count}/?sku=MUG").status_code == 200


# ---- in a browser -----------------------------------------------------------------------------------


def button(phone: Page, name: str) -> Any:
    return phone.get_by_role("button", name=name, exact=True)


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_a_round_with_the_scanner(phone: Page, sign_in: SignIn) -> None:
    stock_shelves()
    sign_in()
    phone.get_by_role("link", name="Count").click()
    phone.get_by_role("link", name="Start a count").click()
    phone.get_by_label("The whole place").check()
    button(phone, "Start").click()

    code = phone.get_by_label("Barcode or SKU")
    for _beep in range(3):  # a scanner types the code and presses Enter
        code.fill("3001234567892")
        code.press("Enter")
    expect(phone.get_by_label("Found", exact=True)).to_have_value("3")
    code.fill("4711")
    code.press("Enter")
    expect(phone.get_by_text("4711: There is no product with this code")).to_be_visible()
    button(phone, "One more").click()
    button(phone, "That is all of them here").click()
    expect(phone.get_by_text("4 noted.")).to_be_visible()
    phone.get_by_role("link", name="Done counting").click()
    button(phone, "Submit").click()

    expect(phone.get_by_text("The manager decides about the differences.")).to_be_visible()
    assert list(CountLine.objects.values_list("product_id", "units", "status")) == [("MUG", 4, "waiting")]


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_beeps_without_a_network_are_kept_and_sent_once_it_is_back(phone: Page, sign_in: SignIn) -> None:
    stock_shelves()
    count = opened()
    sign_in()
    phone.goto(phone.url.partition("/store/")[0] + f"/store/counts/{count}/?sku=SKU-1")
    code = phone.get_by_label("Barcode or SKU")
    phone.context.set_offline(True)

    for _beep in range(3):
        code.fill("MUG")
        code.press("Enter")
    expect(phone.get_by_text("sent later: 3 · MUG × 3")).to_be_visible()
    code.fill("VASE")
    code.press("Enter")
    expect(phone.get_by_text("sent later: 4 · VASE × 1 · MUG × 3")).to_be_visible()
    expect(phone.get_by_label("Found", exact=True)).to_be_hidden()
    phone.get_by_role("link", name="Done counting").click()
    expect(code).to_be_visible()
    phone.context.set_offline(False)

    expect(phone.get_by_label("Found", exact=True)).to_have_value("1")
    expect(phone.get_by_text("sent later")).to_be_hidden()
    assert lines(count) == {"MUG": (3, "counted"), "VASE": (1, "counted")}


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("language", "scheme"), [("en", "light"), ("fr", "dark")])
def test_every_page_of_counts_is_clean(phone: Page, live_server: Any, language: str, scheme: Any) -> None:
    stock_shelves()
    phone.emulate_media(color_scheme=scheme)
    phone.context.set_extra_http_headers({"Accept-Language": language})
    make_user("max", "store_manager", places=("PARIS",))
    open_, zero, waiting = opened(), opened(not_found_is_zero=True, is_blind=False), submitted(MUG=3, VASE=0)
    found(open_, MUG=3)
    found(zero, MUG=3)
    phone.locator("[name=username]").fill("max")
    phone.locator("[name=password]").fill(PASSWORD)
    with phone.expect_navigation():
        phone.locator("main button").click()
    complaints = []
    for path in (
        "at/PARIS/",
        "at/PARIS/counts/",
        "at/PARIS/counts/new/",
        f"counts/{open_}/",
        f"counts/{open_}/?sku=MUG",
        f"counts/{zero}/?sku=MUG&bin=B-1",
        f"counts/{zero}/submit/",
        f"counts/{open_}/cancel/",
        f"counts/{waiting}/",
        f"counts/{waiting}/decide/",
    ):
        phone.goto(f"{live_server.url}/store/{path}")
        complaints += faults(phone, path)
        if phone.locator(".bar h1").evaluate("(title) => title.scrollWidth > title.clientWidth"):
            complaints.append(f"{path}: its title is cut off")

    assert complaints == []
