import contextlib
import os
import pwd
import shutil
import signal
import subprocess

import psycopg
import pytest
import redis

from oms.dev.engines import EngineError, Postgres, Valkey, engines, home_id
from tests.oms.dev.helpers import is_alive, wait_until

START = (
    "import sys, pathlib; from oms.dev.engines import *; p = Postgres(pathlib.Path(sys.argv[1]), fast=True); p.start()"
)
# However late it is killed, the cluster that it makes does not come to its place.
NEVER_DONE = """
import os, pathlib, time
pathlib.Path.rename = lambda path, to: time.sleep(600) if (path / "base").exists() else os.rename(path, to)
"""
USE = """
import pathlib, sys, time
from oms.dev.engines import engines
with engines(pathlib.Path(sys.argv[1]), fast=True) as running:
    print(*[engine.pid() for engine in running])
    time.sleep(60)
"""


def query(postgres: Postgres, sql: str) -> list[tuple]:
    with psycopg.connect(postgres.url()) as connection:
        cursor = connection.execute(sql)
        return cursor.fetchall() if cursor.description else []


def test_postgres_serves_from_an_unkind_path(home):
    postgres = Postgres(home, fast=True)

    postgres.start()

    assert query(postgres, "SELECT current_database(), current_user") == [("oms", "postgres")]
    assert len(f"{postgres.socket_dir}/.s.PGSQL.5432") < 107


def test_valkey_serves_from_an_unkind_path(home):
    valkey = Valkey(home)

    valkey.start()

    client = redis.Redis.from_url(valkey.url(db=1))
    client.set("answer", 42)
    assert client.get("answer") == b"42"
    assert client.client_info()["db"] == 1
    client.close()


def test_stop_leaves_neither_process_nor_socket(home):
    postgres, valkey = Postgres(home, fast=True), Valkey(home)
    postgres.start()
    valkey.start()
    pids = [postgres.pid(), valkey.pid()]

    postgres.stop()
    valkey.stop()

    assert [is_alive(pid) for pid in pids] == [False, False]
    assert not (postgres.socket_dir / ".s.PGSQL.5432").exists()
    assert not valkey.socket_dir.exists()
    assert (postgres.is_running(), valkey.is_running()) == (False, False)


def test_the_same_home_finds_the_same_server_and_rows(home):
    first = Postgres(home, fast=True)
    first.start()
    query(first, "CREATE TABLE kept AS SELECT 7 AS n")

    second = Postgres(home, fast=True)
    second.start()

    assert second.pid() == first.pid()
    second.stop()
    first.start()
    assert query(first, "SELECT n FROM kept") == [(7,)]


def test_starters_at_once_share_one_server(home, python):
    starters = [python(f"{START}; print(p.pid())", home) for _ in range(3)]

    pids = {starter.communicate(timeout=60)[0].strip() for starter in starters}

    assert pids == {str(Postgres(home).pid())}


def test_two_homes_have_two_servers(home, tmp_path):
    other_home = tmp_path / "other"
    one, other = Valkey(home), Valkey(other_home)
    one.start()
    other.start()

    assert one.pid() != other.pid()
    assert one.url() != other.url()
    other.stop()
    assert one.is_running()


def test_a_copied_home_never_shares_the_server_of_the_original(home, tmp_path):
    one = Valkey(home)
    one.start()
    shutil.copytree(home, tmp_path / "copy", ignore=shutil.ignore_patterns("*.sock"))

    assert Valkey(tmp_path / "copy").url() != one.url()
    assert not Valkey(tmp_path / "copy").is_running()


def test_a_moved_home_keeps_its_name(home, tmp_path):
    home.mkdir()
    before = home_id(home)

    moved = home.rename(tmp_path / "moved")

    assert home_id(moved) == before
    moved.rename(home)


def test_an_initdb_killed_half_way_is_made_anew(home, python):
    postgres = Postgres(home, fast=True)
    starter = python(NEVER_DONE + START, home)
    wait_until(lambda: any(postgres.place.glob("unfinished-*/base")))
    os.killpg(starter.pid, signal.SIGKILL)
    starter.wait()
    assert not postgres.data.exists()

    postgres.start()

    assert query(postgres, "SELECT 1") == [(1,)]
    assert list(postgres.place.glob("unfinished-*")) == []


def test_committed_rows_outlive_a_killed_server(home):
    postgres = Postgres(home)  # with fsync
    postgres.start()
    query(postgres, "CREATE TABLE kept (n int)")
    query(postgres, "INSERT INTO kept VALUES (1)")
    with contextlib.closing(psycopg.connect(postgres.url())) as uncommitted:
        uncommitted.execute("INSERT INTO kept VALUES (2)")
        os.kill(postgres.pid(), signal.SIGKILL)
        wait_until(lambda: postgres.pid() is None)

        postgres.start()

    assert query(postgres, "SELECT n FROM kept") == [(1,)]


def test_keys_outlive_a_killed_valkey(home):
    valkey = Valkey(home)
    valkey.start()
    with redis.Redis.from_url(valkey.url()) as client:
        client.rpush("queue", "task")
    os.kill(valkey.pid(), signal.SIGKILL)
    wait_until(lambda: valkey.pid() is None)

    valkey.start()

    with redis.Redis.from_url(valkey.url()) as client:
        assert client.lrange("queue", 0, -1) == [b"task"]


