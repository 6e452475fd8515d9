"""What nobody foresaw is ours: it ends a command with 3, not with the 1 that accuses the proxy, and loses no run."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import pytest

from harness.choices import link_latest
from harness.cli import doctor, main
from harness.clock import poll_until
from harness.errors import UsageError
from harness.target.files import load_target
from tests.runs.command import ERRORPATH, checking, running, seldom

EVENT_S = 90.0  # a run has its folder after 1 s on an idle machine


def test_what_nobody_foresaw_is_told_and_ours(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 3, with the traceback on standard error and nothing on standard output."""

    def broken(_arguments: argparse.Namespace) -> int:
        raise LookupError("out of the blue")

    monkeypatch.setattr(doctor, "run", broken)

    code = main(["doctor"])

    said = capsys.readouterr()
    assert code == 3
    assert said.out == ""
    assert "LookupError: out of the blue" in said.err
    assert "a fault of errorpath's own" in said.err


def test_a_target_in_a_closed_folder_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system says so of the look itself, as it does to anybody but root."""

    def closed(_path: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_file", closed)

    with pytest.raises(UsageError, match=r"--target /root/x\.toml: cannot be read: Permission denied"):
        load_target("/root/x.toml")


def test_results_that_cannot_be_written_are_told_and_the_verdicts_shown() -> None:
    """``--out`` was removed meanwhile: one message, exit code 3, and the table and the counts as ever."""
    with checking("--only", "timeout-silent", "-n", "0") as run:
        poll_until(seldom(lambda: run.doing() and run.out.exists()), within_s=EVENT_S, what=f"the run: {run.said}")
        shutil.rmtree(run.out)

        assert run.ended() == 3, run.said
        assert f"errorpath: {run.out}: the results cannot be written (No such file or directory)" in run.said
        assert "\n1 pass in " in run.said
        assert "results in" not in run.said
        assert "Traceback" not in run.said


def test_a_folder_called_latest_is_left_alone(tmp_path: Path) -> None:
    """A run is not lost for a link that cannot be."""
    run = tmp_path / "20260101-reference"
    run.mkdir()
    (tmp_path / "latest").mkdir()

    link_latest(run)

    assert sorted(path.name for path in tmp_path.iterdir()) == [run.name, "latest"]
    assert not (tmp_path / "latest").is_symlink()


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_reader_that_leaves_changes_no_verdict(workers: str, unbuffered: str) -> None:
    """``errorpath check | head -1``: all is checked and written, and the exit code is that of the verdicts."""
    paths = "cors-vary,cors-allowed,forward-via"
    words = ("check", "-n", workers, "--only", paths, "--out", "{place}/out", "--durations", "2")
    shell = '"$0" "$@" | head -1; exit ${PIPESTATUS[0]}'

    told = {"PYTHONUNBUFFERED": unbuffered}
    with running(*words, program=("bash", "-c", shell, ERRORPATH), env=told) as run:
        assert run.ended() == 0, run.said
        assert [path["verdict"] for path in run.results()["paths"]] == ["pass"] * 3
        assert "Traceback" not in run.said
        assert run.left() == []


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", ["paths", "paths --json", "doctor"])
def test_a_reader_that_reads_nothing_is_no_error(command: str, unbuffered: str) -> None:
    """What only tells something ends with 0, and in silence, when nobody reads it."""
    shell = '"$0" "$@" | true; exit ${PIPESTATUS[0]}'
    told = {"PYTHONUNBUFFERED": unbuffered}

    with running(*command.split(), program=("bash", "-c", shell, ERRORPATH), env=told) as run:
        assert run.ended() == 0, run.said
        assert run.said == ""
