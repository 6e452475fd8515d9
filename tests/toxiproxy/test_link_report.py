"""The report of each connection: the witness of a fault."""

from __future__ import annotations

import socket
from time import monotonic
from typing import Any

import pytest

from harness.clock import poll_until
from tests.toxiproxy.rig import Wire, read_to_end


def ended(wire: Wire) -> dict[str, Any]:
    """The report of the only connection, once it is over."""

    def over() -> dict[str, Any] | None:
        (connection,) = wire.report()
        return connection if connection["closed"] is not None else None

    connection = poll_until(over, within_s=5, what="the connection to end")
    assert connection is not None
    return connection


def test_a_connection_is_reported_with_times_and_bytes(ours: Wire) -> None:
    """Opened, connected and closed are moments of this machine's monotonic clock, in order; bytes are per stream."""
    before = monotonic()
    client, server = ours.pair()
    client.sendall(b"12345")
    assert server.recv(5) == b"12345"
    client.close()
    assert server.recv(1) == b""
    server.close()

    connection = ended(ours)

    assert before <= connection["opened"] <= connection["connected"] <= connection["closed"] <= monotonic()
    assert connection["bytes"] == {"upstream": {"received": 6, "sent": 6}, "downstream": {"received": 1, "sent": 1}}
    assert (connection["ended"], connection["toxics"]) == ("client closed", [])
    assert connection["client"].startswith("127.0.0.1:")


@pytest.mark.parametrize("side", ["client", "upstream"])
@pytest.mark.parametrize("how", ["closed", "reset"])
def test_who_ended_a_connection_is_reported(ours: Wire, side: str, how: str) -> None:
    """The first cause of the end is named: who, and by what."""
    client, server = ours.pair()
    first, second = (client, server) if side == "client" else (server, client)
    if how == "reset":
        first.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    first.close()
    second.settimeout(5)
    try:
        read_to_end(second)
    except ConnectionResetError:
        assert how == "reset"
    second.close()

    assert ended(ours)["ended"] == f"{side} {how}"


def test_an_unreachable_upstream_is_reported(ours: Wire) -> None:
    """A connection that found no upstream says so, with the system's reason."""
    ours.upstream.close()

    assert ours.connect().recv(1) == b""
    connection = ended(ours)

    assert (connection["ended"], connection["connected"]) == ("upstream unreachable", None)
    assert "refused" in connection["detail"]


def test_disabling_is_reported(ours: Wire) -> None:
    """A connection that the proxy's being disabled closed says so."""
    ours.pair()

    ours.api.ok("PATCH", ours.path, {"enabled": False})

    assert ended(ours)["ended"] == "proxy disabled"


def test_a_toxic_that_ends_a_connection_is_named(ours: Wire) -> None:
    """The toxic that closed a connection is named, with when it first and last acted."""
    client, server = ours.pair()
    before = monotonic()
    ours.add("limit_data", bytes=1)
    server.sendall(b"abc")
    assert read_to_end(client) == b"a"
    server.close()

    connection = ended(ours)
    (touch,) = connection["toxics"]

    assert (connection["ended"], connection["detail"]) == ("toxic", "limit_data_downstream")
    assert (touch["name"], touch["type"], touch["stream"]) == ("limit_data_downstream", "limit_data", "downstream")
    assert before <= touch["first"] <= touch["last"] <= monotonic()
    assert connection["bytes"]["downstream"] == {"received": 4, "sent": 2}


@pytest.mark.parametrize(
    ("type_", "attributes", "touched"),
    [
        ("noop", {}, False),
        ("latency", {"latency": 0}, False),
        ("latency", {"latency": 20}, True),
        ("bandwidth", {"rate": 1000}, True),
        ("slow_close", {"delay": 1}, False),
        ("limit_data", {"bytes": 1000}, False),
        ("slicer", {"average_size": 1000}, True),
        ("timeout", {}, True),
        ("reset_peer", {"timeout": 60_000}, True),
    ],
)
def test_only_a_toxic_that_did_something_is_reported(
    ours: Wire, type_: str, attributes: dict[str, Any], touched: bool
) -> None:
    """A toxic that let everything pass untouched is no witness; one that delayed, cut or dropped is."""
    _, server = ours.pair()
    ours.add(type_, **attributes)
    sent = len(b"data") + 1

    server.sendall(b"data")
    poll_until(
        lambda: ours.report()[0]["bytes"]["downstream"]["received"] == sent, within_s=5, what="the data to arrive"
    )
    (connection,) = ours.report()

    assert [touch["type"] for touch in connection["toxics"]] == ([type_] if touched else [])


def test_since_leaves_out_what_was_over_before(ours: Wire) -> None:
    """With ``since`` the report has the connections that were open at that moment or later."""
    client, server = ours.pair()
    client.close()
    assert server.recv(1) == b""
    server.close()
    ended(ours)
    ours.pair()

    report = ours.api.ok("GET", f"{ours.path}/connections?since={monotonic()}")

    assert report["accepted"] == 2
    assert [connection["id"] for connection in report["connections"]] == [2]
    assert ours.api.ask("GET", f"{ours.path}/connections?since=x")[0] == 400
