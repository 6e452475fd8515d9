"""What `RunDirectory` promises: one place for everything, and nothing of it left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from harness.clock import poll_until
from harness.environment.processes import start
from harness.environment.rundir import RunDirectory, sweep
from harness.errors import EnvironmentUnavailable

OWNER = """
import pathlib, signal, sys
from harness.environment.rundir import RunDirectory
run = RunDirectory.create("dead", parent=pathlib.Path(sys.argv[1]))
print(run._leash._process.pid, flush=True)
signal.pause()
"""


def owner_in(place: Path) -> tuple[subprocess.Popen[str], int]:
    """A process that owns a run, and the pid of the run's warden."""
    process = subprocess.Popen([sys.executable, "-c", OWNER, str(place)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def test_the_directory_goes_with_all_that_is_in_it(open_place: Path) -> None:
    """Removing a run ends its processes and deletes its directory."""
    run = RunDirectory.create(parent=open_place)
    process = start(["sleep", "60"], run=run, name="sleeper")
    (run.folder("data") / "file").write_text("x")

    run.remove()

    assert not process.alive()
    assert list(open_place.iterdir()) == []


def test_removing_twice_is_removing_once(open_place: Path) -> None:
    """A removed run may be removed again."""
    run = RunDirectory.create(parent=open_place)

    run.remove()
    run.remove()

    assert not run.path.exists()


def test_a_killed_owner_leaves_no_directory(open_place: Path) -> None:
    """The run's warden deletes the directory of an owner that SIGKILL ended."""
    owner, _ = owner_in(open_place)
    assert [path.name for path in open_place.iterdir()] == [f"errorpath-{os.geteuid()}-dead"]

    owner.kill()
    owner.communicate()

    poll_until(lambda: list(open_place.iterdir()) == [], within_s=2, what="the directory to go")


def test_a_later_run_sweeps_what_a_killed_machine_left(open_place: Path) -> None:
    """A directory whose owner and wardens are all dead goes when the next run begins."""
    owner, warden = owner_in(open_place)
    os.kill(warden, signal.SIGKILL)
    owner.kill()
    owner.communicate()
    poll_until(lambda: not psutil.pid_exists(warden), within_s=10, what="the warden to die")
    left = list(open_place.iterdir())

    with RunDirectory.create(parent=open_place) as run:
        assert list(open_place.iterdir()) == [run.path]

    assert len(left) == 1


def test_a_living_run_is_not_swept(open_place: Path, run: RunDirectory) -> None:
    """Two runs at the same time leave one another alone."""
    assert sweep(open_place) == []
    assert run.path.exists()


def test_a_directory_in_the_making_is_not_swept(open_place: Path) -> None:
    """A directory without its lock file is spared until it is old."""
    path = open_place / f"errorpath-{os.geteuid()}-new"
    path.mkdir()
    assert sweep(open_place) == []
    os.utime(path, (0, 0))

    assert sweep(open_place) == [path]


def test_what_only_looks_like_a_run_is_not_swept(open_place: Path, tmp_path: Path) -> None:
    """A symbolic link of the right name leads to no deletion."""
    os.utime(tmp_path, (0, 0))
    (open_place / f"errorpath-{os.geteuid()}-link").symlink_to(tmp_path)

    assert sweep(open_place) == []
    assert tmp_path.exists()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """The message names the directory and TMPDIR."""
    file = tmp_path / "file"
    file.write_text("")

    with pytest.raises(EnvironmentUnavailable, match="set TMPDIR"):
        RunDirectory.create(parent=file)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs servers as somebody else")
def test_root_does_not_use_a_temporary_directory_closed_to_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where TMPDIR is root's alone, the next common place is taken."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    with RunDirectory.create() as run:
        assert not run.path.is_relative_to(tmp_path)
