"""What stands beside the movements: which events made them, and what is left of those that were forgotten."""

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


class StockBalance(models.Model):
    """What a level held when the ledger that is kept begins: the sums of its movements that were forgotten.

    Balances and movements together make the level. Numbers are wider than a level's: a sum on its way may be.
    """

    pk = models.CompositePrimaryKey("sku", "location_id")
    sku = models.CharField(_("SKU"), max_length=64, db_collation="C")
    location_id = models.CharField(_("location"), max_length=64, db_collation="C")
    on_hand = models.BigIntegerField(_("on hand"), default=0)
    damaged = models.BigIntegerField(_("damaged"), default=0)
    quarantined = models.BigIntegerField(_("quarantined"), default=0)

    class Meta:
        verbose_name = _("opening balance")
        verbose_name_plural = _("opening balances")

    def __str__(self) -> str:
        return f"{self.sku} @ {self.location_id}"


class LedgerStart(models.Model):
    """When the ledger that is kept begins: the first day of the months that were not forgotten. One row, or none."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    begins_at = models.DateTimeField(_("begins"))

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="the_ledger_begins_once")]
        verbose_name = _("begin of the ledger")
        verbose_name_plural = _("begins of the ledger")

    def __str__(self) -> str:
        return self.begins_at.isoformat()
