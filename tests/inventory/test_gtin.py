import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.gtin import check_digit, claims_to_be_gtin, is_mistyped, is_one_code, spellings


@pytest.mark.parametrize("code", ["036000291452", "4006381333931", "10614141000415", "0036000291452", "5901234123457"])
def test_real_gtins_are_right(code: str) -> None:
    assert claims_to_be_gtin(code)
    assert not is_mistyped(code)


@pytest.mark.parametrize(
    "code",
    [
        "",
        "123",
        "96385074",
        "ABC-1",
        "2012345678901",
        "0412345678901",
        "212345678901",
        "12345678901",
        "１２３４５６７８９０１２３",
    ],
)
def test_a_code_of_ones_own_claims_nothing(code: str) -> None:
    assert not claims_to_be_gtin(code)
    assert not is_mistyped(code)


@given(st.from_regex(r"[3-9][0-9]{11}", fullmatch=True), st.integers(0, 12), st.integers(1, 9))
def test_one_wrong_digit_is_always_noticed(twelve: str, place: int, more: int) -> None:
    code = twelve + check_digit(twelve)
    wrong = code[:place] + str((int(code[place]) + more) % 10) + code[place + 1 :]

    assert not is_mistyped(code)
    assert is_mistyped(wrong) or not claims_to_be_gtin(wrong)


def test_a_gtin_is_the_same_with_and_without_its_leading_zeros() -> None:
    assert spellings("036000291452") == ["00036000291452", "0036000291452", "036000291452"]
    assert spellings("0036000291452") == spellings("036000291452")
    assert spellings("4006381333931") == ["04006381333931", "4006381333931"]
    assert spellings("0001") == ["0001"]


@pytest.mark.parametrize(
    "code",
    [
        "4006381333931",
        "WAF-B1",
        "MUG BLUE",
        "12345678-4006381333931",
        "https://id.gs1.org/01/04006381333931/10/A-1",
        "$A+%.",
    ],
)
def test_what_a_scanner_reads_at_once_is_one_code(code: str) -> None:
    assert is_one_code(code)


@pytest.mark.parametrize(
    "text",
    [
        *("WAF-B1;3760000000062", "A|B", "A,B", "A\nB", "A\tB", "A\x1dB"),
        *("4006381333931-0036000291452", "4006381333931 / 0036000291452", "4006381333931  0036000291452"),
    ],
)
def test_several_codes_are_not_one(text: str) -> None:
    assert not is_one_code(text)
