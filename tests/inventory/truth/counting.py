"""What people do who count a part of a place: the machine's rules about counts."""

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from inventory.models import CountLine, CountSession
from inventory.services import (
    Approver,
    approve_count,
    cancel_count,
    open_count,
    record_scans,
    recount_lines,
    reject_differences,
    submit_count,
    undo_scan,
)
from inventory.services import Scan as Scanned
from inventory.services import Scope as Counted
from oms.errors import DomainError
from tests.inventory.truth.model import World
from tests.inventory.truth.model_counts import BY_NOBODY, HEADQUARTERS, MANAGER, Count, Counting, Scan, Scope

skus, codes = st.sampled_from(["A", "B"]), st.sampled_from(["S1", "S2", "S3"])
WHOLE_PLACE = Scope()
scopes = st.sampled_from([WHOLE_PLACE, WHOLE_PLACE, Scope(skus=("A",)), Scope(tag="shoes"), Scope(bins=("x",))])
scans = st.builds(
    Scan,
    id=st.sampled_from([f"s{number}" for number in range(8)]),
    sku=st.sampled_from(["A", "A", "B", "B", "nobody's"]),
    units=st.integers(-2, 9),
    is_total=st.booleans(),
    damaged=st.sampled_from([None, None, 0, 1, 5]),
    bin=st.sampled_from(["", "", "x", "y"]),
    at=st.sampled_from([None, None, 1, 45, 600, -60, -301]),  # seconds ago, until the machine knows the time
)
deciders = st.sampled_from([MANAGER, HEADQUARTERS])
some_skus = st.lists(skus, max_size=2, unique=True)
any_count = st.integers(0, 2)

needs_a_count = precondition(lambda self: self.counting.counts)


class CountRules:
    world: World
    counting: Counting

    @precondition(lambda self: len(self.counting.counts) < 3)
    @rule(place=codes, scope=scopes, unfound_is_none=st.booleans())
    def a_count_begins(self, place: str, scope: Scope = WHOLE_PLACE, unfound_is_none: bool = False) -> None:
        kind = next((kind for kind in Scope._fields if getattr(scope, kind)), "place")
        name = open_count(
            location=place,
            scope=Counted(kind, bins=scope.bins, skus=scope.skus, tag=scope.tag),
            not_found_is_zero=unfound_is_none,
            actor="t",
            as_of=self.world.now,
        )
        self.counting.counts[name] = Count(place, scope, unfound_is_none, self.world.now)

    @needs_a_count
    @rule(which=any_count, several=st.lists(scans, min_size=1, max_size=3))
    def people_scan(self, several: list[Scan], which: int = 0) -> None:
        for scan in several:
            scan.units = abs(scan.units) if scan.is_total else scan.units
            scan.at = scan.at if not isinstance(scan.at, int) else self.world.now - timedelta(seconds=scan.at)
        name = self._count(which)
        told = [
            Scanned(scan.id, scan.sku, scan.units, scan.is_total, scan.damaged, scan.bin, scan.at) for scan in several
        ]
        answers: list[str] = []

        def act() -> None:
            results = record_scans(session_id=name, scans=told, actor="t", as_of=self.world.now)
            answers.extend(result.code or result.status for result in results)

        refused = tried(act)
        assert ([refused] if refused else answers) == self.counting.hear(name, several)

    @needs_a_count
    @rule(which=any_count, scan=st.sampled_from([f"s{number}" for number in range(8)]))
    def somebody_undoes_a_scan(self, scan: str, which: int = 0) -> None:
        name = self._count(which)
        refused = tried(lambda: undo_scan(session_id=name, scan_id=scan, as_of=self.world.now))
        assert refused == self.counting.undo(name, scan)

    @needs_a_count
    @rule(which=any_count, is_confirmed=st.sampled_from([True, True, True, False]))
    def a_count_is_submitted(self, which: int = 0, is_confirmed: bool = True) -> None:
        name = self._count(which)
        confirmed = len(self.counting.unfound(name)) if is_confirmed else None
        refused = tried(
            lambda: submit_count(session_id=name, confirmed_not_found=confirmed, actor="t", as_of=self.world.now)
        )
        assert refused == self.counting.submit(name, confirmed)

    @needs_a_count
    @rule(which=any_count, chosen=st.one_of(st.none(), some_skus), who=deciders)
    def somebody_approves(self, chosen: list[str] | None, who: str = MANAGER, which: int = 0) -> None:
        name = self._count(which)
        refused = tried(
            lambda: approve_count(session_id=name, skus=chosen, approver=_approver(who), as_of=self.world.now)
        )
        assert refused == self.counting.approve(name, chosen, who)

    @needs_a_count
    @rule(which=any_count, chosen=some_skus, who=deciders)
    def somebody_rejects(self, chosen: list[str], who: str = MANAGER, which: int = 0) -> None:
        name = self._count(which)
        refused = tried(
            lambda: reject_differences(session_id=name, skus=chosen, approver=_approver(who), as_of=self.world.now)
        )
        assert refused == self.counting.reject(name, chosen, who)

    @needs_a_count
    @rule(which=any_count, chosen=some_skus)
    def somebody_has_it_counted_again(self, chosen: list[str], which: int = 0) -> None:
        name = self._count(which)
        refused = tried(lambda: recount_lines(session_id=name, skus=chosen, actor="t", as_of=self.world.now))
        assert refused == self.counting.send_back(name, chosen)

    @needs_a_count
    @rule(which=any_count, who=st.sampled_from([BY_NOBODY, MANAGER, HEADQUARTERS]))
    def a_count_is_canceled(self, who: str = BY_NOBODY, which: int = 0) -> None:
        name = self._count(which)
        approver = None if who == BY_NOBODY else _approver(who)
        refused = tried(lambda: cancel_count(session_id=name, actor="t", approver=approver, as_of=self.world.now))
        assert refused == self.counting.cancel(name, who)

    @invariant()
    def counts_come_to_what_was_said(self) -> None:
        if not self.counting.counts:
            return
        assert dict(CountSession.objects.values_list("pk", "status")) == {
            name: count.status for name, count in self.counting.counts.items()
        }
        assert _lines() == {
            (name, sku): (
                line.status,
                line.attempt,
                *((line.units, line.damaged, line.bin, line.at) if line.status != "recount" else ()),
                line.differs,
                line.differs_broken,
            )
            for name, count in self.counting.counts.items()
            for sku, line in count.lines.items()
        }

    def _count(self, which: int) -> str:
        names = list(self.counting.counts)
        return names[-1 - which % len(names)]


def _approver(who: str) -> Approver:
    return Approver(who, is_headquarters=who == HEADQUARTERS)


def _lines() -> dict[tuple[str, str], tuple[Any, ...]]:
    return {
        (line.session_id, line.product_id): (
            line.status,
            line.attempt,
            *((line.units, line.damaged, line.bin, line.counted_at) if line.status != "recount" else ()),
            line.difference,
            line.damaged_difference,
        )
        for line in CountLine.objects.all()
    }


def tried(act: Any) -> str:
    """The code of the refusal; empty when it was done."""
    try:
        act()
    except (DomainError, Refused) as error:
        return error.code
    return ""


class Refused(Exception):
    code = "refused"
