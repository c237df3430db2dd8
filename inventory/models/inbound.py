from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from inventory.models.location import Location
from inventory.models.product import Product
from inventory.states import OPEN, InboundStatus
from oms.ids import PrefixedIdField


class Inbound(models.Model):
    """Goods on their way to a place: a delivery that was announced or, with an `origin`, a transfer from there.

    A transfer's units have left the origin's level; until received, found missing or canceled they stand here
    only, in the `remaining` of its lines.
    """

    id = PrefixedIdField("inb")
    location = models.ForeignKey(
        Location, models.PROTECT, db_index=False, related_name="inbound", verbose_name=_("destination")
    )
    origin = models.ForeignKey(
        Location,
        models.PROTECT,
        null=True,
        blank=True,
        db_index=False,
        related_name="outbound",
        verbose_name=_("origin"),
        help_text=_("The place that sends it; empty for deliveries from outside."),
    )
    source = models.CharField(_("source"), max_length=120, blank=True, default="")
    external_id = models.CharField(_("id at the source"), max_length=120, null=True, blank=True)
    reference = models.CharField(_("reference"), max_length=100, blank=True, default="")
    reason = models.CharField(_("reason"), max_length=200, blank=True, default="")
    expected_at = models.DateTimeField(_("expected"))
    status = models.CharField(_("status"), max_length=20, choices=InboundStatus.choices)
    closing_note = models.CharField(_("closing note"), max_length=500, blank=True, default="")
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)
    fingerprint = models.BinaryField(max_length=32, default=b"")  # of what was announced under the external id
    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(_("announced"))
    updated_at = models.DateTimeField(_("changed"))

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["source", "external_id"],
                condition=Q(external_id__isnull=False),
                name="an_announcement_of_a_source_is_made_once",
            ),
            models.CheckConstraint(
                condition=Q(origin=None) | ~Q(origin=F("location")), name="a_transfer_goes_to_another_place"
            ),
            models.CheckConstraint(
                condition=~Q(status="announced", origin__isnull=False) & ~Q(status="in_transit", origin=None),
                name="deliveries_are_announced_and_transfers_are_sent",
            ),
            models.CheckConstraint(
                condition=Q(status__in=("announced", "in_transit", "partially_received"), closed_at=None)
                | Q(status__in=("received", "canceled"), closed_at__isnull=False),
                name="an_inbound_is_closed_when_it_ends",
            ),
        ]
        indexes = [
            models.Index(fields=["location", "-id"], name="inbound_by_destination"),
            models.Index(fields=["origin", "-id"], condition=Q(origin__isnull=False), name="transfers_by_origin"),
            models.Index(
                fields=["location", "expected_at"], condition=Q(closed_at=None), name="open_inbound_by_destination"
            ),
            models.Index(fields=["expected_at"], name="inbound_by_day"),
        ]
        verbose_name = _("inbound delivery")
        verbose_name_plural = _("inbound deliveries")

    def __str__(self) -> str:
        return f"{self.reference or self.external_id or self.pk} → {self.location_id}"

    @property
    def is_transfer(self) -> bool:
        return self.origin_id is not None

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def named_source(self) -> str:
        """The source if it has a name of its own; announcements without one have the id of their key."""
        return "" if self.source.startswith("key_") else self.source


class InboundLine(models.Model):
    """Units of one product in a delivery or transfer.

    `quantity` was announced (or sent), `received` came in whatever condition, `remaining` may still come, `missing`
    will not. More may come than was announced, and articles that nobody announced: then `received` is the larger.
    Of what remains, `promised` units are spoken for (`SupplyPromise`).
    """

    inbound = models.ForeignKey(
        Inbound, models.CASCADE, db_index=False, related_name="lines", verbose_name=_("inbound delivery")
    )
    product = models.ForeignKey(Product, models.PROTECT, db_column="sku", db_index=False, verbose_name=_("product"))
    quantity = models.PositiveIntegerField(_("announced"))
    remaining = models.PositiveIntegerField(_("still to come"))
    received = models.PositiveIntegerField(_("received"), default=0, db_default=0)
    damaged = models.PositiveIntegerField(_("of it damaged"), default=0, db_default=0)
    quarantined = models.PositiveIntegerField(_("of it quarantined"), default=0, db_default=0)
    missing = models.PositiveIntegerField(_("missing"), default=0, db_default=0)
    promised = models.PositiveIntegerField(_("promised"), default=0, db_default=0)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["inbound", "product"], name="one_line_per_inbound_and_product"),
            models.CheckConstraint(
                condition=Q(remaining=0) | Q(missing=0, quantity=F("received") + F("remaining")),
                name="what_remains_was_announced_and_not_received",
            ),
            models.CheckConstraint(
                condition=Q(missing=0) | Q(quantity=F("received") + F("missing")),
                name="what_is_missing_was_announced_and_not_received",
            ),
            models.CheckConstraint(
                condition=Q(received__gte=F("damaged") + F("quarantined")),
                name="damaged_and_quarantined_units_were_received",
            ),
            models.CheckConstraint(
                condition=Q(promised__lte=F("remaining")), name="no_more_is_promised_of_a_delivery_than_still_comes"
            ),
        ]
        indexes = [
            models.Index(fields=["product"], condition=Q(remaining__gt=0), name="supply_by_product"),
            models.Index(fields=["product", "inbound"], name="inbound_lines_by_product"),
        ]
        verbose_name = _("line")
        verbose_name_plural = _("lines")

    def __str__(self) -> str:
        return f"{self.product_id}: {self.received} / {self.quantity}"

    @property
    def over(self) -> int:
        """Units that came though nobody announced them."""
        return max(0, self.received - self.quantity)


class SupplyPromise(models.Model):
    """Units for which a demand (`order_line:oli_…`) waits, and the line of a delivery that is to bring them.

    Without a `line` their delivery does not come, or was never named: whoever promised them is to look for another.
    Received, they become a reservation of their level (`services.supply_promises`) and leave this table.
    """

    demand = models.CharField(_("demand"), max_length=80)
    product = models.ForeignKey(Product, models.PROTECT, db_column="sku", db_index=False, verbose_name=_("product"))
    line = models.ForeignKey(
        InboundLine, models.PROTECT, null=True, db_index=False, related_name="promises", verbose_name=_("delivery")
    )
    quantity = models.PositiveIntegerField(_("quantity"))
    since = models.DateTimeField(_("since"))

    class Meta:
        ordering = ["since", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["demand", "line"], nulls_distinct=False, name="one_promise_per_demand_and_line_of_a_delivery"
            ),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="a_promise_is_of_some_units"),
        ]
        indexes = [
            models.Index(fields=["line"], name="promises_by_line_of_a_delivery"),
            models.Index(fields=["since"], condition=Q(line=None), name="promises_without_a_delivery"),
            models.Index(fields=["product", "since"], name="promises_by_product"),
        ]
        verbose_name = _("promise from a delivery")
        verbose_name_plural = _("promises from deliveries")

    def __str__(self) -> str:
        return f"{self.demand}: {self.quantity} × {self.product_id}"
