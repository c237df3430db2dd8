"""What a file of counts does to the levels, whatever is in it and whatever happens meanwhile."""

import errno
from datetime import timedelta

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inventory.errors import TooManyImports
from inventory.exposure import Context
from inventory.imports.staging import SCHEMA, Staging, imports_with_tables
from inventory.imports.unpacking import Unpacked
from inventory.imports.upload import import_files, path_of
from inventory.models import ImportPlace, LedgerStart, StockImport, StockLevel, StockMovement
from inventory.services import (
    Held,
    StockEvent,
    Want,
    apply_stock_events,
    cancel_import,
    consume_reservations,
    import_work,
    mark_suspect,
    reserve_stock,
    start_import,
    tidy_imports,
    work_on_imports,
)
from inventory.services.feeds import FeedRow, put_feed
from oms.clock import now
from oms.errors import IllegalMove, Invalid, Missing
from oms.leases import LeaseLost
from oms.models import Event
from tests.factories.imports import faults, imported, packed, receive, rows, work
from tests.factories.inventory import NOW, level, make_locations, make_products, set_stocks

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def shelves(db, settings, tmp_path):
    settings.IMPORT_DIR = tmp_path
    make_products("A", "B", "C")
    make_locations("S", "T")
    set_stocks({("A", "S"): 5, ("B", "S"): 5, ("A", "T"): 5})


def on_hand():
    return {(row.product_id, row.location_id): row.on_hand for row in StockLevel.objects.all()}


def figures(row):
    return row.rows_total, row.rows_applied, row.rows_changed, row.rows_rejected


def move(sku, place, quantity, at, *, kind="delta", condition=None, number=[0]):  # noqa: B006
    number[0] += 1
    event = StockEvent(f"m{number[0]}", sku, place, kind, quantity, at, condition=condition)
    with transaction.atomic():
        [result] = apply_stock_events([event], source="till", actor="test", as_of=now())
    return result.status


def reserve(units, *, demand="order_line:1", at):
    with transaction.atomic():
        assert reserve_stock([(Context(as_of=at), [Want(demand, "A", "S", units)])], as_of=at) == []


# ---- counts ----------------------------------------------------------------------------------------


def test_a_file_of_counts_changes_what_it_names():
    done = imported(rows("A,S,7", "B,S,5", "C,T,2"))

    assert (done.status, done.failure, figures(done)) == ("completed", None, (3, 3, 2, 0))
    assert on_hand() == {("A", "S"): 7, ("B", "S"): 5, ("C", "T"): 2, ("A", "T"): 5}
    moved = StockMovement.objects.filter(reference=done.pk).order_by("id")
    assert list(moved.values_list("product_id", "location_id", "quantity", "cause", "source", "actor")) == [
        ("A", "S", 2, "count", "erp", "test"),
        ("C", "T", 2, "count", "erp", "test"),
    ]
    assert StockLevel.objects.filter(counted_at=done.occurred_at).count() == 3


@pytest.mark.parametrize("chunk", [1, 2, 3, 100])
def test_chunks_of_any_size_end_the_same(settings, chunk, broken_invariants):
    settings.IMPORT_CHUNK_ROWS = chunk

    done = imported(rows("B,T,1", "A,S,7", "X,S,1", "B,S,0", "A,X,2", "C,S,3", "A,S,8", "C,T,x"))

    assert figures(done) == (8, 4, 4, 4)
    assert on_hand() == {("A", "S"): 8, ("B", "S"): 0, ("B", "T"): 1, ("C", "S"): 3, ("A", "T"): 5}
    assert faults(done) == [
        (2 + 1, "duplicate_row", "7"),
        (4, "unknown_sku", "1"),
        (6, "unknown_location", "2"),
        (9, "not_a_quantity", "x"),
    ]
    assert done.faults == {"duplicate_row": 1, "unknown_sku": 1, "unknown_location": 1, "not_a_quantity": 1}
    assert broken_invariants() == []


