"""What is wrong with a load's flags and files is said in one message, with exit code 2, and nothing is started."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli import main
from harness.errors import UsageError
from harness.load.gates import load_gates
from harness.load.schedule import DEFAULT, load_schedule
from tests.runs.test_bad_input import refused

PHASE = '[[phase]]\nname = "a"\nfor = "2 s"\n'
FAULT = PHASE + '[[phase.fault]]\nfault = "refused"\n'
# the schedule, what the message names
SCHEDULES = [
    ("", "it has no [[phase]]"),
    ("phase = 1", "phase must be one or more tables, each below [[phase]]"),
    ('phase = ["a"]', "phase must be one or more tables, each below [[phase]]"),
    (PHASE + 'fault = "refused"', "phase 'a': fault must be one or more tables, each below [[phase.fault]]"),
    (PHASE + 'fault = ["refused"]', "fault must be one or more tables, each below [[phase.fault]]"),
    (PHASE + '[phase.fault]\nfault = "refused"', "fault must be one or more tables, each below [[phase.fault]]"),
    (PHASE + '[[phase.fault]]\nfault = ["refused"]', "there is no fault ['refused']"),
    ("[[phase]", "is not TOML"),
    ('[[phase]]\nfor = "2 s"', "a [[phase]] has no name"),
    (PHASE + PHASE, "phase 'a': the name is taken"),
    ('[[phase]]\nname = "a"\nfor = "2 h"', "the unit 'h' is not known here; there are ms, s, min"),
    ('[[phase]]\nname = "a"\nfor = 2', '2 is no quantity; write a number and its unit, such as "8 s"'),
    ('[[phase]]\nname = "a"\nfor = "2"', "has no unit"),
    ('[[phase]]\nname = "a"\nfor = "0 s"', "must be longer than nothing"),
    ('[[phase]]\nname = "a"\nlasts = "2 s"', "there is no key 'lasts'"),
    (PHASE + '[[phase.fault]]\nfault = "refusd"', "there is no fault 'refusd' (did you mean refused?)"),
    (FAULT + 'hop = "mysql"', "there is no hop 'mysql'; there are upstream, postgres, redis"),
    (FAULT + 'howe = "postgres"', "refused has no parameter 'howe'; it has hop"),
    (PHASE + '[[phase.fault]]\nfault = "latency"\nhop = "redis"', "latency needs target"),
    (PHASE + '[[phase.fault]]\nfault = "latency"\nhop = "redis"\ntarget = "2 kg"', "target: '2 kg': the unit 'kg'"),
    (FAULT + 'at = "3 s"', "a window must end within its phase"),
    (FAULT + '[[phase.fault]]\nfault = "refused"', "refused on upstream begins again before it ended"),
]
GATES = [
    ("", "it has no [[gate]]"),
    ("gate = [1]", "gate must be one or more tables, each below [[gate]]"),
    ('[[gate]]\nphase = "fautl"\np95 = "1 s"', "there is no phase 'fautl' (did you mean fault?)"),
    ('[[gate]]\npath = "GET /nowhere"\np95 = "1 s"', "there is no path 'GET /nowhere'"),
    ('[[gate]]\np90 = "1 s"', "there is no key 'p90'"),
    ('[[gate]]\np95 = "1 parsec"', "the unit 'parsec' is not known here"),
    ('[[gate]]\nphase = "fault"', "asks nothing"),
    ("[[gate]]\nstatuses = 200", "is no list of statuses"),
    ('[[gate]]\namplification = "4 x"', "is no number"),
]
FLAGS = [
    ("--users 0", "--users 0: write a number from 1 to 10000"),
    ("--rate -1", "--rate -1: write a number from 0.1"),
    ("--duration 1", "--duration 1: write a number from 5"),
    ("--workers 2 --processes 2", "two ways to the same"),
    ("--model ajar", "invalid choice: 'ajar'"),
    ("--schedule /nowhere.toml", "--schedule /nowhere.toml: cannot be read: No such file or directory"),
    ("--gates /nowhere.toml", "--gates /nowhere.toml: cannot be read"),
    ("--target refrence", "did you mean reference?"),
    ("--only timeout-silent", "--only"),
]


@pytest.mark.parametrize(("text", "said"), SCHEDULES)
def test_a_schedule_that_cannot_be_is_refused(text: str, said: str, tmp_path: Path) -> None:
    """
    The message names the file, the place and what there is.
    """
    file = tmp_path / "schedule.toml"
    file.write_text(text, "utf-8")

    with pytest.raises(UsageError) as refusal:
        load_schedule(file)

    assert f"--schedule {file}" in str(refusal.value)
    assert said in str(refusal.value)


@pytest.mark.parametrize(("text", "said"), GATES)
def test_gates_that_cannot_be_are_refused(text: str, said: str, tmp_path: Path) -> None:
    """
    A gate on an unknown phase or path, or with an unknown unit, is refused before anything is started.
    """
    file = tmp_path / "gates.toml"
    file.write_text(text, "utf-8")

    with pytest.raises(UsageError) as refusal:
        load_gates(file, load_schedule(DEFAULT))

    assert f"--gates {file}" in str(refusal.value)
    assert said in str(refusal.value)


@pytest.mark.parametrize(
    "asks", ['phase = "fault"\np95 = "1 s"', 'phase = "recovery"\np95 = "1 s"', 'recovery = "1 s"']
)
def test_a_gate_on_a_kind_of_phase_that_never_comes_is_refused(asks: str, tmp_path: Path) -> None:
    """
    It would judge nothing, and be held.
    """
    schedule, gates = tmp_path / "schedule.toml", tmp_path / "gates.toml"
    schedule.write_text(PHASE, "utf-8")
    gates.write_text(f"[[gate]]\n{asks}\n", "utf-8")

    with pytest.raises(UsageError, match=r"there is no phase '(fault|recovery)'.*; there are .*steady, a$"):
        load_gates(gates, load_schedule(schedule))


@pytest.mark.parametrize(("flags", "said"), FLAGS)
def test_flags_that_cannot_be_are_refused(flags: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """
    The message names the flag and what to write, and the exit code is 2.
    """
    try:
        code: object = main(["load", *flags.split()])
    except SystemExit as end:
        code = end.code

    assert 2 == code
    assert said in capsys.readouterr().err


def test_nothing_is_started_for_a_file_that_is_wrong(tmp_path: Path) -> None:
    """
    The command itself says one message, and nothing of a run is there.
    """
    file = tmp_path / "schedule.toml"
    file.write_text(PHASE + '[[phase.fault]]\nfault = "refusd"', "utf-8")

    assert "there is no fault 'refusd'" in refused(["load", "--schedule", str(file)], tmp_path)


def test_the_harness_never_imports_locust() -> None:
    """
    Locust monkey-patches whoever imports it, so the command loads without it.
    """
    program = "import sys, harness.cli.load; print({'locust', 'gevent'} & set(sys.modules))"

    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)

    assert "set()" == said.stdout.strip()
