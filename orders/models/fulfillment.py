from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from oms.ids import PrefixedIdField
from oms.money import MoneyField
from orders.states import LIVE, FulfillmentStatus, Method


class Fulfillment(models.Model):
    """Work given to one place: prepare these units. A place that loses it gets a new row elsewhere (`replaces`)."""

    id = PrefixedIdField("ful")
    order = models.ForeignKey("orders.Order", models.CASCADE, related_name="fulfillments")
    delivery = models.ForeignKey("orders.Delivery", models.PROTECT, related_name="fulfillments")
    location = models.ForeignKey("inventory.Location", models.PROTECT, verbose_name=_("place"), related_name="+")
    pickup_location = models.ForeignKey(
        "inventory.Location", models.PROTECT, null=True, blank=True, verbose_name=_("hand-over place"), related_name="+"
    )
    method = models.CharField(_("method"), max_length=12, choices=Method.choices)
    service = models.CharField(_("service"), max_length=20)
    status = models.CharField(
        _("status"), max_length=20, choices=FulfillmentStatus.choices, default=FulfillmentStatus.PLANNED, editable=False
    )
    version = models.PositiveIntegerField(default=1, editable=False)
    attempt = models.PositiveSmallIntegerField(_("attempt"), default=1)
    replaces = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="replacements", verbose_name=_("replaces")
    )
    decision = models.CharField(
        _("decision"), max_length=32, blank=True, default="", help_text=_("The routing decision that chose this place.")
    )
    cost = MoneyField(verbose_name=_("planned cost"), max_digits=22, default=0)
    distance_km = models.FloatField(_("distance (km)"), null=True)
    release_at = models.DateTimeField(
        _("released from"), null=True, help_text=_("Not before; holds may keep it longer.")
    )
    assigned_at = models.DateTimeField(_("assigned"), null=True)
    acknowledge_by = models.DateTimeField(_("acknowledge by"), null=True)
    ready_by = models.DateTimeField(_("ready by"), null=True)
    hand_over_by = models.DateTimeField(_("hand over by"), null=True)
    collect_by = models.DateTimeField(_("collect by"), null=True)
    promised_at = models.DateTimeField(_("promised"), null=True)
    expected_at = models.DateTimeField(_("expected"), null=True)
    clocks_left = models.JSONField(
        _("left of its clocks"),
        null=True,
        help_text=_("Seconds of each clock that stands still while the order is held."),
    )
    warned_at = models.DateTimeField(_("place warned"), null=True, help_text=_("Of the step in which it stands."))
    escalated_at = models.DateTimeField(_("manager told"), null=True, help_text=_("Of the step in which it stands."))
    late_since = models.DateTimeField(_("late since"), null=True, help_text=_("The manager was warned."))
    claimed_by = models.CharField(_("worked on by"), max_length=120, blank=True, default="")
    staging = models.CharField(_("staging place"), max_length=40, blank=True, default="")
    capacity_date = models.DateField(_("capacity booked on"), null=True)
    wrong_codes = models.PositiveSmallIntegerField(default=0)
    code_locked_until = models.DateTimeField(null=True)
    updated_at = models.DateTimeField(_("changed"), editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(assigned_at__isnull=False) | Q(status__in=["planned", "canceled"]),
                name="work_at_a_place_was_assigned",
            ),
        ]
        indexes = [
            models.Index(fields=["location", "status", "ready_by"], name="fulfillments_by_place"),
            models.Index(
                fields=["pickup_location", "status"],
                condition=Q(pickup_location__isnull=False),
                name="fulfillments_by_handover",
            ),
            models.Index(fields=["ready_by"], condition=Q(status__in=sorted(LIVE)), name="live_fulfillments_by_time"),
            models.Index(
                fields=["release_at"],
                condition=Q(status=FulfillmentStatus.PLANNED),
                name="planned_fulfillments_by_time",
            ),
        ]
        verbose_name = _("fulfillment")
        verbose_name_plural = _("fulfillments")

    def __str__(self) -> str:
        return f"{self.pk} {self.location_id}"

    @property
    def event_root(self) -> str:
        return self.order_id

    @property
    def is_stopped(self) -> bool:
        """Its clocks stand still while the order is held: where they would have ended says nothing."""
        return self.clocks_left is not None

    @property
    def is_pickup(self) -> bool:
        return self.method == Method.PICKUP


class FulfillmentLine(models.Model):
    fulfillment = models.ForeignKey(Fulfillment, models.CASCADE, related_name="lines")
    order_line = models.ForeignKey("orders.OrderLine", models.PROTECT, related_name="fulfillment_lines")
    sku = models.CharField(_("SKU"), max_length=64)
    quantity = models.PositiveIntegerField(_("asked"))
    picked = models.PositiveIntegerField(_("picked"), default=0)
    short = models.PositiveIntegerField(_("missing"), default=0)
    short_reason = models.CharField(_("why missing"), max_length=16, blank=True, default="")
    canceled = models.PositiveIntegerField(_("canceled"), default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["fulfillment", "order_line"], name="a_fulfillment_names_a_line_once"),
            models.CheckConstraint(
                condition=Q(quantity__gte=F("picked") + F("short") + F("canceled")),
                name="picked_missing_and_canceled_fit",
            ),
        ]
        verbose_name = _("fulfillment line")
        verbose_name_plural = _("fulfillment lines")

    @property
    def to_pick(self) -> int:
        return self.quantity - self.picked - self.short - self.canceled


class Package(models.Model):
    id = PrefixedIdField("pkg")
    fulfillment = models.ForeignKey(Fulfillment, models.CASCADE, related_name="packages")
    weight_g = models.PositiveIntegerField(_("weight (g)"), null=True)
    contents = models.JSONField(_("contents"), help_text=_("[{line, sku, quantity}]"))

    class Meta:
        verbose_name = _("package")
        verbose_name_plural = _("packages")


class Shipment(models.Model):
    """What left with a carrier."""

    id = PrefixedIdField("shp")
    fulfillment = models.OneToOneField(Fulfillment, models.CASCADE, related_name="shipment")
    carrier_service = models.CharField(_("carrier service"), max_length=64, blank=True, default="")
    tracking_number = models.CharField(_("tracking number"), max_length=100, blank=True, default="")
    handed_over_at = models.DateTimeField(_("handed over"))
    delivered_at = models.DateTimeField(_("delivered"), null=True)

    class Meta:
        verbose_name = _("shipment")
        verbose_name_plural = _("shipments")


class Exclusion(models.Model):
    """This place had this line and lost it; only a person may give it back."""

    order_line = models.ForeignKey("orders.OrderLine", models.CASCADE, related_name="exclusions")
    location = models.ForeignKey("inventory.Location", models.CASCADE, related_name="+")
    reason = models.CharField(_("reason"), max_length=40)
    created_at = models.DateTimeField(_("since"))

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["order_line", "location"], name="a_place_is_excluded_once_per_line")
        ]
