"""Lists narrowed to a group of places."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import DropdownFilter

from inventory.groups import codes_of_groups, known_groups


class GroupFilter(DropdownFilter):
    """Of a list of places, those of a group; `GroupFilter.of("location")` of a list of what stands or happens there."""

    title = gettext_lazy("group of places")
    parameter_name = "group"
    place_field = "pk"

    @classmethod
    def of(cls, field: str) -> type["GroupFilter"]:
        return type("GroupFilter", (cls,), {"place_field": field})

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, Any]]:
        return [(group, group) for group in known_groups()]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        group = self.value()
        return queryset.filter(**{f"{self.place_field}__in": codes_of_groups([group])}) if group else queryset
