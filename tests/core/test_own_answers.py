"""Whose answer is whose behind an odd request: what is accused and what is lawful."""

from __future__ import annotations

import json

import pytest

from harness.traffic.raw import RawEnd, RawExchange
from scenarios.odd_requests import Odd, wrong_behind

ODD, NEXT = "/api/odd", "/api/marker-0-0"
PLAIN = Odd("odd", ())
LAST = Odd("odd", (), last=True)
BAD = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"


def served(target: str, *fields: str) -> bytes:
    body = json.dumps({"target": target})
    return "\r\n".join(["HTTP/1.1 200 OK", *fields, f"Content-Length: {len(body)}", "", body]).encode()


def wrong(odd: Odd, *replies: bytes, end: RawEnd = "open") -> list[str]:
    return wrong_behind(odd, RawExchange(0.0, 0.1, 10, b"".join(replies), (), end), [ODD, NEXT])


@pytest.mark.parametrize(
    ("odd", "replies"),
    [
        (PLAIN, [served(ODD), served("/api/other")]),
        (PLAIN, [served(NEXT), served(NEXT)]),
        (PLAIN, [served(NEXT), served(ODD)]),
        (PLAIN, [served(ODD)]),
        (PLAIN, [served(ODD), BAD]),
        (PLAIN, [served(ODD), served(NEXT)[:-1]]),
        (PLAIN, [served(ODD), served(NEXT), served(NEXT)]),
        (PLAIN, [served(ODD), b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"]),
        (PLAIN, [served(ODD, "Connection: close"), served("/api/hidden")]),
        (PLAIN, [BAD, served(ODD)]),
        (LAST, [served(ODD), served("/api/hidden")]),
    ],
    ids=[
        "another one's", "the next one's", "the wrong way round", "none", "a refusal", "half of it", "one too many",
        "of nobody", "behind the last", "behind a refusal", "a hidden one's",
    ],
)  # fmt: skip
def test_an_answer_that_is_not_its_own_is_accused(odd: Odd, replies: list[bytes]) -> None:
    """
    Another request's answer is wrong everywhere; none is, where the connection goes on.
    """
    assert wrong(odd, *replies)


@pytest.mark.parametrize(
    ("odd", "replies"),
    [
        (PLAIN, [served(ODD), served(NEXT)]),
        (PLAIN, [served(ODD, "Connection: close")]),
        (PLAIN, [BAD]),
        (PLAIN, [BAD, BAD]),
        (PLAIN, [BAD, served(NEXT)]),
        (PLAIN, []),
        (LAST, [served(ODD)]),
    ],
    ids=["each", "the last said so", "refused", "both refused", "kept after a refusal", "no answer", "the last"],
)
def test_what_ends_or_refuses_need_not_serve_the_next(odd: Odd, replies: list[bytes]) -> None:
    """
    A refusal, and an answer that ends the connection, may leave the next request alone.
    """
    assert [] == wrong(odd, *replies, end="fin")
