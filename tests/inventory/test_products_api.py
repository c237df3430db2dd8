import pytest

from inventory.models import Barcode, Product
from tests.factories.inventory import make_product, make_products

pytestmark = pytest.mark.django_db

SHIRT = {
    "sku": "SHIRT-M",
    "name": {"en": "Shirt", "fr": "Chemise"},
    "barcodes": ["4006381333931", "036000291452"],
    "price": "39.90",
    "currency": "EUR",
    "tax_class": "standard",
    "weight_g": 320,
    "length_mm": 300,
    "width_mm": 220,
    "height_mm": 40,
    "image_url": "/media/shirt.png",
    "attributes": {"size": "M", "care": {"wash": 30}},
    "tags": ["summer"],
    "is_active": True,
}


def pointers(answer):
    assert answer["Content-Type"] == "application/problem+json"
    return [(error["pointer"], error["code"]) for error in answer.json()["errors"]]


def test_a_product_reads_back_as_it_was_written(client):
    made = client.post("/api/v1/products/", SHIRT, format="json")

    assert made.status_code == 201
    read = client.get("/api/v1/products/SHIRT-M/")
    assert read.status_code == 200
    assert {**read.json(), "barcodes": sorted(read.json()["barcodes"])} == {
        **SHIRT,
        "barcodes": sorted(SHIRT["barcodes"]),
    }


@pytest.mark.parametrize("word", ["bulk", "export"])
def test_a_word_of_the_addresses_names_no_product(client, word):
    refused = client.post("/api/v1/products/", {**SHIRT, "sku": word}, format="json")
    rows = client.post("/api/v1/products/bulk/", [{**SHIRT, "sku": word, "barcodes": []}, SHIRT], format="json").json()[
        "results"
    ]

    assert (refused.status_code, pointers(refused)) == (422, [("/sku", "reserved_word")])
    assert [(row["status"], row.get("code")) for row in rows] == [("rejected", "reserved_word"), ("created", None)]
    assert list(Product.objects.values_list("pk", flat=True)) == ["SHIRT-M"]


def test_a_product_that_has_such_a_name_already_can_still_be_saved(client):
    make_product("X")
    Product.objects.update(sku="bulk")

    rows = client.post("/api/v1/products/bulk/", [{**SHIRT, "sku": "bulk"}], format="json").json()["results"]

    assert rows[0]["status"] == "updated"


def test_what_is_left_out_takes_its_default(client):
    made = client.post("/api/v1/products/", {"sku": "X.1", "name": {"fr": "Chose"}, "price": "5"}, format="json")

    assert made.json() == {
        "sku": "X.1",
        "name": {"en": "Chose", "fr": "Chose"},
        "barcodes": [],
        "price": "5.00",
        "currency": "EUR",
        "tax_class": "standard",
        "weight_g": 0,
        "length_mm": 0,
        "width_mm": 0,
        "height_mm": 0,
        "image_url": "",
        "attributes": {},
        "tags": [],
        "is_active": True,
    }
    assert client.get("/api/v1/products/X.1/").status_code == 200


def test_a_sku_is_made_once(client):
    make_product("SHIRT-M", name_en="The first")

    again = client.post("/api/v1/products/", SHIRT, format="json")

    assert (again.status_code, again.json()["code"]) == (409, "already_exists")
    assert Product.objects.get().name_en == "The first"
    assert Barcode.objects.count() == 0


def test_put_makes_then_replaces_the_whole(client):
    made = client.put("/api/v1/products/SHIRT-M/", SHIRT, format="json")
    replaced = client.put("/api/v1/products/SHIRT-M/", {"name": {"en": "Vest"}, "price": "1.00"}, format="json")

    assert (made.status_code, replaced.status_code) == (201, 200)
    assert (replaced.json()["name"], replaced.json()["barcodes"]) == ({"en": "Vest", "fr": ""}, [])


def test_patch_changes_what_it_names(client):
    client.post("/api/v1/products/", SHIRT, format="json")

    patch = {"price": "29.90", "name": {"fr": "Liquette"}, "attributes": {"size": None, "color": "red"}}
    changed = client.patch("/api/v1/products/SHIRT-M/", patch, format="json")

    assert changed.status_code == 200
    assert changed.json() | {"barcodes": None} == SHIRT | {
        "price": "29.90",
        "name": {"en": "Shirt", "fr": "Liquette"},
        "attributes": {"color": "red", "care": {"wash": 30}},
        "barcodes": None,
    }


def test_the_code_in_the_address_rules(client):
    answer = client.put("/api/v1/products/OTHER/", SHIRT, format="json")

    assert answer.status_code == 422
    assert pointers(answer) == [("/sku", "code_differs")]
    assert not Product.objects.exists()


def test_delete_takes_it_off_sale_and_keeps_it(client):
    make_product("SHIRT-M")

    assert client.delete("/api/v1/products/SHIRT-M/").status_code == 204
    assert client.get("/api/v1/products/SHIRT-M/").json()["is_active"] is False


