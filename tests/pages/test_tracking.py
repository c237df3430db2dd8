import pytest
from django.test import Client
from django.utils import translation

from oms.models import Event
from orders.models import Fulfillment, Order
from orders.pickup_codes import pickup_code
from orders.services.fulfillments import start_picking
from tests.factories.inventory import set_stock
from tests.factories.orders import order_body, pickup_body
from tests.factories.people import placed
from tests.pages.conftest import accepted, ready, shipped

pytestmark = pytest.mark.usefixtures("network")


def address(work: Fulfillment, tail: str = "") -> str:
    return f"/track/{work.order.tracking_token}/{tail}"


def page(work: Fulfillment, tail: str = "") -> str:
    return Client().get(address(work, tail)).content.decode()


def test_an_unknown_address_is_not_there() -> None:
    assert Client().get("/track/nothing/").status_code == 404
    assert Client().get("/track/nothing/cancel/").status_code == 404


def test_nobody_keeps_indexes_or_passes_on_the_address() -> None:
    response = Client().get(address(placed(order_body())))

    assert response["Cache-Control"] == "no-store"
    assert response["X-Robots-Tag"] == "noindex, nofollow"
    assert response["Referrer-Policy"] == "no-referrer"
    assert response.cookies == {}


def test_it_says_what_when_and_where() -> None:
    work = placed(order_body(("SKU-1", 2)))
    thursday = "2026-03-05T22:59:00Z"
    Order.objects.filter(pk=work.order_id).update(promised_at=thursday, expected_at=thursday)

    shown = page(work)

    assert "We have your order" in shown
    assert "With you by Thursday 5 March" in shown
    assert "Paris" in shown
    assert "×2" in shown
    assert "€44.70" in shown


def test_a_later_date_is_told_before_anyone_asks() -> None:
    work = placed(order_body())
    thursday, saturday = "2026-03-05T22:59:00Z", "2026-03-07T22:59:00Z"
    Order.objects.filter(pk=work.order_id).update(promised_at=thursday, expected_at=saturday)

    shown = page(work)

    assert "With you by Saturday 7 March" in shown
    assert "Later than the Thursday 5 March we had promised" in shown


def test_a_parcel_on_its_way_is_still_expected_on_a_day_until_it_arrives() -> None:
    work = shipped(placed(order_body()))
    thursday, tuesday = "2026-11-19T22:59:00Z", "2026-11-24T22:59:00Z"
    Order.objects.filter(pk=work.order_id).update(promised_at=thursday, expected_at=thursday)
    Fulfillment.objects.filter(pk=work.pk).update(expected_at=tuesday)

    shown = page(work)

    assert "Your order is on its way" in shown
    assert "Expected Tuesday 24 November" in shown
    assert "Later than the Thursday 19 November we had promised" in shown
    Fulfillment.objects.filter(pk=work.pk).update(status="delivered")
    assert "Delivered. Thank you!" in page(work)
    assert "Expected" not in page(work)


def test_the_last_of_several_parcels_on_their_way_is_waited_for() -> None:
    order = placed(order_body(("SKU-1", 7))).order
    first, last = [shipped(work) for work in Fulfillment.objects.filter(order=order).order_by("id")]
    Fulfillment.objects.filter(pk=first.pk).update(expected_at="2026-11-24T22:59:00Z")
    Fulfillment.objects.filter(pk=last.pk).update(expected_at="2026-11-26T22:59:00Z")

    assert "Expected Thursday 26 November" in page(first)
    Fulfillment.objects.filter(pk=last.pk).update(status="delivered")
    assert "Expected Tuesday 24 November" in page(first)


def test_it_speaks_the_language_of_the_order_not_of_the_browser() -> None:
    work = placed(order_body(locale="fr-FR"))

    response = Client().get(address(work), headers={"Accept-Language": "en"})

    assert '<html lang="fr"' in response.content.decode()
    assert "44,70" not in response.content.decode()
    assert translation.get_language() == "en"


@pytest.mark.parametrize(
    ("locale", "said"),
    [
        (
            "en",
            [
                "2 × A thing",
                "We did not have this when you ordered, and you do not pay for it.",
                "2 not available",
                "Part of the order was not available",
                "€303.40",
            ],
        ),
        (
            "fr",
            [
                "Nous ne l’avions pas au moment de votre commande, et vous ne le payez pas.",
                "2 indisponibles",
                "Une partie de la commande n’était pas disponible",
            ],
        ),
    ],
)
def test_what_could_not_be_had_is_told_and_not_counted(locale: str, said: list[str]) -> None:
    """Fifteen were to be had."""
    work = placed(order_body(("SKU-1", 17), allow_partial=True, locale=locale))

    shown = page(work)

    assert [words for words in said if words not in shown] == []
    assert "Part of the order was canceled" not in shown
    assert "×15" in page(work, "cancel/")


def test_the_code_is_shown_only_while_it_can_be_collected() -> None:
    work = placed(pickup_body())
    code = pickup_code(work.pk)
    spaced = f"{code[:3]} {code[3:]}"

    assert spaced not in page(work)
    ready(work)
    shown = page(work)
    assert spaced in shown
    assert 'src="data:image/svg+xml' in shown
    Fulfillment.objects.filter(pk=work.pk).update(status="collected")
    assert spaced not in page(work)


def test_places_that_lost_the_work_are_not_shown() -> None:
    work = placed(order_body())
    Event.objects.filter(root=work.order_id, type="orders.order.placed").update(is_public=False)
    accepted(work)

    shown = page(work)

    assert "The place that prepares it has confirmed" in shown
    assert "We have received your order" not in shown
    assert "PARIS" not in shown


def test_the_whole_order_is_canceled_after_a_second_question() -> None:
    work = placed(order_body())
    assert address(work, "cancel/") in page(work)
    assert "Cancel the whole order?" in page(work, "cancel/")

    response = Client().post(address(work, "cancel/"))

    assert response["Location"] == address(work)
    assert Order.objects.get(pk=work.order_id).status == "canceled"
    assert Event.objects.get(root=work.order_id, type="orders.order.canceled").actor == "shopper"
    assert "Your order is canceled" in page(work)


def test_canceling_needs_the_token_of_the_page() -> None:
    work = placed(order_body())

    assert Client(enforce_csrf_checks=True).post(address(work, "cancel/")).status_code == 403
    assert Order.objects.get(pk=work.order_id).status == "in_fulfillment"


def test_what_is_being_prepared_cannot_be_canceled_any_more() -> None:
    work = accepted(placed(order_body()))
    start_picking(fulfillment_id=work.pk, actor="user:lea", as_of=work.assigned_at)
    events = Event.objects.count()

    response = Client().post(address(work, "cancel/"))

    assert address(work, "cancel/") not in page(work)
    assert Client().get(address(work, "cancel/"))["Location"] == address(work)
    assert response.status_code == 409
    assert "could not be canceled any more" in response.content.decode()
    assert Order.objects.get(pk=work.order_id).status == "in_fulfillment"
    assert Event.objects.count() == events


def test_statements_do_not_grow_with_the_order(django_assert_num_queries) -> None:
    set_stock("SKU-2", "PARIS", 50)
    small, large = placed(order_body()), placed(order_body(("SKU-1", 1), ("SKU-2", 2), ("SKU-2", 3)))
    page(small)

    for work in (small, large):
        with django_assert_num_queries(8):
            page(work)
