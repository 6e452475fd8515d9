"""A proxy that somebody else has started: how its address is written, and whether it can be checked there."""

from __future__ import annotations

import re
import socket

from harness.errors import UsageError

ADDRESS = re.compile(r"(?i:http)://(?P<host>[\w.-]+|\[[0-9a-fA-F:]+\])(:(?P<port>\d{1,5}))?/?")
HTTP_PORT = 80
LAST_PORT = 65_535
ANSWER_S = 5.0


def address(url: str) -> tuple[str, int]:
    """Host (of an IPv6 address without its brackets) and port of ``--url``; UsageError when it cannot be one."""
    found = ADDRESS.fullmatch(url)
    port = int(found["port"] or HTTP_PORT) if found else 0
    if found is None or not 0 < port <= LAST_PORT:
        raise UsageError(
            f"--url {url}: write it as http://HOST:PORT, with nothing before HOST and no path behind PORT; "
            "the target file has the route"
        )
    return found["host"].strip("[]"), port


def check_port(flag: str, port: int) -> None:
    """Raise UsageError for a port that nobody can be told to use; 0 would be one of the kernel's choice."""
    if not 0 < port <= LAST_PORT:
        raise UsageError(f"{flag} {port}: write a port between 1 and {LAST_PORT}")


def check_there(url: str, origin_port: int) -> None:
    """Raise UsageError when nothing takes a connection at ``url``, or somebody holds 127.0.0.1:``origin_port``."""
    trouble = why_not_listen(origin_port)
    if trouble is not None:
        raise UsageError(
            f"--origin-port {origin_port}: the check listens there in place of the proxy's upstream, and cannot "
            f"({trouble}); `lsof -i :{origin_port}` tells who holds it: stop that, or have the proxy forward to "
            "another port and name it here"
        )
    trouble = why_not_connect(*address(url))
    if trouble is not None:
        raise UsageError(
            f"--url {url}: nothing takes a connection there ({trouble}); start the proxy, forwarding to "
            f"http://127.0.0.1:{origin_port}, or correct the address"
        )


def why_not_listen(port: int) -> str | None:
    """Why a server could not listen on 127.0.0.1:``port`` now; None when it could.

    Connections of a server that has just ended hinder none that asks to reuse the address, as ours do.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as exc:
            return exc.strerror or str(exc)
    return None


def why_not_connect(host: str, port: int) -> str | None:
    """Why nothing takes a connection at ``host``:``port``; None when something does."""
    try:
        socket.create_connection((host, port), ANSWER_S).close()
    except OSError as exc:
        return exc.strerror or str(exc)
    except UnicodeError:  # "a..b", or a part of more than 63 letters
        return "no host can have this name"
    return None
