"""Silence."""

from __future__ import annotations

from dataclasses import dataclass

from harness.toxiproxy.server.toxics.toxic import Chunk, Memory, Moments, Stub


@dataclass(frozen=True)
class Timeout:
    """Nothing passes; after ``timeout`` milliseconds without data the connection is closed, with 0 never."""

    timeout: int = 0  # ms

    def data(self, chunk: Chunk, stub: Stub, memory: Memory) -> Moments:
        """Drop it."""
        yield from ()

    def idle(self, stub: Stub) -> Moments:
        """Close when the time is up."""
        if self.timeout > 0:
            yield stub.now() + self.timeout / 1000
            stub.close()

    def removed(self, stub: Stub) -> None:
        """Close: bytes are missing from the stream, so going on would corrupt it."""
        stub.close()
