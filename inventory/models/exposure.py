from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from oms.ids import PrefixedIdField


def _list_of_codes(label: Any) -> ArrayField:
    return ArrayField(models.CharField(max_length=64), verbose_name=label, default=list, blank=True)


class ExposureRule(models.Model):
    """So much of the stock is kept back, or all of it hidden, for whoever asks in this way.

    An empty condition does not restrict. How the rules of a level are weighed is told in `inventory.exposure`.
    """

    id = PrefixedIdField("exr")
    name = models.CharField(_("name"), max_length=200, blank=True, default="")
    channel = models.ForeignKey(
        "oms.Channel", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("channel")
    )
    order_type = models.CharField(
        _("delivery method"), max_length=16, blank=True, default="", help_text=_("For example ship or pickup.")
    )
    service = models.CharField(
        _("service level"), max_length=16, blank=True, default="", help_text=_("For example express.")
    )
    countries = ArrayField(
        models.CharField(max_length=2), verbose_name=_("countries of the places"), default=list, blank=True
    )
    groups = _list_of_codes(_("groups of places"))
    locations = _list_of_codes(_("places"))
    tags = _list_of_codes(_("tags of products"))
    skus = _list_of_codes(_("products"))
    below_confidence = models.FloatField(
        _("only where confidence is below"),
        null=True,
        blank=True,
        help_text=_("Between 0 and 1: keeps more back where counts and picks have shown that the stock may be wrong."),
    )
    keep_units = models.PositiveIntegerField(_("units kept back"), null=True, blank=True)
    keep_share = models.DecimalField(
        _("share kept back"),
        max_digits=5,
        decimal_places=4,
        null=True,
        blank=True,
        help_text=_("Of what stands there in good condition; 0.2 keeps a fifth, rounded up to whole units."),
    )
    hidden = models.BooleanField(_("hidden"), default=False, help_text=_("Nothing is shown or sold."))
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created"))
    updated_at = models.DateTimeField(_("changed"))

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(hidden=True) | Q(keep_units__isnull=False) | Q(keep_share__isnull=False),
                name="an_exposure_rule_keeps_or_hides_something",
            ),
            models.CheckConstraint(
                condition=Q(keep_share=None) | Q(keep_share__gte=0, keep_share__lte=1),
                name="a_share_kept_back_is_between_nothing_and_all",
            ),
            models.CheckConstraint(
                condition=Q(below_confidence=None) | Q(below_confidence__gt=0, below_confidence__lte=1),
                name="a_confidence_is_between_nothing_and_certainty",
            ),
            models.CheckConstraint(
                condition=Q(below_confidence=None) | Q(hidden=False), name="doubt_keeps_back_and_does_not_hide"
            ),
        ]
        verbose_name = _("exposure rule")
        verbose_name_plural = _("exposure rules")

    def __str__(self) -> str:
        return self.name or self.pk
