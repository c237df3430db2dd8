import os
import re
import signal

from tests.oms.dev.helpers import is_alive, wait_until

# A child that starts a child of its own, and says both pids.
FAMILY = """
import os, subprocess, time
print('pids', os.getpid(), subprocess.Popen(['sleep', '90']).pid)
time.sleep(90)
"""
STUBBORN = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('pids', os.getpid())
time.sleep(90)
"""
POLITE = """
import os, signal, time
signal.signal(signal.SIGTERM, lambda *_: exit(print('bye')))
print('pids', os.getpid())
time.sleep(90)
"""
SUPERVISE = """
import sys
from oms.dev import processes
processes.STOP_SECONDS = 60
try:
    with processes.Supervisor(mark="test-" + sys.argv[1]) as supervisor:
        {body}
        supervisor.watch(60)
except processes.Stopped:
    print("stopped")
"""


def supervise(python, tmp_path, body: str, **environment: str):
    return python(SUPERVISE.format(body=body), tmp_path.name, **environment)


def keep(name: str, code: str) -> str:
    return f"supervisor.keep({name!r}, [sys.executable, '-c', {code!r}]); "


def pids_said(process) -> list[int]:
    for line in process.stdout:
        if "pids" in line:
            return [int(number) for number in re.findall(r"\d+", line)]
    raise AssertionError("no pids were said")


def test_each_line_carries_the_name_of_who_said_it(python, tmp_path):
    process = supervise(
        python, tmp_path, "print(supervisor.run('web', ['sh', '-c', 'echo one; printf two; exit 3'])); sys.exit()"
    )

    said = process.communicate(timeout=60)[0]

    assert said == "web     │ one\nweb     │ two\n3\n"


def test_a_signal_stops_children_and_grandchildren(python, tmp_path):
    process = supervise(python, tmp_path, keep("family", FAMILY))
    pids = pids_said(process)

    process.terminate()

    assert process.wait(timeout=60) == 0
    assert [is_alive(pid) for pid in pids] == [False, False]
    assert process.stdout.read().endswith("stopped\n")


def test_a_child_that_will_not_stop_is_killed(python, tmp_path):
    process = supervise(python, tmp_path, "processes.STOP_SECONDS = 1; " + keep("stubborn", STUBBORN))
    [pid] = pids_said(process)

    process.send_signal(signal.SIGINT)

    assert process.wait(timeout=60) == 0
    assert not is_alive(pid)


def test_the_last_started_is_stopped_first(python, tmp_path):
    process = supervise(python, tmp_path, keep("first", POLITE) + keep("second", POLITE))
    pids_said(process), pids_said(process)

    process.terminate()

    assert re.findall(r"(\w+) +│ bye", process.communicate(timeout=60)[0]) == ["second", "first"]


def test_a_dead_child_starts_again_after_growing_pauses(python, tmp_path):
    process = supervise(python, tmp_path, keep("weak", "exit(7)"))

    said = [process.stdout.readline().strip() for _ in range(2)]
    process.terminate()

    assert said == [
        "weak    │ ended (exit code 7); starts again in 1 s",
        "weak    │ ended (exit code 7); starts again in 2 s",
    ]


def test_a_killed_child_takes_what_it_had_started_along(python, tmp_path):
    process = supervise(python, tmp_path, keep("family", FAMILY))
    child, grandchild = pids_said(process)

    os.kill(child, signal.SIGKILL)

    wait_until(lambda: not is_alive(grandchild))
    assert pids_said(process)[0] != child
    process.terminate()
    process.wait()


def test_children_end_when_the_supervisor_is_killed(python, tmp_path):
    process = supervise(python, tmp_path, keep("family", FAMILY))
    child, grandchild = pids_said(process)

    process.kill()

    wait_until(lambda: not is_alive(child))
    # What the dead child had started is found by the next supervisor.
    assert is_alive(grandchild)
    supervise(python, tmp_path, "sys.exit()").wait(timeout=60)
    assert not is_alive(grandchild)


def test_a_reader_that_goes_away_ends_the_supervisor(python, tmp_path):
    chatty = "import os, time; print('pids', os.getpid())\nwhile True: print('on and on'); time.sleep(0.05)"
    process = supervise(python, tmp_path, keep("chatty", chatty))
    [pid] = pids_said(process)

    process.stdout.close()

    process.wait(timeout=60)
    assert not is_alive(pid)
    process.stdout = None
