"""One direction of one connection: from its sender through the toxics to its receiver.

Law: with no toxic on it a chunk goes straight from the read callback to the receiver's transport, without a task, a
timer or a copy.  The sender is stopped while the receiver or any toxic has more than it can hold.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from random import Random
from typing import TYPE_CHECKING

from harness.toxiproxy.server.stage import Applied, End, Event, Stage
from harness.toxiproxy.server.toxics.toxic import Chunk

if TYPE_CHECKING:
    from harness.toxiproxy.server.connection import Connection
    from harness.toxiproxy.server.report import Bytes
    from harness.toxiproxy.server.timers import Timers


PIECE_BYTES = 32 << 10  # Toxiproxy reads no more at a time, and some toxics act once for each piece


class Flow:
    """One direction.  ``draw`` makes the source of chance for a toxic of a given name."""

    __slots__ = (
        "_blocked",
        "_connection",
        "_direct",
        "_draw",
        "_early",
        "_ended",
        "_over",
        "_sink",
        "_source",
        "_stages",
        "bytes",
        "done",
        "timers",
    )

    def __init__(self, connection: Connection, count: Bytes, timers: Timers, draw: Callable[[str], Random]) -> None:
        self._connection = connection
        self.bytes = count
        self.timers = timers
        self._draw = draw
        self._source: asyncio.Transport | None = None
        self._sink: asyncio.Transport | None = None
        self._stages: list[Stage] = []
        self._early: list[bytes | End] = []  # what came before both transports were there
        self._blocked: set[object] = set()
        self._ended: End | None = None
        self._direct = False
        self._over = False
        self.done = False

    # the two ends

    def connect(self, source: asyncio.Transport, sink: asyncio.Transport, toxics: Sequence[Applied]) -> None:
        """Both transports are there: let it flow."""
        self._source, self._sink = source, sink
        for applied in toxics:
            self.add(applied)
        self._direct = not self._stages
        early, self._early = self._early, []
        for event in early:
            if isinstance(event, End):
                self._push(event)
            else:
                self._enter(event)

    def feed(self, data: bytes) -> None:
        """Take what the sender sent."""
        self.bytes.received += len(data)
        if self._direct:
            self.bytes.sent += len(data)
            self._sink.write(data)  # type: ignore[union-attr]  # direct only while there is one
        else:
            self._enter(data)

    def end(self, how: End) -> None:
        """The sender's stream is over.  A reset or a close may still follow a FIN, nothing follows those."""
        if self._ended is None or (self._ended is End.FIN and how is not End.FIN):
            self._ended = how
            if self._sink is None:
                self._early.append(how)
            else:
                self._push(how)

    def block(self, reason: object) -> None:
        """Stop the sender for ``reason``."""
        if not self._blocked and self._source is not None and not self._source.is_closing():
            self._source.pause_reading()
        self._blocked.add(reason)

    def unblock(self, reason: object) -> None:
        """``reason`` is gone; go on if it was the last one."""
        if reason not in self._blocked:
            return
        self._blocked.discard(reason)
        if not self._blocked and self._source is not None and not self._source.is_closing():
            self._source.resume_reading()

    def discard(self) -> None:
        """Nothing may come out any more."""
        self._over = self.done = True
        self._direct = False
        for stage in self._stages:
            stage.discard()

    def release(self) -> None:
        """The connection is gone: drop what it held."""
        self.discard()
        self._stages = []
        self._source = self._sink = None

    # toxics

    def add(self, applied: Applied) -> None:
        """Put a toxic at the end of the chain."""
        if self._sink is None or self._over:
            return
        stage = Stage(applied, self, self._draw(applied.name))
        self._direct = False
        self._stages.append(stage)
        stage.start()

    def update(self, applied: Applied) -> None:
        """A toxic of the chain has changed."""
        for stage in self._stages:
            if stage.applied is applied:
                stage.update()

    def remove(self, applied: Applied) -> None:
        """Take a toxic out of the chain; what it held goes on."""
        for stage in list(self._stages):
            if stage.applied is applied:
                stage.leave()
                if stage in self._stages:
                    self._stages.remove(stage)
        self._direct = not self._stages and not self._over and self._sink is not None

    # what a stage asks for

    def emit(self, stage: Stage, event: Event) -> None:
        """Hand an event on to the next toxic or to the receiver."""
        if self._over:
            return
        after = self._stages.index(stage) + 1
        if after < len(self._stages):
            self._stages[after].put(event)
        else:
            self._leave(event)

    def touched(self, applied: Applied) -> None:
        """Note it in the record."""
        self._connection.record.touch(applied.name, applied.type, applied.direction, time.monotonic())

    def flooded(self, stage: Stage) -> None:
        """Stop the sender."""
        self.block(stage)

    def drained(self, stage: Stage) -> None:
        """Let the sender go on."""
        self.unblock(stage)

    def close_by(self, applied: Applied) -> None:
        """Close, because a toxic says so."""
        self._connection.close_by(self, applied.name)

    def reset_by(self, applied: Applied) -> None:
        """Reset, because a toxic says so."""
        self._connection.reset_by(applied.name)

    # inside

    def _enter(self, data: bytes) -> None:
        if self._over:
            return
        if self._sink is None:
            self._early.append(data)
        elif self._stages:
            now = time.monotonic()
            for start in range(0, len(data), PIECE_BYTES):
                self._through(Chunk(data[start : start + PIECE_BYTES], now))
        else:
            self._leave(Chunk(data, 0.0))

    def _push(self, how: End) -> None:
        if not self._over:
            self._through(how)

    def _through(self, event: Event) -> None:
        if self._stages:
            self._stages[0].put(event)
        else:
            self._leave(event)

    def _leave(self, event: Event) -> None:
        if isinstance(event, End):
            self._connection.stream_over(self, event)
        elif self._sink is not None and not self.done:
            self.bytes.sent += len(event.data)
            self._sink.write(event.data)
