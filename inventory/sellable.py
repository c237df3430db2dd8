"""What can be sold of a level: one arithmetic for whoever reads, plans or reserves.

It is SQL because it runs where the rows are. What differs between askers comes in as parameters: what a place
protects by default, what the exposure rules keep (`inventory.exposure`), which cart holds are their own.
`units_kept` says the same in Python, for stock that stands in memory; a test holds the two against each other.
"""

from inventory.exposure import HIDDEN, Kept


def good_sql(level: str) -> str:
    """Units in sellable condition, promised or not; below zero when a till sold what we did not know of.

    Wide: where figures are as absurd as the columns allow, less than nothing is still an answer.
    """
    return f"({level}.on_hand::bigint - {level}.damaged - {level}.quarantined)"


def held_sql(level: str, *, as_of: str, own_holds: str = "ARRAY[]") -> str:
    """Units that carts hold of the level, other than the asker's own. Looks only where a hold may still live."""
    others = _in_holds(level, as_of=as_of, which=f"<> ALL({own_holds}::text[])")
    return f"CASE WHEN {level}.held_until > {as_of} THEN {others} ELSE 0 END"


def own_sql(level: str, *, as_of: str, own_holds: str, free: str) -> str:
    """Of the `free` units of the level those in the asker's own holds: theirs, whatever is kept back by now. NULL: none.

    Behind a SELECT, so that the database does not plan anew for each number of holds.
    """
    own = _in_holds(level, as_of=as_of, which=f"= ANY((SELECT {own_holds}::text[])::text[])")
    return f"CASE WHEN {level}.held_until > {as_of} AND (SELECT {own_holds}::text[]) <> '{{}}' THEN least({free}, {own}) END"


def _in_holds(level: str, *, as_of: str, which: str) -> str:
    return (
        "(SELECT coalesce(sum(h.quantity), 0)::int FROM inventory_cartholdline h"
        f" WHERE h.sku = {level}.sku AND h.location_id = {level}.location_id"
        f" AND h.expires_at > {as_of} AND h.hold_id {which})"
    )


def kept_sql(level: str, *, safety: str, kept: str = "") -> str:
    """Units kept back: the level's safety stock, else `safety`; with `kept`, a row of what the rules keep, the larger."""
    floor = f"coalesce({level}.safety_stock, {safety})"
    if not kept:
        return floor
    return (
        f"greatest({floor}, {kept}.units, {_share(level, f'{kept}.share')},"
        f" CASE WHEN {level}.confidence < {kept}.doubt_below"
        f" THEN greatest({kept}.doubt_units, {_share(level, f'{kept}.doubt_share')}) ELSE 0 END)"
    )


def _share(level: str, share: str) -> str:
    """So many ten-thousandths of what is in good condition, rounded up; in whole numbers, for floats round by chance."""
    return f"((greatest({good_sql(level)}, 0) * {share} + 9999) / 10000)::int"


def sellable_sql(
    level: str, *, safety: str, kept: str = "", as_of: str = "now()", own_holds: str = "", held: str = ""
) -> str:
    """Units for sale of the stock level with this alias; the other names are SQL, see above.

    `held`: where it is known how many units carts hold, that number.
    """
    closed = f"{level}.suspect_at IS NOT NULL" + (f" OR {kept}.units = {HIDDEN}" if kept else "")
    held = held or f"({held_sql(level, as_of=as_of, own_holds=own_holds or 'ARRAY[]')})"
    free = f"({good_sql(level)} - {level}.reserved - {held})"
    own = f", {own_sql(level, as_of=as_of, own_holds=own_holds, free=free)}" if own_holds else ""
    return f"CASE WHEN {closed} THEN 0 ELSE greatest(0, {free} - {kept_sql(level, safety=safety, kept=kept)}{own}) END"


def units_kept(good: int, *, safety: int, confidence: float | None, kept: Kept) -> int:
    """As `kept_sql`, of a level with so many units in good condition that nothing hides."""
    most = max(safety, kept.units, _share_of(good, kept.share))
    if confidence is not None and confidence < kept.doubt_below:
        most = max(most, kept.doubt_units, _share_of(good, kept.doubt_share))
    return most


def _share_of(good: int, share: int) -> int:
    return (max(good, 0) * share + 9999) // 10_000
