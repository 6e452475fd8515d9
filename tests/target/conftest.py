"""A tiny proxy of its own: the launcher is checked without the reference proxy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.environment.rundir import RunDirectory
from harness.target.files import TargetFile, load_target
from tests.target.tiny import FILE, Write


@pytest.fixture(scope="module")
def run() -> Iterator[RunDirectory]:
    with RunDirectory.create() as directory:
        yield directory


@pytest.fixture
def target_of(tmp_path: Path) -> Write:
    """Writes a target file that starts the tiny proxy, with ``more`` lines below ``[launch]``, and reads it."""

    def write(more: str = "") -> TargetFile:
        path = tmp_path / "tiny.toml"
        path.write_text(FILE + more, "utf-8")
        return load_target(str(path))

    return write
