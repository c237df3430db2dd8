from tests.flows.conftest import api, invariants_hold

__all__ = ["api", "invariants_hold"]
