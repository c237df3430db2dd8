"""Counting articles on a page: by scan, by thumb, or by typing. What is counted travels with the form, nothing is kept.

The form works without script; with it, a scan counts at once and only what the page does not know asks the server.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from django import forms
from django.forms import BoundField
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from oms.ids import new_id
from stores.inbound import Article
from stores.web.forms import StoreForm

GOOD, DAMAGED = "good", "damaged"
_MOST = 100_000


class Row(NamedTuple):
    article: Article
    good: BoundField
    damaged: BoundField | None


class CountForm(StoreForm):
    """Units of each article. `token` makes a double tap one act; `version` is what the person saw."""

    token = forms.CharField(widget=forms.HiddenInput, max_length=40)
    version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(self, data: Any = None, *, articles: Sequence[Article], with_damaged: bool, **kwargs: Any):
        super().__init__(data, auto_id="count-%s", **kwargs)
        self.articles = articles
        self.conditions = (GOOD, DAMAGED) if with_damaged else (GOOD,)
        for number, article in enumerate(articles):
            for condition in self.conditions:
                self.fields[f"{condition}:{article.sku}"] = _units_field(f"{condition}-{number}")

    @classmethod
    def fresh(cls, *, articles: Sequence[Article], with_damaged: bool, version: int | None = None) -> "CountForm":
        initial = {"token": new_id("tok"), "version": version}
        return cls(articles=articles, with_damaged=with_damaged, initial=initial)

    def rows(self) -> list[Row]:
        return [
            Row(
                article,
                self[f"{GOOD}:{article.sku}"],
                self[f"{DAMAGED}:{article.sku}"] if DAMAGED in self.conditions else None,
            )
            for article in self.articles
        ]

    def hidden(self) -> list[tuple[str, Any]]:
        """What was counted, for the page that asks whether it is right."""
        return [(name, self.cleaned_data[name] or "") for name in self.fields]

    def units(self, condition: str, sku: str) -> int:
        return self.cleaned_data.get(f"{condition}:{sku}") or 0

    def total(self, sku: str) -> int:
        return sum(self.units(condition, sku) for condition in self.conditions)


def _units_field(number: str) -> forms.IntegerField:
    attrs = {"class": "input count", "inputmode": "numeric", "autocomplete": "off", "id": f"count-{number}"}
    return forms.IntegerField(
        required=False,
        min_value=0,
        max_value=_MOST,
        initial=0,
        widget=forms.NumberInput(attrs=attrs),
        error_messages={
            "invalid": gettext_lazy("A whole number is needed"),
            "max_value": gettext_lazy("That is too many."),
        },
    )


def skus_in(data: Mapping[str, Any]) -> list[str]:
    """The articles that a form counted, in its order."""
    return [name.partition(":")[2] for name in data if name.startswith(f"{GOOD}:") and name.isprintable()]


def with_one_more(data: Any, sku: str) -> Any:
    """What was counted, and one good unit of this article."""
    counted = data.copy()
    name = f"{GOOD}:{sku}"
    try:
        counted[name] = str(int(counted.get(name) or 0) + 1)
    except ValueError:
        pass  # what was typed there is told to be no number
    return counted


def unknown_words(code: str) -> str:
    if not code.strip():
        return _("Scan a barcode, or type the number of the article.")
    return _("No article has the code %(code)s.") % {"code": code.strip()}
