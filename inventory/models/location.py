from datetime import datetime
from functools import cached_property

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Func, Q, Value
from django.utils.translation import gettext_lazy as _

from inventory.hours import Calendar
from oms.ids import CodeField
from oms.money import CurrencyField, MoneyField


class Kind(models.TextChoices):
    WAREHOUSE = "warehouse", _("Warehouse")
    STORE = "store", _("Store")
    SUPPLIER = "supplier", _("Supplier")
    THIRD_PARTY = "third_party", _("Third party")
    LOCKER = "locker", _("Locker")


class Ability(models.TextChoices):
    SHIP = "ship", _("Ships parcels")
    PICKUP = "pickup", _("Hands over at the counter")
    CURBSIDE = "curbside", _("Hands over at the curb")
    RECEIVE_TRANSFER = "receive_transfer", _("Receives transfers")
    ACCEPT_RETURN = "accept_return", _("Accepts returns")


class Location(models.Model):
    """A place that holds goods or hands them over. Never deleted, history names it: `is_active` closes it.

    `position` is the order of creation; rules that prefer places by order fall back to it.
    """

    code = CodeField(verbose_name=_("code"))
    name = models.CharField(_("name"), max_length=200)
    kind = models.CharField(_("kind"), max_length=16, choices=Kind.choices)
    line1 = models.CharField(_("address"), max_length=200, blank=True, default="")
    line2 = models.CharField(_("address, second line"), max_length=200, blank=True, default="")
    postal_code = models.CharField(_("postal code"), max_length=20, blank=True, default="")
    city = models.CharField(_("city"), max_length=100, blank=True, default="")
    region = models.CharField(_("region"), max_length=100, blank=True, default="")
    country = models.CharField(_("country"), max_length=2, blank=True, default="")
    latitude = models.FloatField(_("latitude"), null=True, blank=True)
    longitude = models.FloatField(_("longitude"), null=True, blank=True)
    timezone = models.CharField(_("time zone"), max_length=64, default="UTC")
    opening_hours = models.JSONField(
        _("opening hours"),
        default=dict,
        blank=True,
        help_text=_('{"mon": [["10:00", "13:00"], ["14:00", "19:00"]], …}. Empty: always open.'),
    )
    closures = models.JSONField(
        _("closures"),
        default=list,
        blank=True,
        help_text=_('[{"from_at": …, "until_at": …, "note": …}], instants with their zone.'),
    )
    abilities = ArrayField(
        models.CharField(max_length=20, choices=Ability.choices), verbose_name=_("abilities"), default=list, blank=True
    )
    daily_capacity = models.PositiveIntegerField(
        _("daily capacity"), null=True, blank=True, help_text=_("Fulfillments per local day. Empty: unlimited.")
    )
    accepting_orders = models.BooleanField(_("accepting orders"), default=True)
    cut_off = models.JSONField(
        _("cut-off"), null=True, blank=True, help_text=_('"14:00", or by service: {"express": "12:00"}. Local time.')
    )
    preparation_minutes = models.PositiveIntegerField(_("preparation (minutes of open time)"), default=0)
    handling_cost = MoneyField(verbose_name=_("handling cost"), default=0, help_text=_("Per parcel."))
    currency = CurrencyField(verbose_name=_("currency"), default="EUR")
    groups = ArrayField(models.CharField(max_length=64), verbose_name=_("groups"), default=list, blank=True)
    safety_stock = models.PositiveIntegerField(
        _("safety stock"),
        default=0,
        help_text=_("Units of each product kept back here, unless the stock level says otherwise."),
    )
    is_active = models.BooleanField(_("active"), default=True)
    position = models.BigIntegerField(
        _("position"), editable=False, db_default=Func(Value("inventory_location_position"), function="nextval")
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.CheckConstraint(
                condition=Q(latitude=None, longitude=None) | Q(latitude__range=(-90, 90), longitude__range=(-180, 180)),
                name="coordinates_are_both_given_and_on_earth",
            ),
            models.CheckConstraint(condition=Q(handling_cost__gte=0), name="a_handling_cost_is_not_negative"),
        ]
        verbose_name = _("location")
        verbose_name_plural = _("locations")

    def __str__(self) -> str:
        return f"{self.code} {self.name}"

    @cached_property
    def calendar(self) -> Calendar:
        return calendar_of(self.timezone, self.opening_hours, self.closures)


def calendar_of(timezone: str, opening_hours: dict, closures: list) -> Calendar:
    """The calendar of what is stored: hours by day, closures as `{from_at, until_at}` in ISO 8601."""
    spans = [
        (datetime.fromisoformat(closure["from_at"]), datetime.fromisoformat(closure["until_at"]))
        for closure in closures
    ]
    return Calendar(timezone, opening_hours, spans)


class Membership(models.Model):
    """Who works where. It bounds what store staff and suppliers see."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships", verbose_name=_("user")
    )
    location = models.ForeignKey(Location, models.PROTECT, related_name="memberships", verbose_name=_("location"))

    class Meta:
        ordering = ["location", "user"]
        constraints = [
            models.UniqueConstraint(fields=["user", "location"], name="one_membership_per_user_and_location")
        ]
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")

    def __str__(self) -> str:
        return f"{self.user} @ {self.location_id}"
