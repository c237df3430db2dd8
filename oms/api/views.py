"""Bases of our views: who calls, what the body says, under which key."""

from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from typing import Any, TypeVar

from django.conf import settings
from django.http import HttpRequest
from drf_spectacular.utils import OpenApiParameter
from pydantic import BaseModel
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ModelViewSet

from oms.actors import Caller
from oms.api.body import read
from oms.api.parameters import check_parameters
from oms.errors import ChannelNotAllowed, DomainError, IdempotencyKeyRequired, Missing, PlaceNotAllowed
from oms.idempotency import Once, fingerprint

B = TypeVar("B", bound=BaseModel)
_MAX_KEY_CHARS = 255
IDEMPOTENCY_KEY = OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER)
"""As the OpenAPI document describes it."""


def hold_chunks(request: HttpRequest) -> None:
    """Read a body that is sent in chunks, as far as it may be long: it announces no length, which Django takes for none.

    Those that are streamed are left to their views.
    """
    is_chunked = request.headers.get("Transfer-Encoding", "").lower() == "chunked"
    if not is_chunked or request.META.get("CONTENT_LENGTH") or request.path.rstrip("/") in settings.LARGE_BODIES:
        return
    body = request.META["wsgi.input"].read(settings.MAX_BODY_BYTES + 1)
    request.META["CONTENT_LENGTH"] = str(len(body))
    request._stream = BytesIO(body)


class ApiMixin:
    """What our views share.

    `network_wide`: what the view writes concerns every place and channel, so bound callers may only read.
    `refusals`: what each method typically refuses with, its facts filled in; the OpenAPI document shows them.
    """

    scopes: dict[str, str] = {}
    refusals: Mapping[str, Sequence[DomainError]] = {}
    network_wide = False
    request: Any

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)  # type: ignore[misc]
        hold_chunks(request._request)
        if request.method not in SAFE_METHODS:
            self.check_reach()
        elif request.method != "OPTIONS":
            check_parameters(self)

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        """The methods, in `Allow`; the OpenAPI document tells all else."""
        return Response(status=204)

    @property
    def caller(self) -> Caller:
        return self.request.auth

    def body(self, model: type[B]) -> B:
        """The request's body as `model`. Errors: Invalid, one pointer per fault."""
        return read(model, self.request.data)

    def once(self, endpoint: str, *, required: bool = True) -> Once | None:
        """The request's Idempotency-Key with its scope and a digest of path and body.

        Errors: IdempotencyKeyRequired when `required` and absent.
        """
        return self._once(endpoint, required=required, asked=lambda: self.request.data)

    def once_for_stream(self, endpoint: str) -> Once:
        """The same where the body is too large to be held: whoever has read it sets the fingerprint.

        Errors: IdempotencyKeyRequired, before anything was read.
        """
        once = self._once(endpoint, required=True, asked=lambda: None)
        assert once
        return once

    def _once(self, endpoint: str, *, required: bool, asked: Callable[[], Any]) -> Once | None:
        key = self.request.headers.get("Idempotency-Key", "")
        if not key and required:
            raise IdempotencyKeyRequired()
        if not key:
            return None
        if len(key) > _MAX_KEY_CHARS:
            raise IdempotencyKeyRequired(f"the key is longer than {_MAX_KEY_CHARS} characters")
        return Once(f"{self.caller.identity} {endpoint}", key, fingerprint([self.request.path_info, asked()]))

    @staticmethod
    def replay_headers(once: Once | None) -> dict[str, str]:
        """What tells a client that nothing was done again."""
        return {"Idempotency-Replayed": "true"} if once and once.is_replay else {}

    def check_reach(self) -> None:
        """Before every write. Errors: ChannelNotAllowed, PlaceNotAllowed when it reaches beyond the caller's bounds."""
        if self.network_wide:
            self.check_unbound()

    def check_unbound(self) -> None:
        """Errors: ChannelNotAllowed, PlaceNotAllowed."""
        if self.caller.channel is not None:
            raise ChannelNotAllowed()
        if self.caller.locations is not None:
            raise PlaceNotAllowed()

    def check_channel(self, channel: str) -> None:
        """Errors: ChannelNotAllowed when the key is bound to another channel."""
        if self.caller.channel is not None and self.caller.channel != channel:
            raise ChannelNotAllowed()

    def check_location(self, location: str | None) -> None:
        """A caller bound to places does not learn that others exist. Errors: Missing."""
        if not self.caller.sees(location):
            raise Missing()


class ApiView(ApiMixin, APIView):
    pass


class ApiViewSet(ApiMixin, ModelViewSet):
    """CRUD of a table that staff edit."""

    http_method_names = ["get", "post", "put", "patch", "delete", "head", "options"]
