"""Distances on the globe, made cheap: a point is kept as a unit vector, a distance is one chord."""

from collections.abc import Iterable
from math import asin, cos, radians, sin, sqrt

import numpy as np

EARTH_RADIUS_KM = 6371.0088

#: Half the equator and a little: no place with coordinates is farther than one without.
FARTHEST_KM = 20_040.0

Point = tuple[float, float, float]


def point(latitude: float, longitude: float) -> Point:
    lat, lon = radians(latitude), radians(longitude)
    return (cos(lat) * cos(lon), cos(lat) * sin(lon), sin(lat))


def distance_km(a: Point, b: Point) -> float:
    """Great-circle distance; exact also for points a few metres apart."""
    dx, dy, dz = a[0] - b[0], a[1] - b[1], a[2] - b[2]
    half_chord = sqrt(dx * dx + dy * dy + dz * dz) / 2
    return 2 * EARTH_RADIUS_KM * asin(min(1.0, half_chord))


def vectors(points: Iterable[Point | None]) -> np.ndarray:
    """One row per point; not-a-number where there is none."""
    nowhere = (np.nan, np.nan, np.nan)
    return np.array([nowhere if point is None else point for point in points], dtype=float).reshape(-1, 3)


def distances_km(here: np.ndarray, there: Point) -> np.ndarray:
    """`distance_km` for many points at once; not-a-number stays what it is."""
    apart = here - np.array(there)
    half_chord = np.sqrt(np.einsum("ij,ij->i", apart, apart)) / 2
    return 2 * EARTH_RADIUS_KM * np.arcsin(np.minimum(1.0, half_chord))
