"""The client library's exceptions, translated once."""

from __future__ import annotations

import socket

import httpx

from harness.errors import HarnessError
from harness.traffic.exchange import ErrorWord

# The first row that matches decides: (what httpx raised, what lies beneath it, what its message contains, our word).
TABLE: tuple[tuple[type[Exception], type[BaseException], str, ErrorWord], ...] = (
    (httpx.ConnectError, ConnectionRefusedError, "", "refused"),
    (httpx.ConnectError, ConnectionResetError, "", "reset"),  # an RST right behind the handshake
    (httpx.ConnectError, socket.gaierror, "", "no such host"),
    (httpx.ConnectError, BaseException, "", "unreachable"),
    (httpx.ReadError, BaseException, "", "reset"),
    (httpx.WriteError, BaseException, "", "reset"),
    (httpx.RemoteProtocolError, BaseException, "without sending a response", "empty reply"),
    (httpx.RemoteProtocolError, BaseException, "peer closed connection", "incomplete body"),
    (httpx.RemoteProtocolError, BaseException, "", "malformed reply"),
)


def word_for(exc: Exception) -> ErrorWord:
    """Our word for what the proxy did; raises HarnessError for what we did ourselves (a bad URL or header)."""
    beneath = list(causes(exc))
    for raised, cause, fragment, word in TABLE:
        if isinstance(exc, raised) and fragment in str(exc) and any(isinstance(one, cause) for one in beneath):
            return word
    raise HarnessError(f"the client could not make the request: {exc!r}") from exc


def causes(exc: BaseException) -> list[BaseException]:
    """``exc`` and all that lies beneath it: causes, contexts and the members of groups (a dual-stack connect)."""
    found: list[BaseException] = []
    waiting: list[BaseException | None] = [exc]
    while waiting:
        one = waiting.pop()
        if one is None or one in found:
            continue
        found.append(one)
        waiting += [one.__cause__, one.__context__]
        if isinstance(one, BaseExceptionGroup):
            waiting += one.exceptions
    return found
