"""What `make clean` takes of a home."""

import os
import shutil
from pathlib import Path

import pytest

from oms.dev import clean
from oms.dev.engines import ROOTS_BASE, home_id, made_home


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = made_home(tmp_path / "elsewhere")
    home_id(home)
    (home / "valkey").mkdir()
    (home / "valkey" / "appendonly.aof").write_text("")
    (home / "postgres.log").write_text("")
    return home


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's cluster lies outside its home")
def test_a_home_elsewhere_goes_with_its_cluster(home):
    cluster = ROOTS_BASE / home_id(home)
    (cluster / "data-18").mkdir(parents=True)

    clean.empty(home)

    assert not cluster.exists()
    assert not home.exists()


def test_what_others_keep_there_stays(home):
    (home / "letters").mkdir()

    clean.empty(home)

    assert [path.name for path in home.iterdir()] == ["letters"]


def test_a_directory_without_a_name_of_ours_is_left_alone(tmp_path):
    (tmp_path / "my.log").write_text("")

    clean.empty(tmp_path)
    clean.empty(tmp_path / "nowhere")

    assert [path.name for path in tmp_path.iterdir()] == ["my.log"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's cluster lies outside its home")
def test_a_copy_does_not_take_the_cluster_of_the_original(home, tmp_path):
    cluster = ROOTS_BASE / home_id(home)
    cluster.mkdir(parents=True)
    shutil.copytree(home, tmp_path / "copy")

    clean.forget(tmp_path / "copy")

    assert cluster.exists()
    assert not (tmp_path / "copy").exists()
    cluster.rmdir()
