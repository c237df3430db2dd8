"""The sourcing problem a second time, from its formula: raw worlds, a judge, an enumeration and a programme.

Nothing here uses the engine; both sides build what they need from the same raw data. Money is in cents.
"""

import itertools
import random
from dataclasses import dataclass, field, replace

import highspy

LIMITS_G = (300, 700, 1500)


@dataclass(frozen=True)
class World:
    skus: list[str]
    wanted: list[int]
    groups: list[str | None]
    weight_g: dict[str, int]
    value: dict[str, int]
    stock: dict[tuple[str, int], int]
    handling: list[int]
    handling_unit: list[int]
    packaging: list[int]
    capacity: list[int | None]
    delay: list[int]  # days until a place hands over
    failure: list[int]  # in hundredths
    services: list[list[tuple[int, list[tuple[int, int]]]]]  # per place: (days, [(limit, cents)])
    excluded: dict[int, set[int]] = field(default_factory=dict)
    scarcity: dict[tuple[str, int], int] = field(default_factory=dict)
    markdown: dict[tuple[str, int], int] = field(default_factory=dict)
    believed: dict[tuple[str, int], float] = field(default_factory=dict)  # one half before anybody looked
    least_belief: float = 0
    keep_back: int = 0
    max_parcels: int | None = None
    min_value: int = 0
    keep_groups: bool = False
    no_split: bool = False
    complete: bool = False
    days: int = 99
    on_time: bool = False
    late_cents: int = 0
    parcel_cents: int = 0
    refusal_cents: int = 0

    @property
    def lines(self):
        return range(len(self.skus))

    @property
    def places(self):
        return range(len(self.handling))


# What the formula says --------------------------------------------------------------------------


def ways(world, j):
    """(cents with lateness, weight limit) curves of the services that may be used, as [[(limit, cents)]]."""
    found = []
    for days, tiers in world.services[j]:
        late = max(0, world.delay[j] + days - world.days)
        if not (world.on_time and late):
            found.append([(limit, cents + late * world.late_cents) for limit, cents in tiers])
    return found


def carriage(world, j, weight):
    """Cents for a parcel: one package of the service that asks least, or full ones of the widest and the rest."""
    curves = ways(world, j)
    widest = max(curve[-1][0] for curve in curves)
    full = 0
    while weight > widest:
        full += 1
        weight -= widest
    return full * min(c for curve in curves for limit, c in curve[-1:] if limit == widest) + min(
        next(c for limit, c in curve if weight <= limit) for curve in curves if weight <= curve[-1][0]
    )


def usable(world, i, j):
    if (world.capacity[j] is not None and world.capacity[j] < 1) or not ways(world, j):
        return 0
    if world.weight_g[world.skus[i]] > max(curve[-1][0] for curve in ways(world, j)) or j in world.excluded.get(i, ()):
        return 0
    if world.believed.get((world.skus[i], j), 0.5) < world.least_belief:
        return 0
    return max(0, world.stock.get((world.skus[i], j), 0) - world.keep_back)


def unit_cents(world, i, j):
    sku = world.skus[i]
    gains = [world.markdown.get((sku, k), 0) for k in world.places if usable(world, i, k)]
    return (
        world.handling_unit[j]
        + world.scarcity.get((sku, j), 0)
        + max(gains, default=0)
        - world.markdown.get((sku, j), 0)
    )


def fixed_cents(world, j):
    refusal = world.refusal_cents * world.failure[j] // 100
    return world.handling[j] + world.packaging[j] + world.parcel_cents + refusal


def judged(world, x):
    """Cents of an allocation {(line, place): units}, or None when it breaks a limit."""
    used = sorted({j for (_, j), q in x.items() if q})
    most = 1 if world.no_split else world.max_parcels
    if most is not None and len(used) > most:
        return None
    if (world.complete or world.no_split) and sum(x.values()) < sum(world.wanted):
        return None
    cost = 0
    for j in used:
        units = {i: x.get((i, j), 0) for i in world.lines}
        if any(q > usable(world, i, j) for i, q in units.items()):
            return None
        for sku in set(world.skus):
            own = [i for i in world.lines if world.skus[i] == sku and units[i]]
            if own and sum(units[i] for i in own) > max(0, world.stock.get((sku, j), 0) - world.keep_back):
                return None
        if sum(q * world.value[world.skus[i]] for i, q in units.items()) < world.min_value:
            return None
        weight = sum(q * world.weight_g[world.skus[i]] for i, q in units.items())
        cost += fixed_cents(world, j) + carriage(world, j, weight)
        cost += sum(q * unit_cents(world, i, j) for i, q in units.items())
    for group in {g for g in world.groups if g} if world.keep_groups else ():
        members = [i for i in world.lines if world.groups[i] == group]
        if any(x.get((i, j)) for i in members for j in world.places) and not any(
            all(x.get((i, j), 0) == world.wanted[i] for i in members) for j in world.places
        ):
            return None
    return cost


