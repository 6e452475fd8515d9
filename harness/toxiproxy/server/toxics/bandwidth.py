"""A narrow pipe."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.toxiproxy.server.toxics.toxic import Chunk, Memory, Moments, Stub

SLICE_S = 0.1  # what is slower than this comes in pieces, so that the receiver sees a trickle and not a lump


@dataclass(frozen=True)
class Bandwidth:
    """At most ``rate`` kilobytes per second; 0 is a stall that heals when the toxic goes."""

    rate: int = 0  # KB/s

    def data(self, chunk: Chunk, stub: Stub, memory: Memory) -> Moments:
        """Hold each piece for as long as it takes at this rate."""
        if self.rate <= 0:
            yield math.inf
        left = len(chunk.data)
        piece = max(1, int(self.rate * 1000 * SLICE_S))
        while left > 0:
            size = min(piece, left)
            due = stub.now() - memory.late_s + size / (self.rate * 1000)
            yield due
            memory.late_s = min(max(stub.now() - due, 0.0), SLICE_S)
            stub.forward(size)
            left -= size
