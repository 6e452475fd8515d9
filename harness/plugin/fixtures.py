"""The fixtures of a scenario: `rig` (proxy and origin), `system` (proxy and backend), `expect`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from harness.case import Case
from harness.choices import Choices
from harness.contract.catalogue import ErrorPath
from harness.environment.endpoints import Endpoints
from harness.environment.rundir import RunDirectory
from harness.errors import HarnessError, NotPromised
from harness.plan import plan
from harness.plugin.outcomes import CASE
from harness.plugin.session import RUN, WORKER_INPUT
from harness.progress import Progress
from harness.rig import Rig
from harness.stack import Stack
from harness.system import System
from harness.target.core_wait import CoreWait
from harness.traffic.lag import LagMonitor
from harness.verdicts.expect import Expect

AnyRig = TypeVar("AnyRig", bound=Rig)

__all__ = ["case", "errorpath_stack", "expect", "rig", "system"]


@pytest.fixture(scope="session")
def errorpath_stack(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """This worker's stack, on the run's environment."""
    told = _told(request.config)
    worker = getattr(request.config, "workerinput", {}).get("workerid", "main")
    stack = Stack(
        plan=plan(Choices.from_json(told["choices"])),
        endpoints=Endpoints.from_json(told["endpoints"]),
        worker=worker,
        directory=RunDirectory.create(f"{told['run_id']}-{worker}"),
        progress=Progress(Path(told["progress"]) / f"{worker}.progress"),
    )
    yield stack
    stack.close()


def _told(config: pytest.Config) -> dict[str, Any]:
    """What the controller told this worker; without xdist the controller is this very process."""
    run = config.stash.get(RUN, None)
    text = run.for_worker() if run is not None else getattr(config, "workerinput", {}).get(WORKER_INPUT)
    if text is None:
        raise HarnessError("no environment was started: name the scenarios on the command line (pytest scenarios)")
    told: dict[str, Any] = json.loads(text)
    return told


@pytest.fixture
def case(request: pytest.FixtureRequest, errorpath_stack: Stack) -> Iterator[Case]:
    """The scenario's record; ends it as ``n/a`` when the contract does not make its promise."""
    case: Case = request.node.stash[CASE]
    errorpath_stack.progress.begin(case.path.id)
    _require(case.path, errorpath_stack)
    with CoreWait() as waits, LagMonitor(also=waits.sample) as lag:
        case.stall_s, case.lost_s = lag.worst, lag.lost
        case.waited_s, case.watch = waits.most, waits.watch
        # The guide's numbers are whole seconds: an answer that was seen one target second late is still told from one
        # that came too early.
        plan = errorpath_stack.plan
        case.harmless_s = plan.clock.wall(1.0)
        if plan.contract.timeout:
            case.spoiling_s = plan.clock.wall(plan.contract.timeout.request_s) / 2
        yield case


def _require(path: ErrorPath, stack: Stack) -> None:
    for need in path.needs:
        if not stack.plan.contract.promises(need):
            raise NotPromised(f"{need} is not in the contract of {stack.plan.target.name}")


@pytest.fixture
def rig(request: pytest.FixtureRequest, case: Case, errorpath_stack: Stack) -> Rig:
    """The proxy in front of the scripted origin."""
    return _on_whole_links(errorpath_stack.rig(case, expiring=_marked(request, "expiring_health")))


@pytest.fixture
def system(request: pytest.FixtureRequest, case: Case, errorpath_stack: Stack) -> System:
    """The proxy in front of the real backend."""
    return _on_whole_links(
        errorpath_stack.system(
            case,
            expiring=_marked(request, "expiring_health"),
            own_postgres=_marked(request, "own_postgres"),
            unhurried=_marked(request, "unhurried"),
        )
    )


def _marked(request: pytest.FixtureRequest, name: str) -> bool:
    return request.node.get_closest_marker(name) is not None


def _on_whole_links(rig: AnyRig) -> AnyRig:
    """The same, once its links are what they should be; they are looked at again before the proxy is accused."""
    rig.check_links()
    rig.case.check_links = rig.check_links
    return rig


@pytest.fixture
def expect(request: pytest.FixtureRequest) -> Expect:
    """What the scenario may claim of its rig."""
    return Expect(request.getfixturevalue("system" if "system" in request.fixturenames else "rig"))
