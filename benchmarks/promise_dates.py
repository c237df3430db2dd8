"""Promise dates learned by the product's own code on real orders of a marketplace: how often kept, how far away?

The first half of the orders is to learn from, all the rest is the test: the rule was made before looking, and no month is
left out. The past is walked day by day; a date may be learned only from what had been handed over or delivered before it.
How to learn (window, calibration, quantile) is chosen on what was known when the test begins, then never changed. Beside
it the marketplace's own dates for the same orders, and what nobody could have known: the nearest dates of the same
distributions that keep the share wanted, with one level for the whole test and with one for each week.
"""

import argparse
import csv
import gzip
import json
import os
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from math import ceil
from pathlib import Path
from statistics import fmean
from typing import Any
from zoneinfo import ZoneInfo

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "oms.settings.dev")
django.setup()

from inventory.hours import Calendar  # noqa: E402
from inventory.queries import PlaceInfo  # noqa: E402
from routing.dates import Way, handed_over_day  # noqa: E402
from routing.leadtimes import Observed, area_of, slot_of  # noqa: E402
from routing.queries import USUAL_TERMS, Policy  # noqa: E402
from routing.rehearsal import Case, Choice, Known, Share, Verdict, by_month, choose, trials, verdicts  # noqa: E402
from routing.services.promises import Asked, Whereto  # noqa: E402

ZONE = ZoneInfo("America/Sao_Paulo")
CARRIER = "post"
WANTED_KEPT, WANTED_DAYS = 0.922, 22.3
WINDOWS, CALIBRATIONS = (120, 365), (30, 60, 120)
#: A date of a quantile claims to hold so often: less than what is wanted is never chosen, however good the past looked.
QUANTILES = (WANTED_KEPT, WANTED_KEPT + 0.01, WANTED_KEPT + 0.02)
ALWAYS = Calendar("America/Sao_Paulo")


@dataclass(frozen=True, slots=True)
class Parcel:
    """One order of the file. Times are instants; None: it has not happened, as far as is known."""

    bought_at: datetime
    handed_over_at: datetime | None
    delivered_at: datetime | None
    estimated: date
    seller: str
    from_zip: str
    to_zip: str


# ---- reading -------------------------------------------------------------------------------------


def read(folder: Path, suffix: str) -> list[Parcel]:
    """By purchase. Canceled orders, and those without goods, have no date to keep."""
    customers = {row["customer_id"]: row["customer_zip_code_prefix"] for row in _rows(folder, "olist_customers")}
    sellers = {row["seller_id"]: row["seller_zip_code_prefix"] for row in _rows(folder, "olist_sellers")}
    seller_of: dict[str, str] = {}
    for row in _rows(folder, f"olist_order_items{suffix}"):
        seller_of.setdefault(row["order_id"], row["seller_id"])
    parcels = [
        Parcel(
            bought_at=_instant(row["order_purchase_timestamp"]),
            handed_over_at=_perhaps(row["order_delivered_carrier_date"]),
            delivered_at=_perhaps(row["order_delivered_customer_date"]),
            estimated=date.fromisoformat(row["order_estimated_delivery_date"][:10]),
            seller=seller_of[row["order_id"]],
            from_zip=sellers[seller_of[row["order_id"]]],
            to_zip=customers[row["customer_id"]],
        )
        for row in _rows(folder, f"olist_orders{suffix}")
        if row["order_status"] not in ("canceled", "unavailable") and row["order_id"] in seller_of
    ]
    return sorted(parcels, key=lambda parcel: parcel.bought_at)


def _rows(folder: Path, name: str) -> Iterator[dict[str, str]]:
    path = next(folder.glob(f"{name}.csv*"), None)
    if path is None:
        sys.exit(f"there is no {name}.csv or {name}.csv.gz in {folder}")
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE).astimezone(UTC)


def _perhaps(text: str) -> datetime | None:
    return _instant(text) if text else None


# ---- as the product sees it ----------------------------------------------------------------------


