"""Evidence in few bytes: columns as JSON, squeezed. Reading it needs nothing else, whatever rules and prices are now."""

import zlib
from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any

import orjson
from pydantic import TypeAdapter

from routing.engine.atlas import Profile
from routing.engine.evidence import UNASKED, Evidence
from routing.engine.tariffs import Tariff, Tier
from routing.engine.types import Demand, Line, Rule, Step, Timing

_STEPS = TypeAdapter(tuple[Step, ...])
_FORM = 1
_LEVEL = 1  # higher ones save five per cent and take twice as long


def packed(told: Evidence) -> bytes:
    return zlib.compress(orjson.dumps(_columns(told)), _LEVEL)


def unpacked(packed_evidence: bytes) -> Evidence:
    return _evidence(orjson.loads(zlib.decompress(packed_evidence)))


def _columns(told: Evidence) -> dict[str, Any]:
    return {
        "form": _FORM,
        "demand": _demand(told.demand),
        "rule": told.rule and told.rule.name,
        "steps": _steps(told.steps),
        "places": told.places,
        "codes": told.codes,
        "stock": told.stock,
        "km": told.distances_km,
        "profiles": [_profile(profile) for profile in told.profiles],
        "profile_of": told.profile_of,
        "figures": told.figures,
        "tariffs": [_tiers(tariff) for tariff in told.tariffs_known],
        "ways": told.ways,
        "ways_of": told.ways_of,
        "answers": told.answers,
        "timings": [[*way, [_timing(answer) for answer in column]] for way, column in told.timings.items()],
        "days_missed": [[*way, column] for way, column in told.days_missed.items()],
        "by_sku": told.by_sku,
        "kept": told.kept,
        "kept_parcels": told.kept_parcels,
    }


def _evidence(columns: dict[str, Any]) -> Evidence:
    steps = _STEPS.validate_python(columns["steps"])
    return Evidence(
        demand=_as_demand(*columns["demand"]),
        rule=None if columns["rule"] is None else Rule(columns["rule"], steps),
        steps=steps,
        places=columns["places"],
        codes=columns["codes"],
        stock=columns["stock"],
        distances_km=columns["km"],
        profiles=[_as_profile(*profile) for profile in columns["profiles"]],
        profile_of=columns["profile_of"],
        figures=columns["figures"],
        tariffs_known=[Tariff.of(Tier(*tier) for tier in tiers) for tiers in columns["tariffs"]],
        ways=columns["ways"],
        ways_of=columns["ways_of"],
        answers=_answers(columns["answers"], len(columns["codes"])),
        timings={
            (service, days): [_as_timing(answer) for answer in column] for service, days, column in columns["timings"]
        },
        days_missed={  # not yet there in older evidence
            (service, days): column for service, days, column in columns.get("days_missed", ())
        },
        by_sku=columns["by_sku"],
        kept=columns.get("kept", {}),  # not yet there in the first evidence
        kept_parcels=columns.get("kept_parcels", {}),
    )


def _answers(columns: dict[str, list[Any]], places: int) -> dict[str, list[Any]]:
    """Older evidence has places that were closed that day among those whose cut-off had passed."""
    if "is_before_cut_off" in columns:
        columns.setdefault("is_open_that_day", [True] * places)
    return columns


@lru_cache(maxsize=256)
def _steps(steps: tuple[Step, ...]) -> Any:
    return _STEPS.dump_python(steps, mode="json", exclude_defaults=True)


def _demand(demand: Demand) -> list[Any]:
    return [
        demand.method,
        demand.location,
        str(demand.value),
        demand.point,
        {key: sorted(codes) for key, codes in demand.excluded.items()},
        [[x.key, x.sku, x.quantity, x.group, str(x.unit_value), x.weight_g, sorted(x.tags)] for x in demand.lines],
        sorted(demand.customer_tags),
    ]


def _as_demand(
    method: str,
    location: str | None,
    value: str,
    point: Sequence[float] | None,
    excluded: dict[str, list[str]],
    lines: list[list[Any]],
    customer_tags: Sequence[str] = (),
) -> Demand:
    """Without what only chooses the rule: that is known."""
    return Demand(
        lines=tuple(_as_line(*line) for line in lines),
        method=method,
        location=location,
        value=Decimal(value),
        point=None if point is None else (point[0], point[1], point[2]),
        excluded={key: frozenset(codes) for key, codes in excluded.items()},
        customer_tags=frozenset(customer_tags),
    )


def _as_line(
    key: str, sku: str, quantity: int, group: str | None, value: str, weight_g: int, tags: Sequence[str]
) -> Line:
    return Line(key, sku, quantity, group, Decimal(value), weight_g, frozenset(tags))


def _profile(profile: Profile) -> list[Any]:
    kind, groups, abilities, is_accepting, is_paused = profile
    return [kind, sorted(groups), sorted(abilities), is_accepting, is_paused]


def _as_profile(
    kind: str, groups: Sequence[str], abilities: Sequence[str], is_accepting: bool, is_paused: bool
) -> Profile:
    return Profile(kind, frozenset(groups), frozenset(abilities), is_accepting, is_paused)


def _tiers(tariff: Tariff) -> list[list[Any]]:
    return [[tier.max_weight_g, tier.price_micro, tier.transit_days, tier.carrier_service] for tier in tariff.tiers]


def _timing(answer: Timing | str) -> Any:
    return answer if isinstance(answer, str) else [answer.late_days, answer.is_on_time]


def _as_timing(answer: Any) -> Timing | str:
    return UNASKED if answer == UNASKED else Timing(*answer)
