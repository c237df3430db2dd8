"""OpenAPI: every operation also documents its problem answers."""

from typing import Any, cast

import django_filters as filters
from drf_spectacular.contrib.pydantic import PydanticExtension
from drf_spectacular.drainage import warn
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent, get_doc
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from pydantic import BaseModel

from oms.api.examples import shown_refusals
from oms.errors import DomainError
from oms.problems import CONTENT_TYPE, status_of


class FieldProblem(BaseModel):
    pointer: str
    code: str
    detail: str


class Problem(BaseModel):
    """RFC 9457 problem document."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    errors: list[FieldProblem] | None = None


class ProblemAwareSchema(AutoSchema):
    def get_tags(self) -> list[str]:
        return [self.path.removeprefix("/api/v1/").split("/")[0]]

    def get_override_parameters(self) -> list[Any]:
        """What `extend_schema` names, and the filters of lists that the library does not know as such."""
        chosen = getattr(self.view, "filter_class", None)
        if self.method != "GET" or chosen is None:
            return super().get_override_parameters()
        told = [_parameter(name, one) for name, one in chosen.base_filters.items()]
        return [*_PAGING, *told, *super().get_override_parameters()]

    def get_description(self) -> str:  # type: ignore[override]  # the library's own class overrides it so, too
        """What the operation says, else what its view says itself: a base class speaks to those who write views."""
        told: str = super().get_description()
        view = type(self.view)
        return "" if view.__doc__ is None and told == get_doc(view) else told

    def _get_request_for_media_type(self, serializer: Any, direction: Any = "request") -> Any:
        """A PATCH is a merge patch: nothing in it is required.

        The mark that drf-spectacular leaves on the body's class is removed, lest the next document differ.
        """
        schema, is_required = super()._get_request_for_media_type(serializer, direction)
        if self.method == "PATCH" and isinstance(serializer, type):
            del serializer.partial  # type: ignore[attr-defined]
            name = schema["$ref"].rpartition("/")[2]
            self.registry._components[name, ResolvedComponent.SCHEMA].schema.pop("required", None)
        return schema, is_required

    def _get_response_bodies(self, direction: Any = "response") -> Any:
        bodies = super()._get_response_bodies(direction)
        schema = self.resolve_serializer(cast(Any, Problem), "response").ref
        own = self._own_refusals()
        for status, description in self._refusals().items():
            problem = {"schema": schema, "examples": shown_refusals(own.get(status, []))}
            bodies.setdefault(status, {"description": description, "content": {CONTENT_TYPE: problem}})
        return bodies

    def _own_refusals(self) -> dict[str, list[DomainError]]:
        """What the view says it refuses with, by status."""
        by_status: dict[str, list[DomainError]] = {}
        for refusal in getattr(self.view, "refusals", {}).get(self.method, ()):
            by_status.setdefault(str(status_of(refusal)), []).append(refusal)
        return by_status

    def _scope(self) -> str:
        """Which scope it needs, so that nobody has to try."""
        scopes = getattr(self.view, "scopes", {})
        return f"Needs the scope `{scopes[self.method]}`" if self.method in scopes else "Scope"

    def _refusals(self) -> dict[str, str]:
        refusals = {
            "401": "No or unknown key",
            "403": f"{self._scope()}; channel, place or CSRF",
            "429": "Too many requests",
            "503": "Try again",
        }
        if "{" in self.path:
            refusals["404"] = "Not found"
        if self.method == "GET" and self._get_parameters():
            refusals["422"] = "Parameters"
        if self.method in ("POST", "PUT", "PATCH", "DELETE"):
            refusals |= {"400": "Cannot be read", "409": "Conflict", "413": "Body too large", "422": "Fields"}
        return {**dict.fromkeys(self._own_refusals(), "Refused"), **refusals}


_PAGING = (OpenApiParameter("cursor"), OpenApiParameter("page_size", OpenApiTypes.INT))
_TYPES = {
    filters.BooleanFilter: OpenApiTypes.BOOL,
    filters.DateFilter: OpenApiTypes.DATE,
    filters.IsoDateTimeFilter: OpenApiTypes.DATETIME,
}


def _parameter(name: str, one: filters.Filter) -> OpenApiParameter:
    choices = one.extra.get("choices")
    return OpenApiParameter(
        name,
        next((told for kind, told in _TYPES.items() if isinstance(one, kind)), OpenApiTypes.STR),
        description=str(one.label or ""),
        enum=[value for value, _name in choices] if choices else None,
        many=isinstance(one, filters.MultipleChoiceFilter),
    )


class Bodies(PydanticExtension):
    """Two models of one name would be described by the shape of the first: told as a warning, which a test refuses."""

    priority = 1

    def map_serializer(self, auto_schema: AutoSchema, direction: Any) -> Any:
        schema = super().map_serializer(auto_schema, direction)
        parts = self.target.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
        for name, shape in parts.get("$defs", {}).items():
            if auto_schema.registry._components[name, ResolvedComponent.SCHEMA].schema != shape:
                warn(f"two different models are called {name}")
        return schema


class BearerKey(OpenApiAuthenticationExtension):
    target_class = "oms.api.authentication.KeyAuthentication"
    name = "key"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "`manage.py create_api_key NAME` prints one."}


class SignedInStaff(OpenApiAuthenticationExtension):
    target_class = "oms.api.authentication.StaffSession"
    name = "session"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": "sessionid",
            "description": "Staff signed in at `/`; CSRF applies.",
        }
