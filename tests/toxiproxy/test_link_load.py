"""Many connections, many toxics, and receivers that do not read."""

from __future__ import annotations

import resource
import socket
from collections.abc import Iterator
from hashlib import sha256
from itertools import count, islice
from threading import Event, Thread
from typing import Any

import psutil
import pytest

from harness.clock import poll_until
from tests.toxiproxy.rig import Wire, read_exactly

AT_ONCE, GROUP = 2_000, 500
ONE_AFTER_THE_OTHER, SIDE_BY_SIDE, WARM = 10_000, 100, 3_000
CHANGES = 1_000
GROWTH_BYTES = 1 << 20  # of a process that has seen as many connections as it remembers: measured, some 20 KiB
MIB = 1 << 20
COMING_AND_GOING: list[tuple[str, str, dict[str, Any]]] = [
    ("latency", "downstream", {"latency": 3}),
    ("slicer", "downstream", {"average_size": 9_000}),
    ("bandwidth", "upstream", {"rate": 50_000}),
    ("noop", "downstream", {}),
    ("limit_data", "downstream", {"bytes": 1 << 60}),
    ("slow_close", "upstream", {"delay": 5}),
    ("latency", "upstream", {"latency": 2, "jitter": 1}),
    ("reset_peer", "downstream", {"timeout": 3_600_000}),
]


@pytest.fixture(autouse=True)
def enough_descriptors() -> Iterator[None]:
    """Both ends of a connection are this process's."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2 * AT_ONCE + 1_000:
        pytest.skip(f"this account may have no more than {hard} open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2 * AT_ONCE + 1_000), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def server_process(wire: Wire) -> psutil.Process:
    return psutil.Process(wire.api.process.pid)


def descriptors(wire: Wire) -> int:
    """Open files of the server's process."""
    found: int = server_process(wire).num_fds()
    return found


def memory(wire: Wire) -> int:
    """Bytes that the server's process holds."""
    found: int = server_process(wire).memory_info().rss
    return found


def test_two_thousand_connections_at_once_lose_nothing(ours: Wire) -> None:
    """Each of 2,000 connections that are open together gets its own bytes through; nothing is left open."""
    ours.pair()
    before = descriptors(ours)
    clients: list[socket.socket] = []
    servers: list[socket.socket] = []
    for _ in range(AT_ONCE // GROUP):  # the upstream's backlog holds no more at a time
        clients += [ours.connect() for _ in range(GROUP)]
        servers += [ours.upstream.accept() for _ in range(GROUP)]
    for number, client in enumerate(clients):
        client.sendall(b"%08d" % number)

    open_ = descriptors(ours) - before
    received = {read_exactly(server, 8) for server in servers}
    for server in servers:
        server.close()
    ends = [client.recv(1) for client in clients]
    for client in clients:
        client.close()

    assert open_ == 2 * AT_ONCE
    assert received == {b"%08d" % number for number in range(AT_ONCE)}
    assert ends == [b""] * AT_ONCE
    poll_until(lambda: descriptors(ours) <= before, within_s=10, what="the descriptors to be closed")


def come_and_go(wire: Wire, connections: int) -> None:
    """Open connections, a hundred at a time, carry a byte across each, and close them from one end or the other."""
    for group in range(connections // SIDE_BY_SIDE):
        clients = [socket.create_connection(wire.address, timeout=10) for _ in range(SIDE_BY_SIDE)]
        servers = [wire.upstream.accept() for _ in range(SIDE_BY_SIDE)]
        for number, client in enumerate(clients):
            client.sendall(bytes([number]))
        assert {server.recv(1)[0] for server in servers} == set(range(SIDE_BY_SIDE))
        first, second = (clients, servers) if group % 2 else (servers, clients)
        for end in first:
            end.close()
        assert [end.recv(1) for end in second] == [b""] * SIDE_BY_SIDE
        for end in second:
            end.close()


def test_ten_thousand_connections_leave_nothing(ours: Wire) -> None:
    """After 10,000 connections no descriptor is open, every report is closed, and the memory is what it was."""
    before = descriptors(ours)
    come_and_go(ours, WARM)
    warm = memory(ours)

    come_and_go(ours, ONE_AFTER_THE_OTHER - WARM)

    poll_until(lambda: descriptors(ours) <= before, within_s=10, what="the descriptors to be closed")
    grown = memory(ours) - warm  # before a report of 2,000 connections is written, which takes megabytes for a moment
    report = ours.api.ok("GET", f"{ours.path}/connections")
    assert report["accepted"] == ONE_AFTER_THE_OTHER
    assert all(connection["closed"] is not None for connection in report["connections"])
    assert grown < GROWTH_BYTES


class Traffic:
    """A stream through a link that goes on until it is told to stop, and the digests of what went in and came out."""

    def __init__(self, sender: socket.socket, receiver: socket.socket) -> None:
        self.sent, self.received = sha256(), sha256()
        self.bytes = 0
        self._stop = Event()
        self._threads = Thread(target=self._send, args=(sender,)), Thread(target=self._receive, args=(receiver,))
        for thread in self._threads:
            thread.start()

    def _send(self, sender: socket.socket) -> None:
        for number in count():
            piece = b"%016d" % number * 512
            sender.sendall(piece)
            self.sent.update(piece)
            if self._stop.is_set():
                sender.shutdown(socket.SHUT_WR)
                return

    def _receive(self, receiver: socket.socket) -> None:
        while piece := receiver.recv(1 << 18):
            self.received.update(piece)
            self.bytes += len(piece)

    def stop(self) -> None:
        """Say so, and wait until the end has come through."""
        self._stop.set()
        for thread in self._threads:
            thread.join()


def test_toxics_come_and_go_under_traffic(ours: Wire) -> None:
    """While streams go both ways, toxics are added and removed 1,000 times: every byte arrives, in order."""
    ours.add("bandwidth", rate=500)  # or the streams would take all of the machine
    ours.add("bandwidth", "upstream", rate=500)
    pairs = [ours.pair() for _ in range(2)]
    before, held = descriptors(ours), memory(ours)
    flows = [Traffic(a, b) for client, server in pairs for a, b in ((client, server), (server, client))]
    rounds = (toxic for _ in count() for toxic in COMING_AND_GOING)
    for number, (type_, stream, attributes) in enumerate(islice(rounds, CHANGES)):
        name = f"{number}"
        toxic = {"name": name, "type": type_, "stream": stream, "attributes": attributes}
        ours.api.ok("POST", f"{ours.path}/toxics", toxic)
        ours.remove(f"{ours.path}/toxics/{name}")
    opened, grown = descriptors(ours) - before, memory(ours) - held
    for flow in flows:
        flow.stop()

    assert [flow.received.hexdigest() for flow in flows] == [flow.sent.hexdigest() for flow in flows]
    assert all(flow.bytes > MIB for flow in flows)
    assert opened == 0
    assert grown < 4 * GROWTH_BYTES  # four streams, each with what a toxic holds at the moment


def test_a_receiver_that_does_not_read_stops_the_sender(ours: Wire) -> None:
    """Of a flood that nobody reads the server holds only a little, and all of it arrives once somebody reads."""
    client, server = ours.pair()
    before = memory(ours)
    flood = bytes(range(256)) * (48 * MIB // 256)
    sending = Thread(target=server.sendall, args=(flood,))
    sending.start()
    poll_until(lambda: _stands_still(ours), within_s=10, what="the sender to be stopped")

    held = memory(ours) - before
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
