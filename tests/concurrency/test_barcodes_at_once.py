"""Two products take one number at the same moment: spelled alike or with a zero more, one has it, the other is told."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inventory.files.intake import bring_in
from inventory.gtin import check_digit, spellings
from inventory.models import Barcode, Product
from inventory.services import ProductRow, catalog, create_product, put_product, receive_products
from oms.errors import Invalid
from tests.concurrency.threads import Rival, at_once
from tests.factories.inventory import NOW, make_product
from tests.factories.orders import make_key
from tests.flows.conftest import Api

pytestmark = pytest.mark.django_db(transaction=True)

BARE, PADDED = "3770021820020", "03770021820020"
ROUNDS = 10
(PROMISE,) = Barcode._meta.constraints
Meanwhile = Callable[..., Rival]


@pytest.fixture
def api() -> Api:
    return Api(make_key())


def row(sku: str, *barcodes: str) -> ProductRow:
    return ProductRow(sku=sku, name_en=sku, price=Decimal(1), barcodes=barcodes)


def body(sku: str, *barcodes: str) -> dict[str, Any]:
    return {"sku": sku, "name": {"en": sku}, "price": "1.00", "barcodes": barcodes}


def bulk(rows: list[ProductRow]) -> list[tuple[str, str]]:
    return [(result.status, result.code) for result in receive_products(rows, as_of=NOW)]


@contextmanager
def no_promise() -> Iterator[None]:
    with connection.schema_editor() as editor:
        editor.remove_constraint(Barcode, PROMISE)
    try:
        yield
    finally:
        Barcode.objects.all().delete()
        with connection.schema_editor() as editor:
            editor.add_constraint(Barcode, PROMISE)


@pytest.fixture(params=[True, False], ids=["kept", "twin"])
def is_promised(request: Any) -> Iterator[bool]:
    if request.param:
        yield True
        return
    with no_promise():
        yield False


@pytest.mark.parametrize("other", [BARE, PADDED])
def test_of_two_at_once_one_has_it(api: Api, other: str) -> None:
    for number in range(ROUNDS):
        sent = [body(f"A{number}", BARE), body(f"B{number}", other)]
        answers = at_once(2, lambda n: api.post("products/bulk/", [sent[n]]))  # noqa: B023 - done before the next round

        told = sorted(
            (answer.json["results"][0]["status"], answer.json["results"][0].get("code")) for answer in answers
        )
        assert told == [("created", None), ("rejected", "barcode_taken")]
        (owner,) = api.get(f"products/?barcode={BARE}").json["results"]
        assert [product.sku for product in Product.objects.all()] == [owner["sku"]]
        Product.objects.all().delete()


def test_of_two_single_ones_at_once_one_is_refused(api: Api) -> None:
    for number in range(ROUNDS):
        sent = [body(f"A{number}", BARE), body(f"B{number}", PADDED)]
        answers = at_once(2, lambda n: api.post("products/", sent[n]))  # noqa: B023 - done before the next round

        assert sorted(answer.status for answer in answers) == [201, 422]
        (refused,) = (answer for answer in answers if answer.status == 422)
        assert [(e["pointer"], e["code"]) for e in refused.json["errors"]] == [("/barcodes/0", "barcode_taken")]
        assert Product.objects.count() == 1
        Product.objects.all().delete()


def test_without_the_promise_two_products_have_one_number(meanwhile: Meanwhile, is_promised: bool) -> None:
    """Another takes it, with a zero more, when ours has been judged and has not been written yet."""
    rival = meanwhile(lambda: bulk([row("B", PADDED)]), catalog, after="_barcode_refusals")

    mine = bulk([row("FINE", "4006381333931"), row("A", BARE)])

    assert rival.outcome == [("created", "")]
    assert mine == [("created", ""), ("rejected", "barcode_taken") if is_promised else ("created", "")]
    owners = {"4006381333931": "FINE", PADDED: "B"} | ({} if is_promised else {BARE: "A"})
    assert dict(Barcode.objects.values_list("code", "product_id")) == owners
    assert Product.objects.filter(sku="A").exists() is not is_promised


def change(sku: str) -> Any:
    return catalog.change_product(sku, lambda product: row(product.sku, BARE), as_of=NOW)


@pytest.mark.parametrize("spelling", [BARE, PADDED])
@pytest.mark.parametrize(
    ("sku", "write"),
    [
        ("NEW", lambda: create_product(row("NEW", BARE), as_of=NOW)),
        ("NEW", lambda: put_product(row("NEW", BARE), as_of=NOW)),
        ("OLD", lambda: put_product(row("OLD", BARE), as_of=NOW)),
        ("OLD", lambda: change("OLD")),
    ],
    ids=["create", "put", "replace", "patch"],
)
def test_who_comes_second_is_refused_and_nothing_of_it_stays(
    meanwhile: Meanwhile, sku: str, write: Callable[[], Any], spelling: str
) -> None:
    make_product("OLD", name_en="as it was", barcodes=["OWN-1"])
    rival = meanwhile(lambda: bulk([row("B", spelling)]), catalog, after="_barcode_refusals")

    with pytest.raises(Invalid) as refusal:
        write()

    assert rival.outcome == [("created", "")]
    assert [(error.pointer, error.code) for error in refusal.value.errors] == [("/barcodes/0", "barcode_taken")]
    assert dict(Product.objects.values_list("sku", "name_en")) == {"OLD": "as it was", "B": "B"}
    assert dict(Barcode.objects.values_list("code", "product_id")) == {"OWN-1": "OLD", spelling: "B"}


def test_a_row_of_a_file_is_refused_like_one_that_came_later(meanwhile: Meanwhile) -> None:
    rival = meanwhile(lambda: bulk([row("B", PADDED)]), catalog, after="_barcode_refusals")
    texts = {"sku": "A", "name_en": "A", "price": "1.00", "barcodes": BARE}

    with catalog.use_case:
        report = bring_in("products", [(2, texts)], before=[], actor="t", as_of=NOW)

    assert rival.outcome == [("created", "")]
    assert [(number, key, column) for number, key, column, _text in report.faults] == [(2, "A", "barcodes")]
    assert list(Product.objects.values_list("sku", flat=True)) == ["B"]


def test_in_the_back_office_it_is_told_too(meanwhile: Meanwhile, admin_client: Any) -> None:
    rival = meanwhile(lambda: bulk([row("B", PADDED)]), catalog, after="_barcode_refusals")
    page = "/admin/inventory/product/add/"
    typed = {"sku": "A", "name_en": "A", "price": "1.00", "currency": "EUR", "barcodes": BARE, "attributes": "{}"}
    sizes = {"weight_g": "0", "length_mm": "0", "width_mm": "0", "height_mm": "0"}

    answer = admin_client.post(page, {**typed, **sizes, "tax_class": "standard"}, follow=True)

    assert rival.outcome == [("created", "")]
    assert "Another product has this barcode" in answer.content.decode()
    assert list(Product.objects.values_list("sku", flat=True)) == ["B"]


def test_lists_of_numbers_in_any_order_do_not_wait_for_each_other_in_a_circle() -> None:
    codes = [digits + check_digit(digits) for digits in (f"37700218{number:03}" for number in range(40))]

    def send(number: int) -> set[str]:
        spelled = [code.zfill(12 + (place + number) % 3) for place, code in enumerate(codes)]
        rows = [row(f"{number}-{place}", code) for place, code in enumerate(spelled)]
        return {status for status, _code in bulk(rows if number % 2 else rows[::-1])}

    answers = at_once(6, send)

    assert all(answer <= {"created", "rejected"} for answer in answers)
    assert Barcode.objects.count() == Product.objects.count() == len(codes)


# ---- the promise itself ------------------------------------------------------------------------------------------------

CODES = st.one_of(
    st.from_regex(r"0{0,3}(02|04|2|3|00)[0-9]{8,12}", fullmatch=True),
    st.from_regex(r"0{9,14}[1-9]{0,5}", fullmatch=True),
    st.sampled_from([BARE, "0012345678", "A-1", "00000000000A1", "1234567890123456"]),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CODES, st.integers(-3, 3))
def test_the_database_calls_the_same_what_we_call_the_same(code: str, zeros: int) -> None:
    other = "0" * zeros + code if zeros >= 0 else code.removeprefix("0" * -zeros)
    if not other or other == code:
        return
    make_product("A", barcodes=[])
    make_product("B", barcodes=[])

    with connection.cursor() as cursor:
        cursor.execute(catalog._ADD_BARCODES, [[code, other], ["A", "B"]])
        added = cursor.rowcount
        cursor.execute("DELETE FROM inventory_barcode")

    assert added == (1 if other in spellings(code) else 2)


def test_one_product_may_carry_both_spellings() -> None:
    assert bulk([row("A", BARE, PADDED)]) == [("created", "")]
    assert bulk([row("A", PADDED)]) == [("updated", "")]
    assert bulk([row("A", PADDED, BARE)]) == [("updated", "")]
    assert sorted(Barcode.objects.values_list("code", flat=True)) == [PADDED, BARE]


# ---- the way there -----------------------------------------------------------------------------------------------------

migration = import_module("inventory.migrations.0021_a_gtin_names_one_product")


def migrate() -> None:
    with connection.schema_editor() as editor:
        migration.tell_what_stands_in_the_way(apps, editor)


def test_sound_products_stand_in_nobodys_way() -> None:
    make_product("A", barcodes=[BARE, PADDED, "2000000000009", "12345678"])
    make_product("B", barcodes=["02000000000009", "012345678", "4006381333931"])

    migrate()


def test_what_stands_in_the_way_is_told_with_its_owners() -> None:
    with no_promise():
        make_product("A", barcodes=[BARE])
        make_product("FINE", barcodes=["4006381333931"])
        Barcode.objects.create(code=PADDED, product_id=make_product("B"))

        with pytest.raises(RuntimeError, match="1 GTINs name more than one product") as refusal:
            migrate()

        assert f"{PADDED} of B, {BARE} of A\n" in str(refusal.value)
        assert "FINE" not in str(refusal.value)