# Enumeration ------------------------------------------------------------------------------------


def _splits(quantity, places):
    if not places:
        yield {}
        return
    for q in range(quantity + 1):
        for rest in _splits(quantity - q, places[1:]):
            yield {places[0]: q, **rest} if q else rest


def enumerated(world):
    """(units, cents) of the best allocation by looking at all of them; None when nothing can be served."""
    per_line = [list(_splits(world.wanted[i], [j for j in world.places if usable(world, i, j)])) for i in world.lines]
    best = None
    for choice in itertools.product(*per_line):
        x = {(i, j): q for i, given in enumerate(choice) for j, q in given.items()}
        units = sum(x.values())
        if units and (best is None or units >= -best[0]):
            cost = judged(world, x)
            if cost is not None and (best is None or (-units, cost) < best):
                best = (-units, cost)
    return (-best[0], best[1]) if best else None


# A programme ------------------------------------------------------------------------------------


def programmed(world):
    """(units, cents) of the best allocation by mixed-integer programming: first most units, then least cost."""
    most = _solved(world, None)
    if not most or not sum(most.values()):
        return None
    units = sum(most.values())
    best = _solved(world, units)
    return units, judged(world, best)


def _solver():
    h = highspy.Highs()
    for option, value in (("output_flag", False), ("threads", 1), ("mip_rel_gap", 0.0), ("mip_abs_gap", 1e-6)):
        h.setOptionValue(option, value)
    h.setOptionValue("mip_feasibility_tolerance", 1e-9)
    h.setOptionValue("primal_feasibility_tolerance", 1e-9)
    return h


def _values(h, x):
    if h.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return {}
    values = {key: round(h.val(variable)) for key, variable in x.items()}
    return {key: q for key, q in values.items() if q}


def _solved(world, units):
    h = _solver()
    x, _parcels, cost = _written(h, world)
    if not x:
        return {}
    every = h.qsum([1 * v for v in x.values()])
    if world.complete or world.no_split:
        units = sum(world.wanted)
    if units is None:
        h.maximize(every)
    else:
        h.addConstr(every == units)
        h.minimize(h.qsum(cost))
    return _values(h, x)


