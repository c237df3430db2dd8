"""Dates tried on what has happened already: what would have been promised with what was known then? No ORM, no clock.

The past is walked in steps. At each, tables are learned from what was over by then; whatever began in the step is
given its distribution by them. From these trials come the calibration, the drift by month, and the choice of window
and quantile; the same code serves the nightly learning and a benchmark on orders of other shops.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import fmean
from typing import Literal, NamedTuple

from routing.leadtimes import (
    GIVEN_UP,
    Calibration,
    Cumulative,
    LeadTimes,
    Observed,
    Tried,
    calibrate,
    slot_of,
    slots_within,
)
from routing.services.promises import Asked, instant_of, possible_times

_DAY = timedelta(days=1)


class Known(NamedTuple):
    """A case of one part, and when it became known."""

    at: datetime
    part: Literal["preparation", "transit"]
    observed: Observed


@dataclass(frozen=True, slots=True)
class Case:
    """One piece of work from its release to its end. `ended_at` None: it has not ended yet.

    `minutes`: of preparation in open time, where the shopper comes.
    """

    asked: Asked
    backlog: int | None = None
    ended_at: datetime | None = None
    minutes: float = 0.0

    @property
    def began_at(self) -> datetime:
        return self.asked.release_at

    def day_of(self, at: datetime) -> date:
        zone = self.asked.whereto and self.asked.whereto.zone
        return at.astimezone(zone).date() if zone else self.asked.place.calendar.local(at).date()

    @property
    def key(self) -> int:
        """Where its end stands among its possible times."""
        assert self.ended_at
        return slot_of(self.minutes) if self.asked.whereto is None else self.day_of(self.ended_at).toordinal()

    def over_by(self, as_of: datetime) -> int:
        """The last key that has passed."""
        if self.asked.whereto is None:
            open_time = self.asked.place.calendar.open_time_between(self.began_at, as_of)
            return slots_within(open_time.total_seconds() / 60) - 1
        return self.day_of(as_of).toordinal() - 1


@dataclass(frozen=True, slots=True)
class Trial:
    case: Case
    times: Cumulative

    def seen(self, as_of: datetime) -> Tried:
        """What is known of it at that instant."""
        by_now = self.times.by(self.case.over_by(as_of))
        has_come = self.has_come(as_of)
        reached = self.times.by(self.case.key - 1) if has_come else by_now
        return Tried(reached, has_come, is_settled=by_now >= GIVEN_UP)

    def has_come(self, as_of: datetime) -> bool:
        return self.case.ended_at is not None and self.case.ended_at < as_of


@dataclass(frozen=True, slots=True)
class Verdict:
    """What would have been promised, and whether it would have been kept. `days`: on the calendar, from the beginning."""

    trial: Trial
    level: float
    promised_at: datetime
    is_kept: bool

    @property
    def case(self) -> Case:
        return self.trial.case

    @property
    def days(self) -> int:
        return (self.case.day_of(self.promised_at) - self.case.day_of(self.case.began_at)).days


def trials(cases: Sequence[Case], past: Sequence[Known], *, window_days: float, step_days: float = 7) -> list[Trial]:
    """Each case under the tables of the beginning of its step, learned from the window before. Both in order of time.

    Cases of which too little was known then are left out: their dates were configured.
    """
    moments = [known.at for known in past]
    made: list[Trial] = []
    for begins_at, step in _steps(cases, timedelta(days=step_days)):
        first = bisect_left(moments, begins_at - timedelta(days=window_days))
        learned = learn(past[first : bisect_left(moments, begins_at)])
        for case in step:
            if times := possible_times(case.asked, learned, backlog=case.backlog):
                made.append(Trial(case, times))
    return made


def learn(past: Iterable[Known]) -> LeadTimes:
    parts: dict[str, list[Observed]] = {"preparation": [], "transit": []}
    for known in past:
        parts[known.part].append(known.observed)
    return LeadTimes.learn(parts["preparation"], parts["transit"])


def _steps(cases: Sequence[Case], length: timedelta) -> Iterator[tuple[datetime, list[Case]]]:
    begins_at: datetime | None = None
    step: list[Case] = []
    for case in cases:
        if begins_at is None or case.began_at >= begins_at + length:
            if begins_at is not None:
                yield begins_at, step
            begins_at, step = case.began_at, []
        step.append(case)
    if begins_at is not None:
        yield begins_at, step


def calibrated(made: Sequence[Trial], *, as_of: datetime, days: float) -> Calibration:
    """By what began in these days before."""
    first = bisect_left(made, as_of - timedelta(days=days), key=_began_at)
    return calibrate([trial.seen(as_of) for trial in made[first : bisect_left(made, as_of, key=_began_at)]])


def _began_at(trial: Trial) -> datetime:
    return trial.case.began_at


def verdicts(
    made: Sequence[Trial], *, quantile: float, calibration_days: float, as_of: datetime | None = None
) -> list[Verdict]:
    """The trials of which `as_of` told whether their date was kept, each under the calibration of the morning of its day.

    Those are the ones whose date has passed: to take whatever has ended would leave out the late ones. What is overdue
    counts as late at once, until it is taken for lost. `as_of` None: all is over. 0 days: no calibration.
    """
    found: list[Verdict] = []
    levels: dict[date, float] = {}
    for trial in made:
        day = _began_at(trial).date()
        if day not in levels:
            at = _began_at(trial)
            calibration = calibrated(made, as_of=at, days=calibration_days) if calibration_days else Calibration()
            levels[day] = calibration.level(quantile)
        if (is_kept := _is_kept(trial, levels[day], as_of)) is not None:
            promised_at = instant_of(trial.case.asked, trial.times.at(levels[day]))
            found.append(Verdict(trial, levels[day], promised_at, is_kept))
    return found


def _is_kept(trial: Trial, level: float, as_of: datetime | None) -> bool | None:
    """None: nobody knows yet, or it was lost."""
    case, key = trial.case, trial.times.at(level)
    if as_of is None:
        return None if case.ended_at is None else case.key <= key
    if key > case.over_by(as_of) or trial.seen(as_of).is_lost:
        return None
    return trial.has_come(as_of) and case.key <= key


# ---- figures -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Share:
    """How often dates would have been kept, and how far away they were on average."""

    cases: int
    kept: float
    days: float

    @classmethod
    def of(cls, found: Sequence[Verdict]) -> "Share":
        if not found:
            return cls(0, 0.0, 0.0)
        return cls(len(found), fmean(verdict.is_kept for verdict in found), fmean(verdict.days for verdict in found))


def by_month(found: Iterable[Verdict]) -> Mapping[str, list[Verdict]]:
    """By the month in which the date would have been given."""
    months: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in found:
        months[f"{verdict.case.day_of(verdict.case.began_at):%Y-%m}"].append(verdict)
    return months


class Choice(NamedTuple):
    window_days: float
    calibration_days: float
    quantile: float
    share: Share


def choose(
    cases: Sequence[Case],
    past: Sequence[Known],
    *,
    wanted: float,
    from_at: datetime,
    until_at: datetime,
    windows: Sequence[float],
    calibrations: Sequence[float],
    quantiles: Sequence[float],
) -> list[Choice]:
    """Every way to learn, tried on what began in [from_at, until_at) and was to have come by then; the best comes first.

    Those that kept as often as wanted come before the others, among them the nearest dates on average.
    """
    tried: list[Choice] = []
    before = [case for case in cases if case.began_at < until_at]
    for window in windows:
        made = trials(before, past, window_days=window)
        for days in calibrations:
            for quantile in quantiles:
                found = verdicts(made, quantile=quantile, calibration_days=days, as_of=until_at)
                share = Share.of([verdict for verdict in found if verdict.case.began_at >= from_at])
                tried.append(Choice(window, days, quantile, share))
    return sorted(
        tried, key=lambda c: (c.share.kept < wanted, c.share.days if c.share.kept >= wanted else -c.share.kept)
    )
