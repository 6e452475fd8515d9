"""Many connections, and receivers that do not read."""

from __future__ import annotations

import socket
from threading import Thread
from typing import Any

import psutil

from harness.clock import poll_until
from tests.toxiproxy.rig import Wire, read_exactly

MANY = 500
SHORT = 400
MIB = 1 << 20
COMING_AND_GOING: list[tuple[str, dict[str, Any]]] = [
    ("latency", {"latency": 3}),
    ("slicer", {"average_size": 9000}),
    ("noop", {}),
]


def descriptors(wire: Wire) -> int:
    """Open files of the server's process."""
    return psutil.Process(wire.api.process.pid).num_fds()


def test_five_hundred_connections_at_once_lose_nothing(ours: Wire) -> None:
    """Each of 500 connections that are open together gets its own bytes back; afterwards nothing is left open."""
    ours.pair()
    before = descriptors(ours)
    clients = [ours.connect() for _ in range(MANY)]
    servers = [ours.upstream.accept() for _ in range(MANY)]
    for number, client in enumerate(clients):
        client.sendall(b"%08d" % number)

    received = {read_exactly(server, 8) for server in servers}
    for server in servers:
        server.close()
    ends = [client.recv(1) for client in clients]
    for client in clients:
        client.close()

    assert received == {b"%08d" % number for number in range(MANY)}
    assert ends == [b""] * MANY
    poll_until(lambda: descriptors(ours) <= before, within_s=5, what="the descriptors to be closed")


def test_a_receiver_that_does_not_read_stops_the_sender(ours: Wire) -> None:
    """Of a flood that nobody reads the server holds only a little, and all of it arrives once somebody reads."""
    client, server = ours.pair()
    process = psutil.Process(ours.api.process.pid)
    before = process.memory_info().rss
    flood = bytes(range(256)) * (48 * MIB // 256)
    sending = Thread(target=server.sendall, args=(flood,))
    sending.start()
    poll_until(lambda: _stands_still(ours), within_s=10, what="the sender to be stopped")

    held = process.memory_info().rss - before
    alive = sending.is_alive()
    got = read_exactly(client, len(flood))
    sending.join()

    assert alive
    assert held < 16 * MIB
    assert got == flood


def _stands_still(wire: Wire) -> bool:
    """Whether no byte moves for a while."""
    seen: list[int] = [wire.report()[0]["bytes"]["downstream"]["received"] for _ in range(30)]
    return seen[0] == seen[-1] > MIB // 4


def test_toxics_come_and_go_under_traffic(ours: Wire) -> None:
    """While 4 MiB stream through, toxics are added, changed and removed 150 times; every byte arrives in order."""
    client, server = ours.pair()
    data = bytes(range(256)) * (4 * MIB // 256)
    got: list[bytes] = []
    reading = Thread(target=lambda: got.append(read_exactly(client, len(data))))
    reading.start()
    sending = Thread(target=server.sendall, args=(data,))
    ours.add("bandwidth", rate=8_000)  # half a second for the transfer
    sending.start()
    for _ in range(50):
        for type_, attributes in COMING_AND_GOING:
            ours.remove(ours.add(type_, **attributes))
    sending.join()
    reading.join()

    assert got == [data]


def test_many_short_connections_leave_nothing(ours: Wire) -> None:
    """Descriptors and open reports are back to none after 400 connections, one after the other."""
    before = descriptors(ours)

    for _ in range(SHORT):
        with socket.create_connection(ours.address, timeout=5), ours.upstream.accept():
            pass

    poll_until(lambda: descriptors(ours) <= before, within_s=5, what="the descriptors to be closed")
    report = ours.api.ok("GET", f"{ours.path}/connections")
    assert report["accepted"] == SHORT
    assert all(connection["closed"] is not None for connection in report["connections"])
