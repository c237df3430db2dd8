from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Func, Q, Value
from django.utils.translation import gettext_lazy as _

from oms.ids import ByteOrderedField, PrefixedIdField
from oms.money import CurrencyField, MoneyField
from oms.tags import TagsField
from orders.states import HoldKind, Method, OrderStatus

BUCKETS = (
    "open",
    "backordered",
    "allocated",
    "picked",
    "packed",
    "in_transit",
    "shipped",
    "delivered",
    "collected",
    "canceled",
)
"""Where a unit of a line can be; each is in exactly one."""


class Order(models.Model):
    id = PrefixedIdField("ord")
    number = models.BigIntegerField(
        _("number"), unique=True, editable=False, db_default=Func(Value("orders_order_number"), function="nextval")
    )
    channel = models.ForeignKey("oms.Channel", models.PROTECT, verbose_name=_("channel"))
    external_id = models.CharField(_("external id"), max_length=100, null=True, blank=True)
    fingerprint = models.BinaryField(max_length=32, editable=False)
    customer = models.ForeignKey("orders.Customer", models.PROTECT, verbose_name=_("customer"), related_name="orders")
    status = models.CharField(
        _("status"), max_length=24, choices=OrderStatus.choices, default=OrderStatus.PLACED, editable=False
    )
    locale = models.CharField(_("language"), max_length=8, default="en")
    currency = CurrencyField(verbose_name=_("currency"))
    prices_include_tax = models.BooleanField(_("prices include tax"), default=True)
    items_total = MoneyField(verbose_name=_("items"))
    discount_total = MoneyField(verbose_name=_("discounts"))
    shipping_total = MoneyField(verbose_name=_("shipping"))
    tax_total = MoneyField(verbose_name=_("tax"))
    total = MoneyField(verbose_name=_("total"))
    discounts = models.JSONField(_("order discounts"), default=list, blank=True)
    shipping_address = models.JSONField(_("shipping address"), null=True, blank=True)
    billing_address = models.JSONField(_("billing address"), null=True, blank=True)
    pickup_person = models.JSONField(_("collected by"), null=True, blank=True)
    metadata = models.JSONField(_("metadata"), default=dict, blank=True)
    tags = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    allows_backorder = models.BooleanField(
        _("may wait"), default=False, db_default=False, help_text=_("The shopper agreed to wait for deliveries.")
    )
    allows_partial = models.BooleanField(
        _("may be cut"),
        default=False,
        db_default=False,
        help_text=_("The shopper takes what can be had; the rest was canceled at placement."),
    )
    customer_tags = TagsField(verbose_name=_("tags of the customer"), help_text=_("As they were at placement."))
    tracking_token = ByteOrderedField(max_length=43, unique=True, editable=False)
    placed_by = models.CharField(_("placed by"), max_length=120, blank=True, default="")
    placed_at_location = models.ForeignKey(
        "inventory.Location", models.PROTECT, null=True, blank=True, verbose_name=_("placed at"), related_name="+"
    )
    placed_at = models.DateTimeField(_("placed"))
    promised_at = models.DateTimeField(_("promised"), null=True, help_text=_("Given at placement, never changed."))
    expected_at = models.DateTimeField(_("expected"), null=True, help_text=_("Today's expectation."))

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["channel", "external_id"],
                condition=Q(external_id__isnull=False),
                name="an_external_id_makes_one_order",
            ),
            models.CheckConstraint(
                condition=Q(total=F("items_total") - F("discount_total") + F("shipping_total"), prices_include_tax=True)
                | Q(
                    total=F("items_total") - F("discount_total") + F("shipping_total") + F("tax_total"),
                    prices_include_tax=False,
                ),
                name="the_money_of_an_order_adds_up",
            ),
        ]
        indexes = [
            models.Index(fields=["-placed_at"], name="orders_by_time"),
            models.Index(fields=["status", "-placed_at"], name="orders_by_status"),
            models.Index(fields=["customer", "-placed_at"], name="orders_by_customer"),
        ]
        verbose_name = _("order")
        verbose_name_plural = _("orders")

    def __str__(self) -> str:
        return f"#{self.number}"

    @property
    def event_root(self) -> str:
        return self.pk


class Delivery(models.Model):
    """One way in which part of an order reaches the shopper."""

    id = PrefixedIdField("dlv")
    order = models.ForeignKey(Order, models.CASCADE, related_name="deliveries")
    ref = models.CharField(max_length=40)
    method = models.CharField(_("method"), max_length=12, choices=Method.choices)
    service = models.CharField(_("service"), max_length=20)
    location = models.ForeignKey(
        "inventory.Location", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("pickup place")
    )
    stock = models.CharField(max_length=8, default="local")
    address = models.JSONField(_("address"), null=True, blank=True)
    price = MoneyField(verbose_name=_("price"))
    tax_rate = models.DecimalField(_("tax rate"), max_digits=6, decimal_places=4)
    tax_amount = MoneyField(verbose_name=_("tax"))

    class Meta:
        constraints = [models.UniqueConstraint(fields=["order", "ref"], name="a_delivery_is_named_once_per_order")]
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")


