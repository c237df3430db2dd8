"""The draft that somebody wants to try: simulated on the last days, and deciding beside the live rules from now on."""

from datetime import datetime, timedelta

from oms.clock import now
from oms.demo import ACTOR
from orders.services.demand_history import tell_demands
from routing.models import RuleSet, Simulation
from routing.services.shadows import start_shadow
from routing.services.simulation_work import work_on_simulations
from routing.services.simulations import Period, request_simulation
from routing.states import RuleSetStatus

DAYS = 4
_PATIENCE_SECONDS = 60.0


def load_trials(*, as_of: datetime) -> None:
    """Those there are stay."""
    tell_demands(as_of=as_of)
    draft = RuleSet.objects.filter(status=RuleSetStatus.DRAFT).order_by("pk").first()
    if draft is None or Simulation.objects.exists():
        return
    period = Period(as_of - timedelta(days=DAYS), as_of)
    made = request_simulation(rule_set=draft.pk, orders=period, actor=ACTOR, as_of=as_of)
    work_on_simulations(now=now, seconds=_PATIENCE_SECONDS, only=made)
    start_shadow(rule_set_id=draft.pk, actor=ACTOR, as_of=as_of)
