"""Every registered model's list, search and page answer an administrator, with data in all of them."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.db import models
from django.test import Client
from django.urls import reverse

from oms import cache, roles
from oms.clock import now
from orders.commands import CancelOrder, Decline
from orders.services.cancellation import cancel_order
from orders.services.fulfillments import decline
from tests.admin.conftest import placed, work_of
from tests.factories.orders import make_key, make_network, pickup_body
from tests.factories.transactions import undone_at_the_end

OURS = ("oms", "inventory", "routing", "orders", "auth")
REGISTERED = sorted(
    (model for model in admin.site._registry if model._meta.app_label in OURS), key=lambda model: model._meta.label
)


@pytest.fixture(scope="module")
def lived_in_once(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Orders of both methods, one lost to no place left, one canceled, a key: a row in most tables."""
    with django_db_blocker.unblock(), undone_at_the_end():
        cache.clear_all()
        make_network()
        make_key()
        placed(pickup_body())
        canceled = placed()
        cancel_order(number=canceled.number, command=CancelOrder(reason="changed my mind"), actor="user:a", as_of=now())
        lost = placed()
        for _place in range(3):
            command = Decline(reason="too_busy")
            decline(fulfillment_id=work_of(lost).pk, command=command, actor="user:store", as_of=now())
        yield


@pytest.fixture
def lived_in(lived_in_once: None, db: None) -> None:
    """What a test changes is undone after it."""


def labels(model: type[models.Model]) -> str:
    return model._meta.label


@pytest.mark.parametrize("model", REGISTERED, ids=labels)
@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_list_a_search_and_a_page_of_each_model_answer(
    model: type[models.Model], language: str, lived_in: None, administrator: Client
) -> None:
    opts = model._meta
    address = reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist")
    headers = {"accept-language": language}

    listed = administrator.get(address, headers=headers)
    searched = administrator.get(address, {"q": "zzz"}, headers=headers)
    row = model._default_manager.first()
    pages = [reverse(f"admin:{opts.app_label}_{opts.model_name}_change", args=[quote(row.pk)])] if row else []

    assert listed.status_code == 200
    assert searched.status_code == 200
    assert [administrator.get(page, headers=headers).status_code for page in pages] == [200] * len(pages)


@pytest.mark.parametrize("role", [roles.OPERATIONS, roles.CUSTOMER_SERVICE])
def test_who_may_look_but_not_change_reads_each_page(
    role: str, lived_in: None, client_as: Callable[[str], Client]
) -> None:
    client, wrong, read = client_as(role), [], 0
    for model in REGISTERED:
        name, row = f"admin:{model._meta.app_label}_{model._meta.model_name}", model._default_manager.first()
        pages = [reverse(f"{name}_change", args=[quote(row.pk)])] if row else []
        for page in [reverse(f"{name}_changelist"), *pages]:
            status = client.get(page).status_code
            read += status == 200
            if status not in (200, 403):
                wrong.append((page, status))

    assert wrong == []
    assert read > 20
