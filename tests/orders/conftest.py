import pytest

from tests.factories.orders import make_key
from tests.flows.conftest import Api, invariants_hold

__all__ = ["invariants_hold", "shop"]


@pytest.fixture
def shop(db: None) -> Api:
    """The API inside the test's own transaction: quick, for what needs no commit."""
    return Api(make_key("shop"))