def demand_of_line(line_id: str) -> str:
    return f"order_line:{line_id}"


class OrderLine(models.Model):
    id = PrefixedIdField("oli")
    order = models.ForeignKey(Order, models.CASCADE, related_name="lines")
    delivery = models.ForeignKey(Delivery, models.PROTECT, related_name="lines")
    ref = models.CharField(_("line"), max_length=40)
    position = models.PositiveSmallIntegerField()
    product = models.ForeignKey(
        "inventory.Product", models.PROTECT, db_column="sku", verbose_name=_("product"), related_name="+"
    )
    quantity = models.PositiveIntegerField(_("ordered"))
    unit_price = MoneyField(verbose_name=_("unit price"))
    discount = MoneyField(verbose_name=_("line discount"))
    order_discount = MoneyField(verbose_name=_("share of order discounts"))
    tax_rate = models.DecimalField(_("tax rate"), max_digits=6, decimal_places=4)
    tax_amount = MoneyField(verbose_name=_("tax"))
    total = MoneyField(
        verbose_name=_("total"), help_text=_("After all discounts, as prices are given (with or without tax).")
    )
    group = models.CharField(_("kept together"), max_length=40, blank=True, default="")
    open = models.PositiveIntegerField(_("open"), default=0)
    backordered = models.PositiveIntegerField(_("back-ordered"), default=0)
    allocated = models.PositiveIntegerField(_("allocated"), default=0)
    picked = models.PositiveIntegerField(_("picked"), default=0)
    packed = models.PositiveIntegerField(_("packed"), default=0)
    in_transit = models.PositiveIntegerField(_("in transit"), default=0)
    shipped = models.PositiveIntegerField(_("shipped"), default=0)
    delivered = models.PositiveIntegerField(_("delivered"), default=0)
    collected = models.PositiveIntegerField(_("collected"), default=0)
    canceled = models.PositiveIntegerField(_("canceled"), default=0)
    returned = models.PositiveIntegerField(_("returned"), default=0)
    unserved = models.PositiveIntegerField(
        _("not available"),
        default=0,
        db_default=0,
        editable=False,
        help_text=_("Of what is canceled: what could not be had at placement. The money of the line is without it."),
    )
    promised_at = models.DateTimeField(
        _("promised"), null=True, editable=False, help_text=_("For what is back-ordered; never changed.")
    )
    expected_at = models.DateTimeField(
        _("expected"), null=True, editable=False, help_text=_("Of what is back-ordered, as known today.")
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["order", "ref"], name="a_line_is_named_once_per_order"),
            models.CheckConstraint(
                condition=Q(
                    quantity=F("open")
                    + F("backordered")
                    + F("allocated")
                    + F("picked")
                    + F("packed")
                    + F("in_transit")
                    + F("shipped")
                    + F("delivered")
                    + F("collected")
                    + F("canceled")
                ),
                name="each_unit_of_a_line_is_in_exactly_one_bucket",
            ),
            models.CheckConstraint(
                condition=Q(returned__lte=F("shipped") + F("delivered") + F("collected")),
                name="only_what_arrived_comes_back",
            ),
            models.CheckConstraint(condition=Q(unserved__lte=F("canceled")), name="what_could_not_be_had_is_canceled"),
        ]
        ordering = ["order", "position"]
        verbose_name = _("order line")
        verbose_name_plural = _("order lines")

    def __str__(self) -> str:
        return f"{self.quantity} × {self.product_id}"

    @property
    def accepted(self) -> int:
        """Units that the order was placed with, and that its money stands for."""
        return self.quantity - self.unserved

    @property
    def demand(self) -> str:
        """How reservations name this line."""
        return demand_of_line(self.pk)


class Hold(models.Model):
    """A reason why an order waits. Work is released only when none is left."""

    id = PrefixedIdField("hld")
    order = models.ForeignKey(Order, models.CASCADE, related_name="holds")
    kind = models.CharField(_("kind"), max_length=12, choices=HoldKind.choices)
    note = models.CharField(_("note"), max_length=500, blank=True, default="")
    placed_by = models.CharField(_("by"), max_length=120)
    placed_at = models.DateTimeField(_("since"))
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    released_at = models.DateTimeField(_("released"), null=True, blank=True)
    released_by = models.CharField(_("released by"), max_length=120, blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["order", "kind"], condition=Q(released_at=None), name="one_open_hold_of_a_kind_per_order"
            )
        ]
        verbose_name = _("hold")
        verbose_name_plural = _("holds")

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.note}"
