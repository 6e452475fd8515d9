"""A run's directory, and an origin that answers at once, for generators to load."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.environment.rundir import RunDirectory
from harness.traffic.origin import Origin


@pytest.fixture(scope="module")
def run_directory() -> Iterator[RunDirectory]:
    with RunDirectory.create() as run:
        yield run


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin.start(health_path="/api/health") as origin:
        yield origin
