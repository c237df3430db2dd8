"""What stands beside the movements: which events of feeds made them."""

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.utils.translation import gettext_lazy as _


class StockEventId(models.Model):
    """An event of a source that has moved stock, so that it never does so twice.

    A table of its own, because the movements are partitioned by month and know no uniqueness beyond one: the key is
    the constraint `an_event_of_a_source_moves_stock_once`. Written by the statement that writes the movement.
    """

    pk = models.CompositePrimaryKey("source", "external_id")
    source = models.CharField(_("source"), max_length=120)
    external_id = models.CharField(_("id at the source"), max_length=120)
    sku = models.CharField(_("SKU"), max_length=64, db_collation="C")
    location_id = models.CharField(_("location"), max_length=64, db_collation="C")
    quantity = models.IntegerField(_("on hand ±"))
    recorded_at = models.DateTimeField(_("recorded"))

    class Meta:
        # Ids are forgotten from the oldest on; they lie in the order in which they came, so a coarse index does.
        indexes = [BrinIndex(fields=["recorded_at"], name="event_ids_by_age")]
        verbose_name = _("event id")
        verbose_name_plural = _("event ids")

    def __str__(self) -> str:
        return f"{self.source} {self.external_id}"
