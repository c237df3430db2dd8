"""How surely a place takes the work it is offered, learned from what became of offers. Pure: no clock, no ORM.

An offer is kept when the place took it and had all of it; it failed when the place declined, let the time run out or
came up short. What happened fades: it counts ½ ^ (age in days / HALF_LIFE_DAYS).

Offers are counted in groups from narrow to wide: place, part of the day and tag of a product; place and part of the day;
place; all. The belief about each is a Beta distribution whose prior is what is believed of the rest of the next wider
group, worth STRENGTH offers:

    p = (kept + STRENGTH × p of the wider group without these offers) / (offers + STRENGTH)

so that a group of few offers says what the others say, and no offer counts twice. All together lean on PRIOR.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

HALF_LIFE_DAYS = 30
STRENGTH = 10
PRIOR = 0.95
FEWEST_OF_A_TAG = 2
"""Fewer offers say little, and there may be very many tags."""

Group = tuple[str, str, str]
"""Place, part of the day, tag of a product; empty: any."""
ALL: Group = ("", "", "")


class Offer(NamedTuple):
    """`day_part` as `routing.leadtimes.day_part` tells it; `tags` of the products it was about."""

    place: str
    day_part: str
    tags: Collection[str]
    is_kept: bool
    age_days: float


@dataclass(frozen=True, slots=True)
class Belief:
    """`kept` of `offers`, both faded, and what follows from them and from the wider groups."""

    kept: float
    offers: float
    probability: float


@dataclass(frozen=True)
class Acceptance:
    groups: Mapping[Group, Belief] = field(default_factory=dict)

    def probability(self, place: str, day_part: str, tags: Collection[str]) -> float:
        """That this place takes an offer with such products at that time; the product it likes least decides."""
        usual = self._of((place, day_part, ""), (place, "", ""), ALL)
        return min((self._known((place, day_part, tag), usual) for tag in tags), default=usual)

    def _of(self, *groups: Group) -> float:
        return next((self.groups[group].probability for group in groups if group in self.groups), PRIOR)

    def _known(self, group: Group, otherwise: float) -> float:
        belief = self.groups.get(group)
        return otherwise if belief is None else belief.probability


def wider(group: Group) -> Group | None:
    place, day_part, tag = group
    if tag:
        return place, day_part, ""
    if day_part:
        return place, "", ""
    return ALL if place else None


def learn(offers: Iterable[Offer]) -> Acceptance:
    """In any order."""
    counts: dict[Group, list[float]] = {}
    for offer in offers:
        weight = 0.5 ** (offer.age_days / HALF_LIFE_DAYS)
        for group in _groups(offer):
            count = counts.setdefault(group, [0.0, 0.0])
            count[0] += weight * offer.is_kept
            count[1] += weight
    beliefs: dict[Group, Belief] = {}
    priors: dict[Group, float] = {}
    for group in sorted(counts, key=_width):
        kept, number = counts[group]
        if group[2] and number < FEWEST_OF_A_TAG:
            continue
        around = wider(group)
        if around is None:
            priors[group] = PRIOR
        else:
            kept_around, number_around = counts[around]
            priors[group] = _mean(kept_around - kept, number_around - number, priors[around])
        beliefs[group] = Belief(kept, number, _mean(kept, number, priors[group]))
    return Acceptance(beliefs)


def _mean(kept: float, number: float, prior: float) -> float:
    return (max(0.0, kept) + STRENGTH * prior) / (max(0.0, number) + STRENGTH)


def _groups(offer: Offer) -> Iterable[Group]:
    place, day_part = offer.place, offer.day_part
    return (
        ALL,
        (place, "", ""),
        (place, day_part, ""),
        *((place, day_part, tag) for tag in dict.fromkeys(offer.tags)),
    )


def _width(group: Group) -> int:
    """The widest first, since the others lean on it."""
    return sum(map(bool, group))
