from django.db import models
from django.utils.translation import gettext_lazy as _

from oms.ids import PrefixedIdField


class FileKind(models.TextChoices):
    PRODUCTS = "products", _("Products")
    PRICES = "prices", _("Prices")
    PLACES = "places", _("Places")


class FileImport(models.Model):
    """A file that a person sent: read once, shown as a preview, and brought in when they say so, bit by bit.

    `rows_done` moves in the transaction of the rows themselves, so that whoever confirms again, after a crash or by
    a second click, goes on where it stands and does nothing twice.
    """

    id = PrefixedIdField("fil")
    kind = models.CharField(_("kind"), max_length=20, choices=FileKind.choices)
    file_name = models.CharField(_("file"), max_length=200)
    notes = models.JSONField(_("notes"), default=list)
    rows = models.BinaryField(_("rows"), default=b"")  # compressed; emptied when all are done
    rows_total = models.PositiveIntegerField(_("rows"))
    rows_done = models.PositiveIntegerField(_("rows done"), default=0)
    expected = models.JSONField(_("expected"), default=dict)  # counts of the preview, by status
    outcome = models.JSONField(_("outcome"), default=dict)  # counts of what was done
    sample = models.JSONField(_("preview"), default=list)
    faults = models.JSONField(_("errors"), default=list)  # of the preview; from confirmation on, of the outcome
    uploaded_by = models.CharField(_("sent by"), max_length=120)
    uploaded_at = models.DateTimeField(_("sent"))
    confirmed_by = models.CharField(_("confirmed by"), max_length=120, blank=True, default="")
    confirmed_at = models.DateTimeField(_("confirmed"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(rows_done__lte=models.F("rows_total")), name="no_more_rows_are_done_than_there_are"
            )
        ]
        indexes = [models.Index(fields=["uploaded_at"], name="file_imports_by_age")]
        verbose_name = _("file import")
        verbose_name_plural = _("file imports")

    def __str__(self) -> str:
        return self.file_name

    @property
    def is_begun(self) -> bool:
        return self.confirmed_at is not None
