from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from inventory.models.location import Location


class Reconciliation(models.Model):
    """How far a feed and the ledger were apart at one place on one day (UTC), made at night from that day's imports.

    Over and under are the feed's units more or fewer than the ledger's. `before_*` is the report before it of the same
    source and place: the trend.
    """

    date = models.DateField(_("day"))
    source = models.CharField(_("source"), max_length=120)
    location = models.ForeignKey(Location, models.PROTECT, related_name="+", db_index=False, verbose_name=_("place"))
    imports = models.PositiveIntegerField(_("imports"))
    compared = models.BigIntegerField(_("compared"))
    different = models.BigIntegerField(_("different"))
    units_over = models.BigIntegerField(_("units over"))
    units_under = models.BigIntegerField(_("units under"))
    biggest = models.JSONField(_("biggest differences"), default=list)
    before_date = models.DateField(_("day before"), null=True)
    before_compared = models.BigIntegerField(null=True)
    before_different = models.BigIntegerField(null=True)
    before_units_off = models.BigIntegerField(null=True)
    made_at = models.DateTimeField(_("made"))

    class Meta:
        ordering = ["-date", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["source", "location", "date"], name="one_reconciliation_per_source_place_and_day"
            ),
            models.CheckConstraint(
                condition=Q(different__lte=F("compared")), name="no_more_rows_differ_than_were_compared"
            ),
        ]
        indexes = [
            models.Index(fields=["location", "date"], name="reconciliations_by_place"),
            models.Index(fields=["date", "id"], name="reconciliations_by_day"),
        ]
        verbose_name = _("reconciliation")
        verbose_name_plural = _("reconciliations")

    def __str__(self) -> str:
        return f"{self.source} @ {self.location_id} {self.date}"

    @property
    def equal(self) -> int:
        return self.compared - self.different

    @property
    def units_off(self) -> int:
        return self.units_over + self.units_under

    @property
    def share_different(self) -> float:
        return self.different / self.compared if self.compared else 0.0

    @property
    def trend(self) -> str:
        """`new`, or how the units off stand to those of the report before: `better`, `same`, `worse`."""
        if self.before_units_off is None:
            return "new"
        if self.units_off == self.before_units_off:
            return "same"
        return "better" if self.units_off < self.before_units_off else "worse"
