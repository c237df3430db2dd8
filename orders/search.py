"""Orders and customers by what people type: one search for the API and for staff, each way of it over an index."""

import re

from django.db.models import Q, QuerySet

from oms.channels import channels
from orders.models import Customer, Delivery, Fulfillment, Order
from orders.models.customer import phone_end

_PEOPLE_SEARCHED = 500
_FEWEST_DIGITS = 6
_PARTS: dict[str, type[Delivery] | type[Fulfillment]] = {"dlv": Delivery, "ful": Fulfillment}


def find_customers(customers: QuerySet[Customer], text: str) -> QuerySet[Customer]:
    """By external id, the beginning of an e-mail or last name, first and last name, or a telephone number."""
    text = text.strip()
    if not text:
        return customers.none()
    wanted = Q(channel__in=list(channels()), external_id=text) | Q(email__istartswith=text) | _is_called(text)
    digits = re.sub("[^0-9]", "", text)
    if len(digits) >= _FEWEST_DIGITS and re.fullmatch(r"[0-9+() ./-]+", text):
        customers = customers.alias(phone_end=phone_end())
        wanted |= Q(phone_end__startswith=digits.lstrip("0")[::-1])
    return customers.filter(wanted)


def _is_called(text: str) -> Q:
    """A last name, or a first and a last name in either order."""
    first, _space, last = text.partition(" ")
    called = Q(last_name__istartswith=text)
    if last := last.strip():
        called |= Q(last_name__istartswith=last, first_name__istartswith=first)
        called |= Q(last_name__istartswith=first, first_name__istartswith=last)
    return called


def find_orders(orders: QuerySet[Order], text: str) -> QuerySet[Order]:
    """By number, external id, the id of a delivery or of work, or whoever `find_customers` finds (the first five hundred)."""
    text = text.strip()
    known = list(find_customers(Customer.objects.all(), text).values_list("pk", flat=True)[:_PEOPLE_SEARCHED])
    wanted = Q(channel__in=list(channels()), external_id=text) | Q(customer__in=known)
    number = text.lstrip("#")
    if number.isdecimal() and len(number) < 19:
        wanted |= Q(number=int(number))
    if part := _PARTS.get(text.partition("_")[0]):
        wanted |= Q(pk__in=part.objects.filter(pk=text).values("order"))
    return orders.filter(wanted)
