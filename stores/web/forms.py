"""What people type on the phone, turned into the commands of `orders`."""

from typing import Any

from django import forms
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _

from orders.commands import Decline, HandOver, Pick, PickLine, Ready, Ship
from orders.states import DeclineReason, ShortReason
from stores import queries
from stores.queries import Line

_INPUT = {"class": "input"}
_CHOOSE = {"required": _("Please choose a reason.")}


class StoreForm(forms.Form):
    use_required_attribute = False  # the server explains; a bubble over a phone's keyboard does not

    @property
    def typed(self) -> list[tuple[str, str]]:
        """What was typed, for the page that has no room for the form any more."""
        return [
            (str(field.label), str(field.value()))
            for field in self.visible_fields()
            if field.value() not in (None, "", False)
        ]

    def command(self) -> Any:
        raise NotImplementedError


class NothingForm(StoreForm):
    def command(self) -> None:
        return None


class DeclineForm(StoreForm):
    reason = forms.ChoiceField(
        label=_("Why?"), choices=DeclineReason.choices, widget=forms.RadioSelect, error_messages=_CHOOSE
    )
    note = forms.CharField(
        label=_("Note"),
        help_text=_("For headquarters, if there is more to say."),
        required=False,
        max_length=500,
        widget=forms.Textarea(attrs={**_INPUT, "rows": 3}),
    )

    def command(self) -> Decline:
        return Decline(reason=self.cleaned_data["reason"], note=self.cleaned_data["note"])


class PickForm(StoreForm):
    """Units of one line found so far. The line is named in a hidden field; an unknown one is refused by the service."""

    line = forms.CharField(widget=forms.HiddenInput, max_length=40)
    picked = forms.IntegerField(
        label=_("Found"),
        min_value=0,
        max_value=100_000,
        widget=forms.NumberInput(attrs={"class": "input count", "inputmode": "numeric", "autocomplete": "off"}),
    )

    @classmethod
    def of(cls, line: Line) -> "PickForm":
        form = cls(initial={"line": line.ref, "picked": line.target})
        form.fields["picked"].widget.attrs |= {"min": line.picked, "max": line.target}
        return form

    def command(self) -> Pick:
        return Pick(lines=[PickLine(line=self.cleaned_data["line"], picked=self.cleaned_data["picked"])])


class ShortForm(StoreForm):
    """Fewer were found than asked for, and why."""

    line = forms.CharField(widget=forms.HiddenInput, max_length=40)
    short_reason = forms.ChoiceField(
        label=_("What is wrong?"), choices=ShortReason.choices, widget=forms.RadioSelect, error_messages=_CHOOSE
    )
    picked = forms.IntegerField(
        label=_("How many good ones did you find?"),
        min_value=0,
        max_value=100_000,
        widget=forms.NumberInput(attrs={**_INPUT, "inputmode": "numeric", "autocomplete": "off"}),
    )

    def __init__(self, data: Any = None, **kwargs: Any):
        super().__init__(data, auto_id="id_short_%s", **kwargs)  # it stands beside the PickForm

    @classmethod
    def of(cls, line: Line) -> "ShortForm":
        form = cls(initial={"line": line.ref, "picked": line.picked})
        form.fields["picked"].widget.attrs |= {"min": line.picked, "max": line.target - 1}
        return form

    def command(self) -> Pick:
        given = self.cleaned_data
        return Pick(lines=[PickLine(line=given["line"], picked=given["picked"], short_reason=given["short_reason"])])


class ReadyForm(StoreForm):
    staging = forms.CharField(
        label=_("Where does it wait?"),
        help_text=_("Shelf or bin behind the counter, for whoever hands it over."),
        required=False,
        max_length=40,
        widget=forms.TextInput(attrs={**_INPUT, "autocomplete": "off", "autocapitalize": "characters"}),
    )

    def command(self) -> Ready:
        return Ready(staging=self.cleaned_data["staging"])


class ShipForm(StoreForm):
    carrier_service = forms.ChoiceField(label=_("Carrier"), required=False, widget=forms.Select(attrs=_INPUT))
    tracking_number = forms.CharField(
        label=_("Tracking number"),
        required=False,
        max_length=100,
        widget=forms.TextInput(
            attrs={"class": "input mono", "autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.fields["carrier_service"].choices = [("", _("Not known")), *queries.carrier_services()]  # type: ignore[attr-defined]

    def command(self) -> Ship:
        return Ship(**self.cleaned_data)


class HandOverForm(StoreForm):
    code = forms.CharField(
        label=_("Code of six figures"),
        required=False,
        max_length=20,
        validators=[RegexValidator(r"^[0-9 ]{6,}$", _("The code has six figures."))],
        widget=forms.TextInput(
            attrs={"class": "input code", "inputmode": "numeric", "autocomplete": "one-time-code", "maxlength": 7}
        ),
    )
    identity_checked = forms.BooleanField(label=_("No code: I have checked the identity"), required=False)
    collected_by = forms.CharField(
        label=_("Name of the person who collects"),
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs={**_INPUT, "autocomplete": "off"}),
    )

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if not self.errors and not given.get("code") and not given.get("identity_checked"):
            self.add_error("code", _("Type the code, or check the identity."))
        return given

    def command(self) -> HandOver:
        given = self.cleaned_data
        return HandOver(
            code=given["code"].replace(" ", "") or None,
            identity_checked=given["identity_checked"],
            collected_by=given["collected_by"],
        )