def test_changes_are_told_once_a_chunk(settings):
    settings.IMPORT_CHUNK_ROWS = 2

    done = imported(rows("A,S,7", "A,T,5", "B,S,6", "C,S,1", "C,T,0"))

    told = Event.objects.filter(type="inventory.level.changed", payload__reference=done.pk).order_by("id")
    first, second = [event.payload["levels"] for event in told]
    assert first == [
        {"sku": "A", "location": "S", "on_hand": 7, "reserved": 0, "damaged": 0, "quarantined": 0},
    ]
    assert [found["sku"] for found in second] == ["B", "C"]
    steps = Event.objects.filter(subject=done.pk).order_by("id").values_list("type", flat=True)
    assert list(steps) == [f"inventory.import.{step}" for step in ("pending", "staging", "applying", "completed")]


def test_a_level_that_holds_less_than_is_promised_is_told():
    reserve(4, at=NOW)

    imported(rows("A,S,1"))

    [event] = Event.objects.filter(type="inventory.stock.short")
    assert (event.subject, event.actor) == ("A", "test")
    assert event.payload == {"sku": "A", "location": "S", "reserved": 4, "short": 3}


def test_what_moved_since_the_count_is_added():
    counted_at = NOW + 10 * MINUTE
    assert move("A", "S", -2, NOW + 11 * MINUTE) == "applied"

    imported(rows("A,S,9"), occurred_at=counted_at)

    assert level("A", "S").on_hand == 7
    assert level("A", "S").counted_at == counted_at


def test_no_more_are_damaged_or_set_apart_than_the_file_counts():
    for sku in "AB":
        for condition, units in (("damaged", 3), ("quarantined", 2)):
            assert move(sku, "S", units, NOW + 2 * MINUTE, condition=condition) == "applied"
    move("C", "S", 2, NOW + 2 * MINUTE, condition="damaged")
    move("C", "S", -2, NOW + 2 * MINUTE)

    done = imported(rows("A,S,4", "B,S,6", "C,S,0"))

    apart = [(level(sku, "S").damaged, level(sku, "S").quarantined) for sku in "ABC"]
    assert apart == [(3, 1), (3, 2), (0, 0)]
    moved = StockMovement.objects.filter(reference=done.pk).order_by("product")
    assert [(one.quantity, one.damaged_delta, one.quarantined_delta) for one in moved] == [
        (-6, 0, -1),
        (-4, 0, 0),
        (0, -2, 0),
    ]
    [place] = ImportPlace.objects.filter(stock_import=done)
    assert (place.different, place.units_under) == (2, 10)  # of C none were there, as the books said


def test_a_count_older_than_the_last_one_is_stale():
    assert move("A", "S", 8, NOW + 10 * MINUTE, kind="count") == "applied"

    done = imported(
        rows(
            "A,S,3,2026-03-02T09:09:59Z,",
            "B,S,3,2026-03-02T09:09:59Z,B-1",
            header="sku,location,quantity,occurred_at,bin",
        )
    )

    assert (level("A", "S").on_hand, level("B", "S").on_hand, level("B", "S").bin) == (8, 3, "B-1")
    assert faults(done) == [(2, "stale", "3")]


def test_of_what_is_older_than_the_ledger_nothing_is_believed():
    LedgerStart.objects.create(begins_at=NOW + 5 * MINUTE)

    done = imported(
        rows("A,S,3,2026-03-02T09:04:59Z", "B,S,3,2026-03-02T09:05:00Z", header="sku,location,quantity,occurred_at")
    )

    assert (level("A", "S").on_hand, level("B", "S").on_hand) == (5, 3)
    assert faults(done) == [(2, "before_the_ledger", "3")]


def test_a_row_whose_difference_no_movement_can_hold_stops_no_other():
    for number in range(2):
        assert move("A", "S", -1_000_000_000 - 2 * number, NOW + number * MINUTE) == "applied"

    done = imported(rows("A,S,1000000000", "B,S,7"), occurred_at=NOW + 5 * MINUTE)

    assert (figures(done), faults(done)) == ((2, 1, 1, 1), [(2, "out_of_range", "1000000000")])
    assert level("B", "S").on_hand == 7


