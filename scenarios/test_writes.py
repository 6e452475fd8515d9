"""Write safety: what the client was told of a write, against how often PostgreSQL says it was executed.

Positions: before-commit (the request is lost on its way to the backend), after-commit (its answer is lost).
"""

from __future__ import annotations

import pytest

from harness.faults.link import AnswerCut, AnswerLost, AnswerReset, Refused, RequestCut, RequestReset
from harness.faults.origin import Route
from harness.rig import SETTLE_S, Rig
from harness.system import System
from harness.traffic.client import new_key
from harness.traffic.replies import close_on_reuse, ok
from harness.verdicts.expect import Expect

METHODS = ["POST", "PUT", "PATCH", "DELETE"]
LOST = ("connection_terminated", "http_response_incomplete")


def _name(fault: object) -> str:
    return type(fault).__name__


@pytest.mark.error_path("write-acknowledged")
@pytest.mark.parametrize("method", METHODS)
def test_a_write_that_nothing_disturbs_is_executed_once(system: System, expect: Expect, method: str) -> None:
    """The control: a write by any method is acknowledged and executed exactly once."""
    system.prove_healthy()

    exchange = system.write(method)

    expect.write(system, exchange, "acknowledged", 1)


@pytest.mark.lasts(6)
@pytest.mark.unhurried  # the waits take two thirds of the deadline
@pytest.mark.error_path("write-before-commit")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("lost", [RequestReset(), RequestCut()], ids=_name)
def test_a_write_lost_on_its_way_is_not_executed(
    system: System, expect: Expect, method: str, lost: RequestReset | RequestCut
) -> None:
    """A write that is lost before the commit is not acknowledged and not executed; POST and PATCH are sent once."""
    with system.broken(lost) as fault:
        exchange = system.write(method)
        tries = fault.hits()

    expect.failed(exchange, "failed", types=LOST)
    expect.write(system, exchange, "unknown", 0)
    expect.between("tries upstream", 1, system.retries.tries if method in system.retries.methods else 1, tries)
    expect.recovers(system)


@pytest.mark.lasts(6)
@pytest.mark.unhurried  # the waits take two thirds of the deadline
@pytest.mark.error_path("write-idempotent-lost")
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize("lost", [AnswerReset(), AnswerCut()], ids=_name)
def test_a_repeatable_write_is_repeated_and_shows_once(
    system: System, expect: Expect, method: str, lost: AnswerReset | AnswerCut
) -> None:
    """PUT and DELETE whose answers are lost for good are executed once per try, and their effect is there once."""
    with system.broken(lost) as fault:
        exchange = system.write(method)
        tries = fault.hits()

    expect.failed(exchange, "failed", types=LOST)
    expect.between("tries upstream", 1, system.retries.tries, tries)
    expect.write(system, exchange, "unknown", tries)
    expect.equal("effects", 1, system.effects(method))
    expect.recovers(system)


@pytest.mark.error_path("write-recovers")
@pytest.mark.parametrize(("method", "key"), [("PUT", False), ("DELETE", False), ("PATCH", True), ("POST", True)])
@pytest.mark.parametrize("lost", [RequestReset(), AnswerReset()], ids=_name)
def test_a_write_that_may_be_repeated_gets_through(
    system: System, expect: Expect, method: str, key: bool, lost: RequestReset | AnswerReset
) -> None:
    """PUT, DELETE, PATCH and POST with a key, lost once on either side, are acknowledged, their effect there once."""
    with system.broken(lost) as fault:
        pending = system.begin_write(method, new_key() if key else None)
        fault.wait_for(1, within_s=SETTLE_S)
    exchange = pending.exchange()

    most = 1 if key else system.retries.tries
    expect.write(system, exchange, "acknowledged", (1, most))
    if method != "POST":
        expect.equal("effects", 1, system.effects(method))


@pytest.mark.error_path("retry-write-refused")
def test_a_refused_write_is_executed_once(system: System, expect: Expect) -> None:
    """A POST refused twice never left the proxy; it is tried again, and executed exactly once."""
    with system.broken(Refused()) as fault:
        pending = system.begin_spend(3)
        system.after_tries(fault, 2)
    exchange = pending.exchange()

    expect.one_of("status", (200, 201), exchange.status)
    expect.executed(system.executions(exchange), (1,))
    expect.refusals_at_most(fault, 2)


@pytest.mark.error_path("retry-write-after-commit")
@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize(
    "lost",
    [AnswerReset(), AnswerCut(), pytest.param(AnswerLost(), marks=pytest.mark.lasts(30))],
    ids=lambda fault: type(fault).__name__,
)
def test_a_write_that_may_have_been_executed_is_not_repeated(
    system: System, expect: Expect, method: str, lost: AnswerReset | AnswerCut | AnswerLost
) -> None:
    """A write whose answer is lost after the commit is sent once, answered 502 or 504, and executed exactly once."""
    with system.broken(lost):
        exchange = system.write(method)

    expect.failed(exchange, "failed", "timeout")
    expect.write(system, exchange, "unknown", 1)
    if told := system.retries.told_once:
        expect.contains("suggestion", exchange.json()["details"].get("suggestion"), told)
    expect.recovers(system)


@pytest.mark.error_path("retry-write-with-key")
def test_a_write_with_a_key_is_repeated_and_executed_once(system: System, expect: Expect) -> None:
    """A POST with Idempotency-Key whose answer is lost is tried again; the backend's key makes it one execution."""
    with system.broken(AnswerReset()) as fault:
        pending = system.begin_spend(3, key="one-key")
        fault.wait_for(1, within_s=5)
    exchange = pending.exchange()

    expect.one_of("status", (200, 201), exchange.status)
    expect.executed(system.executions(exchange), (1,))


@pytest.mark.error_path("write-unsent-setting")
def test_an_unsent_write_is_not_tried_again_where_that_is_off(rig: Rig, expect: Expect) -> None:
    """With the retry of unsent writes switched off, a POST that was refused is tried once and reaches nobody."""
    rig = rig.variant(unsent_writes="false")

    with rig.broken(Refused()):
        exchange = rig.post("/items", content=b"{}")

    details = expect.error(exchange, "refused")
    expect.retries_told("refused", details, 0)
    expect.tries(exchange, 1)
    expect.equal("tries that reached the upstream", 0, len(rig.origin_tries(exchange)))
    expect.recovers(rig)


@pytest.mark.error_path("write-stale-connection")
@pytest.mark.parametrize("gone", ["on reuse", "while idle"])
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_a_write_is_not_sent_twice_on_a_stale_connection(rig: Rig, expect: Expect, gone: str, method: str) -> None:
    """A write after a kept-alive connection went stale reaches the backend at most once, and says how it ended."""
    with rig.broken(Route(close_on_reuse(ok(b"first")), ok(b"second"))):
        first = rig.get("/items")
        if gone == "while idle":
            rig.until(lambda: rig.only_try(first).ended_at, "the origin to have said all it was to say")
            closed = rig.origin.close_idle_connections()
            expect.note(f"{closed} idle connections were closed" if closed else "the proxy kept no connection")
        exchange = rig.request(method, "/items", content=b"{}")

    expect.served(first)
    if exchange.status != 200:
        expect.failed(exchange, "failed", types=LOST)
    expect.at_most_tries(exchange, 1)
    expect.recovers(rig)
