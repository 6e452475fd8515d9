"""``errorpath doctor``: what this machine offers, and what is missing for what."""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rich.table import Table

from harness.cli.arguments import DOCUMENTED_PORTS
from harness.cli.screen import Screen
from harness.environment import wheels
from harness.environment.servers import BINARY
from harness.errors import HarnessError
from harness.target.elsewhere import why_not_listen
from harness.traffic.refusals import Refusals

ANSWER_S = 5.0


@dataclass(frozen=True)
class Finding:
    """One thing looked for: whether it is there, what was seen, and what it is for."""

    name: str
    there: bool
    seen: str
    purpose: str
    needed: bool = False


def run(_arguments: argparse.Namespace) -> int:
    """Print the findings; 3 when something is missing that ``errorpath check`` cannot do without."""
    findings = list(_findings())
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("", "what", "seen", "for"):
        table.add_column(column, overflow="fold")
    for finding in findings:
        mark = "[green]✓[/]" if finding.there else "[bold red]✗[/]" if finding.needed else "[dim]–[/]"
        table.add_row(mark, finding.name, finding.seen, finding.purpose)
    Screen(highlight=False).print(table)
    return 3 if any(finding.needed and not finding.there for finding in findings) else 0


def _findings() -> Iterator[Finding]:
    yield Finding("Python", True, f"{platform.python_version()} at {sys.executable}", "everything")
    yield _wheel("PostgreSQL", wheels.postgres)
    yield _wheel("Redis", wheels.valkey)
    counted = Refusals.available()
    seen = "sock_diag announces them" if counted else "not on this system: they are inferred from their timing"
    yield Finding("refused connects", counted, seen, "counting tries against a closed port")
    yield _locust()
    yield _docker()
    yield _toxiproxy()
    for program, purpose in {
        "nginx": "make bench; checking nginx",
        "wrk": "make bench",
        "haproxy": "checking HAProxy",
        "caddy": "checking Caddy",
    }.items():
        yield _program(program, purpose)
    for purpose, port in DOCUMENTED_PORTS.items():
        yield _port(port, purpose)


def _wheel(name: str, find: Callable[[], wheels.Wheel]) -> Finding:
    try:
        wheel = find()
        seen, there = f"{wheel.package} {wheel.version}", True
    except HarnessError as exc:
        seen, there = str(exc), False
    return Finding(name, there, seen, "the embedded environment", needed=True)


def _locust() -> Finding:
    there = importlib.util.find_spec("locust") is not None
    seen = f"Locust {importlib.metadata.version('locust')}" if there else "pip install -e '.[load]' in the checkout"
    return Finding("Locust", there, seen, "errorpath load")


def _docker() -> Finding:
    client = shutil.which("docker")
    version = _said(client, "version", "--format", "{{.Server.Version}}") if client else None
    seen = f"daemon {version}" if version else "client only: no daemon answers" if client else "not found"
    library = importlib.util.find_spec("testcontainers") is not None
    seen += "" if library else "; testcontainers is missing (pip install -e '.[containers]' in the checkout)"
    return Finding("Docker", bool(version) and library, seen, "--env containers")


def _toxiproxy() -> Finding:
    named = os.environ.get(BINARY)
    path = shutil.which(named or "toxiproxy-server")
    missing = f"{BINARY} is {named}, and no program is there" if named else "not on PATH"
    return Finding("toxiproxy-server", path is not None, path or missing, "--toxiproxy binary")


def _program(name: str, purpose: str) -> Finding:
    path = shutil.which(name)
    return Finding(name, path is not None, path or "not on PATH", purpose)


def _said(*command: str) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=ANSWER_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None


def _port(port: int, purpose: str) -> Finding:
    trouble = why_not_listen(port)
    seen = f"{trouble} (lsof -i :{port} tells who holds it)" if trouble else "free"
    return Finding(f"port {port}", trouble is None, seen, f"errorpath up: {purpose}")
