"""The engine against an oracle written from the formula, on worlds in which the limits press.

`pressing_seeds.txt` names the worlds: those of the first seeds in which no-split and another limit bind, or the number
of parcels and two others, or any five (`write_seeds`). The long test prints the mix and holds it.
"""

import random
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from routing.engine.planner import plan
from routing.engine.types import Budget

from .oracle import World, enumerated, judged, pressed, programmed, random_world
from .sides import MICRO_PER_CENT, UNHURRIED, allocation, demand_of, network_of, planned, rules_of

SEEDS_FILE = Path(__file__).parent / "pressing_seeds.txt"
SEEDS = [int(seed) for seed in SEEDS_FILE.read_text().split()] if SEEDS_FILE.exists() else []

#: Each world without one of its limits.
WITHOUT = {
    "capacity": lambda world: replace(world, capacity=[None] * len(world.capacity)),
    "protection": lambda world: replace(world, keep_back=0),
    "parcels": lambda world: replace(world, max_parcels=None),
    "groups": lambda world: replace(world, keep_groups=False),
    "no split": lambda world: replace(world, no_split=False),
    "value floor": lambda world: replace(world, min_value=0),
    "dates": lambda world: replace(world, days=99),
    "services": lambda world: replace(world, services=[services[:1] for services in world.services]),
    "weight steps": lambda world: replace(
        world, services=[[(days, [(t[-1][0], t[0][1])]) for days, t in services] for services in world.services]
    ),
}


def world_of(seed: int) -> World:
    return pressed(random_world(seed), seed, lambda world: allocation(planned(world)))


def outcome(world: World, result) -> tuple[int, int] | None:
    """(units, cents) of a plan as the judge sees it."""
    x = allocation(result)
    if not x:
        return None
    cents = judged(world, x)
    assert cents is not None, "a limit is broken"
    assert result.cost_micro == cents * MICRO_PER_CENT
    assert all(sum(parcel.parts.values()) == parcel.cost_micro for parcel in result.parcels)
    return sum(x.values()), cents


def assert_exact(world: World, best: tuple[int, int] | None) -> None:
    result = planned(world)
    assert outcome(world, result) == best
    assert result.optimal
    assert result.lower_bound_micro == result.cost_micro


def binding(world: World) -> set[str]:
    """What forbids a better plan, and whether the best one is split."""
    best = outcome(world, planned(world))
    found = {name for name, without in WITHOUT.items() if outcome(without(world), planned(without(world))) != best}
    return found | ({"needs a split"} if len(planned(world).parcels) > 1 else set())


def is_pressing(found: set[str]) -> bool:
    return len(found) >= (2 if "no split" in found else 3 if "parcels" in found else 5)


def write_seeds(number: int) -> None:
    """So many worlds, and then more in which no-split binds, until these are 31 of a hundred."""
    seeds: list[int] = []
    seed = unsplit = 0
    while len(seeds) < number or unsplit < 0.31 * len(seeds):
        found = binding(world_of(seed))
        if is_pressing(found) and (len(seeds) < number or "no split" in found):
            seeds.append(seed)
            unsplit += "no split" in found
        seed += 1
    SEEDS_FILE.write_text("\n".join(" ".join(map(str, seeds[at : at + 20])) for at in range(0, len(seeds), 20)) + "\n")


@pytest.mark.parametrize("part", range(10))
def test_the_programme_written_from_the_formula_finds_nothing_better(part):
    for seed in SEEDS[:300][part::10]:
        world = world_of(seed)
        assert_exact(world, programmed(world))


@pytest.mark.parametrize("least", [0.5, 0.6])
def test_stock_nobody_has_looked_at_is_half_believed_by_the_programme_too(least):
    binds = 0
    for seed in SEEDS[:60]:
        world, draw = world_of(seed), random.Random(seed)
        looked_at = {key: draw.choice((0.3, 0.55, 0.9)) for key in world.stock if draw.random() < 0.6}
        doubted = replace(world, believed=looked_at, least_belief=least)
        best = programmed(doubted)
        assert_exact(doubted, best)
        binds += best != programmed(world)
    assert binds > 20


@pytest.mark.long
def test_a_thousand_worlds_agree_and_press_every_limit():
    mix: Counter[str] = Counter()
    for seed in SEEDS:
        world = world_of(seed)
        assert_exact(world, programmed(world))
        mix.update(binding(world))
    told = [f"  {name:14} {number / len(SEEDS):6.1%}" for name, number in mix.most_common()]
    sys.stdout.write("\n".join([f"\n{len(SEEDS)} worlds, of which bind:", *told, ""]))
    assert len(SEEDS) >= 1000
    assert set(mix) == {*WITHOUT, "needs a split"}
    assert min(mix.values()) >= 0.3 * len(SEEDS)


