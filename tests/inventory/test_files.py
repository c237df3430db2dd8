"""Cells, columns and files: what is written reads back, and what cannot be read is told in words."""

import contextlib
import csv
import io
import random
import zipfile
from datetime import datetime
from typing import Any

import openpyxl
import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from inventory.api.bodies import LocationBody, ProductBody
from inventory.api.prices import PriceOfSkuBody
from inventory.cells import Unclear, read_codes, read_list, read_pairs, write_codes, write_list, write_pairs
from inventory.files.columns import PLACES, PRICES, PRODUCTS
from inventory.files.reading import FileRefused, Table, read_table
from inventory.files.writing import csv_lines, harmless, xlsx_file

TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | TEXTS,
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)


@given(st.lists(TEXTS, max_size=5))
def test_any_list_reads_back_from_its_cell(values: list[str]) -> None:
    assert read_list(write_list(values)) == values
    assert read_list(write_list(values, separator="\n")) == values
    assert read_codes(write_codes(values)) == values


@given(st.dictionaries(TEXTS, JSON, max_size=5))
def test_any_object_reads_back_from_its_cell(values: dict[str, Any]) -> None:
    assert read_pairs(write_pairs(values)) == values
    assert read_pairs(write_pairs(values, separator="\n")) == values


def test_plain_ones_are_plain_to_read() -> None:
    assert write_list(["summer", "outlet"]) == "summer | outlet"
    assert write_pairs({"size": "M", "color": "dark red"}) == "size = M; color = dark red"
    assert write_pairs({"size": "M", "care": {"wash": 30}}) == '{"size": "M", "care": {"wash": 30}}'


@pytest.mark.parametrize("text", ["red", "= red", "a = 1; a = 2", "{", "{1}", "[" * 5000])
def test_unclear_cells_are_told(text: str) -> None:
    with pytest.raises(Unclear):
        read_pairs(text) if not text.startswith("[") else read_list(text)


# ---- columns ------------------------------------------------------------------------------------------

SHIRT = {
    "sku": "SHIRT-M",
    "name": {"en": "Shirt, blue", "fr": "Chemise “bleue”"},
    "barcodes": ["4006381333931", "0036000291452"],
    "price": "39.90",
    "currency": "EUR",
    "tax_class": "standard",
    "weight_g": 320,
    "length_mm": 300,
    "width_mm": 220,
    "height_mm": 40,
    "image_url": "/media/shirt.png",
    "attributes": {"size": "M", "color": "blue"},
    "tags": ["summer", "=SUM(A1:A9)"],
    "is_active": False,
}
STORE = {
    "code": "S-1",
    "name": "Store",
    "kind": "store",
    "address": {
        "line1": "1 rue X",
        "line2": "",
        "postal_code": "06100",
        "city": "Nice",
        "region": "",
        "country": "FR",
    },
    "latitude": -43.7,
    "longitude": 7.26,
    "timezone": "Europe/Paris",
    "opening_hours": {"mon": [["10:00", "13:00"], ["14:00", "19:00"]], "sun": []},
    "closures": [
        {"from_at": "2026-12-25T00:00:00+01:00", "until_at": "2026-12-26T00:00:00+01:00", "note": "Christmas day"},
        {"from_at": "2026-12-31T00:00:00+01:00", "until_at": "2027-01-01T00:00:00+01:00", "note": "a; b"},
    ],
    "holiday_calendar": "FR",
    "special_hours": {"2026-12-24": [["10:00", "16:00"]], "2026-12-31": []},
    "abilities": ["ship", "pickup"],
    "daily_capacity": 40,
    "accepting_orders": True,
    "cut_off": {"express": "12:00", "standard": "16:00"},
    "preparation_minutes": 45,
    "handling_cost": "1.20",
    "handling_cost_per_unit": "0.15",
    "packaging_cost": "0.40",
    "currency": "EUR",
    "groups": ["riviera"],
    "safety_stock": 2,
    "is_active": True,
}
PRICE = {
    "sku": "SHIRT-M",
    "channel": "web",
    "amount": "29.90",
    "currency": "EUR",
    "from_at": datetime.fromisoformat("2026-03-01T00:00:00+01:00"),
    "until_at": None,
}
CASES = [
    (PRODUCTS, SHIRT, ProductBody),
    (PRODUCTS, {**SHIRT, "attributes": {"care": {"wash": 30}}, "barcodes": []}, ProductBody),
    (PLACES, STORE, LocationBody),
    (PLACES, {**STORE, "cut_off": "14:00", "closures": [], "daily_capacity": None}, LocationBody),
    (PRICES, PRICE, PriceOfSkuBody),
]


