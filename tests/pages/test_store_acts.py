"""Each act of the phone page without script, and what a refusal leaves behind."""

from typing import Any

import pytest
from django.test import Client

from inventory.models import Product, StockLevel
from inventory.services.pauses import pause_location, resume_location
from oms.cache import clear_all
from oms.clock import now
from oms.models import Event
from orders.commands import CancelOrder, HoldOrder, Pick, PickLine
from orders.models import Fulfillment, Offer
from orders.pickup_codes import pickup_code
from orders.services.cancellation import cancel_order
from orders.services.fulfillments import pick
from orders.services.holds import hold_order
from routing.models import ServiceLevel
from routing.services.rule_sets import create_draft, publish_rule_set
from tests.factories.inventory import set_stock
from tests.factories.orders import order_body, pickup_body
from tests.factories.people import make_user, placed
from tests.pages.conftest import accepted, packed, pass_time, picked, ready, ring


def now_(work: Fulfillment) -> Fulfillment:
    return Fulfillment.objects.get(pk=work.pk)


def act(client: Client, work: Fulfillment, name: str, **values: Any) -> Any:
    return client.post(f"/store/work/{work.pk}/{name}/", values)


def page(response: Any) -> str:
    return response.content.decode()


def test_the_list_shows_the_most_urgent_work_first_and_counts_every_tab(lea: Client) -> None:
    first, second = placed(order_body()), placed(order_body())
    Fulfillment.objects.filter(pk=second.pk).update(acknowledge_by=first.acknowledge_by.replace(year=2020))
    accepted(placed(order_body()))

    shown = page(lea.get("/store/at/PARIS/"))

    assert shown.index(second.pk) < shown.index(first.pk)
    assert [
        f'data-count="{tab}">{count}<' in shown for tab, count in (("new", 2), ("pick", 1), ("hand", 0), ("today", 0))
    ] == [True] * 4


def test_late_work_says_who_waits(lea: Client) -> None:
    work = placed(order_body())
    Fulfillment.objects.filter(pk=work.pk).update(acknowledge_by=work.assigned_at.replace(year=2020))

    shown = page(lea.get("/store/at/PARIS/"))

    assert 'class="card is-late"' in shown
    assert "A B. is waiting" in shown


def test_packed_goods_show_until_when_the_carrier_must_have_them(lea: Client) -> None:
    ServiceLevel.objects.create(acknowledge_minutes=60, prepare_minutes=600, hand_over_minutes=90)
    clear_all()
    work = packed(placed(order_body()))

    for address in ("/store/at/PARIS/?tab=pick", f"/store/work/{work.pk}/"):
        shown = page(lea.get(address))
        assert "Hand over within" in shown
        assert f'datetime="{now_(work).hand_over_by.isoformat()}"' in shown


def test_work_of_which_the_place_was_warned_stands_out(lea: Client) -> None:
    warned, quiet = placed(order_body()), placed(order_body())
    ring(warned, "orders.warn")

    shown = page(lea.get("/store/at/PARIS/"))

    assert f'class="card is-soon" id="{warned.pk}"' in shown
    assert f'class="card" id="{quiet.pk}"' in shown
    assert "Due soon" in shown
    assert "Late, or about to be" not in shown  # that is for managers

    ring(warned, "orders.warn_manager")
    assert "The manager knows" in page(lea.get(f"/store/work/{warned.pk}/"))


def test_a_manager_sees_on_every_tab_what_is_late_or_about_to_be(lea: Client) -> None:
    set_stock("SKU-1", "PARIS", 50)
    works = [placed(order_body()) for _ in range(7)]
    for work in works[:6]:
        ring(work, "orders.warn", "orders.warn_manager")
    manager = Client()
    manager.force_login(make_user("marie", "store_manager", places=("PARIS", "LYON")))

    shown = page(manager.get("/store/at/PARIS/?tab=today"))

    assert "Late, or about to be" in shown
    assert [f"#{work.order.number}</strong>" in shown for work in works] == [True] * 5 + [False] * 2
    assert "and 1 more" in shown
    places = page(manager.get("/store/?q=a"))
    assert "6 due soon" in places


def test_while_the_order_is_held_the_list_counts_nothing_down(lea: Client) -> None:
    parcel, pickup = picked(placed(order_body())), ready(placed(pickup_body()))
    for work in (parcel, pickup):
        hold_order(number=work.order.number, command=HoldOrder(kind="fraud"), actor="user:a", as_of=now())
    pass_time(hours=200)

    for tab in ("pick", "hand"):
        shown = page(lea.get(f"/store/at/PARIS/?tab={tab}"))
        assert "On hold: clock stopped" in shown
        assert "is-late" not in shown and "data-due" not in shown
    for work in (parcel, pickup):
        assert "On hold: clock stopped" in page(lea.get(f"/store/work/{work.pk}/"))


