"""Counting a part of a place: what is said, what it comes to, what the books say of it, and who decides."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction

from inventory.errors import (
    ApprovalNeeded,
    CountNotOpen,
    HeadquartersNeeded,
    NotFoundUnconfirmed,
    NothingCounted,
    NothingWaits,
    RecountMissing,
)
from inventory.models import CountLine, CountScan, CountSession, StockLevel, StockMovement
from inventory.services import (
    Approver,
    ProductRow,
    Scan,
    Scope,
    StockEvent,
    approve_count,
    cancel_count,
    open_count,
    receive_stock_events,
    record_scans,
    recount_lines,
    reject_differences,
    save_products,
    submit_count,
    undo_scan,
)
from oms.errors import IllegalMove, Invalid, Missing
from oms.models import Event
from tests.factories.inventory import NOW, level, make_location, make_product, set_stock

pytestmark = pytest.mark.django_db

LEA, TOM = "user:lea", "user:tom"
MANAGER = Approver("user:manager", is_headquarters=False)
HEADQUARTERS = Approver("user:olga", is_headquarters=True)


def minutes(number):
    return NOW + timedelta(minutes=number)


@pytest.fixture(autouse=True)
def shelves(db):
    """Four articles at 10.00 each: ten, five, one and none."""
    make_location("S")
    for sku, units in (("A", 10), ("B", 5), ("C", 1), ("D", 0)):
        make_product(sku, price=Decimal("10.00"))
        set_stock(sku, "S", units)
    StockLevel.objects.update(updated_at=NOW - timedelta(days=1), counted_at=None)


def opened(scope=None, **values):
    return open_count(location="S", scope=scope or Scope(), actor=LEA, as_of=NOW, **values)


def say(session, sku, units, *, at=1, total=True, actor=LEA, scan_id=None, **values):
    scan = Scan(scan_id or f"{sku}-{units}-{at}", sku, units, total, scanned_at=minutes(at), **values)
    [result] = record_scans(session_id=session, scans=[scan], actor=actor, as_of=minutes(at))
    return result.status if not result.code else result.code


def submit(session, *, at=10, **values):
    submit_count(session_id=session, actor=LEA, as_of=minutes(at), **values)


def approve(session, approver=MANAGER, *, at=20, **values):
    approve_count(session_id=session, approver=approver, as_of=minutes(at), **values)


def sell(sku, units, *, at, heard=None):
    event = StockEvent(f"sale-{sku}-{at}", sku, "S", "delta", -units, minutes(at), reason="sale")
    receive_stock_events([event], source="till", actor="till", as_of=minutes(heard or at))


def statuses(session):
    return dict(CountLine.objects.filter(session=session).values_list("product_id", "status"))


def line(session, sku):
    return CountLine.objects.get(session=session, product=sku)


def status(session):
    return CountSession.objects.get(pk=session).status


def on_hand():
    return dict(StockLevel.objects.order_by("product_id").values_list("product_id", "on_hand"))


def traces():
    return (
        list(CountLine.objects.order_by("id").values()),
        list(CountScan.objects.order_by("id").values()),
        list(CountSession.objects.values()),
        StockMovement.objects.count(),
        list(StockLevel.objects.order_by("id").values()),
        Event.objects.count(),
    )


# ---- opening --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "location", "pointers"),
    [
        (Scope("bins"), "S", ["/bins"]),
        (Scope("skus"), "S", ["/skus"]),
        (Scope("tag"), "S", ["/tag"]),
        (Scope("skus", skus=["A", "NONE"]), "S", ["/skus"]),
        (Scope("place", bins=["A-1"]), "S", ["/bins"]),
        (Scope(), "NOWHERE", ["/location"]),
    ],
)
def test_a_count_needs_a_place_and_exactly_what_its_scope_needs(scope, location, pointers):
    with pytest.raises(Invalid) as refused:
        open_count(location=location, scope=scope, actor=LEA, as_of=NOW)

    assert [error.pointer for error in refused.value.errors] == pointers
    assert not CountSession.objects.exists()


def test_opening_is_told_once():
    session = opened(Scope("skus", skus=["B", "A", "A"]))

    (event,) = Event.objects.filter(subject=session)
    assert (event.type, event.actor, event.payload) == (
        "inventory.count.opened",
        LEA,
        {"location": "S", "scope": "skus"},
    )
    assert CountSession.objects.get().skus == ["A", "B"]


# ---- counting -------------------------------------------------------------------------------------


def test_two_people_count_the_same_article_in_two_bins():
    session = opened()

    say(session, "A", 4, bin="R-1", actor=LEA, at=1)
    say(session, "A", 1, bin="R-2", actor=TOM, at=2, total=False)
    say(session, "A", 1, bin="R-2", actor=TOM, at=3, total=False)

    found = line(session, "A")
    assert (found.units, found.bin, found.counted_at, found.counted_by) == (6, "R-1", minutes(3), TOM)


def test_a_scan_that_is_sent_again_counts_once_and_an_id_used_otherwise_is_rejected():
    session = opened()

    again = [say(session, "A", 1, total=False, scan_id="x") for _time in range(2)]
    other = say(session, "A", 2, total=False, scan_id="x")

    assert (again, other) == (["counted", "duplicate"], "id_reused")
    assert line(session, "A").units == 1


def test_scans_of_a_batch_are_answered_one_by_one():
    session = opened(Scope("skus", skus=["A", "B"]))
    scans = [Scan("1", "A", 2), Scan("1", "A", 2), Scan("2", "C", 1), Scan("3", "NONE", 1), Scan("4", "B", 3)]

    results = record_scans(session_id=session, scans=scans, actor=LEA, as_of=minutes(1))

    assert [(one.id, one.status, one.code, one.units) for one in results] == [
        ("1", "counted", "", 2),
        ("1", "duplicate", "", 2),
        ("2", "rejected", "outside_scope", None),
        ("3", "rejected", "unknown_product", None),
        ("4", "counted", "", 3),
    ]
    assert statuses(session) == {"A": "counted", "B": "counted"}


def test_a_late_message_of_a_phone_finds_its_place_in_time():
    session = opened()

    say(session, "A", 9, at=5)
    scan = Scan("late", "A", 3, is_total=True, scanned_at=minutes(2))
    record_scans(session_id=session, scans=[scan], actor=TOM, as_of=minutes(6))

    assert (line(session, "A").units, line(session, "A").counted_at) == (9, minutes(5))


def test_a_clock_that_is_wrong_makes_neither_a_future_nor_a_time_before_the_count():
    session = opened()
    scans = [
        Scan("slow", "A", 1, scanned_at=NOW - timedelta(days=3)),
        Scan("fast", "B", 1, scanned_at=minutes(3)),
        Scan("wild", "C", 1, scanned_at=minutes(60)),
    ]

    results = record_scans(session_id=session, scans=scans, actor=LEA, as_of=minutes(1))

    assert [result.code for result in results] == ["", "", "in_the_future"]
    assert (line(session, "A").counted_at, line(session, "B").counted_at) == (NOW, minutes(1))


def test_a_barcode_means_its_product_with_or_without_the_zeros_of_scanners():
    with transaction.atomic():
        row = ProductRow(sku="E", name_en="Mug", price=Decimal(1), barcodes=["0036000291452"])
        save_products([row], as_of=NOW)
    session = opened()

    assert [say(session, code, 1, total=False) for code in ("0036000291452", "036000291452", "E")] == ["counted"] * 3
    assert line(session, "E").units == 3


def test_an_undone_scan_counts_no_more_and_the_line_goes_with_its_last_one():
    session = opened()
    say(session, "A", 2, total=False, scan_id="x", at=1)
    say(session, "A", 5, total=False, scan_id="y", at=2)

    undo_scan(session_id=session, scan_id="y", as_of=minutes(3))
    undo_scan(session_id=session, scan_id="y", as_of=minutes(4))
    left = line(session, "A").units
    undo_scan(session_id=session, scan_id="x", as_of=minutes(5))

    assert left == 2
    assert statuses(session) == {}
    with pytest.raises(Missing):
        undo_scan(session_id=session, scan_id="z", as_of=minutes(6))


# ---- against the books ----------------------------------------------------------------------------


def test_what_agrees_is_applied_at_once_and_ends_the_count():
    session = opened()
    say(session, "A", 10)
    say(session, "B", 4)

    submit(session)

    assert (status(session), statuses(session)) == ("approved", {"A": "applied", "B": "applied"})
    assert on_hand() == {"A": 10, "B": 4, "C": 1, "D": 0}
    movements = StockMovement.objects.filter(reference=session).order_by("product_id")
    assert [(m.product_id, m.cause, m.quantity, m.actor) for m in movements] == [
        ("A", "count", 0, LEA),
        ("B", "count", -1, LEA),
    ]
    types = Event.objects.filter(subject=session).order_by("id").values_list("type", flat=True)
    assert [kind.rpartition(".")[2] for kind in types] == ["opened", "submitted", "approved"]
    assert (level("A", "S").counted_at, level("A", "S").confidence) == (minutes(1), pytest.approx(0.6))


def test_what_differs_waits_and_changes_nothing_yet():
    session = opened()
    say(session, "A", 7)
    say(session, "C", 0)  # the last one is missing: one unit, but none is not some

    submit(session)

    assert (status(session), statuses(session)) == ("submitted", {"A": "waiting", "C": "waiting"})
    found = line(session, "A")
    assert (found.expected, found.difference, found.value, found.currency) == (10, -3, Decimal("30.00"), "EUR")
    assert on_hand() == {"A": 10, "B": 5, "C": 1, "D": 0}
    assert level("A", "S").confidence is None


def test_one_unit_that_is_worth_much_waits_too(settings):
    settings.COUNT_TOLERANCE_VALUE = 9
    session = opened()
    say(session, "A", 9)

    submit(session)

    assert statuses(session) == {"A": "waiting"}


def test_what_was_sold_after_the_look_is_no_difference_however_late_it_is_heard_of():
    session = opened()
    sell("A", 2, at=1)
    say(session, "A", 8, at=3)
    sell("A", 1, at=5)
    sell("A", 3, at=2, heard=6)  # before the look, but told only after it: eight were there because of it, five now?

    submit(session)

    # Before the look the books said 10 − 2 − 3 = 5, found were 8: three more than expected; one was sold since.
    assert (line(session, "A").expected, line(session, "A").difference) == (5, 3)
    approve(session)
    assert on_hand()["A"] == 7


def test_approval_applies_the_count_as_of_its_instant_whatever_moved_since():
    session = opened()
    say(session, "A", 7, at=1)
    submit(session)
    sell("A", 2, at=15)

    approve(session)

    assert (on_hand()["A"], statuses(session), status(session)) == (5, {"A": "applied"}, "approved")
    assert (line(session, "A").decided_by, level("A", "S").confidence) == ("user:manager", pytest.approx(0.4))
    movement = StockMovement.objects.get(reference=session)
    assert (movement.quantity, movement.occurred_at, movement.actor) == (-3, minutes(1), "user:manager")


def test_a_level_that_was_counted_again_meanwhile_keeps_the_newer_count():
    session = opened()
    say(session, "A", 7, at=1)
    submit(session)
    receive_stock_events(
        [StockEvent("erp", "A", "S", "count", 9, minutes(12))], source="erp", actor="erp", as_of=minutes(12)
    )

    approve(session)

    assert (on_hand()["A"], statuses(session), status(session)) == (9, {"A": "stale"}, "approved")


def damaged(sku):
    return level(sku, "S").on_hand, level(sku, "S").damaged


def in_the_books(sku, units):
    event = StockEvent(f"broken-{sku}", sku, "S", "count", on_hand()[sku], NOW, damaged=units)
    receive_stock_events([event], source="wms", actor="wms", as_of=NOW)


def test_damaged_units_are_told_apart():
    session = opened()
    say(session, "A", 10, damaged=1)

    submit(session)

    assert (statuses(session), damaged("A")) == ({"A": "applied"}, (10, 1))
    found = line(session, "A")
    assert (found.difference, found.damaged_difference, found.value) == (0, 1, Decimal("10.00"))


@pytest.mark.parametrize(("were", "are"), [(0, 2), (2, 0), (0, 10), (10, 0)])
def test_units_whose_condition_is_another_are_a_difference(were, are):
    in_the_books("A", were)
    session = opened()
    say(session, "A", 10, damaged=are)

    submit(session)

    found = line(session, "A")
    assert (statuses(session), damaged("A")) == ({"A": "waiting"}, (10, were))
    assert (found.expected, found.difference, found.damaged_difference) == (10, 0, are - were)
    assert found.value == abs(are - were) * 10
    approve(session)
    assert damaged("A") == (10, are)


@pytest.mark.parametrize(
    ("were", "units", "are", "in_question"),
    [
        (0, 9, 1, 2),  # one is gone and another broke
        (2, 8, 0, 2),  # the two broken ones are gone
        (2, 12, 4, 2),  # two more, both broken
        (2, 11, 2, 1),
        (2, 9, 2, 1),
        (2, 8, 4, 4),  # two are gone and two broke
        (2, 11, 4, 2),  # a broken one came and another broke
    ],
)
def test_units_are_in_question_that_are_gone_came_or_are_in_another_condition(were, units, are, in_question):
    in_the_books("A", were)
    session = opened()
    say(session, "A", units, damaged=are)

    submit(session)

    assert line(session, "A").value == in_question * 10
    assert statuses(session) == {"A": "applied" if in_question == 1 else "waiting"}


def test_the_last_one_that_can_be_sold_waits_as_if_it_were_gone():
    session = opened()
    say(session, "C", 1, damaged=1)

    submit(session)

    assert (statuses(session), damaged("C")) == ({"C": "waiting"}, (1, 0))


def test_whoever_does_not_tell_damaged_units_apart_says_nothing_of_them():
    in_the_books("A", 5)
    session = opened()
    say(session, "A", 10)

    submit(session)

    assert (statuses(session), damaged("A")) == ({"A": "applied"}, (10, 5))
    assert line(session, "A").damaged_difference is None


def test_units_in_another_condition_that_are_worth_much_are_decided_by_headquarters(settings):
    settings.COUNT_HEADQUARTERS_VALUE = 25
    in_the_books("A", 3)
    session = opened()
    say(session, "A", 10, damaged=0)
    submit(session)
    before = traces()

    for decide in (lambda: approve(session), lambda: approve(session, skus=["A"])):
        with pytest.raises(HeadquartersNeeded):
            decide()
    assert traces() == before

    approve(session, HEADQUARTERS)
    assert damaged("A") == (10, 0)


def test_what_broke_or_was_repaired_after_the_look_is_no_difference():
    def breaks(sku, units, *, at):
        event = StockEvent(f"b-{at}", sku, "S", "delta", units, minutes(at), condition="damaged")
        receive_stock_events([event], source="wms", actor="wms", as_of=minutes(at))

    breaks("A", 3, at=1)  # on hand 13, 3 of them damaged
    session = opened()
    say(session, "A", 13, damaged=3, at=2)
    say(session, "B", 5, damaged=4, at=2)
    breaks("A", 2, at=5)

    submit(session)
    breaks("B", 1, at=12)
    approve(session)

    assert (line(session, "A").damaged_difference, line(session, "B").damaged_difference) == (0, 4)
    assert (damaged("A"), damaged("B")) == ((15, 5), (6, 5))


def test_goods_of_another_bin_wait_even_when_little_differs():
    StockLevel.objects.filter(product="A").update(bin="R-9")
    StockLevel.objects.filter(product="B").update(bin="R-1")
    session = opened(Scope("bins", bins=["R-1"]))
    say(session, "A", 9, bin="R-1")
    say(session, "B", 4, bin="R-1")

    submit(session)

    assert statuses(session) == {"A": "waiting", "B": "applied"}


def test_a_count_ends_a_suspicion_and_remembers_the_bin():
    StockLevel.objects.filter(product="A").update(suspect_at=NOW)
    session = opened()
    say(session, "A", 10, bin="R-3")

    submit(session)

    assert (level("A", "S").suspect_at, level("A", "S").bin) == (None, "R-3")


def test_an_article_that_was_never_here_gets_a_level():
    make_product("NEW", price=Decimal("10.00"))
    session = opened()
    say(session, "NEW", 2)
    submit(session)

    approve(session)

    assert level("NEW", "S").on_hand == 2


# ---- what nobody found ----------------------------------------------------------------------------


def test_what_nobody_found_is_left_alone_unless_the_count_says_otherwise():
    session = opened()
    say(session, "A", 10)

    submit(session)

    assert (status(session), statuses(session)) == ("approved", {"A": "applied"})


def test_what_nobody_found_is_none_only_after_their_number_was_confirmed():
    session = opened(not_found_is_zero=True)
    say(session, "A", 10)
    before = traces()

    for confirmed in (None, 1, 3):
        with pytest.raises(NotFoundUnconfirmed) as refused:
            submit(session, confirmed_not_found=confirmed)
        assert refused.value.facts == {"not_found": 2, "skus": ["B", "C"]}
    assert traces() == before

    submit(session, confirmed_not_found=2)

    assert statuses(session) == {"A": "applied", "B": "waiting", "C": "waiting"}
    assert [line(session, sku).is_unseen for sku in "ABC"] == [False, True, True]
    approve(session)
    assert on_hand() == {"A": 10, "B": 0, "C": 0, "D": 0}


@pytest.mark.parametrize(
    ("scope", "missing"),
    [
        (Scope("skus", skus=["B", "D"]), ["B"]),
        (Scope("bins", bins=["R-1", "R-2"]), ["C"]),
        (Scope("tag", tag="mugs"), ["A", "B"]),
    ],
)
def test_only_what_belongs_to_the_count_can_be_missing(scope, missing):
    make_product("A", price=Decimal("10.00"), tags=["mugs"])
    make_product("B", price=Decimal("10.00"), tags=["mugs", "red"])
    StockLevel.objects.filter(product="C").update(bin="R-2")
    session = opened(scope, not_found_is_zero=True)

    with pytest.raises(NotFoundUnconfirmed) as refused:
        submit(session)

    assert refused.value.facts["skus"] == missing


def test_a_count_of_a_tag_takes_no_other_articles():
    make_product("A", price=Decimal("10.00"), tags=["mugs"])
    session = opened(Scope("tag", tag="mugs"))

    assert [say(session, sku, 1) for sku in "AB"] == ["counted", "outside_scope"]


def test_nothing_counted_cannot_be_submitted():
    session = opened()
    before = traces()

    with pytest.raises(NothingCounted):
        submit(session)

    assert traces() == before


# ---- deciding -------------------------------------------------------------------------------------


@pytest.fixture
def differing():
    """Three short of A, two of B too many."""
    session = opened()
    say(session, "A", 7)
    say(session, "B", 7)
    submit(session)
    return session


def test_each_difference_is_decided_by_itself_and_the_last_one_ends_the_count(differing):
    approve(differing, skus=["A"])
    middle = status(differing)
    reject_differences(session_id=differing, skus=["B"], approver=MANAGER, as_of=minutes(21))

    assert (middle, status(differing)) == ("submitted", "approved")
    assert statuses(differing) == {"A": "applied", "B": "rejected"}
    assert on_hand() == {"A": 7, "B": 5, "C": 1, "D": 0}


def test_a_difference_that_is_sent_back_is_counted_from_nothing(differing):
    recount_lines(session_id=differing, skus=["A"], actor=MANAGER.actor, as_of=minutes(20))
    assert (status(differing), statuses(differing)) == ("open", {"A": "recount", "B": "waiting"})
    assert (line(differing, "A").expected, line(differing, "A").difference) == (None, None)
    with pytest.raises(RecountMissing) as refused:
        submit(differing, at=21)
    assert refused.value.facts == {"skus": ["A"]}

    late = say(differing, "A", 1, at=12, total=False)
    of_others = say(differing, "B", 1, at=22, total=False)
    again = say(differing, "A", 9, at=23)
    submit(differing, at=24)

    assert (late, of_others, again) == ("too_early", "already_submitted", "counted")
    assert statuses(differing) == {"A": "applied", "B": "waiting"}
    assert (line(differing, "A").units, line(differing, "A").attempt, on_hand()["A"]) == (9, 2, 9)
    approve(differing, at=25)
    assert status(differing) == "approved"


def test_undoing_a_second_count_leaves_the_article_to_be_counted_again(differing):
    recount_lines(session_id=differing, skus=["A"], actor=MANAGER.actor, as_of=minutes(20))
    say(differing, "A", 9, at=21, scan_id="again")

    undo_scan(session_id=differing, scan_id="again", as_of=minutes(22))

    assert line(differing, "A").status == "recount"


def test_waiting_differences_can_be_decided_while_others_are_counted_again(differing):
    recount_lines(session_id=differing, skus=["A"], actor=MANAGER.actor, as_of=minutes(20))

    approve(differing, skus=["B"], at=21)

    assert (status(differing), statuses(differing)) == ("open", {"A": "recount", "B": "applied"})


def test_approving_again_changes_nothing(differing):
    approve(differing)
    before = traces()

    approve(differing)

    assert traces() == before


def test_what_did_not_reach_the_books_is_not_said_to_be_applied(differing):
    impostor = StockEvent("A/1", "A", "S", "delta", 0, minutes(20))
    receive_stock_events([impostor], source=differing, actor="key:till", as_of=minutes(20))

    with pytest.raises(Invalid):
        approve_count(session_id=differing, approver=MANAGER, as_of=minutes(30))

    assert level("A", "S").on_hand == 10
    assert set(CountLine.objects.filter(session=differing).values_list("status", flat=True)) == {"waiting"}


def test_another_finds_nothing_left_to_decide(differing):
    approve(differing)
    before = traces()

    with pytest.raises(NothingWaits):
        approve(differing, HEADQUARTERS)
    with pytest.raises(NothingWaits):
        recount_lines(session_id=differing, skus=["A"], actor=TOM, as_of=minutes(30))

    assert traces() == before


def test_a_product_whose_difference_does_not_wait_is_refused_with_all_others(differing):
    before = traces()

    for decide in (
        lambda: approve(differing, skus=["A", "C"]),
        lambda: reject_differences(session_id=differing, skus=["A", "C"], approver=MANAGER, as_of=minutes(20)),
        lambda: recount_lines(session_id=differing, skus=["A", "C"], actor=LEA, as_of=minutes(20)),
    ):
        with pytest.raises(Invalid):
            decide()

    assert traces() == before


def test_differences_of_much_value_are_decided_by_headquarters(settings, differing):
    settings.COUNT_HEADQUARTERS_VALUE = 25  # A is worth 30.00, B 20.00
    before = traces()
    with pytest.raises(HeadquartersNeeded) as refused:
        approve(differing, skus=["A", "B"])
    with pytest.raises(HeadquartersNeeded):
        cancel_count(session_id=differing, actor=MANAGER.actor, approver=MANAGER, as_of=minutes(20))
    with pytest.raises(HeadquartersNeeded):
        reject_differences(session_id=differing, skus=["A"], approver=MANAGER, as_of=minutes(20))
    assert (refused.value.facts, traces()) == ({"skus": ["A"]}, before)

    approve(differing)
    by_manager = statuses(differing)
    with pytest.raises(HeadquartersNeeded):
        approve(differing)
    approve(differing, HEADQUARTERS)

    assert by_manager == {"A": "waiting", "B": "applied"}
    assert (statuses(differing), status(differing)) == ({"A": "applied", "B": "applied"}, "approved")


def test_a_canceled_count_leaves_the_books_as_they_are(differing):
    before = traces()
    with pytest.raises(ApprovalNeeded):
        cancel_count(session_id=differing, actor=LEA, as_of=minutes(20))
    assert traces() == before

    cancel_count(session_id=differing, reason="wrong shelf", actor=MANAGER.actor, approver=MANAGER, as_of=minutes(20))

    assert (status(differing), statuses(differing)) == ("canceled", {"A": "rejected", "B": "rejected"})
    assert on_hand() == {"A": 10, "B": 5, "C": 1, "D": 0}
    with pytest.raises(IllegalMove):
        cancel_count(session_id=differing, actor=LEA, as_of=minutes(21))


def test_nothing_is_counted_or_submitted_after_the_submission(differing):
    before = traces()

    with pytest.raises(CountNotOpen):
        say(differing, "C", 1, at=11)
    with pytest.raises(CountNotOpen):
        submit(differing, at=11)
    with pytest.raises(CountNotOpen):
        undo_scan(session_id=differing, scan_id="A-7-1", as_of=minutes(11))

    assert traces() == before


def test_the_books_balance_after_all_that(differing, broken_invariants):
    sell("A", 1, at=12)
    approve(differing)

    assert broken_invariants() == []


def test_five_hundred_lines_take_a_constant_number_of_statements(django_assert_max_num_queries):
    from tests.factories.inventory import make_products, set_stocks

    skus = [f"P{n:03}" for n in range(500)]
    make_products(*skus)
    set_stocks({(sku, "S"): 3 for sku in skus})
    session = opened()
    scans = [Scan(sku, sku, 3 if n % 2 else 9, is_total=True) for n, sku in enumerate(skus)]

    with django_assert_max_num_queries(14):
        record_scans(session_id=session, scans=scans, actor=LEA, as_of=minutes(1))
    with django_assert_max_num_queries(28):
        submit(session)
    with django_assert_max_num_queries(20):
        approve(session, HEADQUARTERS)

    assert StockLevel.objects.filter(on_hand=9).count() == 250
