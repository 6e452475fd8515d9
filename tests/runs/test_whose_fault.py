"""Whose fault it was decides the verdict and the exit code: the proxy's, ours, or nobody's."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.runs.command import Command, running

OWN = Path(__file__).with_name("own")
PLACES = {
    "__init__.py": "scenarios/__init__.py",
    "whose_fault.py": "scenarios/test_whose_fault.py",
    "gated.py": "conftest.py",
}
EXIT_S = 150.0

# path → the verdict of its scenario in tests/runs/own, and what the report says of it
VERDICTS = {
    "cors-allowed": ("pass", "status 200"),
    "retry-exhausted": ("n/a", "we were promised jetpacks"),
    "error-refused": ("fail", "status 200"),
    "error-other": ("invalid", "KeyError: 'of the harness'; AssertionError"),
    "error-shape": ("invalid", "Skipped: nobody may skip a promise"),
    "error-timeout": ("invalid", "FaultNotWitnessed: Route("),
    "error-unavailable": ("invalid", "FaultNotWitnessed: AnswerReset("),
    "timeout-silent": ("invalid", "Disturbed: this machine stalled for "),
    "timeout-trickle": ("invalid", "Disturbed: this machine stalled for "),
    "timeout-write": ("invalid", "the worker died during the scenario"),
    "health-down": ("invalid", ": 500 broken inside; "),
    "health-slow": ("invalid", "/toxics: 500 broken inside; "),
    "health-cached": ("invalid", "/toxics/reset_peer_downstream: 500 broken inside"),
    "health-expires": ("invalid", "/connections: 500 broken inside"),
    "health-recovers": ("invalid", "the upstream link should be enabled and free of toxics, and it is LinkState("),
    "health-goes-down": ("invalid", "somebody removed toxic 'timeout_downstream'"),
    "forward-via": ("invalid", "Absent: GET http://127.0.0.1:"),
}


@contextmanager
def own_scenarios(tmp_path: Path, *arguments: str) -> Iterator[Command]:
    """``errorpath check`` in a folder whose scenarios are those of ``tests/runs/own``."""
    (tmp_path / "scenarios").mkdir()
    for name, place in PLACES.items():  # under these names they are not collected with the tests
        shutil.copy(OWN / name, tmp_path / place)
    program = (sys.executable, "-m", "harness")
    with running("check", "--out", "{place}/out", *arguments, cwd=tmp_path, program=program) as run:
        yield run


def test_only_a_broken_promise_is_a_fail(tmp_path: Path) -> None:
    """Every way in which the harness can go wrong is invalid and says how; the one broken promise decides: exit 1."""
    with own_scenarios(tmp_path, "-n", "2") as run:
        code = run.ended(EXIT_S)
        rows = {row["id"]: row for row in run.results()["paths"]}
        said = run.said

    assert {path: verdict for path, (verdict, _) in VERDICTS.items()} == {
        path: row["verdict"] for path, row in rows.items()
    }, said
    for path, (_, says) in VERDICTS.items():
        assert says in rows[path]["actual"]
    assert code == 1


KILLS_ITS_PROCESS = "timeout-write"


def only(*verdicts: str) -> str:
    return ",".join(
        path for path, (verdict, _) in VERDICTS.items() if verdict in verdicts and path != KILLS_ITS_PROCESS
    )


@pytest.mark.parametrize(
    ("verdicts", "exit_code"),
    [(("pass", "n/a"), 0), (("pass", "n/a", "invalid"), 3)],
    ids=lambda value: "-".join(value).replace("/", "") if isinstance(value, tuple) else "",
)
def test_the_exit_code_is_that_of_the_worst(tmp_path: Path, verdicts: tuple[str, ...], exit_code: int) -> None:
    """0 when nothing is broken, 1 for a broken promise, 3 when the harness could not tell; n/a breaks nothing."""
    with own_scenarios(tmp_path, "-n", "0", "--only", only(*verdicts)) as run:
        assert run.ended(EXIT_S) == exit_code, run.said

        data = run.results()
    assert data["exit"] == exit_code
    assert {verdict for verdict, count in data["summary"].items() if count} == set(verdicts)


def test_a_scenario_file_that_cannot_be_read_is_no_success(tmp_path: Path) -> None:
    """A file with a mistake in it checks nothing: exit 3, with the mistake in the output and every path told."""
    with own_scenarios(tmp_path, "-n", "0", "--only", "cors-allowed,retry-reset") as run:
        (tmp_path / "scenarios" / "test_more.py").write_text("import nonsense_that_is_not_there\n")

        assert run.ended(EXIT_S) == 3
        assert "No module named 'nonsense_that_is_not_there'" in run.said
        assert [path["verdict"] for path in run.results()["paths"]] == ["invalid"]
