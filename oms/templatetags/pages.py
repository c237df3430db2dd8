"""Instants as pages show them."""

from datetime import datetime

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from oms.web.times import span_in_words

register = template.Library()


@register.filter
def until(at: datetime, as_of: datetime) -> str:
    """How long until then (or since), as a countdown shows it."""
    return span_in_words(at - as_of)


@register.filter(expects_localtime=True)
def moment(at: datetime, as_of: datetime) -> str:
    """`14:30` today, else with its day."""
    is_today = at.date() == timezone.localtime(as_of).date()
    # Translators: a short day with its time, in Django's date format letters
    return date_format(at, "H:i" if is_today else _("D j M, H:i"))
