from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from inventory.models.location import Location
from inventory.models.product import Product

MOST_UNITS = 2_000_000_000
"""Of a level, of a movement: the columns' range, rounded down."""


class Condition(models.TextChoices):
    SELLABLE = "sellable", _("Sellable")
    DAMAGED = "damaged", _("Damaged")
    QUARANTINED = "quarantined", _("Quarantined")


class Cause(models.TextChoices):
    """Why stock moved, where we say it ourselves; feeds bring words of their own."""

    COUNT = "count", _("Count")
    ADJUSTMENT = "adjustment", _("Adjustment")
    SHIPPED = "shipped", _("Shipped")
    COLLECTED = "collected", _("Collected")
    DAMAGED = "damaged", _("Found damaged")
    REPAIRED = "repaired", _("Repaired")
    QUARANTINED = "quarantined", _("Put in quarantine")
    RELEASED = "released", _("Released from quarantine")
    WRITTEN_OFF = "written_off", _("Written off")
    FOUND = "found", _("Found")
    RECEIVED = "received", _("Received")
    TRANSFER_SENT = "transfer_sent", _("Sent to another place")
    TRANSFER_RECEIVED = "transfer_received", _("Received from another place")
    TRANSFER_RETURNED = "transfer_returned", _("Not sent after all")


class StockLevel(models.Model):
    """How many of one product stand in one place, all conditions together, and how many are promised.

    Changed by movements and reservations only (`inventory.services`). `on_hand` may fall below `reserved`
    and below zero: a till sells what it has in its hand, whatever we believe.
    """

    product = models.ForeignKey(Product, models.PROTECT, db_column="sku", db_index=False, verbose_name=_("product"))
    location = models.ForeignKey(Location, models.PROTECT, db_index=False, verbose_name=_("location"))
    on_hand = models.IntegerField(_("on hand"), default=0, db_default=0)
    reserved = models.IntegerField(_("reserved"), default=0, db_default=0)
    damaged = models.IntegerField(_("damaged"), default=0, db_default=0)
    quarantined = models.IntegerField(_("quarantined"), default=0, db_default=0)
    safety_stock = models.PositiveIntegerField(
        _("safety stock"), null=True, blank=True, help_text=_("Empty: the location's default.")
    )
    suspect_at = models.DateTimeField(
        _("suspect since"),
        null=True,
        blank=True,
        help_text=_("The goods were not found; nothing is sold until they are counted."),
    )
    held_until = models.DateTimeField(
        _("held until"),
        null=True,
        blank=True,
        editable=False,
        help_text=_("The latest end of the carts that ever held units of it; later than now: some may be held."),
    )
    bin = models.CharField(_("bin"), max_length=40, blank=True, default="", db_default="")
    counted_at = models.DateTimeField(_("counted"), null=True, blank=True)
    confidence = models.FloatField(
        _("confidence"),
        null=True,
        blank=True,
        help_text=_("How far this number can be believed, from 0 to 1. Empty: nobody has counted here yet."),
    )
    updated_at = models.DateTimeField(_("changed"))

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["product", "location"], name="one_level_per_product_and_location"),
            models.CheckConstraint(condition=Q(reserved__gte=0), name="reserved_is_not_negative"),
            models.CheckConstraint(condition=Q(damaged__gte=0), name="damaged_is_not_negative"),
            models.CheckConstraint(condition=Q(quarantined__gte=0), name="quarantined_is_not_negative"),
            models.CheckConstraint(condition=Q(confidence__range=(0, 1)), name="a_confidence_is_between_0_and_1"),
        ]
        indexes = [
            models.Index(fields=["location", "product"], name="levels_by_location"),
            # Only what doubt is about stands in the condition: changes of units stay off every index.
            models.Index(
                fields=["location", "product"],
                condition=Q(suspect_at__isnull=False) | Q(confidence__lt=0.5),
                name="levels_in_doubt",
            ),
        ]
        verbose_name = _("stock level")
        verbose_name_plural = _("stock levels")

    def __str__(self) -> str:
        return f"{self.product_id} @ {self.location_id}"

    @property
    def unsellable(self) -> int:
        return self.damaged + self.quarantined


class StockMovement(models.Model):
    """One line of the ledger, only ever added: so many more or fewer units, why, by whom.

    Partitioned by the month of `recorded_at`: old months are dropped whole, and whoever names a
    time reads those months only. In the database the key is (id, recorded_at); ids are unique all the same.
    The foreign keys are not enforced: a movement is written together with the level, which is, and each
    enforced key would cost the busiest inserts a lock and a look-up.
    """

    product = models.ForeignKey(
        Product, models.PROTECT, db_column="sku", db_index=False, db_constraint=False, verbose_name=_("product")
    )
    location = models.ForeignKey(
        Location, models.PROTECT, db_index=False, db_constraint=False, verbose_name=_("location")
    )
    cause = models.CharField(_("cause"), max_length=40)
    quantity = models.IntegerField(_("on hand ±"))
    damaged_delta = models.IntegerField(_("damaged ±"), default=0, db_default=0)
    quarantined_delta = models.IntegerField(_("quarantined ±"), default=0, db_default=0)
    reference = models.CharField(_("reference"), max_length=100, blank=True, default="", db_default="")
    actor = models.CharField(_("actor"), max_length=120)
    source = models.CharField(_("source"), max_length=120, blank=True, default="", db_default="")
    external_id = models.CharField(_("id at the source"), max_length=120, null=True, blank=True)
    occurred_at = models.DateTimeField(_("at"))
    recorded_at = models.DateTimeField(_("recorded"))

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=~Q(cause=""), name="a_movement_names_its_cause"),
            models.CheckConstraint(condition=~Q(actor=""), name="a_movement_names_its_author"),
            models.CheckConstraint(
                condition=~Q(reference="") | Q(external_id__isnull=False),
                name="a_movement_names_what_it_belongs_to",
            ),
            # Lets whoever asks for what happened after an instant leave out the months recorded before it.
            models.CheckConstraint(
                condition=Q(recorded_at__gte=F("occurred_at")), name="nothing_is_recorded_before_it_happens"
            ),
        ]
        indexes = [
            models.Index(
                fields=["product", "location", "occurred_at"],
                include=["quantity", "damaged_delta", "quarantined_delta"],
                name="movements_by_level",
            ),
            models.Index(fields=["location", "id"], name="movements_by_location"),
            models.Index(fields=["cause", "id"], name="movements_by_cause"),
            models.Index(fields=["reference", "id"], condition=~Q(reference=""), name="movements_by_reference"),
        ]
        verbose_name = _("stock movement")
        verbose_name_plural = _("stock movements")

    def __str__(self) -> str:
        return f"{self.product_id} @ {self.location_id} {self.quantity:+}"