def place_of(seller: str, postal_code: str) -> PlaceInfo:
    """Nothing is known of when sellers work, so all hours count."""
    return PlaceInfo(
        code=seller, name=seller, kind="supplier", country="BR", postal_code=postal_code, city="", latitude=None,
        longitude=None, timezone="America/Sao_Paulo", calendar=ALWAYS, abilities=frozenset({"ship"}),
        groups=frozenset(), daily_capacity=None, accepting_orders=True, cut_off=None, preparation_minutes=0,
        handling_cost=Decimal(0), currency="BRL", safety_stock=0, position=0, is_active=True,
    )  # fmt: skip


def as_cases(parcels: Sequence[Parcel]) -> tuple[list[Case], list[Known], dict[int, Parcel]]:
    """Cases and what was learned from them, both by time, and the parcel of each case (by its `id`)."""
    places: dict[str, PlaceInfo] = {}
    cases: list[Case] = []
    past: list[Known] = []
    origin: dict[int, Parcel] = {}
    for parcel in parcels:
        place = places.setdefault(parcel.seller, place_of(parcel.seller, parcel.from_zip))
        whereto = Whereto(ZONE, "BR", area_of("BR", parcel.to_zip))
        asked = Asked(place, Policy(), "standard", parcel.bought_at, whereto, CARRIER)
        case = Case(asked, ended_at=parcel.delivered_at)
        cases.append(case)
        origin[id(case)] = parcel
        past += _known(case, parcel)
    return cases, sorted(past, key=lambda known: known.at), origin


def _known(case: Case, parcel: Parcel) -> Iterator[Known]:
    if parcel.handed_over_at is None or parcel.handed_over_at < parcel.bought_at:
        return
    minutes = (parcel.handed_over_at - parcel.bought_at).total_seconds() / 60
    cells = case.asked.preparation_cells(backlog=None)
    yield Known(parcel.handed_over_at, "preparation", Observed(cells, slot_of(minutes)))
    if parcel.delivered_at is not None and parcel.delivered_at >= parcel.handed_over_at:
        left = handed_over_day(case.asked.place, None, parcel.handed_over_at)
        days = Way.of(USUAL_TERMS, case.asked.place, "BR").days_taken(left, case.day_of(parcel.delivered_at))
        yield Known(parcel.delivered_at, "transit", Observed(case.asked.transit_cells, days))


# ---- the trial -----------------------------------------------------------------------------------


