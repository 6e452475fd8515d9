"""Toxicity, chains of toxics, and toxics that come and go: the same on both servers."""

from __future__ import annotations

import socket
from threading import Thread
from typing import Any

import pytest

from tests.toxiproxy.rig import EARLY_S, SLACK_S, Wire, crossed, ends, read_exactly, took


@pytest.mark.parametrize("type_", ["latency", "bandwidth", "limit_data", "timeout", "slicer"])
def test_toxicity_zero_spares_every_connection(wire: Wire, type_: str) -> None:
    """A toxic that hits nobody leaves connections alone."""
    attributes: dict[str, Any] = {
        "latency": {"latency": 5000},
        "slicer": {"average_size": 1, "delay": 1_000_000},
    }.get(type_, {})
    wire.add(type_, toxicity=0, **attributes)
    sender, receiver = ends(wire, "downstream")

    sender.sendall(b"spared")
    waited = took(lambda: read_exactly(receiver, 6))

    assert waited < SLACK_S


def test_toxicity_hits_its_share_of_connections(wire: Wire) -> None:
    """At toxicity 0.5, of 40 connections some are cut off and some are spared (neither: once in 10^12 runs)."""
    wire.add("limit_data", toxicity=0.5)
    hit = 0
    for _ in range(40):
        client = wire.connect()
        server = wire.upstream.accept()
        server.sendall(b"x")
        hit += client.recv(1) == b""
        server.close()

    assert 0 < hit < 40


def test_a_toxic_reaches_connections_that_are_open(wire: Wire) -> None:
    """Adding, changing and removing a latency takes effect on a connection made before."""
    sender, receiver = ends(wire, "downstream")

    toxic = wire.add("latency", latency=150)
    slow = crossed(sender, receiver)
    wire.api.ok("PATCH", toxic, {"attributes": {"latency": 300}})
    slower = crossed(sender, receiver)
    wire.api.ok("PATCH", toxic, {"attributes": {"latency": 60_000}})
    sender.sendall(b"y")
    wire.remove(toxic)

    assert slow >= 0.15 - EARLY_S
    assert slower >= 0.3 - EARLY_S
    assert receiver.recv(1) == b"y"


def test_removing_a_latency_releases_what_it_holds(wire: Wire) -> None:
    """Chunks held by a long latency arrive, complete and in order, when it is removed."""
    sender, receiver = ends(wire, "downstream")
    toxic = wire.add("latency", latency=60_000)
    for number in range(20):
        sender.sendall(b"%02d" % number)

    wire.remove(toxic)

    assert read_exactly(receiver, 40) == b"".join(b"%02d" % number for number in range(20))


def test_a_large_transfer_arrives_unchanged_through_a_chain(wire: Wire) -> None:
    """Two megabytes through slicer, latency and a wide pipe are the same two megabytes."""
    wire.add("slicer", average_size=20_000, size_variation=5_000)
    wire.add("latency", latency=10)
    wire.add("bandwidth", rate=100_000)
    client, server = wire.pair()
    data = bytes(range(256)) * (8 << 10)

    got = _push(server, client, data)

    assert got == data


def _push(sender: socket.socket, receiver: socket.socket, data: bytes) -> bytes:
    sending = Thread(target=sender.sendall, args=(data,))
    sending.start()
    got = read_exactly(receiver, len(data))
    sending.join()
    return got


def test_a_reset_of_the_server_removes_toxics_and_enables(wire: Wire) -> None:
    """After POST /reset the proxy is enabled, has no toxics, and a connection passes."""
    wire.add("timeout")
    wire.api.ok("PATCH", wire.path, {"enabled": False})

    assert wire.api.ask("POST", "/reset") == (204, "")

    state = wire.api.ok("GET", wire.path)
    assert (state["enabled"], state["toxics"]) == (True, [])
    wire.pair()
