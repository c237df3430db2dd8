"""`make bench-routing`: all that the choice of places must show, one program after the other; see README.md.

Dates need real orders (`OMS_DATES_DATA`) and are left out without. Ends with an error where one of them does.
"""

import os
import subprocess
import sys
import time

from oms.dev.engines import ROOT

PROGRAMS = {
    "engine": "sourcing",
    "planning": "planned",
    "stream": "order_stream",
    "simulation": "replay_orders",
    "reoptimise": "together",
    "dates": "promise_dates",
}


def main() -> None:
    seen = {name: _run(name, module) for name, module in PROGRAMS.items()}
    print("\n" + "\n".join(f"{name:12} {word}" for name, (word, _held) in seen.items()))
    sys.exit(0 if all(held for _word, held in seen.values()) else 1)


def _run(name: str, module: str) -> tuple[str, bool]:
    if name == "dates" and not os.environ.get("OMS_DATES_DATA"):
        return "left out: OMS_DATES_DATA names no real orders", True
    print(f"\n# benchmarks/{name}\n", flush=True)
    started = time.monotonic()
    status = subprocess.run([sys.executable, "-m", f"benchmarks.{module}"], cwd=ROOT).returncode
    return f"{'misses' if status else 'holds'} ({time.monotonic() - started:.0f} s)", not status


if __name__ == "__main__":
    main()
