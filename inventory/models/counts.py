from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from inventory.models.location import Location
from inventory.models.product import Product
from inventory.states import COUNT_LIVE, CountLineStatus, CountStatus
from oms.ids import PrefixedIdField
from oms.money import CurrencyField, MoneyField


class CountScope(models.TextChoices):
    PLACE = "place", _("The whole place")
    BINS = "bins", _("Some bins")
    SKUS = "skus", _("Some products")
    TAG = "tag", _("Products with a tag")


class CountMode(models.TextChoices):
    SET = "set", _("All that is there")
    ADD = "add", _("More")


class CountSession(models.Model):
    """People count a part of a place together; what differs from the books is approved, rejected or counted again.

    `is_blind`: who counts does not learn what the books expect. `not_found_is_zero`: whatever of the scope nobody
    found is none, once that was confirmed at submission.
    """

    id = PrefixedIdField("cse")
    location = models.ForeignKey(
        Location, models.PROTECT, db_index=False, related_name="counts", verbose_name=_("location")
    )
    scope = models.CharField(_("what is counted"), max_length=8, choices=CountScope.choices)
    bins = ArrayField(models.CharField(max_length=40), default=list, blank=True, verbose_name=_("bins"))
    skus = ArrayField(models.CharField(max_length=64), default=list, blank=True, verbose_name=_("products"))
    tag = models.CharField(_("tag"), max_length=64, blank=True, default="")
    is_blind = models.BooleanField(_("blind"), default=True)
    not_found_is_zero = models.BooleanField(_("what is not found is zero"), default=False)
    note = models.CharField(_("note"), max_length=200, blank=True, default="")
    status = models.CharField(_("status"), max_length=10, choices=CountStatus.choices)
    opened_by = models.CharField(_("opened by"), max_length=120)
    submitted_by = models.CharField(_("submitted by"), max_length=120, blank=True, default="")
    closed_by = models.CharField(_("closed by"), max_length=120, blank=True, default="")
    opened_at = models.DateTimeField(_("opened"))
    submitted_at = models.DateTimeField(_("submitted"), null=True, blank=True)
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)
    updated_at = models.DateTimeField(_("changed"))
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(scope="place", bins=[], skus=[], tag="")
                | (Q(scope="bins", skus=[], tag="") & ~Q(bins=[]))
                | (Q(scope="skus", bins=[], tag="") & ~Q(skus=[]))
                | (Q(scope="tag", bins=[], skus=[]) & ~Q(tag="")),
                name="a_count_says_what_it_counts",
            ),
            models.CheckConstraint(
                condition=Q(status__in=("open", "submitted"), closed_at=None)
                | Q(status__in=("approved", "canceled"), closed_at__isnull=False),
                name="a_count_is_closed_when_it_ends",
            ),
        ]
        indexes = [
            models.Index(fields=["location", "-id"], name="counts_by_location"),
            models.Index(fields=["status", "-id"], name="counts_by_status"),
        ]
        verbose_name = _("count")
        verbose_name_plural = _("counts")

    def __str__(self) -> str:
        return f"{self.location_id}: {self.get_scope_display()}"

    @property
    def is_live(self) -> bool:
        return self.status in COUNT_LIVE


class CountLine(models.Model):
    """What was found of one product in a count, all bins together.

    `units` in any condition, of which `damaged` (None: nobody told them apart), as at `counted_at`. `expected` is what
    the books said of that instant and `difference` what is found more or less, `damaged_difference` of it damaged (None
    as `damaged` is); they are worked out when the count is submitted, with everything the books know by then. `value` is
    that of the units in question (`inventory.confidence.Difference`), at the product's price.
    """

    session = models.ForeignKey(
        CountSession, models.CASCADE, db_index=False, related_name="lines", verbose_name=_("count")
    )
    product = models.ForeignKey(Product, models.PROTECT, db_column="sku", db_index=False, verbose_name=_("product"))
    status = models.CharField(_("status"), max_length=8, choices=CountLineStatus.choices)
    attempt = models.PositiveSmallIntegerField(_("attempt"), default=1)
    recount_at = models.DateTimeField(_("sent back"), null=True, blank=True)
    units = models.PositiveIntegerField(_("found"))
    damaged = models.PositiveIntegerField(_("of it damaged"), null=True, blank=True)
    bin = models.CharField(_("bin"), max_length=40, blank=True, default="")
    counted_at = models.DateTimeField(_("counted"))
    counted_by = models.CharField(_("counted by"), max_length=120)
    is_unseen = models.BooleanField(
        _("not found"), default=False, help_text=_("Nobody found it; none by confirmation.")
    )
    expected = models.IntegerField(_("expected"), null=True, blank=True)
    difference = models.IntegerField(_("difference"), null=True, blank=True)
    damaged_difference = models.IntegerField(_("difference of the damaged"), null=True, blank=True)
    value = MoneyField(verbose_name=_("value"), null=True, blank=True)
    currency = CurrencyField(verbose_name=_("currency"), blank=True, default="")
    decided_by = models.CharField(_("decided by"), max_length=120, blank=True, default="")
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["session", "product"], name="one_line_per_count_and_product"),
            models.CheckConstraint(
                condition=Q(damaged=None) | Q(damaged__lte=F("units")), name="damaged_units_are_among_those_found"
            ),
            models.CheckConstraint(
                condition=Q(status__in=("counted", "recount")) | Q(difference__isnull=False),
                name="what_is_decided_was_compared_with_the_books",
            ),
        ]
        indexes = [
            models.Index(fields=["session", "status"], name="count_lines_by_status"),
            models.Index(fields=["product"], name="count_lines_by_product"),
        ]
        verbose_name = _("counted product")
        verbose_name_plural = _("counted products")

    def __str__(self) -> str:
        return f"{self.product_id}: {self.units}"


class CountScan(models.Model):
    """One thing that somebody who counts said, kept as it was said; a line is what its scans add up to.

    `scan` is the phone's own id of it: what is sent twice counts once. An undone scan stays, and counts no more.
    """

    session = models.ForeignKey(
        CountSession, models.CASCADE, db_index=False, related_name="scans", verbose_name=_("count")
    )
    scan = models.CharField(_("id at the phone"), max_length=64)
    product = models.ForeignKey(Product, models.PROTECT, db_column="sku", db_index=False, verbose_name=_("product"))
    attempt = models.PositiveSmallIntegerField(_("attempt"))
    mode = models.CharField(_("mode"), max_length=3, choices=CountMode.choices)
    units = models.IntegerField(_("units"))
    damaged = models.PositiveIntegerField(_("of it damaged"), null=True, blank=True)
    bin = models.CharField(_("bin"), max_length=40, blank=True, default="")
    actor = models.CharField(_("by"), max_length=120)
    scanned_at = models.DateTimeField(_("at"))
    undone_at = models.DateTimeField(_("undone"), null=True, blank=True)
    recorded_at = models.DateTimeField(_("recorded"))

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["session", "scan"], name="a_scan_counts_once"),
            models.CheckConstraint(condition=Q(mode="add") | Q(units__gte=0), name="fewer_than_none_cannot_be_counted"),
        ]
        indexes = [models.Index(fields=["session", "product"], name="scans_by_product")]
        verbose_name = _("scan")
        verbose_name_plural = _("scans")

    def __str__(self) -> str:
        return f"{self.product_id}: {self.mode} {self.units}"
