"""`ETag` and `If-Match` (RFC 9110): a write that is to happen only to what its caller has seen."""

from django.utils.http import parse_etags
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from oms.errors import PreconditionFailed

IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description="The ETag of what was seen: where it is another by now, nothing is done (412). Without it, it is not asked.",
)
ETAG = OpenApiParameter("ETag", str, OpenApiParameter.HEADER, response=True, description="Names what was answered.")


def is_conditional(request: Request) -> bool:
    return "If-Match" in request.headers


def require_match(request: Request, etag: str) -> None:
    """`etag`: of what is there now, with its quotes. Errors: PreconditionFailed where it is none of the named ones."""
    named = parse_etags(request.headers["If-Match"])
    if named != ["*"] and etag not in named:
        raise PreconditionFailed(etag=etag)