def test_a_count_ends_a_suspicion_that_is_not_younger():
    with transaction.atomic():
        mark_suspect([("A", "S"), ("B", "S")], reference="f", actor="test", as_of=NOW + MINUTE)

    imported(
        rows("A,S,5,2026-03-02T09:01:00Z", "B,S,5,2026-03-02T09:00:59Z", header="sku,location,quantity,occurred_at")
    )

    assert level("A", "S").suspect_at is None
    assert level("B", "S").suspect_at == NOW + MINUTE


def test_packed_files_and_json_are_read_as_well():
    lines = b'{"sku":"A","location":"S","quantity":7}\n{"sku":"A","location":"T","quantity":8}\n'

    done = imported(packed(lines), format="ndjson")

    assert (done.status, level("A", "S").on_hand, level("A", "T").on_hand) == ("completed", 7, 8)


def test_of_many_faults_the_first_are_kept_and_all_are_counted(settings):
    settings.IMPORT_FAULTS_KEPT = 3
    settings.IMPORT_CHUNK_ROWS = 2

    done = imported(rows("A,S,x", "A,S,7", *(f"X{n},S,1" for n in range(5)), "B,S,y"))

    assert figures(done) == (8, 1, 1, 7)
    assert done.faults == {"not_a_quantity": 2, "unknown_sku": 5}
    assert [code for _line, code, _value in faults(done)] == ["not_a_quantity", "unknown_sku", "not_a_quantity"]


def test_places_are_compared_with_what_was_believed():
    done = imported(rows("A,S,7", "B,S,1", "C,S,0", "X,S,3", "A,T,5"))

    found = ImportPlace.objects.filter(stock_import=done).order_by("location")
    names = ("location_id", "compared", "different", "units_over", "units_under")
    assert list(found.values_list(*names)) == [("S", 3, 2, 2, 4), ("T", 1, 0, 0, 0)]
    assert found[0].biggest == [{"sku": "B", "difference": -4}, {"sku": "A", "difference": 2}]


# ---- snapshots -------------------------------------------------------------------------------------


def snapshot(*lines, header="sku,location,quantity", **values):
    return imported(rows(*lines, header=header), mode="snapshot", location="S", **values)


@pytest.mark.parametrize("chunk", [1, 100])
def test_what_a_snapshot_does_not_name_is_zero_there(settings, chunk):
    settings.IMPORT_CHUNK_ROWS = chunk
    set_stocks({("C", "S"): 0})

    done = snapshot("A,7", header="sku,quantity")

    assert on_hand() == {("A", "S"): 7, ("B", "S"): 0, ("C", "S"): 0, ("A", "T"): 5}
    assert (figures(done), done.levels_unnamed, done.levels_zeroed) == ((1, 1, 1, 0), 2, 1)
    assert level("C", "S").counted_at == done.occurred_at
    [place] = ImportPlace.objects.filter(stock_import=done)
    assert (place.compared, place.different, place.units_over, place.units_under) == (3, 2, 2, 5)


def test_a_product_whose_row_cannot_be_read_is_not_set_to_zero():
    done = snapshot("A,S,7", "B,S,1e9")

    assert (level("A", "S").on_hand, level("B", "S").on_hand) == (7, 5)
    assert (done.levels_unnamed, done.leaves_unnamed) == (0, False)


def test_a_row_that_names_no_product_keeps_everything_unnamed_as_it_is():
    done = snapshot("A,S,7", "B;S;0")

    assert (level("A", "S").on_hand, level("B", "S").on_hand) == (7, 5)
    assert (done.status, done.leaves_unnamed, done.levels_zeroed) == ("completed", True, 0)


def test_a_snapshot_names_no_other_place():
    done = snapshot("A,S,7", "A,T,9", "B,S,5")

    assert level("A", "T").on_hand == 5
    assert faults(done) == [(3, "another_location", "T")]


def test_what_came_in_after_the_snapshot_stays():
    assert move("B", "S", 4, NOW + 2 * MINUTE) == "applied"
    assert move("C", "S", 3, NOW + 2 * MINUTE) == "applied"

    snapshot("A,S,7", occurred_at=NOW + MINUTE)

    assert on_hand() == {("A", "S"): 7, ("B", "S"): 4, ("C", "S"): 3, ("A", "T"): 5}


