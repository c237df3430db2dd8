from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from inventory.models.location import Location
from inventory.states import LIVE_IMPORTS, OPEN_IMPORTS, ImportStatus
from oms.ids import PrefixedIdField

_READING = 0.2


class ImportMode(models.TextChoices):
    COUNTS = "counts", _("Counts: what is named")
    SNAPSHOT = "snapshot", _("Snapshot: a whole place, what is not named is zero")


class ImportFormat(models.TextChoices):
    CSV = "csv", "CSV"
    NDJSON = "ndjson", "NDJSON"


class StockImport(models.Model):
    """A file of counts, and how far it has got.

    The file lies on disk under the import's id until the import ends. The worker first puts its rows into a table of
    their own, sorted, then merges them a chunk at a time; a chunk, its figures here and `done_until` are one
    transaction, so whatever is killed, the next worker goes on where the last one stopped.
    """

    id = PrefixedIdField("imp")
    status = models.CharField(_("status"), max_length=10, choices=ImportStatus.choices, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)
    mode = models.CharField(_("mode"), max_length=8, choices=ImportMode.choices, default=ImportMode.COUNTS)
    location = models.ForeignKey(
        Location, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("place")
    )
    source = models.CharField(_("source"), max_length=120)
    actor = models.CharField(_("by"), max_length=120)
    places = ArrayField(models.CharField(max_length=64), null=True, verbose_name=_("bound to places"))
    file_name = models.CharField(_("file"), max_length=200, blank=True, default="")
    format = models.CharField(_("format"), max_length=6, choices=ImportFormat.choices)
    bytes_total = models.BigIntegerField(_("size"))
    bytes_done = models.BigIntegerField(_("read"), default=0, db_default=0)
    digest = models.CharField(_("SHA-256"), max_length=64)
    occurred_at = models.DateTimeField(_("counted"), help_text=_("Of rows that say nothing else."))
    rows_per_second = models.PositiveIntegerField(_("rows per second at most"), null=True, blank=True)

    rows_total = models.BigIntegerField(_("rows"), null=True, help_text=_("Known when the file has been read."))
    rows_done = models.BigIntegerField(_("done"), default=0, db_default=0)
    rows_applied = models.BigIntegerField(_("applied"), default=0, db_default=0)
    rows_changed = models.BigIntegerField(_("changed"), default=0, db_default=0)
    rows_rejected = models.BigIntegerField(_("rejected"), default=0, db_default=0)
    levels_unnamed = models.BigIntegerField(_("not named"), default=0, db_default=0)
    levels_zeroed = models.BigIntegerField(_("set to zero"), default=0, db_default=0)
    leaves_unnamed = models.BooleanField(
        _("leaves what is not named"),
        default=True,
        db_default=True,
        help_text=_("It counts what it names only, or a row of it names no product: it might be any."),
    )
    faults = models.JSONField(_("rejected, by reason"), default=dict)
    failure = models.JSONField(_("why it failed"), null=True)

    received_at = models.DateTimeField(_("received"))
    started_at = models.DateTimeField(_("begun"), null=True)
    finished_at = models.DateTimeField(_("ended"), null=True)
    updated_at = models.DateTimeField(_("changed"))

    staged_until = models.BigIntegerField(null=True, editable=False)  # the last sorted row; null: not all are there
    done_until = models.BigIntegerField(default=0, db_default=0, editable=False)  # the last sorted row that is merged
    zeroed_until = models.CharField(max_length=64, default="", db_default="", editable=False, db_collation="C")
    failures = models.PositiveSmallIntegerField(default=0, db_default=0, editable=False)  # in a row
    lease = models.CharField(max_length=32, default="", db_default="", editable=False)
    leased_until = models.DateTimeField(null=True, editable=False)
    served_at = models.DateTimeField(editable=False)  # whoever waits longest is next

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(mode="snapshot") | Q(location__isnull=False), name="a_snapshot_is_of_one_place"
            ),
            models.CheckConstraint(
                condition=Q(rows_done=F("rows_applied") + F("rows_rejected")),
                name="a_row_that_is_done_was_applied_or_rejected",
            ),
            models.CheckConstraint(
                condition=Q(rows_changed__lte=F("rows_applied")), name="only_rows_that_are_applied_change_something"
            ),
            models.CheckConstraint(
                condition=~Q(status="completed") | Q(rows_done=F("rows_total")), name="a_completed_import_did_all_rows"
            ),
        ]
        indexes = [
            models.Index(
                fields=["served_at"], condition=Q(status__in=sorted(LIVE_IMPORTS)), name="imports_that_wait_or_run"
            ),
            models.Index(fields=["source", "finished_at"], name="imports_by_source"),
        ]
        verbose_name = _("stock import")
        verbose_name_plural = _("stock imports")

    def __str__(self) -> str:
        return self.file_name or self.pk

    @property
    def zeroes_nothing(self) -> bool:
        """What it does not name stays. A snapshot of which no row could be applied is some other system's or place's."""
        return self.leaves_unnamed or not self.rows_applied

    @property
    def notice(self) -> str:
        """Why a snapshot set nothing to zero: a code (`inventory.imports.faults`), or nothing."""
        if self.mode != ImportMode.SNAPSHOT or self.rows_total is None:
            return ""
        if self.leaves_unnamed:
            return "nothing_zeroed"
        return "nothing_applied" if self.status == ImportStatus.COMPLETED and not self.rows_applied else ""

    @property
    def progress(self) -> float:
        """Between 0 and 1; reading is the first fifth."""
        if self.rows_total is None:
            return round(_READING * self.bytes_done / max(1, self.bytes_total), 4)
        return round(_READING + (1 - _READING) * self.rows_done / max(1, self.rows_total), 4)

    @property
    def actions(self) -> list[str]:
        """What a person or client may do with it now."""
        begin = ["start"] if self.status == ImportStatus.UPLOADED else []
        return [*begin, "cancel"] if self.status in OPEN_IMPORTS else begin


class ImportFault(models.Model):
    """A row that was not applied, and why. Only the first few thousand of an import are kept; all are counted."""

    stock_import = models.ForeignKey(StockImport, models.CASCADE, related_name="kept_faults", db_index=False)
    line = models.BigIntegerField(_("line"))
    code = models.CharField(_("code"), max_length=40)
    value = models.CharField(_("value"), max_length=120, blank=True, default="")
    sku = models.CharField(_("SKU"), max_length=64, blank=True, default="")
    location_code = models.CharField(_("location"), max_length=64, blank=True, default="")

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["stock_import", "id"], name="faults_by_import")]
        verbose_name = _("rejected row")
        verbose_name_plural = _("rejected rows")


class ImportPlace(models.Model):
    """What an import said of one place, beside what we believed: the material of the nightly reconciliation."""

    stock_import = models.ForeignKey(StockImport, models.CASCADE, related_name="compared_places", db_index=False)
    location = models.ForeignKey(Location, models.PROTECT, related_name="+", db_index=False)
    compared = models.BigIntegerField(_("compared"))
    different = models.BigIntegerField(_("different"))
    units_over = models.BigIntegerField(_("units over"))
    units_under = models.BigIntegerField(_("units under"))
    biggest = models.JSONField(_("biggest differences"), default=list)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["stock_import", "location"], name="an_import_is_compared_once_per_place")
        ]
        verbose_name = _("place of an import")
        verbose_name_plural = _("places of an import")
