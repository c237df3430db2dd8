"""Figures of several rounds, as medians: for people as a table, for machines as JSON."""

from collections import defaultdict
from dataclasses import dataclass, field
from statistics import median
from typing import Any

Figures = dict[str, float]


@dataclass(slots=True)
class Report:
    scale: str
    machine: dict[str, Any]
    floor_driver: str
    points: dict[tuple[str, int], list[Figures]] = field(default_factory=lambda: defaultdict(list))
    planning: dict[str, dict[str, float]] = field(default_factory=dict)
    growth: dict[str, dict[str, Any]] = field(default_factory=dict)
    gates: list[dict[str, Any]] = field(default_factory=list)
    orders_checked: int = 0

    def add(self, label: str, clients: int, figures: Figures) -> None:
        self.points[label, clients].append(figures)

    def median(self, label: str, clients: int, figure: str) -> float:
        return median(figures[figure] for figures in self.points[label, clients])

    def share(self, label: str, floor: str, clients: int) -> float:
        """How much of the floor is reached: the median of the rounds' own ratios, for rounds differ."""
        rounds = zip(self.points[label, clients], self.points[floor, clients], strict=True)
        return median(ours["per_second"] / theirs["per_second"] for ours, theirs in rounds)

    def at_least(self, name: str, value: float, least: float, aim: float | None = None) -> None:
        wanted = f"≥ {least:g}" + (f", aim {aim:g}" if aim else "")
        self.gates.append({"name": name, "value": value, "wanted": wanted, "holds": value >= least})

    def at_most(self, name: str, value: float, most: float) -> None:
        self.gates.append({"name": name, "value": value, "wanted": f"≤ {most:g}", "holds": value <= most})

    @property
    def holds(self) -> bool:
        return all(gate["holds"] for gate in self.gates)

    # ---- for people --------------------------------------------------------------------------

    def print(self) -> None:
        print(
            f"\n{self.scale}; {self.machine['cores']} cores, {self.machine['processor']}; floor by {self.floor_driver}\n"
        )
        head = ("", "clients", "per s", "p50 ms", "p95 ms", "p99 ms", "Python ms", "Postgres ms", "others")
        print(_row(head))
        for (label, clients), rounds in self.points.items():
            names = ("per_second", "p50_ms", "p95_ms", "p99_ms", "python_ms", "postgres_ms", "others_cores")
            values = [self.median(label, clients, name) if name in rounds[0] else None for name in names]
            print(_row((label, clients, *map(_short, values))))
        self._print_shares()
        print()
        for name, timing in self.planning.items():
            print(f"{name}: p50 {timing['p50_ms']:.1f} ms, p95 {timing['p95_ms']:.1f} ms,"
                  f" {timing['parcels']:.2f} parcels, {timing['optimal_share']:.0%} proven best")  # fmt: skip
        for found in self.growth.values():
            groups = ", ".join(
                f"{group} {counted['statements']} in {counted['p50_ms']:.1f} ms"
                for group, counted in found.items()
                if isinstance(counted, dict)
            )
            print(f"statements of a placement with {found['orders_in_history']:,} orders in history: {groups}")
        if self.orders_checked:
            print(f"{self.orders_checked:,} orders answered with 201, every row of each found\n")
        for gate in self.gates:
            print(f"{'✓' if gate['holds'] else '✗'} {gate['name']}: {gate['value']:,.4g} (wanted {gate['wanted']})")

    def _print_shares(self) -> None:
        print()
        for clients in sorted({clients for label, clients in self.points if label == "placement"}):
            of = {floor: self.share("placement", f"floor {floor}", clients) for floor in ("b5", "b3")}
            print(f"placement over HTTP, {clients} clients: {of['b5']:.1%} of b5, {of['b3']:.1%} of b3")
        for label, floor in (("one SKU", "a1"), ("20 SKUs", "a2"), ("20 SKUs in every place", "a2 everywhere")):
            measured = {c for name, c in self.points if name == f"availability, {label}"}
            for clients in sorted(measured & {c for name, c in self.points if name == f"floor {floor}"}):
                print(
                    f"availability, {label}: {self.share(f'availability, {label}', f'floor {floor}', clients):.1%} of {floor}"
                )

    # ---- for machines ------------------------------------------------------------------------

    def as_json(self) -> dict[str, Any]:
        return {
            "scale": self.scale,
            "machine": self.machine,
            "floor_driver": self.floor_driver,
            "points": [
                {"what": label, "clients": clients, "rounds": rounds}
                for (label, clients), rounds in self.points.items()
            ],
            "planning": self.planning,
            "growth": self.growth,
            "orders_checked": self.orders_checked,
            "gates": self.gates,
        }


def _row(cells: tuple[Any, ...]) -> str:
    first, *rest = cells
    return f"{first:<40}" + "".join(f"{cell:>12}" for cell in rest)


def _short(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.3f}"
