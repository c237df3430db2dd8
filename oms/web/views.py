"""The front door: sign in, and the way to each place."""

from django.contrib.auth import logout
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from oms import roles


class _SignIn(LoginView):
    template_name = "oms/home.html"
    authentication_form = AuthenticationForm
    next_page = "/"


def home(request: HttpRequest) -> HttpResponse:
    """The sign-in form for strangers; for staff the doors their roles open."""
    if not request.user.is_authenticated:
        return _SignIn.as_view()(request)
    names = roles.of_user(request.user)
    doors = {
        "back_office": request.user.is_staff,
        "store": bool(names & {roles.STORE_MANAGER, roles.STORE_ASSOCIATE, roles.SUPPLIER, roles.ADMINISTRATOR, roles.OPERATIONS}),
        "api": bool(names & {roles.ADMINISTRATOR, roles.OPERATIONS}),
    }
    if names <= {roles.STORE_MANAGER, roles.STORE_ASSOCIATE, roles.SUPPLIER} and names:
        return redirect("store:home")
    return render(request, "oms/home.html", {"doors": doors})


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    return redirect("home")


def problem(request: HttpRequest, code: str) -> HttpResponse:
    """What a problem document's `type` points to."""
    return render(request, "oms/problem.html", {"code": code})
