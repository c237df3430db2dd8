"""A state table says all that can happen, or does not load."""

import pytest
from django.db import models

from oms.states import StateTable


class Light(models.TextChoices):
    RED = "red"
    GREEN = "green"


def test_a_state_without_a_line_is_refused_at_import() -> None:
    with pytest.raises(ValueError, match=r"states without a line {'green'}"):
        StateTable({Light.RED: {Light.GREEN}}, noun="test.light", states=Light)


def test_a_move_to_an_unknown_state_is_refused_at_import() -> None:
    with pytest.raises(ValueError, match=r"unknown targets .*blue"):
        StateTable({Light.RED: {Light.GREEN}, Light.GREEN: {"blue"}}, noun="test.light", states=Light)


def test_a_state_that_leads_nowhere_is_final() -> None:
    table = StateTable({Light.RED: {Light.GREEN}, Light.GREEN: set()}, noun="test.light", states=Light)

    assert table.final == {"green"}
    assert table.allows("red", Light.GREEN)
    assert not table.allows("green", Light.RED)
