"""Schedules and faults by name, gates, and the driving of windows."""

from __future__ import annotations

import inspect
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import harness.faults.link
from harness.clock import now
from harness.errors import HarnessError, Interrupted
from harness.faults import NoFault, Stage, Witness
from harness.faults.link import Latency, Refused
from harness.load import fault_names, gates, operations
from harness.load.gates import judge, load_gates
from harness.load.measures import Attempts, by_path
from harness.load.schedule import DEFAULT, Phase, Schedule, Window, load_schedule
from harness.load.timeline import Timeline
from harness.load.told import Told
from tests.laws.sources import ROOT

REPEATED = """
control = "4 s"
[[phase]]
name = "flaps"
for = "10 s"
[[phase.fault]]
fault = "latency"
hop = "redis"
target = "250 ms"
at = "1 s"
for = "2 s"
every = "4 s"
[[phase]]
name = "after"
for = "5 s"
"""


def test_every_fault_of_a_link_has_a_name() -> None:
    """
    What can be written down is found by its class alone, a fault added tomorrow, too.
    """
    public = {
        kind
        for name, kind in inspect.getmembers(harness.faults.link, inspect.isclass)
        if kind.__module__ == harness.faults.link.__name__ and not name.startswith("_")
    }

    named = {found.kind for found in fault_names.known().values()}
    assert public <= named
    assert NoFault in named


def test_no_module_of_load_knows_a_fault() -> None:
    """
    Nothing in harness/load imports a fault or has its class's name in it.
    """
    kinds = {found.kind.__name__ for found in fault_names.known().values()}

    texts = {path: path.read_text("utf-8") for path in (ROOT / "harness" / "load").rglob("*.py")}
    assert [] == [(path.name, kind) for path, text in texts.items() for kind in kinds if f"{kind}(" in text]


def test_a_window_comes_again(tmp_path: Path) -> None:
    """
    ``at``, ``for`` and ``every`` make windows until the phase ends; a phase after a fault is a recovery.
    """
    file = tmp_path / "schedule.toml"
    file.write_text(REPEATED, "utf-8")

    schedule = load_schedule(file)

    assert [("warm-up", 5.0), ("fault", 10.0), ("recovery", 5.0)] == [(p.kind, p.length_s) for p in schedule.phases]
    assert [(1.0, 3.0), (5.0, 7.0), (9.0, 10.0)] == [(w.begin_s, w.end_s) for w in schedule.phases[1].windows]
    assert {Latency("redis", 0.25)} == {w.fault for w in schedule.phases[1].windows}
    assert [("warm-up", 5.0), ("control", 4.0)] == [(p.kind, p.length_s) for p in schedule.control().phases]


def test_a_schedule_stretches_and_its_faults_do_not(tmp_path: Path) -> None:
    """
    Twice as long: phases and windows are, the latency is not.
    """
    file = tmp_path / "schedule.toml"
    file.write_text(REPEATED, "utf-8")

    longer = load_schedule(file).lasting(40.0)

    assert [10.0, 20.0, 10.0] == [phase.length_s for phase in longer.phases]
    assert (2.0, 6.0) == (longer.phases[1].windows[0].begin_s, longer.phases[1].windows[0].end_s)
    assert Latency("redis", 0.25) == longer.phases[1].windows[0].fault


def test_the_files_that_are_shipped_can_be_read() -> None:
    """
    Every gate speaks of a phase that is there.
    """
    schedule = load_schedule(DEFAULT)

    assert load_gates(gates.DEFAULT, schedule)


def test_the_shipped_gates_speak_of_the_phases_that_a_schedule_has(tmp_path: Path) -> None:
    """
    Of a schedule without a fault they ask nothing under one; with the shipped schedule all of them count.
    """
    file = tmp_path / "steady.toml"
    file.write_text('[[phase]]\nname = "a"\nfor = "2 s"\n', "utf-8")

    usual = gates.usual_gates(load_schedule(file))

    assert {"control", "steady", "*"} == {gate.phase for gate in usual}
    assert load_gates(gates.DEFAULT, load_schedule(DEFAULT)) == gates.usual_gates(load_schedule(DEFAULT))


def phase_row(kind: str, *requests: Told) -> dict[str, Any]:
    rows = by_path(requests, ["GET /health"], 0.0, 10.0, Attempts({}, ()))
    for row in rows:
        row |= {"against_control": {"throughput": 0.5}, "recovered_s": None}
    return {"name": f"a {kind}", "kind": kind, "paths": rows}


ONE = Told("load-0.0-0", "GET /health", 1.0, 0.0, 300.0, "503")
VERDICTS = [
    ('error_rate = "100 %"', True, 1.0),
    ('error_rate = "50 %"', False, 1.0),
    ('p95 = "300 ms"', True, 300.0),
    ('p95 = "299 ms"', False, 300.0),
    ("statuses = [503]", True, 0),
    ("statuses = [200, 202]", False, 1),
    ('throughput = "50 %"', True, 0.5),
    ('throughput = "51 %"', False, 0.5),
    ('recovery = "1 min"', False, None),
    ("amplification = 0.5", True, 0.0),
    ("dropped = 0", True, 0),
    ("stuck = 0", False, 2),
    ("stuck = 2", True, 2),
]