def _written(h, world):
    """The world's variables and constraints: units {(line, place)}, parcels {place}, and the terms of the cost.

    x: units of a line from a place; y: a parcel leaves; z: its weight lies in one interval of the price curve.
    """
    x = {
        (i, j): h.addIntegral(lb=0, ub=min(world.wanted[i], usable(world, i, j)))
        for i in world.lines
        for j in world.places
        if usable(world, i, j)
    }
    cost = []
    parcels = {}
    for j in sorted({j for _, j in x}):
        own = [i for i in world.lines if (i, j) in x]
        y = parcels[j] = h.addBinary()
        cost.append(fixed_cents(world, j) * y)
        cost += [unit_cents(world, i, j) * x[i, j] for i in own if unit_cents(world, i, j)]
        for i in own:
            h.addConstr(x[i, j] <= min(world.wanted[i], usable(world, i, j)) * y)
        h.addConstr(h.qsum([1 * x[i, j] for i in own]) >= 1 * y)
        for sku in set(world.skus):
            same = [i for i in own if world.skus[i] == sku]
            if len(same) > 1:
                h.addConstr(h.qsum([1 * x[i, j] for i in same]) <= world.stock[sku, j] - world.keep_back)
        if world.min_value:
            h.addConstr(h.qsum([world.value[world.skus[i]] * x[i, j] for i in own]) >= world.min_value * y)
        heaviest = sum(min(world.wanted[i], usable(world, i, j)) * world.weight_g[world.skus[i]] for i in own)
        chosen = []
        low = -1
        for high in _break_points(world, j, heaviest):
            z = h.addBinary()
            chosen.append((low + 1, high, z))
            cost.append(carriage(world, j, high) * z)
            low = high
        h.addConstr(h.qsum([1 * z for _, _, z in chosen]) == 1 * y)
        weight = h.qsum([world.weight_g[world.skus[i]] * x[i, j] for i in own])
        h.addConstr(weight <= h.qsum([high * z for _, high, z in chosen]))
        h.addConstr(weight >= h.qsum([low * z for low, _, z in chosen]))
    for i in world.lines:
        own = [x[k] for k in x if k[0] == i]
        if own:
            h.addConstr(h.qsum([1 * v for v in own]) <= world.wanted[i])
    most = 1 if world.no_split else world.max_parcels
    if most is not None and parcels:
        h.addConstr(h.qsum([1 * y for y in parcels.values()]) <= most)
    for group in {g for g in world.groups if g} if world.keep_groups else ():
        members = [i for i in world.lines if world.groups[i] == group]
        taken = {}
        for j in world.places:
            if all((i, j) in x for i in members):
                taken[j] = h.addBinary()
        for i in members:
            for j in world.places:
                if (i, j) in x:
                    h.addConstr(1 * x[i, j] == (world.wanted[i] * taken[j] if j in taken else 0))
        if len(taken) > 1:
            h.addConstr(h.qsum([1 * t for t in taken.values()]) <= 1)
    return x, parcels, cost


def programmed_jointly(worlds, stock, capacity):
    """Cents that several orders, all served whole, cost together at least over shared {(sku, place): units} and
    {place: parcels}."""
    h = _solver()
    every, costs = {}, []
    parcels = []
    for number, world in enumerate(worlds):
        x, own_parcels, cost = _written(h, world)
        every |= {(number, *key): variable for key, variable in x.items()}
        parcels.append(own_parcels)
        costs += cost
        for i in world.lines:
            h.addConstr(h.qsum([1 * x[k] for k in x if k[0] == i]) == world.wanted[i])
    for (sku, j), units in stock.items():
        takers = [1 * v for (number, i, k), v in every.items() if k == j and worlds[number].skus[i] == sku]
        if takers:
            h.addConstr(h.qsum(takers) <= units)
    for j, most in capacity.items():
        senders = [1 * own[j] for own in parcels if j in own]
        if senders:
            h.addConstr(h.qsum(senders) <= most)
    h.minimize(h.qsum(costs))
    values = _values(h, every)
    return sum(
        judged(world, {(i, j): q for (n, i, j), q in values.items() if n == number})
        for number, world in enumerate(worlds)
    )


def _break_points(world, j, heaviest):
    """Weights up to which the price of a parcel stays what it is, the last one not below the heaviest."""
    limits = sorted({limit for curve in ways(world, j) for limit, _ in curve})
    base = 0
    while True:
        for limit in limits:
            yield base + limit
            if base + limit >= heaviest:
                return
        base += limits[-1]


# Random worlds ----------------------------------------------------------------------------------


