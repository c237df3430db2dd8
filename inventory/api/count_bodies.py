"""What is sent to `counts/` and what comes back."""

from dataclasses import asdict
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from django.utils.translation import gettext_noop
from pydantic import BaseModel, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from inventory.counts import LineView, Progress, actions_of
from inventory.models import CountSession
from inventory.services import Scan, Scope
from inventory.services.counting import MOST_UNITS
from oms.actors import Caller
from oms.api.body import Body, Code, Instant, Text, example

Bin = Annotated[str, StringConstraints(min_length=1, max_length=40, strip_whitespace=True)]
MaybeBin = Annotated[str, StringConstraints(max_length=40, strip_whitespace=True)]
Units = Annotated[int, Field(ge=0, le=MOST_UNITS, strict=True)]
Skus = Annotated[list[Code], Field(min_length=1, max_length=1000)]
Note = Annotated[str, StringConstraints(max_length=200, strip_whitespace=True)]


class OpenCountBody(Body):
    model_config = example(location="PARIS", scope="bins", bins=["B-04", "B-05"], note="Monday round")

    location: Code
    scope: Literal["place", "bins", "skus", "tag"] = "place"
    bins: Annotated[list[Bin], Field(max_length=500)] = []
    skus: Annotated[list[Code], Field(max_length=5000)] = []
    tag: Annotated[str, StringConstraints(max_length=64, strip_whitespace=True)] = ""
    is_blind: bool = True
    not_found_is_zero: bool = False
    note: Note = ""

    def what(self) -> Scope:
        return Scope(self.scope, self.bins, self.skus, self.tag)


class ScanBody(Body):
    model_config = example(id="ph7-0001", code="SKU-1", add=1, bin="B-04")

    id: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    code: Annotated[str, StringConstraints(min_length=1, max_length=64, strip_whitespace=True)]
    units: Units | None = None
    add: Annotated[int, Field(ge=-MOST_UNITS, le=MOST_UNITS, strict=True)] | None = None
    damaged: Units | None = None
    bin: MaybeBin = ""
    scanned_at: Instant | None = None

    @model_validator(mode="after")
    def _says_one_number(self) -> Self:
        if (self.units is None) == (self.add is None):
            raise PydanticCustomError("units_or_add", gettext_noop("Either units or add is needed"))
        return self

    def scan(self) -> Scan:
        number = self.units if self.units is not None else self.add or 0
        return Scan(
            self.id,
            self.code,
            number,
            is_total=self.units is not None,
            damaged=self.damaged,
            bin=self.bin,
            scanned_at=self.scanned_at,
        )


class ScansEnvelope(Body):
    """The scans are read one by one."""

    scans: list[Any]


class ScansBody(Body):
    """The envelope as it is documented."""

    model_config = example(
        scans=[
            {"id": "ph7-0001", "code": "SKU-1", "add": 1, "bin": "B-04", "scanned_at": "2026-03-02T08:54:03Z"},
            {"id": "ph7-0002", "code": "SKU-2", "units": 12, "damaged": 1, "bin": "B-05"},
        ]
    )

    scans: list[ScanBody]


class CountLineBody(Body):
    model_config = example(units=2, bin="B-04")

    units: Units
    damaged: Units | None = None
    bin: MaybeBin = ""
    scanned_at: Instant | None = None

    @model_validator(mode="after")
    def _damaged_ones_are_among_them(self) -> Self:
        if self.damaged is not None and self.damaged > self.units:
            raise PydanticCustomError(
                "more_damaged_than_found", gettext_noop("More damaged ones than were found are not possible")
            )
        return self


class SubmitBody(Body):
    model_config = example(confirm_not_found=0)

    confirm_not_found: Annotated[int, Field(ge=0, strict=True)] | None = None


class ApproveBody(Body):
    model_config = example(lines=["SKU-1"])

    lines: Skus | None = None


class LinesBody(Body):
    model_config = example(lines=["SKU-1"])

    lines: Skus


class CancelBody(Body):
    model_config = example(reason="wrong shelf")

    reason: Text = ""


# ---- answers --------------------------------------------------------------------------------------


class ProgressDocument(BaseModel):
    """Articles by how far they are; `to_find` (one count only): in the books here, and nobody found them yet."""

    counted: int
    recount: int
    waiting: int
    applied: int
    rejected: int
    stale: int
    to_find: int | None


class CountDocument(BaseModel):
    id: str
    location: str
    scope: str
    bins: list[str]
    skus: list[str]
    tag: str
    is_blind: bool
    not_found_is_zero: bool
    note: str
    status: str
    opened_by: str
    submitted_by: str
    closed_by: str
    opened_at: Instant
    submitted_at: Instant | None
    closed_at: Instant | None
    updated_at: Instant
    progress: ProgressDocument
    actions: list[str]


class CountLineDocument(BaseModel):
    """`difference` is that of all `units`, `damaged_difference` that of the `damaged` among them (null where nobody told
    them apart). `value` is that of the units in question: the fewest that are gone, came or are in another condition.
    """

    sku: str
    name: str
    status: str
    attempt: int
    units: int
    damaged: int | None
    bin: str
    counted_at: Instant
    counted_by: str
    is_unseen: bool
    expected: int | None
    difference: int | None
    damaged_difference: int | None
    value: Decimal | None
    currency: str
    needs: str | None
    decided_by: str
    decided_at: Instant | None


class CountPage(BaseModel):
    results: list[CountDocument]
    next: str | None
    previous: str | None


class CountLinePage(BaseModel):
    results: list[CountLineDocument]
    next: str | None
    previous: str | None


class ScanAnswer(BaseModel):
    """`counted`, `duplicate`, or `rejected` with a code and a sentence. `units`: what the line comes to now."""

    index: int
    id: str | None = None
    status: str
    sku: str | None = None
    units: int | None = None
    code: str | None = None
    detail: str | None = None


class ScanAnswers(BaseModel):
    results: list[ScanAnswer]


_OWN = (
    *("scope", "bins", "skus", "tag", "is_blind", "not_found_is_zero", "note", "status"),
    *("opened_by", "submitted_by", "closed_by", "opened_at", "submitted_at", "closed_at", "updated_at"),
)


def count_document(
    session: CountSession, progress: Progress, *, caller: Caller, to_find: int | None = None
) -> dict[str, Any]:
    return {
        "id": session.pk,
        "location": session.location_id,
        **{name: getattr(session, name) for name in _OWN},
        "progress": {**asdict(progress), "to_find": to_find},
        "actions": actions_of(session, caller, progress.waiting),
    }


def line_document(line: LineView) -> dict[str, Any]:
    document = {name: getattr(line, name) for name in CountLineDocument.model_fields}
    return document | {"value": None if line.value is None else str(line.value)}