def rebuilt(sheet: Any, texts: dict[str, str]) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for name, text in texts.items():
        *parents, last = sheet.columns[name].path
        target = data
        for parent in parents:
            target = target.setdefault(parent, {})
        if text:
            target[last] = sheet.columns[name].read(text)
    return data


@pytest.mark.parametrize(("sheet", "document", "body"), CASES)
@pytest.mark.parametrize("is_xlsx", [False, True])
def test_what_is_written_to_a_file_reads_back_as_it_was(sheet: Any, document: Any, body: Any, is_xlsx: bool) -> None:
    file = xlsx_file(sheet, [document]) if is_xlsx else io.BytesIO(b"".join(csv_lines(sheet, [document])))

    table = read_table(sheet, file, is_xlsx=is_xlsx)

    ((number, texts),) = table.rows
    assert (number, table.notes) == (2, [])
    assert body.model_validate(rebuilt(sheet, texts)) == body.model_validate(document)


@pytest.mark.parametrize(("sheet", "body"), [(PRODUCTS, ProductBody), (PLACES, LocationBody), (PRICES, PriceOfSkuBody)])
def test_every_field_of_the_api_has_its_column(sheet: Any, body: Any) -> None:
    read_only = {"paused_until"}

    assert {column.path[0] for column in sheet.columns.values()} == set(body.model_fields) - read_only


@pytest.mark.parametrize(
    "text", ["=1+1", "+33 1", "-2", "@SUM", "\t=x", "'=1", "''=1", "plain", "it's", "", "'quoted'", "=HYPERLINK(…)"]
)
def test_no_text_is_taken_for_a_formula_and_each_reads_back(text: str) -> None:
    body = {**SHIRT, "tax_class": text}
    for is_xlsx in (False, True):
        file = xlsx_file(PRODUCTS, [body]) if is_xlsx else io.BytesIO(b"".join(csv_lines(PRODUCTS, [body])))
        data = file.read()
        ((_number, texts),) = read_table(PRODUCTS, io.BytesIO(data), is_xlsx=is_xlsx).rows
        assert texts["tax_class"] == text
        assert not harmless(text).startswith(("=", "+", "-", "@", "\t", "\r"))
        if is_xlsx:
            cells = [cell for row in openpyxl.load_workbook(io.BytesIO(data)).active.iter_rows() for cell in row]
            assert {cell.data_type for cell in cells} <= {"s", "n", "b"}


# ---- reading --------------------------------------------------------------------------------------------


def read(data: str | bytes, *, is_xlsx: bool = False, sheet: Any = PRODUCTS) -> Table:
    raw = data.encode() if isinstance(data, str) else data
    return read_table(sheet, io.BytesIO(raw), is_xlsx=is_xlsx)


def rows_of(table: Table) -> list[dict[str, str]]:
    return [texts for _number, texts in table.rows]


@pytest.mark.parametrize(
    "data",
    [
        "sku,name_fr\nA,Écharpe\n",
        "\N{BYTE ORDER MARK}sku,name_fr\nA,Écharpe\n",
        "sku;name_fr\r\nA;Écharpe\r\n",
        "sep=;\nsku;name_fr\nA;Écharpe",
        "SKU\tName_FR\nA\tÉcharpe",
        'name_fr,"sku"\n"Écharpe","A"\n\n,\n',
        "sku,name_fr\nA,Écharpe\n".encode("utf-16"),
    ],
)
def test_the_usual_kinds_of_csv_are_read(data: str | bytes) -> None:
    table = read(data)

    assert rows_of(table) == [{"sku": "A", "name_fr": "Écharpe"}]
    assert table.notes == []


def test_windows_1252_is_read_and_told() -> None:
    table = read("sku;name_fr\nA;Écharpe à 5 €\n".encode("cp1252"))

    assert rows_of(table) == [{"sku": "A", "name_fr": "Écharpe à 5 €"}]
    assert "Windows-1252" in table.notes[0]


def test_what_is_not_known_is_told_and_what_is_missing_is_empty() -> None:
    table = read("sku,colour,price\nA\nB,red,1.00\n")

    assert rows_of(table) == [{"sku": "A", "price": ""}, {"sku": "B", "price": "1.00"}]
    assert "colour" in table.notes[0]


