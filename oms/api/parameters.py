"""Query parameters: what the OpenAPI document names is taken, anything else is refused, lest a typing error
return the whole list as if it were filtered."""

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter

from oms.api.paging import CursorPaging
from oms.errors import FieldError, Invalid

_PAGING = frozenset({CursorPaging.cursor_query_param, CursorPaging.page_size_query_param})
_known_of: dict[tuple[type[Any], str], frozenset[str]] = {}  # by view and handler


def check_parameters(view: Any) -> None:
    """Before every reading. Errors: Invalid, one pointer per parameter that the view does not know."""
    given = set(view.request.query_params)
    if given <= _PAGING:
        return
    handler = getattr(view, "action", None) or "get"
    known = _known_of.get((type(view), handler))
    if known is None:
        known = _known_of[type(view), handler] = _PAGING | _filters(view) | _described(view, handler)
    if unknown := sorted(given - known):
        detail = _("There is no such parameter; these are known: %(known)s") % {"known": ", ".join(sorted(known))}
        raise Invalid(errors=[FieldError(_pointer(name), "unknown_parameter", detail) for name in unknown[:100]])


def _pointer(name: str) -> str:
    return "/" + name[:200].replace("~", "~0").replace("/", "~1")


def _filters(view: Any) -> frozenset[str]:
    filters = getattr(view, "filterset_class", None) or getattr(view, "filter_class", None)
    return frozenset(filters.base_filters if filters else getattr(view, "filterset_fields", ()))


def _described(view: Any, handler: str) -> frozenset[str]:
    """What `extend_schema(parameters=…)` names."""
    schema = getattr(getattr(view, handler), "kwargs", {}).get("schema")
    if schema is None:
        return frozenset()
    inspector = schema()
    inspector.view, inspector.method = view, "GET"
    return frozenset(
        parameter.name
        for parameter in inspector.get_override_parameters()
        if isinstance(parameter, OpenApiParameter) and parameter.location == OpenApiParameter.QUERY
    )
