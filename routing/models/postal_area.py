from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class PostalArea(models.Model):
    """Where the addresses of a postal code, or of all codes that begin like it, stand on the map."""

    country = models.CharField(_("country"), max_length=2, db_collation="C")
    code = models.CharField(_("postal code or prefix"), max_length=20, db_collation="C")
    name = models.CharField(_("name"), max_length=100, blank=True, default="")
    latitude = models.FloatField(_("latitude"), validators=[MinValueValidator(-90), MaxValueValidator(90)])
    longitude = models.FloatField(_("longitude"), validators=[MinValueValidator(-180), MaxValueValidator(180)])

    class Meta:
        ordering = ["country", "code"]
        constraints = [
            models.UniqueConstraint(fields=["country", "code"], name="a_postal_code_is_one_area"),
            models.CheckConstraint(
                condition=Q(latitude__range=(-90, 90), longitude__range=(-180, 180)), name="a_postal_area_is_on_earth"
            ),
        ]
        verbose_name = _("postal area")
        verbose_name_plural = _("postal areas")

    def __str__(self) -> str:
        return f"{self.country} {self.code} {self.name}"
