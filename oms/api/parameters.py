"""Query parameters: what the OpenAPI document names is taken, anything else is refused, lest a typing error
return the whole list as if it were filtered. So is one that is given twice and means one thing: half would be dropped."""

from typing import Any

import django_filters as filters
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter

from oms.api.paging import CursorPaging
from oms.errors import FieldError, Invalid

_PAGING = dict.fromkeys((CursorPaging.cursor_query_param, CursorPaging.page_size_query_param), False)
_known_of: dict[tuple[type[Any], str], dict[str, bool]] = {}  # by view and handler; whether it may be given often


def check_parameters(view: Any) -> None:
    """Before every reading. Errors: Invalid, one pointer per parameter that the view does not know, or not so often."""
    given = dict(view.request.query_params.lists())
    if not given:
        return
    handler = getattr(view, "action", None) or "get"
    known = _known_of.get((type(view), handler))
    if known is None:
        known = _known_of[type(view), handler] = _PAGING | _filters(view) | _described(view, handler)
    if unknown := sorted(given.keys() - known):
        detail = _("There is no such parameter; these are known: %(known)s") % {"known": ", ".join(sorted(known))}
        raise Invalid(errors=[FieldError(_pointer(name), "unknown_parameter", detail) for name in unknown[:100]])
    if repeated := sorted(name for name, values in given.items() if len(values) > 1 and not known[name]):
        detail = _("This parameter is given once")
        raise Invalid(errors=[FieldError(_pointer(name), "repeated_parameter", detail) for name in repeated])


def _pointer(name: str) -> str:
    return "/" + name[:200].replace("~", "~0").replace("/", "~1")


def _filters(view: Any) -> dict[str, bool]:
    chosen = getattr(view, "filterset_class", None) or getattr(view, "filter_class", None)
    if chosen is None:
        return dict.fromkeys(getattr(view, "filterset_fields", ()), False)
    return {name: isinstance(one, filters.MultipleChoiceFilter) for name, one in chosen.base_filters.items()}


def _described(view: Any, handler: str) -> dict[str, bool]:
    """What `extend_schema(parameters=…)` names."""
    schema = getattr(getattr(view, handler), "kwargs", {}).get("schema")
    if schema is None:
        return {}
    inspector = schema()
    inspector.view, inspector.method = view, "GET"
    return {
        parameter.name: bool(parameter.many)
        for parameter in inspector.get_override_parameters()
        if isinstance(parameter, OpenApiParameter) and parameter.location == OpenApiParameter.QUERY
    }
