"""`?group=`: wherever a set of places is meant, one of their groups may be named."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from inventory.models import Location
from oms import cache
from orders.commands import Decline
from orders.models import Fulfillment
from orders.services.fulfillments import decline
from tests.admin.conftest import administrator, placed  # noqa: F401
from tests.factories.inventory import NOW
from tests.factories.orders import make_key, make_network, pickup_body
from tests.flows.conftest import Api

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def network(db: None) -> None:
    """A pickup at work in each store, and a declined one in Lyon and in Lille before a person."""
    make_network()
    for code, groups in (("PARIS", ["idf", "flagship"]), ("LYON", ["aura", "flagship"]), ("LILLE", ["nord"])):
        Location.objects.filter(pk=code).update(groups=groups)
    cache.clear_all()
    for code in ("PARIS", "LYON", "LILLE"):
        placed(pickup_body(location=code))
    for code in ("LYON", "LILLE"):
        placed(pickup_body(location=code))
        work = Fulfillment.objects.filter(location=code).latest("id")
        decline(fulfillment_id=work.pk, command=Decline(reason="too_busy"), actor="user:a", as_of=NOW)


@pytest.fixture
def listed() -> Callable[..., set[str]]:
    """The places of the rows of a list."""

    def ask(path: str, key: str = "location", **bounds: Any) -> set[str]:
        answer = Api(make_key(**bounds)).get(path)
        assert answer.status == 200, answer
        return {row[key] for row in answer.json["results"]}

    return ask


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("stock/", "location"),
        ("stock/movements/", "location"),
        ("fulfillments/", "location"),
        ("locations/", "code"),
    ],
)
@pytest.mark.parametrize(
    ("group", "places"),
    [
        ("idf", {"PARIS"}),
        ("flagship", {"PARIS", "LYON"}),
        ("idf,nord", {"PARIS", "LILLE"}),
        ("nobody", set()),
        ("", {"PARIS", "LYON", "LILLE"}),
    ],
)
def test_a_list_is_narrowed_to_groups(
    listed: Callable[..., set[str]], path: str, key: str, group: str, places: set[str]
) -> None:
    assert listed(f"{path}?group={group}", key) == places


def test_the_queue_is_narrowed_to_groups(listed: Callable[..., set[str]]) -> None:
    assert listed("exceptions/?group=flagship") == {"LYON"}
    assert listed("exceptions/?group=nord,idf") == {"LILLE"}


def test_orders_are_narrowed_to_those_with_work_in_a_group_each_once(listed: Callable[..., set[str]]) -> None:
    there = Fulfillment.objects.filter(location__in=["PARIS", "LYON"]).values_list("order__number", flat=True)

    assert listed("orders/?group=flagship", "number") == set(map(str, there)) != set()


def test_a_group_opens_no_other_places_to_a_bound_key(listed: Callable[..., set[str]]) -> None:
    assert listed("stock/?group=flagship", locations=["LYON", "LILLE"]) == {"LYON"}
    assert listed("fulfillments/?group=nord", locations=["LYON"]) == set()


def test_a_group_and_a_place_narrow_together(listed: Callable[..., set[str]]) -> None:
    assert listed("stock/?group=flagship&location=LYON,LILLE") == {"LYON"}


def test_who_joins_a_group_is_found_in_it(listed: Callable[..., set[str]]) -> None:
    Api(make_key()).call("PATCH", "locations/LILLE/", {"groups": ["idf"]})

    assert listed("fulfillments/?group=idf") == {"PARIS", "LILLE"}


@pytest.mark.parametrize(
    ("page", "place"),
    [
        ("inventory/stocklevel", "location_id"),
        ("inventory/stockmovement", "location_id"),
        ("inventory/reservation", "location_id"),
        ("inventory/location", "pk"),
        ("orders/fulfillment", "location_id"),
        ("orders/exceptioncase", "location_id"),
    ],
)
def test_lists_of_the_back_office_are_narrowed_too(administrator: Client, page: str, place: str) -> None:  # noqa: F811
    rows = administrator.get(f"/admin/{page}/?group=aura").context["cl"].queryset

    assert {getattr(row, place) for row in rows} == {"LYON"}
