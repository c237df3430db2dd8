import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import transaction
from django.test import Client

from inventory.admin import products as admin_products
from inventory.models import Product, StockLevel, StockMovement
from inventory.services import RowResult, Want, mark_suspect
from tests.factories.inventory import (
    NOW,
    level,
    make_location,
    make_product,
    make_products,
    reserve,
    set_stocks,
)

pytestmark = pytest.mark.django_db


def signed_in(**values):
    client = Client()
    client.force_login(get_user_model().objects.create_user("ann", password="x", is_staff=True, **values))
    return client


@pytest.fixture
def boss(db):
    return signed_in(is_superuser=True)


@pytest.fixture
def shelf(db):
    make_product("A", name_en="Shirt", image_url="/media/a.png", tags=["summer"], barcodes=["111"])
    make_location("S", opening_hours={"mon": [["10:00", "19:00"]]})
    set_stocks({("A", "S"): 5})
    with transaction.atomic():
        reserve(Want("order_line:1", "A", "S", 2))


@pytest.mark.parametrize(
    "page, shown",
    [
        ("product", ["/media/a.png", "Shirt", "summer"]),
        ("location", ["Place S"]),
        ("stocklevel", ["A Shirt"]),
        ("stockmovement", ["count", "+5"]),
        ("reservation", ["order_line:1", "Active"]),
        ("membership", []),
    ],
)
def test_every_list_shows_its_rows(boss, shelf, page, shown):
    answer = boss.get(f"/admin/inventory/{page}/")

    assert answer.status_code == 200
    assert [text for text in shown if text not in answer.content.decode()] == []


@pytest.mark.parametrize("page, term, rows", [("product", "111", 1), ("product", "B", 0), ("stocklevel", "A", 1)])
def test_lists_are_searched(boss, shelf, page, term, rows):
    answer = boss.get(f"/admin/inventory/{page}/?q={term}")

    assert answer.context["cl"].result_count == rows


def test_the_list_of_levels_takes_as_many_statements_for_many_as_for_few(boss, shelf, django_assert_max_num_queries):
    make_products(*[f"P{n}" for n in range(40)])
    set_stocks({(f"P{n}", "S"): 1 for n in range(40)})

    with django_assert_max_num_queries(8):
        boss.get("/admin/inventory/stocklevel/")


def test_a_level_is_changed_by_counting_it(boss, shelf):
    with transaction.atomic():
        mark_suspect([("A", "S")], reference="f", actor="t", as_of=NOW)
    row = level("A", "S")

    assert boss.get(f"/admin/inventory/stocklevel/{row.pk}/count/").status_code == 200
    boss.post(f"/admin/inventory/stocklevel/{row.pk}/count/", {"quantity": "7", "bin": "B-1"})

    row = level("A", "S")
    assert (row.on_hand, row.bin, row.suspect_at) == (7, "B-1", None)
    movement = StockMovement.objects.first()
    assert (movement.cause, movement.quantity, movement.actor) == ("count", 2, "user:ann")


def test_a_wrong_count_is_refused(boss, shelf):
    boss.post(f"/admin/inventory/stocklevel/{level('A', 'S').pk}/count/", {"quantity": "-1"})

    assert level("A", "S").on_hand == 5


@pytest.mark.parametrize(
    "page", ["stocklevel/A/count", "stocklevel/A/adjust", "reconciliation/A/change", "fileimport/A/change"]
)
def test_an_address_that_can_be_no_rows_is_not_found(boss, page):
    assert boss.get(f"/admin/inventory/{page}/").status_code == 404


def test_the_pace_of_no_level_leads_to_the_levels(boss):
    assert boss.get("/admin/inventory/levelpace/A/change/").url.startswith("/admin/inventory/stocklevel/")


def test_who_may_only_look_may_not_count(shelf):
    client = signed_in()
    get_user_model().objects.get().user_permissions.add(Permission.objects.get(codename="view_stocklevel"))
    row = StockLevel.objects.get()

    assert client.get("/admin/inventory/stocklevel/").status_code == 200
    assert client.post(f"/admin/inventory/stocklevel/{row.pk}/count/", {"quantity": "1"}).status_code == 403
    assert level("A", "S").on_hand == 5


@pytest.mark.parametrize("page", ["stocklevel", "stockmovement", "reservation"])
def test_what_services_write_cannot_be_typed_in(boss, shelf, page):
    assert boss.get(f"/admin/inventory/{page}/add/").status_code == 403


