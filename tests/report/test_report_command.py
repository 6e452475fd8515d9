"""``errorpath report``."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from harness.cli import main
from harness.report.page import load_page
from tests.report.page.a_run import MEASURED, a_run


def _folder(path: Path, text: str | None = None) -> Path:
    path.mkdir()
    if text is None:
        shutil.copy(MEASURED, path / "load.json")
    else:
        (path / "load.json").write_text(text, "utf-8")
    return path


def _changed(**changed: Any) -> str:
    return json.dumps(a_run(**changed))


def test_the_page_is_drawn_anew_from_load_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    For each folder that is named; where it is written is said.
    """
    folders = [_folder(tmp_path / name) for name in ("one", "two")]

    code = main(["report", *map(str, folders)])

    assert 0 == code
    assert [str(folder / "load.html") for folder in folders] == capsys.readouterr().out.split()
    assert load_page.html(a_run()) == (folders[1] / "load.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is no JSON"),
        ('{"schema": 1', "is no JSON"),
        ("[]", "the file: [] is not of type 'object'"),
        ("[" * 100_000, "recursion"),
        ("{}", "'schema' is a required property"),
        (_changed(kind="check"), "kind: 'load' was expected"),
        (_changed(exit=7), "exit: 7 is not one of"),
        (_changed(wall_s=float("nan")), "NaN is no figure of a load run"),
        (_changed(wall_s=10**400), "is no figure of a load run"),
        (_changed(series={**a_run()["series"], "good": [1]}), "series.good is not as long as series.arrivals"),
    ],
)
def test_a_bad_load_json_is_one_message_and_loses_no_page(
    text: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Exit code 2, the file is named, no other folder's page is written, and the page of before is still there.
    """
    good, bad = _folder(tmp_path / "good"), _folder(tmp_path / "bad", text)
    (bad / "load.html").write_text("before", "utf-8")

    code = main(["report", str(good), str(bad)])

    said = capsys.readouterr()
    assert 2 == code
    assert 1 == said.err.count("\n")
    assert f"{bad / 'load.json'}: " in said.err
    assert says in said.err
    assert "before" == (bad / "load.html").read_text("utf-8")
    assert not (good / "load.html").exists()


def test_a_missing_load_json_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    A folder that is none, or holds none.
    """
    code = main(["report", str(tmp_path / "nowhere")])

    assert 2 == code
    assert f"{tmp_path / 'nowhere' / 'load.json'}: cannot be read (No such file" in capsys.readouterr().err


def test_results_of_a_check_are_said_to_have_no_page_here(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    What is supported is said.
    """
    (tmp_path / "results.json").write_text("{}", "utf-8")

    code = main(["report", str(tmp_path)])

    assert 2 == code
    assert "a page is drawn of a load run only, from load.json" in capsys.readouterr().err


def test_a_page_that_cannot_be_written_is_named_and_the_one_of_before_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    A page is written whole or not at all.
    """
    folder = _folder(tmp_path / "one")
    (folder / "load.html").write_text("before", "utf-8")
    (folder / ".load.html.new").mkdir()

    code = main(["report", str(folder)])

    assert 2 == code
    assert f"{folder / 'load.html'}: cannot be written (Is a directory)" in capsys.readouterr().err
    assert "before" == (folder / "load.html").read_text("utf-8")
