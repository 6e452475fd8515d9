"""How long the programs under examination were ready to run while other programs had the cores.

What our own process waited (`harness.traffic.lag`) does not tell: the kernel may let us run and not the target.
"""

from __future__ import annotations

import contextlib
import os
from collections import deque

from harness.clock import now
from harness.environment.consumption import waited_in

MOST = 10_000  # samples of one process; at 100 a second those of 100 s
ENOUGH = 128  # bytes; the file has three numbers


class CoreWait:
    """Samples what each watched process has waited for a core; a context manager that ends the watching.

    As `harness.environment.consumption.waited_for_cpu_s`, from files that stay open: opened each time they would take
    eight times as long, a hundred times a second.
    """

    def __init__(self) -> None:
        self._samples: dict[int, deque[tuple[float, float]]] = {}  # by the open file: (when, seconds waited by then)
        self._pids: set[int] = set()

    def __enter__(self) -> CoreWait:
        return self

    def __exit__(self, *_: object) -> None:
        files, self._samples = list(self._samples), {}
        for file in files:
            os.close(file)

    def watch(self, pid: int) -> None:
        """Watch this process from now on."""
        if pid in self._pids:
            return
        self._pids.add(pid)
        with contextlib.suppress(OSError):
            file = os.open(f"/proc/{pid}/schedstat", os.O_RDONLY | os.O_CLOEXEC)
            self._samples[file] = deque(maxlen=MOST)
            self.sample(now())

    def sample(self, at: float) -> None:
        """Note what each has waited by ``at`` (`harness.clock.now`); one that has ended waits no more."""
        for file, samples in list(self._samples.items()):
            with contextlib.suppress(OSError, IndexError, ValueError):
                samples.append((at, waited_in(os.pread(file, ENOUGH, 0))))

    def most(self, since: float = 0.0, until: float = float("inf")) -> float:
        """Wall seconds that the one that waited longest waited between two moments."""
        self.sample(now())
        return max((_within(list(samples), since, until) for samples in self._samples.values()), default=0.0)


def _within(samples: list[tuple[float, float]], since: float, until: float) -> float:
    before = [waited for at, waited in samples if at <= since] or [waited for _, waited in samples[:1]]
    after = [waited for at, waited in samples if at >= until] or [waited for _, waited in samples[-1:]]
    return max(0.0, after[0] - before[-1]) if samples else 0.0
