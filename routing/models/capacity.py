from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from inventory.models import Location


class CapacityDay(models.Model):
    """Fulfillments a place has to prepare on one of its local days; only places with a capacity have rows."""

    location = models.ForeignKey(Location, models.PROTECT, related_name="capacity_days", verbose_name=_("place"))
    date = models.DateField(_("local day"))
    booked = models.PositiveIntegerField(_("booked"))

    class Meta:
        ordering = ["location_id", "date"]
        constraints = [
            models.UniqueConstraint(fields=["location", "date"], name="a_place_has_one_book_per_day"),
            models.CheckConstraint(condition=Q(booked__gte=0), name="a_day_is_not_booked_below_zero"),
        ]
        verbose_name = _("capacity day")
        verbose_name_plural = _("capacity days")

    def __str__(self) -> str:
        return f"{self.location_id} {self.date}: {self.booked}"
