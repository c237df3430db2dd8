from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Deadline(models.Model):
    """One business timer; see `oms.deadlines`."""

    kind = models.CharField(_("kind"), max_length=40)
    subject = models.CharField(_("subject"), max_length=64)
    generation = models.PositiveIntegerField(_("generation"), default=1)
    due_at = models.DateTimeField(_("due"))
    retry_at = models.DateTimeField(
        _("next attempt"), help_text=_("The due time, later the end of a lease or of a pause.")
    )
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    done_at = models.DateTimeField(_("done"), null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["subject", "kind", "generation"], name="a_deadline_exists_once_per_generation"
            ),
        ]
        indexes = [models.Index(fields=["retry_at", "id"], condition=Q(done_at=None), name="deadlines_by_next_attempt")]
        verbose_name = _("deadline")
        verbose_name_plural = _("deadlines")

    def __str__(self) -> str:
        return f"{self.kind} {self.subject} #{self.generation}"