def test_the_picking_screen_says_that_the_order_is_held(lea: Client) -> None:
    work = accepted(placed(order_body()))
    act(lea, work, "start")
    assert "On hold" not in page(lea.get(f"/store/work/{work.pk}/"))
    hold_order(number=work.order.number, command=HoldOrder(kind="fraud"), actor="user:a", as_of=now())

    shown = page(lea.get(f"/store/work/{work.pk}/"))

    assert "On hold: clock stopped" in shown
    assert 'id="pick"' in shown


def test_what_may_not_leave_now_has_no_button_for_it_but_the_reason(lea: Client) -> None:
    parcel, pickup = packed(placed(order_body())), ready(placed(pickup_body()))
    set_stock("SKU-2", "PARIS", 5)
    body = order_body(("SKU-1", 1), ("SKU-2", 1))
    body["lines"][0]["group"] = body["lines"][1]["group"] = "set"
    torn = accepted(placed(body))
    lines = [PickLine(line="l1", picked=1), PickLine(line="l2", picked=0, short_reason="damaged")]
    pick(fulfillment_id=torn.pk, command=Pick(lines=lines), actor="user:lea", as_of=now())
    for work in (parcel, pickup):
        assert "<form" in page(lea.get(f"/store/work/{work.pk}/"))
        hold_order(number=work.order.number, command=HoldOrder(kind="fraud"), actor="user:a", as_of=now())

    pages = [page(lea.get(f"/store/work/{work.pk}/")) for work in (parcel, pickup, torn)]

    assert ['id="ship"' in shown or 'id="hand-over"' in shown for shown in pages] == [False] * 3
    assert "nothing may leave until it is released" in pages[0] and "nothing may leave" in pages[1]
    assert "a person decides first what becomes of that" in pages[2]


def test_an_empty_list_says_what_to_do(lea: Client) -> None:
    assert "New work appears here by itself" in page(lea.get("/store/at/PARIS/"))


def test_accepting_from_the_list_stays_on_the_list(lea: Client) -> None:
    work = placed(order_body())

    response = act(lea, work, "accept", **{"from": "list"})

    assert response["Location"] == "/store/at/PARIS/?tab=new"
    assert (now_(work).status, now_(work).claimed_by) == ("accepted", "user:lea")
    assert f"#{work.order.number} is yours" in page(lea.get("/store/at/PARIS/"))


def test_a_double_tap_is_no_error(lea: Client) -> None:
    work = placed(order_body())

    first, second = act(lea, work, "accept"), act(lea, work, "accept")

    assert (first.status_code, second.status_code) == (302, 302)
    assert Event.objects.filter(subject=work.pk, type="orders.fulfillment.accepted").count() == 1


def test_an_accept_after_the_clock_is_refused_in_plain_words_and_changes_nothing(lea: Client) -> None:
    work = placed(order_body())
    pass_time(days=1)
    events = Event.objects.count()

    response = act(lea, work, "accept")

    assert response.status_code == 409
    assert "The clock was first" in page(response)
    assert now_(work).status == "timed_out"
    assert Event.objects.count() == events


def test_declining_needs_a_reason_and_keeps_the_note(lea: Client) -> None:
    work = placed(order_body())
    events = Event.objects.count()

    response = act(lea, work, "decline", note="the till is broken")

    assert response.status_code == 422
    assert "Please choose a reason." in page(response)
    assert "the till is broken" in page(response)
    assert now_(work).status == "assigned"
    assert Event.objects.count() == events


def test_declined_work_goes_to_another_place(lea: Client) -> None:
    work = placed(order_body())

    response = act(lea, work, "decline", reason="too_busy", note="")

    assert response["Location"] == "/store/at/PARIS/?tab=new"
    assert now_(work).status == "declined"
    assert Fulfillment.objects.get(replaces=work).location_id == "LILLE"


def test_what_was_typed_survives_a_decline_that_came_too_late(lea: Client) -> None:
    work = placed(order_body())
    pass_time(days=1)

    response = act(lea, work, "decline", reason="other", note="the till is broken")

    assert response.status_code == 409
    assert "the till is broken" in page(response)


