from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from oms.ids import CodeField
from oms.money import CurrencyField, MoneyField


class ServiceStandard(models.TextChoices):
    STANDARD = "standard", _("Standard")
    EXPRESS = "express", _("Express")
    SAME_DAY = "same_day", _("Same day")


class Weekday(models.TextChoices):
    MON = "mon", _("Monday")
    TUE = "tue", _("Tuesday")
    WED = "wed", _("Wednesday")
    THU = "thu", _("Thursday")
    FRI = "fri", _("Friday")
    SAT = "sat", _("Saturday")
    SUN = "sun", _("Sunday")


def working_days() -> list[str]:
    return ["mon", "tue", "wed", "thu", "fri"]


def _weekdays(label: Any, text: Any) -> ArrayField:
    day = models.CharField(max_length=3, choices=Weekday.choices)
    return ArrayField(day, verbose_name=label, default=working_days, size=7, help_text=text)


class CarrierService(models.Model):
    """What a carrier sells. Heavier parcels leave in several packages of `max_weight_g` each."""

    code = CodeField(verbose_name=_("code"))
    carrier = models.CharField(_("carrier"), max_length=64)
    name = models.CharField(_("name"), max_length=100)
    service = models.CharField(_("service"), max_length=16, choices=ServiceStandard.choices)
    currency = CurrencyField(verbose_name=_("currency"), default="EUR")
    is_active = models.BooleanField(_("active"), default=True)
    max_weight_g = models.PositiveIntegerField(
        _("heaviest package (g)"), null=True, blank=True, validators=[MinValueValidator(1)]
    )
    cut_off = models.TimeField(
        _("cut-off"), null=True, blank=True, help_text=_("What is ready later leaves the next day. Local time.")
    )
    pickup_days = _weekdays(
        _("fetches parcels on"), _("Never on public holidays of the place, nor on days on which it is closed.")
    )
    delivery_days = _weekdays(_("moves and delivers on"), _("Never on public holidays of the shopper's country."))

    class Meta:
        ordering = ["code"]
        constraints = [
            models.CheckConstraint(
                condition=Q(pickup_days__len__gte=1) & Q(delivery_days__len__gte=1),
                name="a_carrier_fetches_and_delivers_on_some_day",
            ),
            models.CheckConstraint(condition=~Q(max_weight_g=0), name="a_carrier_carries_at_least_a_gram"),
        ]
        verbose_name = _("carrier service")
        verbose_name_plural = _("carrier services")

    def __str__(self) -> str:
        return f"{self.carrier} {self.name}"


class Zone(models.Model):
    """Where one price list holds. Zones are tried by position; the first that covers the way is used."""

    carrier_service = models.ForeignKey(
        CarrierService, models.CASCADE, related_name="zones", verbose_name=_("carrier service")
    )
    code = models.CharField(_("code"), max_length=64)
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    countries = ArrayField(models.CharField(max_length=2), verbose_name=_("countries"), default=list, blank=True)
    postal_prefixes = ArrayField(
        models.CharField(max_length=20), verbose_name=_("postal prefixes"), default=list, blank=True
    )
    max_distance_km = models.FloatField(
        _("at most this far (km)"), null=True, blank=True, validators=[MinValueValidator(0)]
    )
    transit_days = models.PositiveSmallIntegerField(_("transit (working days)"), validators=[MaxValueValidator(365)])

    class Meta:
        ordering = ["carrier_service", "position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["carrier_service", "code"], name="a_zone_is_named_once_per_service")
        ]
        verbose_name = _("zone")
        verbose_name_plural = _("zones")

    def __str__(self) -> str:
        return f"{self.carrier_service_id} {self.code}"


class Rate(models.Model):
    """Price of a package up to a weight; without one, of any weight."""

    zone = models.ForeignKey(Zone, models.CASCADE, related_name="rates", verbose_name=_("zone"))
    max_weight_g = models.PositiveIntegerField(_("up to (g)"), null=True, blank=True, validators=[MinValueValidator(1)])
    price = MoneyField(verbose_name=_("price"), validators=[MinValueValidator(0)])

    class Meta:
        ordering = ["zone", models.F("max_weight_g").asc(nulls_last=True)]
        constraints = [
            models.UniqueConstraint(
                fields=["zone", "max_weight_g"], name="a_weight_has_one_price_per_zone", nulls_distinct=False
            ),
            models.CheckConstraint(condition=Q(price__gte=0), name="a_rate_is_not_negative"),
            models.CheckConstraint(condition=~Q(max_weight_g=0), name="a_rate_is_for_at_least_a_gram"),
        ]
        verbose_name = _("rate")
        verbose_name_plural = _("rates")

    def __str__(self) -> str:
        return f"{self.zone} ≤ {self.max_weight_g or '∞'} g: {self.price}"
