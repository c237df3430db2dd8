"""Files that staff bring in: seen first, then saved by the services, a thousand rows at a time and none twice."""

import csv
import io
from decimal import Decimal
from re import search
from typing import Any

import openpyxl
import pytest
from django.contrib.auth import get_user_model
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from django.urls import reverse

from inventory.files import jobs
from inventory.files.columns import PRODUCTS
from inventory.files.jobs import bring_in_file, receive_file
from inventory.files.reading import read_table
from inventory.models import Barcode, FileImport, Location, Product, ProductPrice
from inventory.queries import places
from oms.channels import save_channel
from oms.clock import now
from oms.models import Channel, Event
from tests.admin.conftest import client_as
from tests.factories.inventory import make_location, make_product, make_products

__all__ = ["client_as"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss(db: None) -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("ann", password="x"))
    return client


def sent(boss: Client, text: str | bytes, *, model: str = "product", name: str = "list.csv") -> Any:
    data = text.encode() if isinstance(text, str) else text
    kind = "1" if name.endswith("xlsx") else "0"
    form = {"format": kind, "resource": "0", "import_file": SimpleUploadedFile(name, data)}
    return boss.post(reverse(f"admin:inventory_{model}_import"), form, follow=True)


def confirmed(boss: Client, kept: FileImport, *, model: str = "product") -> Any:
    address = reverse(f"admin:inventory_{model}_process_import")
    return boss.post(address, {"import_file_name": kept.pk}, follow=True)


def kept_from(text: str, kind: Any = PRODUCTS) -> str:
    table = read_table(kind, io.BytesIO(text.encode()), is_xlsx=False)
    return receive_file(kind.kind, "list.csv", table, actor="user:ann", as_of=now())


def test_barcodes_and_attributes_in_another_order_are_the_same(boss: Client) -> None:
    text = "sku,name_en,name_fr,price,barcodes,attributes\nA,Mug,Tasse,9.90,{},{}\n"
    codes, facts = ["4006381333931", "96385074"], ["size = M", "colour = red", "a = b"]
    confirmed(boss, sent(boss, text.format(" | ".join(codes), "; ".join(facts))).context["kept"])

    again = sent(boss, text.format(" | ".join(reversed(codes)), "; ".join(reversed(facts)))).context["kept"]
    other = sent(boss, text.format(codes[0], "; ".join(facts))).context["kept"]

    assert Product.objects.get().barcodes.count() == 2
    assert (again.expected, other.expected) == ({"unchanged": 1}, {"updated": 1})


@pytest.mark.parametrize("between", ["|", " ; ", ";", ", ", "\n"])
def test_codes_of_one_cell_may_be_separated_as_is_usual(boss: Client, between: str) -> None:
    codes = between.join(["WAF-B1", "3760000000062"])
    made = sent(boss, f'sku,name_en,price,barcodes\nA,Wafer,9.90,"{codes}"\n').context["kept"]
    confirmed(boss, made)

    again = sent(boss, "sku,barcodes\nA,3760000000062 | WAF-B1\n").context["kept"]
    taken = sent(boss, f'sku,name_en,price,barcodes\nB,Wafer,9.90,"X{between}3760000000062"\n').context["kept"]
    wrong = sent(boss, f'sku,name_en,price,barcodes\nB,Wafer,9.90,"X{between}3760000000063"\n').context["kept"]

    assert (made.expected, again.expected) == ({"created": 1}, {"unchanged": 1})
    assert [kept.faults[0][2] for kept in (taken, wrong)] == ["barcodes", "barcodes"]


def test_a_separator_that_may_stand_in_a_code_is_told(boss: Client) -> None:
    kept = sent(boss, "sku,name_en,price,barcodes\nA,Mug,9.90,3760000000062-4006381333931\n").context["kept"]

    [(row, _key, column, text)] = kept.faults
    assert (kept.expected, row, column) == ({"rejected": 1}, 2, "barcodes")
    assert text.startswith("This is no single barcode")


def test_names_keep_their_commas_and_words_of_ours_do_not(boss: Client) -> None:
    confirmed(boss, sent(boss, 'sku,name_en,price,tags\nA,Mug,9.90,"red, blue; sale | new"\n').context["kept"])
    text = 'code,name,kind,groups,abilities\nS,Shop,store,"idf; north, south","ship, pickup"\n'
    confirmed(boss, sent(boss, text, model="location").context["kept"], model="location")

    place = Location.objects.get()
    assert Product.objects.get().tags == ["red, blue", "sale", "new"]
    assert (place.groups, place.abilities) == (["idf", "north, south"], ["ship", "pickup"])


