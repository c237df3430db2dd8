"""`manage.py simulate`: figures at a terminal, and a non-zero exit where rules are worse than allowed."""

import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from oms.clock import now
from routing.models import Simulation
from routing.services.demand_facts import Wanted, record_demands
from routing.services.rule_sets import create_draft
from routing.services.sourcing import Demand, Destination, Line
from tests.factories.orders import make_network

pytestmark = pytest.mark.django_db(transaction=True)

FAR = "rules:\n- steps:\n  - from: {locations: [LYON]}\n    rest: exception\n"


@pytest.fixture
def period():
    """Four orders of the last hours, three of them from Paris at 4.00, over stock counted since: simulated at rest."""
    make_network(paris=3, lille=3, lyon=30)
    begin = now() - timedelta(hours=5)
    line = Line("l1", "SKU-1", 1, unit_value=Decimal("19.90"), weight_g=400)
    there = Destination("FR", "75011", latitude=48.86, longitude=2.38)
    demand = Demand(channel="web", currency="EUR", lines=(line,), destination=there)
    record_demands([Wanted(f"dlv_{n}", begin + timedelta(minutes=10 * n), demand) for n in range(4)])
    return {"placed_after": (begin - timedelta(hours=1)).isoformat(), "stock_as_of": now().isoformat()}


@pytest.fixture
def far(tmp_path: Path) -> str:
    path = tmp_path / "far.yaml"
    path.write_text(FAR)
    return str(path)


def test_figures_are_printed_side_by_side(period, far, capsys):
    call_command("simulate", rule_set=far, **period)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("rules beside what decides now: 4 orders, 4 changed (0 cheaper, 4 dearer)")
    # 3 × 4.00 and 1 × 5.00 before, 4 × 6.00 after
    assert lines[2].split() == ["cost", "EUR", "4.2500", "6.0000", "+1.7500", "+41.2%"]
    assert Simulation.objects.get().status == "completed"


@pytest.mark.parametrize(
    ("bounds", "code"),
    [
        (["--max-cost", "+50%"], None),
        (["--max-cost", "+2%"], 1),
        (["--max-cost", "6", "--max-split", "+0%"], None),
        (["--max-cost", "+50%", "--max-distance", "100"], 1),
    ],
)
def test_what_is_worse_than_its_bound_ends_with_1(period, far, bounds, code):
    asked = ["--rule-set", far, "--from", period["placed_after"], "--stock-as-of", period["stock_as_of"], *bounds]
    if code is None:
        call_command("simulate", *asked)
        return
    with pytest.raises(CommandError, match="worse than allowed") as worse:
        call_command("simulate", *asked)
    assert worse.value.returncode == code


@pytest.mark.parametrize(
    ("rest", "bounds", "code"),
    [
        ("refuse", ["--max-cost", "+0%", "--max-parcels", "+0%", "--max-split", "+0"], 1),
        ("exception", ["--max-cost", "+0%"], 1),
        ("refuse", [], 1),
        ("exception", ["--max-cost", "+0%", "--max-refused", "+4"], 1),
        ("exception", ["--max-cost", "+0%", "--max-left", "+4"], None),
        ("refuse", ["--max-refused", "+4"], None),
        ("refuse", ["--max-unserved", "+4"], None),
    ],
)
def test_rules_that_send_nothing_are_no_gain(period, tmp_path, capsys, rest, bounds, code):
    path = tmp_path / "nobody.yaml"
    path.write_text(f"rules:\n- steps:\n  - from: {{max_distance_km: 0}}\n    rest: {rest}\n")
    asked = ["--rule-set", str(path), "--from", period["placed_after"], "--stock-as-of", period["stock_as_of"], *bounds]
    if code is None:
        call_command("simulate", *asked)
    else:
        with pytest.raises(CommandError, match=r"unserved: 4\.0000 goes beyond \+0") as worse:
            call_command("simulate", *asked)
        assert worse.value.returncode == code
    unserved = next(line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("unserved"))
    assert unserved[1:4] == ["0.0000", "4.0000", "+4.0000"]


def test_a_draft_of_ours_can_be_tried_beside_a_file(period, far, capsys):
    draft = create_draft(document={"name": "mine", "rules": [{"steps": [{"rest": "exception"}]}]})
    call_command("simulate", rule_set=draft.pk, baseline=far, json=True, **period)
    figures = json.loads(capsys.readouterr().out)
    assert figures["comparison"]["cheaper"] == 4


def test_demands_may_come_from_a_file(period, far, tmp_path):
    path = tmp_path / "demand.csv"
    path.write_text(
        "order,placed_at,channel,sku,quantity,country,postal_code\nA,2026-12-01T09:00:00Z,web,SKU-1,2,FR,75011\n"
    )
    call_command("simulate", rule_set=far, demands=path)
    row = Simulation.objects.get()
    assert (row.source, row.file_name, row.orders_total) == ("file", "demand.csv", 1)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"rule_set": "rul_none", "placed_after": "2026-11-01"}, "no such rule set"),
        ({"rule_set": '{"name": "typed"}' * 50, "placed_after": "2026-11-01"}, "name a file or an id"),
        ({"placed_after": "2020-01-01", "placed_before": "2020-01-02"}, "begins at"),
        ({"placed_after": "yesterday"}, "not an instant"),
        ({}, "name a period"),
        ({"demands": Path("nowhere.csv")}, "nowhere.csv"),
        ({"demands": Path("nowhere.csv"), "placed_after": "2026-11-01"}, "not both"),
    ],
)
def test_bad_input_ends_with_2(period, far, asked, said):
    with pytest.raises(CommandError, match=said) as refused:
        call_command("simulate", **{"rule_set": far, **asked})
    assert refused.value.returncode == 2
    assert not Simulation.objects.exists()


def test_a_file_that_is_no_rule_set_is_refused(period, tmp_path):
    for number, text in enumerate(("- a\n- b", "{", "rules: []", "rules: &all [*all]")):
        path = tmp_path / f"{number}.yaml"
        path.write_text(text)
        with pytest.raises(CommandError) as refused:
            call_command("simulate", rule_set=str(path), placed_after=period["placed_after"])
        assert refused.value.returncode == 2
