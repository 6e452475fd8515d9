"""The versions are locked, for pip and for uv alike."""

from __future__ import annotations

import importlib.util
import json
import re
import tomllib
from types import ModuleType

from tests.laws.sources import ROOT

NAME = re.compile(r"^[A-Za-z0-9._-]+")


def _lock_program() -> ModuleType:
    spec = importlib.util.spec_from_file_location("lock", ROOT / ".ci" / "lock.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_uv_takes_the_locked_versions() -> None:
    """
    uv.toml is what requirements.lock makes of it.
    """
    lock = (ROOT / "requirements.lock").read_text("utf-8")

    assert _lock_program().constraints(lock) == (ROOT / "uv.toml").read_text("utf-8")


def test_everything_that_is_asked_for_is_locked() -> None:
    """
    Each dependency of pyproject.toml, extras and groups too, has a version and its hashes.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    asked = [
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        *(wanted for extra in project["project"]["optional-dependencies"].values() for wanted in extra),
        *(wanted for group in project["dependency-groups"].values() for wanted in group),
    ]
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    locked = {_plain(name) for name in re.findall(r"^([A-Za-z0-9._-]+)==\S+.*\\\n    --hash=sha256:", lock, re.M)}

    names = {_plain(match.group()) for wanted in asked if (match := NAME.match(wanted))}
    assert set() == names - locked


def test_the_node_client_is_locked_without_the_address_of_a_registry() -> None:
    """
    The client from npm that drives our server in CI has one version and its hash; where it is got is the user's.
    """
    folder = ROOT / "tests" / "toxiproxy" / "node_client"
    asked = json.loads((folder / "package.json").read_text("utf-8"))["dependencies"]
    lock = json.loads((folder / "package-lock.json").read_text("utf-8"))["packages"]
    locked = {name.removeprefix("node_modules/"): package for name, package in lock.items() if name}

    assert asked == {name: locked[name]["version"] for name in asked}
    assert all(package["integrity"].startswith("sha512-") for package in locked.values())
    assert [] == [name for name, package in locked.items() if "resolved" in package]
