from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from oms.ids import PrefixedIdField
from oms.money import CurrencyField, MoneyField
from orders.states import PaymentStatus


class Payment(models.Model):
    """One means of paying an order. The row is the intent; it stands before the gateway is asked."""

    id = PrefixedIdField("pay")
    order = models.ForeignKey("orders.Order", models.CASCADE, related_name="payments")
    position = models.PositiveSmallIntegerField()
    gateway = models.CharField(_("gateway"), max_length=20)
    method = models.CharField(_("means"), max_length=20)
    token = models.CharField(max_length=200, blank=True, default="", editable=False)
    currency = CurrencyField(verbose_name=_("currency"))
    amount = MoneyField(verbose_name=_("amount"))
    authorized_amount = MoneyField(verbose_name=_("authorized"), default=0)
    captured_amount = MoneyField(verbose_name=_("captured"), default=0)
    refunded_amount = MoneyField(verbose_name=_("refunded"), default=0)
    status = models.CharField(
        _("status"), max_length=20, choices=PaymentStatus.choices, default=PaymentStatus.PENDING, editable=False
    )
    version = models.PositiveIntegerField(default=1, editable=False)
    reference = models.CharField(_("gateway reference"), max_length=100, blank=True, default="")
    failure = models.CharField(_("failure"), max_length=100, blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["order", "position"], name="a_payment_is_listed_once"),
            models.CheckConstraint(
                condition=Q(captured_amount__lte=F("authorized_amount")), name="captured_at_most_what_was_authorized"
            ),
            models.CheckConstraint(
                condition=Q(refunded_amount__lte=F("captured_amount")), name="refunded_at_most_what_was_captured"
            ),
            models.CheckConstraint(condition=Q(refunded_amount__gte=0), name="no_negative_refund"),
        ]
        ordering = ["order", "position"]
        verbose_name = _("payment")
        verbose_name_plural = _("payments")

    def __str__(self) -> str:
        return f"{self.amount} {self.currency} {self.get_status_display()}"

    @property
    def event_root(self) -> str:
        return self.order_id


class PaymentOperation(models.Model):
    """Something asked of the gateway after authorisation. Its id is the idempotency key there."""

    class Kind(models.TextChoices):
        CAPTURE = "capture", _("Capture")
        VOID = "void", _("Void")
        REFUND = "refund", _("Refund")

    class Status(models.TextChoices):
        PENDING = "pending", _("Pending")
        SUCCEEDED = "succeeded", _("Succeeded")
        FAILED = "failed", _("Failed")

    id = PrefixedIdField("pop")
    payment = models.ForeignKey(Payment, models.CASCADE, related_name="operations")
    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices)
    amount = MoneyField(verbose_name=_("amount"))
    cause = models.CharField(
        _("cause"), max_length=64, help_text=_("The fulfillment or decision it pays for; one operation per cause.")
    )
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.PENDING)
    reference = models.CharField(_("gateway reference"), max_length=100, blank=True, default="")
    failure = models.CharField(_("failure"), max_length=100, blank=True, default="")
    created_at = models.DateTimeField(_("asked"))
    settled_at = models.DateTimeField(_("answered"), null=True)

    class Meta:
        constraints = [
            # What the gateway declined moved nothing and may be asked again, as another operation.
            models.UniqueConstraint(
                fields=["payment", "kind", "cause"],
                condition=~Q(status="failed"),
                name="money_moves_once_per_cause",
            )
        ]
        indexes = [models.Index(fields=["payment"], condition=Q(status="failed"), name="operations_declined")]
        verbose_name = _("payment operation")
        verbose_name_plural = _("payment operations")

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.amount}"
