"""Several programs under one roof: started, listened to, started again when they die, stopped in order."""

import io
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import cast

TIED = Path(__file__).with_name("tied.py")
# Each child and all it starts carry this in their environment: that is how a later start knows them.
MARK = "OMS_SUPERVISED_BY"
STOP_SECONDS = 12
LONGEST_PAUSE_SECONDS = 30
STEADY_SECONDS = 60
COLOURS = [36, 32, 33, 35, 34, 31]


class Stopped(Exception):
    """Somebody asked us to stop: Ctrl-C, SIGTERM, or a terminal that was closed."""


class Child:
    """One program in a process group of its own, so that Ctrl-C reaches only the supervisor."""

    def __init__(self, name: str, command: Sequence[str]):
        self.name = name
        self.command = command
        self.process: subprocess.Popen[bytes] | None = None
        self.started_at = 0.0
        self.start_at = 0.0
        self.failures = 0
        self.output: io.FileIO | None = None
        self.unfinished_line = b""

    def start(self, environment: dict[str, str]) -> None:
        tied = [sys.executable, "-I", "-S", str(TIED), str(os.getpid()), *self.command]
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(
            tied,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            bufsize=0,
        )
        self.output = cast(io.FileIO, self.process.stdout)
        os.set_blocking(self.output.fileno(), False)

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def signal_group(self, number: signal.Signals) -> None:
        """Also when the program itself is dead: what it had started may live on."""
        if self.process:
            try:
                os.killpg(self.process.pid, number)
            except ProcessLookupError:
                pass  # nothing of it is left

    def pause_before_restart(self) -> float:
        """Twice as long after each quick death, so that a broken program does not eat the machine."""
        steady = time.monotonic() - self.started_at > STEADY_SECONDS
        self.failures = 1 if steady else self.failures + 1
        return min(2.0 ** (self.failures - 1), LONGEST_PAUSE_SECONDS)


class Supervisor:
    """Runs children and prints what they say, each line with its name, until it is asked to stop.

    Single-threaded: `watch` and `run` pump the children's output and raise Stopped on a signal.
    Leaving the `with` block stops all children, the last started first.
    """

    def __init__(self, mark: str):
        self.children: list[Child] = []
        self.stop_requests = 0
        self.environment = {**os.environ, MARK: mark, "PYTHONUNBUFFERED": "1"}
        self._mark = mark
        self._selector = selectors.DefaultSelector()
        self._colours: dict[str, int] = {}

    def __enter__(self) -> "Supervisor":
        self._wake_up_on_signals()
        kill_marked(self._mark)
        return self

    def __exit__(self, *error: object) -> None:
        for child in reversed(self.children):
            self._stop(child)
        kill_marked(self._mark)

    def run(self, name: str, command: Sequence[str]) -> int:
        """Run one program to its end and return its exit code."""
        child = self._started(Child(name, command))
        while child.is_running():
            self._pump(0.2)
        self._say_rest(child)
        self.children.remove(child)
        assert child.process
        return child.process.wait()

    def keep(self, name: str, command: Sequence[str]) -> Child:
        """Start a program that is started again, after a growing pause, whenever it ends."""
        return self._started(Child(name, command))

    def watch(self, seconds: float) -> None:
        """Print and restart for this long; raise Stopped as soon as somebody asks for it."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._pump(min(left, 0.5))
            self._restart_the_dead()

    def say(self, name: str, line: str) -> None:
        prefix = f"{name:<8}│ "
        if sys.stdout.isatty() and "NO_COLOR" not in os.environ:
            colour = self._colours.setdefault(name, COLOURS[len(self._colours) % len(COLOURS)])
            prefix = f"\x1b[{colour}m{prefix}\x1b[0m"
        self._print(prefix + line)

    def _print(self, line: str) -> None:
        try:
            print(line, flush=True)
        except OSError:  # the terminal or the pipe is gone: nobody listens any more, so end in good order
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115
            self.stop_requests += 1

    def _started(self, child: Child) -> Child:
        child.start(self.environment)
        assert child.output
        if child not in self.children:
            self.children.append(child)
        self._selector.register(child.output, selectors.EVENT_READ, child)
        return child

    def _pump(self, seconds: float) -> None:
        self._listen(seconds)
        if self.stop_requests:
            raise Stopped

    def _listen(self, seconds: float) -> None:
        for key, _ in self._selector.select(seconds):
            if isinstance(key.data, Child):
                self._read(key.data)
            else:
                key.data.recv(64)

    def _read(self, child: Child) -> bool:
        """Print the whole lines that have come; return whether more may be there."""
        if child.output is None:
            return False
        chunk = child.output.read(65536)
        if not chunk:
            if chunk is not None:  # its end
                self._hang_up(child)
            return False
        *lines, child.unfinished_line = (child.unfinished_line + chunk).split(b"\n")
        for line in lines:
            self.say(child.name, line.decode(errors="replace"))
        return True

    def _say_rest(self, child: Child) -> None:
        """Grandchildren may hold the pipe open for ever: read what is there, then close it."""
        while self._read(child):
            pass
        self._hang_up(child)

    def _hang_up(self, child: Child) -> None:
        if child.output is None:
            return
        self._selector.unregister(child.output)
        child.output.close()
        child.output = None
        if child.unfinished_line:
            self.say(child.name, child.unfinished_line.decode(errors="replace"))
            child.unfinished_line = b""

    def _restart_the_dead(self) -> None:
        now = time.monotonic()
        for child in self.children:
            if child.is_running():
                continue
            if child.process:
                self._bury(child)
            elif now >= child.start_at:
                self._started(child)

    def _bury(self, child: Child) -> None:
        assert child.process
        self._say_rest(child)
        child.signal_group(signal.SIGKILL)
        code = child.process.returncode
        pause = child.pause_before_restart()
        reason = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        self.say(child.name, f"ended ({reason}); starts again in {pause:.0f} s")
        child.start_at = time.monotonic() + pause
        child.process = None

    def _stop(self, child: Child) -> None:
        """Ask, wait, then insist; a second Ctrl-C insists at once."""
        requests = self.stop_requests
        deadline = time.monotonic() + STOP_SECONDS
        if child.process and child.is_running():
            child.process.terminate()
        while child.is_running() and time.monotonic() < deadline and self.stop_requests <= max(requests, 1):
            self._listen(0.1)
        child.signal_group(signal.SIGKILL)
        if child.process:
            child.process.wait()
            self._say_rest(child)

    def _wake_up_on_signals(self) -> None:
        """A signal is a byte on a socket that the selector watches, so it is never missed nor lost in a system call."""
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        self._selector.register(ours, selectors.EVENT_READ, ours)
        self._wakeup = theirs
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ask_to_stop)

    def _ask_to_stop(self, number: int, frame: FrameType | None) -> None:
        self.stop_requests += 1


def kill_marked(mark: str) -> None:
    """Kill what a supervisor with this mark has left behind: children of children that outlived everybody."""
    entry = f"{MARK}={mark}".encode()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if entry in (process / "environ").read_bytes().split(b"\0"):
                os.kill(int(process.name), signal.SIGKILL)
        except OSError:
            continue  # it has ended, or is not ours to look at