def test_rows_are_numbered_as_in_the_file() -> None:
    table = read('sku,name_en\nA,"two\nlines"\n,\nB,x\n')

    assert [number for number, _texts in table.rows] == [2, 4]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("", "empty"),
        ("\n\n", "empty"),
        ("sku,price\n", "no rows"),
        ("price\n1.00\n", "missing: sku"),
        ("sku,price,price\nA,1,2\n", "twice: price"),
        ("sku,price\nA,1.00,7\n", "Row 2 has more cells"),
        ('sku,name_en\nA,"open\n', "cannot be read at line"),
        ('sku,name_en\nA,"x"y\n', "cannot be read at line"),
        (b"sku\nA\x00B\n", "not a text file"),
        (b"sku\n\x81\x8d\n", "encoding"),
        ("sku\n" + "x" * 200_000 + "\n", "cannot be read at line"),
        ("sku" + ",x" * 300 + "\nA\n", "At most 200 columns"),
        (b"PK\x03\x04rest", "choose the format XLSX"),
    ],
)
def test_what_cannot_be_read_is_explained(data: str | bytes, said: str) -> None:
    with pytest.raises(FileRefused, match=said):
        read(data)


def test_a_file_has_its_bounds(settings: Any) -> None:
    settings.FILE_MAX_ROWS, settings.FILE_MAX_BYTES = 3, 100

    assert len(read("sku\nA\nB\nC\n").rows) == 3
    with pytest.raises(FileRefused, match="at most 3 rows"):
        read("sku\nA\nB\nC\nD\n")
    settings.FILE_MAX_BYTES = 5
    with pytest.raises(FileRefused, match="too large"):
        read("sku\nA\nB\n")


def sheet_of(*rows: list[Any]) -> bytes:
    book, file = openpyxl.Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(file)
    return file.getvalue()


def test_a_spreadsheets_numbers_dates_and_truths_are_texts() -> None:
    data = sheet_of(
        ["sku", "price", "weight_g", "is_active", "barcodes", "name_en", "image_url"],
        [12345, 19.9, 0.1 + 0.2, True, 4006381333931, datetime(2026, 3, 1, 8), None],  # noqa: DTZ001
    )

    assert rows_of(read(data, is_xlsx=True)) == [
        {
            "sku": "12345",
            "price": "19.9",
            "weight_g": "0.3",
            "is_active": "true",
            "barcodes": "4006381333931",
            "name_en": "2026-03-01T08:00:00",
            "image_url": "",
        }
    ]


def _zip(**parts: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return file.getvalue()


def _with_part(name: str, data: bytes) -> bytes:
    """A good spreadsheet with one part exchanged."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(sheet_of(["sku"], ["A"]))) as good, zipfile.ZipFile(file, "w") as bad:
        for part in good.namelist():
            bad.writestr(part, data if part == name else good.read(part))
    return file.getvalue()


_SHEET = "xl/worksheets/sheet1.xml"
_LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha">""" + b"".join(
    f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">'.encode() for n in range(10)
)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"sku,price\nA,1\n", "not an XLSX file"),
        (b"PK\x03\x04", "not an XLSX file"),
        (_zip(readme=b"x"), "broken"),
        (_zip(bomb=b"0" * 70 * 1024 * 1024), "larger than 64 MB"),
        (_with_part(_SHEET, b"<worksheet"), "broken"),
        (_with_part(_SHEET, b"\x00\xff"), "broken"),
        (_with_part(_SHEET, _LAUGHS + b"]><worksheet>&k;</worksheet>"), "broken|missing"),
        (_with_part("xl/workbook.xml", b"<a/>"), "broken"),
        (sheet_of(["price"], [1]), "missing: sku"),
        (sheet_of(), "missing: sku"),
    ],
)
def test_a_broken_spreadsheet_is_explained(data: bytes, said: str) -> None:
    with pytest.raises(FileRefused, match=said):
        read(data, is_xlsx=True)


def _flipped(mark: bytes, at: int, to: bytes) -> bytes:
    """A good spreadsheet with some bytes changed behind every such mark of its archive."""
    data = bytearray(sheet_of(["sku"], ["A"]))
    found = -1
    while (found := data.find(mark, found + 1)) >= 0:
        data[found + at : found + at + len(to)] = to
    return bytes(data)


_HERE, _LISTED = b"PK\x03\x04", b"PK\x01\x02"  # of a zip: before each part, and in the list of parts


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (_flipped(_HERE, 200, b"\xff" * 20), "broken or locked"),  # no deflate any more
        (_flipped(_LISTED, 8, b"\x01\x00"), "broken or locked"),  # encrypted
        (_flipped(_LISTED, 10, b"\x63\x00"), "broken or locked"),  # AES
        (_flipped(_LISTED, 10, b"\x0c\x00"), "broken or locked"),  # bzip2
        (_flipped(_LISTED, 10, b"\x0e\x00"), "broken or locked"),  # LZMA
        (_flipped(_LISTED, 6, b"\xff\x00"), "not an XLSX file"),  # of a time to come
        (_flipped(_HERE, 28, b"\xff\xff"), "broken or locked"),  # ends in the middle
    ],
)
def test_a_damaged_or_locked_spreadsheet_is_explained(data: bytes, said: str) -> None:
    with pytest.raises(FileRefused, match=said):
        read(data, is_xlsx=True)


