"""Workers that die: real processes of this test, killed with SIGKILL at a statement or at an instant."""

import gc
import os
import signal
import time
import traceback
from collections.abc import Callable
from typing import Any

from django.db import connection


class _Fuse:
    """Kills this process at its n-th statement: before the database hears of it, or right after it answered."""

    def __init__(self, statements: int, *, is_heard: bool):
        self._left = statements
        self._is_heard = is_heard

    def __call__(self, execute: Callable[..., Any], *args: Any) -> Any:
        self._left -= 1
        if not self._left and not self._is_heard:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = execute(*args)
        if not self._left:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer


def all_rows() -> tuple[tuple[str, str], ...]:
    """A digest of each table that has rows: two that are alike were taken of the same rows."""
    tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
    digests = (
        f"(SELECT '{table}', md5(string_agg(one::text, ',' ORDER BY one::text)) FROM \"{table}\" one HAVING count(*) > 0)"
        for table in sorted(tables)
    )
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(digests))
        return tuple(sorted(cursor.fetchall()))


def run_killed_at_statement(work: Callable[[], Any], statements: int, *, is_heard: bool) -> bool:
    """Run `work` in a process that dies at that statement. True if it came to its end before."""
    return _forked(work, fuse=_Fuse(statements, is_heard=is_heard)) == 0


def run_killed_after(work: Callable[[], Any], seconds: float) -> bool:
    """Run `work` in a process that is killed after so long, wherever it is. True if it came to its end before."""
    return _forked(work, seconds=seconds) == 0


def _forked(work: Callable[[], Any], *, fuse: _Fuse | None = None, seconds: float | None = None) -> int:
    """The exit status: 0 for a good end, −9 for a sudden one."""
    child = os.fork()
    if not child:
        _live(work, fuse)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)  # a child that has ended is a zombie until it is waited for
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, -signal.SIGKILL), "the worker failed; see its traceback"
    return status


def _live(work: Callable[[], Any], fuse: _Fuse | None) -> None:
    """In the child, which never returns: it must not run the tests that follow."""
    gc.disable()  # a collection writes to all of the memory that we share with our parent
    connection.connection = None  # our parent's, which goes on with it; libpq closes none of another process
    try:
        if fuse:
            with connection.execute_wrapper(fuse):
                work()
        else:
            work()
        connection.close()
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)
