from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from oms.ids import PrefixedIdField
from oms.money import MoneyField


class Offer(models.Model):
    """Work that one place has been given, offered to another one, too: the first that takes it has it.

    The units are held there until `expires_at` (`hold` names it). It can be taken while the work still waits for its
    place's answer, and no longer, whether or not anybody has written down that it is over.
    """

    class Status(models.TextChoices):
        OPEN = "open", _("Open")
        TAKEN = "taken", _("Taken here")
        OVER = "over", _("Over")

    id = PrefixedIdField("ofr")
    fulfillment = models.ForeignKey(
        "orders.Fulfillment", models.CASCADE, related_name="offers", verbose_name=_("fulfillment")
    )
    location = models.ForeignKey("inventory.Location", models.PROTECT, related_name="+", verbose_name=_("place"))
    hold = models.CharField(_("hold"), max_length=32)
    status = models.CharField(_("status"), max_length=5, choices=Status.choices, default=Status.OPEN)
    cost = MoneyField(verbose_name=_("planned cost"), max_digits=22)
    distance_km = models.FloatField(_("distance (km)"), null=True)
    made_at = models.DateTimeField(_("made"))
    expires_at = models.DateTimeField(_("ends"))
    taken_by = models.CharField(_("taken by"), max_length=120, blank=True, default="")
    taken_over = models.ForeignKey(
        "orders.Fulfillment", models.CASCADE, null=True, related_name="+", verbose_name=_("took over")
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["fulfillment", "location"], name="a_place_is_offered_work_once"),
            models.UniqueConstraint(
                fields=["fulfillment"], condition=Q(status="taken"), name="one_place_takes_what_was_offered"
            ),
            models.CheckConstraint(condition=Q(expires_at__gt=F("made_at")), name="an_offer_stands_for_a_while"),
            models.CheckConstraint(
                condition=Q(status="taken", taken_over__isnull=False) | (~Q(status="taken") & Q(taken_over=None)),
                name="an_offer_that_is_taken_names_its_work",
            ),
        ]
        indexes = [models.Index(fields=["location", "id"], condition=Q(status="open"), name="open_offers_by_place")]
        verbose_name = _("shared offer")
        verbose_name_plural = _("shared offers")

    def __str__(self) -> str:
        return f"{self.fulfillment_id} → {self.location_id}"
