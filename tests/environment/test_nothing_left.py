"""A run that is killed leaves no process, listener, directory or shared memory behind."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.clock import now, poll_until
from harness.environment.leaks import left_behind
from harness.environment.processes import start
from harness.environment.rundir import RunDirectory
from tests.interruptible import interruptible
from tests.patience import gone_within_s

OWNER = "tests.environment.owner"
ROOT = Path(__file__).parents[2]
SERVER = """
import signal, socket
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
signal.pause()
"""
TIMES = 5


@contextmanager
def owner_in(place: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """An owner that holds the environment, in a session of its own as from a terminal, and its run's id."""
    run_id = secrets.token_hex(4)
    command = [sys.executable, "-m", OWNER, str(place), run_id]
    pipe = subprocess.PIPE
    with interruptible():
        owner = subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True, start_new_session=True)
    with owner:
        try:
            assert owner.stdout is not None
            assert owner.stderr is not None
            assert "embedded" in owner.stdout.readline(), owner.stderr.read()
            yield owner, run_id
        finally:
            owner.kill()


def segments_of(pids: set[str]) -> list[str]:
    """The System V segments that these processes made, where the kernel tells."""
    table = Path("/proc/sysvipc/shm")
    rows = table.read_text("ascii").splitlines()[1:] if table.exists() else []
    return [row for row in rows if row.split()[4] in pids]


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda ending: ending.name)
@pytest.mark.parametrize("time", range(TIMES))
def test_a_killed_run_leaves_nothing(open_place: Path, ending: signal.Signals, time: int) -> None:
    """Two seconds after a signal to the owner's process group, as a terminal sends it, nothing is left."""
    with owner_in(open_place) as (owner, run_id):
        held = left_behind(run_id)
        pids = {line.split()[1].rstrip(":") for line in held if line.startswith("process")}
        assert len(pids) >= 8  # four wardens, three servers, and PostgreSQL's own children
        assert len([line for line in held if line.startswith("listener")]) >= 3

        os.killpg(owner.pid, ending)
        allowed_s = gone_within_s()
        deadline = now() + allowed_s
        owner.wait(allowed_s)

    poll_until(
        lambda: left_behind(run_id) == [] and list(open_place.iterdir()) == [],
        within_s=max(deadline - now(), 0.0),
        what=f"everything to go after {ending.name}: {held}",
    )
    assert segments_of(pids) == []


def test_what_a_living_run_holds_is_seen(run: RunDirectory) -> None:
    """The audit is not blind: it names the process, the listener and nothing of other runs."""
    process = start([sys.executable, "-c", SERVER], run=run, name="server")
    poll_until(process.output, within_s=10, what="the server to listen")

    found = left_behind(run.id)

    assert f"listener 127.0.0.1:{process.output().strip()} of process {process.pid}" in found
    assert [line for line in found if line.startswith(f"process {process.pid}: ")] != []
    assert left_behind("another") == []


def test_directories_of_workers_are_seen_and_those_of_others_are_not() -> None:
    """A worker's run is found under the run's id; a run whose id merely begins alike is not."""
    run_id = secrets.token_hex(4)
    with RunDirectory.create(f"{run_id}-gw0") as worker, RunDirectory.create(f"{run_id}0"):
        found = left_behind(run_id)

        assert [line for line in found if line.startswith("directory")] == [f"directory {worker.path}"]
    assert left_behind(run_id) == []
