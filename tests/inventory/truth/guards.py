"""What protects the truth about stock, guard by guard: where it stands, what is taken out, and where that matters.

Each way begins with eight of each article at each place; S2 keeps one back. A way under several guards is for them all.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tests.inventory.truth.machine import ANYONE, ASKERS, MAY, MID_MARCH, Said
from tests.inventory.truth.model import ECHO, NET, Line, Row, Want
from tests.inventory.truth.model_counts import BY_NOBODY, HEADQUARTERS, MANAGER, Scan, Scope
from tests.inventory.truth.mutation import Fragment

Walk = Any  # the machine's rules, each followed by all that must be so
_, WEB, APP = ASKERS
A, B = ("A", "S1"), ("B", "S1")


@dataclass(frozen=True)
class Guard:
    says: str
    fragment: Fragment
    lead: Callable[[Walk], None]


GUARDS: list[Guard] = []


def guard(says: str, module: str, text: str, instead: str = "") -> Callable[[Callable[[Walk], None]], Any]:
    def add(lead: Callable[[Walk], None]) -> Callable[[Walk], None]:
        GUARDS.append(Guard(says, Fragment(f"inventory.{module}", text, instead), lead))
        return lead

    return add


def want(units: int, demand: str = "line:3", key: tuple[str, str] = A) -> Want:
    return Want(demand, *key, units)


def rule(**said: Any) -> dict[str, Any]:
    return said


def scan(name: str, sku: str, units: int, *, total: bool = True, damaged: int | None = None, **values: Any) -> Scan:
    return Scan(name, sku, units, total, damaged, values.get("bin", ""), values.get("ago"))


# ---- what can be sold ------------------------------------------------------------------------------

SELLABLE = "sellable"


@guard("broken goods are not sold", SELLABLE, " - {level}.damaged")
def goods_are_broken(walk: Walk) -> None:
    walk.somebody_finds_it_broken("A", "S1", 2)


@guard("goods in quarantine are not sold", SELLABLE, " - {level}.quarantined")
def goods_are_put_aside(walk: Walk) -> None:
    walk.somebody_adjusts("quarantine", "A", "S1", 2)


@guard("what is promised is not sold again", SELLABLE, " - {level}.reserved - {held}", " - {held}")
@guard("reserving makes reserved more", "services.reservations", "SET reserved = s.reserved + level.quantity,", "SET")
def an_order_reserves(walk: Walk) -> None:
    walk.orders_reserve([(ANYONE, want(2))])


@guard("what carts hold is not sold to others", SELLABLE, ".reserved - {held}", ".reserved")
@guard("a hold is free to its own cart", SELLABLE, 'f"<> ALL({own_holds}::text[])"', '"IS NOT NULL"')
@guard(
    "readers are told that a level is held",
    "services.cart_holds",
    "        _mark_levels(pins, hold.expires_at)\n".lstrip(),
    "pass\n",
)
def a_cart_holds(walk: Walk) -> None:
    walk.a_cart_holds("c1", WEB, [Line("A", 2, "S1")], 60)


@guard("a dead hold keeps nothing, though another lives", SELLABLE, " AND h.expires_at > {as_of}")
def one_of_two_holds_dies(walk: Walk) -> None:
    walk.a_cart_holds("c1", WEB, [Line("A", 2, "S1")], 60)
    walk.a_cart_holds("c2", WEB, [Line("A", 1, "S1")], 3600)
    walk.time_passes(60)


@guard("a hold is of one place", SELLABLE, " AND h.location_id = {level}.location_id")
@guard("a hold is of one article", SELLABLE, "h.sku = {level}.sku AND ")
def a_cart_holds_several(walk: Walk) -> None:
    walk.a_cart_holds("c1", WEB, [Line("A", 2, "S1"), Line("A", 3, "S2"), Line("B", 1, "S1")], 60)


@guard("where no orders are taken there is nothing to show", "queries", "_NETWORK_STOCK_BUT if shut else ")
def a_place_with_stock_takes_no_orders(walk: Walk) -> None:
    walk.somebody_closes_a_place("S1", is_open=True, takes_orders=False)


@guard("where nothing can be done on any day no orders are taken", "queries", " and self.can_work(as_of)")
@guard(
    "a place of no daily capacity can do nothing",
    "queries",
    "self.daily_capacity != 0 and self.calendar.",
    "self.calendar.",
)
@guard("a place of no daily capacity is asked whether it takes orders", "queries", " and self.daily_capacity != 0")
@guard("a place that never opens can do nothing", "queries", " and self.calendar.opens_again(as_of)")
@guard(
    "a place that may never open is asked whether it takes orders", "queries", " and self.calendar.keeps_opening(as_of)"
)
def a_place_with_stock_can_do_nothing(walk: Walk) -> None:
    walk.somebody_closes_a_place("S1", is_open=True, idle="no daily capacity")
    walk.somebody_closes_a_place("S1", is_open=True, idle="never open")


@guard(
    "where a method cannot be served there is nothing to show for it", "exposure", " and place.code not in self._unable"
)
def a_place_with_stock_sends_and_hands_out_nothing(walk: Walk) -> None:
    walk.somebody_closes_a_place("S1", is_open=True, able=())
    for _asker in ASKERS:
        walk.time_passes(1)


@guard("nothing of a suspect level is sold", SELLABLE, 'f"{level}.suspect_at IS NOT NULL"', '"false"')
@guard(
    "a suspicion costs confidence",
    "services.adjustments",
    "after_look(level.confidence, agrees=False)",
    "level.confidence",
)
def goods_are_not_found(walk: Walk) -> None:
    walk.somebody_does_not_find_it("A", "S1")


@guard("hidden stock is not sold", SELLABLE, '(f" OR {kept}.units = {HIDDEN}" if kept else "")', '""')
def stock_is_hidden(walk: Walk) -> None:
    walk.somebody_makes_a_rule(rule(hides=True))


@guard("what is kept back is not sold", SELLABLE, " - {kept_sql(level, safety=safety, kept=kept)}")
@guard(
    "a place keeps its safety stock",
    SELLABLE,
    "coalesce({level}.safety_stock, {safety})",
    "coalesce({level}.safety_stock, 0)",
)
def nothing_happens(walk: Walk) -> None:
    walk.time_passes(1)


@guard("a level's own safety stock comes first", SELLABLE, "coalesce({level}.safety_stock, {safety})", "{safety}")
def a_level_is_protected(walk: Walk) -> None:
    walk.somebody_protects("A", "S1", 3)


@guard("safety stock is kept whatever rules say", SELLABLE, "greatest({floor}, {kept}.units", "greatest({kept}.units")
@guard("a rule keeps units", SELLABLE, "{floor}, {kept}.units, ", "{floor}, ")
def a_rule_keeps_units(walk: Walk) -> None:
    walk.somebody_makes_a_rule(rule(places=("S1",), units=3))


@guard("a rule keeps a share", SELLABLE, """{_share(level, f'{kept}.share')},\"""", '"')
@guard("shares are rounded up", SELLABLE, "{share} + 9999", "{share}")
def a_rule_keeps_a_share(walk: Walk) -> None:
    walk.somebody_makes_a_rule(rule(share=3333))


def somebody_counts_otherwise(walk: Walk) -> None:
    walk.somebody_counts("A", "S1", 6)


@guard("doubtful stock is kept back", SELLABLE, "WHEN {level}.confidence < {kept}.doubt_below", "WHEN false")
@guard(
    "stock that is not doubtful is not kept back", SELLABLE, "WHEN {level}.confidence < {kept}.doubt_below", "WHEN true"
)
@guard("of doubtful stock units are kept", SELLABLE, "greatest({kept}.doubt_units, ", "greatest(0, ")
@guard(
    "a look that finds otherwise costs confidence",
    "services.stock_events",
    "agrees=_confirms(event, change)",
    "agrees=True",
)
@guard("a look moves confidence", "services.stock_events", "if event.confirms_within is not None:", "if False:")
def doubtful_stock_keeps_units(walk: Walk) -> None:
    walk.somebody_makes_a_rule(rule(in_doubt_below=0.45, units=4))
    somebody_counts_otherwise(walk)


@guard("of doubtful stock a share is kept", SELLABLE, "{_share(level, f'{kept}.doubt_share')}", "0")
def doubtful_stock_keeps_a_share(walk: Walk) -> None:
    walk.somebody_makes_a_rule(rule(in_doubt_below=0.45, share=5000))
    somebody_counts_otherwise(walk)


@guard("something and nothing never agree", "confidence", " and (good > 0) == (good > difference.good)")
def the_last_one_is_not_there(walk: Walk) -> None:
    walk.somebody_counts("A", "S1", 1)
    walk.somebody_counts("A", "S1", 0)


@guard(
    "there are never fewer than none for sale",
    SELLABLE,
    "greatest(0, {free} - ",
    "greatest({free} - ",
)
def a_till_sells_too_many(walk: Walk) -> None:
    walk.a_feed_tells([Said(*A, -9)])


EXPOSURE = "exposure"


@guard("a rule is for its channel", EXPOSURE, 'self.channel in ("", channel) and ')
@guard("a rule is for its method", EXPOSURE, ' and self.order_type in ("", order_type)')
@guard("a rule is for its service", EXPOSURE, ' and self.service in ("", service)')
def rules_are_for_some(walk: Walk) -> None:
    walk.somebody_makes_a_rule(rule(channel="web", skus=("A",), units=4))
    walk.somebody_makes_a_rule(rule(method="pickup", skus=("B",), places=("S1",), units=4))
    walk.somebody_makes_a_rule(rule(service="express", skus=("B",), places=("S2",), units=4))


@guard("a rule is of its goods", EXPOSURE, "return sku in self.skus or not self.tags.isdisjoint(tags)", "return True")
@guard("a rule is at its places", EXPOSURE, "for rule in rules if rule.is_at(place)]", "for rule in rules]")
def rules_are_of_some(walk: Walk) -> None:
    walk.somebody_makes_a_rule(rule(tags=("shoes",), units=4))
    walk.somebody_makes_a_rule(rule(groups=("north",), tags=("red",), units=5))


@guard(
    "what one rule hides no other shows",
    EXPOSURE,
    "if hiding := next((rule for rule in here if rule.hidden), None):",
    "if hiding := here[0] if here and here[0].hidden else None:",
)
@guard(
    "the rule that says most closely counts",
    EXPOSURE,
    "sorted(here, key=lambda rule: rule.rank(sku, place), reverse=True)",
    "here",
)
def one_rule_is_closer_than_another(walk: Walk) -> None:
    walk.somebody_makes_a_rule(rule(skus=("A",), units=5))
    walk.somebody_makes_a_rule(rule(skus=("B",), hides=True))
    walk.somebody_makes_a_rule(rule(units=2))


# ---- what is to come -------------------------------------------------------------------------------


@guard("after a week nobody believes in a late delivery", "supply", " AND i.expected_at > %(trusted)s")
def a_delivery_is_very_late(walk: Walk) -> None:
    walk.a_delivery_is_announced("S1", Counter(A=3), in_hours=-8 * 24)


@guard("what is late comes tomorrow at best", "supply", "if expected_at <= as_of:", "if False:")
def a_delivery_is_late(walk: Walk) -> None:
    walk.a_delivery_is_announced("S1", Counter(A=3), in_hours=-24)


@guard("what comes where a method cannot be served is not for it", "supply", "filter(is_of_use, coming)", "coming")
def a_delivery_comes_where_nothing_is_handed_out(walk: Walk) -> None:
    walk.a_delivery_is_announced("S2", Counter(A=3))
    walk.somebody_closes_a_place("S2", is_open=True, able=())
    for _asker in ASKERS:
        walk.time_passes(1)


@guard("what comes where nothing can be done is for nobody", "supply", " and place.can_work(coming.available_at)")
def a_delivery_comes_where_nothing_can_be_done(walk: Walk) -> None:
    walk.a_delivery_is_announced("S2", Counter(A=3))
    walk.somebody_closes_a_place("S2", is_open=True, idle="never open")


@guard("what is off sale is not expected", "supply", " AND p.is_active")
@guard("a closed place expects nothing", "supply", "place is not None and place.is_active", "place is not None")
@guard("hidden stock is not shown to come", "supply", "    if kept.is_hidden:\n        return 0\n")
def what_comes_is_not_for_sale(walk: Walk) -> None:
    walk.a_delivery_is_announced("S1", Counter(A=3))
    walk.a_delivery_is_announced("S2", Counter(B=3))
    walk.somebody_takes_it_off_sale("A")
    walk.somebody_closes_a_place("S2")
    walk.a_delivery_is_announced("S3", Counter(B=3))
    walk.somebody_makes_a_rule(rule(hides=True))


# ---- reservations ----------------------------------------------------------------------------------

RESERVATIONS = "services.reservations"


@guard("no more is reserved than can be sold", RESERVATIONS, "(%s OR level.sellable >= level.quantity)", "(%s OR true)")
def an_order_wants_too_many(walk: Walk) -> None:
    walk.orders_reserve([(ANYONE, want(9))])


@guard(
    "where a cart may hold some, holds are weighed",
    RESERVATIONS,
    "WHEN s.held_until > %s THEN 0",
    "WHEN s.held_until > %s AND false THEN 0",
)
def an_order_wants_what_a_cart_holds(walk: Walk) -> None:
    walk.a_cart_holds("c1", WEB, [Line("A", 6, "S1")], 60)
    walk.orders_reserve([(ANYONE, want(5))])


@guard(
    "what fits is granted where a cart holds some",
    RESERVATIONS,
    "_reserve(granted, as_of=as_of, is_judged=True)",
    "_reserve(granted, as_of=as_of)",
)
def an_order_wants_what_a_cart_leaves(walk: Walk) -> None:
    walk.a_cart_holds("c1", WEB, [Line("A", 2, "S1")], 60)
    walk.orders_reserve([(ANYONE, want(3))])


@guard("an order has its own cart's units", RESERVATIONS, ', own_holds="w.holds"')
def an_order_reserves_before_it_takes_the_hold_over(walk: Walk) -> None:
    walk.a_cart_holds("c1", WEB, [Line("A", 6, "S1")], 60)
    walk.a_cart_becomes_an_order([(APP, want(5))])


@guard(
    "wants of one level count together",
    RESERVATIONS,
    "sum(quantity) AS quantity, CASE",
    "max(quantity) AS quantity, CASE",
)
@guard("what was granted is not granted again", RESERVATIONS, "            taken[level] += one.want.quantity\n")
@guard("of those who compete each has to fit", RESERVATIONS, "if one.want.quantity <= left:", "if True:")
def two_want_too_many(walk: Walk) -> None:
    walk.orders_reserve([(ANYONE, want(5)), (ANYONE, want(5, "line:1"))])


@guard(
    "only contested levels are weighed anew",
    RESERVATIONS,
    "[one for one in asked if one.want[1:3] in lacking]",
    "asked",
)
def one_of_two_articles_is_short(walk: Walk) -> None:
    walk.orders_reserve([(ANYONE, want(9)), (ANYONE, want(1, key=B))])


@guard(
    "what is hidden from one is not reserved for it",
    RESERVATIONS,
    "CASE WHEN min(units) < 0 THEN -1 ELSE max(units) END",
    "max(units)",
)
def one_of_two_may_not(walk: Walk) -> None:
    walk.somebody_makes_a_rule(rule(channel="web", hides=True))
    walk.orders_reserve([(WEB, want(1)), (APP, want(1, "line:1"))])


def app_takes_what_is_kept_from_web(walk: Walk) -> None:
    walk.orders_reserve([(APP, want(3)), (WEB, want(3, "line:1"))])


@guard("units kept from one are not reserved for it", RESERVATIONS, "ELSE max(units) END", "ELSE min(units) END")
def units_are_kept_from_one(walk: Walk) -> None:
    walk.somebody_makes_a_rule(rule(channel="web", units=4))
    app_takes_what_is_kept_from_web(walk)


@guard("a share kept from one is not reserved for it", RESERVATIONS, "max(share)", "min(share)")
def a_share_is_kept_from_one(walk: Walk) -> None:
    walk.somebody_makes_a_rule(rule(channel="web", share=5000))
    app_takes_what_is_kept_from_web(walk)


@guard("doubtful stock kept from one is not reserved for it", RESERVATIONS, "max(doubt_below)", "min(doubt_below)")
@guard("doubtful units kept from one are not reserved for it", RESERVATIONS, "max(doubt_units)", "min(doubt_units)")
def doubtful_units_are_kept_from_one(walk: Walk) -> None:
    walk.somebody_makes_a_rule(rule(channel="web", in_doubt_below=0.65, units=4))
    walk.somebody_counts("A", "S1", 8)
    app_takes_what_is_kept_from_web(walk)


@guard("a doubtful share kept from one is not reserved for it", RESERVATIONS, "max(doubt_share)", "min(doubt_share)")
def a_doubtful_share_is_kept_from_one(walk: Walk) -> None:
    walk.somebody_makes_a_rule(rule(channel="web", in_doubt_below=0.65, share=5000))
    walk.somebody_counts("A", "S1", 8)
    app_takes_what_is_kept_from_web(walk)


@guard(
    "who is refused hears of no fewer than none",
    RESERVATIONS,
    "max(0, sellable - taken[level])",
    "sellable - taken[level]",
)
def nothing_is_left_for_one(walk: Walk) -> None:
    walk.somebody_makes_a_rule(rule(channel="web", units=4))
    walk.orders_reserve([(APP, want(5)), (WEB, want(1, "line:1"))])


@guard("rules for a kind of goods are kept when reserving", RESERVATIONS, "tags.get(want.sku, ())", "()")
def goods_of_a_kind_are_kept(walk: Walk) -> None:
    walk.somebody_makes_a_rule(rule(tags=("shoes",), units=4))
    walk.orders_reserve([(ANYONE, want(5))])


_ACTIVE = """ AND l.is_active
    JOIN inventory_product p ON p.sku = s.sku AND p.is_active