@pytest.mark.filterwarnings("ignore::UserWarning:openpyxl")
def test_whatever_happened_to_a_spreadsheet_it_is_read_or_refused() -> None:
    good, chance = sheet_of(["sku", "price"], ["A", 1], ["B", 2.5]), random.Random(7)
    listed = good.index(_LISTED)
    for number in range(300):
        data = bytearray(good)
        for _byte in range(chance.randint(1, 3)):
            data[chance.randrange(listed if number % 2 else 0, len(data))] = chance.randrange(256)
        with contextlib.suppress(FileRefused):
            read(bytes(data[: chance.randrange(len(data))] if number % 5 == 0 else data), is_xlsx=True)


@pytest.mark.parametrize("is_xlsx", [False, True])
def test_why_a_file_cannot_be_read_is_told_in_one_language(is_xlsx: bool) -> None:
    data = _with_part(_SHEET, b"<worksheet") if is_xlsx else b'sku,name_en\nA,"open\n'

    with translation.override("fr"), pytest.raises(FileRefused) as refused:
        read(data, is_xlsx=is_xlsx)

    assert str(refused.value) == (
        "Le fichier du tableur est endommagé ou verrouillé\N{NO-BREAK SPACE}: enregistrez-le à nouveau, sans mot de passe"
        if is_xlsx
        else "Le fichier est illisible à la ligne 2"
    )


@pytest.mark.parametrize("number", ["1e999999", "-1e999"])
def test_a_number_beyond_all_numbers_is_an_error_in_its_cell(number: str) -> None:
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    cells = f'<row r="1"><c t="inlineStr"><is><t>sku</t></is></c></row><row r="2"><c><v>{number}</v></c></row>'
    xml = f'<worksheet xmlns="{space}"><sheetData>{cells}</sheetData></worksheet>'

    assert rows_of(read(_with_part(_SHEET, xml.encode()), is_xlsx=True)) == [{"sku": "#NUM!"}]


@pytest.mark.parametrize(
    ("sheet", "column", "text"),
    [
        (PRODUCTS, "price", "-0"),
        (PRODUCTS, "price", "-0,00"),
        (PRODUCTS, "weight_g", "-0"),
        (PRODUCTS, "height_mm", "-00"),
        (PLACES, "daily_capacity", "-0"),
        (PLACES, "preparation_minutes", "-0.0"),
        (PLACES, "handling_cost", "-0.00"),
        (PRICES, "amount", "-0"),
    ],
)
def test_there_is_no_minus_zero(sheet: Any, column: str, text: str) -> None:
    with pytest.raises(Unclear):
        sheet.columns[column].read(text)


def test_the_equator_has_no_sign() -> None:
    assert str(PLACES.columns["latitude"].read("-0")) == "0.0"


def test_what_is_no_character_spoils_no_spreadsheet() -> None:
    body = {**SHIRT, "name": {"en": "a\x0bb\uffff\x1f", "fr": "\ufffe"}, "tags": ["x\x01"]}

    ((_number, texts),) = read(xlsx_file(PRODUCTS, [body]).read(), is_xlsx=True).rows

    assert (texts["name_en"], texts["name_fr"], texts["tags"]) == ("a\ufffdb\ufffd\ufffd", "\ufffd", "x\ufffd")


def test_a_sheet_that_claims_to_be_endless_is_read_as_far_as_it_goes() -> None:
    rows = "".join(
        f'<row r="{number}"><c r="A{number}" t="inlineStr"><is><t>{text}</t></is></c></row>'
        for number, text in ((1, "sku"), (2, "A"), (1_000_000, "B"), (10**12, "C"))
    )
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    xml = f'<worksheet xmlns="{space}"><dimension ref="A1:XFD1048576"/><sheetData>{rows}</sheetData></worksheet>'

    table = read(_with_part(_SHEET, xml.encode()), is_xlsx=True)

    assert table.rows == [(2, {"sku": "A"}), (1_000_000, {"sku": "B"})]


def test_the_first_line_of_a_csv_carries_the_mark_that_spreadsheets_want() -> None:
    data = b"".join(csv_lines(PRODUCTS, []))

    assert data.startswith(b"\xef\xbb\xbf")
    assert next(csv.reader([data.decode("utf-8-sig").strip()]))[:3] == ["sku", "name_en", "name_fr"]
