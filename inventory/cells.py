"""Lists and objects as people write them, in a form field or in a cell of a sheet.

Plain ones are written plainly (`summer | outlet`, `size = M; color = red`), all else as JSON, and both are read:
whatever is written reads back as it was. Errors: `Unclear`, with a sentence for whoever wrote it.
"""

import json
import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from django.utils.translation import gettext as _

from oms.api.json import loads
from oms.errors import Unreadable


class Unclear(ValueError):
    """Cannot be understood."""


_BETWEEN_NAMES, _BETWEEN_CODES = r"[|;\n]", r"[|;,\n]"


def write_list(values: Sequence[Any], *, separator: str = " | ", between: str = _BETWEEN_NAMES) -> str:
    is_plain = all(isinstance(value, str) and value == value.strip() and value for value in values)
    text = separator.join(map(str, values))
    return text if is_plain and _listed(text, between) == list(values) and not text.startswith("[") else _json(values)


def read_list(text: str, *, between: str = _BETWEEN_NAMES) -> list[Any]:
    """`a | b`, `a; b`, one a line, or a JSON array. A comma may stand in a name."""
    return _loaded(text, list) if text.strip().startswith("[") else _listed(text, between)


write_codes, read_codes = partial(write_list, between=_BETWEEN_CODES), partial(read_list, between=_BETWEEN_CODES)
"""The same for what has no comma in it: barcodes, and words of a list of ours."""


def _listed(text: str, between: str) -> list[str]:
    parts = (part.strip() for part in re.split(between, text))
    return [part for part in parts if part]


def write_pairs(values: Mapping[str, Any], *, separator: str = "; ") -> str:
    text = separator.join(f"{name} = {value}" for name, value in values.items())
    try:
        is_plain = not text.startswith("{") and _paired(text) == dict(values)
    except Unclear:
        is_plain = False
    return text if is_plain else _json(values)


def read_pairs(text: str) -> dict[str, Any]:
    """`name = value; name = value`, one a line, or a JSON object. Values of the plain form are texts."""
    return _loaded(text, dict) if text.strip().startswith("{") else _paired(text)


def _paired(text: str) -> dict[str, str]:
    pairs = {}
    for part in filter(str.strip, re.split(r"[;\n]", text)):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not (equals and name):
            raise Unclear(_("“%(text)s” is not of the form name = value") % {"text": part.strip()[:40]})
        if name in pairs:
            raise Unclear(_("“%(name)s” is given twice") % {"name": name[:40]})
        pairs[name] = value
    return pairs


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _loaded(text: str, kind: type) -> Any:
    try:
        value = loads(text.encode())
    except Unreadable:
        raise Unclear(_("This begins like JSON and is none")) from None
    if not isinstance(value, kind):
        raise Unclear(_("This begins like JSON and is none"))
    return value
