"""What the second transport counts of a head: interim answers belong to it, the body does not."""

from __future__ import annotations

import asyncio

import httpcore2
import pytest

from proxy_under_test.causes import Cause, UpstreamFailure
from proxy_under_test.transport.with_httpx2 import INTERIM_ROOM, _Stream

LIMIT = 1_000
HINT = b"HTTP/1.1 103 Early Hints\r\nLink: <%b>\r\n\r\n" % (b"x" * 100)
FINAL = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"


class Upstream(httpcore2.AsyncNetworkStream):
    """Says these pieces."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = iter(pieces)

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return next(self._pieces, b"")


def told(data: bytes, size: int) -> _Stream:
    """The stream that has read ``data`` in pieces of ``size`` bytes."""
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    stream = _Stream(Upstream(pieces), LIMIT, lambda: None)

    async def act() -> None:
        for _ in pieces:
            await stream.read(65_536)

    asyncio.run(act())
    return stream


@pytest.mark.parametrize("size", [1, 3, 7, 100, 10_000])
@pytest.mark.parametrize("hints", [0, 1, 3])
def test_the_body_begins_after_the_final_head(size: int, hints: int) -> None:
    """However the bytes are cut: the room is for what comes before."""
    assert told(HINT * hints + FINAL + b"body" * 2_000, size).after_head == 8_000


@pytest.mark.parametrize("size", [1, 100, 10_000])
def test_interim_answers_without_end_are_ended(size: int) -> None:
    """Each has an end of its head; all together they have the room of several heads."""
    with pytest.raises(UpstreamFailure) as failure:
        told(HINT * (INTERIM_ROOM * LIMIT // len(HINT) + 1), size)

    assert failure.value.cause is Cause.HEAD_TOO_LARGE
