"""Which dates of the past can be judged at an instant, and how."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from routing.leadtimes import GIVEN_UP, Cumulative
from routing.queries import Policy
from routing.rehearsal import Case, Trial, verdicts
from routing.services.promises import Asked, Whereto
from tests.routing.test_dates import shop

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
TO_LYON = Whereto(ZoneInfo("UTC"), "FR", "FR-69")
HUNDRED_DAYS = tuple(range(1, 101))


def trial(began_days_ago, *, took=None):
    """One percent more is to come on each day. `took` None: it never came."""
    began = NOW - timedelta(days=began_days_ago)
    ended = None if took is None else began + timedelta(days=took)
    first = began.date().toordinal()
    times = Cumulative(tuple(first + day for day in HUNDRED_DAYS), tuple(day / 100 for day in HUNDRED_DAYS))
    return Trial(Case(Asked(shop(), Policy(), "standard", began, TO_LYON, "post"), ended_at=ended), times)


@given(st.lists(st.tuples(st.integers(0, 150), st.none() | st.integers(0, 110)), max_size=40))
def test_a_date_is_judged_when_it_has_passed_whether_or_not_the_parcel_has_come(cases):
    """With half to be kept, the date is the fiftieth day; what is awaited after the 98th is lost and says nothing."""
    in_order = sorted(cases, key=lambda case: -case[0])

    found = verdicts([trial(ago, took=took) for ago, took in in_order], quantile=0.5, calibration_days=0, as_of=NOW)

    expected = []
    for ago, took in in_order:
        has_come = took is not None and took < ago
        if ago > 50 and (has_come or ago - 1 < GIVEN_UP * 100):
            expected.append(has_come and took <= 50)
    assert [verdict.is_kept for verdict in found] == expected
