from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from routing.models.rule_set import RuleSet


class Shadow(models.Model):
    """A draft that decides new orders beside the live rules, for comparison only; how often it did otherwise.

    `document` is the text that the counts are of: a draft that is changed begins anew. `state` are the sums of both
    sides as `routing.replay` writes them, `examples` the newest orders decided otherwise.
    """

    rule_set = models.OneToOneField(RuleSet, models.CASCADE, related_name="shadow", verbose_name=_("rule set"))
    actor = models.CharField(_("by"), max_length=120)
    document = models.JSONField(_("rules"))
    last_fact = models.BigIntegerField(editable=False)  # the newest demand that was looked at
    judged = models.PositiveIntegerField(_("orders decided beside"), default=0)
    changed = models.PositiveIntegerField(_("of them otherwise"), default=0)
    state = models.JSONField(editable=False, default=dict)
    figures = models.JSONField(_("figures"), null=True)
    examples = models.JSONField(_("examples"), default=list)
    started_at = models.DateTimeField(_("begun"))
    judged_until = models.DateTimeField(_("up to"), null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(changed__lte=F("judged")), name="a_shadow_changes_no_more_than_it_judges"
            )
        ]
        verbose_name = _("shadow")
        verbose_name_plural = _("shadows")

    def __str__(self) -> str:
        return str(self.rule_set)
