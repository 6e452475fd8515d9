"""However the check is run, it says the same; and what it writes has the form that is fixed."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest

import harness.report
from tests.runs.command import ERRORPATH, ROOT, Command, running

PATHS = (
    *("cors-allowed", "cors-preflight", "forward-via", "forward-head"),
    *("retry-not-for-status", "retry-reset", "error-development", "forward-query"),
)
ONLY = ("--only", ",".join(PATHS))
PYTEST = (sys.executable, "-m", "pytest", "-q", "--basetemp={place}/pytest")
CHECK = (ERRORPATH, "check")
SCHEMA = json.loads(Path(harness.report.__file__).with_name("results.schema.json").read_text("utf-8"))
EXIT_S = 150.0

WAYS = {
    "without workers": (*CHECK, "-n", "0"),
    "with two": (*CHECK, "-n", "2"),
    "by pytest with four": (*PYTEST, "scenarios", "-n", "4"),
    "in forks": (*PYTEST, "scenarios", "--at-once", "3"),
    "by pytest in another order": (*PYTEST, *sorted(map(str, (ROOT / "scenarios").glob("test_*.py")), reverse=True)),
}


@contextmanager
def several(*ways: str) -> Iterator[dict[str, Command]]:
    """Runs of the same paths in several ways at once."""
    with ExitStack() as stack:
        yield {
            way: stack.enter_context(running(*ONLY, "--out", "{place}/out", program=WAYS[way], cwd=ROOT))
            for way in ways
        }


def verdicts(run: Command) -> dict[str, str]:
    return {path["id"]: path["verdict"] for path in run.results()["paths"]}


def cases(data: dict[str, Any]) -> set[tuple[str, str]]:
    return {(path["id"], case["case"]) for path in data["paths"] for case in path["cases"]}


@pytest.mark.parametrize("ways", [list(WAYS)[:2], list(WAYS)[2:4], list(WAYS)[4:]], ids=" and ".join)
def test_every_way_to_run_says_the_same(ways: list[str]) -> None:
    """errorpath and pytest, without workers, with them, in forks, in any order: same verdicts, same exit."""
    with several(*ways) as runs:
        codes = {way: run.ended(EXIT_S) for way, run in runs.items()}
        said = {way: verdicts(run) for way, run in runs.items()}
        assert said == dict.fromkeys(ways, dict.fromkeys(PATHS, "pass")), [run.said for run in runs.values()]
        same_cases = {frozenset(cases(run.results())) for run in runs.values()}

        for run in runs.values():
            assert_well_formed(run)
    assert codes == dict.fromkeys(ways, 0)
    assert len(same_cases) == 1


def assert_well_formed(run: Command) -> None:
    """results.json keeps its schema, and junit.xml tells the same."""
    data = run.results()
    jsonschema.validate(data, SCHEMA)
    assert data["summary"] == {
        verdict: list(verdicts(run).values()).count(verdict) for verdict in ("pass", "fail", "invalid", "n/a")
    }
    (suite,) = ET.parse(run.out / "junit.xml").getroot()  # noqa: S314 - we wrote it
    assert [case.get("name") for case in suite] == [path["id"] for path in data["paths"]]
    counts = {"tests": len(PATHS), "failures": 0, "errors": 0, "skipped": 0}
    assert {name: int(str(suite.get(name))) for name in counts} == counts


def test_latest_leads_to_the_newest_results(tmp_path: Path) -> None:
    """Without --out each run has a new folder in reports, and reports/latest leads to the one written last."""
    reports = tmp_path / "reports"
    folders = []
    for _ in range(2):
        with running("check", "-n", "0", "--only", "cors-allowed", cwd=tmp_path) as run:
            assert run.ended(EXIT_S) == 0, run.said
            folders.append((reports / "latest").resolve())

    assert folders[0] != folders[1]
    assert sorted(path.name for path in reports.iterdir()) == sorted([*(path.name for path in folders), "latest"])
    assert all((folder / "results.json").is_file() for folder in folders)
    assert all(folder.name.endswith("-reference") for folder in folders)


def test_a_plugin_that_happens_to_be_installed_has_no_part_in_a_check(tmp_path: Path) -> None:
    """Some reorder, some repeat, some patch the process: whatever is there, a check says what it says elsewhere."""
    info = tmp_path / "rude-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: rude\nVersion: 1\n", "utf-8")
    (info / "entry_points.txt").write_text("[pytest11]\nrude = rude\n", "utf-8")
    (tmp_path / "rude.py").write_text("raise RuntimeError('loaded')\n", "utf-8")
    alone = ("check", "--only", "forward-via", "--out", "{place}/out")

    with running(*alone, env={"PYTHONPATH": str(tmp_path)}) as run:
        assert run.ended(EXIT_S) == 0, run.said
        assert verdicts(run) == {"forward-via": "pass"}
