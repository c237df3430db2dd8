from tests.flows.conftest import api

__all__ = ["api"]
