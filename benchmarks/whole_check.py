"""How long the main job takes at speed 20, environment included: the guide's families, the whole catalogue.

And the environment alone.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from benchmarks.figure import Figure
from harness.environment.embedded import EmbeddedEnvironment
from harness.environment.processes import complete
from harness.environment.rundir import RunDirectory
from harness.errors import HarnessError

FAMILIES_S, ENVIRONMENT_S = 60.0, 2.0
WITHIN_S = 600.0
ROOT = Path(__file__).resolve().parents[1]
GUIDE = ("retry", "health", "timeout", "errors", "troubleshooting", "cors", "forwarding")


def measure(*, rounds: int, seconds: int) -> list[Figure]:
    """Wall seconds of ``errorpath check`` and of starting PostgreSQL, Redis and the link server."""
    del seconds  # a check takes as long as it takes
    environment = [_environment() for _ in range(rounds)]
    families = [_check("--only", ",".join(GUIDE)) for _ in range(min(rounds, 3))]
    whole = [_check() for _ in range(min(rounds, 3))]
    return [
        Figure.of("PostgreSQL, Redis and links ready", environment, "s", below=ENVIRONMENT_S),
        Figure.of("errorpath check of the guide's families, speed 20", families, "s", below=FAMILIES_S),
        Figure.of("errorpath check of the whole catalogue, speed 20", whole, "s"),
    ]


def _environment() -> float:
    with RunDirectory.create() as run:
        servers = EmbeddedEnvironment()
        began = time.monotonic()
        servers.start(run)
        taken = time.monotonic() - began
        servers.stop()
        return taken


def _check(*options: str) -> float:
    with RunDirectory.create() as run:
        folder = run.folder("check")
        began = time.monotonic()
        command = [sys.executable, "-m", "harness", "check", "--out", str(folder), *options]
        done = complete(command, run=run, name="check", within_s=WITHIN_S, cwd=ROOT)
        taken = time.monotonic() - began
        results = json.loads((folder / "results.json").read_text("utf-8"))
        if done.exit_code() != 0:
            rest = [
                f"{row['id']} {row['verdict']}: {row['expected']}; {row['actual']}"
                for row in results["paths"]
                if row["verdict"] not in ("pass", "n/a")
            ]
            raise HarnessError("\n".join([f"errorpath check ended with {done.exit_code()}", *rest]))
        return taken
