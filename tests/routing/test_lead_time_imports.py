"""`manage.py import_lead_times`: the past of another system."""

import gzip
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command

from routing.models import LeadTimeObservation, LearnedTable
from tests.factories.orders import make_network

pytestmark = pytest.mark.django_db
HEAD = "reference,location,released_at,prepared_at,delivered_at,carrier_service,country,postal_code,method,transit_days"
BROKEN = gzip.compress(b"reference\n", mtime=0)[:10] + b"\xff" * 40
GOOD = [
    "A1,PARIS,2026-02-23T09:00:00Z,2026-02-23T10:30:00Z,2026-02-25T11:00:00Z,post,FR,69002,,2",
    "A2,PARIS,2026-02-23T10:00:00+01:00,2026-02-23T10:20:00+01:00,,,,,pickup",
    "A3,LYON,2026-02-24T09:00:00Z,2026-02-24T09:00:00Z,,post,FR,,ship",
]
BAD = {
    "B1,NOWHERE,2026-02-23T09:00:00Z,2026-02-23T10:30:00Z,,,,,": "there is no place NOWHERE",
    "B2,PARIS,2026-02-23T09:00:00,2026-02-23T10:30:00Z,,,,,": "released_at does not say its time zone",
    "B3,PARIS,2026-02-23T09:00:00Z,2026-02-22T10:30:00Z,,,,,": "do not follow each other",
    "B4,PARIS,2026-02-23T09:00:00Z,soon,,,,,": "prepared_at is not an instant",
    "B5,PARIS,2026-02-23T09:00:00Z,2026-04-23T10:30:00Z,,,,,": "do not follow each other",  # not yet
    "B6,PARIS,2026-02-23T09:00:00Z,2026-02-23T10:30:00Z,,,,,teleport": "teleport is not a method",
    ",PARIS,2026-02-23T09:00:00Z,2026-02-23T10:30:00Z,,,,,": "a reference is needed",
    "B7,PARIS": "released_at is not an instant",
    "B8,PARIS,2026-02-23T09:00:00Z,2026-02-23T10:30:00Z,,post,FR,69002,,-1": "transit_days is not a whole number",
}


@pytest.fixture(autouse=True)
def _network(db):
    with time_machine.travel("2026-03-02T09:00:00Z", tick=False):
        make_network()
        yield


def imported(path, *lines):
    path.write_bytes("\n".join((HEAD, *lines)).encode())
    out, errors = StringIO(), StringIO()
    call_command("import_lead_times", path, stdout=out, stderr=errors)
    return out.getvalue(), errors.getvalue()


def test_each_part_is_learned_from(tmp_path):
    out, errors = imported(tmp_path / "past.csv", *GOOD)

    assert (errors, out.splitlines()[0]) == ("", "3 lines, 4 lead times, 0 lines rejected")
    found = {(row.reference, row.kind): row for row in LeadTimeObservation.objects.all()}
    assert {key: row.value for key, row in found.items()} == {
        ("A1", "preparation"): 90,
        ("A1", "transit"): 2,
        ("A2", "preparation"): 20,
        ("A3", "preparation"): 0,
    }
    transit = found["A1", "transit"]
    assert (transit.origin_area, transit.destination_area, transit.source) == ("FR-75", "FR-69", "imported")
    assert transit.configured_days == 2
    assert LearnedTable.objects.get().preparations == 3


def test_the_same_file_again_adds_nothing(tmp_path):
    imported(tmp_path / "past.csv", *GOOD)
    before = list(LeadTimeObservation.objects.values())

    imported(tmp_path / "past.csv", *GOOD)

    assert list(LeadTimeObservation.objects.values()) == before


def test_each_line_at_fault_is_named_and_the_others_are_taken(tmp_path):
    out, errors = imported(tmp_path / "past.csv", *BAD, GOOD[0])

    assert out.startswith("10 lines, 2 lead times, 9 lines rejected")
    said = errors.splitlines()
    assert [line.partition(":")[0] for line in said] == [f"line {number}" for number in range(2, 11)]
    assert all(why in line for line, why in zip(said, BAD.values(), strict=True))


@pytest.mark.parametrize(
    "content", [b"", b"a,b\n1,2\n", b"\xff\xfe\x00", gzip.compress(b"reference\n", mtime=0)[:-4], BROKEN]
)
def test_what_is_no_such_file_is_refused(tmp_path, content):
    path = tmp_path / ("past.csv.gz" if content[:1] == b"\x1f" else "past.csv")
    path.write_bytes(content)

    with pytest.raises(CommandError):
        call_command("import_lead_times", path)
    assert not LeadTimeObservation.objects.exists()
