"""Whether the machine let us keep time.

A time claim measured while this process was not scheduled says nothing about the proxy: a ticker that should run
every 10 ms measures by how much it is late, and the worst of a window decides whether the claim can be judged.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from harness.clock import now
from harness.errors import Disturbed

TICK_S = 0.01
NOTED_FROM_S = 0.005  # less than this is the tick's own noise
NOTED_MOST = 10_000


@dataclass(frozen=True)
class Lateness:
    """A tick that came ``lag_s`` wall seconds late, at ``at``."""

    at: float
    lag_s: float


class LagMonitor:
    """Measures scheduling lag while entered; cheap enough to run always (one wake-up in 10 ms).

    ``also`` is called at each tick, with the moment.
    """

    def __init__(self, tick_s: float = TICK_S, also: Callable[[float], None] = lambda _: None) -> None:
        self._tick_s = tick_s
        self._also = also
        self._late: deque[Lateness] = deque(maxlen=NOTED_MOST)
        self._last = now()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._tick, name="lag-monitor", daemon=True)

    def __enter__(self) -> LagMonitor:
        self._last = now()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def worst(self, since: float = 0.0, until: float = float("inf")) -> float:
        """The worst lag in wall seconds that overlaps the window, counting a tick that is late right now."""
        late = [one.lag_s for one in list(self._late) if one.at >= since and one.at - one.lag_s <= until]
        if not self._stopped.is_set() and now() <= until:
            late.append(now() - self._last - self._tick_s)
        return max(late, default=0.0)

    def lost(self, since: float = 0.0, until: float = float("inf")) -> float:
        """How late all ticks of the window were together, in wall seconds.

        A busy machine need not stall to be late: where many programs take turns, each of a request's steps waits.
        """
        late = [one for one in list(self._late) if one.at >= since and one.at - one.lag_s <= until]
        return sum(min(one.at, until) - max(one.at - one.lag_s, since) for one in late)

    def check(self, most_s: float, since: float = 0.0, until: float = float("inf")) -> None:
        """Raise Disturbed when the worst lag of the window is more than ``most_s`` wall seconds."""
        worst = self.worst(since, until)
        if worst > most_s:
            raise Disturbed(f"the machine stalled for {worst:.3f} s; the measurement allows {most_s:.3f} s")

    def _tick(self) -> None:
        while not self._stopped.wait(self._tick_s):
            at = now()
            lag = at - self._last - self._tick_s
            self._last = at
            if lag >= NOTED_FROM_S:
                self._late.append(Lateness(at, lag))
            self._also(at)
