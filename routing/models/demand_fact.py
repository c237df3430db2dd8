from django.db import models
from django.utils.translation import gettext_lazy as _

from oms.money import CurrencyField, MoneyField
from oms.tags import TagsField


class DemandFact(models.Model):
    """What somebody wanted: one delivery of one order, as routing was asked for it the first time.

    What forecasts learn from and simulations replay. It names nobody: an area instead of an address, and kinds of
    customers instead of a customer. `may_wait`: the shopper agreed to wait for what is not there; `may_be_cut`: they
    take what can be had.
    `lines`: `[sku, quantity, group | null, unit value, weight (g), [tags]]` each. `decision`: the first about it.
    """

    class Source(models.TextChoices):
        LIVE = "live", _("Lived here")
        IMPORTED = "imported", _("Imported history")

    reference = models.CharField(_("delivery"), max_length=100, unique=True, db_collation="C")
    at = models.DateTimeField(_("wanted"), db_index=True)
    channel = models.CharField(_("channel"), max_length=32)
    currency = CurrencyField(verbose_name=_("currency"))
    method = models.CharField(_("method"), max_length=12)
    service = models.CharField(_("service"), max_length=20)
    country = models.CharField(_("country"), max_length=2, blank=True, default="")
    postal_code = models.CharField(_("postal code"), max_length=20, blank=True, default="")
    latitude = models.FloatField(_("latitude"), null=True)
    longitude = models.FloatField(_("longitude"), null=True)
    location = models.CharField(_("chosen place"), max_length=64, blank=True, default="")
    value = MoneyField(verbose_name=_("value of the order"))
    customer_tags = TagsField(verbose_name=_("tags of the customer"))
    lines = models.JSONField(_("lines"))
    may_wait = models.BooleanField(_("may wait"), default=False, db_default=False)
    may_be_cut = models.BooleanField(_("may be cut"), default=False, db_default=False)
    source = models.CharField(_("source"), max_length=8, choices=Source.choices, default=Source.LIVE)
    decision = models.CharField(_("decision"), max_length=32, blank=True, default="", db_default="")

    class Meta:
        ordering = ["-at", "-id"]
        verbose_name = _("demand")
        verbose_name_plural = _("demands")

    def __str__(self) -> str:
        return self.reference
