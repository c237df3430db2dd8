"""API keys: made once, shown once, found by prefix, compared in constant time, gone when revoked or expired."""

import secrets
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from oms import keys
from oms.keys import SCOPES, caller_for_key, create_api_key, revoke_api_key
from oms.models import ApiKey
from tests.factories.orders import make_channel, make_network, order_body
from tests.flows.conftest import Api

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def make(name: str = "web", **values: Any) -> tuple[ApiKey, str]:
    return create_api_key(name=name, scopes=["orders:read"], **values)


def test_a_key_is_random_and_only_its_digest_is_kept() -> None:
    (key, token), (_other, other_token) = make(), make()

    assert token.startswith(f"oms_{key.prefix}_")
    assert len(token.removeprefix(f"oms_{key.prefix}_")) >= 43  # 256 bits
    assert token != other_token
    kept = ApiKey.objects.values().get(pk=key.pk)
    assert token not in str(kept)
    assert len(bytes(kept["digest"])) == 32


def test_it_opens_what_it_says() -> None:
    make_channel("web")
    key, token = make(channel="web", locations=["PARIS"])

    caller = caller_for_key(token, as_of=NOON)

    assert caller is not None
    assert (caller.actor, caller.key, caller.channel, caller.locations) == ("key:web", key.pk, "web", {"PARIS"})
    assert caller.may("orders:read")
    assert not caller.may("orders:write")


@pytest.mark.parametrize(
    "spoil", [lambda t: t[:-1], lambda t: t + "x", lambda t: t[:13] + "A" * 43, lambda t: "", str.upper]
)
def test_anything_else_opens_nothing(spoil: Any) -> None:
    _key, token = make()

    assert caller_for_key(spoil(token), as_of=NOON) is None


def test_digests_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((len(one), len(other)))
        return compare_digest(one, other)

    compare_digest = secrets.compare_digest
    monkeypatch.setattr(keys.secrets, "compare_digest", compare)
    _key, token = make()

    caller_for_key(token, as_of=NOON)

    assert compared == [(32, 32)]


def test_an_expired_key_opens_nothing() -> None:
    _key, token = make(expires_at=NOON)

    assert caller_for_key(token, as_of=NOON - timedelta(seconds=1)) is not None
    assert caller_for_key(token, as_of=NOON) is None


def test_a_revoked_key_opens_nothing_within_thirty_seconds_in_every_process(settings: Any, monkeypatch: Any) -> None:
    del settings.KEY_CACHE_SECONDS  # as in production
    clock = [1000.0]
    monkeypatch.setattr("oms.keys.time.monotonic", lambda: clock[0])
    key, token = make()
    assert caller_for_key(token, as_of=NOON) is not None
    ApiKey.objects.filter(pk=key.pk).update(revoked_at=NOON)  # by another process

    clock[0] += 30

    assert caller_for_key(token, as_of=NOON) is None


def test_a_revoked_key_opens_nothing_at_once_in_this_process(settings: Any) -> None:
    settings.KEY_CACHE_SECONDS = 10
    key, token = make()
    assert caller_for_key(token, as_of=NOON) is not None

    revoke_api_key(key_id=key.pk, as_of=NOON)

    assert caller_for_key(token, as_of=NOON) is None


def test_a_known_key_costs_no_query(settings: Any, django_assert_num_queries: Any) -> None:
    settings.KEY_CACHE_SECONDS = 10
    _key, token = make()
    caller_for_key(token, as_of=NOON)

    with django_assert_num_queries(0):
        assert caller_for_key(token, as_of=NOON) is not None


def test_keys_of_one_name_do_not_share_their_idempotency_keys() -> None:
    make_network()
    one, other = (Api(create_api_key(name="shop", scopes=["all"])[1]) for _ in range(2))

    answers = [shop.post("orders/", order_body(), Idempotency_Key="1") for shop in (one, other)]

    assert [answer.status for answer in answers] == [201, 201]
    assert answers[0].json["number"] != answers[1].json["number"]


def test_the_command_prints_the_key_alone() -> None:
    out = StringIO()

    call_command("create_api_key", "demo", scopes="orders:read,stock:read", locations="A,B", expires_days=1, stdout=out)

    token = out.getvalue().strip()
    key = ApiKey.objects.get()
    assert out.getvalue() == f"{token}\n"
    assert (key.name, key.scopes, key.locations) == ("demo", ["orders:read", "stock:read"], ["A", "B"])
    assert caller_for_key(token, as_of=NOON) is not None


def test_each_scope_is_told_to_who_runs_the_system() -> None:
    told = (settings.BASE_DIR / "docs" / "operations.md").read_text()

    assert [scope for scope in SCOPES if f"`{scope}`" not in told] == []


@pytest.mark.parametrize(
    "options",
    [{"scopes": "orders:eat"}, {"channel": "moon"}, {"locations": ""}, {"locations": "A,"}, {"expires_days": 0}],
)
def test_the_command_refuses_what_does_not_exist_or_would_open_more_than_was_meant(options: dict[str, Any]) -> None:
    with pytest.raises(CommandError):
        call_command("create_api_key", "demo", **options)

    assert ApiKey.objects.count() == 0
