from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from oms.ids import CodeField


class FeedKind(models.TextChoices):
    POS = "pos", _("Till")
    WMS = "wms", _("Warehouse system")
    ERP = "erp", _("ERP")
    OTHER = "other", _("Other")


class Feed(models.Model):
    """What a source of stock figures means by them. Its code is the `source` that its events and files name.

    A source nobody has described sends what stands there, and only what we do not know of.
    """

    code = CodeField(verbose_name=_("source"), max_length=120)
    name = models.CharField(_("name"), max_length=200, blank=True, default="")
    kind = models.CharField(_("kind"), max_length=8, choices=FeedKind.choices, default=FeedKind.OTHER)
    counts_exclude_reserved = models.BooleanField(
        _("counts leave out what is reserved"),
        default=False,
        help_text=_("Our reservations are taken off its counts already: on hand is the count plus what was reserved."),
    )
    reports_our_work = models.BooleanField(
        _("repeats our own work"),
        default=False,
        help_text=_(
            "Its changes that name one of our orders tell what we book ourselves (picks, hand-overs): not booked again."
        ),
    )
    created_at = models.DateTimeField(_("created"), editable=False)
    updated_at = models.DateTimeField(_("changed"), editable=False)

    class Meta:
        ordering = ["code"]
        constraints = [models.CheckConstraint(condition=~Q(code=""), name="a_feed_has_a_source")]
        verbose_name = _("feed")
        verbose_name_plural = _("feeds")

    def __str__(self) -> str:
        return self.name or self.code


class RecognizedWork(models.Model):
    """Units of an order at a level that a feed has told us of and that we book ourselves.

    So many of them were recognised; what is told beyond the order's own units there is news, and is booked.
    """

    reference = models.CharField(_("order"), max_length=100)
    sku = models.CharField(_("SKU"), max_length=64, db_collation="C")
    location_id = models.CharField(_("location"), max_length=64, db_collation="C")
    quantity = models.IntegerField(_("units"))
    updated_at = models.DateTimeField(_("changed"), db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["reference", "sku", "location_id"], name="one_account_of_recognized_work_per_order_and_level"
            )
        ]
        verbose_name = _("recognised work")
        verbose_name_plural = _("recognised work")
