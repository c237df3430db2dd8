from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.validators import BaseValidator, MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from oms.ids import PrefixedIdField

HOURS_OF_A_YEAR = 366 * 24
MINUTES_OF_A_YEAR = HOURS_OF_A_YEAR * 60
SHORTEST = 0.001  # of a minute or an hour: a duration is never nothing


def _scope(label: Any) -> ArrayField:
    return ArrayField(models.CharField(max_length=64), verbose_name=label, default=list, blank=True)


def _between(least: float, most: float) -> list[BaseValidator]:
    return [MinValueValidator(least), MaxValueValidator(most)]


class ServiceLevel(models.Model):
    """How quickly places answer, prepare and hand over, in their opening hours. The most specific scope wins.

    Durations may be fractions of a minute or an hour; an empty scope list covers everything.
    """

    id = PrefixedIdField("slv")
    locations = _scope(_("places"))
    groups = _scope(_("groups"))
    kinds = _scope(_("kinds"))
    methods = _scope(_("methods"))
    services = _scope(_("services"))
    acknowledge_minutes = models.FloatField(
        _("acknowledge within (minutes)"), validators=_between(SHORTEST, MINUTES_OF_A_YEAR)
    )
    prepare_minutes = models.FloatField(
        _("prepare within (minutes)"),
        null=True,
        blank=True,
        validators=_between(SHORTEST, MINUTES_OF_A_YEAR),
        help_text=_("Empty: the preparation time of the place."),
    )
    hand_over_minutes = models.FloatField(
        _("hand over within (minutes)"),
        null=True,
        blank=True,
        validators=_between(SHORTEST, MINUTES_OF_A_YEAR),
        help_text=_("From packed until the carrier has it. Empty: the time to prepare covers it."),
    )
    collect_hours = models.FloatField(
        _("collect within (hours)"), default=168, validators=_between(SHORTEST, HOURS_OF_A_YEAR)
    )
    warn_at_share = models.FloatField(
        _("warn the place after this share of the time"), default=0.75, validators=_between(0, 1)
    )
    escalate_at_share = models.FloatField(
        _("tell the manager after this share of the time"), default=0.9, validators=_between(0, 1)
    )
    max_attempts = models.PositiveSmallIntegerField(
        _("places tried before a person decides"), default=3, validators=[MinValueValidator(1)]
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(acknowledge_minutes__range=(SHORTEST, MINUTES_OF_A_YEAR))
                & (Q(prepare_minutes=None) | Q(prepare_minutes__range=(SHORTEST, MINUTES_OF_A_YEAR)))
                & (Q(hand_over_minutes=None) | Q(hand_over_minutes__range=(SHORTEST, MINUTES_OF_A_YEAR)))
                & Q(collect_hours__range=(SHORTEST, HOURS_OF_A_YEAR)),
                name="durations_are_more_than_nothing_and_at_most_a_year",
            ),
            models.CheckConstraint(
                condition=Q(warn_at_share__range=(0, 1), escalate_at_share__range=(0, 1)),
                name="a_warning_comes_within_the_time_allowed",
            ),
            models.CheckConstraint(
                condition=Q(escalate_at_share__gte=F("warn_at_share")),
                name="a_manager_is_told_no_sooner_than_the_place",
                violation_error_code="before_the_place",
                violation_error_message=_("The manager is told no sooner than the place."),
            ),
            models.CheckConstraint(condition=Q(max_attempts__gte=1), name="at_least_one_place_is_tried"),
        ]
        verbose_name = _("service level")
        verbose_name_plural = _("service levels")

    def __str__(self) -> str:
        scope = [*self.locations, *self.groups, *self.kinds, *self.services, *self.methods]
        return ", ".join(scope) or str(_("everything"))
