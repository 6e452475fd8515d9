"""What each toxic does to bytes and time, asserted once and asked of both servers.

Lower bounds are the toxic's own numbers: less would mean that it did nothing.  Upper bounds leave ``SLACK_S`` for a
busy machine; accuracy is a matter of `make bench`.
"""

from __future__ import annotations

from time import monotonic

import pytest

from tests.toxiproxy.rig import EARLY_S, SLACK_S, Wire, crossed, ends, read_exactly, read_to_end, took

STREAMS = ["upstream", "downstream"]


@pytest.mark.parametrize("stream", STREAMS)
def test_latency_delays_its_stream_and_not_the_other(wire: Wire, stream: str) -> None:
    """A chunk arrives after the latency and not before; the other stream has none."""
    sender, receiver = ends(wire, stream)
    wire.add("latency", stream, latency=200)
    wire.add("latency", "upstream" if stream == "downstream" else "downstream", latency=0)

    started = monotonic()
    sender.sendall(b"slow")
    receiver.sendall(b"fast")
    read_exactly(sender, 4)
    back = monotonic() - started
    read_exactly(receiver, 4)
    forth = monotonic() - started

    assert back < forth
    assert 0.2 - EARLY_S <= forth <= 0.2 + SLACK_S


def test_latency_delays_each_chunk_from_its_arrival(wire: Wire) -> None:
    """Chunks sent together arrive together, in order: a latency is not a queue."""
    sender, receiver = ends(wire, "downstream")
    wire.add("latency", latency=100)
    parts = [b"%04d" % number for number in range(50)]

    started = monotonic()
    for part in parts:
        sender.sendall(part)
    got = read_exactly(receiver, 200)

    assert got == b"".join(parts)
    assert 0.1 - EARLY_S <= monotonic() - started <= 0.1 + SLACK_S


def test_jitter_stays_within_its_bounds(wire: Wire) -> None:
    """With latency 30 and jitter 20 each of ten chunks takes 10 ms to 50 ms, and not all the same."""
    sender, receiver = ends(wire, "downstream")
    wire.add("latency", latency=30, jitter=20)

    def one() -> None:
        sender.sendall(b"x")
        receiver.recv(1)

    times = [took(one) for _ in range(10)]

    assert min(times) >= 0.010 - EARLY_S
    assert max(times) <= 0.050 + SLACK_S
    assert max(times) - min(times) > 0.002


def test_latencies_add_up(wire: Wire) -> None:
    """Two latencies on one stream delay by their sum."""
    sender, receiver = ends(wire, "downstream")
    for name in ("a", "b"):
        wire.api.ok("POST", f"{wire.path}/toxics", {"type": "latency", "name": name, "attributes": {"latency": 60}})

    waited = crossed(sender, receiver)

    assert 0.12 - EARLY_S <= waited <= 0.12 + SLACK_S


def test_bandwidth_lets_no_more_than_its_rate_pass(wire: Wire) -> None:
    """100 kB at 400 kB/s take a quarter of a second, and arrive unchanged."""
    sender, receiver = ends(wire, "downstream")
    wire.add("bandwidth", rate=400)
    data = bytes(range(250)) * 400

    started = monotonic()
    sender.sendall(data)
    got = read_exactly(receiver, len(data))

    assert got == data
    assert 0.25 * 0.95 <= monotonic() - started <= 0.25 + SLACK_S


def test_bandwidth_zero_stalls_and_heals(wire: Wire) -> None:
    """At rate 0 nothing passes; when the toxic goes, what was held arrives on the same connection."""
    sender, receiver = ends(wire, "downstream")
    toxic = wire.add("bandwidth", rate=0)
    sender.sendall(b"held")
    receiver.settimeout(0.2)

    with pytest.raises(TimeoutError):
        receiver.recv(1)
    wire.remove(toxic)
    receiver.settimeout(5)

    assert read_exactly(receiver, 4) == b"held"


def test_timeout_swallows_data_and_closes_in_time(wire: Wire) -> None:
    """With a timeout nothing arrives, and the connection is closed once that much time has passed in silence."""
    sender, receiver = ends(wire, "downstream")
    started = monotonic()
    wire.add("timeout", timeout=200)

    sender.sendall(b"lost")
    got = read_to_end(receiver)
    waited = monotonic() - started

    assert got == b""
    assert 0.2 - EARLY_S <= waited <= 0.2 + SLACK_S
    assert sender.recv(1) == b""


def test_timeout_zero_is_silence_until_it_is_removed(wire: Wire) -> None:
    """With timeout 0 the connection stays, silent; removing the toxic closes it, because bytes are missing."""
    sender, receiver = ends(wire, "downstream")
    toxic = wire.add("timeout", timeout=0)
    sender.sendall(b"lost")
    receiver.settimeout(0.2)

    with pytest.raises(TimeoutError):
        receiver.recv(1)
    receiver.settimeout(5)
    wire.remove(toxic)

    assert receiver.recv(1) == b""


def test_limit_data_cuts_off_after_its_bytes(wire: Wire) -> None:
    """Exactly the bytes allowed arrive, then the end."""
    wire.add("limit_data", bytes=1000)
    client = wire.connect()
    server = wire.upstream.accept()

    server.sendall(b"a" * 600)
    server.sendall(b"b" * 600)

    assert read_to_end(client) == b"a" * 600 + b"b" * 400
    server.close()


def test_slicer_makes_small_pieces_of_the_same_bytes(wire: Wire) -> None:
    """200 bytes in slices of about 20, 10 ms apart, arrive unchanged, and never more of them than so many slices."""
    sender, receiver = ends(wire, "downstream")
    wire.add("slicer", average_size=20, size_variation=5, delay=10_000)
    data = bytes(range(200))
    got, allowed = b"", list[tuple[int, float]]()

    started = monotonic()
    sender.sendall(data)
    while len(got) < len(data):
        got += receiver.recv(1 << 16)
        allowed.append((len(got), (1 + (monotonic() - started) / 0.01) * 25))

    assert got == data
    assert [] == [(arrived, most) for arrived, most in allowed if arrived > most]
    assert monotonic() - started >= 0.07


def test_slow_close_holds_the_end_back_and_nothing_else(wire: Wire) -> None:
    """Data passes at once; the end of the stream arrives after the delay."""
    sender, receiver = ends(wire, "downstream")
    wire.add("slow_close", delay=200)
    started = monotonic()
    sender.sendall(b"x")
    sender.close()

    assert receiver.recv(1) == b"x"
    data_after = monotonic() - started
    assert receiver.recv(1) == b""
    end_after = monotonic() - started

    assert data_after < end_after
    assert 0.2 - EARLY_S <= end_after <= 0.2 + SLACK_S


@pytest.mark.parametrize("timeout_ms", [0, 150])
def test_reset_peer_resets_after_the_first_data(wire: Wire, timeout_ms: int) -> None:
    """A connection made under the toxic is reset (ECONNRESET) once data has come and the timeout has passed."""
    wire.add("reset_peer", timeout=timeout_ms)
    client = wire.connect()
    server = wire.upstream.accept()

    started = monotonic()
    server.sendall(b"x")
    with pytest.raises(ConnectionResetError):
        client.recv(1)

    assert timeout_ms / 1000 - EARLY_S <= monotonic() - started <= timeout_ms / 1000 + SLACK_S
    server.close()


def test_noop_changes_nothing(wire: Wire) -> None:
    """The control: with the toxic that does nothing every byte arrives."""
    sender, receiver = ends(wire, "downstream")
    wire.add("noop")

    sender.sendall(b"same")

    assert read_exactly(receiver, 4) == b"same"
