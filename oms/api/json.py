"""JSON in and out with orjson: quick, strict about UTF-8 and depth, bounded in size."""

import json
import re
from typing import Any

import orjson
from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework.exceptions import APIException
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer

from oms.characters import told
from oms.errors import Unreadable

_MAX_DEPTH = 64
_STRAY = re.compile(
    rb"\\(?:\\(?:\\\\)*|u(?:00(?:0[0-8bcef]|1[0-9a-f])|fff[ef])|[bf])|\xef\xbf[\xbe\xbf]", re.IGNORECASE
)
"""What `oms.characters` refuses, as JSON writes it; and backslashes that are one themselves, to be passed over."""


class BodyTooLarge(APIException):
    status_code = 413
    default_code = "body_too_large"
    default_detail = gettext_lazy("The request body is too large")

    def __init__(self, limit: int):
        super().__init__()
        self.facts = {"limit_bytes": limit}


class JsonParser(BaseParser):
    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        raw = stream.read(settings.MAX_BODY_BYTES + 1)
        if len(raw) > settings.MAX_BODY_BYTES:
            raise BodyTooLarge(settings.MAX_BODY_BYTES)
        return loads(raw)


def loads(raw: bytes) -> Any:
    """Errors: Unreadable for what is not JSON, nested too deep, or holds what is no character."""
    try:
        data = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Unreadable(_("This is not valid JSON: %(reason)s") % {"reason": str(error)[:200]}) from None
    if _depth_exceeds(data, _MAX_DEPTH):
        raise Unreadable(_("The JSON is nested more than %(depth)d levels deep") % {"depth": _MAX_DEPTH})
    for found in _STRAY.finditer(raw):
        if not found[0].startswith(b"\\\\"):
            raise Unreadable(told(orjson.loads(b'"%s"' % found[0])))
    return data


def _depth_exceeds(data: Any, limit: int) -> bool:
    level = [data]
    for _level in range(limit):
        level = [
            inner
            for value in level
            if isinstance(value, dict | list)
            for inner in (value.values() if isinstance(value, dict) else value)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def _plain(value: Any) -> Any:
    if isinstance(value, Promise):
        return str(value)
    if isinstance(value, frozenset | set):
        return sorted(value)
    return str(value)


class JsonRenderer(BaseRenderer):
    media_type = "application/json"
    format = "json"
    charset = None
    render_style = "binary"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        if data is None:
            return b""
        try:
            return orjson.dumps(data, default=_plain, option=orjson.OPT_NON_STR_KEYS)
        except TypeError:  # a number of more than 64 bits in somebody's metadata: Postgres keeps it, orjson does not
            return json.dumps(data, default=_plain, ensure_ascii=False).encode()