def test_picking_begins_goes_line_by_line_and_ends_with_the_carrier(lea: Client) -> None:
    work = accepted(placed(order_body(("SKU-1", 2), ("SKU-1", 1))))

    act(lea, work, "start")
    assert now_(work).status == "picking"
    assert "pick 1 of 2" in page(lea.get(f"/store/work/{work.pk}/"))
    act(lea, work, "pick", line="l1", picked="2")
    assert "pick 2 of 2" in page(lea.get(f"/store/work/{work.pk}/"))
    act(lea, work, "pick", line="l2", picked="1")
    assert "Given to the carrier" in page(lea.get(f"/store/work/{work.pk}/"))
    response = act(lea, work, "ship", carrier_service="", tracking_number="6A123")

    assert response["Location"] == "/store/at/PARIS/?tab=pick"
    assert now_(work).status == "shipped"
    assert now_(work).shipment.tracking_number == "6A123"
    assert work.pk in page(lea.get("/store/at/PARIS/?tab=today"))


def test_more_than_was_asked_for_is_refused_and_stays_in_the_field(lea: Client) -> None:
    work = accepted(placed(order_body(("SKU-1", 2))))
    act(lea, work, "start")

    response = act(lea, work, "pick", line="l1", picked="3")

    assert response.status_code == 422
    assert "That is more than were asked for." in page(response)
    assert 'value="3"' in page(response)
    assert now_(work).lines.get().picked == 0


@pytest.mark.parametrize("given", ["-1", "two", "", "9999999"])
def test_a_number_that_is_none_is_refused(lea: Client, given: str) -> None:
    work = accepted(placed(order_body(("SKU-1", 2))))
    act(lea, work, "start")

    assert act(lea, work, "pick", line="l1", picked=given).status_code == 422
    assert now_(work).lines.get().picked == 0


def test_a_line_that_is_not_part_of_the_work_is_refused(lea: Client) -> None:
    work = accepted(placed(order_body()))
    act(lea, work, "start")

    response = act(lea, work, "pick", line="l9", picked="1")

    assert response.status_code == 422
    assert "This article is not part of the work." in page(response)


def test_what_is_missing_is_looked_for_elsewhere(lea: Client) -> None:
    work = accepted(placed(order_body(("SKU-1", 2))))
    act(lea, work, "start")

    act(lea, work, "short", line="l1", picked="1", short_reason="damaged")

    line = now_(work).lines.get()
    assert (line.picked, line.short, line.short_reason) == (1, 1, "damaged")
    assert Fulfillment.objects.get(replaces=work).location_id == "LILLE"
    assert "Given to the carrier" in page(lea.get(f"/store/work/{work.pk}/"))


def test_nothing_found_ends_the_work_here(lea: Client) -> None:
    work = accepted(placed(order_body()))
    act(lea, work, "start")

    act(lea, work, "short", line="l1", picked="0", short_reason="not_found")

    assert now_(work).status == "declined"
    assert "Nothing of it was found here" in page(lea.get(f"/store/work/{work.pk}/"))


def test_a_reason_is_needed_for_what_is_missing(lea: Client) -> None:
    work = accepted(placed(order_body()))
    act(lea, work, "start")

    response = act(lea, work, "short", line="l1", picked="0")

    assert response.status_code == 422
    assert "Please choose a reason." in page(response)
    assert now_(work).lines.get().short == 0


def test_a_pickup_is_made_ready_with_its_staging_place(lea: Client) -> None:
    work = picked(placed(pickup_body()))

    response = act(lea, work, "ready", staging=" B-04 ")

    assert response["Location"] == "/store/at/PARIS/?tab=pick"
    assert (now_(work).status, now_(work).staging) == ("ready_for_pickup", "B-04")
    assert "B-04" in page(lea.get("/store/at/PARIS/?tab=hand"))


def test_the_code_hands_it_over(lea: Client) -> None:
    work = ready(placed(pickup_body()))
    code = pickup_code(work.pk)

    response = act(lea, work, "hand-over", code=f"{code[:3]} {code[3:]}")

    assert response["Location"] == "/store/at/PARIS/?tab=hand"
    assert now_(work).status == "collected"


def test_a_wrong_code_keeps_what_was_typed_and_says_how_many_are_left(lea: Client) -> None:
    work = ready(placed(pickup_body()))
    wrong = "000000" if pickup_code(work.pk) != "000000" else "111111"

    response = act(lea, work, "hand-over", code=wrong, collected_by="Ann Other")

    assert response.status_code == 422
    assert "4 attempts left" in page(response)
    assert f'value="{wrong}"' in page(response)
    assert "Ann Other" in page(response)
    assert now_(work).status == "ready_for_pickup"


def test_five_wrong_codes_lock_it_but_not_the_identity(lea: Client) -> None:
    work = ready(placed(pickup_body()))
    wrong = "000000" if pickup_code(work.pk) != "000000" else "111111"
    answers = [act(lea, work, "hand-over", code=wrong) for _ in range(6)]

    assert [answer.status_code for answer in answers] == [422, 422, 422, 422, 422, 409]
    assert "Too many wrong codes" in page(answers[5])
    assert act(lea, work, "hand-over", code=pickup_code(work.pk)).status_code == 409
    assert act(lea, work, "hand-over", identity_checked="on", collected_by="Ann Other").status_code == 302
    assert now_(work).status == "collected"


