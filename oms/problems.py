"""The only place that turns errors into HTTP: every refusal is a problem document (RFC 9457)."""

import logging
import math
from typing import Any

import orjson
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import DataError, IntegrityError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.template.defaultfilters import filesizeformat
from django.utils import translation
from django.utils.translation import gettext as _
from psycopg.errors import ExclusionViolation, UniqueViolation
from rest_framework import exceptions as drf
from rest_framework.response import Response
from rest_framework.views import set_rollback

from oms import errors, request_context
from oms.characters import told

log = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
_STATUS: dict[type[errors.DomainError], int] = {
    errors.Unreadable: 400,
    errors.Forbidden: 403,
    errors.Missing: 404,
    errors.Conflict: 409,
    errors.PreconditionFailed: 412,
    errors.Invalid: 422,
    errors.Busy: 503,
}


def document(
    status: int, code: str, title: str, *, detail: str = "", instance: str = "", **facts: Any
) -> dict[str, Any]:
    return {
        "type": f"/problems/{code}",
        "title": title,
        "status": status,
        "detail": detail or title,
        "instance": instance,
        "code": code,
        "request_id": request_context.request_id(),
        **facts,
    }


def problem_response(status: int, code: str, title: str, **facts: Any) -> HttpResponse:
    """A problem document outside DRF (middleware, error handlers)."""
    body = orjson.dumps(document(status, code, title, **facts), default=str)
    return HttpResponse(body, status=status, content_type=CONTENT_TYPE)


def status_of(error: errors.DomainError) -> int:
    return next(status for kind, status in _STATUS.items() if isinstance(error, kind))


def of_error(error: errors.DomainError, *, instance: str = "") -> dict[str, Any]:
    """The problem document of a domain error."""
    facts = dict(error.facts)
    if error.errors:
        facts["errors"] = [{"pointer": e.pointer, "code": e.code, "detail": e.detail} for e in error.errors]
    return document(
        status_of(error), error.code, str(error.title), detail=str(error.detail), instance=instance, **facts
    )


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's EXCEPTION_HANDLER. What is not known here becomes a 500 problem in `server_error`."""
    instance = context["request"].path
    error = _as_domain_error(exc)
    if error is not None:
        headers = {"Retry-After": str(error.retry_after)} if hasattr(error, "retry_after") else {}
        set_rollback()
        return Response(
            of_error(error, instance=instance), status=status_of(error), headers=headers, content_type=CONTENT_TYPE
        )
    if isinstance(exc, drf.APIException):
        set_rollback()
        return _of_drf(exc, instance)
    return None


def _as_domain_error(exc: Exception) -> errors.DomainError | None:
    if isinstance(exc, errors.DomainError):
        return exc
    if isinstance(exc, Http404):
        return errors.Missing()
    if isinstance(exc, PermissionDenied):
        return errors.Forbidden()
    if isinstance(exc, OperationalError):  # the database is away, or a lock was not to be had in time
        log.warning("database not available: %s", type(exc.__cause__).__name__)
        return errors.Busy(_("The database did not answer in time"), retry_after=2)
    if isinstance(exc, IntegrityError) and isinstance(exc.__cause__, UniqueViolation | ExclusionViolation):
        # two made the same at the same moment, and this one came second
        log.warning("a constraint held back a second one: %s", exc.__cause__.diag.constraint_name)
        return errors.Conflict(_("Someone else made the same at the same moment"))
    if isinstance(exc, DataError):
        return errors.Invalid(_("A value is out of the range that can be stored"))
    return None


def _of_drf(exc: drf.APIException, instance: str) -> Response:
    if isinstance(exc, drf.ValidationError):
        found = list(_field_errors(exc.get_full_details(), ""))
        error = errors.Invalid(errors=found)
        return Response(of_error(error, instance=instance), status=422, content_type=CONTENT_TYPE)
    code = {drf.ParseError: "unreadable", drf.UnsupportedMediaType: "unsupported_media_type"}.get(
        type(exc), exc.get_codes()
    )
    headers = {}
    if challenge := getattr(exc, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if (wait := getattr(exc, "wait", None)) is not None:
        headers["Retry-After"] = str(max(1, math.ceil(wait)))
    # the defaults of 405 and 415 have gaps for what was asked
    has_gaps = isinstance(exc, drf.MethodNotAllowed | drf.UnsupportedMediaType)
    title = exc.detail if has_gaps else exc.default_detail
    facts = getattr(exc, "facts", {})
    body = document(exc.status_code, str(code), str(title), detail=str(exc.detail), instance=instance, **facts)
    return Response(body, status=exc.status_code, headers=headers, content_type=CONTENT_TYPE)


def _field_errors(details: Any, pointer: str) -> Any:
    if isinstance(details, dict) and set(details) == {"message", "code"}:
        yield errors.FieldError(pointer or "/", str(details["code"]), str(details["message"]))
    elif isinstance(details, dict):
        for name, inner in details.items():
            yield from _field_errors(inner, pointer if name == "non_field_errors" else f"{pointer}/{name}")
    else:
        for index, inner in enumerate(details):
            leaf = isinstance(inner, dict) and set(inner) == {"message", "code"}
            yield from _field_errors(inner, pointer if leaf else f"{pointer}/{index}")


# ---- Django's own error views: JSON for the API, a page for people ------------------------------


def _wants_json(request: HttpRequest) -> bool:
    return request.path.startswith("/api/") or not request.accepts("text/html")


def _answer(request: HttpRequest, status: int, code: str, title: str) -> HttpResponse:
    if _wants_json(request):
        return problem_response(status, code, title, instance=request.path)
    from django.shortcuts import render

    return render(request, "oms/error.html", {"status": status, "title": title}, status=status)


def too_large(request: HttpRequest, limit: int) -> HttpResponse:
    """For a body of more than `limit` bytes that nobody has read; before the caller's language was looked for."""
    with translation.override(translation.get_language_from_request(request)):
        if _wants_json(request):
            title = _("The request body is too large")
            return problem_response(413, "body_too_large", title, instance=request.path, limit_bytes=limit)
        title = _("This is too large to be sent: at most %(most)s are possible") % {"most": filesizeformat(limit)}
        return _answer(request, 413, "body_too_large", title)


def no_character(request: HttpRequest, character: str) -> HttpResponse:
    """For an address that holds one; before the caller's language was looked for, too."""
    with translation.override(translation.get_language_from_request(request)):
        return _answer(request, 400, "unreadable", told(character))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if isinstance(exception, RequestDataTooBig):
        return _answer(request, 413, "body_too_large", _("The request body is too large"))
    return _answer(request, 400, "unreadable", _("The request cannot be read"))


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, 403, "forbidden", _("Not allowed"))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, 404, "not_found", _("Not found"))


def server_error(request: HttpRequest) -> HttpResponse:
    return _answer(request, 500, "internal_error", _("Something went wrong on our side"))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return _answer(request, 403, "csrf_failed", _("This page is too old, please load it again"))
