"""What a browser would send back of a page, field by field, if somebody pressed Save without touching it."""

from html.parser import HTMLParser
from typing import Any

from django.test import Client

Fields = dict[str, list[str]]


class _Form(HTMLParser):
    """The fields of the page's forms; what stands in a `<template>` is no part of them."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: Fields = {}
        self._templates = 0
        self._select = self._textarea = ""
        self._text = ""

    def handle_starttag(self, tag: str, given: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in given}
        if tag == "template":
            self._templates += 1
        elif tag == "input" and not self._templates:
            self._input(attributes)
        elif tag == "select":
            self._select = attributes.get("name", "")
        elif tag == "option" and self._select and "selected" in attributes:
            self._add(self._select, attributes.get("value", ""))
        elif tag == "textarea" and not self._templates:
            self._textarea, self._text = attributes.get("name", ""), ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "template":
            self._templates -= 1
        elif tag == "select":
            self._select = ""
        elif tag == "textarea" and self._textarea:
            self._add(self._textarea, self._text.removeprefix("\n"))
            self._textarea = ""

    def handle_data(self, data: str) -> None:
        self._text += data

    def _input(self, attributes: dict[str, str]) -> None:
        kind = attributes.get("type", "text")
        is_on = "checked" in attributes or kind not in ("radio", "checkbox")
        if is_on and kind not in ("submit", "button") and attributes.get("name"):
            self._add(attributes["name"], attributes.get("value", "on" if kind == "checkbox" else ""))

    def _add(self, name: str, value: str) -> None:
        self.fields.setdefault(name, []).append(value)


def fields_of(client: Client, page: str) -> Fields:
    answer = client.get(page)
    assert answer.status_code == 200, page
    form = _Form()
    form.feed(answer.content.decode())
    return form.fields


def errors_of(answer: Any) -> dict[str, list[str]]:
    """What a page that was not saved says about its fields."""
    return {name: list(errors) for name, errors in answer.context["adminform"].form.errors.items()}
