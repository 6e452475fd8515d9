"""The run as a whole: its environment, its workers, its results.

Law: only the controller starts the environment; workers are told where it is.  A process that was told nothing and
needs one (a test of the harness) starts its own.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from harness.choices import Choices, link_latest, output_folder
from harness.environment.chosen import Environment
from harness.environment.endpoints import Endpoints
from harness.environment.rundir import RunDirectory
from harness.plan import Plan, plan
from harness.report.junit import JUNIT, write_junit
from harness.report.results import NAME, Results

RUN = pytest.StashKey["Run"]()
WORKER_INPUT = "errorpath"


@dataclass
class Run:
    """A run as the controller sees it."""

    plan: Plan
    directory: RunDirectory
    environment: Environment
    endpoints: Endpoints
    folder: Path
    results: Results
    progress: Path
    started: float = field(default_factory=time.monotonic)
    lost: str = ""  # why the results could not be written

    @classmethod
    def start(cls, choices: Choices) -> Run:
        """Check the choices, look for a proxy that runs already, then start the environment.

        Raises UsageError before anything is started, EnvironmentUnavailable when a server does not start.
        """
        started = time.monotonic()
        chosen = plan(choices)
        chosen.check_there()
        folder = output_folder(choices, chosen.target.name, (NAME, JUNIT))
        directory = RunDirectory.create()
        environment = Environment(choices.env, choices.toxiproxy)
        try:
            endpoints = environment.start(directory)
        except BaseException:
            directory.remove()
            raise
        results = Results(
            target=chosen.target.name,
            environment=endpoints.kind,
            toxiproxy=endpoints.toxiproxy_kind,
            speed=chosen.clock.speed,
            seed=choices.seed,
            command=chosen.command(),
            versions=endpoints.versions,
        )
        return cls(chosen, directory, environment, endpoints, folder, results, directory.folder("progress"), started)

    def for_worker(self) -> str:
        """What a worker is told, as JSON."""
        return json.dumps(
            {
                "choices": self.plan.choices.to_json(),
                "endpoints": self.endpoints.to_json(),
                "run_id": self.directory.id,
                "controller": os.getpid(),
                "progress": str(self.progress),
            }
        )

    def write(self) -> dict[str, Any]:
        """Write the results; returns the data of ``results.json``.

        Where they cannot be written (the disk is full, the folder was removed) that is said, a run without a
        failure ends with 3, and the verdicts are there all the same.
        """
        self.results.wall_s = time.monotonic() - self.started
        try:
            data = self.results.write(self.folder)
            write_junit(data, self.folder)
        except OSError as exc:
            self.lost = f"{self.folder}: the results cannot be written ({exc.strerror})"
            print(f"errorpath: {self.lost}", file=sys.stderr)
            self.results.troubled = True
            return self.results.to_json()
        if not self.plan.choices.out:
            link_latest(self.folder)
        return data

    def close(self) -> None:
        """Stop everything."""
        try:
            self.environment.stop()
        finally:
            self.directory.remove()
