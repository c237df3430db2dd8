"""The associate's phone.

Every act is a POST that answers with a redirect, or with the same page and what stood in the way.
"""

from collections.abc import Callable
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from oms import problems
from oms.clock import now
from oms.errors import DomainError, Invalid
from orders.services import fulfillments
from stores import queries
from stores.count_queries import counts_to_approve
from stores.inbound import count_coming_to
from stores.pauses import pause_of
from stores.queries import HAND, NEW, PICK, TABS, WorkDetail
from stores.web import words
from stores.web.access import StorePage
from stores.web.forms import DeclineForm, HandOverForm, NothingForm, PickForm, ReadyForm, ShipForm, ShortForm, StoreForm

Forms = dict[str, StoreForm]


class Home(StorePage):
    """The place picker; those who work in one place go there at once."""

    def get(self, request: HttpRequest) -> HttpResponse:
        search = request.GET.get("q", "").strip()
        cards = queries.place_cards(self.caller, words=search, as_of=now())
        if len(cards) == 1 and not search:
            return redirect("store:board", cards[0].code)
        shown = cards[: queries.PLACES_SHOWN]
        return render(request, "stores/places.html", {"cards": shown, "count": len(cards), "search": search})


# ---- the list -------------------------------------------------------------------------------------


class BoardPage(StorePage):
    template = "stores/board.html"

    def get(self, request: HttpRequest, code: str) -> HttpResponse:
        place = self.place(code)
        tab = request.GET.get("tab", NEW)
        if tab not in TABS:
            raise Http404
        as_of = now()
        pause = pause_of(code, as_of=as_of)
        with timezone.override(place.timezone):
            pause_ends = words.end_in_words(pause.until, as_of=as_of) if pause else ""
        context = {
            "board": queries.board(place, tab=tab, as_of=as_of),
            "pause": pause,
            "pause_ends": pause_ends,
            "may_pause": self.caller.may("pauses:write"),
            "urgent": queries.urgent_work(place, as_of=as_of) if self.caller.may("pauses:write") else None,
            "coming": count_coming_to(code),
            "may_send": self.caller.may("stock:adjust"),
            "has_other_places": self.caller.locations != {code},
            "may_count": self.caller.may("stock:count"),
            "to_approve": counts_to_approve(place) if self.caller.may("stock:approve") else 0,
        }
        return self.page(self.template, place, context)


class BoardList(BoardPage):
    """Only the part of the list that changes, for the page that refreshes itself."""

    template = "stores/_list.html"


def board_url(place: str, tab: str) -> str:
    return reverse("store:board", args=[place]) + "?" + urlencode({"tab": tab})


# ---- one piece of work ---------------------------------------------------------------------------


class WorkPage(StorePage):
    """The screen of one piece of work: what it shows and asks follows from where the work stands."""

    def get(self, request: HttpRequest, work_id: str) -> HttpResponse:
        work = self.work(work_id)
        return self.show(work, forms_for(work, request.GET.get("line")))

    def show(
        self, work: WorkDetail, forms: Forms, *, refusal: str = "", typed: Any = (), status: int = 200
    ) -> HttpResponse:
        panel = panel_of(work)
        line = _line_of(work, forms)
        context = {
            "work": work,
            "panel": panel,
            "panel_template": f"stores/panel_{panel}.html",
            "line": line,
            "line_number": line and work.lines.index(line) + 1,
            "statement": words.statement(work),
            "back": board_url(work.place, words.tab_of(work)),
            "refusal": refusal,
            "typed": typed,
            **{f"{name}_form": form for name, form in forms.items()},
        }
        return self.page("stores/work.html", self.place(work.place), context, status=status)


def panel_of(work: WorkDetail) -> str:
    """Which question the screen asks now."""
    if "acknowledge" in work.actions:
        return "accept"
    if "start" in work.actions:
        return "start"
    if "hand_over" in work.actions:
        return "hand_over"
    if "pick" in work.actions and work.left:
        return "pick"
    return next((name for name in ("ready", "ship") if name in work.actions), "over")


def forms_for(work: WorkDetail, wanted: str | None = None) -> Forms:
    """The forms of the panel. `wanted` names the line to pick; else the first one not done."""
    panel = panel_of(work)
    if panel == "pick":
        line = next((line for line in work.left if line.ref == wanted), work.left[0])
        return {"pick": PickForm.of(line), "short": ShortForm.of(line)}
    kinds: dict[str, type[StoreForm]] = {"ready": ReadyForm, "ship": ShipForm, "hand_over": HandOverForm}
    return {panel: kinds[panel]()} if panel in kinds else {}


def _line_of(work: WorkDetail, forms: Forms) -> queries.Line | None:
    if "pick" not in forms:
        return None
    ref = forms["pick"]["line"].value()
    return next((line for line in work.left if line.ref == ref), work.left[0])


