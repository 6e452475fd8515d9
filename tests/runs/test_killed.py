"""A run that is killed in any way leaves nothing behind, and what it measured is told as it is."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.clock import now, poll_until
from harness.environment.leaks import left_behind
from tests.patience import gone_within_s
from tests.runs.command import Command, checking, seldom

EVENT_S = 90.0  # a moment comes after 3 s on an idle machine
EARLIER = {"results.json": '{"earlier": true}', "junit.xml": "<earlier/>"}
QUICK = ("cors-allowed", "timeout-silent", "timeout-trickle", "error-timeout")
SYSTEM = ("database-slow", "timeout-write")

Moment = tuple[tuple[str, ...], Callable[[Command], bool]]
MOMENTS: dict[str, Moment] = {
    "the servers start": (QUICK, lambda run: any(list(path.glob("logs/toxiproxy-*")) for path in run.directories())),
    "the servers are up": (QUICK, lambda run: any(list(path.glob("progress-*")) for path in run.directories())),
    "a backend starts": (SYSTEM, lambda run: any("starting the backend" in doing for doing in run.doing().values())),
    "a fault is applied": (
        QUICK,
        lambda run: any("waiting for the answer" in doing for doing in run.doing().values()),
    ),
    "a path is finished": (QUICK, lambda run: "✓ pass" in run.said),
}


def earlier_result(run: Command) -> None:
    """Leave what an earlier run wrote in the same folder."""
    run.out.mkdir(exist_ok=True)
    for name, text in EARLIER.items():
        (run.out / name).write_text(text)


def in_out(run: Command) -> dict[str, str]:
    return {path.name: path.read_text("utf-8") for path in run.out.iterdir()}


def gone(run: Command, left: Callable[[], list[str]]) -> None:
    """Nothing is left 2 s later; what is, is named."""
    deadline = now() + gone_within_s()
    poll_until(
        seldom(lambda: now() > deadline or not left()), within_s=gone_within_s() + 30, what="a look at what is left"
    )

    assert left() == [], run.said


def killed(run: Command, moment: str, kill: Callable[[Command], None]) -> None:
    """Wait for the moment, kill, and see that everything goes."""
    earlier_result(run)
    poll_until(seldom(lambda: MOMENTS[moment][1](run)), within_s=EVENT_S, what=f"{moment}: {run.said}")
    run_id = run.run_id
    assert run_id is not None

    kill(run)

    gone(run, lambda: ["the command itself"] if run.process.poll() is None else run.left(run_id))


def ctrl_c(run: Command) -> None:
    run.signal_group(signal.SIGINT)


def ctrl_c_twice(run: Command) -> None:
    run.signal_group(signal.SIGINT)
    soon = now() + 0.1
    poll_until(lambda: now() >= soon, within_s=1, what="the second Ctrl-C")
    run.signal_group(signal.SIGINT)


def terminate(run: Command) -> None:
    run.process.send_signal(signal.SIGTERM)


def kill(run: Command) -> None:
    run.process.kill()


def assert_told_as_it_is(run: Command, exit_code: int, paths: tuple[str, ...]) -> None:
    """A path is a pass only when it was seen to finish as one; every other is told to be unfinished."""
    data = run.results()
    verdicts = {path["id"]: path["verdict"] for path in data["paths"]}
    assert data["exit"] == exit_code
    assert set(verdicts) == set(paths)
    for path in data["paths"]:
        if path["verdict"] != "pass":
            assert "the run was ended before this was finished" in path["actual"], path
        else:
            assert f"✓ pass    {path['id']}" in run.said
    assert set(in_out(run)) == set(EARLIER)


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize(("end", "exit_code", "word"), [(ctrl_c, 130, "interrupted"), (terminate, 143, "terminated")])
def test_an_interrupted_run_ends_in_order(
    moment: str, end: Callable[[Command], None], exit_code: int, word: str
) -> None:
    """Ctrl-C and SIGTERM end with 130 and 143, write what was measured, say so in one line, and leave nothing."""
    paths = MOMENTS[moment][0]
    with checking("--only", ",".join(paths), "-n", "2") as run:
        killed(run, moment, end)

        assert run.ended() == exit_code
        assert run.said.splitlines()[-1] == f"errorpath: {word}"
        assert "Traceback" not in run.said
        if moment in ("the servers start", "the servers are up") and not in_out(run):
            return  # no scenario was chosen yet: nothing was measured, so nothing was written
        assert_told_as_it_is(run, exit_code, paths)


def test_a_run_interrupted_while_its_workers_start_ends_in_order() -> None:
    """pytest announces no finish of such a session; all the same all is ended, and the results told."""
    with checking("--only", ",".join(QUICK), "-n", "2", env={"PYTEST_PLUGINS": "tests.runs.struck"}) as run:
        assert run.ended() == 130

        assert f"{len(QUICK)} invalid in " in run.said
        assert run.said.splitlines()[-1] == "errorpath: interrupted"
        assert "Traceback" not in run.said
        assert_told_as_it_is(run, 130, QUICK)


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_second_ctrl_c_ends_a_run_at_once(moment: str) -> None:
    """Ctrl-C twice ends with 130 too, leaves nothing, and the files in --out are none or whole."""
    paths = MOMENTS[moment][0]
    with checking("--only", ",".join(paths), "-n", "2") as run:
        killed(run, moment, ctrl_c_twice)

        assert run.ended() == 130
        assert "Traceback" not in run.said
        if "results.json" in in_out(run):
            assert run.results()["exit"] == 130


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_controller_leaves_nothing(moment: str) -> None:
    """SIGKILL of the controller ends its workers, all they started, and leaves no result, not even an earlier one."""
    with checking("--only", ",".join(MOMENTS[moment][0]), "-n", "2") as run:
        killed(run, moment, kill)

        assert run.ended() == -signal.SIGKILL
        assert in_out(run) == {}


MANY = (
    *("timeout-silent", "timeout-trickle", "timeout-setting", "timeout-cancels-upstream", "timeout-slow-but-fine"),
    *("timeout-body-stall", "timeout-connect", "error-timeout", "health-lookalike", "retry-exhausted"),
)
STRUCK_WHILE = ("starting", "waiting for the answer", "starting reference", "to serve before", "waiting")


def worker_at_work(run: Command, struck: set[str], word: str) -> Path:
    """The directory of a worker that was not killed yet and does this."""

    def found() -> Path | None:
        for worker, doing in run.doing().items():
            if worker not in struck and word in doing:
                return next((path for path in run.directories() if path.name.endswith(f"-{worker}")), None)
        return None

    directory = poll_until(seldom(found), within_s=EVENT_S, what=f"a worker doing {word!r}: {run.said}")
    assert directory is not None
    return directory


def strike(run: Command, struck: set[str], word: str) -> None:
    """SIGKILL a worker that does this; what it held is gone soon, while the run goes on."""
    directory = worker_at_work(run, struck, word)
    identity = directory.name.split("-", 2)[2]
    struck.add(identity.rpartition("-")[2])

    os.kill(int((directory / "alive").read_text("ascii").split()[1]), signal.SIGKILL)

    gone(run, lambda: [str(directory)] if directory.exists() else left_behind(identity))
    assert run.process.poll() is None


def test_a_killed_worker_makes_its_scenario_invalid() -> None:
    """Five times in one run: what the worker held is gone, its scenario is invalid, the others pass, exit 3."""
    struck: set[str] = set()
    with checking("--only", ",".join(MANY), "-n", "2") as run:
        for word in STRUCK_WHILE:
            strike(run, struck, word)

        assert run.ended() == 3, run.said
        rows = run.results()["paths"]
    lost = [case for row in rows for case in row["cases"] if case["verdict"] == "invalid"]
    assert {row["id"] for row in rows} == set(MANY)
    assert {row["verdict"] for row in rows} == {"pass", "invalid"}
    assert 1 <= len(lost) <= len(STRUCK_WHILE)
    assert all("the worker died during the scenario" in case["actual"] for case in lost)


@pytest.mark.parametrize(("end", "exit_code"), [(ctrl_c, 130), (terminate, 143), (kill, -signal.SIGKILL)])
def test_forks_go_with_their_controller(end: Callable[[Command], None], exit_code: int) -> None:
    """A run in real time, whose scenarios are in forks, ends as any other, and leaves nothing."""
    with checking("--only", ",".join(QUICK), "--speed", "real") as run:
        killed(run, "a fault is applied", end)

        assert run.ended() == exit_code
        assert "Traceback" not in run.said


def test_a_killed_fork_makes_its_scenario_invalid() -> None:
    """A fork that is killed leaves its scenario invalid, the others pass, exit 3."""
    with checking("--only", "retry-recovers,retry-exhausted,retry-reset", "--speed", "real") as run:
        strike(run, set(), "waiting for the answer")

        assert run.ended() == 3, run.said
        cases = [case for row in run.results()["paths"] for case in row["cases"]]
    assert ["invalid", *["pass"] * 6] == sorted(case["verdict"] for case in cases)
    assert ["the worker died during the scenario"] == [
        case["actual"].partition(": ")[2] for case in cases if case["verdict"] == "invalid"
    ]