@pytest.mark.parametrize("line", ["X,S,7", "A,S,1e9", "A,T,7"])
def test_a_snapshot_of_which_no_row_can_be_applied_sets_nothing_to_zero(line):
    before = on_hand()

    done = snapshot(line)

    assert (done.status, done.rows_applied, done.levels_unnamed, done.notice) == ("completed", 0, 0, "nothing_applied")
    assert on_hand() == before
    assert not StockMovement.objects.filter(reference=done.pk).exists()


def test_an_empty_snapshot_is_a_mistake():
    done = snapshot()

    assert (done.status, done.failure) == ("failed", {"code": "no_rows"})
    assert level("A", "S").on_hand == 5


# ---- counts that leave out what is reserved --------------------------------------------------------


@pytest.fixture
def net_feed(db):
    put_feed(FeedRow("erp", kind="erp", counts_exclude_reserved=True), as_of=NOW)


@pytest.mark.usefixtures("net_feed")
def test_what_was_reserved_when_it_was_counted_stands_there_too():
    reserve(2, at=NOW)

    imported(rows("A,S,4", "B,S,4"), occurred_at=NOW + MINUTE)

    assert (level("A", "S").on_hand, level("A", "S").reserved, level("B", "S").on_hand) == (6, 2, 4)


@pytest.mark.usefixtures("net_feed")
def test_what_was_reserved_afterwards_was_still_among_the_counted():
    reserve(2, at=NOW)
    reserve(1, demand="order_line:2", at=NOW + 2 * MINUTE)

    imported(rows("A,S,4"), occurred_at=NOW + MINUTE)

    assert (level("A", "S").on_hand, level("A", "S").reserved) == (6, 3)


@pytest.mark.usefixtures("net_feed")
def test_what_left_since_was_reserved_when_it_was_counted():
    reserve(2, at=NOW)
    with transaction.atomic():
        gone = [Held("order_line:1", "A", "S", 2)]
        consume_reservations(gone, cause="shipped", reference="f", actor="test", as_of=NOW + 2 * MINUTE)

    imported(rows("A,S,4"), occurred_at=NOW + MINUTE)

    assert (level("A", "S").on_hand, level("A", "S").reserved) == (4, 0)


# ---- a file that cannot be read to its end ---------------------------------------------------------


def test_of_a_file_that_is_broken_in_the_middle_nothing_is_applied():
    many = rows(*(f"A,S,{n}" for n in range(100_000)))

    done = imported(packed(many)[:-2000])

    assert (done.status, done.failure, done.rows_done) == ("failed", {"code": "cut_short"}, 0)
    assert level("A", "S").on_hand == 5
    assert not path_of(done.pk).exists()
    assert imports_with_tables() == set()


def test_a_file_that_vanished_fails():
    row = receive(rows("A,S,7"))
    path_of(row.pk).unlink()

    work()

    row.refresh_from_db()
    assert (row.status, row.failure) == ("failed", {"code": "file_lost"})


# ---- who has the lease -----------------------------------------------------------------------------


def begun(body, *, steps):
    """An import that a worker has taken so many steps with."""
    receive(body)
    held = import_work._Work(import_work._claim(now()), now=now)
    held._read_file()
    for _step in range(steps):
        held._take_step()
    return held


def expire(held):
    StockImport.objects.filter(pk=held.row.pk).update(leased_until=now() - MINUTE)


FOUR = rows("A,S,1", "A,T,2", "B,S,3", "C,T,4")
AFTER_FOUR = {("A", "S"): 1, ("A", "T"): 2, ("B", "S"): 3, ("C", "T"): 4}


@pytest.mark.parametrize("steps", range(6))
def test_the_next_worker_goes_on_where_the_last_one_stopped(settings, steps, broken_invariants):
    settings.IMPORT_CHUNK_ROWS = 1
    held = begun(FOUR, steps=steps)
    expire(held)

    work()

    done = StockImport.objects.get()
    assert (done.status, figures(done), on_hand()) == ("completed", (4, 4, 4, 0), AFTER_FOUR)
    assert StockMovement.objects.filter(reference=done.pk).count() == 4
    assert broken_invariants() == []


