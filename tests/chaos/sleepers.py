"""Three stores that never answer, a depot that has time, and orders that find out."""

from collections import Counter

from django.db.models import Q

from inventory.models import StockLevel
from oms.clock import now
from oms.invariants import all_invariants
from oms.models import Deadline, Event
from orders.models import ExceptionCase, Fulfillment, OrderLine
from orders.states import LIVE
from tests.factories.inventory import make_location, set_stocks
from tests.factories.orders import make_key, make_network, order_body
from tests.flows.conftest import Answer, Api

STORES = ("PARIS", "LILLE", "LYON")
CLOCKS = ("orders.acknowledge", "orders.prepare")
PLENTY = 1000
MARSEILLE = {"latitude": 43.296, "longitude": 5.37, "postal_code": "13001", "city": "Marseille"}
BASKETS = [[("SKU-1", 1)], [("SKU-2", 1)], [("SKU-1", 2), ("SKU-2", 1)]]


def make_world(*, asleep_after_seconds: float) -> Api:
    """SKU-1 is at the depot too and ends there; SKU-2 is only in the stores and ends before a person."""
    make_network()
    make_location("DEPOT", kind="warehouse", handling_cost=20, **MARSEILLE)
    set_stocks({(sku, store): PLENTY for sku in ("SKU-1", "SKU-2") for store in STORES} | {("SKU-1", "DEPOT"): PLENTY})
    api = Api(make_key("shop"))
    level = {"acknowledge_minutes": asleep_after_seconds / 60, "prepare_minutes": 600, "max_attempts": 9}
    assert api.post("service-levels/", {"scope": {"kinds": ["store"]}, **level}).status == 201
    assert (
        api.post("service-levels/", {"scope": {"kinds": ["warehouse"]}, **level, "acknowledge_minutes": 600}).status
        == 201
    )
    return api


def place(api: Api, number: int) -> Answer:
    """The shopper presses until an answer comes; the key makes one order of it."""
    return api.post(
        "orders/", order_body(*BASKETS[number % 3], external_id=f"S-{number}"), Idempotency_Key=f"k-{number}"
    )


def is_settled() -> bool:
    """The stores have lost everything, no clock is behind, and the feed is complete."""
    return not (
        Fulfillment.objects.filter(Q(location__in=STORES) | Q(status="planned"), status__in=LIVE).exists()
        or Deadline.objects.filter(done_at=None, due_at__lte=now()).exists()
        or Event.objects.filter(position=None).exists()
    )


def assert_nothing_was_lost_and_nothing_done_twice(orders: int) -> None:
    lines = list(OrderLine.objects.select_related("order").prefetch_related("fulfillment_lines__fulfillment"))
    assert len({line.order_id for line in lines}) == orders
    cases = ExceptionCase.objects.filter(status="open").values_list("order_id", "lines")
    in_queue = Counter((order_id, entry["line"]) for order_id, entries in cases for entry in entries)
    for line in lines:
        tries = [work.fulfillment for work in line.fulfillment_lines.all()]
        live = [work.location_id for work in tries if work.status in LIVE]
        lost = [work.location_id for work in tries if work.status == "timed_out"]
        assert sorted(lost) == sorted(STORES)
        assert live == (["DEPOT"] if line.product_id == "SKU-1" else [])
        assert in_queue[line.order_id, line.ref] == (0 if line.product_id == "SKU-1" else 1)
        assert len(tries) == len(lost) + len(live)
    _assert_each_move_was_told_once()
    _assert_each_deadline_rang_once()
    _assert_stock_is_where_the_work_is(lines)
    broken = {invariant.name: found for invariant in all_invariants() if (found := list(invariant.broken()))}
    assert broken == {}


def _assert_each_move_was_told_once() -> None:
    told: dict[str, list[str]] = {}
    warned: list[tuple[str, str]] = []
    for subject, kind in (
        Event.objects.filter(type__startswith="orders.fulfillment.").order_by("id").values_list("subject", "type")
    ):
        name = kind.rpartition(".")[2]
        if name in ("due_soon", "escalated"):
            warned.append((subject, name))
        else:
            told.setdefault(subject, []).append(name)
    assert len(warned) == len(set(warned))
    for work in Fulfillment.objects.all():
        assert told[work.pk] == (
            ["planned", "assigned"] if work.status == "assigned" else ["planned", "assigned", "timed_out"]
        )
    positions = list(Event.objects.order_by("position").values_list("position", flat=True))
    assert positions == list(range(1, len(positions) + 1))
    placed = Event.objects.filter(type="orders.order.placed").values_list("subject", flat=True)
    assert len(placed) == len(set(placed))


def _assert_each_deadline_rang_once() -> None:
    clocks = Deadline.objects.filter(kind__in=CLOCKS)
    live = Fulfillment.objects.filter(status="assigned").values_list("pk", flat=True)
    waiting = clocks.filter(done_at=None).values_list("subject", "kind")
    assert sorted(waiting) == sorted((pk, kind) for pk in live for kind in CLOCKS)
    assert clocks.count() == 2 * Fulfillment.objects.count()


def _assert_stock_is_where_the_work_is(lines: list[OrderLine]) -> None:
    reserved = dict(StockLevel.objects.exclude(reserved=0).values_list("location_id", "reserved"))
    assert reserved == {"DEPOT": sum(line.quantity for line in lines if line.product_id == "SKU-1")}
