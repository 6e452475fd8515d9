"""What `processes.start` promises of a process and of all it starts."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from harness.clock import poll_until
from harness.environment.processes import Owned, start
from harness.environment.rundir import RUN_ID, RunDirectory
from harness.errors import HarnessError

STUBBORN = "trap '' TERM; echo ready; while :; do sleep 1; done"
MAKE_SEGMENTS = """
import ctypes, os, signal
os.fork()
print(ctypes.CDLL(None).shmget(0, 4096, 0o1600), flush=True)
signal.pause()
"""
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's help exists on Linux only")


def shell(run: RunDirectory, script: str, **options: object) -> Owned:
    return start(["sh", "-c", script], run=run, name="shell", **options)  # type: ignore[arg-type]


def wait_for(process: Owned, text: str) -> str:
    poll_until(lambda: text in process.output(), within_s=10, what=f"the process to print {text!r}")
    return process.output()


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid)


def test_the_polite_signal_ends_a_process_that_takes_it(run: RunDirectory) -> None:
    """A process that does not mind its stop signal ends by it."""
    process = shell(
        run, "trap 'echo bye; exit 7' INT; echo ready; while :; do sleep 0.01; done", stop_signal=signal.SIGINT
    )
    wait_for(process, "ready")

    process.stop()

    assert process.exit_code() == 7
    assert "bye" in process.output()


def test_a_process_that_ignores_the_polite_signal_is_killed(run: RunDirectory) -> None:
    """After the given time SIGKILL ends a process that stays."""
    process = shell(run, STUBBORN)
    wait_for(process, "ready")

    process.stop(within_s=0.1)

    assert process.exit_code() == -signal.SIGKILL
    assert gone(process.pid)


def test_stopping_twice_is_stopping_once(run: RunDirectory) -> None:
    """A stopped process may be stopped again."""
    process = shell(run, "exec sleep 60")

    process.stop()
    process.stop()

    assert not process.alive()


@linux_only
def test_what_a_process_started_goes_with_it(run: RunDirectory) -> None:
    """Grandchildren are ended, also those that took a session of their own and whose parent has gone."""
    process = shell(run, "(setsid sleep 60 & echo $! > child); echo ready; exec sleep 60", cwd=run.folder("home"))
    wait_for(process, "ready")
    home = next(run.path.glob("home-*"))
    grandchild = int((home / "child").read_text())
    assert psutil.pid_exists(grandchild)

    process.stop()

    assert gone(grandchild)


@linux_only
def test_nothing_survives_a_process_that_exits(run: RunDirectory) -> None:
    """When a process ends by itself its exit code is kept and its orphans are ended."""
    process = shell(run, "setsid sleep 60 & echo $!; exit 3")

    code = process.wait(within_s=10)

    assert code == 3
    assert gone(int(process.output()))


def test_the_end_of_a_process_that_ends_at_once_is_not_lost(run: RunDirectory) -> None:
    """The exit code is right also when the end is reported together with the start."""
    codes = [shell(run, f"exit {code}").wait(within_s=10) for code in range(1, 11)]

    assert codes == list(range(1, 11))


def test_a_paused_process_can_be_stopped(run: RunDirectory) -> None:
    """A process under SIGSTOP takes its stop signal and ends by it."""
    process = shell(run, "exec sleep 60")
    process.signal(signal.SIGSTOP)

    process.stop()

    assert process.exit_code() == -signal.SIGTERM


def test_a_signal_to_a_process_that_has_gone_is_our_mistake(run: RunDirectory) -> None:
    """Killing what is dead already would be a fault that never hit, so it is refused."""
    process = shell(run, "exit 0")
    process.wait(within_s=10)

    with pytest.raises(HarnessError, match="exited with 0"):
        process.signal(signal.SIGKILL)


def test_a_missing_program_is_named(run: RunDirectory) -> None:
    """A program that is not there is a HarnessError that names it."""
    with pytest.raises(HarnessError, match="no-such-program: No such file"):
        start(["no-such-program"], run=run, name="nothing")


def test_waiting_is_bounded(run: RunDirectory) -> None:
    """A process that does not exit in time is a HarnessError that names it."""
    process = shell(run, "exec sleep 60")

    with pytest.raises(HarnessError, match=r"shell .* to exit"):
        process.wait(within_s=0.05)


def test_a_process_gets_only_the_environment_it_was_given(run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands in our environment does not reach a process; its own and the run's identity do."""
    monkeypatch.setenv("SECRET", "of ours")

    process = shell(run, "env", env={"PORT": "3200"})
    process.wait(within_s=10)

    lines = process.output().splitlines()
    assert "PORT=3200" in lines
    assert f"{RUN_ID}={run.id}" in lines
    assert f"TMPDIR={run.path}/tmp" in lines
    assert not [line for line in lines if line.startswith("SECRET")]


def test_the_removed_directory_outlives_the_process_and_not_its_stop(run: RunDirectory) -> None:
    """``remove`` stays while the owner may still read it, and goes at the stop."""
    data = run.folder("data")
    process = shell(run, "echo kept > file", cwd=data, remove=data)
    process.wait(within_s=10)
    assert (data / "file").read_text() == "kept\n"

    process.stop()

    assert not data.exists()


@linux_only
def test_a_process_dies_with_its_warden(run: RunDirectory) -> None:
    """Even a SIGKILL of the warden alone leaves no process without one."""
    process = shell(run, STUBBORN)
    wait_for(process, "ready")
    warden = psutil.Process(process.pid).parent()
    assert warden is not None

    warden.kill()

    assert process.wait(within_s=10) == -signal.SIGKILL
    poll_until(lambda: gone(process.pid), within_s=10, what="the process to be gone")


@linux_only
def test_shared_memory_of_killed_processes_is_removed(run: RunDirectory) -> None:
    """A System V segment, which the kernel keeps for ever, goes with the process or the child that made it."""
    process = start([sys.executable, "-c", MAKE_SEGMENTS], run=run, name="segments")
    poll_until(lambda: len(process.output().split()) == 2, within_s=10, what="two segments")
    segments = process.output().split()

    process.signal(signal.SIGKILL)
    process.wait(within_s=10)

    table = Path("/proc/sysvipc/shm").read_text("ascii").splitlines()[1:]
    assert not {row.split()[1] for row in table}.intersection(segments)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may change the account")
def test_root_starts_servers_as_nobody(run: RunDirectory) -> None:
    """A process started for an account has its user and group and no other group."""
    process = shell(run, "id -u; id -g; id -G", user="nobody")
    process.wait(within_s=10)

    assert process.output().split() == ["65534", "65534", "65534"]


def test_many_lives_leave_no_open_file(run: RunDirectory) -> None:
    """Starting and stopping costs no file descriptor in the end."""
    shell(run, "exit 0").stop()
    before = psutil.Process().num_fds()

    for _ in range(10):
        shell(run, "exit 0").stop()

    assert psutil.Process().num_fds() == before
