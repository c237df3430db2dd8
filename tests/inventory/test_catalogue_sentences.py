"""Prices and files in words, whatever the payload holds."""

import pytest
from django.utils import translation

from oms.backoffice.sentences import say

PRICE = {"sku": "MUG", "channel": "web", "amount": "8.90", "currency": "EUR"}


@pytest.mark.parametrize(
    ("type_", "payload", "said"),
    [
        ("inventory.price.changed", {"prices": [PRICE]}, "The price of MUG in web is set to 8.90 EUR"),
        (
            "inventory.price.changed",
            {"prices": [PRICE | {"is_taken_back": True}]},
            "The price of MUG in web, 8.90 EUR, was taken back",
        ),
        ("inventory.price.changed", {"prices": [PRICE] * 3}, "3 prices were set"),
        ("inventory.price.changed", {}, "0 prices were set"),
        (
            "inventory.file.imported",
            {"file": "autumn.csv", "created": 12, "updated": 3},
            "The file autumn.csv was brought in: 12 new rows, 3 changed",
        ),
        ("inventory.file.imported", {}, "The file  was brought in: 0 new rows, 0 changed"),
    ],
)
def test_says(type_: str, payload: dict, said: str) -> None:
    with translation.override("en"):
        assert say(type_, payload) == said
