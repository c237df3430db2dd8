"""Counting a part of a place, in plain Python: what was said, what it comes to, who may decide what differs.

Beside `model`, of which it changes the levels.
"""

from collections import defaultdict
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from tests.inventory.truth.model import FAST_CLOCK, Told, World, agree, in_question

SMALL_VALUE, MANAGERS_VALUE = 50, 100  # what differs by no more is corrected at once, or decided by a manager
BY_NOBODY, MANAGER, HEADQUARTERS = "nobody", "manager", "headquarters"


class Scope(NamedTuple):
    """All of the place unless one of these is named."""

    skus: tuple[str, ...] = ()
    tag: str = ""
    bins: tuple[str, ...] = ()


@dataclass
class Scan:
    """`units` are all that stand in the bin, or so many more than were said before."""

    id: str
    sku: str
    units: int
    is_total: bool
    damaged: int | None
    bin: str
    at: datetime | None
    attempt: int = 1
    is_undone: bool = False

    @property
    def words(self) -> tuple:
        return self.sku, self.bin, self.units, self.is_total


@dataclass
class Found:
    """What the scans of one article come to.

    `differs`: by so many from the books of its instant, once compared; `differs_broken`: by so many that are broken.
    """

    status: str = "counted"
    attempt: int = 1
    units: int = 0
    damaged: int | None = None
    bin: str = ""
    at: datetime | None = None
    differs: int | None = None
    differs_broken: int | None = None
    value: float = 0
    sent_back_at: datetime | None = None


@dataclass
class Count:
    place: str
    scope: Scope
    unfound_is_none: bool
    opened_at: datetime
    status: str = "open"
    closed_by: str = ""
    scans: list[Scan] = field(default_factory=list)
    lines: dict[str, Found] = field(default_factory=dict)

    def with_status(self, *statuses: str) -> list[str]:
        return [sku for sku, line in sorted(self.lines.items()) if line.status in statuses]


class _NotBelieved(Exception):
    pass


