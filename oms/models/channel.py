from django.db import models
from django.utils.translation import gettext_lazy as _

from oms.ids import CodeField
from oms.money import CurrencyField


class OnPaymentFailure(models.TextChoices):
    HOLD = "hold", _("Hold, then cancel when the hold expires")
    CANCEL = "cancel", _("Cancel at once")


class Channel(models.Model):
    """Where orders come from: a web shop, the stores' tills, a marketplace."""

    code = CodeField(max_length=32)
    name = models.CharField(_("name"), max_length=100)
    currency = CurrencyField(verbose_name=_("currency"))
    is_active = models.BooleanField(_("active"), default=True)
    on_payment_failure = models.CharField(
        _("when a payment fails"), max_length=8, choices=OnPaymentFailure.choices, default=OnPaymentFailure.HOLD
    )
    payment_hold_minutes = models.PositiveIntegerField(
        _("payment hold (minutes)"),
        default=60,
        help_text=_("How long an order waits for a new payment before it is canceled."),
    )
    authorizes_late = models.BooleanField(
        _("payments come later"),
        default=False,
        help_text=_("Orders are accepted before their payments cover the total."),
    )
    grace_minutes = models.JSONField(
        _("grace by method (minutes)"),
        default=dict,
        blank=True,
        help_text=_('How long an order waits before a place sees it, for example {"ship": 15}.'),
    )

    class Meta:
        ordering = ["code"]
        verbose_name = _("channel")
        verbose_name_plural = _("channels")

    def __str__(self) -> str:
        return self.name