def test_while_one_worker_has_it_no_other_takes_it():
    held = begun(FOUR, steps=0)

    assert work_on_imports(now=now, seconds=5) == 0
    assert StockImport.objects.get().lease == held.row.lease


def test_a_worker_that_was_thought_dead_applies_nothing_more(settings):
    settings.IMPORT_CHUNK_ROWS = 1
    slow = begun(FOUR, steps=1)
    expire(slow)
    quick = import_work._Work(import_work._claim(now()), now=now)
    quick._take_step()
    before = (on_hand(), StockMovement.objects.count(), Event.objects.count())

    with pytest.raises(LeaseLost):
        slow._take_step()

    assert (on_hand(), StockMovement.objects.count(), Event.objects.count()) == before


def test_rows_that_the_database_forgot_are_read_again(settings):
    settings.IMPORT_CHUNK_ROWS = 1
    held = begun(rows("A,S,1", "X,S,9", "A,T,2", "A,S,1", "B,S,3", "C,T,4"), steps=2)
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {Staging(held.row.pk).rows}")  # as an unlogged table is after a crash
    expire(held)

    work()

    done = StockImport.objects.get()
    assert (done.status, figures(done), on_hand()) == ("completed", (6, 4, 4, 2), AFTER_FOUR)
    assert [code for _line, code, _value in faults(done)] == ["duplicate_row", "unknown_sku"]
    assert sum(place.compared for place in ImportPlace.objects.all()) == 4


def test_work_is_shared_out_by_who_has_waited_longest(settings):
    first, second = receive(FOUR), receive(rows("A,S,9"))

    taken = [import_work._claim(now()).pk for _worker in range(2)]

    assert taken == [first.pk, second.pk]
    assert import_work._claim(now()) is None


def test_a_slow_import_takes_small_steps_and_pauses():
    slow = receive(rows(*(f"A,S,{n}" for n in range(3)), "B,S,1", "C,S,1", "B,T,1", "C,T,1"), rows_per_second=20)
    begun_at = now()

    work()

    slow.refresh_from_db()
    assert slow.status == "completed"
    assert now() - begun_at >= timedelta(seconds=0.2)  # five rows are left, twenty a second


# ---- called off, looked at first, too many ---------------------------------------------------------


def test_an_import_that_is_canceled_leaves_what_it_has_done(settings):
    settings.IMPORT_CHUNK_ROWS = 1
    held = begun(FOUR, steps=2)

    cancel_import(import_id=held.row.pk, actor="user:eva", as_of=now())
    cancel_import(import_id=held.row.pk, actor="user:eva", as_of=now())

    with pytest.raises(LeaseLost):
        held._take_step()
    work()
    done = StockImport.objects.get()
    assert (done.status, done.rows_done, done.actions) == ("canceled", 2, [])
    assert on_hand() == {("A", "S"): 1, ("A", "T"): 2, ("B", "S"): 5}
    assert Event.objects.filter(type="inventory.import.canceled").count() == 1
    assert imports_with_tables() == {done.pk}
    assert tidy_imports(as_of=now()) == 2
    assert (imports_with_tables(), import_files()) == (set(), set())


def test_what_has_ended_cannot_be_canceled():
    done = imported(FOUR)

    with pytest.raises(IllegalMove):
        cancel_import(import_id=done.pk, actor="user:eva", as_of=now())
    with pytest.raises(Missing):
        cancel_import(import_id="imp_none", actor="user:eva", as_of=now())


def test_a_draft_waits_until_it_is_started():
    draft = imported(FOUR, is_draft=True)
    assert (draft.status, draft.actions, level("A", "S").on_hand) == ("uploaded", ["start", "cancel"], 5)

    start_import(import_id=draft.pk, actor="user:eva", as_of=now())
    work()

    assert on_hand() == AFTER_FOUR


