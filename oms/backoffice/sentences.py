"""Events in plain words. Each app tells how its own events read; the feed and the timelines show them."""

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.text import capfirst
from django.utils.translation import gettext as _

Payload = Mapping[str, Any]
Sentence = Callable[[Payload, str], str]
"""Gets the payload and the name of the place concerned (or a word for it)."""

_sentences: dict[str, Sentence] = {}


def tells(*types: str) -> Callable[[Sentence], Sentence]:
    """Register how events of these types read. Used in the owning app's `sentences.py`."""

    def register(sentence: Sentence) -> Sentence:
        _sentences.update(dict.fromkeys(types, sentence))
        return sentence

    return register


def register(sentences: Mapping[str, Any]) -> None:
    """Register plain sentences (lazy translations) in which `%(place)s` may stand."""
    for type_, text in sentences.items():
        tells(type_)(_plain(text))


def _plain(text: Any) -> Sentence:
    return lambda _payload, place: str(text) % {"place": place}


def say(type_: str, payload: Payload, *, place: str = "") -> str:
    """One sentence for an event. An event nobody has words for is named by its type, readably."""
    sentence = _sentences.get(type_)
    if sentence is None:
        return type_.replace(".", " ").replace("_", " ").capitalize()
    return capfirst(sentence(payload, place or _("the place")))
