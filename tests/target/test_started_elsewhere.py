"""How the address of a proxy that somebody else has started is written, and what is said when it is not there."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator

import pytest

from harness.choices import Choices
from harness.environment import ports
from harness.errors import UsageError
from harness.plan import plan
from harness.target.elsewhere import address

ADDRESSES = {
    "http://127.0.0.1:3000": ("127.0.0.1", 3000),
    "http://localhost:3000/": ("localhost", 3000),
    "HTTP://proxy.test": ("proxy.test", 80),
    "http://[::1]:3000": ("::1", 3000),
}
NO_ADDRESSES = [
    *("", "http://", "localhost:3000", "127.0.0.1:3000", "https://127.0.0.1", "ftp://127.0.0.1", " http://127.0.0.1"),
    *(
        "http://127.0.0.1:3000/api",
        "http://127.0.0.1:3000?a=1",
        "http://127.0.0.1:3000#top",
        "http://me:pw@127.0.0.1",
    ),
    *("http://127.0.0.1:0", "http://127.0.0.1:70000", "http://127.0.0.1:abc", "http://127.0.0.1:", "http://[::1"),
]


@pytest.fixture
def listener() -> Iterator[int]:
    """A port on which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("url", ADDRESSES)
def test_an_address_has_a_host_and_a_port(url: str) -> None:
    """The port is HTTP's where none is written; an IPv6 address loses its brackets."""
    assert address(url) == ADDRESSES[url]


@pytest.mark.parametrize("url", NO_ADDRESSES)
def test_an_address_that_cannot_be_one_is_refused(url: str) -> None:
    """A plan is not made for it, and the message says how to write it."""
    with pytest.raises(UsageError, match=f"--url {re.escape(url)}: write it as http://HOST:PORT"):
        plan(Choices(url=url, origin_port=3101))


@pytest.mark.parametrize("port", [-1, 0, 65_536])
def test_an_origin_port_that_cannot_be_one_is_refused(port: int) -> None:
    """0 would be a port of the kernel's choice, which the proxy could not know."""
    with pytest.raises(UsageError, match=f"--origin-port {port}: write a port between 1 and 65535"):
        plan(Choices(url="http://127.0.0.1:3000", origin_port=port))


def test_a_proxy_that_is_not_there_is_said_before_anything_is_started() -> None:
    """The message has the flag, the reason, and where the proxy is to forward to."""
    url, port = f"http://127.0.0.1:{ports.choose()}", ports.choose()

    with pytest.raises(UsageError, match=rf"--url {url}: .*refused.*forwarding to http://127.0.0.1:{port}"):
        plan(Choices(url=url, origin_port=port)).check_there()


def test_an_origin_port_that_is_taken_is_said_before_anything_is_started(listener: int) -> None:
    """The message has the flag, and how to find out who holds the port."""
    choices = Choices(url=f"http://127.0.0.1:{listener}", origin_port=listener)

    with pytest.raises(UsageError, match=rf"--origin-port {listener}: .*in use.*`lsof -i :{listener}`"):
        plan(choices).check_there()


def test_an_origin_port_whose_connections_have_just_ended_is_free(listener: int) -> None:
    """One check after the other has the same port: what the kernel remembers of the first hinders no link."""
    with socket.create_server(("127.0.0.1", 0)) as before:
        port = before.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            accepted, _ = before.accept()
            accepted.close()  # who closes first waits (TIME_WAIT)
            client.recv(1)

    plan(Choices(url=f"http://127.0.0.1:{listener}", origin_port=port)).check_there()


def test_a_proxy_of_ours_is_not_looked_for() -> None:
    """There is none yet."""
    plan(Choices()).check_there()
