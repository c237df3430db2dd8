"""Examples of the OpenAPI document: a request, an answer and the usual refusals of every operation.

They are put together from the document's own schemas, because one word means one thing in this system: what a
field is called says what stands in it. These are asked in turn, and the first that fits the field's schema serves:

1. the model itself: `model_config = example(sku="SKU-1", quantity=2)`, or `Field(examples=[…])` for one field;
2. the words that apps tell in `<app>/api/examples.py`: by `Component.field`, by field, or for a whole `Component`;
3. its default, the first of its choices, an instant.

`tell_another` shows a second case of an operation by what is otherwise in it.

A request shows what its model tells, or else what is required; an answer shows every field. What cannot be known is
left out, and `gaps` names it.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.module_loading import autodiscover_modules
from jsonschema import Draft202012Validator

from oms import errors, problems

Json = Any
Schema = Mapping[str, Any]
_METHODS = ("get", "post", "put", "patch", "delete")
_REF = "#/components/schemas/"
_PROBLEM = problems.CONTENT_TYPE
LEFT_OUT = object()
"""Told of a field that is there at times only, and not in the typical answer."""
REQUEST_ID = "5f0c2a9be1d94c38a7b06d1f4e8a7c21"
_MISSING = object()
_words: dict[str, list[Json]] = {}
_others: dict[str, dict[str, tuple[Json, Json]]] = {}


def tell(words: Mapping[str, Json]) -> None:
    """What stands in fields of these names (`quantity`, `Component.field`) or in a whole `Component`.

    A word may be told more than once, where it is a text here and a number there.
    """
    for name, value in words.items():
        _words.setdefault(name, []).append(value)


def tell_another(name: str, operation_id: str, *, request: Json, answer: Json) -> None:
    """Another case of an operation: the typical one, but for what is otherwise in its request and its answer."""
    _others.setdefault(operation_id, {})[name] = request, answer


class Unknown(Exception):
    """Nothing says what stands in this field."""


class Examples:
    """Examples of the schemas of one document."""

    def __init__(self, components: Mapping[str, Schema]):
        self.components = components

    def request(self, schema: Schema) -> Json:
        """Errors: Unknown."""
        return self._of(schema, "", "", full=False)

    def answer(self, schema: Schema) -> Json:
        """Errors: Unknown."""
        return self._of(schema, "", "", full=True)

    def _of(self, schema: Schema, name: str, owner: str, *, full: bool) -> Json:
        told = self.told(schema, name, owner, full=full)
        if told is _MISSING and "$ref" in schema:
            component = schema["$ref"].removeprefix(_REF)
            return self._of(self.components[component], "", component, full=full)
        if told is _MISSING:
            return self._made(schema, name, owner, full=full)
        if full and isinstance(told, dict) and (fields := self._properties(schema)):
            return {**self._fields(fields, _owner(schema, owner), skip=told, full=full), **told}
        return told

    def told(self, schema: Schema, name: str, owner: str, *, full: bool) -> Json:
        """What model and words say of this field or component, if it fits. A document may be told in part."""
        plain = re.sub("^Patched|Request$", "", owner)
        keys = [f"{owner}.{name}", f"{plain}.{name}", name] if name else [owner, plain]
        said = [value for key in keys for value in _words.get(key, ())]
        rules = {key: rule for key, rule in schema.items() if key != "required" or not full}
        fit = Draft202012Validator({**rules, "components": {"schemas": self.components}})
        fitting = (value for value in [*schema.get("examples", ()), *said] if fit.is_valid(value))
        return next(fitting, _MISSING)

    def _made(self, schema: Schema, name: str, owner: str, *, full: bool) -> Json:
        if "const" in schema or schema.get("enum"):
            return schema.get("const", schema.get("enum", [None])[0])
        if choices := _choices(schema):
            return self._chosen(choices, name, owner, full=full)
        if schema.get("properties") is not None:
            required = None if full else schema.get("required", [])
            if required == [] and schema["properties"]:
                raise Unknown(f"{owner or 'a body'} as a whole, where nothing is required")
            return self._fields(schema["properties"], owner, only=required, full=full)
        if schema.get("default") is not None and not ("items" in schema and _REF in str(schema["items"])):
            return schema["default"]
        if schema.get("type") == "array":
            return [self._of(schema.get("items", {}), name.removesuffix("s"), owner, full=full)]
        if schema.get("type") == "object" and schema.get("additionalProperties") in (None, False):
            return {}
        return self._plain(schema, name, owner)

    def _chosen(self, choices: list[Schema], name: str, owner: str, *, full: bool) -> Json:
        """The first choice that can be shown; null where that is one and no other can."""
        for choice in choices:
            try:
                return self._of(choice, name, owner, full=full)
            except Unknown:
                continue
        if any(choice.get("type") == "null" for choice in choices):
            return None
        raise Unknown(f"{owner}.{name}")

    def _fields(
        self, properties: Mapping[str, Schema], owner: str, *, full: bool, only: Json = None, skip: Json = ()
    ) -> dict[str, Json]:
        told_of = (name for name in properties if LEFT_OUT not in _words.get(f"{owner}.{name}", ()))
        wanted = [name for name in told_of if name not in skip and (only is None or name in only)]
        return {name: self._of(properties[name], name, owner, full=full) for name in wanted}

    def _properties(self, schema: Schema) -> Mapping[str, Schema]:
        if "$ref" in schema:
            schema = self.components[schema["$ref"].removeprefix(_REF)]
        return schema.get("properties", {})

    @staticmethod
    def _plain(schema: Schema, name: str, owner: str) -> Json:
        kind, form = schema.get("type"), schema.get("format")
        if form == "date-time":
            return "2026-03-02T09:00:00Z"
        if form == "date":
            return "2026-03-04"
        if kind == "boolean":
            return False
        if kind == "null" or (isinstance(kind, list) and "null" in kind):
            return None
        raise Unknown(f"{owner}.{name}" if name else owner or "a body")


def _owner(schema: Schema, owner: str) -> str:
    return schema["$ref"].removeprefix(_REF) if "$ref" in schema else owner


def _choices(schema: Schema) -> list[Schema]:
    """The alternatives of a schema, null last."""
    found = [choice for key in ("allOf", "anyOf", "oneOf") for choice in schema.get(key, ())]
    return sorted(found, key=lambda choice: choice.get("type") == "null")


# ---- the document ------------------------------------------------------------------------------------


def add_examples(result: dict[str, Any], **_context: Any) -> dict[str, Any]:
    """A hook of drf-spectacular: whatever the operations do not show themselves is put together."""
    for _name, _missing in _fill(result):
        pass
    return result


def gaps(document: dict[str, Any]) -> list[str]:
    """What of this document's operations cannot be shown, and why."""
    return [f"{name}: {missing}" for name, missing in _fill(document)]


