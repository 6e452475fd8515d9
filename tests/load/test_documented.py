"""What docs/load.md shows can be used as it stands."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from harness.load.fault_names import known
from harness.load.gates import load_gates
from harness.load.schedule import DEFAULT, load_schedule
from tests.laws.sources import ROOT

TEXT = (ROOT / "docs" / "load.md").read_text("utf-8")
SHOWN = re.findall(r"```toml\n(.*?)```", TEXT, re.S)
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
OTHERS = {"--build", "--scale", "--replicas", "--no-cache-dir"}  # of docker, kubectl and pip
MANIFESTS = ("compose.yaml", "kubernetes.yaml")


def _text(name: str) -> str:
    return (ROOT / "docs" / "load" / name).read_text("utf-8")


def manifests(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(_text(name)))


def test_the_schedule_and_the_gates_shown_can_be_read(tmp_path: Path) -> None:
    """
    The first TOML of the page is a schedule, the second gates.
    """
    schedule, gates = tmp_path / "schedule.toml", tmp_path / "gates.toml"
    schedule.write_text(SHOWN[0], "utf-8")
    gates.write_text(SHOWN[1], "utf-8")

    assert "postgres flaps" in load_schedule(schedule).names()
    assert load_gates(gates, load_schedule(DEFAULT))


def test_every_fault_shown_exists() -> None:
    """
    Those the page lists, and those of the manifests.
    """
    listed = TEXT.partition("in small letters: ")[2].partition("…")[0]

    assert set(re.findall(r"`([a-z-]+)`", listed)) <= set(known())


def test_every_flag_shown_exists() -> None:
    """
    Of errorpath load, of Locust, and of our users.
    """
    locust = "import locustfiles.under_fault, locust.argument_parser as own; print(own.get_parser().format_help())"
    errorpath = "from harness.cli import main; main(['load', '--help'])"
    shown = FLAG.findall(TEXT) + [flag for text in map(_text, MANIFESTS) for flag in FLAG.findall(text)]

    there = set(FLAG.findall(_said(locust) + _said(errorpath)))
    assert set() == set(shown) - there - OTHERS


def _said(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True
    )
    return done.stdout


def test_the_manifests_hold_together(tmp_path: Path) -> None:
    """
    Toxiproxy's links are JSON with the names that the faults look for, and the schedule in them can be read.
    """
    compose, cluster = manifests("compose.yaml")[0], manifests("kubernetes.yaml")
    data = next(part["data"] for part in cluster if part["kind"] == "ConfigMap")
    file = tmp_path / "schedule.toml"
    file.write_text(data["schedule.toml"], "utf-8")

    hops = {window.hop for phase in load_schedule(file).phases for window in phase.windows}
    assert hops == {link["name"] for link in json.loads(data["links.json"])}
    assert {"upstream", "postgres", "redis"} == {
        link["name"] for link in json.loads(compose["configs"]["links"]["content"])
    }
    assert {"postgres", "redis", "toxiproxy", "migrate", "api", "proxy", "master", "worker"} == set(
        compose["services"]
    )
