"""Due times of work given to a place, by the service level that covers it."""

from datetime import datetime

from inventory import queries as inventory
from routing import dates, queries
from routing.dates import DueTimes
from routing.queries import Policy


def policy_for(location: str, *, method: str, service: str) -> Policy:
    """The most specific service level; asked of memory, no statement."""
    return queries.policy_for(inventory.places()[location], method=method, service=service)


def due_times(location: str, *, method: str, service: str, assigned_at: datetime) -> DueTimes:
    """acknowledge_by, ready_by and warn_at, counted in the opening hours of the place."""
    place = inventory.places()[location]
    policy = queries.policy_for(place, method=method, service=service)
    return dates.due_times(place, policy, assigned_at=assigned_at)


def collect_by(location: str, *, method: str, service: str, ready_at: datetime) -> datetime:
    return dates.collect_by(policy_for(location, method=method, service=service), ready_at=ready_at)
