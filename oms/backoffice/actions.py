"""A page with a form that calls one service: what was typed stays, a refusal is told in words."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from oms.backoffice.lists import ReadOnlyAdmin
from oms.backoffice.refusals import tell_refusal
from oms.errors import DomainError

M = TypeVar("M", bound=Model)


def actor_of(request: HttpRequest) -> str:
    return f"user:{request.user.get_username()}"


def require_right(model_admin: ReadOnlyAdmin, request: HttpRequest) -> None:
    if not model_admin.may_act(request):
        raise PermissionDenied


def row_or_404(rows: type[M] | QuerySet[M], object_id: str) -> M:
    """The row of an address. Errors: Http404, also for what cannot be a key."""
    try:
        return get_object_or_404(rows, pk=object_id)
    except ValueError:
        raise Http404 from None


Outcome = str | Callable[[], str]
"""What to tell after success; called, it looks first how things came out."""


def attempt(request: HttpRequest, act: Callable[[], Any], *, done: Outcome) -> bool:
    """Do it and say so, or say what stands against it. True when it was done."""
    try:
        act()
    except DomainError as error:
        tell_refusal(request, error)
        return False
    messages.success(request, done() if callable(done) else done)
    return True


def action_page(
    request: HttpRequest,
    form: Form,
    act: Callable[[], Any],
    *,
    title: str,
    submit: str,
    done: Outcome,
    back: str,
    explanation: str = "",
    is_dangerous: bool = False,
    template: str = "oms/backoffice/action.html",
    context: Mapping[str, Any] | None = None,
) -> HttpResponse:
    """Show the form; on a good POST act and go back. A refusal or a wrong field shows the form as it was filled in."""
    if request.method == "POST" and form.is_valid() and attempt(request, act, done=done):
        return redirect(back)
    shown = {
        **admin.site.each_context(request),
        "title": title,
        "form": form,
        "submit": submit,
        "back": back,
        "explanation": explanation,
        "is_dangerous": is_dangerous,
        **(context or {}),
    }
    return render(request, template, shown)
