"""Files of stock in the back office: who may send them, what is said of them, and that they never lie in memory."""

import re

import pytest
from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from inventory.imports.upload import import_files
from inventory.models import Feed, StockImport
from inventory.services.feeds import FeedRow, put_feed
from oms import roles
from oms.roles import sync_groups
from tests.factories.imports import imported, packed, receive, rows, work
from tests.factories.inventory import NOW, level, make_locations, make_products, set_stocks

pytestmark = pytest.mark.django_db

LIST, UPLOAD = (reverse(f"admin:inventory_stockimport_{name}") for name in ("changelist", "upload"))
GOOD = rows("A,S,7", "B,S,5", "X,S,1", "A,T,1e9")


@pytest.fixture(autouse=True)
def shelves(db, settings, tmp_path):
    settings.IMPORT_DIR = tmp_path
    make_products("A", "B", "C")
    make_locations("S", "T")
    set_stocks({("A", "S"): 5, ("B", "S"): 5, ("C", "S"): 3, ("A", "T"): 5})


@pytest.fixture
def boss():
    client = Client()
    client.force_login(User.objects.create_superuser("root", password="x"))
    return client


def send(client, body=GOOD, **values):
    form = {"source": "erp", "mode": "counts", "file": SimpleUploadedFile("night.csv", body)} | values
    return client.post(UPLOAD, form, follow=True)


def page_of(row):
    return reverse("admin:inventory_stockimport_change", args=[row.pk])


def text(answer):
    body = answer.content.decode()
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body[body.index("<body") :]))


def test_a_file_is_looked_at_before_it_begins(boss):
    shown = text(send(boss))

    row = StockImport.objects.get()
    assert (row.status, row.file_name, row.source, row.actor) == ("uploaded", "night.csv", "erp", "user:root")
    for sentence in (
        "4 rows were looked at: these are all.",
        "1 of them differ from what we believe, by 2 units in all.",
        "There is no such product",
        "A whole number in plain figures is needed",
    ):
        assert sentence in shown
    work()
    assert level("A", "S").on_hand == 5

    begun = boss.post(reverse("admin:inventory_stockimport_start", args=[row.pk]), follow=True)
    work()

    assert "The file is applied now" in text(begun)
    assert level("A", "S").on_hand == 7
    assert "Completed" in text(boss.get(page_of(row)))


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "The column “location” is missing: it is needed unless one place is chosen for the whole file (line 1)"),
        ("fr", "La colonne « location » manque : elle est nécessaire, sauf si un lieu est choisi pour tout le fichier"),
    ],
)
def test_a_file_without_places_says_which_column_it_lacks_and_what_can_be_done(boss, language, said):
    boss.cookies["django_language"] = language

    shown = text(send(boss, b"sku,quantity\nA,7\n"))

    assert said in shown
    assert not StockImport.objects.exists()
    send(boss, b"sku,quantity\nA,7\n", location="S")
    assert StockImport.objects.exists()


def test_the_way_to_a_file_writes_its_name_as_it_is(boss):
    send(boss, file=SimpleUploadedFile("big_K.csv", GOOD))
    row = StockImport.objects.get()
    boss.cookies["django_language"] = "fr"

    shown = boss.get(page_of(row)).content.decode()

    assert "Big_K.csv" not in shown and "big_K.csv" in shown
    assert "<span>Reçu</span>" in shown and "<span>Compté</span>" in shown


def test_what_a_snapshot_would_set_to_zero_is_told_first(boss):
    shown = text(send(boss, rows("A,S,7"), mode="snapshot", location="S"))

    assert "2 levels of the place are not named and will be zero : 2 of them hold 8 units today." in shown

    shown = text(send(boss, rows("A,S,7", "B"), mode="snapshot", location="S"))
    assert "Some rows name no product, so nothing will be set to zero." in shown

    shown = text(send(boss, rows("X,S,7"), mode="snapshot", location="S"))
    assert "No row can be applied, so nothing will be set to zero." in shown
    assert "levels of the place are not named" not in shown


def test_a_long_file_is_looked_at_in_its_beginning_only(boss, monkeypatch):
    from inventory.imports import preview

    monkeypatch.setattr(preview, "_LOOKED_AT", 1000)
    many = rows(*(f"A,S,{n}" for n in range(100_000)))

    assert "the file has more." in text(send(boss, packed(many), mode="snapshot", location="S"))


