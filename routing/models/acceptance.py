from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from oms.tags import TagsField


class DayPart(models.TextChoices):
    """Of the place's clock; see `routing.leadtimes.day_part`."""

    MORNING = "m", _("Morning")
    NOON = "n", _("Noon")
    AFTERNOON = "a", _("Afternoon")
    EVENING = "e", _("Evening")


class OfferOutcome(models.Model):
    """What a place made of work it was offered; once per offer, and a failure is final. What acceptance is learned from.

    `reference` is the work (a fulfillment); no key points up. `tags` of the products it was about; of those that were
    missing, where some were.
    """

    class Outcome(models.TextChoices):
        ACCEPTED = "accepted", _("Accepted")
        DECLINED = "declined", _("Declined")
        TIMED_OUT = "timed_out", _("Timed out")
        SHORT = "short", _("Came up short")

    reference = models.CharField(_("work"), max_length=32, unique=True, db_collation="C")
    location = models.CharField(_("place"), max_length=64, db_collation="C")
    day_part = models.CharField(_("part of the day"), max_length=1, choices=DayPart.choices)
    tags = TagsField(verbose_name=_("product tags"))
    outcome = models.CharField(_("outcome"), max_length=9, choices=Outcome.choices)
    offered_at = models.DateTimeField(_("offered"), db_index=True)

    class Meta:
        ordering = ["-offered_at", "-id"]
        verbose_name = _("offer")
        verbose_name_plural = _("offers")

    def __str__(self) -> str:
        return f"{self.reference} · {self.location}: {self.get_outcome_display()}"


class AcceptanceRate(models.Model):
    """What was learned about one group of offers last; empty names mean any. See `routing.acceptance`."""

    location = models.CharField(_("place"), max_length=64, blank=True, db_collation="C")
    day_part = models.CharField(_("part of the day"), max_length=1, blank=True, choices=DayPart.choices)
    tag = models.CharField(_("product tag"), max_length=64, blank=True, db_collation="C")
    kept = models.FloatField(_("kept"))
    offers = models.FloatField(_("offers"), help_text=_("Those of a month ago count half."))
    probability = models.FloatField(_("is kept"))
    computed_at = models.DateTimeField(_("at"))

    class Meta:
        ordering = ["probability", "location", "day_part", "tag"]
        constraints = [
            models.UniqueConstraint(fields=["location", "day_part", "tag"], name="a_group_of_offers_has_one_rate"),
            models.CheckConstraint(condition=Q(probability__range=(0, 1)), name="acceptance_is_a_probability"),
            models.CheckConstraint(condition=Q(kept__gte=0, kept__lte=F("offers")), name="only_offers_are_kept"),
        ]
        verbose_name = _("acceptance rate")
        verbose_name_plural = _("acceptance rates")

    def __str__(self) -> str:
        return " · ".join(filter(None, [self.location or str(_("all places")), self.get_day_part_display(), self.tag]))