@pytest.mark.parametrize(
    ("model", "told"), [("product", "commas"), ("location", "mon 10:00-13:00"), ("productprice", "")]
)
def test_the_page_says_how_several_values_stand_in_one_cell(boss: Client, model: str, told: str) -> None:
    text = boss.get(reverse(f"admin:inventory_{model}_import")).content.decode()

    assert ("Several values in one cell" in text) == bool(told)
    assert told in text


def product_rows() -> list[dict[str, Any]]:
    return list(Product.objects.order_by("pk").values())


FILE = """sku,price,barcodes,tags,name_en
OLD,12.50,222 | 4006381333931,summer,
NEW,9.90,,,A new thing
BAD,minus one,,,Bad
WRONG,9.90,4006381333932,,Wrong code
NEW,1.00,,,Again
"""


def test_a_file_is_seen_before_anything_is_changed(boss: Client) -> None:
    make_product("OLD", barcodes=["111"], name_fr="Vieux", price=Decimal("10.00"))
    before = product_rows()

    page = sent(boss, FILE)

    text = page.content.decode()
    kept = FileImport.objects.get()
    assert page.redirect_chain[-1][0] == reverse("admin:inventory_fileimport_change", args=[kept.pk])
    assert kept.expected == {"rejected": 3, "created": 1, "updated": 1}
    assert [(row, column) for row, _key, column, _text in kept.faults] == [(4, "price"), (5, "barcodes"), (6, "sku")]
    for shown in ("A decimal number as text is needed", "its last digit would have to be 1", "more than once"):
        assert shown in text
    assert product_rows() == before
    assert Barcode.objects.count() == 1


def test_confirming_saves_what_is_right_and_leaves_the_rest(boss: Client) -> None:
    make_product("OLD", barcodes=["111"], name_fr="Vieux", price=Decimal("10.00"), weight_g=5)
    sent(boss, FILE.replace("summer,\n", "summer,Old\n"))

    page = confirmed(boss, FileImport.objects.get())

    kept = FileImport.objects.get()
    assert [str(message) for message in page.context["messages"]] == ["The file is brought in."]
    assert kept.outcome == {"updated": 1, "created": 1, "rejected": 3}
    assert (kept.rows_done, bytes(kept.rows), kept.confirmed_by) == (5, b"", "user:ann")
    old = Product.objects.get(pk="OLD")
    assert (old.price, old.tags, old.name_en, old.name_fr, old.weight_g) == (
        Decimal("12.50"),
        ["summer"],
        "Old",
        "Vieux",
        5,
    )
    assert set(old.barcodes.values_list("code", flat=True)) == {"222", "4006381333931"}
    assert Product.objects.filter(pk__in=["BAD", "WRONG"]).count() == 0
    event = Event.objects.get(type="inventory.file.imported")
    assert (event.actor, event.payload["updated"]) == ("user:ann", 1)


def test_confirming_twice_does_it_once(boss: Client) -> None:
    sent(boss, "sku,price,name_en\nA,1.00,A\n")
    kept = FileImport.objects.get()
    confirmed(boss, kept)
    Product.objects.filter(pk="A").update(price=Decimal("5.00"))

    page = confirmed(boss, kept)

    assert "nothing was done again" in next(str(message) for message in page.context["messages"])
    assert Product.objects.get().price == Decimal("5.00")
    assert Event.objects.filter(type="inventory.file.imported").count() == 1


def test_the_same_file_again_changes_nothing(boss: Client) -> None:
    text = "sku,price,name_en,tags,attributes\nA,1.00,A,x | y,size = M\n"
    sent(boss, text)
    confirmed(boss, FileImport.objects.get())
    before = product_rows()

    page = sent(boss, text)

    kept = FileImport.objects.first()
    assert kept is not None
    assert kept.expected == {"unchanged": 1}
    assert "nothing in this file that would change anything" in page.content.decode()
    assert page.context["confirm"] is None
    bring_in_file(kept.pk, actor="user:ann", as_of=now())
    assert product_rows() == before


def test_what_a_file_leaves_out_stays_and_an_empty_cell_empties(boss: Client) -> None:
    make_product("A", tags=["x"], weight_g=7, image_url="/a.png", attributes={"size": "M"})

    bring_in_file(kept_from("sku,tags,weight_g\nA,,\n"), actor="user:ann", as_of=now())

    product = Product.objects.get()
    assert (product.tags, product.weight_g, product.image_url, product.attributes) == ([], 0, "/a.png", {"size": "M"})


