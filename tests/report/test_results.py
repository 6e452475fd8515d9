"""Whose results are in a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.choices import Choices, output_folder
from harness.errors import UsageError
from harness.report.results import left_by

NAMES = ("results.json", "junit.xml")


def test_a_run_leaves_no_earlier_results_in_its_folder(tmp_path: Path) -> None:
    """
    What it does not write itself is not there; other files of a person's stay.
    """
    for name in (*NAMES, "notes.txt"):
        (tmp_path / name).write_text("{}", "utf-8")

    assert tmp_path == output_folder(Choices(out=str(tmp_path)), "mine", NAMES)
    assert ["notes.txt"] == [path.name for path in tmp_path.iterdir()]


def test_what_cannot_be_taken_away_is_named(tmp_path: Path) -> None:
    """
    A folder of that name is nobody's result.
    """
    (tmp_path / "results.json").mkdir()

    with pytest.raises(UsageError, match=r"--out .*: results.json is in the way"):
        output_folder(Choices(out=str(tmp_path)), "mine", NAMES)


@pytest.mark.parametrize(
    ("code", "counts"), [(0, True), (1, True), (3, True), (2, False), (130, False), (None, False)]
)
def test_results_count_only_where_the_run_came_to_its_end(code: int | None, counts: bool, tmp_path: Path) -> None:
    """
    A run that refused its arguments left an earlier one's, and one that was ended left a part.
    """
    (tmp_path / "results.json").write_text('{"paths": []}', "utf-8")

    assert ({"paths": []} if counts else None) == left_by(code, tmp_path)