class Act(WorkPage):
    """One act on one piece of work. A refusal shows the page as things are now, with what was typed."""

    name: ClassVar[str]
    service: ClassVar[Callable[..., Any]]
    form_class: ClassVar[type[StoreForm]] = NothingForm

    def get(self, request: HttpRequest, work_id: str) -> HttpResponse:
        return redirect("store:work", self.work(work_id).id)

    def post(self, request: HttpRequest, work_id: str) -> HttpResponse:
        work = self.work(work_id)
        form = self.form_class(request.POST)
        if not form.is_valid():
            return self.again(work, form, status=422)
        try:
            self.act(work, form)
        except DomainError as error:
            return self.refused(self.work(work_id), form, error)
        if said := self.said(work, form):
            messages.success(request, said)
        return redirect(self.next_url(work))

    def act(self, work: WorkDetail, form: StoreForm) -> None:
        command = form.command()
        given = {} if command is None else {"command": command}
        type(self).service(fulfillment_id=work.id, actor=self.caller.actor, as_of=now(), **given)

    def refused(self, work: WorkDetail, form: StoreForm, error: DomainError) -> HttpResponse:
        if isinstance(error, Invalid) and error.errors:
            for field_error in error.errors:
                form.add_error(words.field_of(field_error, form), words.field_detail(field_error, error))
            return self.again(work, form, status=422)
        with timezone.override(self.place(work.place).timezone):
            refusal = words.refusal(error, work)
        return self.again(work, form, refusal=refusal, status=problems.status_of(error))

    def again(self, work: WorkDetail, form: StoreForm, *, refusal: str = "", status: int) -> HttpResponse:
        """The page as things are now, with the form as it was typed; where it has no room now, with its content."""
        forms = forms_for(work, str(form["line"].value()) if "line" in form.fields else None)
        has_room = self.name in forms
        if has_room:
            forms[self.name] = form
        return self.show(work, forms, refusal=refusal, typed=() if has_room else form.typed, status=status)

    def said(self, work: WorkDetail, form: StoreForm) -> str:
        """What happened, in words; nothing where the next screen says it."""
        raise NotImplementedError

    def next_url(self, work: WorkDetail) -> str:
        return reverse("store:work", args=[work.id])


class Accept(Act):
    name = "accept"
    service = fulfillments.acknowledge

    def said(self, work: WorkDetail, form: StoreForm) -> str:
        return _("#%(number)s is yours. It waits under Pick.") % {"number": work.number}

    def next_url(self, work: WorkDetail) -> str:
        return board_url(work.place, NEW) if self.request.POST.get("from") == "list" else super().next_url(work)


class Decline(Act):
    """The one act with a page of its own: it asks for a reason."""

    name = "decline"
    service = fulfillments.decline
    form_class = DeclineForm

    def get(self, request: HttpRequest, work_id: str) -> HttpResponse:
        work = self.work(work_id)
        if "decline" not in work.actions:
            return redirect("store:work", work.id)
        return self.ask(work, DeclineForm())

    def ask(self, work: WorkDetail, form: StoreForm, *, status: int = 200) -> HttpResponse:
        return self.page("stores/decline.html", self.place(work.place), {"work": work, "form": form}, status=status)

    def again(self, work: WorkDetail, form: StoreForm, *, refusal: str = "", status: int) -> HttpResponse:
        if "decline" in work.actions:
            return self.ask(work, form, status=status)
        return super().again(work, form, refusal=refusal, status=status)

    def said(self, work: WorkDetail, form: StoreForm) -> str:
        if work.is_pickup:
            said = _("#%(number)s is declined. Headquarters will find another way with the customer.")
        else:
            said = _("#%(number)s is declined and goes to another place.")
        return said % {"number": work.number}

    def next_url(self, work: WorkDetail) -> str:
        return board_url(work.place, words.tab_of(work))


class Start(Act):
    name = "start"
    service = fulfillments.start_picking

    def said(self, work: WorkDetail, form: StoreForm) -> str:
        return ""


class PickLine(Act):
    name = "pick"
    service = fulfillments.pick
    form_class = PickForm

    def said(self, work: WorkDetail, form: StoreForm) -> str:
        return _("%(count)d picked.") % {"count": form.cleaned_data["picked"]}


class ShortLine(Act):
    name = "short"
    service = fulfillments.pick
    form_class = ShortForm

    def said(self, work: WorkDetail, form: StoreForm) -> str:
        return _("Noted. What is missing is looked for elsewhere.")


class MakeReady(Act):
    name = "ready"
    service = fulfillments.make_ready
    form_class = ReadyForm

    def said(self, work: WorkDetail, form: StoreForm) -> str:
        return _("#%(number)s is ready. The customer can come.") % {"number": work.number}

    def next_url(self, work: WorkDetail) -> str:
        return board_url(work.place, PICK)


class Ship(Act):
    name = "ship"
    service = fulfillments.ship
    form_class = ShipForm

    def said(self, work: WorkDetail, form: StoreForm) -> str:
        return _("#%(number)s is on its way.") % {"number": work.number}

    def next_url(self, work: WorkDetail) -> str:
        return board_url(work.place, PICK)


class HandOver(Act):
    name = "hand_over"
    service = fulfillments.hand_over
    form_class = HandOverForm

    def said(self, work: WorkDetail, form: StoreForm) -> str:
        return _("#%(number)s is handed over.") % {"number": work.number}

    def next_url(self, work: WorkDetail) -> str:
        return board_url(work.place, HAND)


class Extend(Act):
    name = "extend"
    service = fulfillments.extend

    def said(self, work: WorkDetail, form: StoreForm) -> str:
        return _("The customer has more time to collect #%(number)s.") % {"number": work.number}
