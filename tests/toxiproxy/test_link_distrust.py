"""The client does not believe a server that is broken."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest

from harness.errors import EnvironmentUnavailable, HarnessError
from harness.toxiproxy import client
from harness.toxiproxy.client import LinkServer
from tests.toxiproxy.liar import PROXY, TOXIC, Liar, lying


@pytest.fixture
def liar() -> Iterator[Liar]:
    with lying() as liar:
        yield liar


def add_noop(server: LinkServer) -> None:
    with server.link("a").toxic("noop"):
        pass


def disable(server: LinkServer) -> None:
    with server.link("a").disabled():
        pass


ACTIONS: list[tuple[str, Callable[[LinkServer], object]]] = [
    ("POST /proxies", lambda server: server.create("a", "u:1")),
    ("POST /proxies/a/toxics", add_noop),
    ("GET /proxies/a/toxics/noop_downstream", add_noop),
    ("DELETE /proxies/a/toxics/noop_downstream", add_noop),
    ("POST /proxies/a", disable),
    ("POST /reset", LinkServer.reset),
    ("GET /proxies", LinkServer.names),
    ("GET /metrics", lambda server: server.metrics_bytes("a")),
]


@pytest.mark.parametrize("status", [500, 503, 302])
@pytest.mark.parametrize(("what", "action"), ACTIONS)
def test_every_answer_but_success_is_our_error(
    liar: Liar, what: str, action: Callable[[LinkServer], object], status: int
) -> None:
    """A status that toxiproxy-python takes for success is an error with method, URL, status and body."""
    server = LinkServer(liar.endpoint)
    liar.replies[what] = (status, b"broken inside")
    method, path = what.split()

    with pytest.raises(HarnessError, match=f"{method} http://{liar.endpoint}{path}: {status} broken inside"):
        action(server)


def test_a_toxic_that_does_not_read_back_is_our_error(liar: Liar) -> None:
    """200 to the POST is not enough: what is read back must be what was asked for."""
    liar.replies["GET /proxies/a/toxics/noop_downstream"] = (200, {**TOXIC, "toxicity": 0.5})

    with pytest.raises(HarnessError, match="reads back as"):
        add_noop(LinkServer(liar.endpoint))


def test_a_toxic_that_is_still_there_is_our_error(liar: Liar) -> None:
    """204 to the DELETE is not enough either."""
    liar.replies["GET /proxies/a"] = (200, {**PROXY, "toxics": [TOXIC]})

    with pytest.raises(HarnessError, match="was removed and is still there"):
        add_noop(LinkServer(liar.endpoint))


def test_a_link_that_stays_enabled_is_our_error(liar: Liar) -> None:
    """A disabling that the server confirmed and did not do is found by reading back."""
    with pytest.raises(HarnessError, match="was to be disabled and is enabled"):
        disable(LinkServer(liar.endpoint))


def test_a_reset_that_leaves_a_toxic_is_our_error(liar: Liar) -> None:
    """After a reset every link is looked at."""
    liar.replies["GET /proxies"] = (200, {"a": {**PROXY, "toxics": [TOXIC]}})

    with pytest.raises(HarnessError, match="after a reset link 'a' is still"):
        LinkServer(liar.endpoint).reset()


def test_a_link_that_does_not_move_is_our_error(liar: Liar) -> None:
    """Pointing elsewhere is read back, too."""
    with pytest.raises(HarnessError, match="was to lead to v:2"):
        LinkServer(liar.endpoint).link("a").point_at("v:2")


def test_a_link_that_reads_back_otherwise_is_our_error(liar: Liar) -> None:
    """A new link that leads elsewhere than asked is none."""
    with pytest.raises(HarnessError, match="reads back as"):
        LinkServer(liar.endpoint).create("a", "v:2")


def test_an_answer_that_is_not_json_is_our_error(liar: Liar) -> None:
    """A page of some other server is not taken for a link."""
    server = LinkServer(liar.endpoint)
    liar.replies["GET /proxies/a"] = (200, b"<html>")

    with pytest.raises(HarnessError, match="not JSON"):
        server.link("a")


@pytest.mark.parametrize("reply", [(200, b"<html>"), (200, []), (404, None), (500, None)])
def test_what_is_no_toxiproxy_is_an_unavailable_environment(liar: Liar, reply: tuple[int, object]) -> None:
    """A server without a version is named with its address."""
    liar.replies["GET /version"] = reply

    with pytest.raises(EnvironmentUnavailable, match=f"no Toxiproxy server answers at {liar.endpoint}"):
        LinkServer(liar.endpoint)


def test_nobody_there_is_an_unavailable_environment() -> None:
    """A refused connect is named with its address."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        endpoint = f"127.0.0.1:{taken.getsockname()[1]}"

    with pytest.raises(EnvironmentUnavailable, match=endpoint):
        LinkServer(endpoint)


def test_a_server_that_is_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call ends after its timeout; it is shortened here from 5 s."""
    monkeypatch.setattr(client, "TIMEOUT_S", 0.1)

    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(EnvironmentUnavailable, match=r"timed out|timeout"),
    ):
        LinkServer(f"127.0.0.1:{silent.getsockname()[1]}")


def test_http_proxies_of_the_environment_are_not_used(liar: Liar, monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTP_PROXY would lead every call astray."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)

    assert LinkServer(liar.endpoint).names() == ["a"]
