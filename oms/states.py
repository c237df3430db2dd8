"""State tables and their one mover.

`TABLE.move(row, to=…, actor=…, as_of=…)` is the only writer of `status` after birth: it compares and
swaps (`UPDATE … WHERE status = was`), so of two that race exactly one wins, and writes the event that
is the history. Guards and effects live in the service, so a reader meets them in order.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from django.db import models

from oms.errors import IllegalMove
from oms.outbox import Fact, event_rows
from oms.sql import Also, Tables, together, update_rows, updated
from oms.transactions import in_transaction

M = TypeVar("M", bound=models.Model)


class StateTable:
    def __init__(
        self,
        moves: Mapping[str, Iterable[str]],
        *,
        noun: str,
        states: type[models.TextChoices],
        public: Iterable[str] = (),
        event_names: Mapping[str, str] | None = None,
    ):
        """`noun` names the events: `orders.fulfillment` gives `orders.fulfillment.accepted`.

        Errors: ValueError at import when a state has no line in the table.
        """
        self.moves = {str(state): frozenset(map(str, targets)) for state, targets in moves.items()}
        self.noun = noun
        self.public = frozenset(map(str, public))
        self.event_names = {str(state): name for state, name in (event_names or {}).items()}
        missing = set(states.values) - set(self.moves)
        unknown = frozenset[str]().union(*self.moves.values()) - set(states.values)
        if missing or unknown:
            raise ValueError(f"{noun}: states without a line {missing}, unknown targets {unknown}")

    def allows(self, was: str, to: str) -> bool:
        return str(to) in self.moves[was]

    @property
    def final(self) -> frozenset[str]:
        return frozenset(state for state, targets in self.moves.items() if not targets)

    def fact(self, row: models.Model, *, to: str, actor: str, payload: Mapping[str, Any]) -> Fact:
        """The event of reaching `to`; births use it too, so history begins at the first state."""
        return Fact(
            type=f"{self.noun}.{self.event_names.get(str(to), str(to))}",
            subject=str(row.pk),
            root=getattr(row, "event_root", str(row.pk)),
            actor=actor,
            payload=payload,
            is_public=str(to) in self.public,
        )

    @in_transaction
    def move(
        self,
        row: M,
        *,
        to: str,
        actor: str,
        as_of: datetime,
        why: str = "",
        facts: Mapping[str, Any] | None = None,
        inserts: Tables | None = None,
        also: Sequence[Also] = (),
        **values: Any,
    ) -> M:
        """Move one row, setting `values` in the same UPDATE. Errors: IllegalMove (let it roll back)."""
        self.move_all(
            [(row, values)], to=to, actor=actor, as_of=as_of, why=why, facts=facts, inserts=inserts, also=also
        )
        return row

    @in_transaction
    def move_all(
        self,
        rows: Sequence[tuple[M, Mapping[str, Any]]],
        *,
        to: str,
        actor: str,
        as_of: datetime,
        why: str = "",
        facts: Mapping[str, Any] | None = None,
        inserts: Tables | None = None,
        also: Sequence[Also] = (),
        provided: Also | None = None,
    ) -> None:
        """Move several rows, each with its own values (same columns for all), all or none.

        They must stand in one status; they are changed in memory too. `inserts` and `also`: rows and changes of
        other tables that come true with the move; `provided`: a query that must hold.
        Errors: IllegalMove (let the transaction roll back).
        """
        if not rows:
            return
        rows, changes, told = self._changes(rows, to=to, actor=actor, as_of=as_of, why=why, facts=facts)
        current = str(rows[0][0].status)  # type: ignore[attr-defined]
        new = together(inserts or {}, told)
        only_if = f"t.status = '{current}'"
        table = type(rows[0][0])
        if update_rows(table, changes, only_if=only_if, inserts=new, also=also, provided=provided) != len(rows):
            raise IllegalMove(current=current)
        self._stand_there(rows, to=to)

    @in_transaction
    def moved(
        self, rows: Sequence[tuple[M, Mapping[str, Any]]], *, to: str, actor: str, as_of: datetime
    ) -> tuple[Tables, Also]:
        """The same for a statement that changes more: what it inserts, and the change. The rows are locked as they are
        in memory, where they are changed at once. Errors: IllegalMove."""
        rows, changes, told = self._changes(rows, to=to, actor=actor, as_of=as_of, why="", facts=None)
        self._stand_there(rows, to=to)
        return told, updated(type(rows[0][0]), changes)

    def _changes(
        self,
        rows: Sequence[tuple[M, Mapping[str, Any]]],
        *,
        to: str,
        actor: str,
        as_of: datetime,
        why: str,
        facts: Mapping[str, Any] | None,
    ) -> tuple[Sequence[tuple[M, Mapping[str, Any]]], list[dict[str, Any]], Tables]:
        """The rows with all their values, the same for the database, and the events. Errors: IllegalMove."""
        was = {str(row.status) for row, _values in rows}  # type: ignore[attr-defined]
        current = min(was)
        if len(was) > 1 or not self.allows(current, to):
            raise IllegalMove(current=current)
        stamp = {"updated_at": as_of} if hasattr(rows[0][0], "updated_at") else {}  # raw SQL knows no auto_now
        rows = [(row, {**values, **stamp}) for row, values in rows]
        changes = [{"id": row.pk, "status": str(to), "version": row.version + 1, **values} for row, values in rows]  # type: ignore[attr-defined]
        payload = {"from": current, **({"why": why} if why else {}), **(facts or {})}
        facts_told = [self.fact(row, to=to, actor=actor, payload=payload) for row, _values in rows]
        return rows, changes, event_rows(facts_told, as_of=as_of)

    @staticmethod
    def _stand_there(rows: Sequence[tuple[M, Mapping[str, Any]]], *, to: str) -> None:
        for row, values in rows:
            row.status = str(to)  # type: ignore[attr-defined]
            row.version += 1  # type: ignore[attr-defined]
            for name, value in values.items():
                setattr(row, name, value)
