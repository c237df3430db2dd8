from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from oms.ids import PrefixedIdField


class Customer(models.Model):
    """A shopper as one channel knows them; guests have no external id and stay separate."""

    id = PrefixedIdField("cus")
    channel = models.ForeignKey("oms.Channel", models.PROTECT, verbose_name=_("channel"))
    external_id = models.CharField(_("external id"), max_length=100, null=True, blank=True)
    email = models.EmailField(_("e-mail"), max_length=254, blank=True, default="")
    phone = models.CharField(_("phone"), max_length=40, blank=True, default="")
    first_name = models.CharField(_("first name"), max_length=100, blank=True, default="")
    last_name = models.CharField(_("last name"), max_length=100, blank=True, default="")
    created_at = models.DateTimeField(_("since"))

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["channel", "external_id"],
                condition=Q(external_id__isnull=False),
                name="a_customer_is_known_once_per_channel",
            )
        ]
        indexes = [models.Index(fields=["email"], name="customers_by_email")]
        verbose_name = _("customer")
        verbose_name_plural = _("customers")

    def __str__(self) -> str:
        return f"{self.first_name} {self.last_name}".strip() or self.email or self.phone or self.pk