@pytest.mark.parametrize(
    ("body", "values", "said"),
    [
        (b"", {}, "The submitted file is empty."),
        (b"A,S,7\n", {}, "The first line must name the columns: sku, location, quantity (line 1, “A,S,7”)"),
        (b"PK\x03\x04xx", {}, "CSV or NDJSON is needed, plain or packed with gzip (line 1, byte 0, “zip”)"),
        (GOOD, {"mode": "snapshot"}, "A snapshot is of one place: say which"),
        (GOOD, {"source": ""}, "This field is required."),
        (GOOD, {"occurred_at": "2999-01-01T00:00"}, "This has not happened yet"),
        (GOOD, {"rows_per_second": "0"}, "Ensure this value is greater than or equal to 1."),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_kept(boss, body, values, said):
    assert said in text(send(boss, body, **values)).replace("&#x27;", "'").replace("&quot;", '"')

    assert not StockImport.objects.exists()
    assert import_files() == set()


def test_a_file_that_is_too_large_is_cut_off(boss, settings):
    settings.IMPORT_MAX_BYTES = 100_000

    answer = send(boss, GOOD + b"A,S,7\n" * 100_000)

    assert "This field is required." in text(answer)
    assert not StockImport.objects.exists()
    assert import_files() == set()


def test_the_form_has_its_token_checked():
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.create_superuser("root", password="x"))

    assert send(strict).status_code == 403
    assert not StockImport.objects.exists()
    assert import_files() == set()


def test_only_who_may_act_sends_and_stops_files(db):
    sync_groups()
    row = receive(GOOD, is_draft=True)
    acts = [reverse(f"admin:inventory_stockimport_{act}", args=[row.pk]) for act in ("start", "cancel")]
    for role, expected in ((roles.OPERATIONS, [302, 302]), (roles.CUSTOMER_SERVICE, [403, 403])):
        user = User.objects.create_user(role, is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        client = Client()
        client.force_login(user)
        assert client.get(UPLOAD).status_code == (200 if expected[0] == 302 else 403)
        assert [client.post(act).status_code for act in acts] == expected
        assert client.get(acts[0]).status_code == 405 if expected[0] == 302 else True


def test_a_file_is_canceled_once(boss):
    row = receive(GOOD)
    cancel = reverse("admin:inventory_stockimport_cancel", args=[row.pk])

    assert "What was applied stays" in text(boss.post(cancel, follow=True))
    work()

    assert level("A", "S").on_hand == 5
    done = imported(rows("B,S,4"))
    refused = boss.post(reverse("admin:inventory_stockimport_cancel", args=[done.pk]), follow=True)
    assert "This move is not possible now" in text(refused)


def test_what_came_of_a_file_stands_on_its_page(boss):
    done = imported(GOOD)

    shown = text(boss.get(page_of(done)))

    for words in ("Completed", "4 / 4", "Rejected rows", "1e9", "Beside what we believed", "Place S"):
        assert words in shown
    assert f"/api/v1/stock/imports/{done.pk}/errors/?format=csv" in boss.get(page_of(done)).content.decode()
    csv = boss.get(f"/api/v1/stock/imports/{done.pk}/errors/?format=csv")
    assert csv.status_code == 200 and b"not_a_quantity" in csv.content


def test_figures_have_their_thousands_apart_as_while_it_runs(boss):
    done = imported(GOOD)
    figures = {"rows_total": 39_817, "rows_done": 39_817, "rows_applied": 39_815, "rows_changed": 1_234}
    StockImport.objects.filter(pk=done.pk).update(**figures)

    shown = boss.get(page_of(done)).content.decode()

    assert 'data-figure="rows_applied">39,815<' in shown
    assert 'data-figure="rows_changed">1,234<' in shown


def test_why_a_file_failed_stands_there_too(boss):
    many = packed(rows(*(f"A,S,{n}" for n in range(200_000))))
    failed = imported(many[:-3000])

    assert "The packed file ends in the middle" in text(boss.get(page_of(failed)))


def test_the_list_takes_the_same_statements_however_long(boss, django_assert_max_num_queries):
    for _number in range(30):
        receive(GOOD)

    with django_assert_max_num_queries(12):
        assert "30 stock imports" in text(boss.get(LIST))


def test_a_file_whose_name_is_code_is_only_a_name(boss):
    send(boss, file=SimpleUploadedFile("<script>alert(1)</script>.csv", GOOD))

    row = StockImport.objects.get()
    for address in (LIST, page_of(row)):
        assert "<script>alert(1)" not in boss.get(address).content.decode()


def test_feeds_are_described_by_staff(boss):
    form = {"code": "erp", "name": "ERP Lyon", "kind": "erp", "counts_exclude_reserved": "on"}
    assert boss.post(reverse("admin:inventory_feed_add"), form).status_code == 302
    change = reverse("admin:inventory_feed_change", args=["erp"])
    assert boss.post(change, {"name": "ERP", "kind": "erp", "reports_our_work": "on"}).status_code == 302

    feed = Feed.objects.get()
    assert (feed.name, feed.counts_exclude_reserved, feed.reports_our_work) == ("ERP", False, True)
    imported(GOOD)
    shown = text(boss.get(reverse("admin:inventory_feed_changelist")))
    for words in ("repeat our own work", "all that stands there", "Completed"):
        assert words in shown
    assert boss.post(reverse("admin:inventory_feed_delete", args=["erp"]), {"post": "yes"}).status_code == 302
    assert not Feed.objects.exists()


def test_the_list_of_feeds_takes_the_same_statements_however_long(boss, django_assert_max_num_queries):
    for number in range(20):
        put_feed(FeedRow(f"feed-{number}"), as_of=NOW)
        receive(GOOD, source=f"feed-{number}")

    with django_assert_max_num_queries(12):
        boss.get(reverse("admin:inventory_feed_changelist"))
