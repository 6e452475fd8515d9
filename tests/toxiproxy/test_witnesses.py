"""A toxic counts only with evidence from the wire, whichever server serves the link."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from harness.clock import Clock, poll_until
from harness.errors import FaultNotWitnessed, HarnessError
from harness.faults.canary import refused_connect
from harness.faults.link import (
    AnswerCut,
    AnswerLost,
    AnswerReset,
    BlackHole,
    Latency,
    RequestCut,
    RequestReset,
    _Toxic,
)
from harness.toxiproxy.client import Link, LinkServer
from tests.toxiproxy.rig import PATIENCE_S, Api

TOXICS = [
    RequestReset(),
    RequestCut(),
    AnswerReset(),
    AnswerCut(),
    AnswerLost(),
    Latency("upstream", 0.2),
    BlackHole("upstream"),
]
QUESTION = b"?"


class Answering:
    """An upstream that answers each piece with as many bytes."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._open = ExitStack()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                self._open.callback(sock.close)
                self._threads.append(threading.Thread(target=self._answer, args=(sock,)))
                self._threads[-1].start()

    def _answer(self, sock: socket.socket) -> None:
        with suppress(OSError):
            while piece := sock.recv(1 << 16):
                sock.sendall(piece)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        self._listener.close()
        self._open.close()

    def __enter__(self) -> Answering:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass
class Stage:
    """One hop, at real speed."""

    hop: Link
    clock: Clock
    origin: Any = None

    def link(self, _hop: str) -> Link:
        return self.hop

    def kill_upstream(self) -> str:
        raise NotImplementedError  # no toxic asks for it

    def begin_upstream(self) -> None:
        raise NotImplementedError


@pytest.fixture
def upstream() -> Iterator[Answering]:
    with Answering() as upstream:
        yield upstream


@pytest.fixture
def stage(api: Api, embedded: Api, upstream: Answering) -> Iterator[Stage]:
    """A hop on each server in turn, tapped where the server makes no report."""
    link = LinkServer(api.endpoint, embedded.endpoint).create(f"link-{uuid4().hex}", upstream.address)
    link.question = QUESTION
    assert (link.tap is None) == (api.kind == "embedded")
    yield Stage(link, Clock(1.0))
    link.remove()


def connected(stage: Stage) -> socket.socket:
    """A connection through the hop that was answered once."""
    client = socket.create_connection(stage.hop.listen, timeout=PATIENCE_S)
    try:
        client.sendall(QUESTION)
        assert client.recv(1) == QUESTION
    except BaseException:
        client.close()
        raise
    return client


@pytest.mark.parametrize("toxic", TOXICS, ids=lambda toxic: type(toxic).__name__)
def test_a_toxic_is_witnessed_by_the_connections_it_touched(stage: Stage, toxic: _Toxic) -> None:
    """One that was open before and asks, one that is new and asks, and one that keeps quiet: two were touched."""
    with (
        connected(stage) as old,
        connected(stage),
        toxic.inject(stage) as witness,
        socket.create_connection(stage.hop.listen, timeout=PATIENCE_S) as new,
    ):
        for client in (old, new):
            client.sendall(QUESTION)
        poll_until(lambda: witness.hits() >= 2, within_s=PATIENCE_S, what="both to be touched")

        assert witness.hits() == 2
        assert "touched 2 connections" in (witness.evidence() or "")


@pytest.mark.parametrize("toxic", TOXICS, ids=lambda toxic: type(toxic).__name__)
def test_a_toxic_that_met_nobody_is_not_witnessed(stage: Stage, toxic: _Toxic) -> None:
    """An open connection that is not used proves nothing, nor does our own canary."""
    with connected(stage), toxic.inject(stage) as witness:
        assert witness.hits() == 0
        assert witness.evidence() is None


class Harmless(_Toxic):
    """A toxic that lets everything pass and is said to silence."""

    hop, kind, shows = "upstream", "latency", "silent"

    def attributes(self, stage: Any) -> dict[str, Any]:
        return {"latency": 0, "jitter": 0}


def test_a_toxic_without_effect_is_not_believed(stage: Stage) -> None:
    """A toxic that is on the link and does nothing has no witness, whatever the server confirms."""
    evidence: str | None = "none yet"
    refusal = ""
    try:
        with Harmless().inject(stage) as witness, connected(stage):
            evidence = witness.evidence()
    except FaultNotWitnessed as exc:  # where a canary is sent, it finds out
        refusal = str(exc)

    assert evidence is None or "a canary met 'bytes'" in refusal


def test_a_hop_that_does_not_answer_gives_no_witness(real: Api, embedded: Api, upstream: Answering) -> None:
    """Silence after the toxic says nothing where there was silence before."""
    link = LinkServer(real.endpoint, embedded.endpoint).create(f"link-{uuid4().hex}", "127.0.0.1:1")
    link.question = QUESTION

    with pytest.raises(HarnessError, match="met 'closed' before anything was broken"):
        AnswerCut().inject(Stage(link, Clock(1.0))).__enter__()

    link.remove()


def test_a_toxic_on_a_disabled_hop_is_our_error(stage: Stage) -> None:
    """The server would take it, and it would do nothing."""
    with stage.hop.disabled(), pytest.raises(HarnessError, match=r"disabled|ECONNREFUSED"):
        AnswerReset().inject(stage).__enter__()


def test_a_toxic_removed_by_somebody_else_is_our_error(stage: Stage) -> None:
    """What was seen after that moment is no evidence."""
    with pytest.raises(HarnessError, match="somebody removed toxic"), AnswerLost().inject(stage):
        stage.hop.server._call("delete", f"/proxies/{stage.hop.name}/toxics/timeout_downstream")


def test_a_dead_upstream_behind_an_enabled_link_is_not_refused(api: Api) -> None:
    """Toxiproxy accepts and closes: that is not the ECONNREFUSED a scenario asks for."""
    link = LinkServer(api.endpoint).create(f"link-{uuid4().hex}", "127.0.0.1:1")

    with pytest.raises(FaultNotWitnessed, match="met accepted"):
        refused_connect(*link.listen)

    link.remove()


def test_a_tapped_link_can_be_pointed_elsewhere(stage: Stage) -> None:
    """The tap moves, the link stays where it is, and both go together."""
    with Answering() as other:
        stage.hop.point_at(other.address)

        connected(stage).close()
        if stage.hop.tap is not None:
            assert stage.hop.tap.state().upstream == other.address
