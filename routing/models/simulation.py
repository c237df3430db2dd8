from django.db import models
from django.db.models import F, Q
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _

from oms.ids import PrefixedIdField
from routing.states import LIVE_SIMULATIONS, SimulationStatus


class Simulation(models.Model):
    """Orders of a past period, or of a file, decided again under two choices of rules, and how far that has got.

    `baseline` is what decided when it was asked for (`slots`: rule set by channel, "" for all others), or with
    `baseline_document` what would have, had that been published; `document` is the other choice, as it was then.
    A stretch of orders, their sums and `state` (all that the worlds have decided so far) are written in one
    transaction, so whatever is killed, the next worker goes on where the last one stopped.
    """

    class Source(models.TextChoices):
        PERIOD = "period", _("Past orders")
        FILE = "file", _("A file")

    id = PrefixedIdField("sim")
    status = models.CharField(_("status"), max_length=10, choices=SimulationStatus.choices, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)
    actor = models.CharField(_("by"), max_length=120)
    rule_set = models.CharField(_("rule set"), max_length=32, blank=True, default="", db_collation="C")
    name = models.CharField(_("rules"), max_length=120)
    document = models.JSONField(_("rules"))
    baseline = models.CharField(_("beside"), max_length=120, blank=True, default="")
    baseline_document = models.JSONField(_("rules beside"), null=True)
    slots = models.JSONField(_("published then"), default=dict)

    source = models.CharField(_("orders"), max_length=6, choices=Source.choices, default=Source.PERIOD)
    file_name = models.CharField(_("file"), max_length=200, blank=True, default="")
    demands = models.BinaryField(null=True, editable=False)  # of a file
    last_fact = models.BigIntegerField(default=0, editable=False)  # what is told later is not part of it
    placed_after = models.DateTimeField(_("from"))
    placed_before = models.DateTimeField(_("until"))
    stock_as_of = models.DateTimeField(_("stock of"))
    stock_moves = models.BooleanField(
        _("stock changes as it did"), help_text=_("Deliveries, sales at tills and counts of the period take part.")
    )

    orders_total = models.PositiveIntegerField(_("orders"))
    orders_judged = models.PositiveIntegerField(_("decided by these rules"))
    orders_done = models.PositiveIntegerField(_("done"), default=0)
    changes_kept = models.PositiveIntegerField(_("changed orders kept"), default=0)
    figures = models.JSONField(_("figures"), null=True)
    failure = models.JSONField(_("why it failed"), null=True)
    state = models.BinaryField(null=True, editable=False)

    created_at = models.DateTimeField(_("asked for"))
    started_at = models.DateTimeField(_("begun"), null=True)
    finished_at = models.DateTimeField(_("ended"), null=True)
    updated_at = models.DateTimeField(_("changed"))
    failures = models.PositiveSmallIntegerField(default=0, editable=False)  # in a row
    lease = models.CharField(max_length=32, default="", editable=False)
    leased_until = models.DateTimeField(null=True, editable=False)
    served_at = models.DateTimeField(editable=False)  # whoever waits longest is next

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(placed_after__lt=F("placed_before")), name="a_simulation_is_of_some_time"
            ),
            models.CheckConstraint(condition=Q(orders_total__gt=0), name="a_simulation_has_orders"),
            models.CheckConstraint(
                condition=Q(orders_done__lte=F("orders_total")), name="no_more_orders_are_replayed_than_there_are"
            ),
            models.CheckConstraint(
                condition=~Q(status="completed") | Q(figures__isnull=False, orders_done=F("orders_total")),
                name="a_completed_simulation_replayed_all_orders",
            ),
        ]
        indexes = [
            models.Index(
                fields=["served_at"], condition=Q(status__in=sorted(LIVE_SIMULATIONS)), name="simulations_to_work_on"
            ),
            models.Index(fields=["rule_set", "id"], name="simulations_by_rule_set"),
        ]
        verbose_name = _("simulation")
        verbose_name_plural = _("simulations")

    def __str__(self) -> str:
        return f"{self.name} · {localtime(self.placed_after):%Y-%m-%d}"

    @property
    def progress(self) -> float:
        """Between 0 and 1."""
        return round(self.orders_done / max(1, self.orders_total), 4)

    @property
    def actions(self) -> list[str]:
        """What a person or client may do with it now."""
        return ["cancel"] if self.status in LIVE_SIMULATIONS else []


class SimulatedChange(models.Model):
    """An order that the two choices of rules decide otherwise. Only so many are kept; all are counted."""

    simulation = models.ForeignKey(Simulation, models.CASCADE, related_name="changes", db_index=False)
    reference = models.CharField(_("delivery"), max_length=100)
    at = models.DateTimeField(_("wanted"))
    channel = models.CharField(_("channel"), max_length=32)
    currency = models.CharField(_("currency"), max_length=3)
    lines = models.JSONField(_("lines"))
    baseline = models.JSONField(_("before"))
    candidate = models.JSONField(_("after"))
    cost_change = models.DecimalField(_("cost ±"), max_digits=22, decimal_places=2)

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["simulation", "id"], name="changes_by_simulation")]
        verbose_name = _("changed order")
        verbose_name_plural = _("changed orders")

    def __str__(self) -> str:
        return self.reference
