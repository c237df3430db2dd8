"""Every writing function says whether it opens the transaction or joins one, and is held to it."""

import pytest
from django.db import connection, transaction

from oms.transactions import in_transaction, use_case

pytestmark = pytest.mark.django_db(transaction=True)


@in_transaction
def block() -> bool:
    return connection.in_atomic_block


@use_case
def whole() -> bool:
    return block()


def test_a_use_case_opens_the_transaction_its_blocks_need() -> None:
    assert whole() is True
    assert connection.in_atomic_block is False


def test_a_block_alone_is_refused() -> None:
    with pytest.raises(RuntimeError, match="needs the caller's transaction"):
        block()


def test_a_use_case_inside_another_is_refused() -> None:
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        whole()
