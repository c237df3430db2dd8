"""What is typed or scanned finds its product, over the API and in the back office alike."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.test import Client

from inventory.models import Product
from inventory.search import find_products
from inventory.services import ProductRow, save_products
from tests.factories.inventory import NOW, make_product

pytestmark = pytest.mark.django_db

CATALOGUE = {
    "TSW1-BLK-M": ("Ouessant women's T-shirt, black, M", "T-shirt femme Ouessant, noir, M"),
    "TSW1-BLK-L": ("Ouessant women's T-shirt, black, L", "T-shirt femme Ouessant, noir, L"),
    "SHM1-SKY-M": ("Hoëdic linen shirt, sky blue, M", "Chemise en lin Hoëdic, bleu ciel, M"),
    "KNW1-ECR-S": ("Lubéron women's jumper, ecru, S", "Pull femme Lubéron, écru, S"),
    "CHA1-CAM": ("Vercors oak chair, camel", "Chaise en chêne Vercors, camel"),
    "BPK1-GRN": ("Sancy backpack 25 l, forest green", "Sac à dos 25 l Sancy, vert sapin"),
    "SNM1-WHT-42": ("Morvan men's sneakers, white, 42", "Baskets homme Morvan, blanc, 42"),
}


@pytest.fixture(autouse=True)
def catalogue(db: None) -> None:
    with transaction.atomic():
        rows = [ProductRow(sku, en, 10, fr) for sku, (en, fr) in CATALOGUE.items()]  # type: ignore[arg-type]
        save_products(rows, as_of=NOW)
    make_product("MUG", name_en="Mug", barcodes=["036000291452", "MUG-BLUE"])


def found(text: str) -> list[str]:
    return list(find_products(Product.objects.all(), text).order_by("search_key").values_list("pk", flat=True))


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("jumper", "KNW1-ECR-S"),
        ("JUMPER", "KNW1-ECR-S"),
        ("jumpr", "KNW1-ECR-S"),
        ("backpak", "BPK1-GRN"),
        ("snekers", "SNM1-WHT-42"),
        ("chair", "CHA1-CAM"),
        ("chemise", "SHM1-SKY-M"),
        ("chemsie", "SHM1-SKY-M"),
        ("chmeise lin", "SHM1-SKY-M"),
        ("chene", "CHA1-CAM"),
        ("CHÊNE", "CHA1-CAM"),
        ("che\N{COMBINING CIRCUMFLEX ACCENT}ne", "CHA1-CAM"),
        ("luberon ecru", "KNW1-ECR-S"),
        ("écru pull", "KNW1-ECR-S"),
        ("hoedic", "SHM1-SKY-M"),
        ("packback", "BPK1-GRN"),
        ("tsw1-blk-m", "TSW1-BLK-M"),
        ("TSW1-BLK-L", "TSW1-BLK-L"),
        ("BPK", "BPK1-GRN"),
        ("white 42", "SNM1-WHT-42"),
        ("036000291452", "MUG"),
        ("0036000291452", "MUG"),
        ("MUG-BLUE", "MUG"),
    ],
)
def test_is_found_first(text: str, first: str) -> None:
    assert found(text)[:1] == [first]


@pytest.mark.parametrize(
    "text", ["", " ", "%", "_", "100%", "\N{SNOWMAN}", "xylophone", "'; drop table x", "\\", "036000291453", "shirt 43"]
)
def test_nothing_is_found(text: str) -> None:
    assert found(text) == []


def test_all_words_must_be_there_in_any_order_and_language() -> None:
    assert found("noir femme ouessant t-shirt") == ["TSW1-BLK-L", "TSW1-BLK-M"]
    assert found("black femme") == ["TSW1-BLK-L", "TSW1-BLK-M"]
    assert found("chemise noir") == []


def test_what_is_right_leaves_out_what_is_merely_like_it() -> None:
    assert found("shirt") == ["SHM1-SKY-M", "TSW1-BLK-L", "TSW1-BLK-M"]
    assert "SHM1-SKY-M" in found("shrit")


def test_the_sku_itself_comes_before_those_that_begin_with_it_and_those_before_names() -> None:
    make_product("SHIRT-2")
    make_product("SHIRT")

    assert found("shirt")[:2] == ["SHIRT", "SHIRT-2"]
    assert len(found("shirt")) == 5


def test_pages_follow_each_other_without_gap_or_double(client: Any, django_assert_max_num_queries: Any) -> None:
    with transaction.atomic():
        rows = [ProductRow(f"P{n:03}", f"Blue mug number {n}", 10) for n in range(60)]  # type: ignore[arg-type]
        save_products(rows, as_of=NOW)
    make_product("MUGS", name_en="Blue mugs")

    skus, url = [], "/api/v1/products/?q=blue mug&page_size=25"
    while url:
        with django_assert_max_num_queries(5):  # key, scanned?, close?, products, barcodes
            page = client.get(url).json()
        skus += [row["sku"] for row in page["results"]]
        if len(skus) == 25:
            Product.objects.filter(pk=skus[3]).update(name_en="Gone")
        url = page["next"]

    assert len(skus) == len(set(skus)) == 61
    assert skus[:60] == [f"P{n:03}" for n in range(60)]
    assert skus[60] == "MUGS"
    back = client.get(page["previous"]).json()["results"]
    assert [row["sku"] for row in back] == skus[25:50]


def test_the_search_is_narrowed_by_other_filters(client: Any) -> None:
    make_product("OLD", name_en="Old jumper", is_active=False, tags=["outlet"])

    def skus(query: str) -> list[str]:
        return [row["sku"] for row in client.get(f"/api/v1/products/?{query}").json()["results"]]

    assert sorted(skus("q=jumper")) == ["KNW1-ECR-S", "OLD"]
    assert skus("q=jumper&is_active=false") == ["OLD"]
    assert skus("q=jumper&tag=outlet") == ["OLD"]


def test_staff_find_the_same_in_the_same_order(client: Any) -> None:
    browser = Client()
    browser.force_login(get_user_model().objects.create_superuser("ann", password="x"))

    for text in ("shirt", "chemsie", "MUG-BLUE", "femme"):
        listed = browser.get("/admin/inventory/product/", {"q": text}).context["cl"].result_list
        answered = client.get("/api/v1/products/", {"q": text}).json()["results"]
        assert [row.pk for row in listed] == [row["sku"] for row in answered] == found(text)
    sorted_by_price = browser.get("/admin/inventory/product/", {"q": "shirt", "o": "-1"})
    assert sorted_by_price.status_code == 200


def test_names_that_change_are_found_anew() -> None:
    make_product("CHA1-CAM", name_en="Stool", name_fr="Tabouret")

    assert found("oak") == []
    assert found("tabouret") == ["CHA1-CAM"]


@pytest.mark.parametrize("text", ["jumper", "chemise lin", "TSW1"])
def test_the_index_serves_it(text: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    plan = find_products(Product.objects.all(), text).order_by("search_key").explain()

    assert "products_by_text" in plan
    assert "Seq Scan" not in plan
