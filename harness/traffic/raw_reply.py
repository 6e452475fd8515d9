"""A response parser for assertions: it takes apart what came, and says of each answer whether it was whole.

It forgives nothing and repairs nothing; what is not HTTP/1 is one reply of status 0 with all its bytes as the body.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from harness.traffic.exchange import Headers

STATUS_LINE = re.compile(rb"HTTP/1\.[01] (\d{3})(?: ([^\r\n]*))?")
CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\r\n]*)?\r\n")
BODYLESS = frozenset({204, 304})


@dataclass(frozen=True)
class RawReply:
    """One answer as it came."""

    status: int  # 0: not a whole head of an HTTP answer
    reason: str = ""
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""
    complete: bool = False


def replies_in(data: bytes, methods: Sequence[str] = (), *, closed: bool = False) -> list[RawReply]:
    """Every answer in ``data``, interim ones (1xx) too; the nth final one answers the nth of ``methods``.

    ``closed`` says that the peer closed in order, which is what completes a body without a length.
    """
    replies: list[RawReply] = []
    waiting = list(methods)
    while data:
        reply, data = _first(data, waiting[0] if waiting else "GET", closed)
        replies.append(reply)
        if reply.status >= 200 and waiting:
            waiting.pop(0)
    return replies


def _first(data: bytes, method: str, closed: bool) -> tuple[RawReply, bytes]:
    head, blank, rest = data.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    matched = STATUS_LINE.fullmatch(first)
    if matched is None or not blank:
        return RawReply(0, body=data), b""
    status = int(matched[1])
    headers = Headers([_field(line) for line in lines])
    body, complete, rest = _body(status, method, headers, rest, closed)
    return RawReply(status, (matched[2] or b"").decode("latin-1"), headers, body, complete), rest


def _field(line: bytes) -> tuple[str, str]:
    name, _, value = line.decode("latin-1").partition(":")
    return name, value.strip(" \t")


def _body(status: int, method: str, headers: Headers, rest: bytes, closed: bool) -> tuple[bytes, bool, bytes]:
    """(body, whether it is whole, what follows it), as RFC 9112 6.3 frames it."""
    if status < 200 or status in BODYLESS or method == "HEAD":
        return b"", True, rest
    if "transfer-encoding" in headers:
        return _chunks(rest)
    length = headers.get("content-length")
    if length is None:
        return rest, closed, b""
    size = int(length) if length.isdecimal() else -1
    return rest[: max(size, 0)], 0 <= size <= len(rest), rest[max(size, 0) :]


def _chunks(rest: bytes) -> tuple[bytes, bool, bytes]:
    body = b""
    while matched := CHUNK_LINE.match(rest):
        size = int(matched[1], 16)
        rest = rest[matched.end() :]
        if not size:
            _trailers, end, after = (b"\r\n" + rest).partition(b"\r\n\r\n")
            return body, bool(end), after if end else b""
        body += rest[:size]
        if rest[size : size + 2] != b"\r\n":
            break
        rest = rest[size + 2 :]
    return body, False, b""
