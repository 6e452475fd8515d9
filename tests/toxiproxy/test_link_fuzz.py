"""Nothing that is sent to the API or through a proxy makes the server fall."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.traffic.readiness import ready
from tests.toxiproxy.rig import PATIENCE_S, Api, Upstream, Wire, read_to_end

FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

KEYS = st.sampled_from(
    ["name", "Name", "listen", "upstream", "enabled", "type", "stream", "toxicity", "attributes", "latency", "bytes"]
)
TYPES = ["latency", "bandwidth", "slicer", "timeout", "limit_data", "reset_peer", "slow_close", "noop"]
WORDS = st.sampled_from(["a", "", "127.0.0.1:0", "[::1]:0", "localhost:http", "upstream", "DownStream", *TYPES])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | WORDS
VALUES = st.recursive(
    SCALARS, lambda v: st.lists(v, max_size=4) | st.dictionaries(KEYS, v, max_size=6), max_leaves=12
)
BODIES = st.binary(max_size=60) | VALUES.map(lambda v: json.dumps(v).encode())
PATHS = st.sampled_from(
    [
        "/proxies",
        "/proxies/fuzz",
        "/proxies/a",
        "/proxies/fuzz/toxics",
        "/proxies/fuzz/toxics/latency_downstream",
        "/proxies/fuzz/connections",
        "/populate",
        "/reset",
        "/version",
        "/metrics",
    ]
) | st.lists(
    st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#?/"), min_size=1), max_size=3
).map(lambda parts: "/" + "/".join(parts))
METHODS = st.sampled_from(["GET", "POST", "PATCH", "DELETE", "PUT", "HEAD", "OPTIONS"])
MOST_ASKED_BYTES = 16 << 20  # what the buffers of two kernels and of the server can hold is less
TEXTS = {"404 page not found\n", "User agent not allowed\n", ""}  # Toxiproxy's router speaks no JSON either


@pytest.fixture
def fuzzed(embedded: Api, make_wire: Callable[[Api], Wire]) -> Iterator[Api]:
    """Our server with a proxy of the name that the paths use, and clean again afterwards."""
    embedded.ok("POST", "/proxies", {"name": "fuzz", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1"})
    yield embedded
    for name in embedded.ok("GET", "/proxies"):
        embedded.http.delete(f"/proxies/{quote(name, safe='')}")
    make_wire(embedded).pair()


@FUZZ
@given(METHODS, PATHS, BODIES)
def test_the_api_answers_everything_with_json(fuzzed: Api, method: str, path: str, body: bytes) -> None:
    """Any method, path and body gets an answer below 500 or the system's refusal to listen, as JSON."""
    answer = fuzzed.http.request(method, path, content=body)

    if answer.text not in TEXTS and path != "/metrics":
        said = answer.json()
        if answer.is_error:
            assert said["status"] == answer.status_code
            assert "internal" not in said["error"]
    assert fuzzed.process.alive()


@FUZZ
@given(st.lists(st.binary(max_size=200), max_size=4))
def test_bytes_that_are_no_http_do_no_harm(embedded: Api, pieces: list[bytes]) -> None:
    """The API's port takes any bytes; the next client is served."""
    host, port = embedded.endpoint.split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as sock:
        try:
            for piece in pieces:
                sock.sendall(piece)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has hung up on us, as it may

    assert embedded.ok("GET", "/version") == {"version": "2.12.0"}


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET /version HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"400"),
        (b"POST /populate HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nConnection: close\r\n\r\n[]", b"201"),
        (b"GET /version HTTP/1.0\r\n\r\n", b"200"),
        (
            b"POST /populate HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
            b"2\r\n[]\r\n0\r\n\r\n",
            b"201",
        ),
        (
            b"POST /populate HTTP/1.1\r\nHost: a\r\nContent-Length: 17000000\r\nConnection: close\r\n\r\n"
            + b" " * 17_000_000,
            b"413",
        ),
    ],
)
def test_http_is_read_strictly(embedded: Api, sent: bytes, status: bytes) -> None:
    """Framing errors are 400, an endless body is 413, both framings and HTTP/1.0 work."""
    host, port = embedded.endpoint.split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as sock:
        try:
            sock.sendall(sent)
        except (BrokenPipeError, ConnectionResetError):
            return  # refused before we had said it all
        try:
            answer = sock.recv(100)
        except ConnectionResetError:
            return

    assert answer.split(b" ")[1] == status


@pytest.mark.parametrize("field", [b"X: %s\r\n" % (b"x" * 1000), b"x" * 1000], ids=["many", "one"])
def test_a_head_without_end_is_refused(embedded: Api, field: bytes) -> None:
    """Header after header, or one that does not end, until the server has had enough: 431, not all the memory."""
    host, port = embedded.endpoint.split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as sock:
        sock.sendall(b"GET /version HTTP/1.1\r\nHost: a\r\nY: ")
        answer = b""
        with suppress(BrokenPipeError, ConnectionResetError):
            for _ in range(20_000):
                sock.sendall(field)
            answer = sock.recv(100)  # all was taken: there is no limit

    assert answer == b""
    assert embedded.ok("GET", "/version") == {"version": "2.12.0"}


