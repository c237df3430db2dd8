from datetime import datetime
from functools import cached_property

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Func, Q, Value
from django.utils.translation import gettext_lazy as _

from inventory.calendars import calendar_of
from inventory.hours import Calendar
from inventory.pauses import is_paused
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

    `accepting_orders` is headquarters' switch, `paused_until` the store manager's: no new work until that instant.
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
    holiday_calendar = models.CharField(
        _("public holidays"),
        max_length=40,
        blank=True,
        default="",
        db_default="",
        help_text=_("Closed on the public holidays of this country (FR) or region (FR-6AE). Empty: of none."),
    )
    special_hours = models.JSONField(
        _("special days"),
        default=dict,
        db_default=Value({}, models.JSONField()),
        blank=True,
        help_text=_(
            '{"2026-12-24": [["10:00", "16:00"]], "2026-12-25": []}: instead of the usual hours, holiday or not.'
        ),
    )
    abilities = ArrayField(
        models.CharField(max_length=20, choices=Ability.choices), verbose_name=_("abilities"), default=list, blank=True
    )
    daily_capacity = models.PositiveIntegerField(
        _("daily capacity"), null=True, blank=True, help_text=_("Fulfillments per local day. Empty: unlimited.")
    )
    accepting_orders = models.BooleanField(_("accepting orders"), default=True)
    paused_at = models.DateTimeField(_("paused since"), null=True, blank=True, editable=False)
    paused_until = models.DateTimeField(_("paused until"), null=True, blank=True, editable=False)
    paused_by = models.CharField(_("paused by"), max_length=120, blank=True, default="", db_default="", editable=False)
    pause_reason = models.CharField(
        _("why paused"), max_length=200, blank=True, default="", db_default="", editable=False
    )
    cut_off = models.JSONField(
        _("cut-off"), null=True, blank=True, help_text=_('"14:00", or by service: {"express": "12:00"}. Local time.')
    )
    preparation_minutes = models.PositiveIntegerField(_("preparation (minutes of open time)"), default=0)
    handling_cost = MoneyField(verbose_name=_("handling cost"), default=0, help_text=_("Per parcel."))
    handling_cost_per_unit = MoneyField(verbose_name=_("handling cost per unit"), default=0, db_default=0)
    packaging_cost = MoneyField(
        verbose_name=_("packaging cost"), default=0, db_default=0, help_text=_("Of the box, per parcel.")
    )
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
            models.CheckConstraint(
                condition=Q(handling_cost_per_unit__gte=0), name="a_handling_cost_per_unit_is_not_negative"
            ),
            models.CheckConstraint(condition=Q(packaging_cost__gte=0), name="a_packaging_cost_is_not_negative"),
            models.CheckConstraint(
                condition=Q(paused_at=None, paused_until=None)
                | Q(paused_at__isnull=False, paused_until__isnull=False, paused_at__lt=models.F("paused_until")),
                name="a_pause_ends_after_it_begins",
            ),
        ]
        verbose_name = _("location")
        verbose_name_plural = _("locations")

    def __str__(self) -> str:
        return f"{self.code} {self.name}"

    @cached_property
    def calendar(self) -> Calendar:
        return calendar_of(self.timezone, self.opening_hours, self.closures, self.special_hours, self.holiday_calendar)

    def is_paused(self, as_of: datetime) -> bool:
        return is_paused(self.paused_at, self.paused_until, as_of)


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
