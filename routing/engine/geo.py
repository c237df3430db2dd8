"""Distances on the globe, made cheap: a point is kept as a unit vector, a distance is one chord."""

from math import asin, cos, radians, sin, sqrt

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
