"""Arrays of rows, each answered by itself."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django.utils.translation import gettext as _
from pydantic import BaseModel

from inventory.services import RowResult
from oms.api.body import read
from oms.errors import FieldError, Invalid

MAX_ROWS = 5_000

B = TypeVar("B", bound=BaseModel)
Answer = dict[str, Any]


def rows_of(data: Any, pointer: str = "", *, most: int = MAX_ROWS) -> list[Any]:
    """The rows of an array body. Errors: Invalid (no array, or more rows than `most`)."""
    if not isinstance(data, list):
        raise Invalid(errors=[FieldError(pointer, "list_type", _("A list is needed"))])
    if len(data) > most:
        detail = _("At most %(limit)d rows at once") % {"limit": most}
        raise Invalid(errors=[FieldError(pointer, "too_many_rows", detail)], limit=most)
    return data


def answer_rows(data: Any, model: type[B], save: Callable[[Sequence[B]], Sequence[RowResult]]) -> list[Answer]:
    """Read each row as `model`, save those that can be read, and answer all in order."""
    bodies, answers = read_rows(rows_of(data), model)
    for (index, _body), result in zip(bodies, save([body for _index, body in bodies]), strict=True):
        answers[index] = {"index": index, "status": result.status} | ({"id": result.id} if result.id else {})
        if result.code:
            error = {"pointer": result.pointer, "code": result.code, "detail": result.detail}
            answers[index] |= {"code": result.code, "errors": [error]}
    return [answers[index] for index in sorted(answers)]


def read_rows(rows: Sequence[Any], model: type[B]) -> tuple[list[tuple[int, B]], dict[int, Answer]]:
    """The rows that can be read, and the answers to those that cannot, by their place in the list."""
    bodies, answers = [], {}
    for index, row in enumerate(rows):
        try:
            bodies.append((index, read(model, row)))
        except Invalid as refusal:
            errors = [{"pointer": e.pointer, "code": e.code, "detail": e.detail} for e in refusal.errors]
            answers[index] = {"index": index, "status": "rejected", "code": refusal.code, "errors": errors}
    return bodies, answers
