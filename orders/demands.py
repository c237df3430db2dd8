"""What our orders want of the places, for rooms below that are told of them by number: a stock room (see
`inventory.demands`), and the test bench of the rules (`routing.services.bench`)."""

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from django.db.models import F

from inventory.demands import DemandOwner, OrderDemand
from orders.models import Delivery, FulfillmentLine, OrderLine
from orders.models.order import demand_of_line
from orders.services import planning
from orders.states import LIVE, FulfillmentStatus
from routing.services.sourcing import Demand

_NUMBER = re.compile("[1-9][0-9]{0,17}")  # written in one way only: an order has one account
_GIVEN = [*LIVE, FulfillmentStatus.SHIPPED, FulfillmentStatus.DELIVERED, FulfillmentStatus.COLLECTED]


def demands_of_orders(references: Collection[str]) -> Mapping[str, Sequence[OrderDemand]]:
    """By order number, in the order of the lines; what a place has lost, or never had, is not among it."""
    numbers = [int(text) for text in references if _NUMBER.fullmatch(text)]
    rows = (
        FulfillmentLine.objects.filter(fulfillment__order__number__in=numbers, fulfillment__status__in=_GIVEN)
        .order_by("order_line__position", "id")
        .annotate(units=F("quantity") - F("short") - F("canceled"))
        .values_list("fulfillment__order__number", "order_line__pk", "sku", "fulfillment__location_id", "units")
    )
    units: dict[tuple[int, OrderDemand], int] = defaultdict(int)
    for number, line, sku, location, given in rows:
        units[number, OrderDemand(demand_of_line(line), sku, location, 0)] += given
    found: dict[str, list[OrderDemand]] = defaultdict(list)
    for (number, demand), given in units.items():
        found[str(number)].append(demand._replace(units=given))
    return found


def owners_of_demands(demands: Collection[str]) -> Mapping[str, DemandOwner]:
    """The orders of these lines."""
    lines = OrderLine.objects.filter(pk__in=[demand.removeprefix("order_line:") for demand in demands])
    rows = lines.values_list("pk", "order_id", "order__number")
    return {
        demand_of_line(line): DemandOwner(f"#{number}", "orders.Order", order_id) for line, order_id, number in rows
    }


def demands_of_number(typed: str) -> list[Demand]:
    """What each delivery of an order asked for at first, in their order; none for a number that is none of ours."""
    if not _NUMBER.fullmatch(typed):
        return []
    deliveries = Delivery.objects.filter(order__number=int(typed)).select_related("order").order_by("pk")
    asked = planning.demands_as_asked(list(deliveries.prefetch_related("lines__product")))
    return [demand for _delivery, demand in asked]


def numbers_of_deliveries(ids: Collection[str]) -> dict[str, int]:
    return dict(Delivery.objects.filter(pk__in=ids).values_list("pk", "order__number"))


def deliveries_of_number(number: int) -> list[str]:
    return list(Delivery.objects.filter(order__number=number).values_list("pk", flat=True))
