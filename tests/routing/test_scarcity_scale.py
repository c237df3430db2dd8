"""How much prices of scarce stock should count: chosen on some orders, believed only where later ones agree."""

import copy
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from oms.errors import DomainError
from routing.documents import parse
from routing.editing import apply
from routing.models import RuleSet, Simulation
from routing.services.demand_facts import Wanted, record_demands
from routing.services.rule_sets import change_draft, create_draft, publish_rule_set
from routing.services.scarcity_scale import Chosen, Trial, best_of, choose_scale, weighing, write_scale
from routing.services.simulations import DemandFile, Period
from routing.services.sourcing import Demand, Destination, Line
from tests.factories.orders import make_network

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)  # when the network's stock was counted
LATER = MONDAY + timedelta(days=2)
PERIOD = Period(MONDAY, MONDAY + timedelta(days=1))
PARIS = Destination("FR", "75011", latitude=48.86, longitude=2.35)
LILLE = Destination("FR", "59000", latitude=50.63, longitude=3.06)
BY_COST = {"name": "by cost", "rules": [{"steps": [{"weights": {"cost": 1}, "rest": "exception"}]}]}
GRID = (0.25, 0.75, 1.0)


def wanted(name: str, at: datetime, there: Destination) -> Wanted:
    line = Line("l1", "SKU-1", 1, unit_value=Decimal("19.90"), weight_g=400)
    return Wanted(name, at, Demand(channel="web", currency="EUR", lines=(line,), destination=there))


@pytest.fixture
def shops(transactional_db):
    """Ten units in Paris, plenty in Lyon, and twice ten shoppers each in Lille and Paris, in turn. Paris is wanted so much
    that a unit there is worth 2.00: from Lyon a parcel to Paris costs 6.00 instead of 4.00. To Lille it costs 6.00, too,
    and 5.00 from Paris."""
    make_network(paris=10, lille=0, lyon=90)
    weeks = [MONDAY - timedelta(days=28 * (n + 0.5) / 90) for n in range(90)]
    record_demands([wanted(f"past-{n}", at, PARIS) for n, at in enumerate(weeks)])
    day = [MONDAY + timedelta(minutes=30 * (n + 1)) for n in range(40)]
    record_demands([wanted(f"dlv-{n}", at, PARIS if n % 2 else LILLE) for n, at in enumerate(day)])


def chosen(rule_set=BY_COST, orders=PERIOD, **more) -> Chosen:
    return choose_scale(rule_set=rule_set, orders=orders, grid=GRID, as_of=LATER, **more)


def test_the_earlier_half_chooses_and_the_later_confirms(shops):
    found = chosen()

    # Without a price the first ten take Paris: 5 × 5.00 and 5 × 4.00, then 10 × 6.00 from Lyon. A quarter of the price,
    # 0.50, changes nobody's mind. With 1.50 those of Lille leave Paris to Paris: 10 × 6.00 and 10 × 4.00. With all of it
    # Paris is worth it to nobody.
    money = {trial.scale: (trial.orders, trial.paid, trial.splits, trial.unfilled) for trial in found.earlier}
    assert money == {0.0: (20, 105, 0, 0), 0.25: (20, 105, 0, 0), 0.75: (20, 100, 0, 0), 1.0: (20, 120, 0, 0)}
    assert found.scale == 0.75
    assert [(trial.scale, trial.paid) for trial in found.later] == [(0.0, 105), (0.75, 100)]
    assert found.is_confirmed
    assert found.lost_per_unit == Decimal("10.5")  # two parcels of 5.25
    assert not Simulation.objects.exists()


def test_what_later_orders_do_not_confirm_is_not_believed(shops):
    """Of stock at rest the later half has only what the earlier one left without any price: nothing in Paris."""
    names = "order,placed_at,channel,sku,quantity,country,postal_code,latitude,longitude"
    rows = [
        f"{n},{(MONDAY + timedelta(days=1, minutes=n)).isoformat()},web,SKU-1,1,FR,{there.postal_code},{there.latitude},"
        f"{there.longitude}"
        for n in range(40)
        for there in (PARIS if n % 2 else LILLE,)
    ]
    found = chosen(orders=DemandFile("\n".join([names, *rows]).encode()))
    assert found.scale == 0.75
    assert [(trial.scale, trial.paid) for trial in found.later] == [(0.0, 120), (0.75, 120)]
    assert not found.is_confirmed


def test_it_is_written_into_a_draft_and_never_published(shops):
    published = create_draft(document=BY_COST)
    publish_rule_set(rule_set_id=published.pk, actor="test", as_of=MONDAY)
    _store_as_before_weights_were_written_out(published)
    found = chosen(rule_set=published.pk)

    draft = write_scale(rule_set_id=published.pk, chosen=found)

    assert (draft.status, draft.document["rules"][0]["steps"][0]["weights"]["scarcity"]) == ("draft", 0.75)
    assert {row.pk: row.status for row in RuleSet.objects.all()} == {published.pk: "published", draft.pk: "draft"}
    published.refresh_from_db()
    assert published.document["rules"][0]["steps"][0]["weights"]["scarcity"] == 0


