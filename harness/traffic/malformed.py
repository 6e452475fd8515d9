"""Answers no server should give: more behaviours of the origin, for what only a broken or hostile upstream says."""

from __future__ import annotations

from dataclasses import replace

from harness.traffic.replies import OK_HEAD_100, after_request
from harness.traffic.steps import Behaviour, Pause, Repeat, Rst, Say

POISON = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\npoison"
BITE = 1 << 18  # bytes written at once; a thousand a second are more than any proxy takes
SOON_S = 0.02  # wall seconds: in a segment of its own, and before a next request can have come


def with_head(*lines: bytes, start: bytes = b"HTTP/1.1 200 OK", body: bytes = b"ok") -> Behaviour:
    """This start line, these header lines and this body, exactly as given; the connection is kept."""
    return after_request("malformed head", Say(b"\r\n".join([start, *lines, b"", b""]) + body))


def header_of(size: int, fields: int = 1) -> Behaviour:
    """A header section of ``size`` bytes in ``fields`` fields, and a well-framed body; the connection is kept."""
    each = b"x" * (size // fields)
    lines = [b"X-Big-%d: %b" % (number, each) for number in range(fields)]
    return replace(with_head(*lines, b"Content-Length: 2"), name="oversized head")


def without_end(start: bytes, piece: bytes) -> Behaviour:
    """``start``, then ``piece`` again and again, as fast as it is taken: in a second more than memory may grow by."""
    return after_request("without end", Say(start), Repeat(piece * (BITE // len(piece)), every_s=0.001))


def followed_by(answer: bytes, extra: bytes = POISON, *, later: bool = False) -> Behaviour:
    """``answer``, then bytes that belong to nothing, in the same segment or ``later``; the connection is kept."""
    if later:
        return after_request("extra bytes later", Say(answer), Pause(SOON_S), Say(extra))
    return after_request("extra bytes", Say(answer + extra))


def reset_with_head_sent() -> Behaviour:
    """A whole head that has surely arrived, then RST before a byte of the body."""
    return after_request("reset after head", Say(OK_HEAD_100), Pause(SOON_S), Rst())
