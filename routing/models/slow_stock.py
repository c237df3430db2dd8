from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from oms.money import CurrencyField


class SlowStock(models.Model):
    """What is gained when one unit of a level goes that hardly moves (see `routing.markdown`).

    It speaks for the place in an order, times the weight `markdown` of its step, until `valid_until`.
    """

    sku = models.CharField(_("SKU"), max_length=64, db_collation="C")
    location = models.CharField(_("place"), max_length=64, db_collation="C")
    currency = CurrencyField(verbose_name=_("currency"))
    gain = models.DecimalField(_("gained by a unit"), max_digits=18, decimal_places=6)
    units = models.PositiveIntegerField(_("units that stand there"))
    cover_weeks = models.FloatField(
        _("weeks they would last"), null=True, help_text=_("Empty: nothing goes out at all.")
    )
    computed_at = models.DateTimeField(_("at"))
    valid_until = models.DateTimeField(_("holds until"))

    class Meta:
        ordering = ["-gain", "sku", "location"]
        constraints = [
            models.UniqueConstraint(fields=["currency", "sku", "location"], name="a_level_is_slow_once"),
            models.CheckConstraint(condition=Q(gain__gt=0), name="slow_stock_gains_more_than_nothing"),
            models.CheckConstraint(condition=Q(valid_until__gt=F("computed_at")), name="slow_stock_holds_a_while"),
        ]
        verbose_name = _("slow stock")
        verbose_name_plural = _("slow stock")

    def __str__(self) -> str:
        return f"{self.sku} · {self.location}: {self.gain:g}"
