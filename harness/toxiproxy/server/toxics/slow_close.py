"""A connection that takes its time to end."""

from __future__ import annotations

from dataclasses import dataclass

from harness.toxiproxy.server.toxics.toxic import Chunk, Memory, Moments, Stub


@dataclass(frozen=True)
class SlowClose:
    """The end of the stream arrives ``delay`` milliseconds later."""

    delay: int = 0  # ms

    def data(self, chunk: Chunk, stub: Stub, memory: Memory) -> Moments:
        """Let it pass."""
        stub.forward()
        yield from ()

    def end(self, stub: Stub) -> Moments:
        """Hold the end back."""
        yield stub.now() + self.delay / 1000
