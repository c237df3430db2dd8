from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from inventory.models import Location
from routing.models.carrier import ServiceStandard


class LeadTimeObservation(models.Model):
    """How long one part of one piece of work took. Counted once per part and reference, however often it is told.

    Preparation is measured in minutes of the place's opening hours, transit in days on which the carrier moves: the
    fewest with which a promise would have been kept. It may be learned from as of `observed_at`, when it was over.
    `configured_days`: how long the carrier was to take; null where nobody knows.
    """

    class Kind(models.TextChoices):
        PREPARATION = "preparation", _("Preparation")
        TRANSIT = "transit", _("Transit")

    class Source(models.TextChoices):
        LIVE = "live", _("Lived here")
        IMPORTED = "imported", _("Imported history")

    kind = models.CharField(_("part"), max_length=12, choices=Kind.choices)
    reference = models.CharField(_("reference"), max_length=100, db_collation="C")
    location = models.CharField(_("place"), max_length=64, db_collation="C")
    location_kind = models.CharField(_("kind of place"), max_length=16)
    method = models.CharField(_("method"), max_length=12)
    service = models.CharField(_("service"), max_length=20)
    carrier_service = models.CharField(_("carrier service"), max_length=64, blank=True, default="")
    origin_area = models.CharField(_("from area"), max_length=8, blank=True, default="")
    destination_area = models.CharField(_("to area"), max_length=8, blank=True, default="")
    configured_days = models.PositiveSmallIntegerField(_("transit as configured (working days)"), null=True)
    hour = models.PositiveSmallIntegerField(_("hour of the place"), null=True)
    backlog = models.PositiveIntegerField(_("work waiting there"), null=True)
    value = models.FloatField(_("minutes or days"))
    started_at = models.DateTimeField(_("began"))
    observed_at = models.DateTimeField(_("was over"))
    source = models.CharField(_("source"), max_length=8, choices=Source.choices, default=Source.LIVE)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "reference"], name="a_lead_time_is_observed_once"),
            models.CheckConstraint(condition=Q(value__gte=0), name="a_lead_time_is_not_negative"),
        ]
        indexes = [models.Index(fields=["observed_at"], name="lead_times_by_time")]
        verbose_name = _("lead time")
        verbose_name_plural = _("lead times")

    def __str__(self) -> str:
        return f"{self.kind} {self.reference}: {self.value:g}"


class LearnedTable(models.Model):
    """What was learned from the lead times of a window. The newest is asked; `document` is `routing.leadtimes`' own.

    `drift` tells month by month what dates learned before would have kept; see `routing.services.learning`.
    """

    learned_at = models.DateTimeField(_("learned"))
    window_days = models.PositiveIntegerField(_("days learned from"))
    preparations = models.PositiveIntegerField(_("preparation times"))
    transits = models.PositiveIntegerField(_("transit times"))
    document = models.JSONField(_("counts"))
    drift = models.JSONField(_("by month"), default=list)

    class Meta:
        ordering = ["-id"]
        verbose_name = _("learned dates")
        verbose_name_plural = _("learned dates")

    def __str__(self) -> str:
        return f"v{self.pk}"


class DatePolicy(models.Model):
    """Whether dates are learned, and how often one is to be kept. The most specific holds: channel before service."""

    class Mode(models.TextChoices):
        OFF = "off", _("Configured times only")
        LEARNED = "learned", _("Learned, where there are enough cases")

    channel = models.ForeignKey(
        "oms.Channel", models.CASCADE, null=True, blank=True, verbose_name=_("channel"), related_name="+"
    )
    service = models.CharField(_("service"), max_length=20, blank=True, default="", choices=ServiceStandard.choices)
    mode = models.CharField(_("dates"), max_length=8, choices=Mode.choices, default=Mode.LEARNED)
    quantile = models.FloatField(
        _("share to be kept"),
        default=0.9,
        validators=[MinValueValidator(0.5), MaxValueValidator(0.99)],
        help_text=_("0.9: nine of ten dates hold."),
    )

    class Meta:
        ordering = ["channel", "service"]
        constraints = [
            models.UniqueConstraint(
                fields=["channel", "service"],
                name="dates_are_settled_once_per_channel_and_service",
                nulls_distinct=False,
            ),
            models.CheckConstraint(condition=Q(quantile__range=(0.5, 0.99)), name="a_date_holds_more_often_than_not"),
        ]
        verbose_name = _("date policy")
        verbose_name_plural = _("date policies")

    def __str__(self) -> str:
        scope = [self.channel_id or "", self.get_service_display() if self.service else ""]
        return ", ".join(filter(None, scope)) or str(_("everything"))


class GivenPromise(models.Model):
    """The date given for one piece of work, and what became of it: the ledger of promises. Never changed afterwards.

    `reference` is the work (a fulfillment), `root` what it belongs to (an order); no key points up. `expected_at` is
    what the plan of this place said, where an earlier date had been given already.
    """

    class Outcome(models.TextChoices):
        OPEN = "open", _("Open")
        KEPT = "kept", _("Kept")
        LATE = "late", _("Kept late")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    reference = models.CharField(_("work"), max_length=32, unique=True, db_collation="C")
    root = models.CharField(_("order"), max_length=32, db_collation="C")
    channel = models.CharField(_("channel"), max_length=32, db_collation="C")
    location = models.ForeignKey(Location, models.PROTECT, related_name="+", db_index=False, verbose_name=_("place"))
    method = models.CharField(_("method"), max_length=12)
    service = models.CharField(_("service"), max_length=20)
    carrier_service = models.CharField(_("carrier service"), max_length=64, blank=True, default="")
    destination_country = models.CharField(max_length=2, blank=True, default="")
    destination_area = models.CharField(_("to area"), max_length=8, blank=True, default="")
    destination_zone = models.CharField(_("time zone there"), max_length=64, blank=True, default="")
    configured_days = models.PositiveSmallIntegerField(_("transit as configured (working days)"), null=True)
    given_at = models.DateTimeField(_("given"))
    release_at = models.DateTimeField(_("released from"))
    hour = models.PositiveSmallIntegerField(_("hour of the place"))
    promised_at = models.DateTimeField(_("promised"))
    expected_at = models.DateTimeField(_("expected"))
    confidence = models.FloatField(_("confidence"), null=True, help_text=_("Empty: from configured times."))
    prepared_at = models.DateTimeField(_("prepared"), null=True)
    ended_at = models.DateTimeField(_("ended"), null=True)
    outcome = models.CharField(_("outcome"), max_length=9, choices=Outcome.choices, default=Outcome.OPEN)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome="open", ended_at=None) | (~Q(outcome="open") & Q(ended_at__isnull=False)),
                name="a_promise_is_open_until_it_ends",
            ),
            models.CheckConstraint(
                condition=~Q(outcome="kept", ended_at__gt=models.F("promised_at"))
                & ~Q(outcome="late", ended_at__lte=models.F("promised_at")),
                name="a_promise_is_kept_by_the_date_given",
            ),
        ]
        indexes = [
            models.Index(fields=["location", "given_at"], name="promises_by_place"),
            models.Index(fields=["given_at"], name="promises_by_time"),
            models.Index(fields=["location"], condition=Q(prepared_at=None, outcome="open"), name="work_to_prepare"),
        ]
        verbose_name = _("promise given")
        verbose_name_plural = _("promises given")

    def __str__(self) -> str:
        return f"{self.reference}: {self.promised_at:%Y-%m-%d %H:%M}"
