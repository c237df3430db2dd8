"""Many hands write one carrier's price list: one list stands whole, and who came second at making it is told so."""

from typing import Any

import pytest
from django.db import transaction

from routing.models import CarrierService, Zone
from routing.services import carriers
from tests.concurrency.conftest import Meanwhile
from tests.concurrency.threads import at_once
from tests.flows.conftest import Answer, Api

HANDS = 8


def _list(number: int) -> dict[str, Any]:
    """A price list of three zones that all cost `number`."""
    zones = [{"code": f"z{position}", "transit_days": 1, "rates": [{"price": f"{number}.00"}]} for position in range(3)]
    return {"code": "post", "carrier": "Post", "name": "Parcel", "service": "standard", "zones": zones}


def _made(api: Api) -> list[Answer]:
    return at_once(HANDS, lambda number: api.post("carrier-services/", _list(number)))


def _replace(api: Api, number: int) -> Answer:
    return Api(api.token).call("PUT", "carrier-services/post/", _list(number))


def test_one_makes_it_and_the_others_are_told(api: Api) -> None:
    answers = _made(api)

    assert sorted(answer.status for answer in answers)[0] == 201
    assert {answer.status for answer in answers} <= {201, 409, 422}
    assert [answer.status for answer in answers].count(201) == 1
    assert CarrierService.objects.count() == 1
    assert Zone.objects.count() == 3


def test_one_list_stands_whole(api: Api) -> None:
    api.post("carrier-services/", _list(99))

    answers = at_once(HANDS, lambda number: _replace(api, number))

    assert [answer.status for answer in answers] == [200] * HANDS
    prices = [zone["rates"][0]["price"] for zone in api.get("carrier-services/post/").json["zones"]]
    assert len(prices) == 3
    assert len(set(prices)) == 1


@pytest.mark.parametrize("is_row_first", [True, False])
def test_without_the_row_written_first_they_run_into_each_other(
    api: Api, monkeypatch: pytest.MonkeyPatch, meanwhile: Meanwhile, is_row_first: bool
) -> None:
    """Somebody replaces the list when ours has taken the old zones away, and has not written the new ones."""

    def zones_only(service: CarrierService, values: Any, *, zones: Any) -> CarrierService:
        with transaction.atomic():
            service.zones.all().delete()
            carriers._write_zones(service, zones)
        return service

    if not is_row_first:
        monkeypatch.setattr(carriers, "change_carrier_service", zones_only)
    api.post("carrier-services/", _list(99))
    rival = meanwhile(lambda: _replace(api, 2).status, carriers, before="_write_zones")

    assert (_replace(api, 1).status, rival.outcome) == (200, 200 if is_row_first else 409)
