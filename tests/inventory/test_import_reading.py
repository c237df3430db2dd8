"""Files as tills, warehouses and spreadsheets write them, and as nobody should: what is read, what is said."""

import csv
import gzip
import io
import random
import zlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.imports import reading
from inventory.imports.faults import SENTENCES, FileRefused
from inventory.imports.reading import StockFile
from inventory.imports.unpacking import Unpacked, UnpackLimits

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HEADER = b"sku,location,quantity\n"


def read(body, *, piece=64, **values):
    """The rows (line, sku, location, quantity …) and the faults (line, code, value) of a body that comes in pieces."""
    pieces = (body[start : start + piece] for start in range(0, len(body), piece))
    rows, faults = [], []
    for block in StockFile(pieces, received_at=NOON, **values).blocks():
        rows += [tuple(line.rstrip("\n").split("\t")) for line in block.copied]
        faults += [(fault.line, fault.code, fault.value) for fault in block.faults]
    return rows, faults


def taken(body, **values):
    """The rows, where all are good: sku, location, quantity."""
    rows, faults = read(body, **values)
    assert faults == []
    return [row[1:4] for row in rows]


def fault(line, **values):
    """What is wrong with the one row of a file."""
    rows, [(number, code, value)] = read(HEADER + line + b"\n", **values)
    assert (rows, number) == ([], 2)
    return code, value


def refusal(body, **values):
    with pytest.raises(FileRefused) as caught:
        read(body, **values)
    return caught.value.facts


# ---- what is read ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"sku,location,quantity\nA,S,7\nB,S,0\n",
        b"sku,location,quantity\nA,S,7\nB,S,0",
        b"sku,location,quantity\r\nA,S,7\r\nB,S,0\r\n",
        b"\xef\xbb\xbfsku,location,quantity\nA,S,7\nB,S,0\n",
        b"SKU; Location ;QUANTITY\nA;S;7\nB;S;0\n",
        b"quantity\tsku\tlocation\n7\tA\tS\n0\tB\tS\n",
        b'"sku","location","quantity"\n"A","S","7"\nB,S,0\n',
        b"sku,location,quantity\n\n A , S , 7 \n   \nB,S,0\n\n",
        b"sku,location,quantity,occurred_at,bin\nA,S,7,,\nB,S,0,,\n",
        b'{"sku":"A","location":"S","quantity":7}\n{"sku":"B","location":"S","quantity":0}\n',
        b'\xef\xbb\xbf\n{"quantity":7,"location":"S","sku":"A"}\r\n\n{"sku":"B","location":"S","quantity":0,"bin":null}',
    ],
)
def test_the_same_two_rows_however_they_are_written(body):
    assert taken(body) == [("A", "S", "7"), ("B", "S", "0")]


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 50, 1000])
def test_pieces_may_end_anywhere(piece):
    body = HEADER + "É-1,Orléans,7\nÉ-2,Orléans,8\n".encode()

    assert taken(body, piece=piece) == [("É-1", "Orléans", "7"), ("É-2", "Orléans", "8")]


def test_lines_are_numbered_as_an_editor_does():
    rows, faults = read(HEADER + b"\nA,S,7\nB,S,x\n\nC,S,9\n", piece=5)

    assert [row[0] for row in rows] == ["3", "6"]
    assert faults == [(4, "not_a_quantity", "x")]


def test_a_row_that_names_no_place_is_of_the_one_that_was_given():
    assert taken(b"sku,quantity\nA,7\n", location="S") == [("A", "S", "7")]
    assert taken(b"sku,location,quantity\nA,,7\nB,T,8\n", location="S") == [("A", "S", "7"), ("B", "T", "8")]
    assert taken(b'{"sku":"A","quantity":7}\n', location="S") == [("A", "S", "7")]


def test_instants_come_in_utc_and_a_little_fast_is_now():
    rows, faults = read(
        b"sku,location,quantity,occurred_at\n"
        b"A,S,1,2026-03-02T09:00:00+01:00\nB,S,1,2026-03-02T12:04:59Z\nC,S,1,2026-03-02T12:05:01Z\n"
        b"D,S,1,2026-03-02T09:00:00\nE,S,1,yesterday\nF,S,1,0001-01-01T00:00:00+14:00\n"
    )

    assert [row[4] for row in rows] == ["2026-03-02T08:00:00+00:00", "2026-03-02T12:00:00+00:00"]
    assert [fault[:2] for fault in faults] == [
        (4, "in_the_future"),
        (5, "timezone_aware"),
        (6, "not_an_instant"),
        (7, "not_an_instant"),
    ]


