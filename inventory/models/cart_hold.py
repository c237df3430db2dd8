from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from inventory.models.location import Location
from inventory.models.product import Product
from oms.ids import PrefixedIdField


class HoldStatus(models.TextChoices):
    ACTIVE = "active", _("Active")
    COMMITTED = "committed", _("Committed to an order")
    RELEASED = "released", _("Released")
    EXPIRED = "expired", _("Expired")


class CartHold(models.Model):
    """What a shopper has in the cart, kept for a little while.

    It counts until `expires_at`, to the instant, whether or not anybody has written down that it expired.
    `lines` is what was asked for; what is held where stands in the hold's lines, as long as it lives.
    """

    OFFERS = "offers"
    """The owner of what no cart holds: units kept where work is offered to several places."""

    id = PrefixedIdField("rsv")
    channel = models.ForeignKey("oms.Channel", models.PROTECT, related_name="+", verbose_name=_("channel"))
    cart = models.CharField(_("cart"), max_length=100)
    owner = models.CharField(_("made by"), max_length=120)
    status = models.CharField(_("status"), max_length=9, choices=HoldStatus.choices, default=HoldStatus.ACTIVE)
    fingerprint = models.BinaryField(_("digest of the request"), editable=False)
    lines = models.JSONField(_("lines"), default=list)
    expires_at = models.DateTimeField(_("expires"))
    created_at = models.DateTimeField(_("made"))
    updated_at = models.DateTimeField(_("changed"))

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["channel", "cart"], condition=Q(status="active"), name="one_active_hold_per_cart"
            ),
            models.CheckConstraint(condition=Q(expires_at__gt=F("created_at")), name="a_hold_lives_for_a_while"),
        ]
        indexes = [
            models.Index(fields=["owner", "expires_at"], condition=Q(status="active"), name="active_holds_by_owner"),
            models.Index(fields=["expires_at"], condition=Q(status="active"), name="active_holds_by_end"),
        ]
        verbose_name = _("cart hold")
        verbose_name_plural = _("cart holds")

    def __str__(self) -> str:
        return f"{self.cart} ({self.channel_id})"


class CartHoldLine(models.Model):
    """Units of one level that a live hold keeps from others. Deleted with the hold's end.

    `expires_at` is the hold's: who reads stock asks these rows alone. The foreign keys to product and place
    are not enforced, for the reason given at `StockMovement`.
    """

    hold = models.ForeignKey(CartHold, models.CASCADE, related_name="held", verbose_name=_("hold"))
    product = models.ForeignKey(
        Product, models.PROTECT, db_column="sku", db_index=False, db_constraint=False, verbose_name=_("product")
    )
    location = models.ForeignKey(
        Location, models.PROTECT, db_index=False, db_constraint=False, verbose_name=_("location")
    )
    quantity = models.PositiveIntegerField(_("quantity"))
    expires_at = models.DateTimeField(_("expires"))

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["hold", "product", "location"], name="a_hold_names_a_level_once"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="a_hold_keeps_something"),
        ]
        indexes = [models.Index(fields=["product", "location", "expires_at"], name="held_units_by_level")]
        verbose_name = _("held units")
        verbose_name_plural = _("held units")

    def __str__(self) -> str:
        return f"{self.hold_id}: {self.quantity} × {self.product_id} @ {self.location_id}"
