"""Filters of lists that refuse what they cannot read, lest a list look as if it were filtered."""

from typing import Any

import django_filters.rest_framework as filters
from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext as _


class _TrueOrFalse(forms.Field):
    def to_python(self, value: Any) -> bool | None:
        if value in self.empty_values:
            return None
        given = {"true": True, "1": True, "false": False, "0": False}.get(str(value).lower())
        if given is None:
            raise ValidationError(_("true or false is needed"), code="bool_parsing")
        return given


class BooleanFilter(filters.BooleanFilter):
    """`?suspect=true`; nothing is no filter."""

    field_class = _TrueOrFalse

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **{"widget": forms.TextInput, **kwargs})  # the usual one takes nonsense for nothing


class _FilterSet(filters.FilterSet):
    FILTER_DEFAULTS = filters.FilterSet.FILTER_DEFAULTS | {models.BooleanField: {"filter_class": BooleanFilter}}


class FilterBackend(filters.DjangoFilterBackend):
    """Of views that name their `filterset_fields` only."""

    filterset_base = _FilterSet