def random_world(seed: int, *, places=(8, 12), spread=0.4) -> World:
    """Goods, places and prices, with hardly a limit; in two of five a dear place holds everything."""
    draw = random.Random(seed)
    is_held = _is_held(seed)
    n, m = draw.randint(3, 5) if is_held else draw.randint(5, 7), draw.randint(*places)
    most_units = 3 if is_held else 2
    names = "ABCDEFGHIJKL"[:n]
    skus = [draw.choice(names) for _ in range(n)] if draw.random() < 0.3 else draw.sample(names, n)
    holds_all = draw.randrange(m) if is_held else None
    dear = [draw.uniform(15, 25) if j == holds_all else draw.random() for j in range(m)]
    stock = {
        (sku, j): draw.choice((1, 2, 2, 3, 4)) + (20 if j == holds_all else 0)
        for sku in names
        for j in range(m)
        if j == holds_all or draw.random() < spread
    }
    return World(
        skus=skus,
        wanted=[draw.randint(1, most_units) for _ in range(n)],
        groups=[None] * n,
        weight_g={sku: draw.choice((0, 100, 150, 250)) for sku in names},
        value={sku: draw.randint(3, 20) for sku in names},
        stock=stock,
        handling=[draw.randint(0, 80) + round(200 * d) for d in dear],
        handling_unit=[draw.choice((0, 10, 35)) for _ in range(m)],
        packaging=[draw.choice((0, 0, 40)) for _ in range(m)],
        capacity=[draw.choice((None, 1, 4)) for _ in range(m)],
        delay=[0 if j == holds_all else draw.choice((0, 0, 0, 1, 2)) for j in range(m)],
        failure=[draw.choice((0, 0, 10, 30, 60)) for _ in range(m)],
        services=[_random_services(draw, min(1.0, d), quick=j == holds_all) for j, d in enumerate(dear)],
        excluded={draw.randrange(n): {draw.randrange(m)}} if draw.random() < 0.3 else {},
        scarcity={key: draw.randint(0, 150) for key in stock} if draw.random() < 0.5 else {},
        markdown={key: draw.choice((0, 0, 120, 300)) for key in stock} if draw.random() < 0.5 else {},
        complete=is_held and draw.random() < 0.2,
        parcel_cents=draw.choice((0, 0, 50)),
        refusal_cents=draw.choice((0, 300)),
    )


def _is_held(seed: int) -> bool:
    return seed % 5 < 2


def pressed(world: World, seed: int, serve) -> World:
    """The world with limits, each of which forbids what was best before it came: `serve(world)` tells what that is."""
    draw = random.Random(seed)
    of_places = [(_sooner, 0.55), (_kept_back, 0.5), (_full, 0.8)]
    of_parcels = [(_together, 0.9), (_few_parcels, 1), (_worth_more, 1)]
    for press, chance in [*of_places, (_whole, 1)] if _is_held(seed) else [*of_places, *of_parcels]:
        if draw.random() < chance:
            pressed_more = press(draw, world, serve(world))
            if serve(pressed_more):
                world = pressed_more
    return world


def _used(x):
    return sorted({j for _, j in x})


def _full(draw, world, best):
    full = draw.choice(_used(best))
    return replace(world, capacity=[0 if j == full else c for j, c in enumerate(world.capacity)])


def _kept_back(_draw, world, best):
    takes_last = any(q >= world.stock[world.skus[i], j] for (i, j), q in best.items())
    return replace(world, keep_back=1) if takes_last else world


def _few_parcels(draw, world, best):
    used = len(_used(best))
    return replace(world, max_parcels=used - 1 if used > 2 or (used > 1 and draw.random() < 0.7) else used)


def _together(draw, world, best):
    apart = [i for i in world.lines if len({j for k, j in best if k == i}) > 1]
    served = [i for i in world.lines if any(k == i for k, _ in best)]
    pairs = [
        (i, k)
        for i in served
        for k in served
        if i < k and {j for q, j in best if q == i} != {j for q, j in best if q == k}
    ]
    chosen = draw.choice(pairs) if pairs else apart[:1]
    return replace(world, keep_groups=True, groups=["g" if i in chosen else None for i in world.lines])


def _worth_more(draw, world, best):
    values = [sum(q * world.value[world.skus[i]] for (i, k), q in best.items() if k == j) for j in _used(best)]
    return replace(world, min_value=min(values) + draw.randint(1, 9))


def _sooner(draw, world, best):
    fastest = min(world.delay[j] + days for j in _used(best) for days, _ in world.services[j])
    return replace(world, days=max(0, fastest + draw.choice((0, 0, 1))), on_time=draw.random() < 0.6, late_cents=150)


def _whole(_draw, world, best):
    return replace(world, no_split=True) if len(_used(best)) > 1 else world


def _random_services(draw, dear, quick=False):
    """One to three services; the slower the cheaper, mostly; prices mostly rise with weight, sometimes not."""
    found = []
    for days in (0,) if quick else draw.sample((0, 1, 2, 3), draw.randint(1, 3)):
        limits = sorted(draw.sample(LIMITS_G, draw.randint(1, 3)))
        cents = draw.randint(100, 300) + 120 * (3 - days) + round(150 * dear)
        tiers = []
        for limit in limits:
            tiers.append((limit, cents))
            cents += draw.choice((0, 60, 200, 600)) if draw.random() < 0.9 else -50
        found.append((days, tiers))
    return found
