"""What people type while they count, turned into the values of `inventory.services`."""

import re
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from inventory.models import CountScope
from inventory.services import Scan, Scope
from inventory.services.counting import MOST_UNITS
from oms.ids import new_id
from stores.web.forms import StoreForm

_INPUT = {"class": "input"}
_CODE = {"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}
_NUMBER = {"inputmode": "numeric", "autocomplete": "off"}
SUGGESTED = "suggested"
_WHAT = [
    (SUGGESTED, _("What looks wrong")),
    (CountScope.BINS, _("Some bins")),
    (CountScope.TAG, _("Articles with a tag")),
    (CountScope.PLACE, _("The whole place")),
]


class StartForm(StoreForm):
    """`suggested`: the SKUs offered on the page, sent along, so that what is counted is what was shown."""

    what = forms.ChoiceField(label=_("What do you count?"), choices=_WHAT, widget=forms.RadioSelect)
    sku = forms.CharField(required=False, widget=forms.MultipleHiddenInput)
    bins = forms.CharField(
        label=_("Bins"),
        help_text=_("One or several, with commas between them."),
        required=False,
        max_length=400,
        widget=forms.TextInput(attrs={**_INPUT, **_CODE}),
    )
    tag = forms.CharField(
        label=_("Tag"), required=False, max_length=64, widget=forms.TextInput(attrs={**_INPUT, "autocomplete": "off"})
    )
    note = forms.CharField(
        label=_("Note"), required=False, max_length=200, widget=forms.TextInput(attrs={**_INPUT, "autocomplete": "off"})
    )
    not_found_is_zero = forms.BooleanField(
        label=_("What nobody finds is none"),
        help_text=_("Only if you look through all of it. You are asked once more before the end."),
        required=False,
    )
    shows_expected = forms.BooleanField(label=_("Show what the books expect"), required=False)

    def __init__(self, data: Any = None, *, may_see: bool, offered: list[str] | None = None):
        initial = {"what": SUGGESTED if offered else CountScope.BINS}
        super().__init__(data, initial=initial)
        self._offered = data.getlist("sku") if data is not None else offered or []
        if not may_see:
            del self.fields["shows_expected"]
        if not self._offered:
            self.fields["what"].choices = _WHAT[1:]  # type: ignore[attr-defined]

    @property
    def offered(self) -> list[str]:
        return self._offered

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("what") == CountScope.BINS and not self._bins():
            self.add_error("bins", _("Which bins?"))
        if given.get("what") == CountScope.TAG and not given.get("tag"):
            self.add_error("tag", _("Which tag?"))
        return given

    def _bins(self) -> list[str]:
        return [name for name in re.split(r"[,;\s]+", self.cleaned_data.get("bins") or "") if name][:100]

    def scope(self) -> Scope:
        what = self.cleaned_data["what"]
        if what == SUGGESTED:
            return Scope(CountScope.SKUS, skus=self._offered)
        if what == CountScope.BINS:
            return Scope(CountScope.BINS, bins=[name[:40] for name in self._bins()])
        if what == CountScope.TAG:
            return Scope(CountScope.TAG, tag=self.cleaned_data["tag"])
        return Scope(CountScope.PLACE)


class ScanForm(StoreForm):
    """One beep, one more. `scan` is made with the page, so that a form that is sent twice counts once."""

    scan = forms.CharField(widget=forms.HiddenInput, max_length=64)
    code = forms.CharField(
        label=_("Barcode or SKU"),
        max_length=64,
        error_messages={"required": _("Scan or type a code.")},
        widget=forms.TextInput(attrs={"class": "input mono", **_CODE, "enterkeyhint": "done"}),
    )
    bin = forms.CharField(
        label=_("Bin"),
        required=False,
        max_length=40,
        widget=forms.TextInput(attrs={"class": "input mono", **_CODE}),
    )

    @classmethod
    def fresh(cls, bin_: str = "") -> "ScanForm":
        return cls(initial={"scan": new_id("scn"), "bin": bin_})

    def command(self) -> Scan:
        given = self.cleaned_data
        return Scan(given["scan"], given["code"], 1, bin=given["bin"])


class UnitsForm(StoreForm):
    """All that is there of one article in one bin."""

    scan = forms.CharField(widget=forms.HiddenInput, max_length=64)
    sku = forms.CharField(widget=forms.HiddenInput, max_length=64)
    bin = forms.CharField(widget=forms.HiddenInput, required=False, max_length=40)
    units = forms.IntegerField(
        label=_("Found"),
        min_value=0,
        max_value=MOST_UNITS,
        widget=forms.NumberInput(attrs={"class": "input count", **_NUMBER, "min": 0}),
    )
    damaged = forms.IntegerField(
        label=_("Of these, damaged"),
        required=False,
        min_value=0,
        max_value=MOST_UNITS,
        widget=forms.NumberInput(attrs={**_INPUT, **_NUMBER, "min": 0}),
    )

    def __init__(self, data: Any = None, **kwargs: Any):
        super().__init__(data, auto_id="id_units_%s", **kwargs)  # it stands beside the ScanForm

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if (given.get("damaged") or 0) > (given.get("units") or 0):
            self.add_error("damaged", _("That is more than were found."))
        return given

    def command(self) -> Scan:
        given = self.cleaned_data
        return Scan(
            given["scan"], given["sku"], given["units"], is_total=True, damaged=given["damaged"], bin=given["bin"]
        )


class SubmitForm(StoreForm):
    """`not_found` is how many articles the page said were not found."""

    not_found = forms.IntegerField(widget=forms.HiddenInput, required=False)
    confirmed = forms.BooleanField(required=False)


class DecideForm(StoreForm):
    decision = forms.ChoiceField(choices=[(name, name) for name in ("approve", "reject", "recount")])
