"""Rule sets: a list of versions, an editor of sentences, and the way to publication.

Every change goes through a service, onto a draft as it was seen; what is published is copied to be changed.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.forms import Script
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display

from oms.backoffice.actions import action_page, actor_of, attempt, require_right, row_or_404
from oms.backoffice.lists import ReadOnlyAdmin
from oms.backoffice.refusals import tell_refusal
from oms.backoffice.words import instant
from oms.clock import now
from oms.errors import DomainError, Missing
from routing import editing, words
from routing.admin import bench, rule_pages
from routing.admin.rule_forms import ImportForm, ItemForm, NameForm, RuleForm, StepForm, names_today
from routing.admin.rule_pages import status_badge
from routing.admin.trial_page import trials_of
from routing.differences import as_yaml
from routing.documents import BUILT_IN, Rule, Step, written_out
from routing.editing import Edit, Where
from routing.errors import InvalidDocument, NotADraft
from routing.models import RuleSet
from routing.services import rule_sets, shadows
from routing.states import RuleSetStatus
from routing.yaml_text import MOST_BYTES

EDITOR = Script("routing/rules.js", type="module")

_NEW_STEP = BUILT_IN.rules[0].steps[0].model_dump(mode="json", by_alias=True)
_NEW_RULE = Rule(name="-", steps=(Step(),)).model_dump(mode="json", by_alias=True) | {"name": "", "steps": [_NEW_STEP]}
_ACTS: Mapping[str, Callable[[Where], Edit]] = {
    "up": lambda where: editing.move(where, -1),
    "down": lambda where: editing.move(where, 1),
    "copy": editing.duplicate,
    "remove": editing.remove,
}


@admin.register(RuleSet)
class RuleSetAdmin(ReadOnlyAdmin):
    list_display = ["shown_name", "shown_status", "shown_channels", "first_rule", "published"]
    list_display_links = ["shown_name"]
    list_filter = [("status", ChoicesDropdownFilter), "name"]
    search_fields = ["name", "id__exact"]
    search_help_text = gettext_lazy("Part of a name, or an id")
    actions_list = ["try_out", "new", "import_file"]

    class Media:
        css = {"all": ["routing/rules.css"]}
        js = [EDITOR]

    # ---- the list --------------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[RuleSet]:
        return super().get_queryset(request).prefetch_related("slots")

    @display(description=gettext_lazy("rule set"), ordering="name")
    def shown_name(self, rule_set: RuleSet) -> str:
        return str(rule_set)

    @display(description=gettext_lazy("status"), ordering="status")
    def shown_status(self, rule_set: RuleSet) -> SafeString:
        return status_badge(rule_set)

    @admin.display(description=gettext_lazy("channels"))
    def shown_channels(self, rule_set: RuleSet) -> str:
        return rule_pages.channels_words(rule_set)

    @admin.display(description=gettext_lazy("first rule"))
    def first_rule(self, rule_set: RuleSet) -> str:
        return capfirst(words.rule_sentence(written_out(rule_set.document)["rules"][0]))

    @display(description=gettext_lazy("published"), ordering="published_at")
    def published(self, rule_set: RuleSet) -> SafeString:
        return instant(rule_set.published_at)

    @action(description=gettext_lazy("Test bench"), icon="science")
    def try_out(self, request: HttpRequest) -> HttpResponse:
        return redirect("admin:routing_ruleset_bench")

    def has_edit_permission(self, request: HttpRequest) -> bool:
        return self.may_act(request)

    @action(description=gettext_lazy("New rule set"), permissions=["edit"], icon="add")
    def new(self, request: HttpRequest) -> HttpResponse:
        return redirect("admin:routing_ruleset_new")

    @action(description=gettext_lazy("Import a file"), permissions=["edit"], icon="upload_file")
    def import_file(self, request: HttpRequest) -> HttpResponse:
        return redirect("admin:routing_ruleset_import")

    # ---- addresses -------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        def page(route: str, view: Any, name: str) -> URLPattern:
            return path(route, self.admin_site.admin_view(view), name=f"routing_ruleset_{name}")

        def form(route: str, view: Any, name: str) -> URLPattern:
            return page(f"<path:object_id>/{route}", self._of_drafts(view), name)

        of_one = "<path:object_id>/"
        return [
            page("new/", self.new_view, "new"),
            page("import/", self.import_view, "import"),
            page("bench/", self.bench_view, "bench"),
            form("name/", self.name_view, "name"),
            form("rules/new/", self.rule_view, "rule_new"),
            form("rules/<int:rule>/", self.rule_view, "rule"),
            form("rules/<int:rule>/steps/new/", self.new_step_view, "step_new"),
            form("rules/<int:rule>/steps/<int:step>/", self.step_view, "step"),
            page(f"{of_one}act/", require_POST(self.act_view), "act"),
            page(f"{of_one}undo/", require_POST(self.undo_view), "undo"),
            page(f"{of_one}copy/", require_POST(self.copy_view), "copy"),
            page(f"{of_one}compare/", self.compare_view, "compare"),
            page(f"{of_one}publish/", self.publish_view, "publish"),
            page(f"{of_one}export/", self.export_view, "export"),
            page(f"{of_one}shadow/", require_POST(self.shadow_view), "shadow"),
            form("forget/", self.forget_view, "forget"),
            *super().get_urls(),
        ]

    # ---- one rule set ----------------------------------------------------------------------------

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """All of it in sentences, what is wrong with it, and who published what when."""
        rule_set = self._seen(request, object_id)
        may_edit = self.may_act(request) and rule_set.status == RuleSetStatus.DRAFT
        return self._render(
            request,
            "rule_set",
            rule_set,
            {
                "page": rule_pages.rule_set_page(rule_set),
                "trials": trials_of(rule_set),
                "may_act": self.may_act(request),
                "may_simulate": request.user.has_perm("routing.change_simulation"),
                "may_edit": may_edit,
                "undo": may_edit and rule_pages.undo_of(request, rule_set),
            },
        )

    def new_view(self, request: HttpRequest) -> HttpResponse:
        require_right(self, request)
        item = BUILT_IN.as_json() | {"name": ""}
        form = NameForm(request.POST or None, item=item, names=names_today())
        is_good = request.method == "POST" and form.is_valid()
        if is_good and (made := _done(request, lambda: rule_sets.create_draft(document=form.item))):
            messages.success(request, _("%(rules)s is a draft: nothing is decided by it yet.") % {"rules": made})
            return redirect(self._address(made))
        return self._form(request, form, title=_("New rule set"), back=reverse("admin:routing_ruleset_changelist"))

    def name_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        rule_set, document = self._draft(request, object_id)
        form = NameForm(request.POST or None, item=document, names=names_today())
        title = _("Name and channels of %(rules)s") % {"rules": rule_set}
        return self._edit_page(request, rule_set, form, editing.change_head, title=title)

    def rule_view(self, request: HttpRequest, object_id: str, rule: int | None = None) -> HttpResponse:
        """The name and the conditions of a rule; one that is new begins with a step for any place."""
        rule_set, document = self._draft(request, object_id)
        item = _NEW_RULE if rule is None else self._item(document, (rule,))
        form = RuleForm(request.POST or None, item=item, names=names_today())
        if rule is None:
            return self._edit_page(request, rule_set, form, editing.add_rule, title=_("New rule"))
        return self._edit_page(
            request,
            rule_set,
            form,
            partial(editing.replace, (rule,)),
            title=_("Rule “%(rule)s”") % {"rule": item["name"]},
            sentence=words.condition_sentence(item["when"]) + ".",
            anchor=f"rule-{rule + 1}",
        )

    def new_step_view(self, request: HttpRequest, object_id: str, rule: int) -> HttpResponse:
        rule_set, document = self._draft(request, object_id)
        before = self._item(document, (rule,))
        last = before["steps"][-1]
        item = {**_NEW_STEP, "name": "", "rest": last["rest"], "cancel_after_days": last["cancel_after_days"]}
        form = StepForm(request.POST or None, item=item, names=names_today())
        title, add = _("New step of “%(rule)s”") % {"rule": before["name"]}, partial(editing.add_step, rule)
        return self._edit_page(request, rule_set, form, add, title=title, anchor=f"rule-{rule + 1}")

    def step_view(self, request: HttpRequest, object_id: str, rule: int, step: int) -> HttpResponse:
        rule_set, document = self._draft(request, object_id)
        item = self._item(document, (rule, step))
        form = StepForm(request.POST or None, item=item, names=names_today())
        return self._edit_page(
            request,
            rule_set,
            form,
            partial(editing.replace, (rule, step)),
            title=_("Step “%(step)s” of “%(rule)s”")
            % {"step": item["name"], "rule": self._item(document, (rule,))["name"]},
            sentence=rule_pages.sentence(words.step_sentence(item)),
            anchor=f"rule-{rule + 1}",
        )

    def act_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Move, copy or remove a rule or a step: the button's value says which (`up:2:0`)."""
        rule_set, document = self._draft(request, object_id)
        act, *numbers = request.POST.get("act", "").split(":")
        if act not in _ACTS or not numbers or not all(n.isdecimal() and len(n) < 5 for n in numbers):
            raise Http404
        where = tuple(int(number) for number in numbers[:2])
        name = self._item(document, where)["name"]
        self._apply(request, rule_set, _ACTS[act](where), done=rule_pages.DONE[act] % {"name": name})
        return redirect(f"{self._address(rule_set)}#{_landing(act, where)}")

    def undo_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        rule_set, _document = self._draft(request, object_id)
        before = rule_pages.undo_of(request, rule_set)
        if before:
            back = partial(self._change, rule_set, editing.restore(before), request.POST.get("seen", ""))
            attempt(request, back, done=_("Undone."))
            rule_pages.forget_undo(request)
        return redirect(self._address(rule_set))

    # ---- the test bench --------------------------------------------------------------------------

    def bench_view(self, request: HttpRequest) -> HttpResponse:
        """An order, picked or typed, under two rule sets. All is asked in the address; nothing is written."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        asked = request.GET
        if "take" in asked:
            return self._take_order(request)
        rule_sets_known = bench.known_rule_sets()
        rows = bench.Rows.of(asked)
        data = asked if rows.lines or "channel" in asked else None
        form = bench.BenchForm(data, rule_sets=rule_sets_known)
        form.initial = {"rules": asked.get("rules") or bench.default_rules(rule_sets_known), "service": "standard"}
        faults: list[str] = []
        result = None
        if data is not None and form.is_valid():
            result = bench.tried(form, rows, faults)
        shown = {
            "title": _("Test bench"),
            "form": form,
            "rows": rows,
            "faults": faults,
            "result": result,
            "order": asked.get("order", ""),
            "deliveries": bench.deliveries_of(asked),
            "has_rules": bool(rule_sets_known),
        }
        return self._render(request, "bench", None, shown)

    def _take_order(self, request: HttpRequest) -> HttpResponse:
        """Type in what an order asked for."""
        typed, here = request.GET.get("order", ""), reverse("admin:routing_ruleset_bench")
        kept = {name: request.GET.get(name, "") for name in ("rules", "against")}
        address = bench.address_of_order(typed, part=request.GET.get("take", ""), kept=kept)
        if address is None:
            messages.error(request, _("Nobody knows an order “%(typed)s”.") % {"typed": typed})
            return redirect(f"{here}?{urlencode(kept)}")
        return redirect(f"{here}{address}")

    # ---- versions and files ----------------------------------------------------------------------

    def copy_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        require_right(self, request)
        rule_set = row_or_404(RuleSet, unquote(object_id))
        made = _done(request, lambda: rule_sets.copy_to_draft(rule_set_id=rule_set.pk))
        if made:
            messages.success(request, _("%(rules)s is a draft: change it, then publish it.") % {"rules": made})
        return redirect(self._address(made or rule_set))

    def compare_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        rule_set = self._seen(request, object_id)
        try:
            page = rule_pages.comparison(rule_set, request.GET.get("with", ""))
        except Missing:
            raise Http404 from None
        return self._render(request, "rule_set_compare", rule_set, {"page": page})

    def publish_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What is wrong with it and what it changes, before anything changes."""
        require_right(self, request)
        rule_set = self._seen(request, object_id)
        if request.method == "POST":
            seen = request.POST.get("seen", "")
            publish = partial(rule_sets.publish_rule_set, rule_set_id=rule_set.pk, actor=actor_of(request), seen=seen)
            if attempt(request, partial(publish, as_of=now()), done=_("%(rules)s decides now.") % {"rules": rule_set}):
                return redirect(self._address(rule_set))
        if rule_set.status != RuleSetStatus.DRAFT:
            return redirect(self._address(rule_set))
        context = {"page": rule_pages.publication(rule_set), "seen": editing.fingerprint(rule_set.document)}
        return self._render(request, "rule_set_publish", rule_set, context)

    def shadow_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Let it decide beside the live rules, or no more."""
        rule_set, _document = self._draft(request, object_id)
        if request.POST.get("act") == "stop":
            attempt(request, partial(shadows.stop_shadow, rule_set_id=rule_set.pk), done=_("It is no longer asked."))
        else:
            start = partial(shadows.start_shadow, rule_set_id=rule_set.pk, actor=actor_of(request), as_of=now())
            attempt(request, start, done=_("New orders are decided by it too, for comparison only."))
        return redirect(self._address(rule_set))

    def export_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        rule_set = self._seen(request, object_id)
        name = "".join(letter if letter.isalnum() else "-" for letter in str(rule_set))
        disposition = {"Content-Disposition": f'attachment; filename="{name.encode("ascii", "replace").decode()}.yaml"'}
        text = as_yaml(written_out(rule_set.document))
        return HttpResponse(text, content_type="application/yaml; charset=utf-8", headers=disposition)

    def import_view(self, request: HttpRequest) -> HttpResponse:
        require_right(self, request)
        form = ImportForm(request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid():
            sent = form.cleaned_data["file"]
            try:
                made = rule_sets.import_draft(sent.read(MOST_BYTES + 1))
                messages.success(request, _("%(rules)s is a draft: look it over, then publish it.") % {"rules": made})
                return redirect(self._address(made))
            except InvalidDocument as refusal:
                for fault in refusal.errors:
                    form.add_error("file", fault.detail)
        back = reverse("admin:routing_ruleset_changelist")
        return self._form(request, form, title=_("Import a rule set"), back=back, submit=_("Import as a draft"))

    def forget_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        rule_set, _document = self._draft(request, object_id)
        return action_page(
            request,
            forms.Form(request.POST if request.method == "POST" else None),
            lambda: rule_sets.delete_draft(rule_set_id=rule_set.pk),
            title=_("Forget the draft %(rules)s?") % {"rules": rule_set},
            submit=_("Forget it"),
            done=_("%(rules)s is forgotten.") % {"rules": rule_set},
            back=reverse("admin:routing_ruleset_changelist"),
            explanation=_("Its text is gone then; what is published stays as it is. To keep a copy, export it first."),
            is_dangerous=True,
        )

    # ---- what the pages share --------------------------------------------------------------------

    def _seen(self, request: HttpRequest, object_id: str) -> RuleSet:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return row_or_404(RuleSet, unquote(object_id))

    def _draft(self, request: HttpRequest, object_id: str) -> tuple[RuleSet, dict[str, Any]]:
        """A rule set to be changed, with its text. What is no draft any more is refused by the service."""
        require_right(self, request)
        rule_set = row_or_404(RuleSet, unquote(object_id))
        return rule_set, written_out(rule_set.document)

    def _of_drafts(self, view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        """Offers nobody a form that could not be saved; what was typed before is refused by the service, and stays."""

        def shown(request: HttpRequest, object_id: str, **where: int) -> HttpResponse:
            rule_set, _document = self._draft(request, object_id)
            if request.method == "POST" or rule_set.status == RuleSetStatus.DRAFT:
                return view(request, object_id, **where)
            tell_refusal(request, NotADraft(current=rule_set.status))
            return redirect(self._address(rule_set))

        return shown

    def _item(self, document: Mapping[str, Any], where: Where) -> dict[str, Any]:
        try:
            return editing.item_at(document, where)
        except DomainError:
            raise Http404 from None

    def _address(self, rule_set: RuleSet) -> str:
        return reverse("admin:routing_ruleset_change", args=[rule_set.pk])

    def _change(self, rule_set: RuleSet, edit: Edit, seen: str) -> RuleSet:
        return rule_sets.edit_draft(rule_set_id=rule_set.pk, edit=edit, seen=seen)

    def _apply(self, request: HttpRequest, rule_set: RuleSet, edit: Edit, *, done: str) -> bool:
        """Change the draft as it was seen, and remember how it was."""
        try:
            changed = self._change(rule_set, edit, request.POST.get("seen", ""))
        except DomainError as refusal:
            tell_refusal(request, refusal)
            return False
        rule_pages.remember_undo(request, before=rule_set, after=changed)
        messages.success(request, done)
        return True

    def _edit_page(
        self,
        request: HttpRequest,
        rule_set: RuleSet,
        form: ItemForm,
        edit: Callable[[dict[str, Any]], Edit],
        *,
        title: str,
        sentence: str = "",
        anchor: str = "rules",
    ) -> HttpResponse:
        """Show the form; what was filled in goes into the draft by `edit`."""
        back = f"{self._address(rule_set)}#{anchor}"
        is_good = request.method == "POST" and form.is_valid()
        if is_good and self._apply(request, rule_set, edit(form.item), done=_("Saved.")):
            return redirect(back)
        return self._form(request, form, title=title, back=back, sentence=sentence, rule_set=rule_set)

    def _form(
        self,
        request: HttpRequest,
        form: Any,
        *,
        title: str,
        back: str,
        sentence: str = "",
        submit: str = "",
        rule_set: RuleSet | None = None,
    ) -> HttpResponse:
        shown = {
            "title": title,
            "form": form,
            "sections": form.shown() if isinstance(form, ItemForm) else [],
            "sentence": sentence,
            "submit": submit or _("Save"),
            "back": back,
            "seen": request.POST.get("seen") or (rule_set and editing.fingerprint(rule_set.document)) or "",
            "is_file": bool(form.is_multipart()),
        }
        return self._render(request, "rule_form", rule_set, shown)

    def _render(
        self, request: HttpRequest, template: str, rule_set: RuleSet | None, shown: Mapping[str, Any]
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": str(rule_set or ""),
            "rule_set": rule_set,
            "address": rule_set and self._address(rule_set),
            "here": rule_set and self._address(rule_set).removesuffix("change/"),  # its other pages lie below
            "media": self.media,
            "opts": self.opts,
            "original": rule_set,
            "is_fullwidth": "1",
            **shown,
        }
        return render(request, f"routing/admin/{template}.html", context)


def _done(request: HttpRequest, make: Callable[[], RuleSet]) -> RuleSet | None:
    """What a service made, or None once its refusal was told."""
    try:
        return make()
    except DomainError as refusal:
        tell_refusal(request, refusal)
        return None


def _landing(act: str, where: Where) -> str:
    """Where on the page somebody goes on after an act."""
    if len(where) > 1:
        return f"rule-{where[0] + 1}"
    by = {"up": -1, "down": 1, "copy": 1}.get(act)
    return f"rule-{where[0] + 1 + by}" if by else "rules"
