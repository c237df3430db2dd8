"""Who sees what: a person sees the places they work in, headquarters sees all."""

from typing import Any

from django.contrib.auth.mixins import LoginRequiredMixin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.views import View

from inventory.queries import PlaceInfo
from oms.actors import Caller
from oms.api.authentication import caller_for_user
from oms.clock import now
from stores import queries
from stores.queries import WorkDetail


class StorePage(LoginRequiredMixin, View):
    """A page for people who work in stores. Everything it reads or writes is looked up through `caller`."""

    caller: Caller
    scope = "fulfillments:write"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated:
            self.caller = caller_for_user(request.user)
            if not self.caller.may(self.scope):
                raise PermissionDenied
        response = super().dispatch(request, *args, **kwargs)
        add_never_cache_headers(response)
        return response

    def place(self, code: str) -> PlaceInfo:
        """Errors: Http404, also for a place where this person does not work."""
        place = queries.place_for(self.caller, code)
        if place is None:
            raise Http404
        return place

    def work(self, work_id: str) -> WorkDetail:
        """Errors: Http404, also for the work of a place where this person does not work."""
        work = queries.work_detail(work_id, self.caller, as_of=now())
        if work is None:
            raise Http404
        return work

    def page(self, template: str, place: PlaceInfo, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
        """A page in the place's own time."""
        with timezone.override(place.timezone):
            return render(self.request, template, {"place": place, "now": now(), **context}, status=status)


class ManagerPage(StorePage):
    """A page for those who answer for the stock of their place."""

    scope = "stock:adjust"
