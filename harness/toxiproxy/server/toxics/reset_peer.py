"""A TCP reset."""

from __future__ import annotations

from dataclasses import dataclass

from harness.toxiproxy.server.toxics.toxic import Chunk, Memory, Moments, Stub


@dataclass(frozen=True)
class Reset:
    """The connection is reset ``timeout`` milliseconds after the first data (or the end) arrives."""

    timeout: int = 0  # ms

    def data(self, chunk: Chunk, stub: Stub, memory: Memory) -> Moments:
        """Wait, reset."""
        return self.end(stub)

    def end(self, stub: Stub) -> Moments:
        """Wait, reset."""
        if self.timeout > 0:
            yield stub.now() + self.timeout / 1000
        stub.reset()
