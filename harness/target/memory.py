"""How much resident memory a target grew by while something happened."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from harness.target.running import RunningTarget

MIB = 1 << 20
SAMPLE_S = 0.02  # a body of 100 MiB takes a quarter of a second at least: a dozen samples


@dataclass
class Memory:
    """Resident memory before and at its highest, in bytes."""

    before: int
    samples: list[int] = field(default_factory=list)

    @property
    def growth_mib(self) -> float:
        """MiB by which the highest sample exceeds the first."""
        return (max(self.samples, default=self.before) - self.before) / MIB


@contextmanager
def watched(target: RunningTarget) -> Iterator[Memory]:
    """Sample the resident memory of ``target`` every `SAMPLE_S` wall seconds while the block runs, and at its end."""
    memory = Memory(target.resident_bytes())
    over = threading.Event()

    def sample() -> None:
        while not over.wait(SAMPLE_S):
            memory.samples.append(target.resident_bytes())

    sampler = threading.Thread(target=sample, name="memory", daemon=True)
    sampler.start()
    try:
        yield memory
    finally:
        over.set()
        sampler.join()
        memory.samples.append(target.resident_bytes())
