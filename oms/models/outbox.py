from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Event(models.Model):
    """One fact; see `oms.outbox`."""

    position = models.BigIntegerField(_("position"), null=True)
    type = models.CharField(_("type"), max_length=64)
    subject = models.CharField(_("subject"), max_length=100)
    root = models.CharField(
        _("root"), max_length=100, help_text=_("The order (or other whole) whose timeline shows it.")
    )
    actor = models.CharField(_("actor"), max_length=120)
    payload = models.JSONField(_("payload"), default=dict)
    is_public = models.BooleanField(_("shown to the shopper"), default=False)
    occurred_at = models.DateTimeField(_("at"))
    request_id = models.CharField(_("request"), max_length=64, blank=True, default="")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["position"], name="a_place_in_the_feed_is_taken_once")]
        indexes = [
            models.Index(fields=["id"], condition=Q(position=None), name="events_to_stamp"),
            models.Index(fields=["root", "id"], name="events_by_root"),
        ]
        verbose_name = _("event")
        verbose_name_plural = _("events")

    def __str__(self) -> str:
        return f"{self.type} {self.subject}"


class Subscription(models.Model):
    """How far a subscriber has come in the feed."""

    name = models.CharField(_("subscriber"), max_length=80, primary_key=True)
    position = models.BigIntegerField(_("position"), default=0)
    failures = models.PositiveIntegerField(_("failures in a row"), default=0)
    retry_at = models.DateTimeField(_("next attempt"), null=True)
    leased_until = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("subscription")
        verbose_name_plural = _("subscriptions")

    def __str__(self) -> str:
        return self.name


class SetAside(models.Model):
    """An event that a subscriber could not handle, or that waits behind one; see `oms.set_aside`."""

    class Outcome(models.TextChoices):
        HANDLED = "handled", _("Handled")
        LEFT_OUT = "left_out", _("Left out")

    subscriber = models.CharField(_("subscriber"), max_length=80)
    event = models.ForeignKey(Event, models.CASCADE, related_name="+", verbose_name=_("event"))
    root = models.CharField(_("belongs to"), max_length=100)
    attempts = models.PositiveIntegerField(_("attempts"), default=0, help_text=_("None: it waits behind another."))
    error = models.CharField(_("what went wrong"), max_length=500, blank=True, default="")
    set_aside_at = models.DateTimeField(_("since"))
    asked_at = models.DateTimeField(_("to be tried again since"), null=True)
    asked_by = models.CharField(_("by"), max_length=120, blank=True, default="")
    ended_at = models.DateTimeField(_("ended"), null=True)
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome.choices, blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["subscriber", "event"], name="an_event_stands_aside_once_per_subscriber")
        ]
        indexes = [
            models.Index(fields=["subscriber", "root", "event"], condition=Q(ended_at=None), name="events_set_aside")
        ]
        verbose_name = _("event set aside")
        verbose_name_plural = _("events set aside")

    def __str__(self) -> str:
        return f"{self.subscriber} {self.event_id}"
