from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from inventory.models.location import Location
from inventory.models.product import Product


class LevelPace(models.Model):
    """How quickly a stock level leaves the house: the units that went out in each of the last weeks, latest first.

    Worked out from the movements once a night (`inventory.services.pace`), so that no list reads the ledger. Levels of
    which nothing went out have no row. The foreign keys are not enforced, for the reason given at `StockMovement`.
    """

    product = models.ForeignKey(
        Product, models.PROTECT, db_column="sku", db_index=False, db_constraint=False, verbose_name=_("product")
    )
    location = models.ForeignKey(
        Location, models.PROTECT, db_index=False, db_constraint=False, verbose_name=_("location")
    )
    weekly = ArrayField(models.IntegerField(), verbose_name=_("units out by week"))
    last_out_at = models.DateTimeField(_("last went out"))
    refreshed_at = models.DateTimeField(_("worked out"))

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["product", "location"], name="one_pace_per_product_and_location")
        ]
        indexes = [models.Index(fields=["location", "product"], name="paces_by_location")]
        verbose_name = _("stock health")
        verbose_name_plural = _("stock health")

    def __str__(self) -> str:
        return f"{self.product_id} @ {self.location_id}"
