"""Delay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from harness.toxiproxy.server.toxics.toxic import Chunk, Memory, Moments, Stub


@dataclass(frozen=True)
class Latency:
    """Everything arrives ``latency`` ± ``jitter`` milliseconds later, in order."""

    latency: int = 0  # ms
    jitter: int = 0  # ms

    buffer_bytes: ClassVar[int] = 32 << 20  # Toxiproxy holds 1,024 reads of up to 32 KiB

    def data(self, chunk: Chunk, stub: Stub, memory: Memory) -> Moments:
        """Hold the chunk until its arrival plus the delay."""
        delay_ms = self.latency
        if self.jitter > 0:
            delay_ms += stub.random.randrange(2 * self.jitter) - self.jitter
        if delay_ms > 0:
            chunk.at += delay_ms / 1000  # a second latency counts from here
            if chunk.at > stub.now():
                yield chunk.at
        stub.forward()
