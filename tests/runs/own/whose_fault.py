"""Each scenario goes wrong in its own way; `tests.runs.test_whose_fault` says what it must be called."""

from __future__ import annotations

import os

import pytest

from harness.case import Case
from harness.errors import NotPromised
from harness.faults.link import AnswerLost, AnswerReset, Refused
from harness.faults.origin import Route
from harness.rig import Rig
from harness.toxiproxy.client import LinkServer
from harness.traffic.replies import silent
from harness.verdicts.expect import Expect
from harness.verdicts.timing import SCHEDULING_S
from tests.runs.gate import Gate


@pytest.mark.error_path("cors-allowed")
def test_kept(rig: Rig, expect: Expect) -> None:
    expect.equal("status", 200, rig.get("/items").status)


@pytest.mark.error_path("retry-exhausted")
def test_not_promised(rig: Rig) -> None:
    raise NotPromised("we were promised jetpacks")


@pytest.mark.error_path("error-refused")
def test_broken_promise(rig: Rig, expect: Expect) -> None:
    expect.equal("status", 418, rig.get("/items").status)


@pytest.mark.error_path("error-other")
@pytest.mark.parametrize("crash", [KeyError, AssertionError, SystemExit, RecursionError])
def test_crash(rig: Rig, crash: type[BaseException]) -> None:
    raise crash("of the harness")


@pytest.mark.error_path("error-shape")
def test_skipped(rig: Rig) -> None:
    pytest.skip("nobody may skip a promise")


@pytest.mark.error_path("error-timeout")
def test_unwitnessed(rig: Rig) -> None:
    with rig.broken(Route(silent())):
        pass


@pytest.mark.error_path("error-unavailable")
def test_violation_without_a_witness(rig: Rig, expect: Expect) -> None:
    with rig.broken(AnswerReset()):
        expect.equal("weather", "fine", "rain")


@pytest.mark.error_path("timeout-silent")
def test_kept_while_time_stalled(rig: Rig, case: Case, expect: Expect) -> None:
    case.time()
    while case.stall_s() <= SCHEDULING_S:
        sum(range(10_000_000))  # one call into C, during which no other thread of this process runs
    expect.equal("status", 200, rig.get("/items").status)


@pytest.mark.error_path("timeout-trickle")
def test_broken_while_time_stalled(rig: Rig, case: Case, expect: Expect) -> None:
    case.time()
    while case.stall_s() <= SCHEDULING_S:
        sum(range(10_000_000))
    expect.equal("status", 418, rig.get("/items").status)


@pytest.mark.error_path("health-down")
@pytest.mark.parametrize("status", [500, 503])
def test_toxics_server_refuses_the_fault(rig: Rig, gate: Gate, status: int) -> None:
    with gate.answering(status, "POST /proxies/.*"), rig.broken(Refused()):
        rig.get("/items")


@pytest.mark.error_path("health-slow")
@pytest.mark.parametrize("status", [500, 503])
def test_toxics_server_refuses_the_toxic(rig: Rig, gate: Gate, status: int) -> None:
    with gate.answering(status, "POST /proxies/.*/toxics"), rig.broken(AnswerReset()):
        rig.get("/items")


@pytest.mark.error_path("health-cached")
@pytest.mark.parametrize("status", [500, 503])
def test_toxics_server_does_not_heal(rig: Rig, gate: Gate, expect: Expect, status: int) -> None:
    with gate.answering(status, "DELETE /proxies/.*/toxics/.*"), rig.broken(AnswerReset()):
        expect.equal("status", 418, rig.get("/items").status)


@pytest.mark.error_path("health-expires")
def test_toxics_server_tells_no_evidence(rig: Rig, gate: Gate) -> None:
    with gate.answering(500, "GET /proxies/.*/connections.*"), rig.broken(AnswerReset()):
        rig.get("/items")


@pytest.mark.error_path("health-recovers")
def test_link_disabled_by_somebody_else(rig: Rig, gate: Gate, expect: Expect) -> None:
    gate.enable(rig.link("upstream").name, False)
    expect.equal("status", 200, rig.get("/items").status)


@pytest.mark.error_path("health-goes-down")
def test_fault_healed_by_somebody_else(rig: Rig, gate: Gate, expect: Expect) -> None:
    with rig.broken(AnswerLost()) as fault:
        pending = rig.begin("GET", "/items")
        fault.wait_for(1, within_s=5)
        gate.heal(rig.link("upstream").name)
        expect.equal("status", 504, pending.exchange().status)


@pytest.mark.error_path("timeout-write")
def test_worker_dies(rig: Rig) -> None:
    os._exit(1)


@pytest.mark.error_path("forward-via")
def test_link_removed_by_somebody_else(rig: Rig, gate: Gate, expect: Expect) -> None:
    LinkServer(gate.behind).link(rig.link("upstream").name).remove()
    expect.equal("status", 200, rig.get("/items").status)
