"""What takes time takes the same time on both servers: within 10 ms or 5 %, whichever is more.

The two are measured in turn, and the shortest of each one's times are compared: a busy machine only ever adds to a
time, so the shortest is what the server itself takes, and a server that takes too long shows it in every round.
Accuracy on an idle machine, median and p99, is a matter of `make bench`.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from time import monotonic

import pytest

from tests.toxiproxy.rig import Api, Wire, ends, read_exactly, read_to_end

SAME_S, SAME_SHARE = 0.010, 0.05
ROUNDS, MOST_ROUNDS = 3, 40  # one quiet moment for each server is enough; a busy machine has few

Moments = tuple[float, ...]  # seconds since the experiment began


def latency(wire: Wire) -> Moments:
    """Two chunks, one 30 ms after the other."""
    sender, receiver = ends(wire, "downstream")
    began = monotonic()
    sender.sendall(b"a")
    receiver.settimeout(0.03)
    with pytest.raises(TimeoutError):
        receiver.recv(1)
    receiver.settimeout(5)
    sender.sendall(b"b")
    return tuple(arrived(lambda: receiver.recv(1), began) for _ in range(2))


def there_and_back(wire: Wire) -> Moments:
    """A question and its answer."""
    client, server = wire.pair()
    began = monotonic()
    client.sendall(b"?")
    asked = arrived(lambda: server.recv(1), began)
    server.sendall(b"!")
    return asked, arrived(lambda: client.recv(1), began)


def quarters(wire: Wire) -> Moments:
    """Each quarter of 100 kB."""
    receiver, sender = fresh(wire)
    began = monotonic()
    sender.sendall(b"x" * 100_000)
    return tuple(arrived(lambda: read_exactly(receiver, 25_000), began) for _ in range(4))


def two_hundred_bytes(wire: Wire) -> Moments:
    """The first and the last byte of 200."""
    receiver, sender = fresh(wire)
    began = monotonic()
    sender.sendall(b"x" * 200)
    return arrived(lambda: receiver.recv(1), began), arrived(lambda: read_exactly(receiver, 199), began)


def the_end(wire: Wire) -> Moments:
    """The end of the stream, after one byte, when the sender closes."""
    sender, receiver = ends(wire, "downstream")
    began = monotonic()
    sender.sendall(b"x")
    sender.close()
    return arrived(lambda: receiver.recv(1), began), arrived(lambda: receiver.recv(1), began)


def silence(wire: Wire) -> Moments:
    """The end of a new connection on which a toxic lets nothing pass."""
    began = monotonic()
    client, _ = fresh(wire)
    return (arrived(lambda: read_to_end(client), began),)


def reset(wire: Wire) -> Moments:
    """The reset of a new connection after its first byte."""
    client, server = fresh(wire)
    began = monotonic()
    server.sendall(b"x")

    def meet() -> None:
        with pytest.raises(ConnectionResetError):
            client.recv(1)

    return (arrived(meet, began),)


def fresh(wire: Wire) -> tuple[socket.socket, socket.socket]:
    """The client end and the upstream end of a connection that nothing has crossed yet."""
    return wire.connect(), wire.upstream.accept()


def arrived(wait: Callable[[], object], began: float) -> float:
    """The moment at which ``wait`` returns."""
    wait()
    return monotonic() - began


Toxics = list[tuple[str, str, dict[str, int]]]
TIMED: list[tuple[Callable[[Wire], Moments], Toxics, Moments]] = [
    (there_and_back, [], (0, 0)),
    (latency, [("latency", "downstream", {"latency": 80})], (0.08, 0.11)),
    (latency, [("latency", "downstream", {"latency": 60}), ("noop", "downstream", {})], (0.06, 0.09)),
    (
        there_and_back,
        [("latency", "upstream", {"latency": 70}), ("latency", "downstream", {"latency": 50})],
        (0.07, 0.12),
    ),
    (quarters, [("bandwidth", "downstream", {"rate": 500})], (0.065, 0.131, 0.196, 0.2)),  # in pieces of 32 KiB
    (two_hundred_bytes, [("bandwidth", "downstream", {"rate": 1})], (0.1, 0.2)),
    (two_hundred_bytes, [("slicer", "downstream", {"average_size": 50, "delay": 40_000})], (0, 0.12)),
    (the_end, [("slow_close", "downstream", {"delay": 150})], (0, 0.15)),
    (silence, [("timeout", "downstream", {"timeout": 120})], (0.12,)),
    (silence, [("timeout", "upstream", {"timeout": 120})], (0.12,)),
    (reset, [("reset_peer", "downstream", {"timeout": 130})], (0.13,)),
]


@pytest.mark.parametrize(
    ("experiment", "toxics", "asked"),
    TIMED,
    ids=[f"{timed[0].__name__}-{'+'.join(toxic[0] for toxic in timed[1]) or 'nothing'}" for timed in TIMED],
)
def test_both_servers_take_the_same_time(
    embedded: Api,
    real: Api,
    make_wire: Callable[[Api], Wire],
    experiment: Callable[[Wire], Moments],
    toxics: Toxics,
    asked: Moments,
) -> None:
    """Each moment of an experiment comes at the same time on ours and on the real one, and no earlier than asked."""
    wires = make_wire(embedded), make_wire(real)
    for wire in wires:
        for number, (type_, stream, attributes) in enumerate(toxics):
            toxic = {"name": str(number), "type": type_, "stream": stream, "attributes": attributes}
            wire.api.ok("POST", f"{wire.path}/toxics", toxic)

    shortest: list[Moments] = [(), ()]
    for number in range(MOST_ROUNDS):
        for which, wire in enumerate(wires):
            moments = experiment(wire)
            shortest[which] = tuple(map(min, moments, shortest[which])) if shortest[which] else moments
        if number + 1 >= ROUNDS and same(*shortest) and same(shortest[0], asked):
            break
    ours, theirs = shortest

    assert same(ours, theirs), (ours, theirs)
    for moments in shortest:
        assert all(moment >= wanted for moment, wanted in zip(moments, asked, strict=True)), (moments, asked)
    assert same(ours, asked), (ours, asked)


def same(ours: Moments, theirs: Moments) -> bool:
    return all(abs(a - b) <= max(SAME_S, SAME_SHARE * b) for a, b in zip(ours, theirs, strict=True))
