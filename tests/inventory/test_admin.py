import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import transaction
from django.test import Client

from inventory.models import Location, Product, StockLevel, StockMovement
from inventory.queries import places
from inventory.services import Want, mark_suspect, reserve_stock
from tests.factories.inventory import NOW, level, make_location, make_locations, make_product, make_products, set_stocks

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
        reserve_stock([Want("order_line:1", "A", "S", 2)], as_of=NOW)


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


def test_hours_are_shown_in_words_and_checked_when_saved(boss, shelf):
    page = "/admin/inventory/location/S/change/"
    make_locations("S", opening_hours={"mon": [["10:00", "19:00"]]}, latitude=48.85, longitude=2.35)
    assert "10:00–19:00" in boss.get(page).content.decode()

    good = form_of(boss, page)
    refused = boss.post(page, good | {"opening_hours": '{"mon": [["19:00", "10:00"]]}'})
    assert refused.context["adminform"].form.errors["opening_hours"] == [
        "Closing must come after opening; use two days around midnight"
    ]
    assert boss.post(page, good | {"timezone": "Mars"}).context["adminform"].form.errors["timezone"]

    saved = boss.post(page, good | {"opening_hours": '{"tue": [["09:00", "12:00"]]}', "daily_capacity": "7"})
    assert saved.status_code == 302, saved.context["errors"]
    assert Location.objects.get().opening_hours == {"tue": [["09:00", "12:00"]]}
    assert places()["S"].daily_capacity == 7


def test_a_product_is_saved_and_never_deleted(boss, shelf):
    page = "/admin/inventory/product/A/change/"
    management = {f"barcodes-{name}": "0" for name in ("TOTAL_FORMS", "INITIAL_FORMS")}

    saved = boss.post(page, form_of(boss, page) | management | {"price": "12.00"})

    assert saved.status_code == 302, saved.context["errors"]
    assert str(Product.objects.get().price) == "12.00"
    assert boss.post("/admin/inventory/product/A/delete/", {"post": "yes"}).status_code == 403
