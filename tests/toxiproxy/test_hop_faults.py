"""Faults of a whole hop are believed only with evidence: one that leads elsewhere, one whose upstream was killed."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import uuid4

import pytest

from harness.clock import Clock, poll_until
from harness.errors import FaultNotWitnessed
from harness.faults.canary import answer, connect_outcome
from harness.faults.link import LeadsTo
from harness.faults.process import Killed
from harness.toxiproxy.client import Link, LinkServer
from harness.traffic.origin import Origin
from tests.toxiproxy.rig import PATIENCE_S, Api

QUESTION = b"GET /api/health HTTP/1.1\r\nHost: canary\r\n\r\n"


@dataclass
class Hop:
    """A hop to an origin that can be killed."""

    hop: Link
    origin: Origin
    clock: Clock

    def link(self, _hop: str) -> Link:
        return self.hop

    def kill_upstream(self) -> str:
        self.origin.close()
        return "gone"

    def begin_upstream(self) -> None:
        self.origin.open()

    def answered(self) -> bool:
        return answer(*self.hop.listen, QUESTION, PATIENCE_S)[0] == "bytes"


@pytest.fixture
def hop(api: Api, embedded: Api) -> Iterator[Hop]:
    """On each server in turn."""
    with Origin.start() as origin:
        link = LinkServer(api.endpoint, embedded.endpoint).create(f"hop-{uuid4().hex}", origin.address)
        link.question = QUESTION
        yield Hop(link, origin, Clock())
        link.remove()


def test_a_hop_that_leads_elsewhere_leads_back_when_healed(hop: Hop) -> None:
    """Inside the block another server answers, afterwards the upstream."""
    with Origin.start() as elsewhere, LeadsTo(elsewhere.address).inject(hop) as witness:
        assert elsewhere.address in (witness.evidence() or "")
        before = len(hop.origin.connections())
        assert hop.answered()
        assert before == len(hop.origin.connections())

    assert hop.answered()
    poll_until(lambda: len(hop.origin.connections()) > before, within_s=PATIENCE_S, what="the upstream to be asked")


def test_a_hop_that_leads_nowhere_or_nowhere_else_is_not_witnessed(hop: Hop) -> None:
    """A port that nobody answers on, and the upstream itself, show nothing; the hop is as before."""
    with socket.socket() as dead:
        dead.bind(("127.0.0.1", 0))
        for address in (f"127.0.0.1:{dead.getsockname()[1]}", hop.origin.address):
            with pytest.raises(FaultNotWitnessed), LeadsTo(address).inject(hop):
                pass

    assert hop.answered()


def test_a_killed_upstream_refuses_and_comes_back(hop: Hop) -> None:
    """Inside the block the hop refuses as a dead process's port does; afterwards the upstream answers."""
    with Killed().inject(hop) as witness:
        assert connect_outcome(*hop.hop.listen) == "ECONNREFUSED"
        assert "gone" in (witness.evidence() or "")

    assert hop.answered()
