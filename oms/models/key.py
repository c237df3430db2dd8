from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from oms.ids import PrefixedIdField


class ApiKey(models.Model):
    """A client's key. Only its SHA-256 is kept: the key is random, so a fast hash is right."""

    id = PrefixedIdField("key")
    name = models.CharField(_("name"), max_length=100)
    prefix = models.CharField(_("prefix"), max_length=12, unique=True, editable=False)
    digest = models.BinaryField(max_length=32, editable=False)
    scopes = ArrayField(models.CharField(max_length=40), verbose_name=_("scopes"))
    channel = models.ForeignKey(
        "oms.Channel",
        models.PROTECT,
        null=True,
        blank=True,
        verbose_name=_("channel"),
        help_text=_("Empty: every channel."),
    )
    locations = ArrayField(
        models.CharField(max_length=64),
        default=None,
        null=True,
        blank=True,
        verbose_name=_("places"),
        help_text=_("Empty: every place."),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"
