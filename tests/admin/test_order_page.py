"""One order on one screen, and the few things staff may do to it."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from oms.clock import now
from oms.models import Event
from orders.commands import Decline
from orders.models import ExceptionCase, Hold, Order
from orders.services.fulfillments import acknowledge, decline, start_picking
from routing.models import Decision
from tests.admin.conftest import placed, work_of
from tests.factories.orders import order_body, pickup_body, reserved


def at(order: Order, action: str, *more: str) -> str:
    return reverse(f"admin:orders_order_{action}", args=[order.pk, *more])


def shown(client: Client, order: Order, language: str = "en") -> str:
    return client.get(at(order, "change"), headers={"accept-language": language}).content.decode()


def words_of(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def facts(order: Order) -> tuple[Any, ...]:
    """What must not change when something is refused."""
    units = list(order.lines.values_list("open", "allocated", "canceled"))
    return units, order.fulfillments.count(), Hold.objects.count(), Event.objects.count(), reserved("SKU-1", "PARIS")


def test_the_page_shows_money_units_places_promise_and_history_in_words(administrator: Client, network: None) -> None:
    order = placed(order_body(("SKU-1", 2)))

    page = shown(administrator, order)

    assert f"#{order.number}" in page
    assert "44.70\N{NO-BREAK SPACE}EUR" in page
    assert "2 allocated" in page
    assert "Place PARIS" in page
    assert "Order placed on web for 44.70\N{NO-BREAK SPACE}EUR" in page
    assert "Place PARIS got the work; its clock runs" in page
    assert "API key test" in page
    assert "1 rue X" in page
    assert "{&#x27;" not in page and "{&quot;" not in page


def test_the_page_speaks_french(administrator: Client, order: Order) -> None:
    page = shown(administrator, order, "fr")

    assert "Calendrier" not in page
    assert "Chronologie" in page
    assert "Place PARIS a reçu le travail" in page


def test_a_rich_order_takes_no_more_queries_than_a_poor_one(
    administrator: Client, network: None, settings: Any, django_assert_num_queries: Any
) -> None:
    settings.VERSIONED_CACHE_SECONDS = 60  # so that nothing is asked anew meanwhile
    poor, rich = placed(), placed(order_body(*[("SKU-1", 1)] * 5))
    for _move in range(2):
        administrator.post(at(rich, "reroute", work_of(rich).pk))
    shown(administrator, poor)

    with django_assert_num_queries(13):
        shown(administrator, poor)
    with django_assert_num_queries(13):
        shown(administrator, rich)


def test_what_could_not_be_had_is_told_at_its_line_and_on_the_timeline(administrator: Client, network: None) -> None:
    order = placed(order_body(("SKU-1", 17), allow_partial=True))

    page = shown(administrator, order)

    assert "2 could not be had when the order was placed" in page
    assert "Canceled: 2 × SKU-1: it could not be had when the order was placed" in page


# ---- cancel ----------------------------------------------------------------------------------------


def cancel(client: Client, order: Order, **values: Any) -> Any:
    form = {"token": "cnl_1", "reason": "changed my mind", "quantity_0": 2} | values
    return client.post(at(order, "cancel"), form, follow=True)


def quantity_name(order: Order) -> str:
    return f"quantity_{order.lines.get().position}"


def test_canceling_a_part_gives_its_stock_back_and_says_so(administrator: Client, network: None) -> None:
    order = placed(order_body(("SKU-1", 3)))

    answer = cancel(administrator, order, **{quantity_name(order): 2})

    line = order.lines.get()
    assert words_of(answer) == ["The units were canceled."]
    assert (line.canceled, line.allocated, reserved("SKU-1", "PARIS")) == (2, 1, 1)
    event = Event.objects.get(type="orders.order.lines_canceled")
    assert (event.actor, event.payload["why"]) == ("user:root", "changed my mind")


def test_a_double_click_cancels_once(administrator: Client, network: None) -> None:
    order = placed(order_body(("SKU-1", 3)))

    for _click in range(2):
        cancel(administrator, order, **{quantity_name(order): 1})

    assert order.lines.get().canceled == 1


def test_canceling_what_is_being_picked_is_refused_and_keeps_what_was_typed(
    administrator: Client, network: None
) -> None:
    order = placed(order_body(("SKU-1", 1)))
    form_before = administrator.get(at(order, "cancel"))
    work = work_of(order)
    acknowledge(fulfillment_id=work.pk, actor="user:store", as_of=now())
    start_picking(fulfillment_id=work.pk, actor="user:store", as_of=now())
    before = facts(order)

    answer = cancel(administrator, order, **{quantity_name(order): 1})

    assert form_before.status_code == 200
    assert facts(order) == before
    assert "changed my mind" in answer.content.decode()


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"quantity": 9}, "Ensure this value is less than or equal to 1."),
        ({"quantity": 0}, "Choose at least one unit to cancel."),
        ({"quantity": 1, "reason": ""}, "This field is required."),
    ],
)
def test_a_wrong_cancellation_says_what_is_wrong_and_changes_nothing(
    values: dict[str, Any], fault: str, administrator: Client, order: Order
) -> None:
    before = facts(order)
    quantity = values.pop("quantity")

    answer = cancel(administrator, order, **{quantity_name(order): quantity}, **values)

    assert fault in answer.content.decode()
    assert facts(order) == before


# ---- hold and release --------------------------------------------------------------------------------


def test_a_hold_calls_the_work_back_and_its_release_hands_it_out_again(administrator: Client, order: Order) -> None:
    held = administrator.post(at(order, "hold"), {"kind": "fraud", "note": "three cards"}, follow=True)
    order.refresh_from_db()
    status_on_hold, work_on_hold = order.status, work_of(order).status
    hold = Hold.objects.get()
    page = shown(administrator, order)
    released = administrator.post(at(order, "release", hold.pk), follow=True)

    assert words_of(held) == ["The order is on hold."]
    assert (status_on_hold, work_on_hold, hold.placed_by) == ("on_hold", "planned", "user:root")
    assert "three cards" in page
    assert words_of(released) == ["The hold was released."]
    assert work_of(order).status == "assigned"


def test_a_second_hold_of_a_kind_is_refused_and_the_note_stays(administrator: Client, order: Order) -> None:
    administrator.post(at(order, "hold"), {"kind": "fraud", "note": "first"})
    before = facts(order)

    answer = administrator.post(at(order, "hold"), {"kind": "fraud", "note": "second look"})

    assert answer.status_code == 200
    assert "second look" in answer.content.decode()
    assert words_of(answer)[-1] == "This does not fit the present state: a hold of this kind is open"
    assert facts(order) == before


def test_a_hold_released_meanwhile_is_told_not_done_again(administrator: Client, order: Order) -> None:
    administrator.post(at(order, "hold"), {"kind": "fraud", "note": "x"})
    hold = Hold.objects.get()
    administrator.post(at(order, "release", hold.pk))
    before = facts(order)

    answer = administrator.post(at(order, "release", hold.pk), follow=True)

    assert words_of(answer)[-1] == "Not found"
    assert facts(order) == before


def test_a_release_by_a_mere_link_does_nothing(administrator: Client, order: Order) -> None:
    administrator.post(at(order, "hold"), {"kind": "fraud", "note": "x"})

    assert administrator.get(at(order, "release", Hold.objects.get().pk)).status_code == 405
    assert Hold.objects.get().released_at is None


# ---- moving work -------------------------------------------------------------------------------------


def test_moving_work_names_the_place_that_got_it(administrator: Client, order: Order) -> None:
    lost = work_of(order)

    answer = administrator.post(at(order, "reroute", lost.pk), follow=True)

    assert words_of(answer) == ["The work went to Place LILLE."]
    assert (work_of(order).location_id, work_of(order).replaces_id) == ("LILLE", lost.pk)


def test_moving_work_that_is_being_picked_is_refused(administrator: Client, order: Order) -> None:
    work = work_of(order)
    acknowledge(fulfillment_id=work.pk, actor="user:store", as_of=now())
    start_picking(fulfillment_id=work.pk, actor="user:store", as_of=now())
    before = facts(order)

    answer = administrator.post(at(order, "reroute", work.pk))

    assert words_of(answer) == ["This move is not possible now"]
    assert facts(order) == before


def test_work_of_another_order_cannot_be_moved_from_here(administrator: Client, order: Order) -> None:
    other = placed()

    assert administrator.post(at(order, "reroute", work_of(other).pk)).status_code == 404
    assert other.fulfillments.count() == 1


def test_a_pickup_is_not_offered_to_move_behind_the_shoppers_back(administrator: Client, network: None) -> None:
    order = placed(pickup_body())

    assert at(order, "reroute", work_of(order).pk) not in shown(administrator, order)


# ---- why here ----------------------------------------------------------------------------------------


def test_why_here_tells_the_decision_and_every_place_looked_at(administrator: Client, network: None) -> None:
    order = placed()

    page = administrator.get(reverse("admin:orders_fulfillment_why", args=[work_of(order).pk])).content.decode()

    assert "Asked for: 1 × SKU-1, delivery (standard) to 75011 (FR)." in page
    assert "Place PARIS sends 1 × SKU-1, at a cost of 4.00\N{NO-BREAK SPACE}EUR." in page
    assert page.count("Possible, but dearer") == 2
    assert "Chosen" in page
    assert f"{reverse('admin:routing_ruleset_bench')}?order={order.number}&amp;take=1" in page
    asks = re.search(r'<form method="get" action="([^"#]+)#why-not"', page)
    assert asks and "Why not" in administrator.get(asks[1], {"place": "LYON"}).content.decode()


def test_why_here_tells_of_a_pickup_that_the_shopper_chose_the_place(administrator: Client, network: None) -> None:
    order = placed(pickup_body())

    page = administrator.get(reverse("admin:orders_fulfillment_why", args=[work_of(order).pk])).content.decode()

    assert "Place PARIS hands over 1 × SKU-1: the shopper chose this place, no costs were compared." in page
    assert "at a cost of" not in page
    assert "No cheaper answer" not in page
    assert "2 more places: another place was chosen" in page
    assert "has none of it" not in page


def test_why_here_says_so_once_the_decision_is_forgotten(administrator: Client, network: None) -> None:
    order = placed()
    Decision.objects.filter(subject=order.pk).delete()

    page = administrator.get(reverse("admin:orders_fulfillment_why", args=[work_of(order).pk]), follow=True)

    assert page.redirect_chain[-1][0] == reverse("admin:orders_order_change", args=[order.pk])
    assert "Nobody knows any more why: decisions are kept for 400 days" in page.content.decode()


# ---- list ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "find",
    [
        lambda order: str(order.number),
        lambda order: f"#{order.number}",
        lambda order: order.external_id,
        lambda order: "A@example.org".lower(),
        lambda order: "marTin",
    ],
    ids=["number", "number with its sign", "external id", "e-mail", "beginning of a last name"],
)
def test_the_search_finds_by(find: Callable[[Order], str], administrator: Client, network: None) -> None:
    customer = {"external_id": "C-9", "email": "a@example.org", "first_name": "Zoé", "last_name": "Martinez"}
    order = placed(order_body(customer=customer))
    placed(order_body(customer={"email": "b@example.org", "last_name": "Other"}))

    answer = administrator.get(reverse("admin:orders_order_changelist"), {"q": find(order)})

    assert [row.pk for row in answer.context["cl"].result_list] == [order.pk]


def test_an_exception_stands_on_the_order_page(administrator: Client, network: None) -> None:
    order = placed()
    for _place in range(3):
        decline(fulfillment_id=work_of(order).pk, command=Decline(reason="closed"), actor="user:store", as_of=now())

    case = ExceptionCase.objects.get()

    assert reverse("admin:orders_exceptioncase_change", args=[case.pk]) in shown(administrator, order)
