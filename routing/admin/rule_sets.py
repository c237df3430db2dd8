"""Rule sets: drafts, and which of them decide."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import TabularInline

from oms.backoffice.lists import BackOfficeAdmin
from oms.backoffice.refusals import tell_refusal
from oms.clock import now
from oms.errors import DomainError
from routing import words
from routing.errors import InvalidDocument
from routing.models import (
    RuleSet,
    RuleSetSlot,
)
from routing.services import rule_sets
from routing.states import RuleSetStatus


class RuleSetForm(forms.ModelForm):
    """The document carries name and channels too; each fault is shown with its place in the document."""

    class Meta:
        model = RuleSet
        fields = ["document"]

    def clean_document(self) -> dict[str, Any]:
        try:
            return rule_sets.checked_document(self.cleaned_data["document"]).as_json()
        except InvalidDocument as refusal:
            raise ValidationError([f"{fault.pointer or '/'}: {fault.detail}" for fault in refusal.errors]) from None


class SlotInline(TabularInline):
    model = RuleSetSlot
    verbose_name = gettext_lazy("channel it decides for")
    verbose_name_plural = gettext_lazy("channels it decides for")
    fields = ["shown_channel"]
    readonly_fields = ["shown_channel"]
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    @admin.display(description=gettext_lazy("channel"))
    def shown_channel(self, slot: RuleSetSlot) -> str:
        return str(slot)


@admin.register(RuleSet)
class RuleSetAdmin(BackOfficeAdmin):
    form = RuleSetForm
    list_display = ["name", "version", "status", "shown_channels", "first_rule", "published_at"]
    list_filter = ["status", "name"]
    search_fields = ["name", "id"]
    fields = ["name", "version", "status", "shown_channels", "in_words", "document", "created_at", "published_at"]
    readonly_fields = ["name", "version", "status", "shown_channels", "in_words", "created_at", "published_at"]
    inlines = [SlotInline]
    actions = ("publish",)  # type: ignore[assignment]

    def has_change_permission(self, request: HttpRequest, obj: RuleSet | None = None) -> bool:
        is_draft = obj is None or obj.status == RuleSetStatus.DRAFT
        return is_draft and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: RuleSet | None = None) -> bool:
        is_draft = obj is None or obj.status == RuleSetStatus.DRAFT
        return is_draft and super().has_delete_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: RuleSet, form: Any, change: bool) -> None:
        rule_sets.write_draft(obj, rule_sets.checked_document(obj.document))

    @admin.display(description=gettext_lazy("channels"))
    def shown_channels(self, rule_set: RuleSet) -> str:
        return ", ".join(rule_set.channels) or _("all other channels")

    @admin.display(description=gettext_lazy("first rule"))
    def first_rule(self, rule_set: RuleSet) -> str:
        return words.document_sentences(rule_set.document)[0]

    @admin.display(description=gettext_lazy("in words"))
    def in_words(self, rule_set: RuleSet) -> str | SafeString:
        if not rule_set.document:
            return "-"
        sentences = words.document_sentences(rule_set.document)
        return format_html("<ol>{}</ol>", format_html_join("", "<li>{}</li>", ((text,) for text in sentences)))

    @admin.action(description=gettext_lazy("Publish the selected drafts"))
    def publish(self, request: HttpRequest, queryset: QuerySet[RuleSet]) -> None:
        for rule_set in queryset.order_by("id"):
            try:
                rule_sets.publish_rule_set(
                    rule_set_id=rule_set.pk, actor=f"user:{request.user.get_username()}", as_of=now()
                )
                self.message_user(request, _("%(rules)s decides now.") % {"rules": rule_set})
            except DomainError as refusal:
                tell_refusal(request, refusal)
