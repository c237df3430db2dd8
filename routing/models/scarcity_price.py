from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from oms.money import CurrencyField


class ScarcityPrice(models.Model):
    """What one unit of a level is worth to those who have not ordered yet (see `routing.engine.scarcity`).

    Asked of an order that takes the unit, times the weight `scarcity` of its step, until `valid_until`.
    """

    class Method(models.TextChoices):
        PROGRAMME = "programme", _("over all expected baskets")
        CLOSED_FORM = "closed_form", _("level by level")

    sku = models.CharField(_("SKU"), max_length=64, db_collation="C")
    location = models.CharField(_("place"), max_length=64, db_collation="C")
    currency = CurrencyField(verbose_name=_("currency"))
    price = models.DecimalField(_("price of a unit"), max_digits=18, decimal_places=6)
    units = models.PositiveIntegerField(_("units then"))
    expected = models.FloatField(_("wanted nearby until then"))
    method = models.CharField(_("worked out"), max_length=12, choices=Method.choices)
    computed_at = models.DateTimeField(_("at"))
    valid_until = models.DateTimeField(_("holds until"))

    class Meta:
        ordering = ["-price", "sku", "location"]
        constraints = [
            models.UniqueConstraint(fields=["currency", "sku", "location"], name="a_level_has_one_scarcity_price"),
            models.CheckConstraint(condition=Q(price__gt=0), name="a_scarcity_price_is_more_than_nothing"),
            models.CheckConstraint(
                condition=Q(valid_until__gt=F("computed_at")), name="a_scarcity_price_holds_a_while"
            ),
        ]
        verbose_name = _("scarcity price")
        verbose_name_plural = _("scarcity prices")

    def __str__(self) -> str:
        return f"{self.sku} · {self.location}: {self.price:g}"


class ScarcityTable(models.Model):
    """That the prices of one currency were worked out: until `valid_until` a level without a price is worth nothing."""

    currency = CurrencyField(verbose_name=_("currency"), primary_key=True)
    computed_at = models.DateTimeField(_("at"))
    valid_until = models.DateTimeField(_("holds until"))

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(valid_until__gt=F("computed_at")), name="scarcity_prices_hold_a_while")
        ]
        verbose_name = _("scarcity prices")
        verbose_name_plural = _("scarcity prices")

    def __str__(self) -> str:
        return self.currency
