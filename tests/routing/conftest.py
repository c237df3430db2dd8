from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import transaction
from rest_framework.test import APIClient

from oms.keys import create_api_key
from oms.models import Channel


@pytest.fixture
def in_use_case(db: None) -> Iterator[None]:
    """Stand inside a use case, as the building blocks demand."""
    with transaction.atomic():
        yield


@pytest.fixture
def web(db: None) -> Channel:
    return Channel.objects.create(code="web", name="Web", currency="EUR")


@pytest.fixture
def client_with(db: None) -> Callable[..., APIClient]:
    def build(*scopes: str, **bounds: Any) -> APIClient:
        _key, token = create_api_key(name="client", scopes=scopes or ("all",), **bounds)
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
        return client

    return build


@pytest.fixture
def client(client_with: Callable[..., APIClient]) -> APIClient:
    return client_with("all")
