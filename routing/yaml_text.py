"""Rule sets as people write them: YAML, and the line in which everything was said (`differences.as_yaml` writes it).

Of YAML only what a rule set needs: no anchors (a text could contain itself), no tags, no key twice. Plain words are
read as YAML 1.2 reads them, so that `NO` is a country and `18:30` a time; `01` stays a postal code.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import yaml
from django.utils.translation import gettext as _

from oms.characters import stray, told
from oms.errors import FieldError
from routing.errors import InvalidDocument

MOST_BYTES = 1_000_000
_MOST_DEPTH = 16
_Events = Iterator[yaml.Event]
_WORDS: dict[str, Any] = {"": None, "~": None, "null": None, "true": True, "false": False}
_INTEGER = re.compile(r"-?(0|[1-9]\d{0,17})")
_DECIMAL = re.compile(r"-?(0|[1-9]\d{0,17})\.\d{1,18}")


@dataclass
class YamlText:
    """What was said, and by JSON pointer in which line (counted from 1)."""

    data: Any = None
    lines: dict[str, int] = field(default_factory=dict)

    def line_of(self, pointer: str) -> int | None:
        """Of what is not there, the line of what it should stand in."""
        while pointer and pointer not in self.lines:
            pointer = pointer.rpartition("/")[0]
        return self.lines.get(pointer)

    def located(self, faults: tuple[FieldError, ...]) -> list[FieldError]:
        """The same faults, each led by its line."""
        return [_at(self.line_of(fault.pointer), fault) for fault in faults]


def read_yaml(raw: bytes) -> YamlText:
    """Errors: InvalidDocument with the line of what cannot be read."""
    if len(raw) > MOST_BYTES:
        raise _refusal("too_large", _("At most %(most)s bytes are possible") % {"most": MOST_BYTES})
    try:
        return _Reader().read(yaml.parse(raw.decode(), Loader=_LOADER))
    except UnicodeDecodeError:
        raise _refusal("not_utf8", _("The file is not text in UTF-8")) from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise _refusal("not_yaml", _("This is not YAML: %(reason)s") % {"reason": error.problem}, line) from None
    except yaml.YAMLError:
        raise _refusal("not_yaml", _("This is not YAML: it holds characters that cannot be shown")) from None


# The parser in C where it is there: it reads a hundred times as fast.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _refusal(code: str, detail: str, line: int | None = None, pointer: str = "") -> InvalidDocument:
    return InvalidDocument(errors=[_at(line, FieldError(pointer, code, detail))])


def _at(line: int | None, fault: FieldError) -> FieldError:
    if line is None:
        return fault
    return FieldError(fault.pointer, fault.code, _("Line %(line)s: %(fault)s") % {"line": line, "fault": fault.detail})


class _Reader:
    """Follows the parser's events, which come one by one: what is refused is never built."""

    def __init__(self) -> None:
        self.text = YamlText()

    def read(self, events: _Events) -> YamlText:
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                if self.text.lines:
                    raise _refusal("several_documents", _("One rule set per file is possible"), _line(event))
                self.text.data = self._value(next(events), events, "", 0)
        return self.text

    def _value(self, event: yaml.Event, events: _Events, pointer: str, depth: int) -> Any:
        line = _line(event)
        self.text.lines[pointer] = line
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _refusal("anchor", _("Anchors (&) and aliases (*) are not possible"), line, pointer)
        if getattr(event, "tag", None):
            raise _refusal("tag", _("Tags (!) are not possible"), line, pointer)
        if depth > _MOST_DEPTH:
            raise _refusal("too_deep", _("Nested too deep"), line, pointer)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(events, pointer, depth)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(events, pointer, depth)
        assert isinstance(event, yaml.ScalarEvent)
        if character := stray(event.value):  # written as an escape
            raise _refusal("not_printable", told(character), line, pointer)
        return _scalar(event)

    def _mapping(self, events: _Events, pointer: str, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not isinstance(key := next(events), yaml.MappingEndEvent):
            if not isinstance(key, yaml.ScalarEvent) or key.anchor or key.tag:
                raise _refusal("key", _("A key is one word"), _line(key), pointer)
            if key.value in found:
                text = _("“%(key)s” stands here twice") % {"key": key.value}
                raise _refusal("duplicate", text, _line(key), pointer)
            found[key.value] = self._value(next(events), events, f"{pointer}/{_escaped(key.value)}", depth + 1)
        return found

    def _sequence(self, events: _Events, pointer: str, depth: int) -> list[Any]:
        found: list[Any] = []
        while not isinstance(item := next(events), yaml.SequenceEndEvent):
            found.append(self._value(item, events, f"{pointer}/{len(found)}", depth + 1))
        return found


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _scalar(event: yaml.ScalarEvent) -> Any:
    text: str = event.value
    if event.style:  # in quotes, or a block: a text and nothing else
        return text
    if text in _WORDS:
        return _WORDS[text]
    return next((read(text) for form, read in _NUMBERS if form.fullmatch(text)), text)


_NUMBERS: tuple[tuple[re.Pattern[str], Callable[[str], Any]], ...] = ((_INTEGER, int), (_DECIMAL, Decimal))
