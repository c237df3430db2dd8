"""How far a stock level can be believed: of the looks at the shelf, the share that found what the books said.

Each look is a trial with two outcomes and the belief its Beta distribution, whose mean we keep:

- Before anybody looked it is Beta(2, 2), one half. Research found 35 % of the records of 37 stores right
  (DeHoratius & Raman, Management Science 54:4, 2008) and half of them in another chain (Kang & Gershwin, IIE
  Transactions 37:9, 2005); two looks each way is little enough to be overruled soon.
- A look moves the mean from c to (4c + 1) / 5 when it agreed, to 4c / 5 when not: the posterior of a prior of mean
  c that is worth four looks. It stays worth four (each look is discounted by 4/5 when the next one comes), so what
  was learned is forgotten slowly: a look keeps 80 % of its weight after the next one, a tenth after ten.

From nothing: one agreement 0.6, a second 0.68, ten 0.95; one difference 0.4, a second 0.32.
"""

from typing import NamedTuple

PRIOR = 0.5
_STRENGTH = 4  # looks that all we knew before is worth


def told(confidence: float | None) -> float | None:
    """As documents show it; what is kept is not rounded, or looks would add up to something else."""
    return None if confidence is None else round(confidence, 4)


class Difference(NamedTuple):
    """So many units more (or fewer) were found than the books said: of all, and of them the damaged.

    Of the damaged none where nobody told them apart.
    """

    units: int
    damaged: int = 0

    @property
    def good(self) -> int:
        return self.units - self.damaged

    @property
    def in_question(self) -> int:
        """The fewest units that are gone, came or are in another condition, for the books to be so far off."""
        return max(abs(self.units), abs(self.damaged), abs(self.good))


def agrees(*, found: int, damaged: int = 0, difference: Difference, within: int) -> bool:
    """Is what was found near enough to what the books said? Good ones and none never are: shoppers meet that."""
    good = found - damaged
    return difference.in_question <= within and (good > 0) == (good > difference.good)


def after_look(confidence: float | None, *, agrees: bool) -> float:
    """The confidence once somebody looked; `confidence` is what it was, None if nobody ever had."""
    before = PRIOR if confidence is None else confidence
    return min(1.0, (_STRENGTH * before + agrees) / (_STRENGTH + 1))
