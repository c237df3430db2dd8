"""API keys: made once, shown once, kept as a digest, looked up by prefix."""

import hashlib
import secrets
import time
from collections.abc import Iterable, Sequence
from datetime import datetime

from django.conf import settings

from oms.actors import Caller
from oms.models import ApiKey
from oms.transactions import use_case

_PREFIX_CHARS = 8
_CACHE_LIMIT = 10_000
_cache: dict[str, tuple[float, bytes, Caller | None, datetime | None]] = {}

SCOPES = (
    "all",
    "catalog:read",
    "catalog:write",
    "stock:read",
    "stock:write",
    "stock:count",
    "stock:adjust",
    "stock:approve",
    "reservations:write",
    "routing:read",
    "routing:write",
    "orders:read",
    "orders:write",
    "fulfillments:read",
    "fulfillments:write",
    "exceptions:write",
    "events:read",
    "pauses:write",
)


@use_case
def create_api_key(
    *,
    name: str,
    scopes: Sequence[str],
    channel: str | None = None,
    locations: Iterable[str] | None = None,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """Make a key; the second value is the key itself and is nowhere else."""
    prefix = secrets.token_hex(_PREFIX_CHARS // 2)
    token = f"oms_{prefix}_{secrets.token_urlsafe(32)}"
    key = ApiKey.objects.create(
        name=name,
        prefix=prefix,
        digest=_digest(token),
        scopes=list(scopes),
        channel_id=channel,
        locations=None if locations is None else list(locations),
        expires_at=expires_at,
    )
    return key, token


@use_case
def revoke_api_key(*, key_id: str, as_of: datetime) -> None:
    """The key opens nothing from now on (elsewhere within `KEY_CACHE_SECONDS`). Revoking twice keeps the first time."""
    ApiKey.objects.filter(pk=key_id, revoked_at=None).update(revoked_at=as_of)
    _cache.clear()


def caller_for_key(token: str, *, as_of: datetime) -> Caller | None:
    """Who holds this key, or None. Known keys are trusted for `KEY_CACHE_SECONDS` (revocation shows within it)."""
    prefix = token[4 : 4 + _PREFIX_CHARS]
    entry = _cache.get(prefix)
    patience = getattr(settings, "KEY_CACHE_SECONDS", 10.0)
    if entry is None or time.monotonic() - entry[0] > patience:
        entry = _load(prefix)
        if len(_cache) >= _CACHE_LIMIT:
            _cache.clear()
        _cache[prefix] = entry
    _, digest, caller, expires_at = entry
    matches = secrets.compare_digest(digest, _digest(token))
    return caller if matches and not (expires_at and expires_at <= as_of) else None


def _load(prefix: str) -> tuple[float, bytes, Caller | None, datetime | None]:
    key = ApiKey.objects.filter(prefix=prefix, revoked_at=None).first()
    if key is None:
        return time.monotonic(), b"", None, None
    caller = Caller(
        actor=f"key:{key.name}",
        scopes=frozenset(key.scopes),
        channel=key.channel_id,
        locations=None if key.locations is None else frozenset(key.locations),
        key=key.pk,
    )
    return time.monotonic(), bytes(key.digest), caller, key.expires_at


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
