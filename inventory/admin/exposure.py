"""Exposure rules as staff see them: each a sentence, written with a form."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget

from inventory.api.exposure import ExposureRuleBody
from inventory.exposure_words import METHODS, SERVICES, rule_sentence
from inventory.models import ExposureRule
from inventory.services.exposure_rules import drop_exposure_rule, save_exposure_rule, unknown_names
from oms.api.body import read
from oms.backoffice.actions import actor_of
from oms.backoffice.lists import BackOfficeAdmin
from oms.clock import now
from oms.errors import Invalid

_METHODS = [("", gettext_lazy("any")), *METHODS.items()]
_SERVICES = [("", gettext_lazy("any")), *SERVICES.items()]
_LISTS = ("locations", "groups", "countries", "skus", "tags")


class ExposureRuleForm(forms.ModelForm):
    """What the API asks of a rule is asked here too."""

    order_type = forms.ChoiceField(
        label=gettext_lazy("Delivery method"), choices=_METHODS, required=False, widget=UnfoldAdminSelectWidget
    )
    service = forms.ChoiceField(
        label=gettext_lazy("Service level"), choices=_SERVICES, required=False, widget=UnfoldAdminSelectWidget
    )

    class Meta:
        model = ExposureRule
        fields = list(ExposureRuleBody.model_fields)

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        for name in _LISTS:
            self.fields[name].widget.attrs["rows"] = 2
            self.fields[name].help_text = gettext_lazy("Separated by commas. Empty: any.")

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if self.errors:
            return values
        channel = values["channel"]
        told = {name: values.get(name) for name in ExposureRuleBody.model_fields}
        told |= {"channel": channel.pk if channel else None}
        try:
            self.row = read(ExposureRuleBody, told).row()
        except Invalid as refusal:
            raise ValidationError([fault.detail for fault in refusal.errors]) from None
        for fault in unknown_names(self.row):
            field, _slash, number = fault.pointer[1:].partition("/")
            named = values[field][int(number)] if number else values[field]
            self.add_error(field, f"{fault.detail}: {named}")
        return values

    def _post_clean(self) -> None:
        """With a fault told in words, the constraints need not be asked, which know only their names."""
        if not self.errors:
            super()._post_clean()  # type: ignore[misc]


@admin.register(ExposureRule)
class ExposureRuleAdmin(BackOfficeAdmin):
    form = ExposureRuleForm
    list_display = ["sentence", "name", "is_active", "updated_at"]
    list_display_links = ["sentence"]
    list_filter = [("channel", RelatedDropdownFilter), "hidden", "is_active"]
    list_select_related = ["channel"]
    search_fields = ["name", "id", "skus", "locations", "groups", "tags"]
    search_help_text = gettext_lazy("Part of a name, a product, a place, a group or a tag")
    fieldsets = [
        (None, {"fields": ["name", "is_active"]}),
        (gettext_lazy("who asks"), {"fields": ["channel", "order_type", "service"]}),
        (gettext_lazy("where"), {"fields": ["locations", "groups", "countries"]}),
        (gettext_lazy("of what"), {"fields": ["skus", "tags", "below_confidence"]}),
        (gettext_lazy("what is kept back"), {"fields": ["keep_units", "keep_share", "hidden"]}),
    ]

    @display(description=gettext_lazy("rule"), ordering="created_at")
    def sentence(self, rule: ExposureRule) -> str:
        return rule_sentence(rule)

    def save_model(self, request: HttpRequest, obj: ExposureRule, form: Any, change: bool) -> None:
        as_of = now()
        if not change:
            obj.created_at = as_of
        save_exposure_rule(obj, form.row, actor=actor_of(request), as_of=as_of)

    def delete_model(self, request: HttpRequest, obj: ExposureRule) -> None:
        drop_exposure_rule(obj, actor=actor_of(request), as_of=now())

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"is_active": True}

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        hint = _("Of the rules that match, a hidden one hides all; else the most specific says what is kept back.")
        return super().changelist_view(request, {"subtitle": hint, **(extra_context or {})})
