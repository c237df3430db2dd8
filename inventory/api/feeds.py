"""`feeds/`: what sources of stock figures mean by them."""

from typing import Annotated, Any

from drf_spectacular.utils import extend_schema, extend_schema_view
from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from inventory.api.catalog import CodeResource
from inventory.models import Feed, FeedKind
from inventory.services import feeds
from inventory.services.feeds import FeedRow
from oms.api.body import CODE_PATTERN, Body, Text, printable
from oms.api.views import IDEMPOTENCY_KEY

Source = Annotated[
    str, StringConstraints(min_length=1, max_length=120, pattern=CODE_PATTERN), AfterValidator(printable)
]


class FeedBody(Body):
    """`code` is the `source` that its events and files name."""

    code: Source
    name: Annotated[Text, StringConstraints(max_length=200)] = ""
    kind: FeedKind = FeedKind.OTHER
    counts_exclude_reserved: Annotated[
        bool,
        Field(
            description="Our reservations are taken off its counts already: on hand becomes the count plus what was"
            " reserved when it was counted."
        ),
    ] = False
    reports_our_work: Annotated[
        bool,
        Field(
            description="Its changes that name one of our orders tell what we book ourselves (picks, hand-overs): as far"
            " as they are the order's own units there, they are not booked again. Off: a sale that names an order hands"
            " over what the order has reserved."
        ),
    ] = False

    def row(self) -> FeedRow:
        return FeedRow(**self.model_dump(mode="json"))


class FeedDocument(BaseModel):
    code: str
    name: str
    kind: FeedKind
    counts_exclude_reserved: bool
    reports_our_work: bool


def feed_document(feed: Feed) -> dict[str, Any]:
    return {name: getattr(feed, name) for name in FeedDocument.model_fields}


@extend_schema_view(
    list=extend_schema(summary="Feeds and what they mean by their figures", responses={200: FeedDocument}),
    retrieve=extend_schema(summary="One feed", responses={200: FeedDocument}),
    create=extend_schema(
        summary="Describe a feed", parameters=[IDEMPOTENCY_KEY], request=FeedBody, responses={201: FeedDocument}
    ),
    update=extend_schema(
        summary="Describe a feed, or describe it anew",
        request=FeedBody,
        responses={200: FeedDocument, 201: FeedDocument},
    ),
    partial_update=extend_schema(
        summary="Change a feed",
        description="A JSON merge patch (RFC 7396).",
        request=FeedBody,
        responses={200: FeedDocument},
    ),
    destroy=extend_schema(
        summary="Forget what a feed means",
        description="Its figures are then read as those of a source that nobody has described.",
        responses={204: None},
    ),
)
class Feeds(CodeResource):
    scopes = dict.fromkeys(("POST", "PUT", "PATCH", "DELETE"), "stock:write") | {"GET": "stock:read"}
    queryset = Feed.objects.all()
    lookup_field = "code"
    cursor_ordering = ("code",)
    body_model = FeedBody
    document = staticmethod(feed_document)
    make_row = staticmethod(feeds.create_feed)
    put_row = staticmethod(feeds.put_feed)
    change_row = staticmethod(feeds.change_feed)
    deactivate_row = staticmethod(feeds.delete_feed)
