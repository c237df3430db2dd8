"""Every writing function announces its contract on the line above `def`.

`@use_case`        the outermost transaction: opens and commits; refuses to nest.
`@in_transaction`  a building block: joins the caller's transaction, refuses to run without one.
"""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from django.db import connection, transaction

P = ParamSpec("P")
R = TypeVar("R")

use_case = transaction.atomic(durable=True)


def in_transaction(func: Callable[P, R]) -> Callable[P, R]:
    @functools.wraps(func)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        blocks = connection.atomic_blocks  # the test runner's own block does not count
        if not blocks or blocks[-1]._from_testcase:  # type: ignore[attr-defined]
            raise RuntimeError(f"{func.__qualname__} needs the caller's transaction")
        return func(*args, **kwargs)

    return wrapper
