from django.db import models
from django.utils.translation import gettext_lazy as _

from oms.states import StateTable


class RuleSetStatus(models.TextChoices):
    DRAFT = "draft", _("Draft")  # may be changed, decides nothing
    PUBLISHED = "published", _("Published")  # decides for its channels, never changes
    ARCHIVED = "archived", _("Archived")  # kept because decisions name it


RULE_SET_MOVES = StateTable(
    {
        RuleSetStatus.DRAFT: {RuleSetStatus.PUBLISHED, RuleSetStatus.ARCHIVED},
        RuleSetStatus.PUBLISHED: {RuleSetStatus.ARCHIVED},
        RuleSetStatus.ARCHIVED: (),
    },
    noun="routing.rule_set",
    states=RuleSetStatus,
)
#: Told beside the moves: another one took some channels over, and it goes on to decide for the rest.
NARROWED = "narrowed"


class SimulationStatus(models.TextChoices):
    PENDING = "pending", _("Waiting")
    RUNNING = "running", _("Running")
    COMPLETED = "completed", _("Completed")
    CANCELED = "canceled", _("Canceled")
    FAILED = "failed", _("Failed")


S = SimulationStatus
SIMULATION_MOVES = StateTable(
    {
        S.PENDING: {S.RUNNING, S.CANCELED, S.FAILED},
        S.RUNNING: {S.COMPLETED, S.CANCELED, S.FAILED},
        S.COMPLETED: set(),
        S.CANCELED: set(),  # what was found so far is of no use
        S.FAILED: set(),
    },
    noun="routing.simulation",
    states=S,
)
LIVE_SIMULATIONS = frozenset({S.PENDING, S.RUNNING})