def test_neither_code_nor_identity_is_refused(lea: Client) -> None:
    work = ready(placed(pickup_body()))

    response = act(lea, work, "hand-over")

    assert response.status_code == 422
    assert "Type the code, or check the identity." in page(response)
    assert now_(work).wrong_codes == 0


def test_the_customer_gets_more_time(lea: Client) -> None:
    work = ready(placed(pickup_body()))
    before = now_(work).collect_by

    act(lea, work, "extend")

    assert now_(work).collect_by > before


def test_a_tracking_number_typed_for_a_canceled_order_is_not_lost(lea: Client) -> None:
    work = placed(order_body())
    cancel_order(number=work.order.number, command=CancelOrder(), actor="test", as_of=work.assigned_at)

    response = act(lea, work, "ship", tracking_number="6A123")

    assert response.status_code == 409
    assert "The order was canceled in the meantime" in page(response)
    assert "6A123" in page(response)


def test_an_act_opened_as_a_page_shows_the_work(lea: Client) -> None:
    work = placed(order_body())

    assert lea.get(f"/store/work/{work.pk}/accept/")["Location"] == f"/store/work/{work.pk}/"
    assert now_(work).status == "assigned"


def test_articles_stand_in_walking_order_in_the_readers_language(lea: Client) -> None:
    set_stock("SKU-2", "PARIS", 5)
    StockLevel.objects.filter(product="SKU-1").update(bin="A-10")
    StockLevel.objects.filter(product="SKU-2").update(bin="A-2")
    Product.objects.filter(pk="SKU-2").update(name_fr="Une chose", attributes={"size": "M", "color": {"fr": "bleu"}})
    work = accepted(placed(order_body(("SKU-1", 1), ("SKU-2", 1))))

    shown = page(lea.get(f"/store/work/{work.pk}/", headers={"Accept-Language": "fr"}))

    assert shown.index("A-2") < shown.index("A-10")
    assert "Une chose" in shown
    assert "M · bleu" in shown


def test_work_that_others_have_not_answered_for_is_offered_and_taken(lea: Client) -> None:
    document = {
        "rules": [{"steps": [{"from": {"locations": ["LILLE", "PARIS"]}, "offer_to": 2, "weights": OFTEN_LILLE}]}]
    }
    publish_rule_set(rule_set_id=create_draft(document=document).pk, actor="test", as_of=now())
    clear_all()
    work = placed(order_body())
    assert work.location_id == "LILLE"
    pass_time(seconds=1)
    offer = Offer.objects.get(location="PARIS")

    shown = page(lea.get("/store/at/PARIS/"))
    assert "Who is first has it" in shown and f'action="/store/offers/{offer.pk}/take/"' in shown
    assert f"#{work.order.number}" in shown
    pause_location(code="PARIS", until=None, reason="", actor="test", as_of=now())
    clear_all()
    assert "Who is first has it" not in page(lea.get("/store/at/PARIS/"))  # it takes no orders now
    resume_location(code="PARIS", actor="test", as_of=now())
    clear_all()
    assert "Who is first has it" not in page(signed_in("tom").get("/store/at/LYON/"))
    assert signed_in("kim").post(f"/store/offers/{offer.pk}/take/").status_code == 404

    taken = lea.post(f"/store/offers/{offer.pk}/take/", follow=True)

    assert "is yours. It waits under Pick." in page(taken)
    here = Fulfillment.objects.get(location="PARIS")
    assert (here.status, here.replaces_id, here.claimed_by) == ("accepted", work.pk, "user:lea")
    assert "Who is first has it" not in page(lea.get("/store/at/PARIS/"))


def test_an_offer_that_is_gone_says_so(lea: Client) -> None:
    document = {
        "rules": [{"steps": [{"offer_to": 2, "weights": OFTEN_LILLE, "from": {"locations": ["LILLE", "PARIS"]}}]}]
    }
    publish_rule_set(rule_set_id=create_draft(document=document).pk, actor="test", as_of=now())
    clear_all()
    work = placed(order_body())
    pass_time(seconds=1)
    accepted(work)

    gone = lea.post(f"/store/offers/{Offer.objects.get(location='PARIS').pk}/take/", follow=True)

    assert "is not offered any more." in page(gone)
    assert not Fulfillment.objects.filter(location="PARIS").exists()


OFTEN_LILLE = {"cost": 0, "location_order": 1}


def signed_in(name: str) -> Client:
    """Works in Lyon."""
    client = Client()
    client.force_login(make_user(name, places=("LYON",)))
    return client
