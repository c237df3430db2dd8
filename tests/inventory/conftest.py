from collections.abc import Callable, Iterator

import pytest
from django.db import transaction
from rest_framework.test import APIClient

from oms.invariants import all_invariants
from oms.keys import create_api_key


@pytest.fixture
def in_use_case(db: None) -> Iterator[None]:
    """Stand inside a use case, as the building blocks demand."""
    with transaction.atomic():
        yield


@pytest.fixture
def broken_invariants(db: None) -> Callable[[], list[str]]:
    return lambda: [sentence for invariant in all_invariants() for sentence in invariant.broken()]


@pytest.fixture
def client_with(db: None) -> Callable[..., APIClient]:
    """A client with a key of these scopes (and, if named, these places)."""

    def build(*scopes: str, locations: list[str] | None = None) -> APIClient:
        _key, token = create_api_key(name="client", scopes=scopes or ("all",), locations=locations)
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
        return client

    return build


@pytest.fixture
def client(client_with: Callable[..., APIClient]) -> APIClient:
    return client_with("all")