def main() -> None:
    given = _arguments()
    started = time.process_time()
    cases, past, origin = as_cases(read(given.data, given.suffix))
    cut_at = cases[int(len(cases) * given.learn)].began_at
    best = _choose(cases, past, cut_at, given.choose_days)
    made = trials(cases, past, window_days=best.window_days)
    found = verdicts(made, quantile=best.quantile, calibration_days=best.calibration_days)
    tested = [verdict for verdict in found if verdict.case.began_at >= cut_at]
    awaited = Counter(_month_of(case) for case in cases if case.began_at >= cut_at and case.ended_at is None)
    report = {
        "chosen": best._asdict() | {"share": asdict(best.share)},
        "cut": cut_at.astimezone(ZONE).isoformat(),
        "test": _against(tested, origin) | {"never_came": awaited.total()},
        "by_month": {
            month: _against(those, origin) | {"never_came": awaited[month]} for month, those in by_month(tested).items()
        },
        "in_hindsight": {"one_level": _one_level(tested), "a_level_each_week": _a_level_each_week(tested)},
        "cases": len(cases),
        "processor_seconds": round(time.process_time() - started, 1),
    }
    misses = _misses(report["test"])
    _print(report, misses)
    if given.json:
        given.json.write_text(json.dumps(report | {"misses": misses}, indent=2))
    sys.exit(1 if misses else 0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks/dates", description=__doc__)
    default = os.environ.get("OMS_DATES_DATA")
    parser.add_argument("--data", type=Path, default=default, required=default is None, help="folder with the files")
    parser.add_argument("--suffix", default="_early", help="of the files of orders and their items")
    parser.add_argument("--learn", type=float, default=0.5, help="share of the orders before the test")
    parser.add_argument("--choose-days", type=int, default=180, help="days before the test on which the way is chosen")
    parser.add_argument("--json", type=Path, help="write the figures there")
    return parser.parse_args()


def _choose(cases: Sequence[Case], past: Sequence[Known], cut_at: datetime, days: int) -> Choice:
    choices = choose(
        cases,
        past,
        wanted=WANTED_KEPT,
        from_at=cut_at - timedelta(days=days),
        until_at=cut_at,
        windows=WINDOWS,
        calibrations=CALIBRATIONS,
        quantiles=QUANTILES,
    )
    return choices[0]


def _month_of(case: Case) -> str:
    return f"{case.day_of(case.began_at):%Y-%m}"


# ---- what nobody could have known ----------------------------------------------------------------


def _one_level(found: Sequence[Verdict]) -> dict[str, float]:
    return _hindsight([found])


def _a_level_each_week(found: Sequence[Verdict]) -> dict[str, float]:
    weeks: dict[int, list[Verdict]] = defaultdict(list)
    for verdict in found:
        weeks[verdict.case.day_of(verdict.case.began_at).toordinal() // 7].append(verdict)
    return _hindsight(weeks.values())


def _hindsight(groups: Iterable[Sequence[Verdict]]) -> dict[str, float]:
    """Each group at the lowest level that keeps the share wanted of it."""
    kept, days = [], []
    for group in groups:
        reached = sorted(verdict.trial.times.by(verdict.case.key - 1) for verdict in group)
        level = reached[ceil(WANTED_KEPT * len(group)) - 1] + 1e-6
        for verdict in group:
            key = verdict.trial.times.at(level)
            kept.append(key >= verdict.case.key)
            days.append(key - verdict.case.day_of(verdict.case.began_at).toordinal())
    return {"kept": round(fmean(kept), 4), "days": round(fmean(days), 2)}


# ---- figures -------------------------------------------------------------------------------------


def _against(found: Sequence[Verdict], origin: dict[int, Parcel]) -> dict[str, Any]:
    """Our dates and the marketplace's for the same orders."""
    ours = Share.of(found)
    theirs = [(origin[id(verdict.case)].estimated, verdict.case) for verdict in found]
    return {
        "orders": ours.cases,
        "kept": round(ours.kept, 4),
        "days": round(ours.days, 2),
        "level": round(fmean(verdict.level for verdict in found), 3) if found else None,
        "marketplace_kept": round(fmean(case.key <= day.toordinal() for day, case in theirs), 4) if found else None,
        "marketplace_days": round(fmean((day - case.day_of(case.began_at)).days for day, case in theirs), 2)
        if found
        else None,
    }


def _misses(test: dict[str, Any]) -> list[str]:
    misses = []
    if test["kept"] < WANTED_KEPT:
        misses.append(f"{test['kept']:.1%} kept, wanted {WANTED_KEPT:.1%}")
    if test["days"] > WANTED_DAYS:
        misses.append(f"{test['days']} days on average, wanted {WANTED_DAYS}")
    return misses


def _print(report: dict[str, Any], misses: Sequence[str]) -> None:
    chosen = report["chosen"]
    print(
        f"{report['cases']:,} orders; the test begins {report['cut']:.10}; chosen before:"
        f" {chosen['window_days']} days to learn from, calibrated on"
        f" {chosen['calibration_days']}, quantile {chosen['quantile']}"
        f" ({chosen['share']['kept']:.1%} kept at {chosen['share']['days']:.1f} days there)\n"
    )
    print(f"{'':<10}{'orders':>8}{'kept':>8}{'days':>8}{'level':>8}   the marketplace's own   never came")
    for name, row in {"the test": report["test"], **report["by_month"]}.items():
        print(
            f"{name:<10}{row['orders']:>8,}{row['kept']:>8.1%}{row['days']:>8.1f}{row['level']:>8.3f}"
            f"{row['marketplace_kept']:>10.1%}{row['marketplace_days']:>8.1f}{row['never_came']:>18}"
        )
    for name, row in report["in_hindsight"].items():
        print(f"{'in hindsight, ' + name.replace('_', ' '):<34}{row['kept']:.1%} kept at {row['days']:.1f} days")
    print(f"\n{report['processor_seconds']} s of processor")
    print("✗ " + "; ".join(misses) if misses else f"✓ ≥ {WANTED_KEPT:.1%} kept at ≤ {WANTED_DAYS} days")


if __name__ == "__main__":
    main()
