"""A request that has begun and not ended."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from dataclasses import dataclass, field

from harness.clock import now
from harness.errors import HarnessError
from harness.traffic.exchange import ErrorWord, Exchange, Headers
from harness.traffic.loop import LoopThread
from harness.traffic.request import Tally

GRACE_S = 5.0  # between the cap on a request and the moment we call ourselves broken
PIECES_KEPT = 10_000


@dataclass
class Seen:
    """What is known of a request while it is under way."""

    key: str
    method: str
    path: str
    started: float = field(default_factory=now)
    status: int | None = None
    headers: Headers = field(default_factory=Headers)
    headers_at: float | None = None
    body: bytearray = field(default_factory=bytearray)
    tally: Tally = field(default_factory=lambda: Tally(keep=0))
    pieces: list[tuple[float, int]] = field(default_factory=list)
    sent: int = 0

    def add(self, piece: bytes, keep: int) -> None:
        """Count a piece of the answer's body and keep what fits in ``keep`` bytes."""
        self.tally.add(piece)
        self.body += piece[: max(0, keep - len(self.body))]
        if len(self.pieces) < PIECES_KEPT:
            self.pieces.append((now(), len(piece)))

    def ended(self, error: ErrorWord | None = None, detail: str = "") -> Exchange:
        """The exchange as it stands now, over."""
        return Exchange(
            key=self.key,
            method=self.method,
            path=self.path,
            started=self.started,
            ended=now(),
            status=self.status,
            headers=self.headers,
            headers_at=self.headers_at,
            body=bytes(self.body),
            body_length=self.tally.length,
            body_sha256=self.tally.sha256,
            pieces=tuple(self.pieces),
            sent=self.sent,
            error=error,
            detail=detail,
        )


class Pending:
    """A request under way."""

    def __init__(self, key: str, future: Future[Exchange], within_s: float, leave: asyncio.Event, loop: LoopThread):
        self.key = key
        self._future = future
        self._within_s = within_s
        self._leave = leave
        self._loop = loop

    def done(self) -> bool:
        """Whether it has ended."""
        return self._future.done()

    def leave(self) -> Exchange:
        """Close the connection now, as a client that gives up; the error is "left" if it was not over."""
        self._loop.soon(self._leave.set)
        return self.exchange()

    def exchange(self) -> Exchange:
        """Wait for the end; raises HarnessError if the cap did not hold."""
        try:
            return self._future.result(self._within_s + GRACE_S)
        except TimeoutError as exc:
            raise HarnessError(f"request {self.key} outlived its cap of {self._within_s:g} s") from exc
