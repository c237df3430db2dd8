"""The front door: sign in, and the way to each place."""

from collections.abc import Iterator

from django.contrib.auth import logout
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from oms import roles
from oms.errors import DomainError
from oms.problems import status_of

_STORE_ROLES = frozenset({roles.STORE_MANAGER, roles.STORE_ASSOCIATE, roles.SUPPLIER})
_HEADQUARTERS = frozenset({roles.ADMINISTRATOR, roles.OPERATIONS})


class _Credentials(AuthenticationForm):
    def __init__(self, *args: object, **kwargs: object):
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        for field in self.fields.values():
            field.widget.attrs["class"] = "input"


class _SignIn(LoginView):
    template_name = "oms/home.html"
    authentication_form = _Credentials
    next_page = "/"


@never_cache
def home(request: HttpRequest) -> HttpResponseBase:
    """The sign-in form for strangers; for staff the doors their roles open."""
    if not request.user.is_authenticated:
        return _SignIn.as_view()(request)
    names = roles.of_user(request.user)
    doors = {
        "back_office": request.user.is_staff,
        "store": bool(names & (_STORE_ROLES | _HEADQUARTERS)),
        "api": bool(names & _HEADQUARTERS),
    }
    if doors["store"] and not doors["back_office"] and not doors["api"]:
        return redirect("store:home")
    return render(request, "oms/home.html", {"doors": doors})


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    return redirect("home")


def locked_out(request: HttpRequest, *_args: object, **_kwargs: object) -> HttpResponse:
    """Too many wrong passwords for this name from this address (AXES_LOCKOUT_CALLABLE)."""
    title = _("Too many attempts to sign in. Please wait a quarter of an hour.")
    return render(request, "oms/error.html", {"status": 429, "title": title}, status=429)


def problem(request: HttpRequest, code: str) -> HttpResponse:
    """What a problem document's `type` points to."""
    kind = next((kind for kind in _kinds(DomainError) if kind.code == code), None)
    facts = {"title": kind.title, "status": status_of(kind())} if kind else {}
    return render(request, "oms/problem.html", {"code": code, **facts})


def _kinds(kind: type[DomainError]) -> Iterator[type[DomainError]]:
    for narrower in kind.__subclasses__():
        yield narrower
        yield from _kinds(narrower)
