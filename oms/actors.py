"""Who does it. An actor is written down as text beside everything that is done."""

from dataclasses import dataclass

ALL_SCOPES = frozenset({"all"})
IMPLIED_BY = dict.fromkeys(("stock:count", "stock:adjust", "stock:approve"), "stock:write")
"""Narrow scopes that a wider one holds: who may write stock at will may do so with a reason, too."""
CLOCK = "system:clock"
SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Caller:
    """The one behind a request, with what it may do.

    `channel` None = every channel; `locations` None = every place. `key` is the id of the API key, if it is one:
    two keys may share a name.
    """

    actor: str
    scopes: frozenset[str]
    channel: str | None = None
    locations: frozenset[str] | None = None
    is_authenticated: bool = True
    key: str = ""

    @property
    def identity(self) -> str:
        """Under which idempotency keys are remembered and requests counted."""
        return self.key or self.actor

    def may(self, scope: str) -> bool:
        return not self.scopes.isdisjoint({"all", scope, IMPLIED_BY.get(scope, scope)})

    def sees(self, location: str | None) -> bool:
        return self.locations is None or location in self.locations
