"""What a target holds, by its own word and by the kernel's."""

from __future__ import annotations

import socket
from contextlib import ExitStack

import pytest

from harness.clock import Clock, poll_until
from harness.contract.model import Gauges
from harness.environment.rundir import RunDirectory
from harness.errors import ContractViolation
from harness.target.holdings import Holdings, in_kernel, told
from harness.target.launch import launch
from harness.traffic.exchange import Exchange, Headers
from tests.target.tiny import Write

GAUGES = Gauges(path="/metrics", tasks="tasks", descriptors="process_open_fds")
TEXT = b"# TYPE tasks gauge\ntasks 3\nprocess_open_fds 12.0\nrequests{status='200'} 1\n"
CONNECTIONS = 5


def scraped(body: bytes, status: int = 200) -> Exchange:
    return Exchange("k", "GET", "/metrics", 0.0, 0.1, status, Headers(), body=body)


def test_a_target_tells_what_was_promised() -> None:
    """The gauges of the contract, under our names."""
    assert {"tasks told": 3.0, "descriptors told": 12.0} == told(GAUGES, scraped(TEXT.replace(b"'", b'"')))


@pytest.mark.parametrize(
    "answer",
    [scraped(b"tasks 3\n"), scraped(b"<html>no metrics</html>"), scraped(TEXT, 404), scraped(b"")],
    ids=["one missing", "another page", "not found", "empty"],
)
def test_a_gauge_that_is_not_there_is_the_targets_fault(answer: Exchange) -> None:
    """A promise to tell that is not kept."""
    with pytest.raises(ContractViolation):
        told(GAUGES, answer)


def test_only_more_counts() -> None:
    """What has become less was not left behind."""
    before = Holdings({"tasks": 3, "sockets": 10})

    assert {} == Holdings({"tasks": 3, "sockets": 9}).more_than(before)
    assert {"tasks": 1} == Holdings({"tasks": 4, "sockets": 10}).more_than(before)
    assert {"new": 1} == Holdings({"new": 1}).more_than(before)


def test_the_kernel_tells_of_every_connection(target_of: Write, run: RunDirectory) -> None:
    """Connections to a real process are sockets and descriptors there, and no longer when they are gone."""
    target = launch(target_of(), upstream="http://127.0.0.1:9", run=run, clock=Clock())
    before = Holdings(in_kernel(target))

    with ExitStack() as open_:
        for _ in range(CONNECTIONS):
            open_.enter_context(socket.create_connection((target.host, target.port), timeout=5))
        more = {"sockets in /proc": CONNECTIONS, "descriptors in /proc": CONNECTIONS}
        poll_until(lambda: Holdings(in_kernel(target)).more_than(before) == more, within_s=5, what="all to be seen")
    poll_until(lambda: not Holdings(in_kernel(target)).more_than(before), within_s=5, what="none to be left")

    target.stop()