def _store_as_before_weights_were_written_out(rule_set):
    """By cost was no weight at all, and rules could not name products."""
    document = copy.deepcopy(rule_set.document)
    (rule,) = document["rules"]
    rule["steps"][0]["weights"]["cost"] = 0
    del rule["when"]["skus"]
    RuleSet.objects.filter(pk=rule_set.pk).update(document=document)


def test_a_draft_that_was_changed_meanwhile_is_left_alone(shops):
    draft = create_draft(document=BY_COST)
    found = chosen(rule_set=draft.pk)
    change_draft(rule_set_id=draft.pk, changes={"name": "other"})
    with pytest.raises(DomainError) as refused:
        write_scale(rule_set_id=draft.pk, chosen=found)
    assert refused.value.code == "draft_changed"
    (row,) = RuleSet.objects.all()
    assert (row.document["name"], row.document["rules"][0]["steps"][0]["weights"]["scarcity"]) == ("other", 0)


def test_at_a_terminal(shops, capsys):
    draft = create_draft(document=BY_COST)
    period = {"placed_after": MONDAY.isoformat(), "placed_before": PERIOD.placed_before.isoformat()}
    asked = {"rule_set": draft.pk, "grid": GRID, **period}
    call_command("choose_scarcity", **asked)
    draft.refresh_from_db()
    assert draft.document["rules"][0]["steps"][0]["weights"]["scarcity"] == 0

    call_command("choose_scarcity", write=True, **asked)

    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines if "←" in line][:2] == [
        ["0.75", "20", "100.00", "0", "0", "100.00", "-4.76%", "←"]
    ] * 2
    draft.refresh_from_db()
    assert draft.document["rules"][0]["steps"][0]["weights"]["scarcity"] == 0.75
    for wrong, code in (({"grid": (0.25,)}, 1), ({"rule_set": "rul_none"}, 2)):
        with pytest.raises(CommandError) as refused:
            call_command("choose_scarcity", write=True, **{**asked, **wrong})
        assert refused.value.returncode == code
    draft.refresh_from_db()
    assert draft.document["rules"][0]["steps"][0]["weights"]["scarcity"] == 0.75


def test_a_file_is_no_place_to_write_to_and_that_is_told_before_anything_is_replayed(shops, tmp_path, capsys):
    file = tmp_path / "rules.yaml"
    file.write_text(json.dumps(BY_COST))
    asked = {"rule_set": str(file), "placed_after": MONDAY.isoformat(), "grid": GRID}
    asked["placed_before"] = PERIOD.placed_before.isoformat()

    with pytest.raises(CommandError) as refused:
        call_command("choose_scarcity", write=True, **asked)

    assert refused.value.returncode == 2
    assert str(refused.value) == f"--write needs the id of a stored rule set; {file} is a file"
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "")
    call_command("choose_scarcity", **asked)  # to look at it, a file will do
    assert "←" in capsys.readouterr().out
    assert not RuleSet.objects.exists()


# ---- the choice ------------------------------------------------------------------------------------------

trials = st.builds(
    Trial,
    scale=st.just(0.0),
    orders=st.just(9),
    paid=st.decimals(0, 90, places=2),
    parcels=st.just(9),
    splits=st.integers(0, 3),
    unfilled=st.integers(0, 3),
)


@given(st.lists(trials, min_size=1, max_size=6), st.decimals(0, 30, places=2))
def test_no_choice_splits_more_or_serves_less_than_none(found, lost):
    numbered = [Trial(n / 4, t.orders, t.paid, t.parcels, t.splits, t.unfilled) for n, t in enumerate(found)]
    scale = best_of(numbered, lost)
    ours, without = next(t for t in numbered if t.scale == scale), numbered[0]
    assert ours.splits <= without.splits and ours.unfilled <= without.unfilled
    cheaper = [t for t in numbered if t.paid + lost * t.unfilled < ours.paid + lost * ours.unfilled]
    assert all(t.splits > without.splits or t.unfilled > without.unfilled for t in cheaper)


def test_only_what_counts_money_weighs_scarcity():
    steps = [{"weights": {"cost": 2}}, {}, {"weights": {"distance_km": 1}}, {"weights": {"cost": 1, "scarcity": 3}}]
    document = parse({"rules": [{"steps": steps}]}).as_json()

    def weights(scale: float) -> list[tuple[float, float]]:
        changed = apply(document, weighing(scale))
        return [(step["weights"]["cost"], step["weights"]["scarcity"]) for step in changed["rules"][0]["steps"]]

    assert weights(0.5) == [(2, 1), (1, 0.5), (0, 0), (1, 0.5)]
    assert weights(0) == [(2, 0), (1, 0), (0, 0), (1, 0)]
