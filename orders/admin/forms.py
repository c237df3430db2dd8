"""What staff type; each form turns it into the command of one service."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from oms.ids import new_id
from orders.admin.page import LineView
from orders.commands import CancelLine, CancelOrder, HoldOrder, ResolveException
from orders.states import HoldKind


class CancelForm(forms.Form):
    """How many units of each line, and why. `token` makes a double click one cancellation."""

    token = forms.CharField(widget=forms.HiddenInput, initial=lambda: new_id("cnl"))
    reason = forms.CharField(label=_("Reason"), max_length=500, widget=UnfoldAdminTextInputWidget)

    def __init__(self, *args: Any, lines: Iterable[LineView], **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.refs = {f"quantity_{view.line.position}": view.line.ref for view in lines if view.cancelable}
        for view in lines:
            if view.cancelable:
                self.fields[f"quantity_{view.line.position}"] = _quantity_field(view)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors and not any(cleaned.get(name) for name in self.refs):
            raise forms.ValidationError(_("Choose at least one unit to cancel."))
        return cleaned

    def command(self) -> CancelOrder:
        asked = {ref: self.cleaned_data[name] for name, ref in self.refs.items() if self.cleaned_data[name]}
        lines = [CancelLine(id=ref, quantity=quantity) for ref, quantity in asked.items()]
        return CancelOrder(lines=lines, reason=self.cleaned_data["reason"])


def _quantity_field(view: LineView) -> forms.IntegerField:
    return forms.IntegerField(
        label=f"{view.line.product.name} ({view.line.product_id})",
        help_text=_("Can be canceled: %(count)s") % {"count": view.cancelable},
        min_value=0,
        max_value=view.cancelable,
        initial=view.cancelable,
        required=False,
        widget=UnfoldAdminIntegerFieldWidget,
    )


class HoldForm(forms.Form):
    kind = forms.ChoiceField(
        label=_("Kind"),
        choices=[(kind.value, kind.label) for kind in (HoldKind.MANUAL, HoldKind.FRAUD, HoldKind.ADDRESS)],
        widget=UnfoldAdminSelectWidget,
    )
    note = forms.CharField(
        label=_("Note"),
        max_length=500,
        help_text=_("Who reads this order later will want to know why it waits."),
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
    )

    def command(self) -> HoldOrder:
        return HoldOrder(kind=self.cleaned_data["kind"], note=self.cleaned_data["note"])


class ConfirmForm(forms.Form):
    """Nothing to type: the page says what will happen."""


class ResolveForm(forms.Form):
    """`offers`: code → words for each place that could take the work; `others`: all further places."""

    action = forms.ChoiceField(label=_("What shall happen?"), widget=UnfoldAdminRadioSelectWidget)
    location = forms.ChoiceField(
        label=_("Place"), required=False, widget=UnfoldAdminSelectWidget, help_text=_("Only for moving the work.")
    )
    note = forms.CharField(label=_("Note"), max_length=500, required=False, widget=UnfoldAdminTextInputWidget)

    def __init__(
        self,
        *args: Any,
        actions: Mapping[str, Any],
        offers: Mapping[str, str],
        others: Mapping[str, str],
        is_pickup: bool,
        **kwargs: Any,
    ):
        super().__init__(*args, **kwargs)
        self.is_pickup = is_pickup
        choice = cast(forms.ChoiceField, self.fields["action"])
        choice.choices = list(actions.items())
        choice.initial = next(iter(actions), None)
        first = ("", _("Choose a store…") if is_pickup else _("The next best place"))
        groups = [(_("Could take it now"), list(offers.items())), (_("Other places"), list(others.items()))]
        cast(forms.ChoiceField, self.fields["location"]).choices = [first, *(group for group in groups if group[1])]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("action") == "reroute" and self.is_pickup and not cleaned.get("location"):
            self.add_error("location", _("The shopper must be asked: choose the store they agreed to."))
        return cleaned

    def command(self) -> ResolveException:
        given = self.cleaned_data
        location = given["location"] if given["action"] == "reroute" else ""
        return ResolveException(action=given["action"], location=location or None, note=given["note"])