def large_world(seed: int, *, lines=(7, 9), places=(10, 16), spread=0.5) -> World:
    """More states than can be counted: many lines, hardly one of which a place holds in full."""
    draw = random.Random(seed)
    world = random_world(7 * seed + 6, places=places, spread=spread)
    skus = "ABCDEFGHIJ"[: draw.randint(*lines)]
    stock = {(sku, j): draw.choice((1, 1, 2, 3)) for sku in skus for j in world.places if draw.random() < spread}
    return replace(
        world,
        skus=list(skus) if draw.random() < 0.7 else [draw.choice(skus) for _ in skus],
        wanted=[draw.randint(2, 4) for _ in skus],
        groups=["g" if i < 2 and seed % 4 == 0 else None for i, _ in enumerate(skus)],
        keep_groups=True,
        weight_g={sku: draw.choice((50, 100, 150)) for sku in skus},
        value={sku: draw.randint(3, 20) for sku in skus},
        stock=stock,
        scarcity={key: draw.randint(0, 150) for key in stock},
        markdown={},
        excluded={},
        max_parcels=draw.choice((None, None, 2, 4, 5)),
        min_value=draw.choice((0, 0, 10, 30)),
    )


@pytest.mark.parametrize("part", range(3))
def test_larger_orders_are_exact_too(part):
    for seed in range(part, 30, 3):
        world = large_world(seed)
        assert_exact(world, programmed(world))


def well_stocked_world(seed: int) -> World:
    """Too large to count, and mostly best served by two or three of the places."""
    draw = random.Random(seed)
    world = large_world(seed, lines=(6, 7), places=(5, 9), spread=0.8)
    return replace(
        world,
        stock={key: draw.randint(1, 5) for key in world.stock},
        weight_g={sku: draw.choice((0, 70, 110, 150, 370)) for sku in world.weight_g},
        max_parcels=draw.choice((2, 3)),
        min_value=0,
    )


@pytest.mark.parametrize("part", range(3))
def test_larger_orders_that_few_places_serve_are_exact_too(part):
    number = Counter()
    for seed in range(part, 30, 3):
        world = well_stocked_world(seed)
        assert_exact(world, programmed(world))
        number[len(planned(world).parcels)] += 1
    assert number[2] and number[2] + number[3] >= 3


@pytest.mark.long
def test_two_hundred_larger_orders_are_exact_too():
    for seed in range(30, 230):
        world = large_world(seed)
        assert_exact(world, programmed(world))


@pytest.mark.long
def test_ten_lines_over_a_hundred_places_are_exact():
    for seed in range(20):
        world = large_world(seed, lines=(10, 10), places=(100, 100), spread=0.2)
        assert_exact(world, programmed(world))


def test_looking_at_every_allocation_finds_nothing_better():
    """The oracle's own check: where all can be looked at, the programme agrees with the enumeration."""
    for seed in range(60):
        world = small_world(seed)
        best = enumerated(world)
        assert programmed(world) == best
        assert_exact(world, best)


def small_world(seed: int) -> World:
    world = random_world(5 * seed, places=(2, 4))
    world = replace(
        world,
        skus=world.skus[:3],
        wanted=world.wanted[:3],
        groups=["g", None, "g"] if seed % 3 == 0 else [None] * 3,
        keep_groups=True,
        excluded={},
    )
    return pressed(world, seed, lambda w: allocation(planned(w))) if allocation(planned(world)) else world


@pytest.mark.parametrize("seed", range(30))
def test_a_plan_out_of_time_keeps_all_limits_and_tells_a_true_bound(seed):
    world = world_of(SEEDS[seed])
    best = programmed(world)

    result = planned(world, Budget(now=lambda: 1.0, ends_at=0.0))

    found = outcome(world, result)
    assert found is not None and found[0] == best[0]
    assert result.lower_bound_micro <= best[1] * MICRO_PER_CENT <= result.cost_micro
    assert result.optimal == (result.lower_bound_micro == result.cost_micro)


@pytest.mark.parametrize("seed", range(20))
def test_the_order_in_which_places_are_told_does_not_matter(seed):
    """Prices that are all alike leave many plans equal; the answer is one of them, always the same."""
    world = random_world(7 * seed + 6)
    alike = replace(
        world,
        handling=[100] * len(world.handling),
        handling_unit=[0] * len(world.handling),
        packaging=[0] * len(world.handling),
        failure=[0] * len(world.handling),
        services=[[(1, [(10_000, 300)])]] * len(world.handling),
        scarcity={},
        markdown={},
    )
    network = network_of(alike)
    backwards = replace(
        network,
        places=dict(reversed(network.places.items())),
        sellable={sku: dict(reversed(at.items())) for sku, at in reversed(network.sellable.items())},
    )

    plans = [plan(demand_of(alike), rules_of(alike), told, UNHURRIED) for told in (network, backwards)]

    assert plans[0].parcels == plans[1].parcels


if __name__ == "__main__":
    write_seeds(int(sys.argv[1]))
