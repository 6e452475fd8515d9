"""Small packets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from harness.toxiproxy.server.toxics.toxic import Chunk, Memory, Moments, Stub


@dataclass(frozen=True)
class Slicer:
    """Data comes in pieces of about ``average_size`` ± ``size_variation`` bytes, ``delay`` microseconds apart."""

    average_size: int = 0  # bytes
    size_variation: int = 0  # bytes, less than average_size
    delay: int = 0  # µs

    def data(self, chunk: Chunk, stub: Stub, memory: Memory) -> Moments:
        """Pass a piece, wait, pass the next."""
        for size in self._sizes(len(chunk.data), stub.random):
            stub.forward(size)
            yield stub.now() + self.delay / 1_000_000

    def _sizes(self, total: int, random: Random) -> Iterator[int]:
        """Halve, with some variation, until each piece is small enough: large and small ones are spread evenly."""
        todo = [total]
        while todo:
            size = todo.pop()
            if size <= 1 or size - self.average_size <= self.size_variation:
                yield size
                continue
            half = size // 2
            if self.size_variation > 0:
                half += random.randrange(2 * self.size_variation) - self.size_variation
            half = min(max(half, 1), size - 1)  # sizes that contradict each other still make progress
            todo += [size - half, half]
