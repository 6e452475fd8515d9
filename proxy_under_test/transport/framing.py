"""How long a response body is: RFC 9112 section 6.3, without the leniency.

A response whose length two readers could read differently is refused, never repaired.
"""

from __future__ import annotations

from collections.abc import Sequence

from proxy_under_test.causes import Cause, UpstreamFailure

NO_BODY = 0
CHUNKED = -1
UNTIL_CLOSE = -2

LONGEST_LENGTH = 18  # digits; an exabyte less one byte


def body_length(method: str, status: int, headers: Sequence[tuple[bytes, bytes]]) -> int:
    """The body's length in bytes, or CHUNKED or UNTIL_CLOSE.

    Raises UpstreamFailure (BAD_LENGTH, BAD_CODING) where the fields contradict each other.
    """
    found = dict(headers)
    length = found.get(b"content-length")
    coding = found.get(b"transfer-encoding")
    if len(found) != len(headers):
        _refuse_repetition(headers)
    if coding is not None or not (length is None or (length.isdigit() and len(length) <= LONGEST_LENGTH)):
        _refuse_contradictions(length, coding)
    if method == "HEAD" or status in (204, 304):
        return NO_BODY
    if coding is not None:
        return CHUNKED
    return UNTIL_CLOSE if length is None else int(length)


def _refuse_contradictions(length: bytes | None, coding: bytes | None) -> None:
    if length is not None and coding is not None:
        raise UpstreamFailure(Cause.BAD_LENGTH, "Content-Length and Transfer-Encoding together")
    if length is not None:
        raise UpstreamFailure(Cause.BAD_LENGTH, "Content-Length is not a number")
    if coding is not None and coding.strip().lower() != b"chunked":
        raise UpstreamFailure(Cause.BAD_CODING, "a transfer coding other than chunked")


def _refuse_repetition(headers: Sequence[tuple[bytes, bytes]]) -> None:
    names = [name for name, _ in headers]
    if names.count(b"content-length") > 1:
        raise UpstreamFailure(Cause.BAD_LENGTH, "two Content-Length fields")
    if names.count(b"transfer-encoding") > 1:
        raise UpstreamFailure(Cause.BAD_CODING, "two Transfer-Encoding fields")
