"""A run directory for a test, open to the account the servers run as; a Docker daemon."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.environment.rundir import RunDirectory
from harness.errors import EnvironmentUnavailable


@pytest.fixture
def open_place() -> Iterator[Path]:
    """A folder with a space in its name that every account may enter; pytest's own are closed."""
    with RunDirectory.create() as run:  # which goes when the test's process is killed, too
        place = run.folder("a place ")
        place.chmod(0o755)
        yield place


@pytest.fixture
def run(open_place: Path) -> Iterator[RunDirectory]:
    with RunDirectory.create(parent=open_place) as directory:
        yield directory


@pytest.fixture
def daemon() -> Iterator[Any]:
    """A Docker daemon that has the images; with DOCKER_HOST set there is no excuse."""
    pytest.importorskip("testcontainers")
    from harness.environment.containers import IMAGES, _daemon, _image

    try:
        with _daemon() as client:
            for name in IMAGES:
                client.images.get(_image(name))  # nothing is fetched for a test
            yield client
    except EnvironmentUnavailable as exc:
        if os.environ.get("DOCKER_HOST"):
            raise
        pytest.skip(str(exc))
