from django.contrib.postgres.indexes import OpClass
from django.db import models
from django.db.models import Q
from django.db.models.functions import Upper
from django.utils.translation import gettext_lazy as _

from oms.ids import PrefixedIdField
from oms.tags import TagsField


def phone_end() -> models.Func:
    """The digits of a telephone number from its end: numbers with and without their country end alike."""
    template = "reverse(regexp_replace(%(expressions)s, '[^0-9]', '', 'g'))"
    return models.Func("phone", template=template, output_field=models.TextField())


class Customer(models.Model):
    """A shopper as one channel knows them; guests have no external id and stay separate."""

    id = PrefixedIdField("cus")
    channel = models.ForeignKey("oms.Channel", models.PROTECT, verbose_name=_("channel"))
    external_id = models.CharField(_("external id"), max_length=100, null=True, blank=True)
    email = models.EmailField(_("e-mail"), max_length=254, blank=True, default="")
    phone = models.CharField(_("phone"), max_length=40, blank=True, default="")
    first_name = models.CharField(_("first name"), max_length=100, blank=True, default="")
    last_name = models.CharField(_("last name"), max_length=100, blank=True, default="")
    tags = TagsField(verbose_name=_("tags"), help_text=_("Kinds of customers that rules may ask for, one per line."))
    created_at = models.DateTimeField(_("since"))

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["channel", "external_id"],
                condition=Q(external_id__isnull=False),
                name="a_customer_is_known_once_per_channel",
            )
        ]
        indexes = [  # each for a way of `orders.search`
            models.Index(OpClass(Upper("email"), name="text_pattern_ops"), name="customers_by_email"),
            models.Index(OpClass(Upper("last_name"), name="text_pattern_ops"), name="customers_by_last_name"),
            models.Index(OpClass(phone_end(), name="text_pattern_ops"), name="customers_by_phone"),
        ]
        verbose_name = _("customer")
        verbose_name_plural = _("customers")

    def __str__(self) -> str:
        return f"{self.first_name} {self.last_name}".strip() or self.email or self.phone or self.pk