def _fill(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    autodiscover_modules("api.examples")
    examples = Examples(document["components"]["schemas"])
    for path, methods in document["paths"].items():
        for method in _METHODS:
            if operation := methods.get(method):
                for missing in _fill_operation(examples, path, operation):
                    yield f"{method.upper()} {path}", missing


def _fill_operation(examples: Examples, path: str, operation: dict[str, Any]) -> Iterator[str]:
    yield from _fill_parameters(examples, path, operation)
    address = _address(path, operation)
    others = _others.get(operation["operationId"], {})
    asked = operation.get("requestBody", {}).get("content", {})
    for content in asked.values():
        yield from _fill_content(content, examples.request, {name: case[0] for name, case in others.items()})
    for status, answer in operation["responses"].items():
        for media_type, content in answer.get("content", {}).items():
            if media_type == _PROBLEM:
                shown = content.get("examples") or _refusal(status, asked, examples)
                content["examples"] = {code: _placed(problem, address) for code, problem in shown.items()}
            else:
                yield from _fill_content(content, examples.answer, {name: case[1] for name, case in others.items()})


def _fill_content(content: dict[str, Any], make: Any, others: Mapping[str, Json]) -> Iterator[str]:
    if "examples" in content:
        return
    try:
        typical = make(content["schema"])
    except Unknown as unknown:
        yield f"nothing tells what stands in {unknown}"
        return
    changed = {name: {"value": _changed(typical, change)} for name, change in others.items()}
    content["examples"] = {"typical": {"value": typical}, **changed}


def _changed(value: Json, change: Json) -> Json:
    """Of objects the fields named, of lists entry by entry."""
    if isinstance(value, dict) and isinstance(change, dict):
        return {**value, **{name: _changed(value.get(name), one) for name, one in change.items()}}
    if isinstance(value, list) and isinstance(change, list):
        return [_changed(*pair) for pair in zip(value, change, strict=True)]
    return change


def _fill_parameters(examples: Examples, path: str, operation: dict[str, Any]) -> Iterator[str]:
    """Show those that must be given. They are told as `resource.parameter`, after the word they follow in the address."""
    for parameter in operation.get("parameters", ()):
        if parameter.get("required"):
            resource = path.partition(f"/{{{parameter['name']}}}")[0].rstrip("/").rpartition("/")[2]
            told = examples.told(parameter["schema"], parameter["name"], resource, full=False)
            if told is _MISSING:
                yield f"nothing tells what stands in {resource}.{parameter['name']}"
            else:
                parameter["example"] = told


def _address(path: str, operation: dict[str, Any]) -> str:
    """Where this example is sent."""
    for parameter in operation.get("parameters", ()):
        path = path.replace(f"{{{parameter['name']}}}", str(parameter.get("example", "")))
    return path


# ---- refusals ----------------------------------------------------------------------------------------


def shown_refusals(refusals: list[errors.DomainError]) -> dict[str, Any]:
    """Examples of what a view refuses, by code."""
    return {refusal.code: {"value": problems.of_error(refusal)} for refusal in refusals}


def _refusal(status: str, asked: Mapping[str, Any], examples: Examples) -> dict[str, Any]:
    """What this status says at any operation."""
    if status == "422":
        return shown_refusals([_faulty(asked, examples)])
    code, title = _USUAL[status]
    return {code: {"value": problems.document(int(status), code, title)}}


_USUAL = {
    "400": (errors.Unreadable.code, "The request cannot be read"),
    "401": ("not_authenticated", "Authentication credentials were not provided."),
    "403": ("missing_scope", "You do not have permission to perform this action."),
    "404": (errors.Missing.code, "Not found"),
    "409": (errors.Conflict.code, "This does not fit the present state"),
    "413": ("body_too_large", "The request body is too large"),
    "429": ("throttled", "Request was throttled."),
    "503": (errors.Busy.code, "Busy, please try again"),
}


def _faulty(asked: Mapping[str, Any], examples: Examples) -> errors.Invalid:
    """A field that is missing, one that does not exist, or a parameter that does not."""
    if not asked:
        return errors.Invalid(errors=[errors.FieldError("/colour", "unknown_parameter", "There is no such parameter")])
    schema = next(iter(asked.values()))["schema"]
    component = examples.components.get(schema.get("$ref", "").removeprefix(_REF), schema)
    row = "/0" if component.get("type") == "array" else ""
    item = component.get("items", component)
    fields = examples.components.get(item.get("$ref", "").removeprefix(_REF), item)
    if required := fields.get("required"):
        return errors.Invalid(errors=[errors.FieldError(f"{row}/{required[0]}", "required", "This field is required")])
    return errors.Invalid(errors=[errors.FieldError(f"{row}/colour", "unknown_field", "There is no such field")])


def _placed(shown: dict[str, Any], address: str) -> dict[str, Any]:
    return {**shown, "value": {**shown["value"], "instance": address, "request_id": REQUEST_ID}}


# ---- the kernel's own words --------------------------------------------------------------------------

tell(
    {
        "Idempotency-Key": "W-1001",
        "next": "https://oms.example.org/api/v1/…/?cursor=cD0yMDI2",
        "previous": None,
        "index": 0,
        "version": 3,
        "actor": "key:web shop",
        "occurred_at": "2026-03-02T09:00:00Z",
        "position": 4711,
        "type": "orders.order.placed",
        "subject": "ord_01kjq2m8f0e7v9s4t6w1x3y5z7",
        "root": "ord_01kjq2m8f0e7v9s4t6w1x3y5z7",
        "payload": {"channel": "web", "total": "37.70", "currency": "EUR"},
        "pointer": "/sku",
        "code": "unknown_sku",
        "detail": "There is no such product",
    }
)
