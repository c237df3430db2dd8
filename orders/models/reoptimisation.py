from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from oms.ids import PrefixedIdField
from oms.money import CurrencyField, MoneyField


class Reoptimisation(models.Model):
    """Orders that were planned again together and swapped their places, all at once, and what that saves."""

    id = PrefixedIdField("rop")
    numbers = ArrayField(models.BigIntegerField(), verbose_name=_("orders"))
    considered = models.PositiveIntegerField(_("looked at together"))
    currency = CurrencyField(verbose_name=_("currency"))
    saved = MoneyField(verbose_name=_("saved"))
    actor = models.CharField(_("by"), max_length=120)
    created_at = models.DateTimeField(_("at"))

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [models.CheckConstraint(condition=Q(saved__gt=0), name="orders_are_swapped_for_a_saving")]
        indexes = [models.Index(fields=["-created_at", "-id"], name="reoptimisations_by_time")]
        verbose_name = _("re-optimisation")
        verbose_name_plural = _("re-optimisations")

    def __str__(self) -> str:
        return self.pk