def test_a_file_stopped_half_way_goes_on_where_it_stood(monkeypatch: Any) -> None:
    monkeypatch.setattr(jobs, "_CHUNK", 10)
    kept = kept_from("sku,price,name_en\n" + "".join(f"P{n:02},1.00,x\n" for n in range(35)))
    real, calls = jobs.bring_in, []

    def dies_in_the_third(kind: str, rows: Any, **values: Any) -> Any:
        calls.append(len(rows))
        report = real(kind, rows, **values)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return report

    monkeypatch.setattr(jobs, "bring_in", dies_in_the_third)
    with pytest.raises(KeyboardInterrupt):
        bring_in_file(kept, actor="user:ann", as_of=now())
    assert (FileImport.objects.get().rows_done, Product.objects.count()) == (20, 20)

    bring_in_file(kept, actor="user:bob", as_of=now())

    done = FileImport.objects.get()
    assert (done.rows_done, done.outcome, done.confirmed_by) == (35, {"created": 35}, "user:ann")
    assert calls == [10, 10, 10, 10, 5]
    assert Product.objects.count() == 35


def test_a_code_that_comes_twice_is_noticed_across_chunks(monkeypatch: Any) -> None:
    monkeypatch.setattr(jobs, "_CHUNK", 2)
    kept = kept_from("sku,price,name_en\nA,1.00,x\nB,1.00,x\nA,2.00,x\n")

    bring_in_file(kept, actor="user:ann", as_of=now())

    assert Product.objects.get(pk="A").price == Decimal("1.00")
    assert FileImport.objects.get().faults == [[4, "A", "sku", "This code stands in the list more than once"]]


def test_statements_do_not_grow_with_the_rows(django_assert_max_num_queries: Any) -> None:
    make_products(*[f"P{n:03}" for n in range(400)])
    kept = kept_from("sku,price\n" + "".join(f"P{n:03},{n}.00\n" for n in range(400)))

    with django_assert_max_num_queries(14):
        bring_in_file(kept, actor="user:ann", as_of=now())

    assert FileImport.objects.get().outcome == {"updated": 400}


def test_a_spreadsheet_is_read_as_well(boss: Client) -> None:
    book, file = openpyxl.Workbook(), io.BytesIO()
    for row in (["sku", "price", "name_fr", "is_active", "barcodes"], ["A", 19.9, "Écharpe", False, 4006381333931]):
        book.active.append(row)
    book.save(file)

    sent(boss, file.getvalue(), name="list.xlsx")
    confirmed(boss, FileImport.objects.get())

    product = Product.objects.get()
    assert (product.price, product.name_en, product.is_active) == (Decimal("19.90"), "Écharpe", False)
    assert [barcode.code for barcode in product.barcodes.all()] == ["4006381333931"]


def test_a_price_with_a_comma_is_understood_and_a_code_that_became_a_number_is_told(boss: Client) -> None:
    sent(boss, "sku;price;name_en;barcodes\nA;19,90;x;\nB;1,00;x;4,00638E+12\nC;1,000;x;\n")

    kept = FileImport.objects.get()
    assert kept.expected == {"created": 1, "rejected": 2}
    assert [(row, column) for row, _key, column, _text in kept.faults] == [(3, "barcodes"), (4, "price")]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("list.csv", "price\n1\n", "missing: sku"),
        ("list.csv", 'sku\n"A\n', "cannot be read at line"),
        ("list.xlsx", "sku\nA\n", "This is not an XLSX file"),
        ("list.csv", b"PK\x03\x04", "choose the format XLSX"),
        ("list.csv", b"\x00\x01", "not a text file"),
    ],
)
def test_a_file_that_cannot_be_read_is_explained_beside_its_field(
    boss: Client, name: str, text: str | bytes, said: str
) -> None:
    page = sent(boss, text, name=name)

    assert page.status_code == 200
    assert said in page.content.decode()
    assert not FileImport.objects.exists()


