"""The response parser for assertions."""

from __future__ import annotations

import pytest

from harness.traffic.raw_reply import replies_in

OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("data", "closed", "replies"),
    [
        (b"", False, []),
        (OK + b"Content-Length: 2\r\n\r\nok", False, [(200, b"ok", True)]),
        (OK + b"Content-Length: 3\r\n\r\nok", True, [(200, b"ok", False)]),
        (OK + b"Content-Length: x\r\n\r\nok", True, [(200, b"", False), (0, b"ok", False)]),
        (OK + b"\r\nok", True, [(200, b"ok", True)]),
        (OK + b"\r\nok", False, [(200, b"ok", False)]),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n2;e=1\r\nok\r\n0\r\nT: 1\r\n\r\n", False, [(200, b"ok", True)]),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nHTTP", False, [(200, b"", True), (0, b"HTTP", False)]),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", True, [(200, b"ok", False)]),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nokk", True, [(200, b"ok", False)]),
        (OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", True, [(200, b"", False)]),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\nT: 1\r\n", True, [(200, b"", False)]),
        (b"HTTP/1.1 103 E\r\n\r\nHTTP/1.1 204 N\r\n\r\n", False, [(103, b"", True), (204, b"", True)]),
        (b"not HTTP", True, [(0, b"not HTTP", False)]),
        (b"HTTP/1.1 2x0 OK\r\n\r\n", True, [(0, b"HTTP/1.1 2x0 OK\r\n\r\n", False)]),
    ],
)
def test_answers_are_taken_apart(data: bytes, closed: bool, replies: list[tuple[int, bytes, bool]]) -> None:
    """Status, body and wholeness of each answer are as RFC 9112 6.3 frames them."""
    assert [(reply.status, reply.body, reply.complete) for reply in replies_in(data, closed=closed)] == replies


def test_the_answer_to_head_has_no_body() -> None:
    """The method decides the framing, request by request."""
    data = OK + b"Content-Length: 2\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nok"

    assert [reply.body for reply in replies_in(data, ("HEAD", "GET"))] == [b"", b"ok"]


def test_headers_and_reason_are_kept() -> None:
    """Names are compared without case, values trimmed, repetitions kept."""
    (reply,) = replies_in(b"HTTP/1.0 418 I am\r\nA:  1 \r\na: 2\r\nContent-Length: 0\r\n\r\n")

    assert (reply.reason, reply.headers.get_all("A")) == ("I am", ["1", "2"])
