"""``errorpath doctor`` ticks what can be used, and nothing else."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

import pytest

from harness.cli import doctor
from harness.environment.servers import BINARY


def test_a_toxiproxy_that_is_named_and_not_there_is_not_ticked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the variable names is looked at, and told."""
    program = tmp_path / "toxiproxy-server"
    monkeypatch.setenv(BINARY, str(program))

    missing = doctor._toxiproxy()
    program.touch(0o755)
    there = doctor._toxiproxy()

    assert (missing.there, there.there) == (False, True)
    assert missing.seen == f"{BINARY} is {program}, and no program is there"


@pytest.mark.parametrize("library", [True, False])
def test_docker_is_ticked_where_its_library_is_there_too(library: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon alone is not enough for ``--env containers``."""
    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/docker")
    monkeypatch.setattr(doctor, "_said", lambda *_: "27.0")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: os if library else None)

    found = doctor._docker()

    assert found.there == library
    assert ("testcontainers is missing" in found.seen) == (not library)


def test_nothing_is_offered_that_no_target_can_ask_for() -> None:
    """A target file cannot choose libfaketime, so nobody is told to install it."""
    assert "libfaketime" not in [finding.name for finding in doctor._findings()]
