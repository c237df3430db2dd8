"""Simulations as jobs: asked for, refused with reasons, interrupted anywhere and gone on with, called off, forgotten."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html import unescape

import pytest
import time_machine
from django.conf import settings as house
from django.contrib.auth.models import User
from django.test import Client
from django.utils.translation import override
from rest_framework.test import APIClient

from oms.clock import now
from oms.errors import DomainError
from oms.models import Event
from orders.models import Delivery
from orders.services.demand_history import tell_demands
from routing.demand_files import pack, read_demands, unpack
from routing.models import DemandFact, RuleSet, SimulatedChange, Simulation
from routing.services import simulation_work
from routing.services.demand_facts import Wanted, record_demands, told
from routing.services.rule_sets import change_draft, create_draft, publish_rule_set
from routing.services.simulation_work import work_on_simulations
from routing.services.simulations import (
    DemandFile,
    Period,
    cancel_simulation,
    forget_simulations,
    request_simulation,
    rules_as_if,
)
from routing.services.sourcing import Demand, Destination, Line
from tests.admin.conftest import placed
from tests.factories.orders import make_channel, make_network, order_body

pytestmark = pytest.mark.django_db(transaction=True)

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)  # when the network's stock was counted
LATER = MONDAY + timedelta(days=2)
PERIOD = Period(MONDAY, MONDAY + timedelta(days=1))
FAR = {
    "name": "far",
    "rules": [{"steps": [{"from": {"locations": ["LYON"]}, "weights": {"cost": 1}, "rest": "exception"}]}],
}
FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
COLUMNS = "order,placed_at,channel,sku,quantity,country,latitude,longitude"


@pytest.fixture
def network():
    make_network(paris=3, lille=3, lyon=30)


def remember(count: int, *, channel: str = "web") -> None:
    """So many demands of one unit in Paris, ten minutes apart."""
    line = Line("l1", "SKU-1", 1, unit_value=Decimal("19.90"), weight_g=400)
    there = Destination("FR", "75011", latitude=48.86, longitude=2.38)
    demand = Demand(channel=channel, currency="EUR", lines=(line,), destination=there)
    record_demands([Wanted(f"{channel}_{n}", MONDAY + timedelta(minutes=10 * n + 1), demand) for n in range(count)])


def ask(rule_set=FAR, orders=PERIOD, **more) -> Simulation:
    made = request_simulation(rule_set=rule_set, orders=orders, actor="test", as_of=LATER, **more)
    return Simulation.objects.get(pk=made)


def work(seconds: float = 60, *, at: datetime = LATER) -> int:
    return work_on_simulations(now=lambda: at, seconds=seconds)


def refusal(**asked) -> list[tuple[str, str]]:
    with pytest.raises(DomainError) as refused:
        ask(**asked)
    assert not Simulation.objects.exists()
    return [(fault.pointer, fault.code) for fault in refused.value.errors]


# ---- what comes out ----------------------------------------------------------------------------------


def test_a_draft_is_replayed_beside_what_decides_now(network):
    remember(8)
    row = ask()
    assert (row.status, row.orders_total, row.orders_judged, row.progress) == ("pending", 8, 8, 0)

    assert work() == 1

    row.refresh_from_db()
    assert (row.status, row.orders_done, row.progress, row.state, row.lease) == ("completed", 8, 1, None, "")
    baseline, candidate = row.figures["baseline"], row.figures["candidate"]
    # near first: three from Paris at 4.00, three from Lille at 5.00, then Lyon at 6.00
    assert baseline["cost"] == {"EUR": "39.00"}
    assert candidate["cost"] == {"EUR": "48.00"}
    assert {p["location"]: p["parcels"] for p in baseline["places"]} == {"PARIS": 3, "LILLE": 3, "LYON": 2}
    assert {p["location"]: p["parcels"] for p in candidate["places"]} == {"LYON": 8}
    assert row.figures["comparison"]["changed"] == row.changes_kept == 6
    assert row.figures["agreement"] == {"known": 0, "same": 0, "rate": None}
    change = SimulatedChange.objects.first()
    assert (change.reference, change.cost_change) == ("web_0", Decimal("2.00"))
    assert [change.baseline["parcels"][0]["location"], change.candidate["parcels"][0]["location"]] == ["PARIS", "LYON"]
    types = Event.objects.filter(subject=row.pk).order_by("pk").values_list("type", flat=True)
    assert [text.rpartition(".")[2] for text in types] == ["pending", "running", "completed"]


def test_rules_that_send_nothing_are_not_shown_as_a_gain(network):
    remember(3)
    nobody = {"name": "nobody", "rules": [{"steps": [{"from": {"max_distance_km": 0}, "rest": "exception"}]}]}
    draft = create_draft(document=nobody)
    row = ask(draft.pk)
    work()
    browser = Client()
    browser.force_login(User.objects.create_superuser("ada"))

    report = browser.get(f"/admin/routing/simulation/{row.pk}/change/")

    cost, unserved, *others = report.context["measures"]
    assert (cost.share, cost.tone) == ("\N{MINUS SIGN}100.0 %", "quiet")
    assert cost.note == "with 3 units more left without a place, which costs nothing here"
    assert (unserved.label, unserved.change, unserved.tone, unserved.note) == ("Units without a place", "+3", "bad", "")
    assert {row.label for row in others if row.tone == "good"} == set()
    for page in ("simulation/", f"simulation/{row.pk}/change/", f"ruleset/{draft.pk}/change/"):
        assert cost.note in browser.get(f"/admin/routing/{page}").content.decode(), page


def test_a_changed_order_goes_by_its_number(network, client):
    with time_machine.travel(MONDAY + timedelta(minutes=5), tick=False):
        order = placed(order_body(("SKU-1", 1)))
        tell_demands(as_of=now())
    record_demands([replace(fact, reference="old-7") for fact in told(DemandFact.objects.all())])
    row = ask()
    work()
    delivery = order.deliveries.get().pk

    changes = client.get(f"/api/v1/simulations/{row.pk}/changes/").json()["results"]
    report = said(office_page(f"simulation/{row.pk}/change/"))
    its_page = said(office_page(f"simulation/{row.pk}/orders/{changes[0]['id']}/"))

    assert [(one["reference"], one["order"]) for one in changes] == [(delivery, str(order.number)), ("old-7", None)]
    assert f">#{order.number}</a>" in report and ">old-7</a>" in report and delivery not in report
    assert f'<div class="bo-title bo-anywhere">#{order.number}</div>' in its_page
    assert f"?q={delivery}" in its_page  # the way to it


def test_the_orders_of_a_file_were_decided_by_nobody_and_go_by_their_own_names(network, client):
    placed(order_body(("SKU-1", 1)))
    name = Delivery.objects.get().pk  # as a file may call them, too
    row = ask(orders=DemandFile(f"{COLUMNS}\n{name},{MONDAY.isoformat()},web,SKU-1,1,FR,48.86,2.38".encode()))
    work()

    (change,) = client.get(f"/api/v1/simulations/{row.pk}/changes/").json()["results"]
    report = said(office_page(f"simulation/{row.pk}/change/"))

    assert (change["reference"], change["order"]) == (name, None)
    assert f">{name}</a>" in report
    assert "What decided then" not in report
    assert "<span>Beside</span><span>What decided when it was asked for</span>" in report


def test_what_begins_is_named_where_the_ledger_does_not_reach(network):
    remember(1)
    with pytest.raises(DomainError) as refused, override("en"):
        ask(orders=Period(MONDAY - timedelta(days=1), MONDAY))
    assert refused.value.errors[0].detail.startswith("The ledger of stock begins at March 2, 2026")
    with pytest.raises(DomainError) as refused, override("fr"):
        ask(orders=Period(MONDAY - timedelta(days=1), MONDAY))
    assert refused.value.errors[0].detail.startswith("Le journal du stock commence le 2 mars 2026")


def office_page(path: str) -> str:
    office = Client()
    office.force_login(User.objects.get_or_create(username="ada", is_staff=True, is_superuser=True)[0])
    return office.get(f"/admin/routing/{path}").content.decode()


def said(html: str) -> str:
    return " ".join(unescape(html).split())


def test_two_drafts_can_be_compared(network):
    remember(4)
    row = ask(baseline=FAR, rule_set={**FAR, "name": "again"})
    work()
    row.refresh_from_db()
    assert (row.baseline, row.figures["comparison"]["changed"]) == ("far", 0)
    assert row.figures["baseline"]["cost"] == {"EUR": "24.00"}


def test_only_the_channels_it_would_decide_for_go_by_it(network):
    make_channel("shop")
    remember(2)
    remember(2, channel="shop")
    row = ask(rule_set={**FAR, "channels": ["shop"]})
    work()
    row.refresh_from_db()
    assert row.orders_judged == 2
    assert {p["location"]: p["parcels"] for p in row.figures["candidate"]["places"]} == {"PARIS": 2, "LYON": 2}


def test_what_decided_when_it_was_asked_for_stands_beside_it(network):
    """Whatever is published before the worker comes."""
    remember(2)
    row = ask()
    other = create_draft(document={**FAR, "name": "other"})
    publish_rule_set(rule_set_id=other.pk, actor="test", as_of=LATER)

    work()

    row.refresh_from_db()
    assert row.figures["baseline"]["cost"] == {"EUR": "8.00"}
    assert rules_as_if(None, {"": other.pk})("web").id == other.pk


def test_only_so_many_changed_orders_are_kept_and_all_counted(network, settings):
    settings.SIMULATION_CHANGES_KEPT = 2
    remember(6)
    row = ask()
    work()
    row.refresh_from_db()
    assert (row.changes_kept, SimulatedChange.objects.count(), row.figures["comparison"]["changed"]) == (2, 2, 6)

    office = Client()
    office.force_login(User.objects.create_superuser("root", password="a-long-password"))
    page = office.get(f"/admin/routing/simulation/{row.pk}/change/").content.decode()
    assert page.count("the first 2 of 6 are kept") == 2  # of their list, and of the chart that is made of it


# ---- interrupted -------------------------------------------------------------------------------------


@pytest.fixture
def small_steps(monkeypatch):
    monkeypatch.setattr(simulation_work, "_BATCH", 2)
    monkeypatch.setattr(simulation_work, "SECONDS_PER_CHECKPOINT", -1.0)


def test_whoever_goes_on_ends_where_one_that_was_never_stopped_ends(network, small_steps):
    remember(9)
    whole, parts = ask(), ask()
    work()
    whole.refresh_from_db()
    assert parts.figures is None

    Simulation.objects.filter(pk=parts.pk).update(
        status="pending", figures=None, orders_done=0, changes_kept=0, finished_at=None, state=None
    )
    SimulatedChange.objects.filter(simulation=parts).delete()
    rounds = 0
    while work(seconds=0) and rounds < 20:  # one step each
        rounds += 1
        parts.refresh_from_db()

    assert rounds >= 4
    assert (parts.status, parts.figures, parts.changes_kept) == ("completed", whole.figures, whole.changes_kept)
    kept = [SimulatedChange.objects.filter(simulation=one).order_by("pk") for one in (whole, parts)]
    assert [c.reference for c in kept[0]] == [c.reference for c in kept[1]]


def test_a_killed_worker_loses_no_order_and_replays_none_twice(network, small_steps, monkeypatch):
    remember(9)
    row = ask()
    decide, decided = simulation_work.Replay.decide, []

    def dies(self, wanted, *more):
        decided.append(wanted.reference)
        if len(decided) == 6:
            raise SystemExit
        return decide(self, wanted, *more)

    monkeypatch.setattr(simulation_work.Replay, "decide", dies)
    with pytest.raises(SystemExit):
        work()
    row.refresh_from_db()
    assert (row.status, row.orders_done) == ("running", 5)

    assert work() == 0  # the lease still runs
    assert work(at=LATER + timedelta(seconds=house.SIMULATION_LEASE_SECONDS)) == 1

    row.refresh_from_db()
    assert (row.status, row.orders_done) == ("completed", 9)
    assert row.figures["baseline"]["cost"] == {"EUR": "45.00"}  # 3 × 4.00, 3 × 5.00, 3 × 6.00
    assert SimulatedChange.objects.filter(simulation=row).count() == row.changes_kept == 6


def test_one_that_is_called_off_meanwhile_keeps_nothing_more(network, small_steps, monkeypatch):
    remember(9)
    row = ask()
    decide = simulation_work.Replay.decide

    def called_off(self, wanted, *more):
        if wanted.reference == "web_5":
            cancel_simulation(simulation_id=row.pk, actor="test", as_of=LATER)
        return decide(self, wanted, *more)

    monkeypatch.setattr(simulation_work.Replay, "decide", called_off)
    work()

    row.refresh_from_db()
    assert (row.status, row.orders_done, row.figures, row.state) == ("canceled", 5, None, None)
    assert work(at=LATER + timedelta(hours=1)) == 0
    cancel_simulation(simulation_id=row.pk, actor="test", as_of=LATER)  # twice is no error


def test_one_that_cannot_be_replayed_is_given_up_with_time(network, monkeypatch):
    remember(1)
    row = ask()

    def fails(self, wanted, *more):
        raise ZeroDivisionError

    monkeypatch.setattr(simulation_work.Replay, "decide", fails)
    at, tries = LATER, 0
    while work(seconds=0, at=at) and tries < 20:
        tries, at = tries + 1, at + timedelta(minutes=10)
    row.refresh_from_db()
    assert (row.status, row.failure, tries) == ("failed", {"code": "error"}, 8)


# ---- refused -----------------------------------------------------------------------------------------


def test_an_empty_period_is_refused_and_told_why(network):
    assert refusal() == [("/placed_after", "empty_period")]
    remember(1)
    long_ago = Period(MONDAY + timedelta(hours=1), MONDAY + timedelta(hours=2))
    with pytest.raises(DomainError) as refused, override("en"):
        ask(orders=long_ago)
    assert refused.value.errors[0].detail.endswith(
        "orders are known from March 2, 2026, 9:01 a.m. UTC to March 2, 2026, 9:01 a.m. UTC"
    )


@pytest.mark.parametrize(
    ("asked", "faults"),
    [
        ({"rule_set": "rul_none"}, [("/rule_set", "unknown_rule_set")]),
        ({"rule_set": {"rules": []}}, [("/rule_set/rules", "empty")]),
        ({"baseline": {"name": 7}}, [("/baseline/rules", "required"), ("/baseline/name", "string_type")]),
        ({"rule_set": {**FAR, "channels": ["shop"]}}, [("/rule_set", "decides_nothing")]),
        ({"orders": Period(MONDAY, MONDAY)}, [("/placed_before", "empty_range")]),
        ({"orders": Period(LATER, LATER + timedelta(1))}, [("/placed_after", "in_the_future")]),
        ({"orders": Period(LATER + timedelta(1), LATER + timedelta(2))}, [("/placed_after", "in_the_future")]),
        ({"orders": Period(MONDAY - timedelta(1), MONDAY)}, [("/placed_after", "before_the_ledger")]),
        ({"orders": Period(FIRST, MONDAY)}, [("/placed_after", "out_of_reach")]),
        ({"orders": Period(MONDAY, LAST)}, [("/placed_before", "out_of_reach")]),
        ({"orders": Period(MONDAY, LATER, LAST)}, [("/stock_as_of", "out_of_reach")]),
        ({"orders": Period(MONDAY, LATER, LATER + timedelta(1))}, [("/stock_as_of", "in_the_future")]),
    ],
)
def test_what_cannot_be_simulated_is_refused_and_nothing_kept(network, asked, faults):
    remember(2)
    assert sorted(refusal(**asked)) == sorted(faults)


def test_more_orders_than_can_be_replayed_are_refused(network, settings):
    settings.SIMULATION_MOST_ORDERS = 3
    remember(4)
    assert refusal() == [("/placed_before", "too_many_orders")]


def test_only_so_many_wait(network, settings):
    settings.SIMULATIONS_WAITING = 1
    remember(1)
    ask()
    with pytest.raises(DomainError) as refused:
        ask()
    assert (refused.value.code, refused.value.facts) == ("too_many_simulations", {"limit": 1})
    assert Simulation.objects.count() == 1


def test_what_ended_long_ago_is_forgotten(network):
    remember(2)
    ask()
    work()
    ask()
    assert forget_simulations(before=LATER) == 0
    assert forget_simulations(before=LATER + timedelta(seconds=1)) == 1
    assert list(Simulation.objects.values_list("status", flat=True)) == ["pending"]
    assert not SimulatedChange.objects.exists()


# ---- publishing --------------------------------------------------------------------------------------


def test_where_the_house_wants_it_only_what_was_simulated_is_published(network, settings):
    settings.PUBLISHING_NEEDS_SIMULATION = True
    remember(2)
    draft = create_draft(document=FAR)

    def publish() -> str:
        try:
            return publish_rule_set(rule_set_id=draft.pk, actor="test", as_of=LATER).status
        except DomainError as refused:
            assert RuleSet.objects.get(pk=draft.pk).status == "draft"
            return refused.code

    assert publish() == "not_simulated"
    ask(rule_set=draft.pk)
    assert publish() == "not_simulated"  # it has not ended
    work()
    change_draft(rule_set_id=draft.pk, changes={"rules": [{"steps": [{"rest": "refuse"}]}]})
    assert publish() == "not_simulated"  # it was another text
    ask(rule_set=draft.pk)
    work()
    assert publish() == "published"


# ---- files -------------------------------------------------------------------------------------------


def csv(*rows: str, columns: str = COLUMNS) -> DemandFile:
    return DemandFile("\n".join([columns, *rows]).encode(), "demand.csv")


ROW = "A,2026-12-01T10:00:00Z,web,SKU-1,2,FR,48.86,2.38"


def test_a_file_is_replayed_over_stock_at_rest(network):
    row = ask(orders=csv(ROW, ROW.replace("SKU-1,2", "SKU-1,1"), ROW.replace("A,", "B,")))
    assert (row.source, row.file_name, row.orders_total, row.stock_moves) == ("file", "demand.csv", 2, False)
    work()
    row.refresh_from_db()
    assert row.status == "completed"
    assert {p["location"]: p["units"] for p in row.figures["baseline"]["places"]} == {"PARIS": 3, "LILLE": 2}


def test_rules_may_ask_who_wants_what_stands_in_a_file(network):
    rules = [{"when": {"customer_tags": ["gold"]}, **FAR["rules"][0]}, {"steps": [{"weights": {"cost": 1}}]}]
    rows = [f"{name},2026-12-01T10:00:00Z,web,SKU-1,1,FR,48.86,2.38,{tags}" for name, tags in
            (("A", '" staff, gold"'), ("B", "gold;staff"), ("C", "staff"), ("D", ""))]  # fmt: skip
    row = ask(rule_set={"name": "gold", "rules": rules}, orders=csv(*rows, columns=f"{COLUMNS},customer_tags"))
    work()
    row.refresh_from_db()
    assert {p["location"]: p["parcels"] for p in row.figures["candidate"]["places"]} == {"LYON": 2, "PARIS": 2}
    far = SimulatedChange.objects.filter(simulation=row, candidate__parcels__0__location="LYON")
    assert {change.reference for change in far} == {"A", "B"}


def test_a_file_reads_back_as_it_was_written(network):
    columns = "order;placed_at;channel;sku;quantity;method;location;unit_price;wanted_by;customer_tags"
    rows = "B;2026-12-02T10:00:00+01:00;web;SKU-2;1;pickup;PARIS;12.50;2026-12-03T00:00:00Z;gold,staff"
    wanted = read_demands(f"\ufeff{columns}\n{rows}\n".encode(), most_orders=5)
    (one,) = wanted
    assert (one.demand.location, one.demand.destination, one.demand.lines[0].unit_value) == (
        "PARIS",
        None,
        Decimal("12.50"),
    )
    assert one.at == datetime(2026, 12, 2, 9, tzinfo=UTC)
    (back,) = unpack(pack(wanted))
    assert (back.at, back.demand.lines, back.demand.wanted_by) == (one.at, one.demand.lines, one.demand.wanted_by)
    assert list(back.demand.customer_tags) == ["gold", "staff"]


@pytest.mark.parametrize(
    ("data", "faults"),
    [
        (b"\xff\xfe", [("/rows/0", "not_utf_8")]),
        (b"", [(f"/rows/1/{name}", "required") for name in ("order", "placed_at", "channel", "sku", "quantity")]),
        (COLUMNS.encode(), [("/rows/1", "no_rows")]),
        (f"{COLUMNS}\n{ROW}\n{ROW.replace('A,', 'A' + chr(0) + ',')}".encode(), [("/rows/3", "not_printable")]),
        (f"{COLUMNS},unit_price\n{ROW},19,90\n{ROW},19.90,".encode(), [("/rows/2", "too_many_values")]),
        (f"{COLUMNS},colour\n{ROW}".encode(), [("/rows/1/colour", "unknown_column")]),
        (f"{COLUMNS}\n{ROW.replace('SKU-1', 'NONE')}".encode(), [("/rows/2/sku", "unknown_sku")]),
        (f"{COLUMNS}\n{ROW.replace(',2,', ',0,')}".encode(), [("/rows/2/quantity", "not_a_quantity")]),
        (f"{COLUMNS}\n{ROW.replace('web', 'no')}".encode(), [("/rows/2/channel", "unknown_channel")]),
        (f"{COLUMNS}\n{ROW.replace('Z', '')}".encode(), [("/rows/2/placed_at", "not_an_instant")]),
        (f"{COLUMNS}\n{ROW.replace('FR', 'France')}".encode(), [("/rows/2/country", "not_a_country")]),
        (f"{COLUMNS}\n{ROW.replace('48.86', 'nan')}".encode(), [("/rows/2/latitude", "not_degrees")]),
        (f"{COLUMNS},customer_tags\n{ROW},{'t' * 65}".encode(), [("/rows/2/customer_tags", "not_tags")]),
        (f"{COLUMNS},customer_tags\n{ROW},{'t;' * 21}".encode(), [("/rows/2/customer_tags", "not_tags")]),
        (
            f"{COLUMNS},method,location\n{ROW},pickup,\n{ROW.replace('A,', 'B,')},boat,MARS".encode(),
            [("/rows/2/location", "required"), ("/rows/3/method", "unknown_value"), ("/rows/3/location", "unknown_location")],
        ),
        ("\n".join([COLUMNS, *(ROW.replace("A,", f"{n},") for n in range(9))]).encode(), [("/rows/0/order", "too_many_orders")]),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_named_row_by_row(network, settings, data, faults):
    settings.SIMULATION_MOST_ORDERS = 8
    assert refusal(orders=DemandFile(data)) == faults


# ---- over HTTP ---------------------------------------------------------------------------------------


def test_the_api_asks_follows_and_calls_off(network, client, client_with):
    remember(3)
    body = {"rule_set": FAR, "placed_after": MONDAY.isoformat(), "placed_before": PERIOD.placed_before.isoformat()}
    key = {"HTTP_IDEMPOTENCY_KEY": "once"}

    made = client.post("/api/v1/simulations/", body, format="json", **key)
    again = client.post("/api/v1/simulations/", body, format="json", **key)

    assert (made.status_code, again.status_code, again.headers["Idempotency-Replayed"]) == (202, 202, "true")
    assert made.json()["id"] == again.json()["id"]
    address = f"/api/v1/simulations/{made.json()['id']}/"
    work(at=datetime.now(UTC))
    done = client.get(address).json()
    assert (done["status"], done["progress"], done["figures"]["comparison"]["changed"]) == ("completed", 1.0, 3)
    assert [d for d in done["differences"] if d["measure"] == "cost"] == [
        {"measure": "cost", "currency": "EUR", "baseline": 4.0, "candidate": 6.0, "change": 2.0, "relative": 0.5}
    ]
    page = client.get(f"{address}changes/?page_size=2").json()
    assert (len(page["results"]), page["next"] is None) == (2, False)
    assert client.get("/api/v1/simulations/?status=completed").json()["results"][0]["id"] == done["id"]
    refused = client.post(f"{address}cancel/")
    assert (refused.status_code, refused.json()["code"]) == (409, "illegal_move")

    for bounds in ({"channel": "web"}, {"locations": ["PARIS"]}):
        bound: APIClient = client_with("all", **bounds)
        assert bound.get(address).status_code == 404
        assert bound.get("/api/v1/simulations/").json()["results"] == []
        assert bound.post("/api/v1/simulations/", body, format="json").status_code == 403
    assert client_with("routing:read").post("/api/v1/simulations/", body, format="json").status_code == 403


def test_what_a_review_finds_is_told_when_it_is_asked_for_and_on_its_page(network, client):
    remember(1)
    nowhere = {"name": "typo", "rules": [{"steps": [{"from": {"locations": ["LYON", "ATLANTIS"]}}, {"from": {}}]}]}
    body = {"rule_set": nowhere, "baseline": {**nowhere, "name": "old"}}
    period = {"placed_after": MONDAY.isoformat(), "placed_before": PERIOD.placed_before.isoformat()}

    made = client.post("/api/v1/simulations/", body | period, format="json")

    assert made.status_code == 202, made.json()
    assert [(found["pointer"], found["code"], found["serious"]) for found in made.json()["findings"]] == [
        ("/rule_set/rules/0/steps/0/from", "unknown_location", True),
        ("/baseline/rules/0/steps/0/from", "unknown_location", True),
    ]
    browser = Client()
    browser.force_login(User.objects.create_superuser("ada"))
    page = browser.get(f"/admin/routing/simulation/{made.json()['id']}/change/").content.decode()
    assert "Must be mended" in page
    assert "ATLANTIS" in page


def test_the_form_begins_with_the_newest_draft(network):
    browser = Client()
    browser.force_login(User.objects.create_superuser("ada"))
    draft, published = create_draft(document=FAR), create_draft(document={**FAR, "name": "live"})
    publish_rule_set(rule_set_id=published.pk, actor="test", as_of=LATER)

    def chosen(**query):
        return browser.get("/admin/routing/simulation/new/", query).context["form"]["rule_set"].value()

    assert chosen() == draft.pk
    assert chosen(rule_set=published.pk) == published.pk


@pytest.mark.parametrize("given", ["", 7, None, ["rul_1"], "r" * 65])
def test_what_is_no_rule_set_is_named_at_its_own_place(network, client, given):
    remember(1)
    body = {"rule_set": given, "placed_after": MONDAY.isoformat(), "placed_before": PERIOD.placed_before.isoformat()}
    refused = client.post("/api/v1/simulations/", body, format="json")
    assert refused.status_code == 422
    assert [fault["pointer"] for fault in refused.json()["errors"]] == ["/rule_set"]
    assert not Simulation.objects.exists()


def test_the_api_takes_a_file_and_names_its_faults(network, client):
    draft = create_draft(document=FAR)
    address = f"/api/v1/simulations/files/?rule_set={draft.pk}"

    bad = client.generic("POST", address, csv(ROW.replace("SKU-1", "NONE")).data, "text/csv")
    assert (bad.status_code, bad.json()["code"]) == (422, "invalid_demand_file")
    assert bad.json()["errors"][0]["pointer"] == "/rows/2/sku"
    assert not Simulation.objects.exists()

    made = client.generic("POST", address, csv(ROW).data, "text/csv")
    assert (made.status_code, made.json()["rule_set"], made.json()["orders_total"]) == (202, draft.pk, 1)
    assert client.generic("POST", address, b"{}", "application/json").status_code == 415
    empty = client.generic("POST", address, b"", "text/csv")
    assert (empty.status_code, empty.json()["code"]) == (422, "invalid_demand_file")