@dataclass
class Counting:
    """The counts of a world."""

    world: World
    prices: dict[str, float]
    counts: dict[str, Count] = field(default_factory=dict)

    # ---- what is said ----------------------------------------------------------------------------

    def hear(self, name: str, scans: list[Scan]) -> list[str]:
        """What each is answered; all are one message."""
        count = self.counts[name]
        if count.status != "open":
            return ["count_not_open"]
        said: list[Scan] = []
        answers = [self._hear(count, scan, said) for scan in scans]
        count.scans += said
        for sku in {scan.sku for scan in said}:
            self._add_up(count, sku)
        return answers

    def _hear(self, count: Count, scan: Scan, said: list[Scan]) -> str:
        if scan.sku not in self.world.tags:
            return "unknown_product"
        if not self._is_part(count.scope, scan.sku):
            return "outside_scope"
        for known in [*count.scans, *said]:
            if known.id == scan.id:
                return "duplicate" if known.words == scan.words else "id_reused"
        line = count.lines.get(scan.sku, Found())
        if line.status not in ("counted", "recount"):
            return "already_submitted"
        now, began_at = self.world.now, line.sent_back_at or count.opened_at
        at = scan.at or now
        if at > now + FAST_CLOCK:
            return "in_the_future"
        if line.sent_back_at and at < line.sent_back_at - FAST_CLOCK:
            return "too_early"
        scan.at, scan.attempt = min(max(at, began_at), now), line.attempt
        said.append(scan)
        return "counted"

    def undo(self, name: str, scan_id: str) -> str:
        count = self.counts[name]
        if count.status != "open":
            return "count_not_open"
        scan = next((scan for scan in count.scans if scan.id == scan_id), None)
        if scan is None:
            return "not_found"
        line = count.lines.get(scan.sku)
        if line and (line.status not in ("counted", "recount") or line.attempt != scan.attempt):
            return "count_not_open"
        if not scan.is_undone:
            scan.is_undone = True
            self._add_up(count, scan.sku)
        return ""

    def _is_part(self, scope: Scope, sku: str) -> bool:
        """In a bin anything may be found."""
        if scope.skus:
            return sku in scope.skus
        return not scope.tag or scope.tag in self.world.tags[sku]

    def _add_up(self, count: Count, sku: str) -> None:
        """Bin by bin, in the order of the instants at which it was said; what was said of an earlier attempt is over."""
        line = count.lines.setdefault(sku, Found())
        scans = [scan for scan in count.scans if (scan.sku, scan.attempt) == (sku, line.attempt) and not scan.is_undone]
        if not scans:
            if line.sent_back_at is None:
                del count.lines[sku]
            else:
                line.status = "recount"
            return
        scans.sort(key=lambda scan: scan.at)
        units: dict[str, int] = defaultdict(int)
        damaged: dict[str, int | None] = {}
        for scan in scans:
            if scan.is_total:
                units[scan.bin], damaged[scan.bin] = scan.units, scan.damaged
            else:
                units[scan.bin] += scan.units
                if scan.damaged is not None:
                    damaged[scan.bin] = (damaged.get(scan.bin) or 0) + scan.damaged
        told_apart = [some for some in damaged.values() if some is not None]
        line.status, line.at = "counted", scans[-1].at
        line.units = sum(max(0, some) for some in units.values())
        line.damaged = min(line.units, sum(told_apart)) if told_apart else None
        line.bin = max(units, key=lambda name: (units[name], name))

    # ---- beside the books ------------------------------------------------------------------------

    def unfound(self, name: str) -> list[str]:
        """What the books have here and nobody found."""
        count = self.counts[name]
        here = {sku: level for (sku, place), level in self.world.levels.items() if place == count.place}
        return sorted(
            sku
            for sku, level in here.items()
            if level.total("on_hand") != 0
            and sku not in count.lines
            and self._is_part(count.scope, sku)
            and (not count.scope.bins or level.bin in count.scope.bins)
        )

    def submit(self, name: str, confirmed: int | None) -> str:
        return self._all_or_nothing(lambda: self._submit(name, confirmed))

    def _all_or_nothing(self, act: Callable[[], str]) -> str:
        """Whoever brings into the books what those do not believe changes nothing."""
        was = deepcopy((self.counts, vars(self.world)))
        try:
            return act()
        except _NotBelieved:
            self.counts, world = was
            vars(self.world).update(world)
            return "invalid"

    def _submit(self, name: str, confirmed: int | None) -> str:
        count = self.counts[name]
        if count.status != "open":
            return "count_not_open"
        if count.with_status("recount"):
            return "recount_missing"
        unfound = self.unfound(name) if count.unfound_is_none else []
        if len(unfound) != (confirmed or 0) and count.unfound_is_none:
            return "not_found_unconfirmed"
        for sku in unfound:
            count.lines[sku] = Found(at=self.world.now)
        if not count.lines:
            return "nothing_counted"
        for sku in count.with_status("counted"):
            self._compare(name, sku)
        count.status = "submitted"
        self._end_if_all_is_decided(count, "t")
        return ""

    def _compare(self, name: str, sku: str) -> None:
        count = self.counts[name]
        line, level = count.lines[sku], self.world.levels[sku, count.place]
        broken = 0 if line.damaged is None else line.damaged
        broken_then = 0 if line.damaged is None else level.total("damaged", until=line.at)
        found, expected = (line.units, broken), (level.total("on_hand", until=line.at), broken_then)
        line.differs = line.units - expected[0]
        line.differs_broken = None if line.damaged is None else broken - broken_then
        line.value = in_question(found, expected) * self.prices[sku]
        is_elsewhere = bool(count.scope.bins and level.bin and level.bin not in count.scope.bins)
        is_small = agree(found, expected) and line.value <= SMALL_VALUE and not is_elsewhere
        if found == expected or is_small:
            self._apply(name, sku)
        else:
            line.status = "waiting"

    def _apply(self, name: str, sku: str) -> None:
        count = self.counts[name]
        line = count.lines[sku]
        told = Told(f"{sku}/{line.attempt}", sku, count.place, True, line.units, line.at, source=name)
        answer = self.world.hear(told._replace(damaged=line.damaged, bin=line.bin, is_look=True))
        if answer not in ("applied", "stale"):
            raise _NotBelieved
        line.status = "stale" if answer == "stale" else "applied"

    @staticmethod
    def _end_if_all_is_decided(count: Count, who: str) -> None:
        if count.status == "submitted" and not count.with_status("waiting"):
            count.status, count.closed_by = "approved", who

    # ---- who decides -----------------------------------------------------------------------------

    def approve(self, name: str, skus: list[str] | None, who: str) -> str:
        count = self.counts[name]
        if skus is None and count.status == "approved" and count.closed_by == who:
            return ""
        return self._all_or_nothing(lambda: self._decide(name, skus, who, lambda sku: self._apply(name, sku)))

    def reject(self, name: str, skus: list[str], who: str) -> str:
        return self._decide(name, skus, who, lambda sku: setattr(self.counts[name].lines[sku], "status", "rejected"))

    def _decide(self, name: str, skus: list[str] | None, who: str, each) -> str:
        count = self.counts[name]
        if why_not := self._cannot_decide(count, skus, who):
            return why_not
        for sku in count.with_status("waiting"):
            if (skus is None or sku in skus) and self._may(who, count.lines[sku]):
                each(sku)
        self._end_if_all_is_decided(count, who)
        return ""

    def send_back(self, name: str, skus: list[str]) -> str:
        count = self.counts[name]
        if why_not := self._cannot_decide(count, skus, HEADQUARTERS):
            return why_not
        for sku in skus:
            line = count.lines[sku]
            line.status, line.sent_back_at, line.value = "recount", self.world.now, 0
            line.differs = line.differs_broken = None
            line.attempt += 1
        count.status = "open"
        return ""

    def cancel(self, name: str, who: str) -> str:
        count = self.counts[name]
        if count.status not in ("open", "submitted"):
            return "illegal_move"
        waiting = [count.lines[sku] for sku in count.with_status("waiting")]
        if waiting and who == BY_NOBODY:
            return "approval_needed"
        if not all(self._may(who, line) for line in waiting):
            return "headquarters_needed"
        for line in waiting:
            line.status = "rejected"
        count.status, count.closed_by = "canceled", "t"
        return ""

    def _cannot_decide(self, count: Count, skus: list[str] | None, who: str) -> str:
        waiting = count.with_status("waiting")
        if count.status not in ("open", "submitted") or not waiting:
            return "nothing_waits"
        if skus is not None and (not skus or not set(skus) <= set(waiting)):
            return "invalid"
        asked = waiting if skus is None else skus
        mine = [sku for sku in asked if self._may(who, count.lines[sku])]
        return "" if mine and (skus is None or len(mine) == len(asked)) else "headquarters_needed"

    @staticmethod
    def _may(who: str, line: Found) -> bool:
        return who == HEADQUARTERS or line.value <= MANAGERS_VALUE
