"""Those who write places take turns at the directory's version before they lock rows; else they wait in a circle."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError

from inventory.models import Location
from inventory.services import LocationRow, catalog, change_location, receive_locations
from inventory.services.pauses import pause_location, resume_location
from oms.clock import now
from oms.models import Event
from tests.concurrency.threads import Rival, at_once
from tests.factories.inventory import make_locations

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def places(db: None) -> None:
    make_locations("LYON", "PARIS")


def _one_changes_while_many_are_saved() -> list[str]:
    """One row is locked when a bulk save begins; the faults of those who were turned away."""

    def save() -> str:
        rows = [LocationRow(code, "Saved", "store") for code in ("LYON", "PARIS")]
        return _fault(lambda: receive_locations(rows, as_of=now()))

    rival = Rival(save)

    def renamed(place: Location) -> LocationRow:
        rival()
        return LocationRow("LYON", "Lyon Bellecour", "store")

    mine = _fault(lambda: change_location("LYON", renamed, as_of=now()))
    return [fault for fault in (mine, rival.outcome) if fault]


def _fault(act: Any) -> str:
    try:
        act()
    except OperationalError as error:
        return str(error)
    return ""


def test_a_change_and_a_bulk_save_wait_for_each_other_in_line() -> None:
    assert _one_changes_while_many_are_saved() == []
    assert set(Location.objects.values_list("name", flat=True)) == {"Saved"}


def test_without_turns_they_wait_in_a_circle(monkeypatch: pytest.MonkeyPatch) -> None:
    """The row first, then the version: what the change would do if it did not bump at its beginning."""
    bump, first = catalog.bump, iter(["the change's"])
    monkeypatch.setattr(catalog, "bump", lambda name: None if next(first, None) else bump(name))

    assert "deadlock" in " ".join(_one_changes_while_many_are_saved())


def test_ten_managers_pause_at_once_and_it_is_told_once_a_pause() -> None:
    until = now() + timedelta(hours=1)

    at_once(10, lambda _n: pause_location(code="LYON", until=until, reason="", actor="user:m", as_of=now()))

    assert Event.objects.filter(type="inventory.location.paused").count() == 1
    assert Location.objects.get(pk="LYON").paused_until == until


def test_pausing_and_resuming_at_once_leave_one_of_both() -> None:
    until = now() + timedelta(hours=1)

    def act(number: int) -> None:
        if number % 2:
            pause_location(code="LYON", until=until, reason="", actor="user:m", as_of=now())
        else:
            resume_location(code="LYON", actor="user:m", as_of=now())

    at_once(8, act)

    told = list(Event.objects.filter(root="LYON").order_by("id").values_list("type", flat=True))
    assert told == ["inventory.location.paused", "inventory.location.resumed"] * (len(told) // 2) + (
        ["inventory.location.paused"] if len(told) % 2 else []
    )
    place = Location.objects.get(pk="LYON")
    assert place.is_paused(now()) is bool(len(told) % 2)