@pytest.mark.parametrize(("text", "held", "actual"), VERDICTS)
def test_a_gate_holds_or_breaks_by_its_number(text: str, held: bool, actual: float | None, tmp_path: Path) -> None:
    """
    At the limit it holds, past it it breaks, and without a figure it breaks.
    """
    file = tmp_path / "gates.toml"
    file.write_text(f'[[gate]]\nphase = "fault"\n{text}\n', "utf-8")

    verdicts = judge(load_gates(file, load_schedule(DEFAULT)), [phase_row("fault", ONE)], stuck=2)

    assert [(held, actual)] == [(verdict["held"], verdict["actual"]) for verdict in verdicts]


def test_a_gate_on_each_path_speaks_of_those_that_were_asked_for(tmp_path: Path) -> None:
    """
    One on a path by name speaks of it always, and breaks when nobody asked; one that found none at all breaks, too.
    """
    file = tmp_path / "gates.toml"
    asks = '[[gate]]\nphase = "fault"\npath = "{}"\np95 = "1 s"\n'
    schedule = load_schedule(DEFAULT)

    file.write_text(asks.format("*"), "utf-8")
    each = judge(load_gates(file, schedule), [phase_row("fault", ONE), phase_row("steady", ONE)], None)
    file.write_text(asks.format("GET /health"), "utf-8")
    named = judge(load_gates(file, schedule), [phase_row("fault")], None)

    file.write_text(asks.format("*") + "[[gate]]\nstatuses = [200]\npath = '*'", "utf-8")
    nobody = judge(load_gates(file, schedule), [phase_row("fault")], None)

    assert [("fault", None, False), ("*", None, False)] == [(v["phase"], v["actual"], v["held"]) for v in nobody]
    assert ["at most 1000 ms", "only 200"] == [verdict["expected"] for verdict in nobody]
    assert [("GET /health", True)] == [(verdict["path"], verdict["held"]) for verdict in each]
    assert [("GET /health", False)] == [(verdict["path"], verdict["held"]) for verdict in named]


@dataclass(frozen=True)
class Noted:
    """A fault that notes when it was applied and healed."""

    notes: list[str] = field(default_factory=list)
    evidence: bool = True

    @contextmanager
    def inject(self, stage: Stage) -> Iterator[Witness]:
        self.notes.append("applied")
        try:
            yield Witness(detail=lambda: "noted", hits=lambda: int(self.evidence))
        finally:
            self.notes.append("healed")


class NoStage:
    """Faults of these tests ask for nothing."""


def passing(fault: Any, watch: Any, length_s: float = 0.4) -> Timeline:
    window = Window(fault, "noted", 0.1, 0.3)
    schedule = Schedule((Phase("a", "fault", length_s, (window,)),), 1.0, Path("test"))
    return Timeline(schedule, NoStage(), watch, lambda _: None)  # type: ignore[arg-type]


def test_a_window_is_opened_and_closed_when_it_is_due() -> None:
    """
    Never before; and what witnessed it is kept.
    """
    fault = Noted()
    timeline = passing(fault, lambda: None)

    timeline.run()

    past = timeline.windows[0]
    assert ["applied", "healed"] == fault.notes
    assert past.began - timeline.began >= 0.1
    assert past.ended is not None
    assert past.ended - timeline.began >= 0.3
    assert ("noted", 1) == (past.evidence, past.hits)


def test_a_fault_without_a_witness_is_told() -> None:
    """
    It was applied and healed, and there is no evidence.
    """
    timeline = passing(Noted(evidence=False), lambda: None)

    timeline.run()

    assert timeline.windows[0].evidence is None


@pytest.mark.parametrize("end", [Interrupted, HarnessError])
def test_whatever_ends_it_the_fault_is_healed(end: type[BaseException]) -> None:
    """
    Ctrl-C, or a part that is lost, in the middle of a window.
    """
    fault = Noted()
    began = now()

    def watch() -> None:
        if now() - began > 0.2:
            raise end

    timeline = passing(fault, watch)
    with pytest.raises(end):
        timeline.run()

    assert ["applied", "healed"] == fault.notes
    assert timeline.windows[0].ended is not None


def test_the_order_of_operations_is_the_seeds_and_the_users() -> None:
    """
    The same again for the same; another for another user or seed; in the long run the weights.
    """
    first = [next(operations.order(1, "0.0")).name for _ in range(3)]
    many = [operation for operation, _ in zip(operations.order(1, "0.0"), range(20_000), strict=False)]

    balance = sum(operation.path == "/credits/balance" for operation in many) / len(many)
    assert 1 == len(set(first))
    assert pytest.approx(0.40, abs=0.02) == balance
    assert [o.name for o in many[:50]] != [
        o.name for o, _ in zip(operations.order(1, "0.1"), range(50), strict=False)
    ]
    assert (
        pytest.approx(0.1, rel=0.05)
        == sum(gap for gap, _ in zip(operations.gaps_s(1, "0.0", 10.0), range(20_000), strict=False)) / 20_000
    )


def test_faults_beside_a_locust_need_a_toxiproxy() -> None:
    """
    Without one the process says so and ends with 3; nothing was applied.
    """
    import sys

    command = [sys.executable, "-m", "harness.load.beside", "--schedule", str(DEFAULT), "--toxiproxy", "127.0.0.1:9"]

    ended = subprocess.run(command, input="", capture_output=True, text=True, timeout=60, check=False)

    assert 3 == ended.returncode
    assert "no Toxiproxy server answers at 127.0.0.1:9" in ended.stderr
    assert Refused.__name__ not in ended.stderr
