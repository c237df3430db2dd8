"""Small worlds for the engine's tests: name only what the test cares about."""

from decimal import Decimal

from routing.engine import geo
from routing.engine.planner import plan
from routing.engine.tariffs import NO_WEIGHT_LIMIT_G, Tariff, Tier
from routing.engine.types import Budget, Demand, Line, Network, Place, Plan, Rule, Step, Timing, When

PARIS, LYON, LILLE, NICE = (48.8566, 2.3522), (45.7640, 4.8357), (50.6292, 3.0573), (43.7102, 7.2620)


def line(sku="A", quantity=1, key=None, **more) -> Line:
    return Line(key or f"line-{sku}", sku, quantity, **more)


def place(code, at=None, handling="0", **more) -> Place:
    for name in ("groups", "abilities"):
        if name in more:
            more[name] = frozenset(more[name])
    return Place(code, point=geo.point(*at) if at else None, handling_micro=round(Decimal(handling) * 10**6), **more)


def flat(price, **more) -> Tariff:
    return Tariff.of([Tier(NO_WEIGHT_LIMIT_G, round(Decimal(price) * 10**6), **more)])


def stepped(*tiers: tuple[int, str]) -> Tariff:
    return Tariff.of([Tier(limit, round(Decimal(price) * 10**6)) for limit, price in tiers])


def network(places, stock, prices=None, **more) -> Network:
    """`stock` {(sku, code): units}, `prices` {code: Tariff | None} (a free ride where not named)."""
    sellable: dict[str, dict[str, int]] = {}
    for (sku, code), units in stock.items():
        sellable.setdefault(sku, {})[code] = units
    prices = prices or {}
    return Network({p.code: p for p in places}, sellable, tariff=lambda p, _km: prices.get(p.code, Tariff.FREE), **more)


def timely(late_days: dict[str, float]):
    return lambda p, _tier: Timing(late_days.get(p.code, 0), late_days.get(p.code, 0) <= 0)


def a_demand(*lines, at=PARIS, **more) -> Demand:
    return Demand(tuple(lines) or (line(),), point=geo.point(*at) if at else None, **more)


UNHURRIED = Budget(now=lambda: 0.0, ends_at=60.0)


def planned(demand, net, *steps: Step, when: When | None = None, budget: Budget = UNHURRIED) -> Plan:
    return plan(demand, [Rule("rule", tuple(steps) or (Step(),), when or When())], net, budget)


def sent(result: Plan) -> dict[str, dict[str, int]]:
    """{location: {line key: units}}"""
    return {p.location: {x.key: x.quantity for x in p.lines} for p in result.parcels}


def reason_of(result: Plan, code: str) -> str | None:
    return next(c.reason for c in result.candidates if c.location == code)
