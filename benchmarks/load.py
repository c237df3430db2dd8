"""A closed-loop HTTP client, cheap enough not to be the bottleneck: raw sockets kept alive, requests made ahead.

Run as processes of its own (`python -m benchmarks.load`), a job as JSON on standard input, what was seen as
JSON on standard output. A request is a template whose `{0}`, `{1}` … are SKUs drawn at random and whose
`{id}` is unique.
"""

import json
import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from oms.dev.engines import ROOT


@dataclass(frozen=True, slots=True)
class Job:
    """`skus`: per placeholder the prefix, digits and highest number to draw from."""

    port: int
    method: str
    path: str
    token: str
    seconds: float
    clients: int
    skus: list[tuple[str, int, int]]
    body: str = ""
    run: str = "run"


@dataclass(slots=True)
class Seen:
    """Latencies in ms, sorted; answers by status; a sample of an answer that was not 2xx."""

    seconds: float
    latencies: list[float]
    statuses: dict[str, int]
    refusal: str = ""
    client_cpu_seconds: float = 0.0

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        return self.latencies[min(len(self.latencies) - 1, int(len(self.latencies) * share))]


def run(job: Job, processes: int = 2) -> Seen:
    """Spread the clients over processes and gather what they saw."""
    shares = [job.clients // processes + (i < job.clients % processes) for i in range(processes)]
    started = [_start(job, share, number) for number, share in enumerate(shares) if share]
    found = [json.loads(process.communicate()[0]) for process in started]
    statuses: Counter[str] = Counter()
    for part in found:
        statuses.update(part["statuses"])
    return Seen(
        seconds=job.seconds,
        latencies=sorted(latency for part in found for latency in part["latencies"]),
        statuses=dict(statuses),
        refusal=next((part["refusal"] for part in found if part["refusal"]), ""),
        client_cpu_seconds=sum(part["cpu"] for part in found),
    )


def _start(job: Job, clients: int, number: int) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.load"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin
    share = {name: getattr(job, name) for name in Job.__slots__} | {"clients": clients, "run": f"{job.run}-{number}"}
    process.stdin.write(json.dumps(share).encode())
    process.stdin.close()
    process.stdin = None
    return process


# ---- in the client's process ---------------------------------------------------------------------


@dataclass(slots=True)
class _Client:
    """One shopper's connection: asks, reads, asks again until the time is up."""

    job: Job
    number: int
    latencies: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    refusal: str = ""

    def shop(self, until: float) -> None:
        draw = random.Random(f"{self.job.run}-{self.number}-{os.getpid()}")
        with socket.create_connection(("127.0.0.1", self.job.port)) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            asked = 0
            while (begun := time.perf_counter()) < until:
                asked += 1
                connection.sendall(self._request(draw, asked))
                status, answer = _read(connection)
                self.latencies.append((time.perf_counter() - begun) * 1000)
                self.statuses[status] += 1
                if status[0] != "2":
                    self.refusal = answer.decode(errors="replace")[:500]

    def _request(self, draw: random.Random, asked: int) -> bytes:
        job = self.job
        unique = f"{job.run}-{self.number}-{asked}"
        skus = [f"{prefix}{draw.randint(1, top):0{digits}d}" for prefix, digits, top in job.skus]
        path, body = _fill(job.path, skus, unique), _fill(job.body, skus, unique).encode()
        key = f"Idempotency-Key: {unique}\r\n" if body else ""
        head = (
            f"{job.method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {job.token}\r\n{key}"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


def _fill(template: str, skus: list[str], unique: str) -> str:
    for index, sku in enumerate(skus):
        template = template.replace(f"{{{index}}}", sku)
    return template.replace("{id}", unique)


def _read(connection: socket.socket) -> tuple[str, bytes]:
    """Status and body of one answer that says its length."""
    received = b""
    while (end := received.find(b"\r\n\r\n")) < 0:
        received += _receive(connection)
    head = received[:end].lower()
    at = head.index(b"content-length:") + 15
    length = int(head[at:].split(b"\r\n", 1)[0])
    while len(received) < end + 4 + length:
        received += _receive(connection)
    return received[9:12].decode(), received[end + 4 :]


def _receive(connection: socket.socket) -> bytes:
    chunk = connection.recv(262_144)
    if not chunk:
        raise ConnectionError("the server hung up")
    return chunk


def main() -> None:
    given: dict[str, Any] = json.load(sys.stdin)
    job = Job(**given)
    clients = [_Client(job, number) for number in range(job.clients)]
    until = time.perf_counter() + job.seconds
    threads = [threading.Thread(target=client.shop, args=(until,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    statuses: Counter[str] = Counter()
    for client in clients:
        statuses.update(client.statuses)
    json.dump(
        {
            "latencies": [latency for client in clients for latency in client.latencies],
            "statuses": statuses,
            "refusal": next((client.refusal for client in clients if client.refusal), ""),
            "cpu": time.process_time(),
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
