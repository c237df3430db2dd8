from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from inventory.models.location import Location
from inventory.models.product import Product
from inventory.models.stock import Condition
from oms.ids import PrefixedIdField


class AdjustmentKind(models.TextChoices):
    DAMAGE = "damage", _("Damaged")
    REPAIR = "repair", _("Repaired")
    QUARANTINE = "quarantine", _("Put in quarantine")
    RELEASE = "release", _("Released from quarantine")
    WRITE_OFF = "write_off", _("Written off")
    FOUND = "found", _("Found")


class AdjustmentReason(models.TextChoices):
    BROKEN = "broken", _("Broken here")
    BROKEN_IN_TRANSIT = "broken_in_transit", _("Broken on the way")
    DEFECTIVE = "defective", _("Defective")
    EXPIRED = "expired", pgettext_lazy("goods", "Expired")
    RECALLED = "recalled", _("Recalled by the maker")
    RETURNED = "returned", _("Came back from a shopper")
    INSPECTED = "inspected", _("Inspected")
    MENDED = "mended", _("Mended")
    STOLEN = "stolen", _("Stolen")
    LOST = "lost", _("Lost")
    MISPLACED = "misplaced", _("Was in the wrong place")
    OWN_USE = "own_use", _("Own use or display")
    OTHER = "other", _("Other")


class StockAdjustment(models.Model):
    """What somebody changed about units of a level by hand, and why. Only ever added.

    Its movements carry its id. `condition` is that of the units that were written off or found.
    """

    id = PrefixedIdField("adj")
    product = models.ForeignKey(Product, models.PROTECT, db_column="sku", db_index=False, verbose_name=_("product"))
    location = models.ForeignKey(Location, models.PROTECT, db_index=False, verbose_name=_("location"))
    kind = models.CharField(_("what"), max_length=12, choices=AdjustmentKind.choices)
    quantity = models.PositiveIntegerField(_("units"))
    condition = models.CharField(_("condition"), max_length=12, choices=Condition.choices, blank=True, default="")
    reason = models.CharField(_("why"), max_length=20, choices=AdjustmentReason.choices)
    note = models.CharField(_("note"), max_length=500, blank=True, default="")
    actor = models.CharField(_("who"), max_length=120)
    made_at = models.DateTimeField(_("at"))

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=Q(quantity__gt=0), name="an_adjustment_changes_something"),
        ]
        indexes = [
            models.Index(fields=["location", "-id"], name="adjustments_by_location"),
            models.Index(fields=["product", "-id"], name="adjustments_by_product"),
        ]
        verbose_name = _("adjustment")
        verbose_name_plural = _("adjustments")

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.quantity} × {self.product_id} @ {self.location_id}"
