"""What the machine is, and who used its processors meanwhile."""

import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil


def description() -> dict[str, str | int]:
    model = next((line.partition(":")[2].strip() for line in _cpuinfo() if line.startswith("model name")), "?")
    memory = round(psutil.virtual_memory().total / 2**30)
    return {
        "processor": model,
        "cores": os.cpu_count() or 1,
        "memory_gb": memory,
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
    }


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


@dataclass(slots=True)
class Use:
    """Processor seconds by whom, over a stretch of time. `busy` is the whole machine's."""

    web: float = 0.0
    postgres: float = 0.0
    busy: float = 0.0
    seconds: float = 0.0

    def others(self, clients: float) -> float:
        """Cores that others used: above a quarter of a core the figures are disturbed."""
        return max(0.0, (self.busy - self.web - self.postgres - clients) / self.seconds)


@contextmanager
def watched(web_pid: int, postgres_pid: int) -> Iterator[Use]:
    """Fill the `Use` when the block ends. Web and database connections must live through it."""
    use = Use()
    begun, web, database, busy = time.perf_counter(), _tree(web_pid), _tree(postgres_pid), _machine()
    yield use
    use.seconds = time.perf_counter() - begun
    use.web, use.postgres = _spent(web, _tree(web_pid)), _spent(database, _tree(postgres_pid))
    use.busy = _machine() - busy


def _tree(pid: int) -> dict[int, float]:
    """Processor seconds of a process and of all that it started, by process."""
    root = psutil.Process(pid)
    found = {}
    for process in (root, *root.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:  # an autovacuum worker that ended
            continue
        found[process.pid] = times.user + times.system
    return found


def _spent(before: dict[int, float], after: dict[int, float]) -> float:
    return sum(seconds - before.get(pid, 0.0) for pid, seconds in after.items())


def _machine() -> float:
    times = psutil.cpu_times()
    return times.user + times.system + times.nice + getattr(times, "irq", 0.0) + getattr(times, "softirq", 0.0)
