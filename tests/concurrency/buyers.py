"""Shoppers who press at the same moment."""

import itertools
from typing import Any

from tests.factories.orders import order_body
from tests.flows.conftest import Answer, Api

_numbers = itertools.count()


def buy(api: Api, *lines: tuple[str, int], **body: Any) -> Answer:
    """Each is a customer of their own: the orders of one customer wait for each other anyway."""
    somebody = {"external_id": f"B-{next(_numbers)}"}
    return Api(api.token).post("orders/", order_body(*lines, **{"customer": somebody, **body}))