def test_a_source_that_sends_faster_than_we_work_is_told_to_wait(settings):
    settings.IMPORTS_WAITING = 2
    receive(FOUR), receive(FOUR), receive(FOUR, source="till")

    with pytest.raises(TooManyImports):
        receive(FOUR)

    assert StockImport.objects.count() == 3


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"mode": "snapshot"}, "required"),
        ({"location": "NOWHERE"}, "unknown_location"),
        ({"occurred_at": NOW + timedelta(days=36500)}, "in_the_future"),
    ],
)
def test_what_makes_no_sense_is_refused(values, code):
    with pytest.raises(Invalid) as refusal:
        receive(FOUR, **values)

    assert [error.code for error in refusal.value.errors] == [code]
    assert not StockImport.objects.exists()


def test_files_that_never_became_an_import_are_thrown_away_after_a_while(tmp_path):
    (tmp_path / "imp_lost").write_bytes(b"sku")
    waiting = receive(FOUR)

    assert tidy_imports(as_of=now()) == 0
    assert tidy_imports(as_of=now() + timedelta(days=1)) == 1
    assert import_files() == {waiting.pk}


def test_no_table_outlives_its_import():
    imported(FOUR)

    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname = %s", [SCHEMA])
        assert cursor.fetchone() == (0,)
    assert import_files() == set()


# ---- the same as if the counts had come as events ----------------------------------------------------

SKUS, PLACES = ("A", "B"), ("S", "T")
_when = st.integers(0, 6).map(lambda minutes: NOW + (minutes + 1) * MINUTE)
_key = st.tuples(st.sampled_from(SKUS), st.sampled_from(PLACES))
_before = st.lists(st.tuples(_key, st.sampled_from(["delta", "count"]), st.integers(0, 9), _when), max_size=8)
_counts = st.dictionaries(_key, st.tuples(st.integers(0, 9), _when), min_size=1)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=_before, counts=_counts, chunk=st.integers(1, 3))
def test_a_file_does_what_the_same_counts_would_have_done_as_events(before, counts, chunk, settings):
    settings.IMPORT_CHUNK_ROWS = chunk
    outcomes = []
    for way in ("events", "file"):
        savepoint = transaction.savepoint()
        for (sku, place), kind, quantity, at in before:
            move(sku, place, quantity, at, kind=kind)
        if way == "events":
            for (sku, place), (quantity, at) in counts.items():
                move(sku, place, quantity, at, kind="count")
        else:
            lines = [f"{sku},{place},{quantity},{at.isoformat()}" for (sku, place), (quantity, at) in counts.items()]
            assert imported(rows(*lines, header="sku,location,quantity,occurred_at")).status == "completed"
        fields = ("product_id", "location_id", "on_hand", "counted_at")
        outcomes.append(sorted(StockLevel.objects.values_list(*fields)))
        transaction.savepoint_rollback(savepoint)
    assert outcomes[0] == outcomes[1]


# ---- a disk that fails ---------------------------------------------------------------------------------


@pytest.fixture
def broken_disk(monkeypatch):
    def read(*_args):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(Unpacked, "_read", read)
    monkeypatch.setattr(connection, "close", lambda: None)  # it is ours, too
    return monkeypatch


def work_for(row, minutes):
    """As often as the alarm rings."""
    start = now()
    for minute in range(minutes):
        work_on_imports(now=lambda at=start + minute * MINUTE: at, seconds=60)
    row.refresh_from_db()


def test_a_file_whose_disk_fails_for_a_while_is_applied_when_it_can_be_read(broken_disk):
    row = receive(rows("A,S,7"))
    work_for(row, minutes=2)
    assert (row.status, row.failures, level("A", "S").on_hand) == ("staging", 2, 5)

    broken_disk.undo()
    work_for(row, minutes=10)

    assert (row.status, level("A", "S").on_hand) == ("completed", 7)


def test_a_file_whose_disk_fails_for_good_is_given_up_and_changes_nothing(broken_disk):
    row = receive(rows("A,S,7"))

    work_for(row, minutes=120)

    assert (row.status, row.failure["code"]) == ("failed", "given_up")
    assert level("A", "S").on_hand == 5
    assert not StockMovement.objects.filter(reference=row.pk).exists()
