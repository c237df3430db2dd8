"""What the pages of routing share."""

from typing import Any

from django import forms
from django.db.models import Model
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from oms.backoffice.lists import BackOfficeAdmin
from oms.backoffice.words import figure
from oms.cache import bump


class CachedTableAdmin(BackOfficeAdmin):
    """A table planning keeps in memory: the admin's transaction also tells every process of the change."""

    cache_name: str

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        bump(self.cache_name)

    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        super().delete_model(request, obj)
        bump(self.cache_name)


def boxes(model: type[Model], name: str, choices: Any, *, required: bool = False) -> forms.MultipleChoiceField:
    """Boxes to tick for a field that holds a list of codes."""
    field: Any = model._meta.get_field(name)
    return forms.MultipleChoiceField(
        label=capfirst(field.verbose_name),
        choices=choices,
        required=required,
        help_text=field.help_text,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )


def html_table(heads: list[str], rows: Any) -> SafeString:
    """Among the fields of a form; it asks for no width of its own, so it is moved sideways where there is little room."""
    head = format_html_join("", "<th style='text-align:left;padding-right:1rem'>{}</th>", ((head,) for head in heads))
    body = format_html_join(
        "",
        "<tr>{}</tr>",
        ((format_html_join("", "<td style='padding-right:1rem'>{}</td>", ((c,) for c in row)),) for row in rows),
    )
    table = format_html("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>", head, body)
    return format_html("<div style='overflow-x:auto;contain:inline-size'>{}</div>", table)


def percent(share: float) -> str:
    return f"{figure(share * 100, 1)} %"
