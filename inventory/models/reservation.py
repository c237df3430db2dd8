from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from inventory.models.location import Location
from inventory.models.product import Product
from oms.ids import PrefixedIdField


class ReservationStatus(models.TextChoices):
    ACTIVE = "active", _("Active")
    CONSUMED = "consumed", _("Consumed")
    RELEASED = "released", _("Released")


class Reservation(models.Model):
    """Units of one level that are promised to one demand, named as text (`order_line:oli_…`).

    It ends when nothing remains; the status says what its last units became. The foreign keys are not
    enforced, for the reason given at `StockMovement`.
    """

    id = PrefixedIdField("res")
    demand = models.CharField(_("demand"), max_length=80)
    product = models.ForeignKey(
        Product, models.PROTECT, db_column="sku", db_index=False, db_constraint=False, verbose_name=_("product")
    )
    location = models.ForeignKey(
        Location, models.PROTECT, db_index=False, db_constraint=False, verbose_name=_("location")
    )
    quantity = models.PositiveIntegerField(_("quantity"))
    remaining = models.PositiveIntegerField(_("remaining"))
    status = models.CharField(
        _("status"), max_length=8, choices=ReservationStatus.choices, default=ReservationStatus.ACTIVE
    )
    created_at = models.DateTimeField(_("created"))
    updated_at = models.DateTimeField(_("changed"))

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["demand", "product", "location"],
                condition=Q(status="active"),
                name="one_active_reservation_per_demand_and_level",
            ),
            models.CheckConstraint(condition=Q(remaining__lte=F("quantity")), name="no_more_remains_than_was_reserved"),
            models.CheckConstraint(
                condition=Q(status="active", remaining__gt=0) | (~Q(status="active") & Q(remaining=0)),
                name="a_reservation_is_active_while_units_remain",
            ),
        ]
        indexes = [
            models.Index(
                fields=["product", "location"], condition=Q(status="active"), name="active_reservations_by_level"
            ),
            models.Index(  # what was reserved when something was counted
                fields=["product", "location", "updated_at"],
                condition=~Q(status="active"),
                name="ended_reservations_by_level",
            ),
        ]
        verbose_name = _("reservation")
        verbose_name_plural = _("reservations")

    def __str__(self) -> str:
        return f"{self.demand}: {self.remaining} × {self.product_id} @ {self.location_id}"