@pytest.mark.parametrize("method", ["get", "delete"])
def test_an_unknown_product_is_not_found(client, method):
    answer = getattr(client, method)("/api/v1/products/NONE/")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_patching_an_unknown_product_is_not_found(client):
    assert client.patch("/api/v1/products/NONE/", {"price": "1"}, format="json").status_code == 404


@pytest.mark.parametrize(
    "wrong, pointer",
    [
        ({"price": "-1"}, "/price"),
        ({"price": "1_0"}, "/price"),
        ({"price": 19.9}, "/price"),
        ({"attributes": {"text": "x" * 16_000}}, "/attributes"),
        ({"image_url": "javascript:alert(1)"}, "/image_url"),
        ({"image_url": "//elsewhere.example/a.png"}, "/image_url"),
        ({"price": "1.999"}, "/price"),
        ({"price": "1e30"}, "/price"),
        ({"price": "NaN"}, "/price"),
        ({"price": None}, "/price"),
        ({"currency": "EURO"}, "/currency"),
        ({"currency": "XXX"}, "/currency"),
        ({"sku": "a/b"}, "/sku"),
        ({"sku": ""}, "/sku"),
        ({"sku": "x" * 65}, "/sku"),
        ({"name": {}}, "/name"),
        ({"name": "Shirt"}, "/name"),
        ({"name": {"en": "x" * 201}}, "/name/en"),
        ({"weight_g": -1}, "/weight_g"),
        ({"weight_g": 10**12}, "/weight_g"),
        ({"height_mm": -1}, "/height_mm"),
        ({"width_mm": 100_001}, "/width_mm"),
        ({"tags": "summer"}, "/tags"),
        ({"barcodes": [""]}, "/barcodes/0"),
        ({"attributes": []}, "/attributes"),
        ({"colour": "red"}, "/colour"),
    ],
)
def test_each_fault_is_pointed_at_and_nothing_stored(client, wrong, pointer):
    answer = client.post("/api/v1/products/", SHIRT | wrong, format="json")

    assert answer.status_code == 422
    assert [found for found, _code in pointers(answer)] == [pointer]
    assert not Product.objects.exists()


def test_a_barcode_names_one_product(client):
    make_product("OTHER", barcodes=["036000291452"])

    answer = client.post("/api/v1/products/", SHIRT, format="json")

    assert answer.status_code == 422
    assert pointers(answer) == [("/barcodes/1", "barcode_taken")]
    assert not Product.objects.filter(sku="SHIRT-M").exists()


@pytest.mark.parametrize("separator", [";", ",", "|", "\n", "-", " / "])
def test_several_codes_in_one_are_refused_instead_of_kept_as_none(client, separator):
    strung = separator.join(["4006381333931", "036000291452"])

    one = client.post("/api/v1/products/", SHIRT | {"barcodes": ["ART-1", strung]}, format="json")
    bulk = client.post("/api/v1/products/bulk/", [SHIRT | {"barcodes": [strung]}], format="json").json()["results"]

    assert (one.status_code, pointers(one)) == (422, [("/barcodes/1", "not_one_barcode")])
    assert [(row["status"], row["errors"][0]["code"]) for row in bulk] == [("rejected", "not_one_barcode")]
    assert not Product.objects.exists()


def test_a_mistyped_gtin_is_refused_and_a_code_of_the_retailers_own_is_not(client):
    refused = client.post("/api/v1/products/", SHIRT | {"barcodes": ["0360002914", "4006381333932"]}, format="json")

    assert refused.status_code == 422
    assert pointers(refused) == [("/barcodes/1", "wrong_check_digit")]
    assert "4006381333932" in refused.json()["errors"][0]["detail"]
    assert not Product.objects.exists()

    own = ["12345678", "2000000000009", "400638133393X", "ART-4711"]
    assert client.post("/api/v1/products/", SHIRT | {"barcodes": own}, format="json").status_code == 201


def test_a_gtin_is_taken_also_with_more_zeros_before_it(client):
    make_product("OTHER", barcodes=["036000291452"])

    stored = client.post("/api/v1/products/", SHIRT | {"barcodes": ["0036000291452"]}, format="json")
    rows = [SHIRT | {"sku": sku, "barcodes": [code]} for sku, code in (("A", "4006381333931"), ("B", "04006381333931"))]
    listed = client.post("/api/v1/products/bulk/", rows, format="json")

    assert pointers(stored) == [("/barcodes/0", "barcode_taken")]
    assert [row["status"] for row in listed.json()["results"]] == ["created", "rejected"]
    found = client.get("/api/v1/products/?barcode=0036000291452,036000291452").json()["results"]
    assert [row["sku"] for row in found] == ["OTHER"]


