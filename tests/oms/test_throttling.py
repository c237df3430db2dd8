"""Too many requests are refused with the time to wait; other callers do not feel it."""

from typing import Any

import pytest

from oms.api import throttling
from tests.factories.orders import make_key
from tests.flows.conftest import Api

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock(settings: Any, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    settings.THROTTLE_PER_MINUTE = 20  # in bursts of two
    monkeypatch.setattr(throttling, "_buckets", {})
    at = [0.0]
    monkeypatch.setattr(throttling.time, "monotonic", lambda: at[0])
    return at


def test_a_burst_is_served_and_the_rest_told_when_to_come_back(clock: list[float]) -> None:
    shop = Api(make_key())

    answers = [shop.get("products/") for _ in range(3)]

    assert [answer.status for answer in answers] == [200, 200, 429]
    refused = answers[2]
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.headers["Retry-After"] == "3"  # 20 a minute: one every three seconds
    assert (refused.json["code"], refused.json["status"]) == ("throttled", 429)
    clock[0] = 2.9
    assert shop.get("products/").status == 429
    clock[0] = 3.1
    assert shop.get("products/").status == 200
    assert shop.get("products/").status == 429


def test_each_caller_has_a_bucket_of_its_own(clock: list[float]) -> None:
    one, other = Api(make_key("shop")), Api(make_key("shop"))

    assert [one.get("products/").status for _ in range(3)] == [200, 200, 429]
    assert other.get("products/").status == 200
