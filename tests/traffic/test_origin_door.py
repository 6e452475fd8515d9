"""Whether the origin, or any port of ours, can be reached."""

from __future__ import annotations

import errno
import socket

import pytest

from harness.errors import HarnessError
from harness.traffic import replies
from harness.traffic.origin import Origin
from harness.traffic.ports import bound_together, close_all, full_backlog, reserved
from tests.traffic.plain import GET, connected, everything, exactly, said_to

HOSTS = ["127.0.0.1", "::1"]


def connect_error(port: int, host: str = "127.0.0.1", within_s: float = 0.2) -> str:
    """The name of the error a connect ends with, "timeout", or "" when it succeeds."""
    try:
        socket.create_connection((host, port), timeout=within_s).close()
    except TimeoutError:
        return "timeout"
    except OSError as exc:
        return errno.errorcode[exc.errno or 0]
    return ""


def free_port(host: str) -> int:
    sockets = bound_together(host)
    port: int = sockets[0].getsockname()[1]
    close_all(sockets)
    return port


@pytest.mark.parametrize("host", HOSTS)
def test_a_closed_origin_refuses_and_an_opened_one_serves(host: str) -> None:
    """Refusal is real, and the port is the same afterwards."""
    with Origin.start(host) as origin:
        before = connect_error(origin.port, host)
        with origin.refusing():
            during = [connect_error(origin.port, host) for _ in range(3)]
        after = connect_error(origin.port, host)

    assert (before, during, after) == ("", ["ECONNREFUSED"] * 3, "")


@pytest.mark.parametrize("host", HOSTS)
def test_a_full_backlog_leaves_the_syn_unanswered(host: str) -> None:
    """A connect neither succeeds nor fails, and is served again after."""
    with Origin.start(host) as origin:
        with origin.unanswering():
            during = connect_error(origin.port, host)
        after = connect_error(origin.port, host, within_s=5)

    assert (during, after) == ("timeout", "")


def test_localhost_is_both_families_on_one_port() -> None:
    """An origin on localhost serves, refuses and ignores both addresses alike."""
    with Origin.start("localhost") as origin:
        served = [connect_error(origin.port, host) for host in HOSTS]
        origin.close()
        refused = [connect_error(origin.port, host) for host in HOSTS]
        origin.fill_backlog()
        unanswered = [connect_error(origin.port, host) for host in HOSTS]

    assert (served, refused, unanswered) == (["", ""], ["ECONNREFUSED"] * 2, ["timeout"] * 2)


def test_nobody_else_gets_the_port_of_a_closed_origin(origin: Origin) -> None:
    """While it refuses, the port is held."""
    origin.close()

    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", origin.port))


def test_connections_end_when_the_origin_closes(origin: Origin) -> None:
    """A kept connection gets a FIN, as when the process died."""
    origin.script(route=[replies.ok()])
    with connected(origin.port) as client:
        client.sendall(GET)
        exactly(client, 66)

        origin.close()

        assert everything(client) == (b"", "fin")


def test_connections_can_outlive_the_listener(origin: Origin) -> None:
    """With drop_connections=False a kept connection is still served."""
    origin.script(route=[replies.ok()])
    with connected(origin.port) as client:
        client.sendall(GET)
        exactly(client, 66)

        origin.close(drop_connections=False)

        client.sendall(GET)
        assert exactly(client, 2) == b"HT"


@pytest.mark.parametrize(("rst", "end"), [(False, "fin"), (True, "reset")])
def test_idle_connections_are_closed_at_will(origin: Origin, rst: bool, end: str) -> None:
    """Only the one that waits for a next request is closed; one being answered is not, nor one just opened."""
    origin.script(route=[replies.ok(), replies.silent(), replies.ok()])
    with connected(origin.port) as idle, connected(origin.port) as busy, connected(origin.port) as opened:
        idle.sendall(GET)
        exactly(idle, 66)
        busy.sendall(GET)
        busy.settimeout(0.1)
        with pytest.raises(TimeoutError):
            busy.recv(1)

        closed = origin.close_idle_connections(rst=rst)

        assert (closed, everything(idle)) == (1, (b"", end))
        with pytest.raises(TimeoutError):
            busy.recv(1)
        opened.sendall(GET)
        assert exactly(opened, 66).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("host", HOSTS)
def test_any_port_can_be_reserved(host: str) -> None:
    """A reserved port refuses; a server that reuses addresses may listen on it again meanwhile."""
    port = free_port(host)
    with reserved(port, host):
        refused = connect_error(port, host)
        with socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
            served = connect_error(port, host)

    assert (refused, served) == ("ECONNREFUSED", "")


@pytest.mark.parametrize("host", HOSTS)
def test_any_port_can_have_a_full_backlog(host: str) -> None:
    """A connect to it hangs, and afterwards the port is free."""
    port = free_port(host)
    with full_backlog(port, host):
        during = connect_error(port, host)

    assert (during, connect_error(port, host)) == ("timeout", "ECONNREFUSED")


def test_a_port_in_use_cannot_be_held() -> None:
    """Holding what another listens on is our own failure."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        with pytest.raises(HarnessError, match=f"cannot hold port {port}"), reserved(port):
            pass
        with pytest.raises(HarnessError, match=f"cannot hold port {port}"), full_backlog(port):
            pass


def test_stopping_twice_is_harmless_and_frees_the_port() -> None:
    """After stop the port can be bound by anyone."""
    origin = Origin.start()
    said_to(origin.port, GET)

    origin.stop()
    origin.stop()

    with socket.create_server(("127.0.0.1", origin.port)):
        pass
