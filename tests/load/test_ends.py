"""Whatever ends a load, what was measured is written, and the exit code says whose fault it was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.choices import Choices
from harness.environment.endpoints import Endpoints
from harness.errors import Interrupted, NotPromised, Terminated
from harness.load import run as load_run
from harness.load.gates import load_gates
from harness.load.locust_process import Traffic
from harness.load.passage import Passing
from harness.load.run import LoadPlan
from harness.load.schedule import load_schedule
from harness.plan import plan
from tests.runs.command import ERRORPATH, running

HERE = Path(__file__).parent
SHORT = 'warm_up = "1 s"\ncontrol = "1 s"\n[[phase]]\nname = "all"\nfor = "1 s"\n'


@contextmanager
def _no_stack(_asked: LoadPlan) -> Iterator[tuple[Any, Endpoints]]:
    system = SimpleNamespace(prove_healthy=lambda: None)
    yield SimpleNamespace(system=lambda _: system), Endpoints("a", "b", "c", "embedded", "embedded", {})


def _ended_by(ending: BaseException, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What is in ``load.json`` of a load that ended so; raises what it raised."""

    def end(*_: object) -> None:
        raise ending

    monkeypatch.setattr(load_run, "_stack", _no_stack)
    monkeypatch.setattr(load_run, "_passages", end)
    phases = load_schedule(HERE / "short.toml")
    gates = load_gates(HERE / "gates.toml", phases)
    asked = LoadPlan(plan(Choices(speed="real")), Traffic(4, 20.0, 1), phases, gates, folder, "again")
    try:
        load_run.run(asked, lambda _: None)
    finally:
        data: dict[str, Any] = json.loads((folder / "load.json").read_text("utf-8"))
    return data


@pytest.mark.parametrize(
    ("ending", "code", "troubles"),
    [
        (Interrupted(), 130, []),
        (Terminated(), 143, []),
        (NotPromised("localhost is one address here"), 3, ["localhost is one address here"]),
    ],
)
def test_a_load_that_ends_early_is_written(
    ending: BaseException, code: int, troubles: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A signal has its own exit code; a fault that cannot be applied on this machine is no broken gate.
    """
    data = _ended_by(ending, tmp_path, monkeypatch)

    assert (code, troubles) == (data["exit"], data["troubles"])


def test_what_nobody_foresaw_is_written_and_raised_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    It is a trouble of the run.
    """
    with pytest.raises(SystemExit):
        _ended_by(SystemExit(1), tmp_path, monkeypatch)

    data = json.loads((tmp_path / "load.json").read_text("utf-8"))
    assert (3, ["SystemExit: 1"]) == (data["exit"], data["troubles"])


def test_whatever_ends_a_passage_ends_locust() -> None:
    """
    Nobody sends on while the results are written.
    """
    told: list[str] = []

    def unforeseen() -> None:
        raise LookupError("out of the blue")

    passing = object.__new__(Passing)
    passing._meter = cast("Any", SimpleNamespace(read=lambda: told.append("read")))
    passing._locust = cast("Any", SimpleNamespace(await_users=unforeseen, leave=lambda: told.append("left")))

    with pytest.raises(LookupError):
        passing.go(lambda _: None)

    assert ["read", "left"] == told


def test_a_reader_that_leaves_ends_no_load(tmp_path: Path) -> None:
    """
    ``errorpath load | head -1``: all is sent and written, and the exit code is the gates'.
    """
    schedule, gates = tmp_path / "schedule.toml", tmp_path / "gates.toml"
    schedule.write_text(SHORT, "utf-8")
    gates.write_text('[[gate]]\nerror_rate = "100 %"\n', "utf-8")
    files = ("--schedule", str(schedule), "--gates", str(gates), "--out", "{place}/out")
    shell = '"$0" load "$@" | head -1; exit ${PIPESTATUS[0]}'

    with running("--users", "2", "--rate", "10", *files, program=("bash", "-c", shell, ERRORPATH)) as run:
        assert 0 == run.ended(), run.said
        data = json.loads((run.out / "load.json").read_text("utf-8"))
        assert "Traceback" not in run.said
    assert (0, []) == (data["exit"], data["troubles"])
    assert ["warm-up", "all"] == [phase["name"] for phase in data["phases"]]
