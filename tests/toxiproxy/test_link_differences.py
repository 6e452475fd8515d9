"""Where our server is better than Toxiproxy on purpose.  The list stands in the docs; each entry is tested here."""

from __future__ import annotations

import socket
import struct
from contextlib import ExitStack
from threading import Event, Thread
from time import monotonic
from typing import Any

import httpx
import pytest

from harness.clock import poll_until
from harness.environment.rundir import RunDirectory
from harness.faults.canary import connect_outcome
from harness.traffic.ports import SYN_ANSWERED_WITHIN_S, FullBacklog, bound
from tests.toxiproxy.conftest import serve
from tests.toxiproxy.rig import Api, Upstream, Wire, read_exactly, read_to_end

RST_ON_CLOSE = struct.pack("ii", 1, 0)
KNOCKS = 32  # each meets the deaf listener or the other one by chance: all the same one once in 2^31 runs


def test_a_half_close_passes_through(ours: Wire) -> None:
    """A client that has sent its last byte still gets the whole answer."""
    client, server = ours.pair()

    client.sendall(b"question")
    client.shutdown(socket.SHUT_WR)
    assert read_to_end(server) == b"question"
    server.sendall(b"answer")
    server.close()

    assert read_to_end(client) == b"answer"


@pytest.mark.parametrize("breaker", ["client", "server"])
def test_a_reset_passes_through_as_a_reset(ours: Wire, breaker: str) -> None:
    """A peer's RST reaches the other end as a RST: as a FIN it would make a cut-off answer look complete."""
    client, server = ours.pair()
    sender, receiver = (client, server) if breaker == "client" else (server, client)

    sender.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST_ON_CLOSE)
    sender.close()

    with pytest.raises(ConnectionResetError):
        receiver.recv(1)


def test_a_black_holed_upstream_stalls_only_its_own_connection(ours: Wire) -> None:
    """While one connection waits for its upstream to answer the SYN, the next one is served."""
    with bound("127.0.0.1", 0) as half_deaf:  # of two listeners on one port the kernel picks one for each connection
        port = half_deaf.getsockname()[1]
        deaf = FullBacklog(port)
        try:
            half_deaf.listen()
            ours.api.ok("PATCH", ours.path, {"upstream": f"127.0.0.1:{port}"})
            for _ in range(KNOCKS):
                ours.connect()
            poll_until(lambda: _overtaken(ours.report(), monotonic()), within_s=5, what="one to be overtaken")

            healed = monotonic()
        finally:
            deaf.close()
        poll_until(lambda: _all_served(ours), within_s=10, what="the stalled ones to knock again")

    assert _overtaken(ours.report(), healed)


def _overtaken(connections: list[dict[str, Any]], moment: float) -> bool:
    """Whether one that had waited at ``moment`` for longer than a SYN takes was overtaken by one that came later."""
    waiting = False
    for connection in connections:
        served = connection["connected"] is not None and connection["connected"] < moment
        if served and waiting:
            return True
        waiting |= not served and connection["opened"] < moment - SYN_ANSWERED_WITHIN_S
    return False


def _all_served(wire: Wire) -> bool:
    connections = wire.report()
    return len(connections) == KNOCKS and all(connection["connected"] for connection in connections)


def test_reset_peer_that_hits_nobody_does_nothing(ours: Wire) -> None:
    """With toxicity 0 a connection ends with a FIN, after all its data."""
    ours.add("reset_peer", toxicity=0)
    client, server = ours.pair()

    server.sendall(b"whole")
    server.close()

    assert read_to_end(client) == b"whole"


def test_reset_peer_resets_connections_that_were_open(ours: Wire) -> None:
    """A connection made before the toxic is reset as well, on both its sides."""
    client, server = ours.pair()
    ours.add("reset_peer", timeout=0)

    server.sendall(b"x")

    for end in (client, server):
        with pytest.raises(ConnectionResetError):
            end.recv(1)


def test_removing_a_waiting_reset_heals(ours: Wire) -> None:
    """A reset that has not come yet never comes once the toxic is gone, and the data goes through."""
    client, server = ours.pair()
    toxic = ours.add("reset_peer", timeout=60_000)
    server.sendall(b"spared")

    ours.remove(toxic)

    assert read_exactly(client, 6) == b"spared"


@pytest.mark.parametrize("type_", ["latency", "bandwidth", "slicer", "timeout", "reset_peer", "limit_data"])
def test_removing_a_toxic_never_hangs(ours: Wire, type_: str) -> None:
    """With a receiver that reads nothing and a sender that is blocked, a toxic is still removed at once."""
    attributes: dict[str, Any] = {
        "latency": {"latency": 60_000},
        "limit_data": {"bytes": 1 << 40},
        "reset_peer": {"timeout": 60_000},
    }
    _, server = ours.pair()
    toxic = ours.add(type_, **attributes.get(type_, {}))
    server.setblocking(False)
    try:
        for _ in range(2_000):
            server.send(b"x" * (1 << 16))
    except BlockingIOError:
        pass

    started = monotonic()
    ours.remove(toxic)

    assert monotonic() - started < 5  # Toxiproxy gives up after 25 s, with 503


