"""GTINs, the numbers that GS1 gives out, among the codes that scanners read.

A retailer's own codes are barcodes too, so a check digit is asked only of what claims to be a GTIN: 12, 13 or
14 digits outside the ranges that GS1 leaves to each retailer. Eight digits claim nothing: article numbers of a
retailer's own look just like that.
"""

import re

_OWN_RANGES = ("02", "04", "2")
"""GS1 prefixes for use within one company, as the first of 13 digits."""


def claims_to_be_gtin(code: str) -> bool:
    is_number = code.isascii() and code.isdecimal() and 12 <= len(code) <= 14
    return is_number and not code.zfill(14)[1:].startswith(_OWN_RANGES)


def check_digit(digits: str) -> str:
    """The digit that completes these: weights 3 and 1 in turn from the right, filled up to the next ten."""
    weighted = sum(int(digit) * (1 if index % 2 else 3) for index, digit in enumerate(reversed(digits)))
    return str(-weighted % 10)


def is_mistyped(code: str) -> bool:
    """It claims to be a GTIN, and its check digit says that it is none."""
    return claims_to_be_gtin(code) and check_digit(code[:-1]) != code[-1]


def normalized(code: str) -> str:
    """One for all spellings of a number: a GTIN in 14 digits; any other code as it is."""
    return code.zfill(14) if claims_to_be_gtin(code) else code


def spellings(code: str) -> list[str]:
    """How scanners write the same number: a GTIN with and without its leading zeros; any other code as it is."""
    if not claims_to_be_gtin(code):
        return [code]
    bare = code.lstrip("0")
    return sorted({code, *(bare.zfill(length) for length in (12, 13, 14) if len(bare) <= length)})


def is_one_code(text: str) -> bool:
    """Nothing stands in it that separates codes in lists, nor are several GTINs strung together."""
    if not text.isprintable() or re.search(r"[|;,]", text):
        return False
    return len([part for part in re.split(r"[\s/-]+", text) if claims_to_be_gtin(part)]) < 2
