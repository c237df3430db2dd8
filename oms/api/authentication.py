"""Machines come with a bearer key, people with their session; both become a `Caller`."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from oms import roles
from oms.actors import Caller
from oms.clock import now
from oms.keys import caller_for_key


class KeyAuthentication(BaseAuthentication):
    keyword = "Bearer"

    def authenticate(self, request: Request) -> tuple[Caller, Caller] | None:
        scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        caller = caller_for_key(token.strip(), as_of=now())
        if caller is None:
            raise AuthenticationFailed(_("This key is unknown, expired or revoked"), code="invalid_key")
        return caller, caller

    def authenticate_header(self, request: Request) -> str:
        return self.keyword


class StaffSession(SessionAuthentication):
    """Signed-in staff, with the scopes of their roles; CSRF is checked."""

    def authenticate(self, request: Request) -> tuple[Any, Caller] | None:
        found = super().authenticate(request)
        if found is None:
            return None
        user, _auth = found
        return user, caller_for_user(user)


_locations_of: Callable[[Any], frozenset[str] | None] = lambda user: None  # noqa: E731


def register_locations_of(query: Callable[[Any], frozenset[str] | None]) -> None:
    """The app that knows who works where says so here (None = every place)."""
    global _locations_of
    _locations_of = query


def caller_for_user(user: Any) -> Caller:
    names = roles.of_user(user)
    scopes = roles.scopes_for(names)
    bound = not roles.is_everywhere(names)
    return Caller(
        actor=f"user:{user.get_username()}",
        scopes=scopes,
        locations=(_locations_of(user) or frozenset()) if bound else None,
    )


def caller_of(request: Request | HttpRequest) -> Caller:
    """The caller behind an authenticated request."""
    auth = getattr(request, "auth", None)
    if isinstance(auth, Caller):
        return auth
    return caller_for_user(request.user)
