"""The manager's switch on the phone: no more orders, and orders again. Associates see the banner, not the switch."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from inventory.queries import PlaceInfo
from inventory.services.pauses import pause_location, resume_location
from oms.clock import now
from stores import pauses
from stores.web.access import StorePage
from stores.web.forms import StoreForm
from stores.web.words import end_in_words

TODAY = "today"


class PauseForm(StoreForm):
    how_long = forms.ChoiceField(label=gettext_lazy("For how long?"), widget=forms.RadioSelect, initial=TODAY)
    reason = forms.CharField(
        label=gettext_lazy("Why?"),
        help_text=gettext_lazy("For headquarters and your colleagues, if there is more to say."),
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"class": "input", "autocomplete": "off"}),
    )

    def __init__(self, *args: Any, day_ends: str, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.fields["how_long"].choices = [  # type: ignore[attr-defined]
            (TODAY, _("The rest of today, until %(time)s") % {"time": day_ends}),
            ("1", _("One hour")),
            ("2", _("Two hours")),
        ]

    def until(self, as_of: datetime) -> datetime | None:
        """None: the end of the day, which the service knows."""
        given = self.cleaned_data["how_long"]
        return None if given == TODAY else as_of + timedelta(hours=int(given))


class SwitchPage(StorePage):
    """For those who may switch their place off and on; to all others it is forbidden."""

    scope = "pauses:write"


class Pause(SwitchPage):
    def get(self, request: HttpRequest, code: str) -> HttpResponse:
        place = self.place(code)
        return self.ask(place, self.form(place))

    def post(self, request: HttpRequest, code: str) -> HttpResponse:
        place, as_of = self.place(code), now()
        form = self.form(place, request.POST)
        if not form.is_valid():
            return self.ask(place, form, status=422)
        until, reason = form.until(as_of), form.cleaned_data["reason"]
        pause_location(code=code, until=until, reason=reason, actor=self.caller.actor, as_of=as_of)
        return redirect("store:board", code)  # its banner says what happened, and offers the way back

    def form(self, place: PlaceInfo, data: Any = None) -> PauseForm:
        as_of = now()
        with timezone.override(place.timezone):
            day_ends = end_in_words(pauses.end_of_today(place.code, as_of=as_of), as_of=as_of)
            return PauseForm(data, day_ends=day_ends)

    def ask(self, place: PlaceInfo, form: PauseForm, *, status: int = 200) -> HttpResponse:
        return self.page("stores/pause.html", place, {"form": form}, status=status)


class Resume(SwitchPage):
    def get(self, request: HttpRequest, code: str) -> HttpResponse:
        return redirect("store:board", self.place(code).code)

    def post(self, request: HttpRequest, code: str) -> HttpResponse:
        place = self.place(code)
        resume_location(code=place.code, actor=self.caller.actor, as_of=now())
        messages.success(request, _("Orders come again."))
        return redirect("store:board", place.code)