"""


@guard(
    "nothing is reserved at a closed place",
    RESERVATIONS,
    _ACTIVE + "    {LOCKED}",
    _ACTIVE.replace(" AND l.is_active", "") + "    {LOCKED}",
)
@guard(
    "a closed place has nothing to share out",
    RESERVATIONS,
    _ACTIVE + ") ON",
    _ACTIVE.replace(" AND l.is_active", "") + ") ON",
)
def a_closed_place_is_wanted(walk: Walk) -> None:
    walk.somebody_closes_a_place("S1")
    walk.orders_reserve([(ANYONE, want(1))])


@guard(
    "what is off sale is not reserved",
    RESERVATIONS,
    _ACTIVE + "    {LOCKED}",
    _ACTIVE.replace(" AND p.is_active", "") + "    {LOCKED}",
)
@guard(
    "of what is off sale nothing is shared out",
    RESERVATIONS,
    _ACTIVE + ") ON",
    _ACTIVE.replace(" AND p.is_active", "") + ") ON",
)
def what_is_off_sale_is_wanted(walk: Walk) -> None:
    walk.somebody_takes_it_off_sale("A")
    walk.orders_reserve([(ANYONE, want(1))])


@guard(
    "what a demand has grows", RESERVATIONS, "remaining = r.remaining + excluded.remaining", "remaining = r.remaining"
)
@guard("what a demand ever had grows", RESERVATIONS, "quantity = r.quantity + excluded.quantity, ")
def a_demand_reserves_again(walk: Walk) -> None:
    walk.orders_reserve([(ANYONE, want(2))])
    walk.orders_reserve([(ANYONE, want(2))])


@guard(
    "one demand twice in a message counts twice",
    RESERVATIONS,
    "sum(want.quantity), sum(want.quantity)",
    "max(want.quantity), max(want.quantity)",
)
def a_demand_reserves_twice(walk: Walk) -> None:
    walk.orders_reserve([(ANYONE, want(2)), (ANYONE, want(2))])


@guard("no more is let go than is held", RESERVATIONS, " AND r.remaining >= item.quantity")
@guard("who lets go what is not held is told", RESERVATIONS, "    if missing:", "    if False:")
def more_is_let_go_than_held(walk: Walk) -> None:
    walk.orders_reserve([(ANYONE, want(2))])
    walk.orders_let_go(3, is_gone=True)
    walk.orders_let_go(3, is_gone=False)
    walk.orders_let_go(1, is_gone=True)
    walk.orders_let_go(2, is_gone=True)


@guard("a demand lets go its own", RESERVATIONS, "WHERE r.demand = item.demand AND r.sku", "WHERE r.sku")
@guard("letting go makes reserved less", RESERVATIONS, "SET reserved = s.reserved - total.quantity, ", "SET ")
@guard("what is gone is on hand no more", RESERVATIONS, " on_hand = s.on_hand - {{taken}},")
@guard(
    "what is gone is in the ledger",
    RESERVATIONS,
    'taken="total.quantity", moved=_MOVED',
    'taken="total.quantity", moved=""',
)
@guard(
    "a reservation ends with its last unit",
    RESERVATIONS,
    "CASE WHEN r.remaining = item.quantity THEN %(ended)s ELSE r.status END",
    "r.status",
)
def orders_let_go(walk: Walk) -> None:
    walk.orders_reserve([(ANYONE, want(4)), (ANYONE, want(3, "line:1"))])
    walk.orders_let_go(1, is_gone=False)
    walk.orders_let_go(2, is_gone=True)


@guard(
    "a demand twice in a message lets go twice",
    RESERVATIONS,
    "sum(quantity) AS quantity\n    FROM unnest(%(demands)s",
    "max(quantity) AS quantity\n    FROM unnest(%(demands)s",
)
def a_demand_lets_go_twice(walk: Walk) -> None:
    walk.orders_reserve([(ANYONE, want(5))])
    walk.orders_let_go(2, is_gone=True, twice=True)


@guard(
    "a level knows that goods have left it",
    RESERVATIONS,
    "{{taken}}, updated_at = greatest(s.updated_at, %(as_of)s)",
    "{{taken}}",
)
def goods_leave_after_a_count_that_comes_late(walk: Walk) -> None:
    walk.orders_reserve([(ANYONE, want(2))])
    walk.time_passes(10)
    walk.orders_let_go(2, is_gone=True)
    walk.time_passes(10)
    walk.a_feed_tells([Said(*A, 8, is_count=True, ago=15)])


# ---- the ledger ------------------------------------------------------------------------------------

LEDGER = "services.ledger"


@guard(
    "a level knows that it was changed",
    LEDGER,
    "updated_at = greatest(s.updated_at, %s)",
    "updated_at = least(s.updated_at, %s)",
)
@guard(
    "whatever changes is a movement",
    LEDGER,
    "[_row(movement, actor=actor, as_of=as_of) for movement in movements]",
    "[]",
)
@guard(
    "what moved since a count is reckoned in",
    "services.stock_events",
    "level is not None and event.occurred_at < level.updated_at",
    "False",
)
def a_count_comes_late(walk: Walk) -> None:
    walk.time_passes(10)
    walk.a_feed_tells([Said(*A, -2)])
    walk.time_passes(10)
    walk.a_feed_tells([Said(*A, 8, is_count=True, ago=15)])


@guard("a shortage is told", LEDGER, "*events.stock_short((level for level in changed if level.short), actor=actor)")
@guard("only a shortage is told as one", LEDGER, " if level.short)", ")")
@guard("broken goods make a shortage", "locks", " - self.damaged")
def too_many_are_broken(walk: Walk) -> None:
    walk.orders_reserve([(ANYONE, want(5))])
    walk.somebody_finds_it_broken("A", "S1", 1)
    walk.somebody_finds_it_broken("A", "S1", 5)


@guard("goods in quarantine make a shortage", "locks", " - self.quarantined")
def too_many_are_put_aside(walk: Walk) -> None:
    walk.orders_reserve([(ANYONE, want(5))])
    walk.somebody_adjusts("quarantine", "A", "S1", 6)


@guard(
    "no more is missing than was promised",
    "locks",
    "self.reserved - max(0, self.on_hand - self.damaged - self.quarantined)",
    "self.reserved - (self.on_hand - self.damaged - self.quarantined)",
)
def a_till_sells_what_was_promised(walk: Walk) -> None:
    walk.orders_reserve([(ANYONE, want(3))])
    walk.a_feed_tells([Said(*A, -10)])


@guard("ids are remembered", LEDGER, "if movement.external_id is not None\n            ]", "if False\n            ]")
@guard("what was told is not told twice", "services.stock_events", "if self._is_known(event):", "if False:")
@guard("an id is that of one level", "services.stock_events", "seen.key != event.key or ")
@guard(
    "an id is that of one change",
    "services.stock_events",
    " or (event.kind == DELTA and seen.quantity != event.quantity)",
)
def a_feed_repeats_itself(walk: Walk) -> None:
    walk.a_feed_tells([Said(*A, -2)])
    walk.a_feed_tells_again(6)
    walk.a_feed_tells_again(6, "units")
    walk.a_feed_tells_again(6, "place")


@guard(
    "within a message nothing is told twice",
    "services.stock_events",
    "        self._seen[self._name(event)] = _Seen(event.key, told)\n",
)
def a_feed_stutters(walk: Walk) -> None:
    walk.a_feed_tells([Said(*A, -2)], stutters=True)


# ---- old months ----------------------------------------------------------------------------------------

RETENTION = "services.retention"


@guard(
    "what is older than the ledger is not believed",
    "services.stock_events",
    "            self._check_is_remembered(event)\n",
)
@guard(
    "a file older than the ledger is not believed",
    "imports.merging",
    " AND c.at >= {ledger_begins}",
)
@guard(
    "the sums of what is forgotten are kept",
    RETENTION,
    "SELECT sku, location_id, on_hand, damaged, quarantined FROM gone",
    "SELECT sku, location_id, on_hand, 0, 0 FROM gone",
)
@guard(
    "it is known when the ledger begins",
    RETENTION,
    "SELECT 1, %(until)s WHERE EXISTS (SELECT FROM gone) OR",
    "SELECT 1, %(until)s WHERE false AND",
)
def something_is_told_of_a_forgotten_month(walk: Walk) -> None:
    walk.somebody_finds_it_broken("A", "S1", 2)
    walk.the_month_ends_and_is_forgotten()
    walk.a_feed_tells([Said(*A, 3, is_count=True, ago=20 * 3600)])
    walk.a_file_counts([Row(*B, 3)], ago=20 * 3600)


@guard("ids are kept as long as what they name may come again", RETENTION, "begins_at - _IDS_KEPT", "begins_at")
def a_fast_clock_names_the_next_month(walk: Walk) -> None:
    walk.time_passes(29 * 24 * 3600 + 14 * 3600 + 58 * 60)  # it is 23:58 on the last of March
    walk.a_feed_tells([Said(*A, -2, ago=-240)])
    walk.the_month_ends_and_is_forgotten()
    walk.a_feed_tells_again(6)


@guard("whole months are forgotten", RETENTION, "if before != month_of(before):", "if False:")
def half_a_month_is_to_be_forgotten(walk: Walk) -> None:
    walk.the_month_ends_and_is_forgotten(MID_MARCH)


@guard("the present month is not forgotten", RETENTION, "if before > month_of(as_of):", "if False:")
def the_present_month_is_to_be_forgotten(walk: Walk) -> None:
    walk.the_month_ends_and_is_forgotten(MAY)


# ---- feeds -----------------------------------------------------------------------------------------

EVENTS = "services.stock_events"
COUNTING, APPROVAL = "services.counting", "services.count_approval"


@guard(
    "a clock may be a little fast",
    EVENTS,
    "replace(event, occurred_at=as_of) if timedelta(0) < ahead <= SKEW else event",
    "event",
)
def a_clock_is_fast(walk: Walk) -> None:
    walk.a_feed_tells([Said(*A, 3, is_count=True, ago=-60)])


@guard("nothing is believed of the future", EVENTS, "if event.occurred_at > self._as_of:", "if False:")
def a_clock_is_too_fast(walk: Walk) -> None:
    walk.a_feed_tells([Said(*A, 3, is_count=True, ago=-301)])


@guard(
    "what is older than the last count is stale",
    EVENTS,
    "level.counted_at is not None and event.occurred_at < level.counted_at",
    "False",
)
def something_old_is_told(walk: Walk) -> None:
    walk.time_passes(10)
    walk.a_feed_tells([Said(*A, 8, is_count=True)])
    walk.a_feed_tells([Said(*A, -2, ago=5)])


@guard(
    "a count of broken ones makes nothing stale",
    EVENTS,
    "if event.kind == COUNT and event.is_of_sellable:",
    "if event.kind == COUNT:",
)
def broken_ones_are_counted(walk: Walk) -> None:
    walk.time_passes(10)
    walk.a_feed_tells([Said(*A, 1, is_count=True, condition="damaged")])
    walk.a_feed_tells([Said(*A, -2, ago=5)])


@guard("a count is of its instant", EVENTS, "level.counted_at = event.occurred_at", "level.counted_at = self._as_of")
def something_happened_after_a_late_count(walk: Walk) -> None:
    walk.time_passes(20)
    walk.a_feed_tells([Said(*A, 8, is_count=True, ago=10)])
    walk.a_feed_tells([Said(*A, -2, ago=5)])


@guard(
    "a count before it ends no suspicion",
    EVENTS,
    "level.suspect_at is not None and level.suspect_at <= event.occurred_at",
    "level.suspect_at is not None",
)
def a_count_is_older_than_the_suspicion(walk: Walk) -> None:
    walk.time_passes(10)
    walk.somebody_does_not_find_it("A", "S1")
    walk.time_passes(10)
    walk.a_feed_tells([Said(*A, 8, is_count=True, ago=15)])


@guard("a count ends a suspicion", EVENTS, "                level.suspect_at = None\n", "                pass\n")
@guard(
    "a level is suspect since it was first missed", "services.adjustments", "if level.suspect_at is None:", "if True:"
)
def goods_are_missed_and_counted(walk: Walk) -> None:
    walk.somebody_does_not_find_it("A", "S1")
    walk.time_passes(10)
    walk.somebody_does_not_find_it("A", "S1")
    walk.a_feed_tells([Said(*A, 8, is_count=True)])


@guard(
    "no more units than can be stored are believed",
    EVENTS,
    "if max(map(abs, (on_hand, damaged, quarantined, *change))) > MOST_UNITS:",
    "if False:",
)
@guard("who counts too many at the shelf is told", "services.adjustments", "if result.status != APPLIED:", "if False:")
def somebody_leans_on_a_key(walk: Walk) -> None:
    walk.a_feed_tells([Said(*A, 2_000_000_001, is_count=True)])
    walk.somebody_counts("A", "S1", 2_000_000_001)


@guard("no more move than can be stored", EVENTS, "quarantined, *change)", "quarantined)")
def somebody_counts_where_far_too_many_were_sold(walk: Walk) -> None:
    walk.a_feed_tells([Said(*A, -1_500_000_000)])
    walk.a_feed_tells([Said(*A, 1_000_000_000, is_count=True)])


@guard(
    "a share of far fewer than none is none",
    SELLABLE,
    "greatest({good_sql(level)}, 0) * {share}",
    "{good_sql(level)} * {share}",
)
def far_too_many_were_sold_and_broken(walk: Walk) -> None:
    walk.a_feed_tells([Said(*A, -1_900_000_000)])
    walk.somebody_finds_it_broken("A", "S1", 500_000_000)
    walk.somebody_makes_a_rule(rule(share=10_000))


@guard("no fewer than none are broken", EVENTS, "if damaged < 0 or quarantined < 0:", "if quarantined < 0:")
@guard("no fewer than none are in quarantine", EVENTS, "if damaged < 0 or quarantined < 0:", "if damaged < 0:")
def more_leave_than_are_broken(walk: Walk) -> None:
    walk.a_feed_tells([Said(*A, -2, condition="damaged")])
    walk.a_feed_tells([Said(*A, -2, condition="quarantined")])


@guard("what nobody knows is no stock", EVENTS, "if event.sku not in self._known_skus:", "if False:")
def somebody_tells_of_what_nobody_knows(walk: Walk) -> None:
    walk.a_feed_tells_of_what_nobody_knows("nobody's", "nowhere", 1)


@guard(
    "what people find broken is",
    EVENTS,
    "0 if event.damaged is None else event.damaged",
    "0 if True else event.damaged",
)
@guard("what nobody knows is not counted", COUNTING, "        if not sku:\n", "        if False:\n")
def broken_ones_are_found_by_people(walk: Walk) -> None:
    walk.a_count_begins("S1")
    walk.people_scan([scan("s1", "A", 8, damaged=1), scan("s2", "nobody's", 1)])
    walk.a_count_is_submitted()


@guard(
    "a count of broken ones finds none at least",
    EVENTS,
    "max(0, event.quantity + later.damaged)",
    "event.quantity + later.damaged",
)
def broken_ones_are_repaired_after_their_count(walk: Walk) -> None:
    walk.somebody_finds_it_broken("A", "S1", 3)
    walk.time_passes(10)
    walk.somebody_adjusts("repair", "A", "S1", 3)
    walk.time_passes(10)
    walk.a_feed_tells([Said(*A, 1, is_count=True, ago=15, condition="damaged")])


@guard(
    "a count of those in quarantine finds none at least",
    EVENTS,
    "max(0, event.quantity + later.quarantined)",
    "event.quantity + later.quarantined",
)
def those_in_quarantine_are_released_after_their_count(walk: Walk) -> None:
    walk.somebody_adjusts("quarantine", "A", "S1", 3)
    walk.time_passes(10)
    walk.somebody_adjusts("release", "A", "S1", 3)
    walk.time_passes(10)
    walk.a_feed_tells([Said(*A, 1, is_count=True, ago=15, condition="quarantined")])


@guard(
    "of the found, none at least are broken",
    EVENTS,
    "max(-level.damaged, damaged - then.damaged)",
    "damaged - then.damaged",
)
def broken_ones_are_repaired_while_a_count_goes_on(walk: Walk) -> None:
    walk.somebody_finds_it_broken("A", "S1", 3)
    walk.a_count_begins("S1")
    walk.people_scan([scan("s1", "A", 8, damaged=1)])
    walk.time_passes(10)
    walk.somebody_adjusts("repair", "A", "S1", 3)
    walk.a_count_is_submitted()
    walk.somebody_approves(["A"])


@guard("no more are damaged than were counted", EVENTS, "min(event.quantity, then.damaged)", "then.damaged")
@guard(
    "no more are set apart than were counted and are not damaged",
    EVENTS,
    "min(event.quantity - max(0, damaged), then.quarantined)",
    "then.quarantined",
)
@guard("the damaged are not set apart as well", EVENTS, "event.quantity - max(0, damaged)", "event.quantity")
def fewer_are_counted_than_were_damaged(walk: Walk) -> None:
    some_are_damaged_and_some_set_apart(walk)
    walk.a_feed_tells([Said(*A, 4, is_count=True)])
    walk.a_feed_tells([Said(*A, 2, is_count=True)])
    walk.a_feed_tells([Said(*A, 0, is_count=True)])
    walk.a_feed_tells([Said(*A, 5)])


def some_are_damaged_and_some_set_apart(walk: Walk) -> None:
    walk.a_feed_tells([Said(*A, 3, condition="damaged"), Said(*A, 2, condition="quarantined")])


@guard(
    "what was damaged since was not counted",
    EVENTS,
    "damaged=level.damaged - later.damaged,",
    "damaged=level.damaged,",
)
@guard(
    "what was set apart since was not counted",
    EVENTS,
    "quarantined=level.quarantined - later.quarantined)",
    "quarantined=level.quarantined)",
)
def some_are_damaged_and_set_apart_after_a_count(walk: Walk) -> None:
    walk.time_passes(10)
    some_are_damaged_and_some_set_apart(walk)
    walk.a_feed_tells([Said(*A, 1, is_count=True, ago=5)])


@guard(
    "what was counted and released since is not taken away again",
    EVENTS,
    "max(-level.quarantined, quarantined - then.quarantined)",
    "quarantined - then.quarantined",
)
def some_are_mended_and_released_after_a_count(walk: Walk) -> None:
    some_are_damaged_and_some_set_apart(walk)
    walk.time_passes(10)
    walk.somebody_adjusts("release", "A", "S1", 2)
    walk.somebody_adjusts("repair", "A", "S1", 3)
    walk.a_feed_tells([Said(*A, 0, is_count=True, ago=5)])


@guard(
    "what was mended before it broke makes no room for what is set apart",
    EVENTS,
    "event.quantity - max(0, damaged)",
    "event.quantity - damaged",
)
def some_are_mended_before_they_break_and_counted(walk: Walk) -> None:
    some_are_mended_before_they_break(walk)
    walk.a_feed_tells([Said(*A, 1, is_count=True, ago=5)])


def some_are_mended_before_they_break(walk: Walk) -> None:
    walk.a_feed_tells([Said(*A, 2, condition="quarantined")])
    walk.time_passes(10)
    walk.a_feed_tells([Said(*A, 3, condition="damaged"), Said(*A, -3, condition="damaged", ago=8)])


@guard("what moved before a count is not reckoned in", EVENTS, "AND m.occurred_at > event.occurred_at\n    AND", "AND")
def something_is_told_late_that_was_counted(walk: Walk) -> None:
    walk.time_passes(20)
    walk.a_feed_tells([Said(*A, -2, ago=15)])
    walk.a_feed_tells([Said(*A, 6, is_count=True, ago=10)])


@guard("within a message, what moved since a count is reckoned in", EVENTS, "_Change()), *later]", "_Change())]")
def a_sale_and_an_older_count_in_one_message(walk: Walk) -> None:
    walk.time_passes(20)
    walk.a_feed_tells([Said(*A, -2), Said(*A, 8, is_count=True, ago=10)])


@guard(
    "within a message, what moved before a count is not",
    EVENTS,
    "            if movement.occurred_at > event.occurred_at\n",
)
def a_sale_and_a_newer_count_in_one_message(walk: Walk) -> None:
    walk.time_passes(20)
    walk.a_feed_tells([Said(*A, -2, ago=15), Said(*A, 6, is_count=True, ago=10)])


# ---- counts that leave out what is reserved ----------------------------------------------------------


@guard(
    "what is reserved is added where counts leave it out",
    EVENTS,
    " and self._feed(event).counts_exclude_reserved",
    " and False",
)
def a_count_leaves_out_what_is_reserved(walk: Walk) -> None:
    walk.orders_reserve([(ANYONE, want(2))])
    walk.a_feed_counts_what_is_not_reserved(*A, 5)


@guard(
    "what is reserved is not among the broken",
    EVENTS,
    "event.kind == COUNT and event.is_of_sellable and self",
    "event.kind == COUNT and self",
)
def broken_ones_are_counted_where_some_are_reserved(walk: Walk) -> None:
    walk.orders_reserve([(ANYONE, want(2))])
    walk.a_feed_counts_what_is_not_reserved(*A, 1, condition="damaged")


@guard(
    "a level knows that it was reserved from",
    RESERVATIONS,
    "level.quantity, updated_at = greatest(s.updated_at, %s)",
    "level.quantity, updated_at = least(s.updated_at, %s)",
)
@guard(
    "a late count leaves out what was reserved then",
    EVENTS,
    "self._reserved_then.get(self._name(event), 0) if self._is_late_count(event) else level.reserved",
    "level.reserved",
)
@guard("what was reserved later was in a late count", EVENTS, "AND r.created_at <= event.occurred_at AND (", "AND (")
def reserved_after_a_late_count(walk: Walk) -> None:
    walk.time_passes(10)
    walk.orders_reserve([(ANYONE, want(2))])
    walk.time_passes(10)
    walk.a_feed_counts_what_is_not_reserved(*A, 5, ago=15)


@guard(
    "what was let go since was reserved then",
    EVENTS,
    "CASE WHEN r.status = 'active' THEN r.remaining ELSE r.quantity END",
    "r.remaining",
)
def let_go_after_a_late_count(walk: Walk) -> None:
    walk.orders_reserve([(ANYONE, want(2))])
    walk.time_passes(10)
    walk.orders_let_go(2, is_gone=False)
    walk.time_passes(10)
    walk.a_feed_counts_what_is_not_reserved(*A, 5, ago=15)


@guard(
    "what was let go before was not reserved then",
    EVENTS,
    " AND (r.status = 'active' OR r.updated_at > event.occurred_at)",
)
def let_go_before_a_late_count(walk: Walk) -> None:
    walk.orders_reserve([(ANYONE, want(2))])
    walk.time_passes(5)
    walk.orders_let_go(2, is_gone=False)
    walk.time_passes(5)
    walk.a_feed_tells([Said(*A, -1)])
    walk.time_passes(5)
    walk.a_feed_counts_what_is_not_reserved(*A, 5, ago=7)


# ---- events that name an order -----------------------------------------------------------------------

ORDERS = "services.order_events"


@guard(
    "a sale that names its order hands its units over",
    EVENTS,
    "elif event.names_order and event.quantity < 0:",
    "elif False:",
)
@guard(
    "only who repeats our work is not booked",
    EVENTS,
    "if not (event.names_order and self._feed(event).reports_our_work):",
    "if not event.names_order:",
)
@guard(
    "what was handed over is reserved no more",
    ORDERS,
    "SET reserved = s.reserved - total.units",
    "SET reserved = s.reserved",
)
@guard("an order hands over its own", ORDERS, "WHERE r.demand = item.demand AND r.sku", "WHERE r.sku")
@guard(
    "a reservation ends when all is handed over",
    ORDERS,
    "CASE WHEN r.remaining = item.units THEN 'consumed' ELSE r.status END",
    "r.status",
)
@guard("who has orders is told of what is handed over", ORDERS, "        publish(facts, as_of=as_of)\n")
def a_till_sells_for_an_order(walk: Walk) -> None:
    walk.orders_reserve([(ANYONE, want(2)), (ANYONE, want(3, "line:1"))])
    walk.a_feed_tells([Said(*A, -2, order="order:2")])


@guard(
    "a broken one that leaves is no order's",
    EVENTS,
    " and bool(self.reference) and self.is_of_sellable",
    " and bool(self.reference)",
)
def a_broken_one_leaves_for_an_order(walk: Walk) -> None:
    walk.orders_reserve([(ANYONE, want(2))])
    walk.somebody_finds_it_broken("A", "S1", 1)
    walk.a_feed_tells([Said(*A, -1, condition="damaged", order="order:2")])


@guard("no more is handed over than is reserved", ORDERS, "part = min(left, self._reserved[name])", "part = left")
def a_till_sells_more_for_an_order(walk: Walk) -> None:
    walk.orders_reserve([(ANYONE, want(2))])
    walk.a_feed_tells([Said(*A, -5, order="order:2")])


@guard("within a message nothing is handed over twice", ORDERS, "                self._reserved[name] -= part\n")
def a_till_sells_twice_for_an_order(walk: Walk) -> None:
    walk.orders_reserve([(ANYONE, want(3))])
    walk.a_feed_tells([Said(*A, -2, order="order:2"), Said(*A, -2, order="order:2")])


@guard("what is handed over is short no more", ORDERS, "            level.reserved -= taken\n")
def a_till_sells_all_that_is_reserved(walk: Walk) -> None:
    walk.orders_reserve([(ANYONE, want(5)), (ANYONE, want(3, "line:1"))])
    walk.a_feed_tells([Said(*A, -5, order="order:2")])


@guard(
    "an ended reservation is not handed over",
    ORDERS,
    """ AND r.status = 'active'
)
UPDATE""",
    """
)
UPDATE""",
)
def a_till_sells_for_an_order_that_had_some_before(walk: Walk) -> None:
    walk.orders_reserve([(ANYONE, want(2))])
    walk.orders_let_go(2, is_gone=True)
    walk.orders_reserve([(ANYONE, want(2))])
    walk.a_feed_tells([Said(*A, -2, order="order:2")])


@guard(
    "a sale that was counted hands its units over all the same",
    EVENTS,
    "if not (event.names_order and event.quantity < 0 and self._hand_over(event, level)):",
    "if True:",
)
@guard("a sale that was counted hands over once", EVENTS, "        self._note(event, level, _Change())\n")
def a_sale_for_an_order_comes_after_the_count(walk: Walk) -> None:
    walk.orders_reserve([(ANYONE, want(3))])
    walk.time_passes(20)
    walk.a_feed_tells([Said(*A, 6, is_count=True)])
    walk.time_passes(10)
    walk.a_feed_tells([Said(*A, -2, ago=15, order="order:2")])
    walk.a_feed_tells_again(7)


@guard(
    "within a message an id tells what was told",
    EVENTS,
    "event.quantity if event.kind == DELTA else change.on_hand",
    "change.on_hand",
)
@guard("who repeats our work is told so", EVENTS, "if ours and ours == event.quantity:", "if False:")
def our_work_is_stuttered(walk: Walk) -> None:
    walk.orders_reserve([(ANYONE, want(2))])
    walk.a_feed_tells([Said(*A, -2, order="order:2", source=ECHO)], stutters=True)


@guard(
    "our own work is not booked again",
    EVENTS,
    "_moved(event.quantity - ours, event.condition)",
    "_moved(event.quantity, event.condition)",
)
@guard(
    "our own work is recognised once",
    EVENTS,
    "            self.orders.recognize(event.reference, level.key, ours)\n",
    "            pass\n",
)
@guard(
    "who repeats our work hands nothing over",
    EVENTS,
    "        if self._feed(event).reports_our_work:\n            return 0\n",
)
@guard("recognised work is remembered", ORDERS, "        _keep_recognized(changed, as_of=as_of)\n")
@guard(
    "what was recognised before is known",
    ORDERS,
    "Counter(_recognized({reference for reference, _key in named}))",
    "Counter()",
)
@guard("no more is recognised than was not yet", ORDERS, "max(0, ours - self._recognized[account])", "ours")
def our_work_is_told_and_more(walk: Walk) -> None:
    walk.orders_reserve([(ANYONE, want(2))])
    walk.a_feed_tells([Said(*A, -2, order="order:2", source=ECHO)])
    walk.a_feed_tells([Said(*A, -1, order="order:2", source=ECHO)])


@guard(
    "an id tells what was told, not what was booked",
    LEDGER,
    "movement.quantity if movement.told is None else movement.told",
    "movement.quantity",
)
def our_work_is_told_again(walk: Walk) -> None:
    walk.orders_reserve([(ANYONE, want(2))])
    walk.a_feed_tells([Said(*A, -2, order="order:2", source=ECHO)])
    walk.a_feed_tells_again(6)


@guard(
    "no more is our own work than the order wants",
    ORDERS,
    "return -min(-change, max(0, ours - self._recognized[account]))",
    "return change",
)
def more_than_our_work_is_told(walk: Walk) -> None:
    walk.orders_reserve([(ANYONE, want(2))])
    walk.a_feed_tells([Said(*A, -5, order="order:2", source=ECHO)])


@guard(
    "work that was taken back is not owed",
    ORDERS,
    "max(0, ours - self._recognized[account])",
    "ours - self._recognized[account]",
)
def our_work_is_told_and_the_order_is_canceled(walk: Walk) -> None:
    walk.orders_reserve([(ANYONE, want(3))])
    walk.a_feed_tells([Said(*A, -3, order="order:2", source=ECHO)])
    walk.orders_let_go(3, is_gone=False)
    walk.a_feed_tells([Said(*A, -1, order="order:2", source=ECHO)])


@guard("no more is put back than was picked", ORDERS, "return min(change, self._recognized[account])", "return change")
def our_work_is_put_back(walk: Walk) -> None:
    walk.orders_reserve([(ANYONE, want(2))])
    walk.a_feed_tells([Said(*A, -2, order="order:2", source=ECHO)])
    walk.a_feed_tells([Said(*A, 5, order="order:2", source=ECHO)])


# ---- files of counts ---------------------------------------------------------------------------------

MERGING = "imports.merging"


@guard(
    "a file says nothing of before the last count",
    MERGING,
    "AND (s.counted_at IS NULL OR c.at >= s.counted_at) ",
)
def a_file_is_old(walk: Walk) -> None:
    walk.time_passes(10)
    walk.a_feed_tells([Said(*A, 8, is_count=True)])
    walk.a_file_counts([Row(*A, 3), Row(*B, 3)], ago=5)


@guard("what moved since a file was made is reckoned in", MERGING, " + {_moved('quantity')}")
def a_file_comes_late(walk: Walk) -> None:
    walk.time_passes(10)
    walk.a_feed_tells([Said(*A, -2)])
    walk.time_passes(10)
    walk.a_file_counts([Row(*A, 8)], ago=15)


@guard("what moved before a file was made is not", MERGING, "AND m.occurred_at > c.at AND m", "AND m")
def something_is_told_late_that_a_file_knew(walk: Walk) -> None:
    walk.time_passes(20)
    walk.a_feed_tells([Said(*A, -2, ago=15)])
    walk.a_file_counts([Row(*A, 6)], ago=10)


@guard(
    "a file finds no more damaged than it counts", MERGING, 'damaged=_among(found, "damaged")', 'damaged="s.damaged"'
)
@guard(
    "a file finds no more set apart than it counts and are not damaged",
    MERGING,
    "f\"({found} - greatest(0, least({found}, {_then('damaged')})))\"",
    "found",
)
@guard(
    "what a file heals is a movement", MERGING, "(delta, damaged_delta, quarantined_delta) <> (0, 0, 0)", "delta <> 0"
)
@guard(
    "what a file heals is of the damaged and of those set apart",
    MERGING,
    "delta, damaged_delta, quarantined_delta, %(import_id)s",
    "delta, quarantined_delta, damaged_delta, %(import_id)s",
)
def a_file_counts_fewer_than_were_damaged(walk: Walk) -> None:
    some_are_damaged_and_some_set_apart(walk)
    walk.a_feed_tells([Said(*A, -9)])
    walk.a_file_counts([Row(*A, 4)])
    walk.a_file_counts([Row(*B, 1)], "S1", True)


@guard("what was damaged since was not in the file", MERGING, "{found} - {then}", "{found} - s.{condition}")
def some_are_damaged_and_set_apart_after_a_file(walk: Walk) -> None:
    walk.time_passes(10)
    some_are_damaged_and_some_set_apart(walk)
    walk.a_file_counts([Row(*A, 1)], ago=5)


@guard(
    "in a file neither does it",
    MERGING,
    "greatest(0, least({found}, {_then('damaged')}))",
    "least({found}, {_then('damaged')})",
)
def some_are_mended_before_they_break_and_a_file_counts(walk: Walk) -> None:
    some_are_mended_before_they_break(walk)
    walk.a_file_counts([Row(*A, 1)], ago=5)


@guard("a file takes nothing away that was mended since", MERGING, "greatest(0, s.{condition} + ", "(s.{condition} + ")
def some_are_mended_and_released_after_a_file(walk: Walk) -> None:
    walk.a_feed_tells([Said(*A, 6, condition="damaged"), Said(*A, 4, condition="quarantined")])
    walk.time_passes(10)
    walk.somebody_adjusts("release", "A", "S1", 3)
    walk.somebody_adjusts("repair", "A", "S1", 4)
    walk.a_file_counts([Row(*A, 0)], ago=5)


@guard("a file is a count of its instant", MERGING, "counted_at = c.at, ")
def a_file_is_counted(walk: Walk) -> None:
    walk.time_passes(10)
    walk.a_file_counts([Row(*A, 6)])
    walk.a_feed_tells([Said(*A, -2, ago=5)])


@guard("a file ends a suspicion", MERGING, "CASE WHEN s.suspect_at > c.at THEN s.suspect_at END", "s.suspect_at")
@guard("a file before it ends no suspicion", MERGING, "CASE WHEN s.suspect_at > c.at THEN s.suspect_at END", "NULL")
def a_file_meets_suspicions(walk: Walk) -> None:
    walk.time_passes(10)
    walk.somebody_does_not_find_it("A", "S1")
    walk.time_passes(10)
    walk.a_file_counts([Row(*A, 6)], ago=15)
    walk.a_file_counts([Row(*A, 6)], ago=5)


@guard("a shortage that a file makes is told", MERGING, 'orjson.loads(short or "[]")', "[]")
def a_file_finds_fewer_than_promised(walk: Walk) -> None:
    walk.orders_reserve([(ANYONE, want(5))])
    walk.a_file_counts([Row(*A, 2)])


@guard(
    "a file may leave out what is reserved", MERGING, "_RESERVED_THEN if terms.counts_exclude_reserved else '0'", "'0'"
)
@guard(
    "most files leave nothing out",
    MERGING,
    "_RESERVED_THEN if terms.counts_exclude_reserved else '0'",
    "_RESERVED_THEN",
)
def a_file_leaves_out_what_is_reserved(walk: Walk) -> None:
    walk.orders_reserve([(ANYONE, want(2))])
    walk.a_file_counts([Row(*A, 5)], source=NET)
    walk.a_file_counts([Row(*A, 5)])


@guard(
    "what was reserved later was in a late file",
    MERGING,
    "AND r.status = 'active' AND r.created_at <= c.at), 0)",
    "AND r.status = 'active'), 0)",
)
def reserved_after_a_late_file(walk: Walk) -> None:
    walk.time_passes(10)
    walk.orders_reserve([(ANYONE, want(2))])
    walk.time_passes(10)
    walk.a_file_counts([Row(*A, 5)], ago=15, source=NET)


@guard("what was let go since was left out of a late file", MERGING, "sum(r.quantity)", "sum(r.remaining)")
def let_go_after_a_late_file(walk: Walk) -> None:
    walk.orders_reserve([(ANYONE, want(2))])
    walk.time_passes(10)
    walk.orders_let_go(2, is_gone=False)
    walk.time_passes(10)
    walk.a_file_counts([Row(*A, 5)], ago=15, source=NET)


@guard("what was let go before was in a late file", MERGING, "\n        AND r.updated_at > c.at")
def let_go_before_a_late_file(walk: Walk) -> None:
    walk.orders_reserve([(ANYONE, want(2))])
    walk.time_passes(5)
    walk.orders_let_go(2, is_gone=False)
    walk.time_passes(5)
    walk.a_feed_tells([Said(*A, -1)])
    walk.time_passes(5)
    walk.a_file_counts([Row(*A, 5)], ago=7, source=NET)


@guard(
    "what a whole place's file names is not none",
    MERGING,
    " AND NOT EXISTS (SELECT FROM {rows} named WHERE named.sku = s.sku)".lstrip(),
    "",
)
@guard(
    "what a whole place's file does not name is none",
    "services.import_work",
    "leaves_unnamed=not is_snapshot or bool(tally.nameless)",
    "leaves_unnamed=True",
)
def a_file_is_of_a_whole_place(walk: Walk) -> None:
    walk.a_file_counts([Row(*A, 5)], is_all=True)


@guard("where a row names nobody knows what, nothing is none", "services.import_work", " or bool(tally.nameless)")
def a_row_names_nobody_knows_what(walk: Walk) -> None:
    walk.a_file_counts([Row(*A, 5), Row("", "S1", 3)], is_all=True)


@guard(
    "what a row names that cannot be read is not none",
    "imports.staging",
    "for fault in block.faults if with_named else ():",
    "for fault in ():",
)
def a_row_cannot_be_read(walk: Walk) -> None:
    walk.a_file_counts([Row(*A, 5), Row(*B, None)], is_all=True)


@guard("no file is of the future", "services.stock_imports", "if new.occurred_at - as_of > SKEW:", "if False:")
@guard(
    "the clock of a file may be a little fast",
    "services.stock_imports",
    "min(new.occurred_at, as_of)",
    "new.occurred_at",
)
def a_file_is_of_the_future(walk: Walk) -> None:
    walk.a_file_counts([Row(*A, 5)], ago=-60)
    walk.a_file_counts([Row(*A, 5)], ago=-301)


@guard("no file makes more than can be stored", MERGING, " AND {fits}")
def a_late_file_makes_too_many(walk: Walk) -> None:
    walk.time_passes(10)
    walk.a_feed_tells([Said(*A, 1_500_000_000)])
    walk.time_passes(10)
    walk.a_file_counts([Row(*A, 1_000_000_000)], ago=15)


@guard("no file moves more than can be stored", MERGING, " AND abs({{units}} - s.on_hand) <= {MOST_UNITS}")
def a_file_comes_where_far_too_many_were_sold(walk: Walk) -> None:
    walk.a_feed_tells([Said(*A, -1_500_000_000)])
    walk.a_file_counts([Row(*A, 1_000_000_000)])


@guard(
    "where nothing of a file is believed, nothing is none",
    "services.import_work",
    "elif row.zeroes_nothing or",
    "elif row.leaves_unnamed or",
)
def nothing_of_a_file_is_believed(walk: Walk) -> None:
    walk.a_file_counts([Row("nobody's", "S1", 3)], is_all=True)


@guard("the last word of a file counts", "imports.staging", "location, line DESC", "location, line")
def a_file_names_a_level_twice(walk: Walk) -> None:
    walk.a_file_counts([Row(*A, 5), Row(*A, 3)])


# ---- carts -------------------------------------------------------------------------------------------

CARTS = "services.cart_holds"


@guard(
    "a cart holds only so many",
    CARTS,
    "if sum(line.quantity for line in lines) > settings.HOLD_MOST_UNITS:",
    "if False:",
)
def a_cart_wants_too_many(walk: Walk) -> None:
    walk.a_cart_holds("c1", WEB, [Line("A", 10)], 60)


@guard("a cart holds nothing that is off sale", CARTS, " or not known[line.sku].is_active")
def a_cart_wants_what_is_off_sale(walk: Walk) -> None:
    walk.somebody_takes_it_off_sale("A")
    walk.a_cart_holds("c1", WEB, [Line("A", 1)], 60)


@guard("a cart holds nothing at a closed place", CARTS, " or not place.is_active")
def a_cart_wants_it_of_a_closed_place(walk: Walk) -> None:
    walk.somebody_closes_a_place("S1")
    walk.a_cart_holds("c1", WEB, [Line("A", 1, "S1")], 60)


@guard("a cart holds nothing where no orders are taken", CARTS, "directory[code].serves(context) and ")
def a_cart_wants_it_where_no_orders_are_taken(walk: Walk) -> None:
    walk.somebody_closes_a_place("S1", is_open=True, takes_orders=False)
    walk.a_cart_holds("c1", WEB, [Line("A", 3)], 60)


@guard("a cart holds nothing where its method cannot be served", CARTS, "directory[code].serves(context) and ")
def a_cart_is_to_be_collected_where_nothing_is_handed_out(walk: Walk) -> None:
    walk.somebody_closes_a_place("S1", is_open=True, able=("ship",))
    walk.a_cart_holds("c1", WEB, [Line("A", 3)], 60)


@guard(
    "the same request finds its hold",
    CARTS,
    "if known := _recall(cart, channel, fingerprint, as_of=as_of):",
    "if known := None:",
)
def a_cart_asks_again(walk: Walk) -> None:
    walk.a_cart_holds("c1", WEB, [Line("A", 3)], 60)
    walk.a_cart_holds("c1", WEB, [Line("A", 3)], 60)


@guard("another request does not find a hold", CARTS, '    check_same(live.fingerprint, Once("", "", fingerprint))\n')
def a_cart_asks_for_something_else(walk: Walk) -> None:
    walk.a_cart_holds("c1", WEB, [Line("A", 3)], 60)
    walk.a_cart_holds("c1", WEB, [Line("A", 4)], 60)


@guard("a dead hold is not found", CARTS, ", expires_at__gt=as_of).first()", ").first()")
@guard(
    "a dead hold makes way for the cart's next",
    CARTS,
    "        _end(earlier, HoldStatus.EXPIRED, as_of=as_of)\n",
    "        pass\n",
)
def a_cart_asks_again_after_its_end(walk: Walk) -> None:
    walk.a_cart_holds("c1", WEB, [Line("A", 3)], 60)
    walk.time_passes(60)
    walk.a_cart_holds("c1", WEB, [Line("A", 3)], 60)


@guard("a cart holds no more than can be sold", CARTS, "if sum(found.values()) < quantity:", "if False:")
def a_cart_wants_more_than_there_is(walk: Walk) -> None:
    walk.a_cart_holds("c1", WEB, [Line("A", 9, "S1")], 60)


@guard("lines of one article share what there is", CARTS, "            stock[sku][code] -= units\n")
def a_cart_wants_it_here_and_anywhere(walk: Walk) -> None:
    walk.a_cart_holds("c1", WEB, [Line("A", 5, "S1"), Line("A", 4)], 60)


@guard(
    "what can be had in one place only comes first",
    CARTS,
    "sorted(lines, key=lambda line: line.location is None)",
    "lines",
)
def a_cart_wants_it_anywhere_and_here(walk: Walk) -> None:
    walk.a_cart_holds("c1", WEB, [Line("A", 8), Line("A", 1, "S1")], 60)


@guard("one owner holds so many carts", CARTS, "if live.count() >= most:", "if False:")
@guard(
    "dead holds are not among an owner's",
    CARTS,
    "owner=owner, status=HoldStatus.ACTIVE, expires_at__gt=as_of)",
    "owner=owner, status=HoldStatus.ACTIVE)",
)
def many_carts_hold(walk: Walk) -> None:
    walk.a_cart_holds("c1", WEB, [Line("A", 1)], 60)
    walk.a_cart_holds("c2", WEB, [Line("A", 1)], 60)
    walk.a_cart_holds("c3", WEB, [Line("A", 1)], 60)
    walk.time_passes(60)
    walk.a_cart_holds("c3", WEB, [Line("A", 1)], 60)


@guard("renewing keeps the units", CARTS, "    hold.held.update(expires_at=hold.expires_at)\n")
@guard("readers are told that a hold lives on", CARTS, "    _mark_levels(held, hold.expires_at)\n")
def a_cart_renews(walk: Walk) -> None:
    walk.a_cart_holds("c1", WEB, [Line("A", 3)], 60)
    walk.a_cart_renews(600)
    walk.time_passes(60)


@guard("a short hold does not hide a longer one", CARTS, "greatest(s.held_until, %s)", "%s")
def a_short_hold_comes_after_a_long_one(walk: Walk) -> None:
    walk.a_cart_holds("c1", WEB, [Line("A", 1, "S1")], 600)
    walk.a_cart_holds("c2", WEB, [Line("A", 1, "S1")], 60)
    walk.time_passes(60)


@guard(
    "new lines replace the old",
    CARTS,
    "    CartHoldLine.objects.filter(hold=hold).delete()\n    _pin_down(",
    "    _pin_down(",
)
def a_cart_changes(walk: Walk) -> None:
    walk.a_cart_holds("c1", WEB, [Line("A", 3, "S1")], 60)
    walk.a_cart_renews(60, [Line("B", 3, "S1")])


@guard("who wants it otherwise has it elsewhere", CARTS, " and method is None and service is None")
def a_cart_is_to_be_collected_after_all(walk: Walk) -> None:
    walk.somebody_closes_a_place("S1", is_open=True, able=("ship",))
    walk.a_cart_holds("c1", WEB._replace(method="ship"), [Line("A", 3)], 60)
    walk.a_cart_renews(60, None, WEB)


@guard(
    "what a cart holds is the cart's, whatever a later rule keeps",
    SELLABLE,
    "kept=kept)}{own}",
    "kept=kept)}",
)
@guard(
    "who renews has what it holds until it is found anew",
    CARTS,
    "    _lock_and_weigh(hold, pins, context)\n    CartHoldLine.objects.filter(hold=hold).delete()\n",
    "    CartHoldLine.objects.filter(hold=hold).delete()\n    _lock_and_weigh(hold, pins, context)\n",
)
def a_rule_comes_after_the_cart(walk: Walk) -> None:
    walk.a_cart_holds("c1", WEB, [Line("A", 6, "S1")], 600)
    walk.somebody_makes_a_rule(rule(units=5))
    walk.a_cart_renews(600, [Line("A", 7, "S1")], WEB)
    walk.a_cart_renews(600, [Line("A", 6, "S1")], WEB)
    walk.a_cart_becomes_an_order([], as_held=True)


@guard("a cart has of what it holds what is there", SELLABLE, "THEN least({free}, {own})", "THEN {own}")
def what_a_cart_holds_breaks(walk: Walk) -> None:
    walk.a_cart_holds("c1", WEB, [Line("A", 6, "S1")], 600)
    walk.somebody_adjusts("damage", "A", "S1", 5)
    walk.a_cart_renews(600, [Line("A", 6, "S1")], WEB)


@guard("what has ended is not renewed", CARTS, "if hold.status != HoldStatus.ACTIVE:", "if False:")
def a_cart_renews_what_it_gave_back(walk: Walk) -> None:
    walk.a_cart_holds("c1", WEB, [Line("A", 3, "S1")], 60)
    walk.a_cart_lets_go()
    walk.a_cart_renews(60)


@guard(
    "what has expired is not renewed, to the instant",
    CARTS,
    "    if hold.expires_at <= as_of:\n        raise",
    "    if False:\n        raise",
)
def a_cart_renews_too_late(walk: Walk) -> None:
    walk.a_cart_holds("c1", WEB, [Line("A", 3, "S1")], 60)
    walk.time_passes_until_a_cart_is_given_up(0)
    walk.a_cart_renews(60)


@guard(
    "who renews too late hears of that first",
    CARTS,
    "    _check_alive(hold, as_of=as_of)  # before a shortage is told: it would have been short of its own units\n",
)
def a_cart_renews_too_late_what_others_have(walk: Walk) -> None:
    walk.a_cart_holds("c1", WEB, [Line("A", 8, "S1")], 60)
    walk.time_passes(60)
    walk.orders_reserve([(ANYONE, want(8))])
    walk.a_cart_renews(60, [Line("A", 8, "S1")])


@guard("who renews for too long hears of that first", CARTS, "    _end_of_life(hold, ttl_seconds, as_of=as_of)\n")
def a_cart_renews_more_than_there_is_after_an_hour(walk: Walk) -> None:
    walk.a_cart_holds("c1", WEB, [Line("A", 8, "S1")], 7200)
    walk.time_passes(3600)
    walk.a_cart_renews(60, [Line("A", 9, "S1")])


@guard(
    "a hold lives for an hour at most",
    CARTS,
    "min(as_of + timedelta(seconds=ttl_seconds), last)",
    "as_of + timedelta(seconds=ttl_seconds)",
)
def a_cart_renews_for_long(walk: Walk) -> None:
    walk.a_cart_holds("c1", WEB, [Line("A", 3, "S1")], 60)
    walk.time_passes(45)
    walk.a_cart_renews(3600)
    walk.time_passes(3555)


@guard("a hold that lived an hour is not renewed", CARTS, "if until <= as_of:", "if False:")
def a_cart_renews_what_lived_long_enough(walk: Walk) -> None:
    walk.a_cart_holds("c1", WEB, [Line("A", 3, "S1")], 7200)
    walk.time_passes(3600)
    walk.a_cart_renews(60)


@guard(
    "what a cart gives back can be sold",
    CARTS,
    "    CartHoldLine.objects.filter(hold=hold).delete()\n    hold.status = status\n",
    "    hold.status = status\n",
)
def a_cart_lets_go(walk: Walk) -> None:
    walk.a_cart_holds("c1", WEB, [Line("A", 3, "S1")], 60)
    walk.a_cart_lets_go()


@guard("what an order has taken over is not given back", CARTS, "if hold.status == HoldStatus.COMMITTED:", "if False:")
@guard(
    "what an order takes over is held no more",
    CARTS,
    "        _end(hold, HoldStatus.COMMITTED, as_of=as_of)\n",
    "        pass\n",
)
@guard("a cart becomes one order", CARTS, "if hold.status in (HoldStatus.COMMITTED, HoldStatus.RELEASED):", "if False:")
def a_cart_becomes_an_order(walk: Walk) -> None:
    walk.a_cart_holds("c1", WEB, [Line("A", 3, "S1")], 60)
    walk.a_cart_becomes_an_order([], as_held=True)
    walk.a_cart_becomes_an_order([(ANYONE, want(1))])
    walk.a_cart_lets_go()


@guard(
    "what has ended stays as it ended",
    CARTS,
    "    if hold.status == HoldStatus.ACTIVE:\n        _let_go(hold, as_of=as_of)",
    "    if True:\n        _end(hold, HoldStatus.RELEASED, as_of=as_of)",
)
def an_expired_hold_is_given_back(walk: Walk) -> None:
    walk.a_cart_holds("c1", WEB, [Line("A", 3, "S1")], 60)
    walk.time_passes(60)
    walk.the_sweeper_comes()
    walk.a_cart_lets_go()
    walk.a_cart_becomes_an_order([(ANYONE, want(1))])


@guard(
    "who gives back too late has let it expire",
    CARTS,
    "HoldStatus.EXPIRED if hold.expires_at <= as_of else HoldStatus.RELEASED",
    "HoldStatus.RELEASED",
)
def a_hold_is_given_back_too_late(walk: Walk) -> None:
    walk.a_cart_holds("c1", WEB, [Line("A", 3, "S1")], 60)
    walk.time_passes(60)
    walk.a_cart_lets_go()
    walk.a_cart_becomes_an_order([(ANYONE, want(1))])


@guard("what has expired is not taken over", CARTS, " and hold.expires_at > as_of:", ":")
def an_expired_hold_becomes_orders(walk: Walk) -> None:
    walk.a_cart_holds("c1", WEB, [Line("A", 3, "S1")], 60)
    walk.time_passes(60)
    walk.a_cart_becomes_an_order([(ANYONE, want(1))])
    walk.a_cart_becomes_an_order([(ANYONE, want(1))])


@guard(
    "the sweeper lets the living live",
    CARTS,
    "filter(status=HoldStatus.ACTIVE, expires_at__lte=as_of)",
    "filter(status=HoldStatus.ACTIVE)",
)
@guard(
    "the sweeper forgets no living hold, however old",
    CARTS,
    "CartHold.objects.exclude(status=HoldStatus.ACTIVE).filter(updated",
    "CartHold.objects.filter(updated",
)
def the_sweeper_comes(walk: Walk) -> None:
    walk.a_cart_holds("c1", WEB, [Line("A", 3, "S1")], 3600)
    walk.time_passes(60)
    walk.the_sweeper_comes(forgets_after=timedelta(seconds=45))


@guard(
    "the sweeper forgets what ended",
    CARTS,
    "    CartHold.objects.exclude(status=HoldStatus.ACTIVE).filter(updated_at__lt=older_than).delete()\n",
)
@guard("not before its time", CARTS, ".filter(updated_at__lt=older_than).delete()", ".delete()")
def the_sweeper_forgets(walk: Walk) -> None:
    walk.a_cart_holds("c1", WEB, [Line("A", 3, "S1")], 60)
    walk.a_cart_lets_go()
    walk.the_sweeper_comes()
    walk.a_cart_lets_go()
    walk.time_passes(2 * 24 * 3600)
    walk.the_sweeper_comes()
    walk.a_cart_renews(60)
    walk.a_cart_renews(60, [Line("A", 1)], WEB)
    walk.a_cart_lets_go()
    walk.a_cart_becomes_an_order([(ANYONE, want(1))])


# ---- deliveries and transfers ------------------------------------------------------------------------

ANNOUNCED, TRANSFERS, RECEIVING, INBOUND = (
    f"services.{name}" for name in ("announcements", "transfers", "receiving", "inbound")
)


@guard(
    "what was announced under a name is not announced again",
    ANNOUNCED,
    " ON CONFLICT (source, external_id) WHERE external_id IS NOT NULL DO NOTHING RETURNING id",
    " RETURNING id",
)
@guard("a name is that of one announcement", ANNOUNCED, "if fingerprint != announcement.fingerprint:", "if False:")
def a_delivery_is_announced_again(walk: Walk) -> None:
    walk.a_delivery_is_announced("S1", Counter(A=3), name="n1")
    walk.a_delivery_is_announced("S1", Counter(A=3), name="n1")
    walk.a_delivery_is_announced("S1", Counter(A=4), name="n1")


@guard("nothing is sent to a closed place", ANNOUNCED, "return [] if place.is_active else", "return [] if True else")
def a_delivery_to_a_closed_place(walk: Walk) -> None:
    walk.somebody_closes_a_place("S1")
    walk.a_delivery_is_announced("S1", Counter(A=3))


@guard("no day is too far away to be meant", ANNOUNCED, "if abs(expected_at - as_of) <= _FARTHEST:", "if True:")
@guard(
    "no day is moved too far away",
    INBOUND,
    "if expected_at is not None and (faults := day_faults(expected_at, as_of)):",
    "if faults := []:",
)
def a_delivery_in_years(walk: Walk) -> None:
    walk.a_delivery_is_announced("S1", Counter(A=3), in_hours=4 * 366 * 24)
    walk.a_delivery_is_announced("S1", Counter(A=3))
    walk.a_delivery_is_changed(in_hours=4 * 366 * 24)


@guard("a transfer that is told again leaves once", TRANSFERS, 'if sent["is_new"] and transfer', "if transfer")
def a_transfer_is_told_again(walk: Walk) -> None:
    walk.a_transfer_is_sent(["S1", "S3"], Counter(A=3), name="n1")
    walk.a_transfer_is_sent(["S1", "S3"], Counter(A=3), name="n1")


@guard("no more is sent than can be spared", TRANSFERS, "    if short:", "    if False:")
def a_place_sends_what_it_needs(walk: Walk) -> None:
    walk.orders_reserve([(ANYONE, want(4))])
    walk.a_transfer_is_sent(["S1", "S3"], Counter(A=5))


@guard("a closed place sends nothing", TRANSFERS, "elif not origin.is_active:", "elif False:")
def a_closed_place_sends(walk: Walk) -> None:
    walk.somebody_closes_a_place("S1")
    walk.a_transfer_is_sent(["S1", "S3"], Counter(A=3))


@guard(
    "a place that takes no transfers is sent none",
    TRANSFERS,
    "elif Ability.RECEIVE_TRANSFER not in destination.abilities:",
    "elif False:",
)
def a_transfer_is_sent_where_none_are_taken(walk: Walk) -> None:
    walk.somebody_closes_a_place("S3", is_open=True, takes_transfers=False)
    walk.a_transfer_is_sent(["S1", "S3"], Counter(A=3))


@guard("a transfer goes to another place", TRANSFERS, "if transfer.origin == transfer.location:", "if False:")
def a_place_sends_to_itself(walk: Walk) -> None:
    walk.a_transfer_is_sent(["S1", "S1"], Counter(A=3))


@guard(
    "what is sent stands at its origin no more",
    TRANSFERS,
    "        levels[sku, origin].on_hand -= quantity\n",
    "        pass\n",
)
@guard(
    "what is in transit was sent",
    TRANSFERS,
    "Cause.TRANSFER_SENT, as_of, -quantity, reference=reference",
    'Cause.TRANSFER_SENT, as_of, -quantity, reference="?"',
)
@guard("what has come does not come again", RECEIVING, "if not inbound.is_open:", "if False:")
@guard(
    "when all has come a delivery ends",
    RECEIVING,
    "if not final and any(line.remaining for line in lines):",
    "if not final:",
)
def a_transfer_arrives(walk: Walk) -> None:
    walk.a_transfer_is_sent(["S1", "S3"], Counter(A=3))
    walk.goods_arrive()
    walk.goods_arrive()


@guard(
    "who saw it before it changed does not receive it",
    RECEIVING,
    "if version is not None and version != inbound.version:",
    "if False:",
)
@guard("a change is seen", INBOUND, "    inbound.version += 1\n")
def a_delivery_changes_meanwhile(walk: Walk) -> None:
    walk.a_delivery_is_announced("S1", Counter(A=3))
    walk.a_delivery_is_changed(in_hours=2)
    walk.goods_arrive(seen="before")


@guard("nothing that came is nothing to receive", RECEIVING, "if not came and not final:", "if False:")
def nothing_arrives(walk: Walk) -> None:
    walk.a_delivery_is_announced("S1", Counter(A=3))
    walk.goods_arrive([])


@guard(
    "what came too many is not owed",
    RECEIVING,
    "max(0, line.quantity - line.received)",
    "line.quantity - line.received",
)
def more_arrives_than_was_announced(walk: Walk) -> None:
    walk.a_delivery_is_announced("S1", Counter(A=3, B=1))
    walk.goods_arrive([("A", 5, "")])


@guard(
    "what does not come is missing", RECEIVING, "line.missing, line.remaining = line.remaining, 0", "line.remaining = 0"
)
@guard(
    "what is missing does not remain",
    RECEIVING,
    "line.missing, line.remaining = line.remaining, 0",
    "line.missing = line.remaining",
)
def less_arrives_than_was_sent(walk: Walk) -> None:
    walk.a_transfer_is_sent(["S1", "S3"], Counter(A=3))
    walk.goods_arrive([("A", 1, "")], is_last=True)


@guard(
    "what arrives broken is not sold",
    RECEIVING,
    "damaged = quantity if condition == Condition.DAMAGED else 0",
    "damaged = 0",
)
@guard(
    "what arrives for quarantine is not sold",
    RECEIVING,
    "quarantined = quantity if condition == Condition.QUARANTINED else 0",
    "quarantined = 0",
)
@guard("what arrives stands there", RECEIVING, "        level.on_hand += quantity\n")
def broken_goods_arrive(walk: Walk) -> None:
    walk.a_delivery_is_announced("S1", Counter(A=3, B=3))
    walk.goods_arrive([("A", 1, "damaged"), ("A", 1, "quarantined"), ("B", 3, "")])


@guard(
    "what has left cannot be announced otherwise",
    INBOUND,
    "    if inbound.is_transfer:\n        raise",
    "    if False:\n        raise",
)
def a_transfer_is_changed(walk: Walk) -> None:
    walk.a_transfer_is_sent(["S1", "S3"], Counter(A=3))
    walk.a_delivery_is_changed(Counter(A=5))


@guard("of what is announced no more nothing comes", INBOUND, "min(line.quantity, line.received)", "line.quantity")
@guard(
    "what is announced no more and came is not owed",
    INBOUND,
    "max(0, line.quantity - line.received)",
    "line.quantity - line.received",
)
def a_delivery_is_announced_otherwise(walk: Walk) -> None:
    walk.a_delivery_is_announced("S1", Counter(A=4, B=3))
    walk.goods_arrive([("A", 2, "")])
    walk.a_delivery_is_changed(Counter(A=1, B=3))
    walk.a_delivery_is_changed(Counter(A=1))


@guard(
    "when all that is announced has come a delivery ends",
    INBOUND,
    "if not any(line.remaining for line in stored):",
    "if False:",
)
def a_delivery_is_announced_as_it_came(walk: Walk) -> None:
    walk.a_delivery_is_announced("S1", Counter(A=4))
    walk.goods_arrive([("A", 2, "")])
    walk.a_delivery_is_changed(Counter(A=2))
    walk.goods_arrive([("A", 1, "")])


@guard(
    "what has come in part is not canceled",
    "states",
    "S.PARTIALLY_RECEIVED: {S.PARTIALLY_RECEIVED, S.RECEIVED}",
    "S.PARTIALLY_RECEIVED: {S.PARTIALLY_RECEIVED, S.RECEIVED, S.CANCELED}",
)
def part_of_a_transfer_has_come(walk: Walk) -> None:
    walk.a_transfer_is_sent(["S1", "S3"], Counter(A=3))
    walk.goods_arrive([("A", 1, "")])
    walk.a_delivery_is_canceled()


@guard("what is canceled is not expected", INBOUND, "    for line in lines:\n        line.remaining = 0\n")
@guard("a canceled transfer stands at its origin again", INBOUND, "if inbound.origin_id is not None:", "if False:")
def a_transfer_is_canceled(walk: Walk) -> None:
    walk.a_transfer_is_sent(["S1", "S3"], Counter(A=3))
    walk.a_delivery_is_canceled()


# ---- who waits for what comes ----------------------------------------------------------------------------

PROMISES = "services.supply_promises"


@guard(
    "what is promised of a delivery is expected by nobody else",
    "supply",
    "taken += line.promised + max(0, -own)",
    "taken += max(0, -own)",
)
@guard(
    "no more is promised of a delivery than comes",
    PROMISES,
    "if not _may_be_promised(now, own=_by_line(was)):",
    "if False:",
)
def two_wait_for_more_than_comes(walk: Walk) -> None:
    walk.a_delivery_is_announced("S1", Counter(A=3))
    walk.somebody_waits_for_it("A", 2)
    walk.somebody_waits_for_it("A", 2)


@guard("of what comes the rules keep their units, too", "supply", " - units_kept(", " - 0 * units_kept(")
@guard(
    "a share is kept of what comes", "supply", "        good += line.remaining\n", "        taken -= line.remaining\n"
)
@guard(
    "what its level owes is none of what comes",
    "supply",
    "good, taken = first.good, first.taken",
    "good, taken = first.good, 0",
)
@guard(
    "nor is what carts hold", "supply", "coalesce(s.reserved, 0) + {held_sql", "coalesce(s.reserved, 0) + 0 * {held_sql"
)
@guard(
    "what is not shown to an asker is not promised to them",
    PROMISES,
    "if any(found.get(line, 0) < n for line, n in more.items()):",
    "if False:",
)
def part_of_what_comes_is_kept(walk: Walk) -> None:
    walk.orders_reserve([(APP, want(2))])
    walk.a_cart_holds("c1", APP, [Line("B", 3, "S1")], 60)
    walk.a_delivery_is_announced("S1", Counter(A=8, B=8))
    walk.somebody_makes_a_rule(rule(units=9))
    walk.somebody_makes_a_rule(rule(channel="web", share=5_000))
    walk.somebody_waits_for_it("A", 5, asker=WEB)
    walk.somebody_waits_for_it("A", 1, asker=WEB)
    walk.somebody_waits_for_it("A", 4, asker=WEB)


@guard("who waited longest is served first", PROMISES, 'order_by("since", "id"):', 'order_by("-id"):')
@guard("what came for somebody is theirs", PROMISES, "in keep_reserved(wants, as_of=as_of)}", "in ()}")
@guard(
    "broken goods serve nobody",
    RECEIVING,
    "receipt.quantity if receipt.condition == Condition.SELLABLE else 0",
    "receipt.quantity",
)
def less_comes_than_two_wait_for(walk: Walk) -> None:
    walk.a_delivery_is_announced("S1", Counter(A=4))
    walk.somebody_waits_for_it("A", 2)
    walk.somebody_waits_for_it("A", 2)
    walk.goods_arrive([("A", 1, ""), ("A", 1, "damaged")])


@guard("whose goods are missing waits on", PROMISES, "    _lose(lost)\n    return arrivals", "    return arrivals")
@guard("what is missing is promised to nobody", RECEIVING, "    settle_promises(short, {})\n", "")
def nothing_comes_for_who_waits(walk: Walk) -> None:
    walk.a_delivery_is_announced("S1", Counter(A=4))
    walk.somebody_waits_for_it("A", 2)
    walk.goods_arrive([], is_last=True)


@guard(
    "what a level owes comes before who waits",
    PROMISES,
    "max(0, _good(level) - level.reserved)",
    "max(0, _good(level))",
)
def a_level_owes_when_goods_come(walk: Walk) -> None:
    walk.orders_reserve([(ANYONE, want(8))])
    walk.a_delivery_is_announced("S1", Counter(A=3))
    walk.somebody_waits_for_it("A", 3)
    walk.somebody_finds_it_broken("A", "S1", 2)
    walk.goods_arrive()


@guard("what is announced no more is promised to nobody", INBOUND, "    settle_promises(stored, {})\n", "")
def a_delivery_becomes_smaller_than_what_is_promised(walk: Walk) -> None:
    walk.a_delivery_is_announced("S1", Counter(A=4, B=1))
    walk.somebody_waits_for_it("A", 3)
    walk.a_delivery_is_changed(Counter(A=2, B=1))


@guard("what is canceled is promised to nobody", INBOUND, "    settle_promises(lines, {})\n", "")
def a_delivery_that_is_waited_for_is_canceled(walk: Walk) -> None:
    walk.a_delivery_is_announced("S1", Counter(A=4))
    walk.somebody_waits_for_it("A", 3)
    walk.a_delivery_is_canceled()


@guard("what is given up is free", PROMISES, "            fewer[promise.line_id] -= taken\n", "            pass\n")
@guard("what has come is given up, too", PROMISES, "return _of_arrived(+left)", "return []")
def somebody_gives_up(walk: Walk) -> None:
    walk.a_delivery_is_announced("S1", Counter(A=4))
    walk.somebody_waits_for_it("A", 3)
    walk.goods_arrive([("A", 1, "")])
    walk.somebody_gives_up_waiting(units=3)


# ---- what people find ----------------------------------------------------------------------------------

CONDITIONS = "services.stock_conditions"


@guard("no more are adjusted than are there", CONDITIONS, "    if wanted > available:", "    if False:")
@guard(
    "no more break than are good",
    CONDITIONS,
    "_Change(damaged=_of(_good(level), given.quantity))",
    "_Change(damaged=given.quantity)",
)
@guard(
    "no more are put aside than are good",
    CONDITIONS,
    "_Change(quarantined=_of(_good(level), given.quantity))",
    "_Change(quarantined=given.quantity)",
)
@guard("no more are repaired than are broken", CONDITIONS, "-_of(level.damaged, given.quantity)", "-given.quantity")
@guard(
    "no more are released than are in quarantine",
    CONDITIONS,
    "-_of(level.quarantined, given.quantity)",
    "-given.quantity",
)
@guard(
    "no more are written off than are there",
    CONDITIONS,
    "left = _of(sum(there.values()), given.quantity)",
    "left = given.quantity",
)
@guard(
    "broken means broken, whatever is said besides",
    CONDITIONS,
    "if adjustment.condition and adjustment.kind not in",
    "if False and adjustment.kind not in",
)
def people_adjust_too_many(walk: Walk) -> None:
    for kind in ("damage", "quarantine", "repair", "release", "write_off"):
        walk.somebody_adjusts(kind, "A", "S1", 9)
    walk.somebody_adjusts("damage", "A", "S1", 1, "damaged")


@guard(
    "those of a condition are written off where it is named", CONDITIONS, "    if given.condition:\n", "    if False:\n"
)
@guard(
    "broken ones that are written off are broken no more",
    CONDITIONS,
    "_Change(-given.quantity, -taken[Condition.DAMAGED],",
    "_Change(-given.quantity, 0,",
)
def good_and_broken_ones_are_written_off(walk: Walk) -> None:
    walk.somebody_finds_it_broken("A", "S1", 3)
    walk.somebody_adjusts("write_off", "A", "S1", 2, "sellable")
    walk.somebody_adjusts("write_off", "A", "S1", 2)


@guard(
    "broken ones that are found are not sold",
    CONDITIONS,
    "given.quantity if given.condition == Condition.DAMAGED else 0",
    "0",
)
@guard(
    "what is found for quarantine is not sold",
    CONDITIONS,
    "given.quantity if given.condition == Condition.QUARANTINED else 0",
    "0",
)
def broken_ones_are_found(walk: Walk) -> None:
    walk.somebody_adjusts("found", "A", "S1", 2, "damaged")
    walk.somebody_adjusts("found", "A", "S1", 2, "quarantined")


@guard(
    "no more are found than can be stored",
    LEDGER,
    "if any(max(level.on_hand, level.damaged, level.quarantined) > MOST_UNITS for level in levels):",
    "if False:",
)
@guard("no more arrive than can be stored", RECEIVING, "if line.received > MOST_UNITS:", "if False:")
def somebody_leans_on_another_key(walk: Walk) -> None:
    walk.somebody_adjusts("found", "A", "S1", 2_000_000_000)
    walk.a_feed_tells([Said("A", "S1", -8)])
    walk.a_delivery_is_announced("S1", Counter(A=3, B=3))
    walk.goods_arrive([("A", 1_500_000_000, "")])
    walk.a_feed_tells([Said("A", "S1", -1_500_000_000)])
    walk.goods_arrive([("A", 600_000_000, "")], is_last=True)


@guard(
    "what was sold too many is not taken off the broken",
    CONDITIONS,
    "return max(0, level.on_hand - level.damaged - level.quarantined)",
    "return level.on_hand - level.damaged - level.quarantined",
)
def a_broken_one_is_written_off_where_too_many_were_sold(walk: Walk) -> None:
    walk.a_feed_tells([Said(*A, -9)])
    walk.somebody_finds_it_broken("A", "S1", 1)
    walk.somebody_adjusts("write_off", "A", "S1", 1)


# ---- counting a part of a place ------------------------------------------------------------------------


@guard(
    "nothing is scanned once a count has ended", COUNTING, "    if session.status != CountStatus.OPEN:", "    if False:"
)
@guard(
    "nothing is submitted once a count has ended",
    APPROVAL,
    "    if session.status != CountStatus.OPEN:",
    "    if False:",
)
def a_count_is_over(walk: Walk) -> None:
    walk.a_count_begins("S1")
    walk.people_scan([scan("s1", "A", 8)])
    walk.a_count_is_canceled()
    walk.people_scan([scan("s2", "A", 5)])
    walk.a_count_is_submitted()


@guard("a scan counts once", COUNTING, "if self._is_repeated(scan, sku):", "if False:")
@guard("a scan's id is that of one scan", COUNTING, "if known not in (None, _words_of(scan, sku)):", "if False:")
@guard("within a message a scan counts once", COUNTING, "            self._seen[scan.id] = _words_of(scan, sku)\n")
def a_phone_repeats_itself(walk: Walk) -> None:
    walk.a_count_begins("S1")
    walk.people_scan([scan("s1", "A", 2, total=False), scan("s1", "A", 2, total=False)])
    walk.people_scan([scan("s1", "A", 2, total=False)])
    walk.people_scan([scan("s1", "A", 3, total=False)])


@guard("a count keeps to its scope", COUNTING, "if sku not in self._in_scope:", "if False:")
@guard("a count of some products keeps to them", COUNTING, "return set(skus) & set(session.skus)", "return set(skus)")
@guard("what is outside the scope is not missed", APPROVAL, "s.on_hand <> 0 AND {scope}\n", "s.on_hand <> 0\n")
def one_article_is_counted(walk: Walk) -> None:
    walk.a_count_begins("S1", Scope(skus=("A",)), unfound_is_none=True)
    walk.people_scan([scan("s1", "A", 8), scan("s2", "B", 8)])
    walk.a_count_is_submitted()


@guard(
    "a count of a kind of goods keeps to it",
    COUNTING,
    'return set(tagged.values_list("pk", flat=True))',
    "return set(skus)",
)
def a_kind_of_goods_is_counted(walk: Walk) -> None:
    walk.a_count_begins("S1", Scope(tag="shoes"))
    walk.people_scan([scan("s1", "A", 8), scan("s2", "B", 8)])


def two_differences_wait(walk: Walk) -> None:
    """Of A a manager may decide, of B headquarters."""
    walk.a_count_begins("S1")
    walk.people_scan([scan("s1", "A", 5), scan("s2", "B", 5)])
    walk.time_passes(10)
    walk.a_count_is_submitted()


@guard(
    "what is decided is not scanned again",
    COUNTING,
    "if line is not None and line.status not in COUNTABLE:",
    "if False:",
)
@guard(
    "what is decided is not undone",
    COUNTING,
    "(line.status not in COUNTABLE or line.attempt != scan.attempt)",
    "line.attempt != scan.attempt",
)
@guard("an earlier attempt is not undone", COUNTING, " or line.attempt != scan.attempt")
@guard("counting again begins with nothing", COUNTING, "if scan.attempt == attempts[scan.product_id]:", "if True:")
@guard(
    "counting again is another attempt",
    APPROVAL,
    "line.recount_at, line.attempt = L.RECOUNT, as_of, line.attempt + 1",
    "line.recount_at, line.attempt = L.RECOUNT, as_of, line.attempt",
)
@guard(
    "what is counted again has to be",
    APPROVAL,
    "if missing := [line.product_id for line in lines if line.status == L.RECOUNT]:",
    "if missing := []:",
)
@guard(
    "what is scanned before it was sent back is too early",
    COUNTING,
    "if sent_back and at < sent_back - SKEW:",
    "if False:",
)
@guard(
    "what is counted again is of after it was sent back",
    COUNTING,
    "max(at, sent_back or self._session.opened_at)",
    "max(at, self._session.opened_at)",
)
@guard("what is counted again waits until it is", COUNTING, "lines.filter(recount_at=None).delete()", "lines.delete()")
def one_of_two_is_counted_again(walk: Walk) -> None:
    two_differences_wait(walk)
    walk.somebody_approves(["B"], HEADQUARTERS)
    walk.somebody_has_it_counted_again(["A"])
    walk.a_count_is_submitted()
    walk.people_scan([scan("s3", "B", 1)])
    walk.somebody_undoes_a_scan("s1")
    walk.somebody_undoes_a_scan("s2")
    walk.time_passes(1)
    walk.people_scan([scan("s4", "A", 1, ago=600)])
    walk.people_scan([scan("s5", "A", 2, total=False, ago=5)])
    walk.somebody_undoes_a_scan("s5")
    walk.people_scan([scan("s6", "A", 8)])
    walk.a_count_is_submitted()


@guard(
    "a second article is sent back as the first",
    APPROVAL,
    "    if session.status == CountStatus.SUBMITTED:\n        facts",
    "    if True:\n        facts",
)
@guard(
    "what is being counted again keeps a count open",
    APPROVAL,
    "if session.status == CountStatus.SUBMITTED and not",
    "if not",
)
def both_are_counted_again(walk: Walk) -> None:
    two_differences_wait(walk)
    walk.somebody_has_it_counted_again(["A"])
    walk.somebody_has_it_counted_again(["B"])
    walk.people_scan([scan("s3", "A", 5), scan("s4", "B", 5)])
    walk.a_count_is_submitted()
    walk.somebody_has_it_counted_again(["A"])
    walk.somebody_approves(["B"], HEADQUARTERS)


@guard("nothing is scanned in the future", COUNTING, "if at > self._as_of + SKEW:", "if False:")
@guard(
    "a phone's clock may be a little fast",
    COUNTING,
    "return min(max(at, sent_back or self._session.opened_at), self._as_of)",
    "return max(at, sent_back or self._session.opened_at)",
)
@guard("nothing is scanned before its count began", COUNTING, "max(at, sent_back or self._session.opened_at)", "at")
def phones_have_clocks(walk: Walk) -> None:
    walk.time_passes(30)
    walk.a_count_begins("S1")
    walk.people_scan([scan("s1", "A", 8, ago=-301)])
    walk.people_scan([scan("s2", "A", 8, ago=45)])
    walk.people_scan([scan("s3", "A", 8, ago=-60)])


@guard("what is undone does not count", COUNTING, "product__in=attempts, undone_at=None)", "product__in=attempts)")
def a_scan_is_undone(walk: Walk) -> None:
    walk.a_count_begins("S1")
    walk.people_scan([scan("s1", "A", 5, total=False), scan("s2", "A", 3, total=False)])
    walk.somebody_undoes_a_scan("s1")
    walk.somebody_undoes_a_scan("s2")


@guard(
    "scans count in the order in which they happened",
    "tally",
    "sorted(sayings, key=lambda said: (said.scanned_at, said.order))",
    "list(sayings)",
)
@guard("fewer than none in a bin are none", "tally", "sum(max(0, found.units) for", "sum(found.units for")
@guard("no more are broken than are there", "tally", "min(units, sum(told_apart))", "sum(told_apart)")
def phones_send_late(walk: Walk) -> None:
    walk.time_passes(60)
    walk.a_count_begins("S1")
    walk.time_passes(60)
    walk.people_scan([scan("s1", "A", 5, damaged=3), scan("s2", "A", 2, total=False, ago=30)])
    walk.people_scan([scan("s3", "A", -2, total=False, bin="x")])
    walk.people_scan([scan("s4", "A", -4, total=False)])


@guard(
    "what nobody found is none only when that is confirmed", APPROVAL, "if len(skus) != (confirmed or 0):", "if False:"
)
@guard(
    "what was found is not missed",
    APPROVAL,
    """
    AND NOT EXISTS (SELECT FROM inventory_countline l WHERE l.session_id = %(session)s AND l.sku = s.sku)""",
)
def something_is_not_found(walk: Walk) -> None:
    walk.a_count_begins("S1", unfound_is_none=True)
    walk.people_scan([scan("s1", "A", 8)])
    walk.a_count_is_submitted(is_confirmed=False)
    walk.a_count_is_submitted()


@guard("what is none in the books is not missed", APPROVAL, "s.on_hand <> 0 AND ")
def none_is_not_found(walk: Walk) -> None:
    walk.somebody_counts("B", "S1", 0)
    walk.a_count_begins("S1", unfound_is_none=True)
    walk.people_scan([scan("s1", "A", 8)])
    walk.a_count_is_submitted()


@guard(
    "what is not found is none only where that was agreed", APPROVAL, "if not session.not_found_is_zero:", "if False:"
)
def something_is_not_looked_for(walk: Walk) -> None:
    walk.a_count_begins("S1")
    walk.people_scan([scan("s1", "A", 8)])
    walk.a_count_is_submitted()


@guard("a count of nothing is not submitted", APPROVAL, "if not lines and not session.lines.exists():", "if False:")
def nothing_is_counted(walk: Walk) -> None:
    walk.a_count_begins("S1")
    walk.a_count_is_submitted()


@guard(
    "what differs by more than a little waits",
    APPROVAL,
    " and is_near",
)
@guard("what differs by little is corrected at once", APPROVAL, "L.COUNTED if is_small else L.WAITING", "L.WAITING")
def two_are_missing(walk: Walk) -> None:
    walk.a_count_begins("S1")
    walk.people_scan([scan("s1", "A", 6)])
    walk.a_count_is_submitted()
    walk.a_count_begins("S2")
    walk.people_scan([scan("s1", "A", 7)])
    walk.a_count_is_submitted()


CONFIDENCE = "confidence"


@guard("what is in another condition differs", CONFIDENCE, "abs(self.damaged), abs(self.good)", "0")
@guard(
    "only what is in no other condition agrees", APPROVAL, "if not difference.in_question:", "if not difference.units:"
)
@guard(
    "a look that finds others broken costs confidence",
    EVENTS,
    "0 if event.damaged is None else change.damaged",
    "0",
)
def others_are_broken(walk: Walk) -> None:
    walk.a_count_begins("S1")
    walk.people_scan([scan("s1", "A", 8, damaged=5)])
    walk.a_count_is_submitted()
    walk.somebody_approves(["A"])
    walk.a_count_begins("S1")
    walk.people_scan([scan("s1", "A", 8, damaged=0)])
    walk.a_count_is_submitted()


@guard("what is gone and what is broken add up", CONFIDENCE, ", abs(self.good))", ")")
def one_is_gone_and_another_broken(walk: Walk) -> None:
    walk.a_count_begins("S1")
    walk.people_scan([scan("s1", "A", 7, damaged=1)])
    walk.a_count_is_submitted()


@guard("what came and what is broken are not set off", CONFIDENCE, "abs(self.damaged), ", "")
def one_came_and_two_are_broken(walk: Walk) -> None:
    walk.a_count_begins("S1")
    walk.people_scan([scan("s1", "A", 9, damaged=2)])
    walk.a_count_is_submitted()


@guard("the last good one that is broken is none", CONFIDENCE, "good = found - damaged", "good = found")
def the_last_good_one_is_broken(walk: Walk) -> None:
    walk.somebody_counts("A", "S1", 1)
    walk.a_count_begins("S1")
    walk.people_scan([scan("s1", "A", 1, damaged=1)])
    walk.a_count_is_submitted()


@guard(
    "what is in another condition is worth what it costs",
    APPROVAL,
    "difference.in_question)\n",
    "abs(difference.units))\n",
)
def two_that_are_dear_are_broken(walk: Walk) -> None:
    walk.a_count_begins("S1")
    walk.people_scan([scan("s1", "B", 8, damaged=2)])
    walk.a_count_is_submitted()
    walk.somebody_approves(["B"], MANAGER)


@guard(
    "what broke while people counted is reckoned in",
    EVENTS,
    "event.damaged + later.damaged - level.damaged",
    "event.damaged - level.damaged",
)
@guard(
    "who does not tell broken ones apart says nothing of them",
    EVENTS,
    "0 if event.damaged is None else event.damaged +",
    "(event.damaged or 0) +",
)
def some_break_while_people_count(walk: Walk) -> None:
    walk.somebody_finds_it_broken("B", "S1", 5)
    walk.a_count_begins("S1")
    walk.people_scan([scan("s1", "A", 8, damaged=0), scan("s2", "B", 8)])
    walk.time_passes(10)
    walk.somebody_finds_it_broken("A", "S1", 5)
    walk.a_count_is_submitted()


@guard(
    "what is sent back differs no more", APPROVAL, "line.difference = line.damaged_difference =", "line.difference ="
)
def what_is_broken_is_counted_again(walk: Walk) -> None:
    walk.a_count_begins("S1")
    walk.people_scan([scan("s1", "A", 8, damaged=5)])
    walk.a_count_is_submitted()
    walk.somebody_has_it_counted_again(["A"])


@guard("what differs by much money waits", APPROVAL, " and (line.value or 0) <= settings.COUNT_TOLERANCE_VALUE")
def one_that_is_dear_is_missing(walk: Walk) -> None:
    walk.a_count_begins("S1")
    walk.people_scan([scan("s1", "B", 7)])
    walk.a_count_is_submitted()


def goods_stand_in_a_bin(walk: Walk) -> None:
    walk.a_count_begins("S1")
    walk.people_scan([scan("s1", "A", 8, bin="y")])
    walk.a_count_is_submitted()
    walk.a_count_begins("S1", Scope(bins=("x",)))


@guard("what stands in another bin waits", APPROVAL, "return not is_elsewhere and", "return")
@guard("a count of one bin misses nothing of another", APPROVAL, '"s.bin = ANY(%(bins)s::text[])"', '"true"')
def one_is_found_in_another_bin(walk: Walk) -> None:
    goods_stand_in_a_bin(walk)
    walk.people_scan([scan("s1", "A", 7, bin="x")])
    walk.a_count_is_submitted()
    walk.a_count_begins("S1", Scope(bins=("x",)), unfound_is_none=True)
    walk.people_scan([scan("s1", "B", 8, bin="x")])
    walk.a_count_is_submitted()


@guard("what stands in no bin is nowhere else", APPROVAL, " and bool(level.bin)")
def one_is_found_that_stood_in_no_bin(walk: Walk) -> None:
    walk.a_count_begins("S1", Scope(bins=("x",)))
    walk.people_scan([scan("s1", "A", 7, bin="x")])
    walk.a_count_is_submitted()


@guard(
    "where all of a place is counted no bin is elsewhere", APPROVAL, "session.scope == CountScope.BINS and bool", "bool"
)
def one_is_missing_of_a_bin(walk: Walk) -> None:
    goods_stand_in_a_bin(walk)
    walk.a_count_is_canceled()
    walk.a_count_begins("S1")
    walk.people_scan([scan("s1", "A", 7)])
    walk.a_count_is_submitted()


@guard("what agrees does not wait, wherever it stands", APPROVAL, "    if not difference.in_question:", "    if False:")
@guard(
    "who counts without bins moves nothing",
    EVENTS,
    "        if event.bin is not None:\n            level.bin = event.bin",
    '        level.bin = event.bin or ""',
)
def all_are_found_in_another_bin(walk: Walk) -> None:
    goods_stand_in_a_bin(walk)
    walk.people_scan([scan("s1", "A", 8, bin="x")])
    walk.a_count_is_submitted()
    walk.somebody_counts("A", "S1", 8)


@guard(
    "what moved while people counted is reckoned in",
    EVENTS,
    "late = [event for event in counts if event.occurred_at < levels[event.key].updated_at]",
    "late = []",
)
@guard(
    "what people counted is of the instant they did",
    APPROVAL,
    "occurred_at=line.counted_at,",
    "occurred_at=session.updated_at,",
)
def goods_are_sold_while_people_count(walk: Walk) -> None:
    walk.a_count_begins("S1")
    walk.people_scan([scan("s1", "A", 8), scan("s2", "B", 5)])
    walk.time_passes(10)
    walk.a_feed_tells([Said(*A, -3), Said(*B, -2)])
    walk.people_scan([scan("s3", "A", 0, total=False, bin="x", ago=9)])
    walk.a_count_is_submitted()
    walk.time_passes(10)
    walk.a_feed_tells([Said(*B, -1)])
    walk.somebody_approves(["B"], HEADQUARTERS)


@guard(
    "what the books do not believe is not approved",
    APPROVAL,
    "        if result.status not in (APPLIED, STALE):\n",
    "        if False:\n",
)
def a_difference_waits_too_long(walk: Walk) -> None:
    two_differences_wait(walk)
    walk.the_month_ends_and_is_forgotten()
    walk.somebody_approves(["A"])


@guard(
    "what was counted later elsewhere is stale",
    APPROVAL,
    "L.STALE if result.status == STALE else L.APPLIED",
    "L.APPLIED",
)
def a_feed_counts_while_a_difference_waits(walk: Walk) -> None:
    two_differences_wait(walk)
    walk.a_feed_tells([Said(*A, 7, is_count=True)])
    walk.somebody_approves(["A"])


@guard(
    "who approves twice has approved",
    APPROVAL,
    "if skus is None and session.status == CountStatus.APPROVED and session.closed_by == approver.actor:",
    "if False:",
)
@guard("only who approved may do so twice", APPROVAL, " and session.closed_by == approver.actor")
@guard("what does not wait is not decided", APPROVAL, "    if not every:", "    if False:")
@guard("a difference is decided once", APPROVAL, "    _write(lines)\n\n\ndef _event(", "\n\ndef _event(")
def somebody_approves_twice(walk: Walk) -> None:
    two_differences_wait(walk)
    walk.somebody_approves(None, HEADQUARTERS)
    walk.somebody_approves(None, HEADQUARTERS)
    walk.somebody_approves(None, MANAGER)


@guard(
    "what is decided is what waits", APPROVAL, "        _check_all_wait(skus, {line.product_id for line in every})\n"
)
@guard("who decides says what", APPROVAL, "    if not skus:\n", "    if False:\n")
@guard(
    "what was not named is not decided",
    APPROVAL,
    "        every = [line for line in every if line.product_id in skus]\n",
)
def one_of_two_is_approved(walk: Walk) -> None:
    two_differences_wait(walk)
    walk.somebody_approves([], MANAGER)
    walk.somebody_approves(["A"], HEADQUARTERS)
    walk.somebody_approves(["A", "B"], HEADQUARTERS)


@guard(
    "headquarters decide what is dear", APPROVAL, "approver.is_headquarters or not needs_headquarters(line)]", "True]"
)
@guard(
    "who may not decide all decides none of what was named",
    APPROVAL,
    " or (skus is not None and len(mine) < len(every))",
)
@guard("a count ends when all is decided", APPROVAL, " and not session.lines.filter(status=L.WAITING).exists()")
def a_manager_decides(walk: Walk) -> None:
    two_differences_wait(walk)
    walk.somebody_approves(["A", "B"], MANAGER)
    walk.somebody_rejects(["B"], MANAGER)
    walk.somebody_approves(None, MANAGER)
    walk.somebody_approves(None, MANAGER)


@guard(
    "who may not approve cancels nothing that waits", APPROVAL, "    if waiting and approver is None:", "    if False:"
)
@guard(
    "a manager cancels nothing that headquarters decide",
    APPROVAL,
    "if approver and not approver.is_headquarters and any(needs_headquarters(line) for line in waiting):",
    "if False:",
)
@guard("what waits is rejected when a count is canceled", APPROVAL, "    _reject(waiting, actor=actor, as_of=as_of)\n")
def a_count_with_differences_is_canceled(walk: Walk) -> None:
    two_differences_wait(walk)
    walk.a_count_is_canceled(BY_NOBODY)
    walk.a_count_is_canceled(MANAGER)
    walk.a_count_is_canceled(HEADQUARTERS)
    walk.somebody_approves(["A"], HEADQUARTERS)


@guard(
    "a rejected difference changes no stock",
    APPROVAL,
    "    _reject(lines, actor=approver.actor, as_of=as_of)\n",
    "    _apply(session, lines, actor=approver.actor, as_of=as_of)\n",
)
def a_difference_is_rejected(walk: Walk) -> None:
    two_differences_wait(walk)
    walk.somebody_rejects(["A", "B"], HEADQUARTERS)


@guard("what has ended is not canceled", "states", "C.APPROVED: set(),", "C.APPROVED: {C.CANCELED},")
def an_approved_count_is_canceled(walk: Walk) -> None:
    two_differences_wait(walk)
    walk.somebody_approves(None, HEADQUARTERS)
    walk.a_count_is_canceled(HEADQUARTERS)
