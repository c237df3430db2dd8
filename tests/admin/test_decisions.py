"""Decisions are found and named as people name orders."""

import pytest
from django.test import Client
from django.urls import reverse

from orders.models import Order
from routing.models import Decision
from routing.services.dry_runs import DRY_RUN
from tests.admin.conftest import placed

LIST = "admin:routing_decision_changelist"


@pytest.mark.parametrize("written", ["{}", "#{}", " #{} "])
def test_an_order_number_finds_its_decisions(administrator: Client, order: Order, written: str) -> None:
    placed()

    answer = administrator.get(reverse(LIST), {"q": written.format(order.number)})

    assert [found.subject for found in answer.context["cl"].result_list] == [order.pk]


def test_a_dry_run_is_named_in_the_language_of_whoever_looks(administrator: Client, order: Order) -> None:
    Decision.objects.update(subject=DRY_RUN)
    french = {"headers": {"accept-language": "fr"}}

    shown = administrator.get(reverse(LIST), **french).content.decode()
    page = administrator.get(reverse("admin:routing_decision_change", args=[Decision.objects.get().pk]), **french)

    assert "essai à blanc" in shown and "dry run" not in shown
    assert page.context["subject"] == "essai à blanc"


def test_ids_find_decisions_as_before(administrator: Client, order: Order) -> None:
    decision = Decision.objects.get()
    placed()

    for text in (order.pk, decision.pk):
        answer = administrator.get(reverse(LIST), {"q": text})
        assert [found.pk for found in answer.context["cl"].result_list] == [decision.pk]
    assert not administrator.get(reverse(LIST), {"q": str(10**17)}).context["cl"].result_list


def test_orders_are_named_by_their_numbers(administrator: Client, order: Order) -> None:
    named = f'<a class="bo-link" href="/admin/orders/order/{order.pk}/change/">#{order.number}</a>'

    shown = administrator.get(reverse(LIST)).content.decode()
    page = administrator.get(
        reverse("admin:routing_decision_change", args=[Decision.objects.get().pk])
    ).content.decode()

    assert named in shown
    assert named in page
