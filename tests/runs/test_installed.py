"""An installation that is no checkout checks the same: all that a check needs is in the wheel."""

from __future__ import annotations

import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
from hatchling import build

from tests.runs.command import ROOT, running


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The Python of an environment that has the wheel, and from ours only what the wheel depends on."""
    monkeypatch.chdir(ROOT)
    wheel = build.build_wheel(str(tmp_path))
    venv.create(tmp_path / "env", with_pip=False, symlinks=True)
    packages = tmp_path / "env" / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    with zipfile.ZipFile(tmp_path / wheel) as file:
        file.extractall(packages)
    (packages / "others.pth").write_text(sysconfig.get_path("purelib"), "utf-8")  # whose own .pth is not read
    return tmp_path / "env" / "bin" / "python"


@pytest.mark.parametrize("workers", ["0", "1"])
def test_a_wheel_checks_without_its_checkout(installed: Path, tmp_path: Path, workers: str) -> None:
    """The target by its name, the scenarios, the API's migrations, and the choices, for xdist's workers, too."""
    words = ("check", "-n", workers, "--only", "cors-vary,database-slow", "--out", "{place}/out")

    with running(*words, cwd=tmp_path, program=(str(installed), "-m", "harness")) as run:
        assert run.ended() == 0, run.said
        paths = run.results()["paths"]

    assert [path["verdict"] for path in paths] == ["pass", "pass"]
    assert paths[0]["reproduce"].startswith("errorpath check --target reference")
