"""The exception queue: what stands before a person, and each way to solve it."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from oms.clock import now
from oms.models import Event
from orders.commands import Decline
from orders.models import ExceptionCase, Order
from orders.services.fulfillments import decline
from tests.admin.conftest import placed, work_of
from tests.factories.inventory import make_location, set_stock
from tests.factories.orders import pickup_body

LIST = "admin:orders_exceptioncase_changelist"


def at(case: ExceptionCase) -> str:
    return reverse("admin:orders_exceptioncase_change", args=[case.pk])


def words_of(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


@pytest.fixture
def lost(network: None) -> Order:
    """All three places declined it."""
    order = placed()
    for _place in range(3):
        command = Decline(reason="too_busy")
        decline(fulfillment_id=work_of(order).pk, command=command, actor="user:store", as_of=now())
    return order


@pytest.fixture
def refused_pickup(network: None) -> Order:
    """The chosen store declined it; two others have it."""
    order = placed(pickup_body())
    decline(fulfillment_id=work_of(order).pk, command=Decline(reason="closed"), actor="user:store", as_of=now())
    return order


def test_a_case_tells_why_each_place_is_not_the_answer(administrator: Client, lost: Order) -> None:
    page = administrator.get(at(ExceptionCase.objects.get())).content.decode()

    for place in ("Place PARIS", "Place LILLE", "Place LYON"):
        assert place in page
    assert page.count("had it: Too busy") == 3


def test_a_store_whose_distance_is_not_known_is_offered_last(administrator: Client, network: None) -> None:
    make_location("LILLE", abilities=["ship", "pickup"])
    order = placed(pickup_body())

    decline(fulfillment_id=work_of(order).pk, command=Decline(reason="closed"), actor="user:store", as_of=now())

    case = ExceptionCase.objects.get()
    offers = [(offer["location"], offer["distance_km"]) for offer in case.facts["offers"]]
    assert offers == [("LYON", 391.6), ("LILLE", None)]
    page = administrator.get(at(case)).content.decode()
    assert "Place LYON, 391.6 km away" in page and "Place LILLE" in page and "Place LILLE, " not in page


def test_a_chosen_place_gets_the_work_even_if_it_lost_it_before(administrator: Client, lost: Order) -> None:
    case = ExceptionCase.objects.get()

    answer = administrator.post(at(case), {"action": "reroute", "location": "LYON", "note": "called them"}, follow=True)

    case.refresh_from_db()
    assert words_of(answer) == ["The work went to Place LYON."]
    assert (case.status, case.resolution, case.resolved_by) == ("resolved", "reroute", "user:root")
    assert (work_of(lost).location_id, work_of(lost).status) == ("LYON", "assigned")


def test_with_nobody_left_the_next_best_place_is_told_to_be_none(administrator: Client, lost: Order) -> None:
    case = ExceptionCase.objects.get()

    answer = administrator.post(at(case), {"action": "reroute", "location": "", "note": ""}, follow=True)

    assert words_of(answer) == ["No place may serve this order"]
    assert ExceptionCase.objects.get(status="open") == case


def test_canceling_ends_the_order_and_the_case(administrator: Client, lost: Order) -> None:
    case = ExceptionCase.objects.get()

    answer = administrator.post(at(case), {"action": "cancel", "note": "shopper agreed"}, follow=True)

    lost.refresh_from_db()
    assert words_of(answer) == ["The units were canceled."]
    assert lost.status == "canceled"


def test_a_case_solved_by_a_colleague_meanwhile_is_told_and_not_solved_twice(
    administrator: Client, lost: Order
) -> None:
    case = ExceptionCase.objects.get()
    administrator.post(at(case), {"action": "reroute", "location": "LYON"})
    events = Event.objects.count()

    answer = administrator.post(at(case), {"action": "cancel", "note": "too late"})

    assert answer.status_code == 200
    assert Event.objects.count() == events
    assert ExceptionCase.objects.get().resolution == "reroute"


def test_a_pickup_is_moved_only_to_a_store_that_was_named(administrator: Client, refused_pickup: Order) -> None:
    case = ExceptionCase.objects.get()
    page = administrator.get(at(case)).content.decode()

    unnamed = administrator.post(at(case), {"action": "reroute", "location": "", "note": "asked her"})
    named = administrator.post(at(case), {"action": "reroute", "location": "LILLE", "note": "asked her"}, follow=True)

    assert "Other stores that have all of it" in page
    assert "The shopper must be asked" in unnamed.content.decode()
    assert "asked her" in unnamed.content.decode()
    assert words_of(named) == ["The work went to Place LILLE."]
    assert work_of(refused_pickup).pickup_location_id == "LILLE"


def test_a_store_that_sold_out_meanwhile_leaves_it_in_the_queue(administrator: Client, refused_pickup: Order) -> None:
    case = ExceptionCase.objects.get()
    set_stock("SKU-1", "LILLE", 0)

    answer = administrator.post(at(case), {"action": "reroute", "location": "LILLE"}, follow=True)

    assert words_of(answer) == ["No place may serve this order: Place LILLE: has none of it"]
    assert ExceptionCase.objects.get(status="open") == case
    assert refused_pickup.fulfillments.count() == 1


def test_the_queue_shows_open_cases_and_others_on_demand(administrator: Client, lost: Order) -> None:
    administrator.post(at(ExceptionCase.objects.get()), {"action": "cancel"})

    def listed(**query: str) -> int:
        return len(administrator.get(reverse(LIST), query).context["cl"].result_list)

    assert [listed(), listed(status="resolved"), listed(status="all")] == [0, 1, 1]
