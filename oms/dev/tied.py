"""tied.py PARENT-PID PROGRAM ARGUMENTS...: run a program that gets SIGTERM when its parent dies, however it dies.

Linux only; elsewhere the program is simply run, and the next start of the supervisor finds what was left.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, *command = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):  # it died before we were tied to it
        sys.exit(1)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