def test_what_copy_takes_for_an_escape_stays_what_it_is():
    rows, faults = read(b"sku,location,quantity,bin\nA\\N,S,1,\\.\nB,S\\t,1,\\N\n", piece=1000)

    assert faults == []
    assert [row[1:] for row in rows] == [("A\\\\N", "S", "1", "\\N", "\\\\."), ("B", "S\\\\t", "1", "\\N", "\\\\N")]


# ---- what is wrong with a row --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quantity", "code"),
    [
        ("1e9", "not_a_quantity"),
        ("-0", "not_a_quantity"),
        ("+5", "not_a_quantity"),
        ("٣", "not_a_quantity"),
        ("²", "not_a_quantity"),
        ("7.0", "not_a_quantity"),
        ("7,0", "wrong_columns"),
        ("1_000", "not_a_quantity"),
        ("1 000", "not_a_quantity"),
        ("0x10", "not_a_quantity"),
        ("NaN", "not_a_quantity"),
        ("=1+1", "not_a_quantity"),
        ("", "required"),
        ("  ", "required"),
        ("-1", "negative_count"),
        ("-007", "negative_count"),
        ("1000000001", "out_of_range"),
        ("9" * 5000, "out_of_range"),
        ("7\0", "not_a_quantity"),
    ],
)
def test_a_quantity_is_written_in_plain_figures(quantity, code):
    assert fault(f"A,S,{quantity}".encode())[0] == code


@pytest.mark.parametrize("quantity", ["7", " 7 ", "007", "1000000000"])
def test_spaces_around_a_quantity_do_no_harm(quantity):
    assert len(taken(HEADER + f"A,S,{quantity}\n".encode())) == 1


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"A,S", "wrong_columns"),
        (b"A,S,7,8", "wrong_columns"),
        (b"A", "wrong_columns"),
        (b'"A,S,7', "unbalanced_quotes"),
        (b'A,S,"7', "unbalanced_quotes"),
        (b'"A"x,S,7', "unbalanced_quotes"),
        (b",S,7", "required"),
        (b"A,,7", "required"),
        (b"A\0,S,7", "control_character"),
        (b"A,S\x1b,7", "control_character"),
        (b"A\rB,S,7", "control_character"),
        (b"A" * 65 + b",S,7", "unknown_sku"),
        (b"A," + b"S" * 65 + b",7", "unknown_location"),
        (b"A,S," + b" " * 9000 + b"7", "line_too_long"),
        ("Orl\u202eans,S,7".encode(), "control_character"),
    ],
)
def test_a_broken_line_costs_itself_only(line, code):
    rows, faults = read(HEADER + b"X,S,1\n" + line + b"\nY,S,2\n", piece=1000)

    assert [row[0:2] for row in rows] == [("2", "X"), ("4", "Y")]
    assert [(number, found) for number, found, _value in faults] == [(3, code)]


def test_a_quote_that_is_never_closed_swallows_nothing():
    rows, faults = read(HEADER + b'"A,S,7\nB,S,8\nC,S,9\n')

    assert [row[1] for row in rows] == ["B", "C"]
    assert faults == [(2, "unbalanced_quotes", '"A,S,7')]


def test_a_line_of_a_megabyte_is_one_row_that_cannot_be_read():
    rows, faults = read(HEADER + b"A,S,7\n" + b"x" * 1_000_000 + b"\nB,S,8\n", piece=65536)

    assert [row[:2] for row in rows] == [("2", "A"), ("4", "B")]
    assert [(line, code, len(value)) for line, code, value in faults] == [(3, "line_too_long", 120)]


def test_a_line_without_end_is_forgotten_as_it_comes(monkeypatch):
    held = []
    monkeypatch.setattr(reading.StockFile, "_read", lambda self, region: held.append(len(region)) or reading.Block())

    read(HEADER + b"x" * 1_000_000)

    assert held and max(held) < 9_000


def test_wrong_encoding_is_told_by_line_and_byte():
    body = HEADER + b"A,S,7\n" + "Caf\xe9,S,8\n".encode("latin-1") + b"B,S,9\n"

    rows, faults = read(body)

    assert [row[1] for row in rows] == ["A", "B"]
    assert faults == [(3, "not_utf8", f"0xE9, byte {body.index(0xE9)}")]