def test_bulk_answers_row_by_row(client, django_assert_max_num_queries):
    make_product("OLD", barcodes=["111"])
    rows = [
        SHIRT,
        {"sku": "OLD", "name": {"en": "Newer"}, "price": "2.00", "barcodes": ["222"]},
        {"sku": "BAD", "name": {"en": "Bad"}, "price": "-2.00"},
        SHIRT,
        {"sku": "THIEF", "name": {"en": "Thief"}, "price": "2.00", "barcodes": ["4006381333931"]},
        "nonsense",
    ]

    with django_assert_max_num_queries(10):  # key, transaction, owners, upsert, barcodes stored, gone, new
        answer = client.post("/api/v1/products/bulk/", rows, format="json")

    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [(row["index"], row["status"], row.get("code")) for row in results] == [
        (0, "created", None),
        (1, "updated", None),
        (2, "rejected", "invalid"),
        (3, "rejected", "duplicate_in_list"),
        (4, "rejected", "barcode_taken"),
        (5, "rejected", "invalid"),
    ]
    assert results[2]["errors"][0]["pointer"] == "/price"
    assert sorted(Product.objects.values_list("sku", "name_en")) == [("OLD", "Newer"), ("SHIRT-M", "Shirt")]
    assert sorted(Barcode.objects.values_list("code", "product_id")) == [
        ("036000291452", "SHIRT-M"),
        ("222", "OLD"),
        ("4006381333931", "SHIRT-M"),
    ]


def test_bulk_takes_five_thousand_rows_and_no_more(client):
    rows = [{"sku": f"S{n}", "name": {"en": "x"}, "price": "1"} for n in range(5001)]

    assert client.post("/api/v1/products/bulk/", rows[:-1], format="json").status_code == 200
    refused = client.post("/api/v1/products/bulk/", rows, format="json")

    assert refused.status_code == 422
    assert pointers(refused) == [("", "too_many_rows")]
    assert Product.objects.count() == 5000


def test_more_barcodes_than_postgres_takes_parameters_are_no_problem(client):
    rows = [
        {"sku": f"S{n}", "name": {"en": "x"}, "price": "1", "barcodes": [f"{n}-{i}" for i in range(40)]}
        for n in range(1700)
    ]

    answer = client.post("/api/v1/products/bulk/", rows, format="json")
    again = client.post("/api/v1/products/bulk/", [row | {"barcodes": []} for row in rows], format="json")

    assert {row["status"] for row in answer.json()["results"]} == {"created"}
    assert {row["status"] for row in again.json()["results"]} == {"updated"}
    assert Barcode.objects.count() == 0


def test_bulk_needs_a_list(client):
    answer = client.post("/api/v1/products/bulk/", SHIRT, format="json")

    assert answer.status_code == 422
    assert pointers(answer) == [("", "list_type")]


@pytest.mark.parametrize(
    "query, found",
    [
        ("", ["A-1", "A-2", "B-1"]),
        ("q=mise", ["A-2"]),
        ("q=RED", ["A-1", "B-1"]),
        ("q=B-", ["B-1"]),
        ("q=4006381333931", ["B-1"]),
        ("sku=A-1,B-1", ["A-1", "B-1"]),
        ("barcode=4006381333931", ["B-1"]),
        ("tag=summer", ["A-1"]),
        ("is_active=false", ["B-1"]),
        ("q=100%25", []),
    ],
)
def test_lists_are_searched_and_filtered(client, query, found):
    make_product("A-1", name_en="Red shirt", tags=["summer"])
    make_product("A-2", name_en="Shirt", name_fr="Chemise")
    make_product("B-1", name_en="Blouse, dark red", barcodes=["4006381333931"], is_active=False)

    answer = client.get(f"/api/v1/products/?{query}")

    assert answer.status_code == 200
    assert [row["sku"] for row in answer.json()["results"]] == found


def test_lists_are_paged_in_a_constant_number_of_statements(client, django_assert_num_queries):
    make_products(*[f"S{n:03}" for n in range(120)])

    skus, url = [], "/api/v1/products/?page_size=50"
    while url:
        with django_assert_num_queries(3):  # key, products, barcodes
            page = client.get(url).json()
        skus += [row["sku"] for row in page["results"]]
        url = page["next"]

    assert skus == [f"S{n:03}" for n in range(120)]


def test_reading_and_writing_need_their_scopes(client_with):
    reader, stranger = client_with("catalog:read"), client_with("orders:read")

    assert reader.get("/api/v1/products/").status_code == 200
    for refused in (reader.post("/api/v1/products/", SHIRT, format="json"), stranger.get("/api/v1/products/")):
        assert (refused.status_code, refused.json()["code"]) == (403, "missing_scope")
    assert not Product.objects.exists()


@pytest.mark.parametrize(
    ("method", "body", "told"),
    [
        ("patch", [], "Un objet est attendu"),
        ("put", {"sku": "B", "name": {"en": "x"}, "price": "1.00"}, "Le code dans l’adresse en est un autre"),
    ],
)
def test_what_is_wrong_with_a_body_as_a_whole_is_told_in_the_callers_language(client, method, body, told):
    make_product("A")

    answer = getattr(client, method)("/api/v1/products/A/", body, format="json", headers={"accept-language": "fr"})

    assert (answer.status_code, [error["detail"] for error in answer.json()["errors"]]) == (422, [told])
