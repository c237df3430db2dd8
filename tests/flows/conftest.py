"""A client that speaks to the API as a shop does: JSON, bearer key, idempotency keys."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from oms import deadlines, outbox
from oms.clock import now
from oms.invariants import all_invariants
from tests.factories.orders import make_key


class Api:
    def __init__(self, token: str):
        self.token = token
        self.client = Client()

    def call(
        self, method: str, path: str, body: Any = None, *, content_type: str = "application/json", **headers: str
    ) -> Any:
        names = {"Authorization": f"Bearer {self.token}"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        response = self.client.generic(
            method,
            f"/api/v1/{path}",
            data=b"" if body is None else body if isinstance(body, bytes) else _json(body),
            content_type=content_type,
            headers=names,
        )
        return Answer(response)

    def get(self, path: str, **headers: str) -> Any:
        return self.call("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        headers.setdefault("Idempotency_Key", uuid4().hex)
        return self.call("POST", path, {} if body is None else body, **headers)

    def act(self, fulfillment: str, action: str, body: Any = None, **headers: str) -> Any:
        return self.post(f"fulfillments/{fulfillment}/{action}/", body, **headers)

    def order(self, number: str) -> dict[str, Any]:
        return self.get(f"orders/{number}/").json


def _json(body: Any) -> bytes:
    return json.dumps(body).encode()


class Answer:
    def __init__(self, response: Any):
        self.status = response.status_code
        self.headers = response.headers
        body = b"".join(response.streaming_content) if response.streaming else response.content
        is_json = re.match(r"application/(problem\+)?json", response.get("Content-Type", ""))
        self.json = json.loads(body) if body and is_json else None

    def __repr__(self) -> str:
        return f"<{self.status} {self.json}>"


@pytest.fixture
def api(transactional_db: None) -> Api:
    return Api(make_key("shop"))


def pass_time(**delta: float) -> int:
    """Everything that is due within this time happens, as the clock would do it. Returns how many deadlines rang."""
    later = now() + timedelta(**delta)
    rung = 0
    while found := deadlines.sweep(now=lambda: later):
        rung += found
    return rung


def relay() -> None:
    while outbox.relay(as_of=now()):
        pass


@pytest.fixture
def invariants_hold() -> Callable[[], None]:
    def check() -> None:
        broken = {invariant.name: found for invariant in all_invariants() if (found := list(invariant.broken()))}
        assert broken == {}

    return check