def test_a_pid_file_naming_a_living_stranger_does_not_keep_postgres_from_starting(home):
    postgres = Postgres(home, fast=True)
    postgres.start()
    pid_file = postgres.data / "postmaster.pid"
    left_behind = pid_file.read_text()
    postgres.stop()
    stranger = subprocess.Popen(["sleep", "60"], **postgres._as_server())
    pid_file.write_text(left_behind.replace(left_behind.split()[0], str(stranger.pid), 1))

    try:
        assert postgres.pid() is None
        postgres.start()
    finally:
        stranger.kill()
        stranger.wait()

    assert query(postgres, "SELECT 1") == [(1,)]


def test_settings_reach_the_server_and_fsync_is_on(home):
    postgres = Postgres(home, settings={"shared_buffers": "48MB"})

    postgres.start()

    assert query(postgres, "SELECT current_setting('shared_buffers'), current_setting('fsync')") == [("48MB", "on")]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can pose as somebody else")
def test_no_other_account_reaches_the_servers(home):
    postgres, valkey = Postgres(home, fast=True), Valkey(home)
    postgres.start()
    valkey.start()
    stranger = pwd.getpwnam("daemon").pw_uid
    connect = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"

    for address in (f"{postgres.socket_dir}/.s.PGSQL.5432", str(valkey.socket)):
        tried = subprocess.run(
            ["/usr/bin/env", "python3", "-c", connect, address], user=stranger, cwd="/", capture_output=True
        )
        assert tried.returncode != 0
        assert b"PermissionError" in tried.stderr or b"Permission denied" in tried.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can pose as somebody else")
def test_even_the_servers_own_account_may_not_log_in(home):
    postgres = Postgres(home, fast=True)
    postgres.start()
    psql = [postgres.bin / "psql", "-X", "-d", postgres.url(), "-c", "SELECT 1"]

    tried = subprocess.run(psql, capture_output=True, text=True, **postgres._as_server())

    assert tried.returncode != 0
    assert "Peer authentication failed" in tried.stderr


def test_a_socket_directory_of_somebody_else_is_refused(home):
    valkey = Valkey(home)
    valkey.socket_dir.symlink_to("/tmp")

    try:
        with pytest.raises(EngineError, match="belongs to somebody else"):
            valkey.start()
    finally:
        valkey.socket_dir.unlink()

    assert not valkey.is_running()


# ---- engines(): start what is missing, stop when nobody uses it ----------------------------------


def test_the_block_says_where_the_engines_are_and_stops_them(home, monkeypatch):
    monkeypatch.delenv("DATABASE_URL")
    monkeypatch.delenv("REDIS_URL")

    with engines(home, fast=True) as running:
        assert os.environ["DATABASE_URL"] == Postgres(home).url()
        assert os.environ["REDIS_URL"] == Valkey(home).url()
        assert [engine.is_running() for engine in running] == [True, True]

    assert "DATABASE_URL" not in os.environ
    assert [engine.is_running() for engine in running] == [False, False]


def test_servers_named_in_the_environment_are_used_instead(home, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://db.example/oms")
    monkeypatch.setenv("REDIS_URL", "redis://cache.example/0")

    with engines(home) as running:
        assert os.environ["DATABASE_URL"] == "postgresql://db.example/oms"

    assert running == []
    assert not home.exists()


def test_an_engine_named_in_the_environment_is_left_alone_even_if_it_is_the_homes_own(home, monkeypatch):
    postgres = Postgres(home, fast=True)
    postgres.start()
    monkeypatch.setenv("DATABASE_URL", postgres.url())
    monkeypatch.delenv("REDIS_URL")

    with engines(home) as running:
        assert [type(engine) for engine in running] == [Valkey]
        assert running[0].is_running()

    assert not running[0].is_running()
    assert postgres.is_running()
    postgres.stop()


def test_who_leaves_one_engine_leaves_the_other_to_its_users(home, python, monkeypatch):
    other = python(USE, home)
    pids = [int(pid) for pid in other.stdout.readline().split()]
    monkeypatch.setenv("DATABASE_URL", Postgres(home).url())
    monkeypatch.delenv("REDIS_URL")

    with engines(home):
        os.killpg(other.pid, signal.SIGKILL)
        wait_until(lambda: not is_alive(pids[0]))
        assert is_alive(pids[1])

    wait_until(lambda: not is_alive(pids[1]))


def test_the_last_user_stops_the_engines(home, python, monkeypatch):
    monkeypatch.delenv("DATABASE_URL")
    monkeypatch.delenv("REDIS_URL")
    first = python(USE, home)
    pids = [int(pid) for pid in first.stdout.readline().split()]

    with engines(home, fast=True) as running:
        first.terminate()
        first.wait()
        assert [engine.pid() for engine in running] == pids

    assert [is_alive(pid) for pid in pids] == [False, False]


def test_engines_end_soon_after_their_last_user_is_killed(home, python):
    user = python(USE, home)
    pids = [int(pid) for pid in user.stdout.readline().split()]

    os.killpg(user.pid, signal.SIGKILL)

    wait_until(lambda: not any(is_alive(pid) for pid in pids))
    assert len(pids) == 2