def form_of(boss, page):
    """What the browser would send back."""
    form = boss.get(page).context["adminform"].form
    values = {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}
    given = {name: value for name, value in values.items() if value is not None and value is not False}
    return {name: form.fields[name].prepare_value(value) for name, value in given.items()}


PRODUCT = "/admin/inventory/product/A/change/"
NO_PRICES = {f"prices-{name}": "0" for name in ("TOTAL_FORMS", "INITIAL_FORMS")}


def test_a_product_is_saved_and_never_deleted(boss, shelf):
    saved = boss.post(PRODUCT, form_of(boss, PRODUCT) | NO_PRICES | {"price": "12.00", "height_mm": "45"})

    assert saved.status_code == 302, saved.context["errors"]
    product = Product.objects.get()
    assert (str(product.price), product.height_mm) == ("12.00", 45)
    assert [barcode.code for barcode in product.barcodes.all()] == ["111"]
    assert boss.post("/admin/inventory/product/A/delete/", {"post": "yes"}).status_code == 403


def test_barcodes_tags_and_attributes_are_typed_line_by_line(boss, shelf):
    typed = {"barcodes": "222\n4006381333931\n", "tags": "summer\n outlet", "attributes": "size = M\ncolor = red"}

    saved = boss.post(PRODUCT, form_of(boss, PRODUCT) | NO_PRICES | typed)

    assert saved.status_code == 302, saved.context["errors"]
    product = Product.objects.get()
    assert {barcode.code for barcode in product.barcodes.all()} == {"222", "4006381333931"}
    assert (product.tags, product.attributes) == (["summer", "outlet"], {"size": "M", "color": "red"})
    assert form_of(boss, PRODUCT)["attributes"] == "size = M\ncolor = red"


@pytest.mark.parametrize(
    "wrong, field",
    [
        ({"barcodes": "4006381333932"}, "barcodes"),
        ({"barcodes": "999"}, "barcodes"),
        ({"barcodes": "x" * 65}, "barcodes"),
        ({"barcodes": "4006381333931-0036000291452"}, "barcodes"),
        ({"barcodes": "222, 4006381333932"}, "barcodes"),
        ({"attributes": "red"}, "attributes"),
        ({"attributes": "{"}, "attributes"),
        ({"attributes": '{"a": NaN}'}, "attributes"),
        ({"tags": '["a\\u0000"]'}, "tags"),
        ({"tags": "a\x1fb"}, "tags"),
        ({"name_en": "a\x0bb"}, "name_en"),
        ({"name_fr": "a\ufffeb"}, "name_fr"),
        ({"price": "-1"}, "price"),
        ({"currency": "XXX"}, "currency"),
        ({"image_url": "javascript:alert(1)"}, "image_url"),
        ({"length_mm": "100001"}, "length_mm"),
        ({"name_en": ""}, "name_en"),
    ],
)
def test_what_the_api_refuses_is_refused_beside_its_field(boss, shelf, wrong, field):
    make_product("B", barcodes=["999"])
    before = list(Product.objects.order_by("pk").values())

    answer = boss.post(PRODUCT, form_of(boss, PRODUCT) | NO_PRICES | wrong)

    assert answer.status_code == 200
    assert list(answer.context["adminform"].form.errors) == [field]
    assert list(Product.objects.order_by("pk").values()) == before


def test_a_product_is_made(boss):
    page = "/admin/inventory/product/add/"

    made = boss.post(page, form_of(boss, page) | {"sku": "NEW", "name_en": "New", "price": "1", "barcodes": "333"})

    assert made.status_code == 302, made.context["errors"]
    assert [barcode.code for barcode in Product.objects.get().barcodes.all()] == ["333"]


def test_a_new_product_takes_no_sku_that_another_has(boss, shelf):
    page, before = "/admin/inventory/product/add/", Product.objects.get(pk="A").name_en

    answer = boss.post(page, form_of(boss, page) | {"sku": "A", "name_en": "Another", "price": "1"})

    assert answer.status_code == 200 and answer.context["errors"]
    assert Product.objects.get(pk="A").name_en == before


def test_who_was_quicker_is_told_and_nothing_saved(boss, shelf, monkeypatch):
    refused = RowResult("rejected", "barcode_taken", "/barcodes/0", "Another product has this barcode")
    monkeypatch.setattr(admin_products, "save_products", lambda rows, as_of: [refused])

    answer = boss.post(PRODUCT, form_of(boss, PRODUCT) | NO_PRICES | {"price": "12.00"}, follow=True)

    assert "Another product has this barcode" in [str(message) for message in answer.context["messages"]]
    assert str(Product.objects.get().price) == "19.90"
