from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from oms.ids import PrefixedIdField
from routing.states import RuleSetStatus


class RuleSet(models.Model):
    """A document of rules (see `routing.documents`). `version` counts the sets of one name."""

    id = PrefixedIdField("rul")
    name = models.CharField(_("name"), max_length=100)
    version = models.PositiveIntegerField(_("version"))
    status = models.CharField(
        _("status"), max_length=10, choices=RuleSetStatus.choices, default=RuleSetStatus.DRAFT, editable=False
    )
    channels = ArrayField(
        models.CharField(max_length=32),
        verbose_name=_("channels"),
        default=list,
        blank=True,
        help_text=_("Empty: every channel without a rule set of its own."),
    )
    document = models.JSONField(_("rules"))
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    published_at = models.DateTimeField(_("published"), null=True, blank=True, editable=False)

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["name", "version"], name="a_rule_set_has_one_text_per_version")]
        verbose_name = _("rule set")
        verbose_name_plural = _("rule sets")

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"


class RuleSetSlot(models.Model):
    """Which rule set decides for a channel; the slot named "" is for all channels without their own."""

    channel = models.CharField(_("channel"), max_length=32, primary_key=True, db_collation="C")
    rule_set = models.ForeignKey(RuleSet, models.PROTECT, related_name="slots", verbose_name=_("rule set"))

    class Meta:
        verbose_name = _("published rule set")
        verbose_name_plural = _("published rule sets")

    def __str__(self) -> str:
        return self.channel or str(_("all other channels"))
