"""Places in order of their distance from a point. A thousand are measured at once, a few one by one."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import inf

import numpy as np

from inventory.geocoding import Point
from inventory.queries import EARTH_RADIUS_KM, PlaceInfo, haversine_km

_FEW = 50  # below, numpy's own overhead is the larger part


def by_distance(point: Point, codes: Collection[str], directory: Mapping[str, PlaceInfo]) -> dict[str, float]:
    """Kilometres by place, nearest first, ties by code; infinite for those that are not on the map.

    `directory`: all places, as `inventory.queries.places` gives them; the codes are some of its keys.
    """
    if len(codes) < _FEW:
        return dict(sorted(((code, _km(point, directory[code])) for code in codes), key=lambda at: (at[1], at[0])))
    chart = _chart_of(directory)
    km = chart.km_from(point)
    order = np.lexsort((chart.ranks, km))
    ranked = zip([chart.codes[n] for n in order], km[order].tolist(), strict=True)
    return dict(ranked) if len(codes) == len(chart.codes) else {code: far for code, far in ranked if code in codes}


def _km(point: Point, place: PlaceInfo) -> float:
    if place.latitude is None or place.longitude is None:
        return inf
    return haversine_km(*point, place.latitude, place.longitude)


@dataclass(frozen=True)
class _Chart:
    """All places of one directory as columns; angles in radians, NaN where a place is not on the map."""

    directory: Mapping[str, PlaceInfo]
    codes: list[str]
    ranks: np.ndarray  # by code
    latitudes: np.ndarray
    longitudes: np.ndarray

    def km_from(self, point: Point) -> np.ndarray:
        latitude, longitude = np.radians(point)
        half = np.sin((self.latitudes - latitude) / 2) ** 2
        half += np.cos(latitude) * np.cos(self.latitudes) * np.sin((self.longitudes - longitude) / 2) ** 2
        return np.nan_to_num(2 * EARTH_RADIUS_KM * np.arcsin(np.minimum(1.0, np.sqrt(half))), nan=inf)


_last_chart: _Chart | None = None


def _chart_of(directory: Mapping[str, PlaceInfo]) -> _Chart:
    global _last_chart
    if _last_chart is None or _last_chart.directory is not directory:
        codes = list(directory)
        angles = np.radians(np.array([(p.latitude, p.longitude) for p in directory.values()], dtype=float))
        _last_chart = _Chart(directory, codes, np.argsort(np.argsort(codes)), angles[:, 0], angles[:, 1])
    return _last_chart
