"""A run directory for a test, open to the account the servers run as."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.environment.rundir import RunDirectory


@pytest.fixture
def open_place() -> Iterator[Path]:
    """A folder with a space in its name that every account may enter; pytest's own are closed."""
    place = Path(tempfile.mkdtemp(prefix="a place "))
    place.chmod(0o755)
    yield place
    shutil.rmtree(place)


@pytest.fixture
def run(open_place: Path) -> Iterator[RunDirectory]:
    with RunDirectory.create(parent=open_place) as directory:
        yield directory
