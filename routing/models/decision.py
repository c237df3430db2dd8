from django.db import models
from django.utils.translation import gettext_lazy as _

from oms.ids import PrefixedIdField


class Decision(models.Model):
    """Why goods leave from where they leave: what was decided (`snapshot`) upon what (`evidence`), read as words.

    Both are compact (see `routing.snapshots`); decisions of before evidence was kept have none. `subject` names whose
    demand it was (an order's number); no key points up.
    """

    id = PrefixedIdField("dec")
    subject = models.CharField(_("for"), max_length=100)
    rule_set = models.CharField(_("rule set"), max_length=32, blank=True, default="")
    rule_set_version = models.PositiveIntegerField(_("version"), default=0)
    # As wide as the dearest plan: 20 million units, each a package at the most a figure counts for (`engine.cost`).
    cost = models.DecimalField(_("cost"), max_digits=26, decimal_places=6)
    lower_bound = models.DecimalField(_("lower bound"), max_digits=26, decimal_places=6)
    optimal = models.BooleanField(_("proven best"))
    elapsed_ms = models.FloatField(_("time taken (ms)"))
    snapshot = models.JSONField(_("snapshot"))
    evidence = models.BinaryField(_("evidence"), default=b"", db_default=b"", editable=False)
    created_at = models.DateTimeField(_("at"))

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["subject"], name="decisions_by_subject")]
        verbose_name = _("decision")
        verbose_name_plural = _("decisions")

    def __str__(self) -> str:
        return f"{self.id} ({self.subject})"