def test_a_client_that_asks_and_does_not_read_is_not_read(embedded: Api) -> None:
    """Answers that nobody takes do not pile up: the client is blocked, and gets every answer once it reads."""
    question = b"GET /version HTTP/1.1\r\nHost: a\r\n\r\n"
    host, port = embedded.endpoint.split(":")
    with socket.socket() as sock:
        for buffer in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            sock.setsockopt(socket.SOL_SOCKET, buffer, 4096)
        sock.connect((host, int(port)))
        asked = 0
        while ready(sock, 0.5, writing=True)[1]:  # the server answers a thousand questions in 0.1 s
            asked += sock.send(question * 100, socket.MSG_DONTWAIT)
            assert asked < MOST_ASKED_BYTES
        sock.shutdown(socket.SHUT_WR)
        sock.settimeout(PATIENCE_S)
        answers = read_to_end(sock).count(b"HTTP/1.1 200 OK\r\n")

    assert answers == asked // len(question)


def test_a_client_that_waits_to_be_asked_for_its_body_is_asked(embedded: Api) -> None:
    """``Expect: 100-continue`` gets its interim answer before the body is sent."""
    host, port = embedded.endpoint.split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as sock:
        sock.sendall(b"POST /populate HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        interim = sock.recv(100)
        sock.sendall(b"[]")
        answer = sock.recv(1 << 16)

    assert interim == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert answer.startswith(b"HTTP/1.1 201 Created\r\n")


def test_requests_in_a_row_are_answered_in_order(embedded: Api) -> None:
    """Pipelined requests get their answers one after the other."""
    host, port = embedded.endpoint.split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as sock:
        sock.sendall(
            b"GET /version HTTP/1.1\r\nHost: a\r\n\r\n"
            b"POST /populate HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n[]"
            b"GET /nowhere HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        )
        answer = b""
        while piece := sock.recv(1 << 16):
            answer += piece

    assert re.findall(rb"HTTP/1\.1 (\d+)", answer) == [b"200", b"201", b"404"]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.booleans(), st.binary(min_size=1, max_size=3000)), max_size=8))
def test_any_bytes_cross_a_proxy_unchanged(ours: Wire, pieces: list[tuple[bool, bytes]]) -> None:
    """Whatever is sent, in whichever direction, is what arrives."""
    client, server = ours.pair()
    for upstream, piece in pieces:
        sender, receiver = (client, server) if upstream else (server, client)
        sender.sendall(piece)
        got = b""
        while len(got) < len(piece):
            got += receiver.recv(1 << 16)
        assert got == piece
    client.close()
    server.close()


NUMBERS = st.integers(-3, 100) | st.integers(-(1 << 63), (1 << 63) - 1)
ATTRIBUTES = st.dictionaries(
    st.sampled_from(["latency", "jitter", "rate", "delay", "timeout", "average_size", "size_variation", "bytes"]),
    NUMBERS,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(TYPES), ATTRIBUTES, st.booleans()), min_size=1, max_size=3))
def test_toxics_with_any_numbers_do_no_harm(ours: Wire, toxics: list[tuple[str, dict[str, int], bool]]) -> None:
    """Toxics with every number that fits take traffic and go; the next connection is served."""
    with ours.connect() as client, ours.upstream.accept() as server:
        added = []
        for number, (type_, attributes, up) in enumerate(toxics):
            stream = "upstream" if up else "downstream"
            toxic = {"type": type_, "name": str(number), "stream": stream, "attributes": attributes}
            added.append(ours.api.ok("POST", f"{ours.path}/toxics", toxic)["name"])
        for end in (client, server):
            with suppress(ConnectionResetError, BrokenPipeError):
                end.sendall(b"x" * 1000)
        for name in added:
            ours.remove(f"{ours.path}/toxics/{name}")

    ours.pair()


def test_an_upstream_that_is_no_address_is_an_empty_reply(embedded: Api, make_wire: Callable[[Api], Wire]) -> None:
    """A nonsensical upstream is accepted by the API, as Toxiproxy does, and every connection is closed."""
    wire = make_wire(embedded)
    for upstream in ("nonsense", "127.0.0.1:http_", "a\x00b:1", "[::1", "x" * 300 + ":1", "127.0.0.1:99999"):
        embedded.ok("PATCH", wire.path, {"upstream": upstream})

        with socket.create_connection(wire.address, timeout=PATIENCE_S) as sock:
            assert sock.recv(1) == b"", upstream
    assert isinstance(wire.upstream, Upstream)
