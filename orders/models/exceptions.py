from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from oms.ids import PrefixedIdField


class ExceptionCase(models.Model):
    """Work that stands in front of a person, with the reasons why."""

    class Reason(models.TextChoices):
        NO_PLACE = "no_place", _("No place is left")
        MAX_ATTEMPTS = "max_attempts", _("Too many places tried")
        KEPT_TOGETHER = "kept_together", _("Must leave with goods that are picked already")
        LATE_PICKUP = "late_pickup", _("The pickup store is late")
        LATE_WORK = "late_work", _("Begun, but not finished in time")
        LATE_HAND_OVER = "late_hand_over", _("Packed, but not handed to the carrier in time")
        PICKUP_SHORT = "pickup_short", _("The pickup store cannot serve it")
        EXPIRED_PICKUP = "expired_pickup", _("Not collected in time")

    class Status(models.TextChoices):
        OPEN = "open", _("Open")
        RESOLVED = "resolved", _("Resolved")

    ABOUT_LATENESS = frozenset({Reason.LATE_PICKUP, Reason.LATE_WORK, Reason.LATE_HAND_OVER, Reason.EXPIRED_PICKUP})
    """Cases that end when the place acts after all; the others are about units that no place has."""

    id = PrefixedIdField("exc")
    order = models.ForeignKey("orders.Order", models.CASCADE, related_name="exceptions", verbose_name=_("order"))
    fulfillment = models.ForeignKey(
        "orders.Fulfillment",
        models.CASCADE,
        null=True,
        related_name="exceptions",
        verbose_name=_("fulfillment"),
        help_text=_("The work that was lost or is late; empty: no place was found when the order came."),
    )
    delivery = models.ForeignKey(
        "orders.Delivery", models.CASCADE, related_name="exceptions", verbose_name=_("delivery")
    )
    location = models.ForeignKey(
        "inventory.Location", models.PROTECT, null=True, verbose_name=_("place"), related_name="+"
    )
    reason = models.CharField(_("reason"), max_length=16, choices=Reason.choices)
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.OPEN)
    lines = models.JSONField(_("lines"), help_text=_("[{line, sku, quantity}] still without a place"))
    facts = models.JSONField(_("facts"), default=dict, help_text=_("Reasons per place, and other places to offer."))
    opened_at = models.DateTimeField(_("since"))
    cancel_at = models.DateTimeField(
        _("canceled on"), null=True, blank=True, help_text=_("Unless it is solved before. Empty: it waits.")
    )
    resolved_at = models.DateTimeField(_("resolved"), null=True, blank=True)
    resolution = models.CharField(_("resolution"), max_length=12, blank=True, default="")
    resolved_by = models.CharField(_("by"), max_length=120, blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["fulfillment"], condition=Q(status="open"), name="one_open_exception_per_fulfillment"
            ),
            models.UniqueConstraint(
                fields=["delivery"],
                condition=Q(status="open", fulfillment=None),
                name="one_open_exception_per_delivery_that_found_no_place",
            ),
        ]
        indexes = [models.Index(fields=["reason", "opened_at"], condition=Q(status="open"), name="open_exceptions")]
        verbose_name = _("exception")
        verbose_name_plural = _("exceptions")

    def __str__(self) -> str:
        return str(self.get_reason_display())
