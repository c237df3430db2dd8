"""Files of rules: what is read, and the line of what is not."""

import time
from decimal import Decimal

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from routing.errors import InvalidDocument
from routing.yaml_text import MOST_BYTES, read_yaml


def faults(text):
    with pytest.raises(InvalidDocument) as refusal:
        read_yaml(text.encode() if isinstance(text, str) else text)
    return [(fault.code, fault.detail) for fault in refusal.value.errors]


def test_plain_words_are_read_as_people_mean_them():
    text = "countries: [NO, FR]\nfrom_time: 18:30\nday: 2026-11-27\nprefix: 01\nkm: 12.5\nunits: 3\nnone:\non: true\nten: '10'\n"

    assert read_yaml(text.encode()).data == {
        "countries": ["NO", "FR"],
        "from_time": "18:30",
        "day": "2026-11-27",
        "prefix": "01",
        "km": Decimal("12.5"),
        "units": 3,
        "none": None,
        "on": True,
        "ten": "10",
    }


def test_the_line_of_every_part_is_known():
    read = read_yaml(b"name: a\nrules:\n- name: first\n  steps:\n  - name: x\n    from:\n      kinds: [store]\n")

    assert read.line_of("/rules/0/steps/0/from/kinds/0") == 7
    assert read.line_of("/rules/0/steps/0/rest") == 5  # not there: where the step begins
    assert read.line_of("/nothing") == 1


def test_what_yaml_could_do_to_us_is_refused_with_its_line():
    assert faults("a: &x [*x]") == [("anchor", "Line 1: Anchors (&) and aliases (*) are not possible")]
    assert faults("a: 1\nb: *x") == [("anchor", "Line 2: Anchors (&) and aliases (*) are not possible")]
    assert faults("a: 1\nb: !!python/object/apply:os.system [ls]\n") == [("tag", "Line 2: Tags (!) are not possible")]
    assert faults("a: !!str x") == [("tag", "Line 1: Tags (!) are not possible")]
    assert faults("name: a\nname: b") == [("duplicate", "Line 2: “name” stands here twice")]
    assert faults("a: b: c") == [
        ("not_yaml", "Line 1: This is not YAML: mapping values are not allowed in this context")
    ]
    assert faults("a: 1\n---\nb: 2\n") == [("several_documents", "Line 2: One rule set per file is possible")]
    assert faults("[a]: 1") == [("key", "Line 1: A key is one word")]
    assert faults("a: 1\n&x b: 2") == faults("a: 1\n!!str b: 2") == [("key", "Line 2: A key is one word")]
    assert faults("a: \x00") == [("not_yaml", "This is not YAML: it holds characters that cannot be shown")]
    assert faults('a: 1\nb: "\\0"') == [
        ("not_printable", "Line 2: This holds a character that no text may have: U+0000")
    ]
    assert faults(b"a: \xff") == [("not_utf8", "The file is not text in UTF-8")]
    assert faults("a" * (MOST_BYTES + 1)) == [("too_large", "At most 1000000 bytes are possible")]


def test_what_is_nested_without_end_is_refused_before_it_is_read():
    """Read to its end, this text costs the parser minutes."""
    began = time.process_time()

    assert faults("[" * 500_000) == [("too_deep", "Line 1: Nested too deep")]
    assert faults("- " * 400_000) == [("too_deep", "Line 1: Nested too deep")]
    assert faults("{a: " * 200_000) == [("too_deep", "Line 1: Nested too deep")]

    assert time.process_time() - began < 60


_texts = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), max_size=20)
_plain = st.none() | st.booleans() | st.integers(-(10**17), 10**17) | _texts
_documents = st.recursive(
    _plain,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_texts, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(_texts, _documents, max_size=5))
def test_what_is_written_is_read_back(document):
    text = yaml.safe_dump(document, allow_unicode=True)
    assert read_yaml(text.encode()).data == document
