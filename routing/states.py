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