@pytest.mark.parametrize(
    ("line", "code", "value"),
    [
        (b"[1]", "not_json", "[1]"),
        (b'"A"', "not_json", '"A"'),
        (b'{"sku":', "not_json", '{"sku":'),
        (b"[" * 5000, "not_json", "[" * 120),
        (b'{"sku":"A","location":"S"}', "required", "quantity"),
        (b'{"sku":"A","location":"S","quantity":"7"}', "not_a_quantity", "7"),
        (b'{"sku":"A","location":"S","quantity":7.0}', "not_a_quantity", "7.0"),
        (b'{"sku":"A","location":"S","quantity":1e9}', "not_a_quantity", "1000000000.0"),
        (b'{"sku":"A","location":"S","quantity":true}', "not_a_quantity", "True"),
        (b'{"sku":"A","location":"S","quantity":null}', "required", "quantity"),
        (b'{"sku":"A","location":"S","quantity":-1}', "negative_count", "-1"),
        (b'{"sku":"A","location":"S","quantity":1e400}', "not_json", '{"sku":"A","location":"S","quantity":1e400}'),
        (b'{"sku":1,"location":"S","quantity":7}', "string_type", "1"),
        (b'{"sku":"A\\u0000","location":"S","quantity":7}', "control_character", "A\\x00"),
        (b'{"sku":"A","location":"S","quantity":7,"kind":"delta"}', "unknown_field", "kind"),
        (b'{"sku":"A","location":"S","quantity":7,"occurred_at":5}', "not_an_instant", "5"),
        (
            b'{"sku":"A","location":"S","quantity":7,"occurred_at":"0001-01-01T00:00:00Z"}',
            "not_an_instant",
            "0001-01-01T00:00:00Z",
        ),
    ],
)
def test_a_broken_line_of_json(line, code, value):
    rows, faults = read(b'{"sku":"X","location":"S","quantity":1}\n' + line + b"\n", piece=10_000)

    assert [row[1] for row in rows] == ["X"]
    assert faults == [(2, code, value)]


def test_who_is_bound_to_places_names_no_other():
    assert fault(b"A,T,7", places=frozenset({"S"})) == ("unknown_location", "T")
    assert fault(b"A,T,7", location="S", is_only=True) == ("another_location", "T")
    assert len(taken(HEADER + b"A,S,7\nB,S,7\n", places=frozenset({"S"}))) == 2


def test_it_is_known_of_a_row_whose_it_is_or_not():
    pieces = iter([b"sku,quantity\nA,x\nB\nC,1e9\n,5\n"])
    [block] = StockFile(pieces, location="S", received_at=NOON).blocks()

    assert [(fault.sku, fault.is_named) for fault in block.faults] == [
        ("A", True),
        ("", False),
        ("C", True),
        ("", False),
    ]


# ---- what is wrong with a file -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "facts"),
    [
        (b"", {"code": "empty_file"}),
        (b"A,S,7\nB,S,8\n", {"code": "missing_header", "line": 1, "value": "A,S,7"}),
        (b"\n\n", {"code": "missing_header", "line": 1}),
        (b"sku,quantity\n", {"code": "missing_column", "line": 1, "value": "location"}),
        (b"sku,location\n", {"code": "missing_column", "line": 1, "value": "quantity"}),
        (b"sku,location,quantity,occured_at\n", {"code": "unknown_column", "line": 1, "value": "occured_at"}),
        (b"sku,location,quantity,sku\n", {"code": "duplicate_column", "line": 1, "value": "sku"}),
        (b'"sku,location,quantity\n', {"code": "unbalanced_quotes", "line": 1, "value": '"sku,location,quantity'}),
        (b"sku,lieu\xe9,quantity\n", {"code": "wrong_encoding", "line": 1, "byte": 8, "value": "0xE9"}),
        (
            "sku,location,quantity\n".encode("utf-16"),
            {"code": "wrong_encoding", "line": 1, "byte": 0, "value": "UTF-16"},
        ),
        ("sku,location\n".encode("utf-16-le"), {"code": "wrong_encoding", "line": 1, "byte": 1, "value": "0x00"}),
        (b"PK\x03\x04\x14\x00", {"code": "unsupported_file", "line": 1, "byte": 0, "value": "zip"}),
        (b'[{"sku":"A"}]', {"code": "json_array", "line": 1}),
    ],
)
def test_a_file_that_cannot_be_read_says_where_and_why(body, facts):
    assert refusal(body, piece=10_000) == facts


