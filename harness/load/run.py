"""A whole run of load: the stack, the control, the load under faults, the results.

Law: whatever ends it, the faults are healed, what was measured is written, and nothing is left running.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.case import Case
from harness.clock import now
from harness.contract.catalogue import ErrorPath
from harness.environment.chosen import Environment
from harness.environment.endpoints import Endpoints
from harness.environment.rundir import RunDirectory
from harness.errors import ErrorpathError, Interrupted
from harness.load.gates import Gate
from harness.load.locust_process import Traffic
from harness.load.passage import Passing
from harness.load.results import LoadResults
from harness.load.schedule import Schedule
from harness.plan import Plan
from harness.progress import Progress
from harness.stack import Stack
from harness.system import System

SESSIONS = 20  # of the API with PostgreSQL: the limit that is looked for is to be another one
PATH = ErrorPath("load", "S", "load", "load", "load while faults come and go", "the gates hold")


@dataclass(frozen=True)
class LoadPlan:
    """All that was read and checked before anything is started."""

    plan: Plan
    traffic: Traffic
    schedule: Schedule
    gates: list[Gate]
    folder: Path
    reproduce: str  # the command


def run(asked: LoadPlan, say: Callable[[str], None]) -> dict[str, Any]:
    """Do all of it; the data of ``load.json``.

    Raises EnvironmentUnavailable or Interrupted when it ended before there was anything to measure.  What nobody
    foresaw is raised again once what was measured is written.
    """
    began = now()
    say("starting PostgreSQL, Redis, the links, the backend and the proxy")
    with _stack(asked) as (stack, endpoints):
        system = stack.system(Case(PATH, "load"))
        system.prove_healthy()
        results = LoadResults(_about(asked, endpoints), asked.traffic, asked.gates)
        try:
            _passages(asked, system, results, say)
        except Interrupted as exc:
            results.ended_by = exc.exit_code
        except ErrorpathError as exc:
            results.troubles.append(str(exc))
        except BaseException as exc:
            results.troubles.append(f"{type(exc).__name__}: {exc}")
            results.wall_s = now() - began
            results.write(asked.folder)
            raise
        results.wall_s = now() - began
        return results.write(asked.folder)


def _passages(asked: LoadPlan, system: System, results: LoadResults, say: Callable[[str], None]) -> None:
    control = Passing(system, asked.schedule.control(), asked.traffic, asked.folder / "control", "control")
    try:
        control.go(lambda what: say(f"control: {what}"))
    finally:
        results.control = control.passage()
    load = Passing(system, asked.schedule, asked.traffic, asked.folder, "load")
    try:
        load.go(say)
    finally:
        results.load = load.passage()


@contextmanager
def _stack(asked: LoadPlan) -> Iterator[tuple[Stack, Endpoints]]:
    """The stack and where its servers are; all of it is ended on leaving."""
    choices = asked.plan.choices
    with RunDirectory.create() as directory:
        environment = Environment(choices.env, choices.toxiproxy)
        try:
            endpoints = environment.start(directory)
            progress = Progress(directory.folder("progress") / "load.progress")
            stack = Stack(asked.plan, endpoints, "load", directory, progress, sessions=SESSIONS)
            try:
                yield stack, endpoints
            finally:
                stack.close()
        finally:
            environment.stop()


def _about(asked: LoadPlan, endpoints: Endpoints) -> dict[str, Any]:
    return {
        "target": asked.plan.target.name,
        "environment": endpoints.kind,
        "toxiproxy": endpoints.toxiproxy_kind,
        "versions": endpoints.versions,
        "seed": asked.traffic.seed,
        "schedule": str(asked.schedule.path),
        "reproduce": asked.reproduce,
    }
