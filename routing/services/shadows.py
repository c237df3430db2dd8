"""Drafts that decide new orders beside the live rules, and how often they would have done otherwise.

They decide behind the orders: when a demand is told to routing, it is planned again by both, over stock and days as they
stood at its very instant (books that follow, see `inventory.stock_book`). So placing an order is no slower for it, and
both sides see the same, which a second plan in the placing request would not: it would come after the reservation.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Max

from inventory.stock_book import stock_book
from oms.transactions import in_transaction, use_case
from routing.capacity_book import capacity_book
from routing.errors import NotADraft, RuleSetMissing, TooManyShadows
from routing.models import DemandFact, RuleSet, RuleSetSlot, Shadow
from routing.replay import World
from routing.services.demand_facts import Wanted, told
from routing.services.side_by_side import SIDES, Replay, ids_of_live, with_decisions
from routing.services.simulations import decides, rules_as_if
from routing.states import RuleSetStatus

_BATCH = 500
EXAMPLES_KEPT = 20
_A_MOMENT = timedelta(microseconds=1)


@use_case
def start_shadow(*, rule_set_id: str, actor: str, as_of: datetime) -> Shadow:
    """Let a draft decide beside the live rules from now on; one that does already goes on.

    Errors: RuleSetMissing, NotADraft, TooManyShadows.
    """
    rule_set = RuleSet.objects.select_for_update().filter(pk=rule_set_id).first()
    if rule_set is None:
        raise RuleSetMissing()
    if rule_set.status != RuleSetStatus.DRAFT:
        raise NotADraft(current=rule_set.status)
    known = Shadow.objects.filter(rule_set=rule_set).first()
    if known:
        return known
    if Shadow.objects.count() >= settings.SHADOWS_AT_ONCE:
        raise TooManyShadows(limit=settings.SHADOWS_AT_ONCE)
    return Shadow.objects.create(
        rule_set=rule_set, actor=actor, document=rule_set.document, last_fact=_newest_fact(), started_at=as_of
    )


@use_case
def stop_shadow(*, rule_set_id: str) -> None:
    """Its counts are forgotten. Stopping twice is no error."""
    Shadow.objects.filter(rule_set=rule_set_id).delete()


def judge_shadows(*, as_of: datetime) -> int:
    """Decide beside the live rules what has been told since. Returns how many orders were looked at."""
    _forget_published()
    slots = dict(RuleSetSlot.objects.values_list("channel", "rule_set_id"))
    seen = 0
    for shadow in Shadow.objects.select_related("rule_set"):
        since = shadow.started_at
        _begin_anew_if_changed(shadow, as_of=as_of)
        while read := _judge_batch(shadow, slots, since=since):
            seen += read
    return seen


def _newest_fact() -> int:
    return DemandFact.objects.aggregate(newest=Max("id"))["newest"] or 0


@use_case
def _forget_published() -> None:
    """What decides need not decide beside itself."""
    Shadow.objects.exclude(rule_set__status=RuleSetStatus.DRAFT).delete()


@use_case
def _begin_anew_if_changed(shadow: Shadow, *, as_of: datetime) -> None:
    text = shadow.rule_set.document
    if shadow.document == text or not _locked(shadow):  # stopped meanwhile: it must not come back
        return
    shadow.document, shadow.started_at, shadow.judged_until = text, as_of, None
    shadow.judged = shadow.changed = 0
    shadow.state, shadow.figures, shadow.examples = {}, None, []
    shadow.save()


def _judge_batch(shadow: Shadow, slots: dict[str, str], *, since: datetime) -> int:
    """One stretch of what was told of orders placed `since`; counted once, whoever else is at it.

    Orders are told some minutes after they were placed, so some that are told now are older.
    """
    facts = list(DemandFact.objects.filter(pk__gt=shadow.last_fact).order_by("pk")[:_BATCH])
    if not facts:
        return 0
    last = facts[-1].pk
    wanted = sorted((one for one in told(facts) if one.at >= since), key=lambda one: one.at)
    ours = [one for one in wanted if decides(shadow.document, one.demand.channel, slots)]
    replay = _replay(shadow, ours, slots) if ours else None
    changes = [
        change
        for one, decided in with_decisions(ours, live=ids_of_live(slots))
        if replay and (change := replay.decide(one, decided))
    ]
    return len(facts) if _save(shadow, replay, ours, changes, last=last) else 0


def _replay(shadow: Shadow, ours: Sequence[Wanted], slots: dict[str, str]) -> Replay:
    begin, end = ours[0].at - _A_MOMENT, ours[-1].at
    skus = sorted({line.sku for one in ours for line in one.demand.lines})
    books = (
        stock_book(skus, as_of=begin, until=end, follows=True),
        capacity_book(as_of=begin, until=end, follows=True),
    )
    rules = (rules_as_if(None, slots), rules_as_if(shadow.document, slots, id=shadow.rule_set_id))
    replay = Replay({side: World(of, *books, takes=False) for side, of in zip(SIDES, rules, strict=True)})
    if shadow.state:
        replay.resume(shadow.state)
    return replay


@use_case
def _save(
    shadow: Shadow, replay: Replay | None, ours: Sequence[Wanted], changes: list[dict[str, Any]], *, last: int
) -> bool:
    """False where somebody else was quicker, or it was stopped or began anew meanwhile."""
    locked = _locked(shadow)
    if locked is None:
        return False
    shadow.last_fact = last
    if replay:
        shadow.judged += len(ours)
        shadow.changed += len(changes)
        shadow.state, shadow.figures = replay.as_json(), replay.figures
        shadow.judged_until = ours[-1].at
        newest = [*reversed(changes), *shadow.examples][:EXAMPLES_KEPT]
        shadow.examples = [_plain(change) for change in newest]
    shadow.save()
    return True


@in_transaction
def _locked(shadow: Shadow) -> Shadow | None:
    found = Shadow.objects.select_for_update().filter(pk=shadow.pk, last_fact=shadow.last_fact).first()
    return found if found and found.document == shadow.document else None


def _plain(change: dict[str, Any]) -> dict[str, Any]:
    """As JSON keeps it."""
    return {**change, "at": str(change["at"]), "cost_change": str(change["cost_change"])}
