"""The back office of the kernel: channels, keys, people, and what the machinery is doing."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import action, display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextInputWidget,
)

from oms import set_aside
from oms.backoffice.actions import action_page, actor_of, row_or_404
from oms.backoffice.fields import CurrencyChoice
from oms.backoffice.lists import BackOfficeAdmin, ReadOnlyAdmin
from oms.backoffice.sentences import say
from oms.backoffice.words import badge, instant, listed, pairs, subject_link, who
from oms.channels import save_channel
from oms.clock import now
from oms.keys import SCOPES, create_api_key, revoke_api_key
from oms.models import ApiKey, Channel, Deadline, Event, SetAside, Subscription

admin.site.unregister([User, Group])


# ---- channels --------------------------------------------------------------------------------------

_METHODS = {"ship": gettext_lazy("Grace for deliveries (minutes)")}  # a pickup never waits: `ChannelInfo.grace`
_LONGEST_GRACE = 30 * 24 * 60


class ChannelForm(forms.ModelForm):
    """The grace of each method is a field of its own; grace of other methods stays as it is."""

    currency = CurrencyChoice()

    class Meta:
        model = Channel
        exclude = ["grace_minutes"]

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        for method, label in _METHODS.items():
            self.fields[f"grace_{method}"] = forms.IntegerField(
                label=label,
                min_value=0,
                max_value=_LONGEST_GRACE,
                required=False,
                initial=self.instance.grace_minutes.get(method),
                help_text=gettext_lazy("Empty: a place sees the work at once. Express and same day never wait."),
                widget=UnfoldAdminIntegerFieldWidget,
            )

    def grace_minutes(self) -> dict[str, int]:
        given = {method: self.cleaned_data[f"grace_{method}"] for method in _METHODS}
        return {**self.instance.grace_minutes, **given}


@admin.register(Channel)
class ChannelAdmin(BackOfficeAdmin):
    form = ChannelForm
    list_display = ["name", "code", "currency", "is_active", "on_payment_failure", "grace"]
    search_fields = ["code", "name"]

    def get_fieldsets(self, request: HttpRequest, obj: Channel | None = None) -> Any:
        grace = tuple(f"grace_{method}" for method in _METHODS) if self._is_form(request, obj) else "grace"
        return [
            (None, {"fields": [("code", "name"), ("currency", "is_active")]}),
            (
                gettext_lazy("Payments"),
                {"fields": [("on_payment_failure", "payment_hold_minutes"), "authorizes_late"]},
            ),
            (gettext_lazy("Time to change one's mind"), {"fields": [grace]}),
        ]

    def get_form(self, request: HttpRequest, obj: Channel | None = None, change: bool = False, **kwargs: Any) -> Any:
        fields: list[str] | None = None if self._is_form(request, obj) else []  # who may only look gets no field at all
        return super().get_form(request, obj, change, **{**kwargs, "fields": fields})

    def _is_form(self, request: HttpRequest, obj: Channel | None) -> bool:
        return obj is None or self.has_change_permission(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Channel | None = None) -> list[str]:
        return ["code"] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # orders name it: switch it off instead

    def save_model(self, request: HttpRequest, obj: Channel, form: Any, change: bool) -> None:
        obj.grace_minutes = {method: minutes for method, minutes in form.grace_minutes().items() if minutes is not None}
        save_channel(obj)

    @display(description=gettext_lazy("grace (minutes)"))
    def grace(self, channel: Channel) -> str | SafeString:
        return listed(f"{method} {minutes}" for method, minutes in channel.grace_minutes.items())


# ---- API keys --------------------------------------------------------------------------------------


class KeyForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=100, widget=UnfoldAdminTextInputWidget)
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("Scopes"),
        choices=[(scope, scope) for scope in SCOPES],
        help_text=gettext_lazy("Give as few as the client needs."),
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    channel = forms.ModelChoiceField(
        Channel.objects.all(),
        label=gettext_lazy("Channel"),
        required=False,
        empty_label=gettext_lazy("Every channel"),
        widget=UnfoldAdminSelectWidget,
    )
    locations = forms.CharField(
        label=gettext_lazy("Places"),
        required=False,
        help_text=gettext_lazy("Codes with commas between them. Empty: every place."),
        widget=UnfoldAdminTextInputWidget,
    )
    expires_at = forms.SplitDateTimeField(
        label=gettext_lazy("Expires"), required=False, widget=UnfoldAdminSplitDateTimeWidget
    )

    def clean_locations(self) -> list[str] | None:
        codes = [code.strip() for code in self.cleaned_data["locations"].split(",")]
        return [code for code in codes if code] or None

    def values(self) -> dict[str, Any]:
        channel = self.cleaned_data["channel"]
        return {**self.cleaned_data, "channel": channel.pk if channel else None}


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    list_display = ["name", "prefix_shown", "state", "channel", "scopes_shown", "created", "expires"]
    list_select_related = ["channel"]
    search_fields = ["name", "prefix"]
    fields = [
        ("name", "prefix_shown"),
        "state",
        ("channel", "places"),
        "scopes_shown",
        ("created", "expires"),
        "revoked",
    ]
    actions_detail = ["revoke"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("oms.add_apikey")

    def has_revoke_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return self.may_act(request)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Outside the transaction the admin opens around its forms: the service opens its own."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = KeyForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            return self._show_once(request, *create_api_key(**form.values()))
        context = {
            **self.admin_site.each_context(request),
            "title": _("New API key"),
            "form": form,
            "submit": _("Make the key"),
            "back": reverse("admin:oms_apikey_changelist"),
            "explanation": _("The key is shown once, on the next page, and is nowhere else."),
        }
        return render(request, "oms/backoffice/action.html", context)

    def _show_once(self, request: HttpRequest, key: ApiKey, token: str) -> HttpResponse:
        context = {**self.admin_site.each_context(request), "title": _("The new key"), "key": key, "token": token}
        return render(request, "oms/backoffice/new_key.html", context)

    @action(description=gettext_lazy("Revoke"), icon="block", permissions=["revoke"])
    def revoke(self, request: HttpRequest, object_id: str) -> HttpResponse:
        key = get_object_or_404(ApiKey, pk=object_id)
        back = reverse("admin:oms_apikey_change", args=[key.pk])
        if key.revoked_at:
            messages.info(request, _("This key was revoked before."))
            return redirect(back)
        return action_page(
            request,
            forms.Form(request.POST if request.method == "POST" else None),
            lambda: revoke_api_key(key_id=key.pk, as_of=now()),
            title=_("Revoke the key %(name)s") % {"name": key.name},
            explanation=_("Whoever uses it is refused within half a minute. This cannot be undone."),
            submit=_("Revoke it"),
            done=_("The key was revoked."),
            back=back,
            is_dangerous=True,
        )

    @display(description=gettext_lazy("key"))
    def prefix_shown(self, key: ApiKey) -> str:
        return f"oms_{key.prefix}_…"

    @display(description=gettext_lazy("state"))
    def state(self, key: ApiKey) -> SafeString:
        if key.revoked_at:
            return badge(_("Revoked"), "bad", "block")
        if key.expires_at and key.expires_at <= now():
            return badge(_("Expired"), "warn", "event_busy")
        return badge(_("Valid"), "good", "check_circle")

    @display(description=gettext_lazy("scopes"))
    def scopes_shown(self, key: ApiKey) -> str | SafeString:
        return listed(key.scopes)

    @display(description=gettext_lazy("places"))
    def places(self, key: ApiKey) -> str | SafeString:
        return _("every place") if key.locations is None else listed(key.locations)

    @display(description=gettext_lazy("created"), ordering="created_at")
    def created(self, key: ApiKey) -> SafeString:
        return instant(key.created_at)

    @display(description=gettext_lazy("expires"), ordering="expires_at")
    def expires(self, key: ApiKey) -> SafeString:
        return instant(key.expires_at)

    @display(description=gettext_lazy("revoked"))
    def revoked(self, key: ApiKey) -> SafeString:
        return instant(key.revoked_at)


# ---- what happened, what will happen -----------------------------------------------------------------


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    list_display = ["position", "sentence", "about", "actor_shown", "at"]
    list_display_links = ["position", "sentence"]
    search_fields = ["root"]
    search_help_text = gettext_lazy("Id of an order (or other whole), or a position in the feed")
    ordering = ["-id"]
    fields = [
        "sentence",
        "type",
        "about",
        "whole",
        ("actor_shown", "at"),
        "facts",
        "is_public",
        ("position", "request_id"),
    ]

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        text = search_term.strip()
        if not text:
            return queryset, False
        position = Q(position=int(text)) if text.isdecimal() and len(text) < 19 else Q()
        return queryset.filter(position or Q(root=text)), False

    @display(description=gettext_lazy("what happened"))
    def sentence(self, event: Event) -> str:
        return say(event.type, event.payload)

    @display(description=gettext_lazy("about"))
    def about(self, event: Event) -> SafeString | str:
        return subject_link(event.subject)

    @display(description=gettext_lazy("belongs to"))
    def whole(self, event: Event) -> SafeString | str:
        return subject_link(event.root)

    @display(description=gettext_lazy("by"))
    def actor_shown(self, event: Event) -> str:
        return who(event.actor)

    @display(description=gettext_lazy("at"), ordering="id")
    def at(self, event: Event) -> SafeString:
        return instant(event.occurred_at)

    @display(description=gettext_lazy("facts"))
    def facts(self, event: Event) -> SafeString | str:
        return pairs(event.payload)


class WaitingFilter(DropdownFilter):
    title = gettext_lazy("state")
    parameter_name = "state"
    all_option = ["", gettext_lazy("Waiting")]

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, Any]]:
        return [("overdue", _("Overdue")), ("failing", _("Tried in vain")), ("done", _("Done"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Deadline]) -> QuerySet[Deadline]:
        states = {
            "overdue": Q(done_at=None, due_at__lt=now()),
            "failing": Q(done_at=None, attempts__gt=1),
            "done": Q(done_at__isnull=False),
        }
        return queryset.filter(states.get(self.value() or "", Q(done_at=None)))


_KINDS = {
    "orders.settle_payment": gettext_lazy("settle a payment"),
    "orders.payment_operation": gettext_lazy("ask the payment gateway"),
    "orders.hold_expires": gettext_lazy("a hold expires"),
    "orders.release": gettext_lazy("hand work to its place"),
    "orders.acknowledge": gettext_lazy("a place must accept"),
    "orders.prepare": gettext_lazy("a place must be ready"),
    "orders.hand_over": gettext_lazy("a place must hand over to the carrier"),
    "orders.warn": gettext_lazy("a place is told that its time runs out"),
    "orders.warn_manager": gettext_lazy("its manager is told that its time runs out"),
    "orders.escalate": gettext_lazy("late work needs a person"),
    "orders.collect": gettext_lazy("the shopper must collect"),
}


@admin.register(Deadline)
class DeadlineAdmin(ReadOnlyAdmin):
    list_display = ["kind_shown", "about", "due", "next_attempt", "attempts", "done"]
    list_filter = [WaitingFilter]
    search_fields = ["=subject"]
    search_help_text = gettext_lazy("Id of what waits")
    ordering = ["retry_at", "id"]
    fields = ["kind_shown", "about", ("due", "next_attempt"), ("attempts", "generation"), "done"]

    @display(description=gettext_lazy("what is due"), ordering="kind")
    def kind_shown(self, deadline: Deadline) -> str:
        return str(_KINDS.get(deadline.kind, deadline.kind))

    @display(description=gettext_lazy("for"))
    def about(self, deadline: Deadline) -> SafeString | str:
        return subject_link(deadline.subject)

    @display(description=gettext_lazy("due"), ordering="due_at")
    def due(self, deadline: Deadline) -> SafeString:
        return instant(deadline.due_at)

    @display(description=gettext_lazy("next attempt"), ordering="retry_at")
    def next_attempt(self, deadline: Deadline) -> SafeString:
        return instant(deadline.retry_at)

    @display(description=gettext_lazy("done"))
    def done(self, deadline: Deadline) -> SafeString:
        return instant(deadline.done_at)


@admin.register(Subscription)
class SubscriptionAdmin(ReadOnlyAdmin):
    list_display = ["name", "position", "failures", "retry_at"]
    search_fields = ["name"]
    fields = ["name", "position", "failures", "retry_at"]


class StandingFilter(DropdownFilter):
    """What stands aside, unless asked otherwise."""

    title = gettext_lazy("state")
    parameter_name = "state"
    all_option = ["", gettext_lazy("Standing aside")]

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, Any]]:
        return [("failed", _("Failed, nobody tried again")), ("ended", _("Ended"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[SetAside]) -> QuerySet[SetAside]:
        states = {
            "failed": Q(ended_at=None, attempts__gt=0, asked_at=None),
            "ended": Q(ended_at__isnull=False),
        }
        return queryset.filter(states.get(self.value() or "", Q(ended_at=None)))


@admin.register(SetAside)
class SetAsideAdmin(ReadOnlyAdmin):
    """Events that a part of the system could not take in."""

    list_display = ["sentence", "subscriber", "whole", "state", "error", "since"]
    list_filter = [StandingFilter, "subscriber"]
    list_select_related = ["event"]
    search_fields = ["=root"]
    search_help_text = gettext_lazy("Id of an order (or other whole)")
    ordering = ["set_aside_at", "id"]
    fields = [
        "sentence",
        ("subscriber", "state"),
        ("about", "whole"),
        "error",
        ("attempts", "since"),
        "asked",
        "facts",
        "ended",
    ]
    actions = ["try_again"]  # type: ignore[assignment]
    actions_detail = ["try_this_again", "leave_out"]

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        return super().get_actions(request) if self.may_act(request) else {}

    def has_act_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        number = int(object_id) if object_id and object_id.isdecimal() else 0
        return self.may_act(request) and SetAside.objects.filter(pk=number, ended_at=None).exists()

    @admin.action(description=gettext_lazy("Try again"))
    def try_again(self, request: HttpRequest, queryset: QuerySet[SetAside]) -> None:
        ids = list(queryset.values_list("pk", flat=True))
        count = set_aside.try_again(ids=ids, actor=actor_of(request), as_of=now())
        self.message_user(request, _tried_again(count))

    @action(description=gettext_lazy("Try again"), icon="replay", permissions=["act"])
    def try_this_again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = row_or_404(SetAside, object_id)
        return action_page(
            request,
            forms.Form(request.POST if request.method == "POST" else None),
            lambda: set_aside.try_again(ids=[row.pk], actor=actor_of(request), as_of=now()),
            title=_("Try again"),
            explanation=_("The event is handed over once more, then what waits behind it."),
            submit=_("Try again"),
            done=_("It is tried again in a moment."),
            back=reverse("admin:oms_setaside_changelist"),
        )

    @action(description=gettext_lazy("Leave it out"), icon="block", permissions=["act"])
    def leave_out(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = row_or_404(SetAside, object_id)
        return action_page(
            request,
            forms.Form(request.POST if request.method == "POST" else None),
            lambda: set_aside.leave_out(ids=[row.pk], actor=actor_of(request), as_of=now()),
            title=_("Leave this event out"),
            explanation=_("%(subscriber)s never takes it in; what waits behind it goes on. This cannot be undone.")
            % {"subscriber": row.subscriber},
            submit=_("Leave it out"),
            done=_("The event was left out."),
            back=reverse("admin:oms_setaside_changelist"),
            is_dangerous=True,
        )

    @display(description=gettext_lazy("what happened"))
    def sentence(self, row: SetAside) -> str:
        return say(row.event.type, row.event.payload)

    @display(description=gettext_lazy("about"))
    def about(self, row: SetAside) -> SafeString | str:
        return subject_link(row.event.subject)

    @display(description=gettext_lazy("belongs to"))
    def whole(self, row: SetAside) -> SafeString | str:
        return subject_link(row.root)

    @display(description=gettext_lazy("state"))
    def state(self, row: SetAside) -> SafeString:
        if row.outcome == SetAside.Outcome.HANDLED:
            return badge(_("Taken in after all"), "good", "check_circle")
        if row.outcome:
            return badge(_("Left out"), "quiet", "block")
        if row.asked_at:
            return badge(_("Tried again in a moment"), "busy", "replay")
        if row.attempts:
            return badge(_("Failed"), "bad", "error")
        return badge(_("Waits behind another"), "warn", "hourglass")

    @display(description=gettext_lazy("since"), ordering="set_aside_at")
    def since(self, row: SetAside) -> SafeString:
        return instant(row.set_aside_at)

    @display(description=gettext_lazy("last asked for by"))
    def asked(self, row: SetAside) -> str:
        return who(row.asked_by) if row.asked_by else ""

    @display(description=gettext_lazy("ended"))
    def ended(self, row: SetAside) -> SafeString:
        return instant(row.ended_at)

    @display(description=gettext_lazy("facts"))
    def facts(self, row: SetAside) -> SafeString | str:
        return pairs(row.event.payload)


def _tried_again(count: int) -> str:
    text = ngettext(
        "%(count)s event is tried again in a moment.", "%(count)s events are tried again in a moment.", count
    )
    return text % {"count": count}


# ---- people ------------------------------------------------------------------------------------------


@admin.register(User)
class UserAdmin(DjangoUserAdmin, BackOfficeAdmin):  # type: ignore[misc]
    """Roles are given by groups. Only a superuser makes another, or touches one."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ["username", "first_name", "last_name", "email", "roles", "is_active", "last_login"]
    list_filter = ["groups", "is_active"]
    actions = None
    fieldsets = [
        (None, {"fields": ["username", "password"]}),
        (gettext_lazy("Person"), {"fields": [("first_name", "last_name"), "email"]}),
        (gettext_lazy("Rights"), {"fields": [("is_active", "is_staff", "is_superuser"), "groups"]}),
        (gettext_lazy("Seen"), {"fields": [("last_login", "date_joined")]}),
    ]
    readonly_fields = ["last_login", "date_joined"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).prefetch_related("groups")

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[str]:
        return [*self.readonly_fields, *([] if request.user.is_superuser else ["is_superuser"])]

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        is_above = obj is not None and obj.is_superuser and not request.user.is_superuser
        return super().has_change_permission(request, obj) and not is_above

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False  # history names people: switch them off instead

    @display(description=gettext_lazy("roles"))
    def roles(self, user: User) -> str | SafeString:
        return listed(group.name for group in user.groups.all())


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, BackOfficeAdmin):  # type: ignore[misc]
    """The rights of the named roles are set by `sync_roles`; further groups are the administrator's own."""