@pytest.mark.parametrize("model", ["product", "location", "productprice"])
def test_a_locked_spreadsheet_is_explained_beside_its_field(boss: Client, model: str) -> None:
    file = io.BytesIO()
    openpyxl.Workbook().save(file)
    locked = file.getvalue().replace(b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01")

    page = sent(boss, locked, model=model, name="list.xlsx")

    assert page.status_code == 200
    assert "broken or locked" in page.content.decode()


@pytest.mark.parametrize(
    ("cell", "column"),
    [
        ("a\x0bb", "name_en"),
        ("a\uffffb", "name_en"),
        ("a\x1fb", "tags"),
        ('["a\\u000bb"]', "tags"),
        ('["a\\u0000b"]', "tags"),
        ('{"a": NaN}', "attributes"),
        ('{"a": "\\ud800"}', "attributes"),
        ("-0", "weight_g"),
        ("#NUM!", "sku"),
    ],
)
def test_a_cell_that_no_column_can_keep_costs_only_its_row(boss: Client, cell: str, column: str) -> None:
    row = {"sku": "A", "name_en": "Mug", "price": "1.00", "tags": "", "attributes": "", "weight_g": "", column: cell}
    text = io.StringIO()
    csv.writer(text).writerows([row, row.values(), ["B", "Cup", "2.00", "", "", "", *[""] * (len(row) - 6)]])

    kept = sent(boss, text.getvalue()).context["kept"]

    assert kept.expected == {"created": 1, "rejected": 1}
    assert [(number, name) for number, _key, name, _text in kept.faults] == [(2, column)]


def test_what_was_stored_once_and_would_be_refused_now_stops_no_file(boss: Client) -> None:
    make_product("A", tags=["a\x0bb; c"], attributes={"note": "a\x1fb; c"}, barcodes=["1E+5"])

    kept = sent(boss, "sku,price\nA,7.00\n").context["kept"]

    assert kept.expected == {"updated": 1}
    assert kept.sample[0]["changes"] == [["price", "19.90", "7.00"]]


def test_a_file_beyond_the_bounds_is_refused_with_its_limit(boss: Client, settings: Any) -> None:
    settings.FILE_MAX_ROWS = 2
    assert "at most 2 rows" in sent(boss, "sku\nA\nB\nC\n").content.decode()

    settings.FILE_MAX_BYTES = 1024 * 1024
    assert "at most 1 MB" in sent(boss, b"sku\n" + b"A\n" * 600_000).content.decode()
    assert sent(boss, b"x" * 12_000_000).status_code == 413
    assert not FileImport.objects.exists()


# ---- prices and places ----------------------------------------------------------------------------------


def test_prices_are_brought_in(boss: Client) -> None:
    with transaction.atomic():
        save_channel(Channel(code="web", name="web", currency="EUR"))
    make_products("A", "B")
    text = "sku;channel;amount;until_at\nA;web;9,90;2099-01-01\nB;web;5.00;\nC;web;1.00;\nB;web;4.00;\n"

    page = sent(boss, text, model="productprice")
    kept = FileImport.objects.get()
    assert kept.expected == {"created": 2, "rejected": 2}
    assert "A price from the same moment stands in the list before" in page.content.decode()
    confirmed(boss, kept, model="productprice")

    assert sorted(ProductPrice.objects.values_list("product_id", "amount")) == [
        ("A", Decimal("9.90")),
        ("B", Decimal("5.00")),
    ]
    again = sent(boss, text, model="productprice")
    assert again.context["kept"].expected == {"unchanged": 2, "rejected": 2}


def test_places_are_brought_in(boss: Client) -> None:
    make_location("S-1", city="Lyon", abilities=["ship"])
    text = (
        "code,name,kind,city,opening_hours,cut_off\n"
        "S-1,Renamed,store,Lyon,mon 10:00-13:00 14:00-19:00,express = 12:00\n"
        "S-2,Second,warehouse,,,\n"
        "S-3,Third,castle,,mon 19-10,\n"
    )

    sent(boss, text, model="location")
    kept = FileImport.objects.get()
    assert [(row, column) for row, _key, column, _text in kept.faults] == [(4, "kind"), (4, "opening_hours")]
    confirmed(boss, kept, model="location")

    place = Location.objects.get(pk="S-1")
    assert (place.name, place.city, place.abilities) == ("Renamed", "Lyon", ["ship"])
    assert place.opening_hours == {"mon": [["10:00", "13:00"], ["14:00", "19:00"]]}
    assert place.cut_off == {"express": "12:00"}
    assert set(places()) == {"S-1", "S-2"}


# ---- who ------------------------------------------------------------------------------------------------


def test_who_may_not_change_products_may_neither_import_nor_export(client_as: Any) -> None:
    make_product("A")
    kept = kept_from("sku,price,name_en\nB,1.00,x\n")
    service = client_as("customer_service")

    for name in ("product_import", "product_export", "fileimport_changelist"):
        assert service.get(reverse(f"admin:inventory_{name}")).status_code == 403
    assert (
        service.post(reverse("admin:inventory_product_process_import"), {"import_file_name": kept}).status_code == 403
    )
    assert service.get(reverse("admin:inventory_fileimport_errors", args=[kept])).status_code == 403
    assert service.get(reverse("admin:inventory_fileimport_change", args=[kept])).status_code == 403
    listed = service.get(reverse("admin:inventory_product_changelist")).content.decode()
    assert reverse("admin:inventory_product_import") not in listed
    assert Product.objects.count() == 1


def test_operations_import_and_export(client_as: Any) -> None:
    operations = client_as("operations")

    assert operations.get(reverse("admin:inventory_product_import")).status_code == 200
    assert operations.get(reverse("admin:inventory_product_export")).status_code == 200
    assert reverse("admin:inventory_product_import") in operations.get("/admin/inventory/product/").content.decode()


def test_a_file_of_another_kind_or_none_is_not_found(boss: Client) -> None:
    kept = kept_from("sku,price,name_en\nB,1.00,x\n")

    assert confirmed(boss, FileImport(pk="fil_none")).status_code == 404
    assert confirmed(boss, FileImport(pk=kept), model="location").status_code == 404
    assert boss.get(reverse("admin:inventory_product_process_import")).status_code == 405
    assert not Product.objects.exists()


def test_errors_are_taken_out_as_a_file(boss: Client) -> None:
    sent(boss, "sku,price,name_en\n=A1,x,y\n")
    kept = FileImport.objects.get()

    answer = boss.get(reverse("admin:inventory_fileimport_errors", args=[kept.pk]))

    lines = b"".join(answer).decode("utf-8-sig").splitlines()
    assert lines[0] == "row,key,column,error"
    assert lines[1].startswith("2,'=A1,price,")


def test_a_file_is_found_again_in_the_list(boss: Client) -> None:
    sent(boss, FILE)
    listed = boss.get(reverse("admin:inventory_fileimport_changelist")).content.decode()

    page = boss.get(search(r'href="([^"]*/change/)', listed).group(1))  # type: ignore[union-attr]

    assert page.status_code == 200
    assert "list.csv" in page.content.decode()


# ---- out ------------------------------------------------------------------------------------------------


def exported(boss: Client, model: str, kind: str, query: str = "") -> Any:
    address = reverse(f"admin:inventory_{model}_export") + query
    return boss.post(address, {"format": kind, "resource": "0"})


@pytest.mark.parametrize(("kind", "name"), [("0", "list.csv"), ("1", "list.xlsx")])
def test_a_list_that_was_taken_out_and_brought_in_again_changes_nothing(boss: Client, kind: str, name: str) -> None:
    with transaction.atomic():
        save_channel(Channel(code="web", name="web", currency="EUR"))
    make_product("=A", name_fr="Écharpe; “bleue”", barcodes=["4006381333931", "0036000291452"], tags=["-x", "a|b"])
    make_product("B", attributes={"care": {"wash": 30}, "size": "M"}, weight_g=3, is_active=False)
    make_location("S-1", opening_hours={"mon": [["10:00", "19:00"]]}, cut_off="14:00", latitude=-43.7, longitude=7.2)
    bring_in_file(kept_from("sku,price,name_en\nC,1.00,x\n"), actor="user:ann", as_of=now())

    for model in ("product", "location"):
        data = b"".join(exported(boss, model, kind).streaming_content)
        sent(boss, data, model=model, name=name)
        kept = FileImport.objects.first()
        assert kept is not None
        assert kept.faults == []
        assert set(kept.expected) == {"unchanged"}


def test_what_is_taken_out_is_what_the_list_shows(boss: Client) -> None:
    make_product("A", name_en="Red shirt")
    make_product("B", name_en="Blue shirt", is_active=False)
    make_product("C", name_en="Mug")

    def skus(query: str) -> list[str]:
        text = b"".join(exported(boss, "product", "0", query).streaming_content).decode("utf-8-sig")
        return [line.split(",")[0] for line in text.splitlines()[1:]]

    assert skus("") == ["A", "B", "C"]
    assert skus("?q=shirt") == ["A", "B"]
    assert skus("?is_active__exact=1") == ["A", "C"]


def test_a_spreadsheet_of_too_many_rows_is_refused_with_a_way_out(boss: Client, settings: Any) -> None:
    settings.FILE_MAX_ROWS = 2
    make_products("A", "B", "C")

    answer = exported(boss, "product", "1")

    assert "choose CSV" in " ".join(str(message) for message in answer.context["messages"])
    assert b"".join(exported(boss, "product", "0").streaming_content).count(b"\n") == 4
