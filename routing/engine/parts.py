"""Steps that send all or nothing, taken in part."""

from collections.abc import Iterator
from dataclasses import replace

from .assess import is_not_split
from .types import Demand, Rest, Rule, Step


def in_part(rule: Rule, demand: Demand) -> Iterator[Rule]:
    """For each step that would send all of it or nothing, the rule that ends with this step sending the most it can.

    What these rules serve, they are not asked to serve: it is a smaller demand, to be planned under the rule itself. A
    chosen place asks nobody for all or nothing.
    """
    if demand.location is not None:
        return
    for number, step in enumerate(rule.steps):
        if _is_all_or_nothing(step, demand):
            before = (earlier for earlier in rule.steps[:number] if not _is_all_or_nothing(earlier, demand))
            yield replace(rule, steps=(*before, _the_most_of(step, demand)))


def _is_all_or_nothing(step: Step, demand: Demand) -> bool:
    return step.complete or is_not_split(step, demand)


def _the_most_of(step: Step, demand: Demand) -> Step:
    return replace(
        step,
        complete=False,
        max_parcels=1 if is_not_split(step, demand) else step.max_parcels,
        no_split_below=None,
        no_split_tags=frozenset(),
        no_split_customer_tags=frozenset(),
        rest=Rest.REFUSE,
    )
