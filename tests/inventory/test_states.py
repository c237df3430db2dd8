"""The states of what is on its way: every move happens with one event, every other is refused without a trace."""

from itertools import product

import pytest
from django.db import transaction

from inventory.models import Inbound
from inventory.states import INBOUND_MOVES, OPEN, UNTOUCHED, InboundStatus
from oms.errors import IllegalMove
from oms.models import Event
from tests.factories.inventory import NOW, make_inbound, make_location, make_product, make_transfer, set_stock

S = InboundStatus
pytestmark = pytest.mark.django_db(transaction=True)


def test_every_state_is_a_birth_or_can_be_reached_and_only_the_ends_are_final() -> None:
    reached, new = set(), {str(S.ANNOUNCED), str(S.IN_TRANSIT)}
    while new:
        reached |= new
        new = {to for was in new for to in INBOUND_MOVES.moves[was]} - reached

    assert reached == set(INBOUND_MOVES.moves)
    assert INBOUND_MOVES.final == {S.RECEIVED, S.CANCELED}
    assert OPEN | INBOUND_MOVES.final == set(S)
    assert {was for was, targets in INBOUND_MOVES.moves.items() if S.CANCELED in targets} == UNTOUCHED


@pytest.mark.parametrize(("was", "to"), list(product(S.values, S.values)))
def test_only_the_moves_of_the_table_are_made(was: str, to: str) -> None:
    make_product("A")
    make_location("S1")
    make_location("S2", abilities=["receive_transfer"])
    set_stock("A", "S1", 5)
    made = make_transfer("S1", "S2", {"A": 5}) if was == S.IN_TRANSIT else make_inbound("S1", {"A": 5})
    Inbound.objects.update(status=was, closed_at=None if was in OPEN else NOW)
    Event.objects.all().delete()
    row, before = Inbound.objects.get(), Inbound.objects.values().get()
    ends = {} if to in OPEN else {"closed_at": NOW}

    if INBOUND_MOVES.allows(was, to):
        with transaction.atomic():
            INBOUND_MOVES.move(row, to=to, actor="test", as_of=NOW, **ends)
        assert (Inbound.objects.get().status, Inbound.objects.get().version) == (to, before["version"] + 1)
        event = Event.objects.get()
        name = {"partially_received": "received", "received": "closed", "canceled": "canceled"}[to]
        assert (event.type, event.subject, event.root) == (f"inventory.inbound.{name}", made, made)
    else:
        with pytest.raises(IllegalMove), transaction.atomic():
            INBOUND_MOVES.move(row, to=to, actor="test", as_of=NOW, **ends)
        assert Inbound.objects.values().get() == before
        assert not Event.objects.exists()
