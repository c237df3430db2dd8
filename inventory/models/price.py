from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeBoundary, RangeOperators
from django.db import models
from django.db.models import Deferrable, F, Func, Q
from django.utils.translation import gettext_lazy as _

from inventory.models.product import Product
from oms.ids import PrefixedIdField
from oms.models import Channel
from oms.money import CurrencyField, MoneyField

_IN_FORCE = Func(
    "from_at", "until_at", RangeBoundary(), function="tstzrange", output_field=DateTimeRangeField()
)  # from its beginning on, and no longer at its end; an end that is not given never comes


class ProductPrice(models.Model):
    """What a product costs in one channel, from an instant until another. Where there is none, its own price holds.

    Written by `inventory.services.prices` only: what was in force is history, and history is ended, not rewritten.
    """

    id = PrefixedIdField("pri")
    product = models.ForeignKey(
        Product, models.CASCADE, db_column="sku", db_index=False, related_name="prices", verbose_name=_("product")
    )
    channel = models.ForeignKey(Channel, models.PROTECT, db_index=False, related_name="+", verbose_name=_("channel"))
    currency = CurrencyField(verbose_name=_("currency"))
    amount = MoneyField(verbose_name=_("price"))
    from_at = models.DateTimeField(_("from"))
    until_at = models.DateTimeField(_("until"), null=True, blank=True, help_text=_("Empty: for good."))
    actor = models.CharField(_("set by"), max_length=120)
    updated_at = models.DateTimeField(_("changed"))

    class Meta:
        ordering = ["product", "channel", "from_at"]
        constraints = [
            ExclusionConstraint(
                name="a_channel_has_one_price_at_a_time",
                expressions=[
                    ("product", RangeOperators.EQUAL),
                    ("channel", RangeOperators.EQUAL),
                    (_IN_FORCE, RangeOperators.OVERLAPS),
                ],
                deferrable=Deferrable.IMMEDIATE,
            ),
            models.CheckConstraint(
                condition=Q(until_at=None) | Q(until_at__gt=F("from_at")), name="a_price_ends_after_it_begins"
            ),
            models.CheckConstraint(condition=Q(amount__gte=0), name="a_channel_price_is_not_negative"),
        ]
        indexes = [
            models.Index(fields=["product", "channel", "from_at"], name="prices_by_product"),
            models.Index(fields=["channel", "id"], name="prices_by_channel"),
        ]
        verbose_name = _("channel price")
        verbose_name_plural = _("channel prices")

    def __str__(self) -> str:
        return f"{self.product_id} {self.channel_id} {self.amount} {self.currency}"