def test_a_disabled_proxy_keeps_its_port(ours: Wire) -> None:
    """No socket of another program is given the port meanwhile, so enabling always works."""
    ours.api.ok("PATCH", ours.path, {"enabled": False})

    with ExitStack() as taken:
        sockets = [taken.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(200)]
        ports = {sock.getsockname()[1] for sock in sockets}

    assert ours.address[1] not in ports
    assert ours.api.ok("PATCH", ours.path, {"enabled": True})["listen"] == f"127.0.0.1:{ours.address[1]}"
    ours.pair()


def test_a_missing_listen_address_is_this_machine_alone(ours: Wire) -> None:
    """A proxy without a host to listen on listens on 127.0.0.1; Toxiproxy would take every interface."""
    name = ours.name + "-2"

    made = ours.api.ok("POST", "/proxies", {"name": name, "upstream": "u"})

    assert made["listen"].startswith("127.0.0.1:")
    ours.api.ok("DELETE", f"/proxies/{name}")


def test_bytes_are_counted_while_the_connection_is_open(ours: Wire) -> None:
    """The counters do not wait for the end of a connection."""
    ours.pair()

    text = ours.api.http.get("/metrics").text

    for what in ("received", "sent"):
        assert f'{what}_bytes_total{{direction="downstream",listener="127.0.0.1:{ours.address[1]}"' in text


def test_a_seed_repeats_which_connections_are_hit(link_run: RunDirectory) -> None:
    """Two servers with one seed spare and hit the same connections, and another seed others."""
    first, again, other = [_hits(link_run, seed) for seed in ("7", "7", "9")]

    assert first == again
    assert first != other


def _hits(run: RunDirectory, seed: str) -> list[int]:
    """The numbers of the connections, of 40, that a toxicity of 0.5 hits."""
    process, endpoint = serve(run, "--seed", seed)
    with Upstream() as upstream, httpx.Client(base_url=f"http://{endpoint}", trust_env=False) as http:
        api = Api("embedded", endpoint, process, http)
        made = api.ok("POST", "/proxies", {"name": "seeded", "listen": "127.0.0.1:0", "upstream": upstream.address})
        api.ok("POST", "/proxies/seeded/toxics", {"type": "limit_data", "toxicity": 0.5})
        hits = []
        for number in range(40):
            with (
                socket.create_connection(("127.0.0.1", int(made["listen"].rsplit(":", 1)[1])), timeout=5) as client,
                upstream.accept() as server,
            ):
                server.sendall(b"x")
                hits += [] if client.recv(1) else [number]
    process.stop()
    return hits


def test_a_move_that_is_refused_changes_nothing(ours: Wire) -> None:
    """A proxy that was to move to an address that is taken stays where it is, and so do its connections."""
    client, server = ours.pair()
    before = ours.api.ok("GET", ours.path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        move = {"listen": f"127.0.0.1:{taken.getsockname()[1]}", "upstream": "127.0.0.1:1"}

        status, refusal = ours.api.ask("PATCH", ours.path, move)

    assert (status, refusal["error"].rpartition("bind: ")[2]) == (500, "address already in use")
    assert ours.api.ok("GET", ours.path) == before
    server.sendall(b"!")
    assert client.recv(1) == b"!"
    ours.pair()


def test_an_upstream_can_change_without_a_refused_connect(ours: Wire) -> None:
    """Connections of the old upstream are closed, and while the proxy is led elsewhere nobody is refused."""
    client, _ = ours.pair()
    met: list[str] = []
    done = Event()

    def knock() -> None:
        while not done.is_set():
            met.append(connect_outcome(*ours.address))

    knocking = Thread(target=knock)
    knocking.start()
    for port in range(1, 51):
        ours.api.ok("PATCH", ours.path, {"upstream": f"127.0.0.1:{port}"})
    done.set()
    knocking.join()

    assert client.recv(1) == b""
    assert set(met) == {"accepted"}


def test_an_update_that_is_refused_changes_nothing(ours: Wire) -> None:
    """Of an update with one bad attribute the good ones are not taken either."""
    toxic = ours.add("latency", latency=1, jitter=2)
    before = ours.api.ok("GET", toxic)

    status, _ = ours.api.ask("PATCH", toxic, {"toxicity": 0.5, "attributes": {"jitter": 3, "latency": "q"}})

    assert status == 400
    assert ours.api.ok("GET", toxic) == before