def test_every_code_has_a_sentence():
    source = Path(reading.__file__).read_text()
    codes = {part.split('"')[0] for part in source.replace("FileRefused(", "_Unfit(").split('_Unfit("')[1:]}

    assert codes and codes <= set(SENTENCES)


# ---- packed files ----------------------------------------------------------------------------------

ROOMY = UnpackLimits(most_bytes=10**9, most_ratio=200)


@pytest.fixture
def unpack(tmp_path):
    def run(body, limits=ROOMY):
        path = tmp_path / "file"
        path.write_bytes(body)
        return b"".join(Unpacked(path, limits).pieces())

    return run


def test_packed_files_are_unpacked_member_by_member(unpack):
    noise = random.Random(1).randbytes(700_000)

    assert unpack(b"plain") == b"plain"
    assert unpack(gzip.compress(b"", mtime=0)) == b""
    assert unpack(gzip.compress(b"one", mtime=0) + gzip.compress(b"two", mtime=0) + b"\0" * 512) == b"onetwo"
    assert unpack(gzip.compress(noise) + gzip.compress(noise, 0)) == noise * 2
    assert unpack(gzip.compress(b"ab" * 400_000, mtime=0)) == b"ab" * 400_000


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (gzip.compress(b"x" * 1000, mtime=0)[:-9], "cut_short"),
        (gzip.compress(b"x" * 1000, mtime=0)[:5], "cut_short"),
        (gzip.compress(b"one", mtime=0) + b"rubbish", "broken_gzip"),
        (b"\x1f\x8b" + b"\xff" * 100, "broken_gzip"),
        (gzip.compress(random.Random(1).randbytes(1000), mtime=0)[:-4] + b"\0\0\0\0", "broken_gzip"),
    ],
)
def test_a_damaged_file_is_noticed(unpack, body, code):
    with pytest.raises(FileRefused) as caught:
        unpack(body)

    assert caught.value.code == code


def bomb(megabytes):
    packer = zlib.compressobj(9, wbits=31)
    packed = b"".join(packer.compress(b"0" * 2**20) for _ in range(megabytes))
    return packed + packer.flush()


def test_a_bomb_is_put_out_long_before_it_has_gone_off(tmp_path):
    path = tmp_path / "bomb"
    path.write_bytes(bomb(200))
    unpacked, seen = Unpacked(path, ROOMY), 0

    with pytest.raises(FileRefused) as caught:
        for piece in unpacked.pieces():
            seen += len(piece)

    assert caught.value.code == "expands_too_much"
    assert seen <= max(2**20, unpacked.taken * 200)


def test_a_bomb_in_a_bomb_is_just_bytes(unpack):
    with pytest.raises(FileRefused):
        unpack(gzip.compress(bomb(100) * 50))


def test_what_is_merely_large_is_bounded_too(unpack):
    with pytest.raises(FileRefused) as caught:
        unpack(random.Random(1).randbytes(3000), UnpackLimits(most_bytes=2000, most_ratio=200))

    assert (caught.value.code, caught.value.byte) == ("too_large_unpacked", 2000)


# ---- whatever comes --------------------------------------------------------------------------------


@given(st.binary(max_size=300), st.integers(1, 40), st.booleans())
def test_whatever_comes_is_read_or_refused(body, piece, with_header):
    body = HEADER + body if with_header else body
    try:
        rows, faults = read(body, piece=piece)
    except FileRefused as refusal:
        assert refusal.code in SENTENCES
        return
    lines = [line for line in body.split(b"\n")[1:] if line.strip(b" \t\r\x0b\x0c\x1c\x1d\x1e\x1f\x85\xa0")]
    assert all(len(row) == 6 for row in rows)
    assert all(code in SENTENCES for _line, code, _value in faults)
    assert len(rows) + len(faults) <= len(body.split(b"\n"))
    if with_header and body.isascii():
        assert len(rows) + len(faults) >= sum(bool(line.decode().strip()) for line in lines)


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=10),
            st.sampled_from(["S", "T-1", "Ünï"]),
            st.integers(0, 10**9),
        ),
        min_size=1,
    ),
    st.integers(1, 100),
)
def test_what_was_written_is_read(rows, piece):
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["sku", "location", "quantity"])
    writer.writerows(rows)

    found = taken(out.getvalue().encode(), piece=piece)

    assert found == [(sku.replace("\\", "\\\\"), place, str(units)) for sku, place, units in rows]
