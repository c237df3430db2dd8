"""What people changed about units by hand, and why."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from inventory.models import AdjustmentKind, AdjustmentReason, Condition, StockAdjustment, StockLevel
from inventory.services.stock_conditions import Adjustment
from oms.backoffice.lists import ReadOnlyAdmin
from oms.backoffice.words import NOTHING, Tone, badge, instant, who
from oms.ids import new_id

_K = AdjustmentKind
_LOOKS: dict[str, tuple[Tone, str]] = {
    _K.DAMAGE: ("warn", "broken_image"),
    _K.REPAIR: ("good", "build"),
    _K.QUARANTINE: ("warn", "block"),
    _K.RELEASE: ("good", "lock_open"),
    _K.WRITE_OFF: ("bad", "delete"),
    _K.FOUND: ("good", "search"),
}


class AdjustForm(forms.Form):
    """One adjustment of a level. `token` makes a double click one."""

    token = forms.CharField(widget=forms.HiddenInput, initial=lambda: new_id("tok"))
    kind = forms.ChoiceField(
        label=pgettext_lazy("to the units", "What happened"),
        choices=AdjustmentKind.choices,
        widget=UnfoldAdminSelectWidget,
    )
    quantity = forms.IntegerField(
        label=gettext_lazy("Units"), min_value=1, max_value=100_000, widget=UnfoldAdminIntegerFieldWidget
    )
    condition = forms.ChoiceField(
        label=gettext_lazy("Condition"),
        choices=[("", gettext_lazy("those that cannot be sold first")), *Condition.choices],
        required=False,
        help_text=gettext_lazy("Of units that are written off or found."),
        widget=UnfoldAdminSelectWidget,
    )
    reason = forms.ChoiceField(
        label=gettext_lazy("Why"), choices=AdjustmentReason.choices, widget=UnfoldAdminSelectWidget
    )
    note = forms.CharField(
        label=gettext_lazy("Note"), max_length=500, required=False, widget=UnfoldAdminTextInputWidget
    )

    def adjustment(self, level: StockLevel) -> Adjustment:
        given = {name: value for name, value in self.cleaned_data.items() if name != "token"}
        return Adjustment(sku=level.product_id, location=level.location_id, **given)


@admin.register(StockAdjustment)
class StockAdjustmentAdmin(ReadOnlyAdmin):
    list_display = ["when", "what", "quantity", "product", "location", "state", "reason", "note", "by"]
    list_select_related = ["product", "location"]
    list_filter = [
        ("kind", ChoicesDropdownFilter),
        ("reason", ChoicesDropdownFilter),
        ("location", RelatedDropdownFilter),
    ]
    search_fields = ["product__sku__exact", "location__code__exact", "id__exact"]
    search_help_text = gettext_lazy("A SKU, the code of a place, or an id")
    fields = ["what", "quantity", "product", "location", "state", "reason", "note", "by", "when"]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return self.fields

    @display(description=gettext_lazy("at"), ordering="id")
    def when(self, made: StockAdjustment) -> SafeString:
        return instant(made.made_at)

    @display(description=gettext_lazy("what"), ordering="kind")
    def what(self, made: StockAdjustment) -> SafeString:
        return badge(made.get_kind_display(), *_LOOKS[made.kind])

    @display(description=gettext_lazy("condition"))
    def state(self, made: StockAdjustment) -> Any:
        return made.get_condition_display() if made.condition else NOTHING

    @display(description=gettext_lazy("by"))
    def by(self, made: StockAdjustment) -> str:
        return who(made.actor)


def done_words(adjustment: Adjustment) -> str:
    kind = dict(AdjustmentKind.choices)[adjustment.kind]
    return _("%(what)s: %(units)s") % {"what": kind, "units": adjustment.quantity}
