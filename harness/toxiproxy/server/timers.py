"""Wake-ups at moments of the monotonic clock.

Law: never early, and late by no more than the machine is.  All alarms stand in one heap, and one clock is set to the
first of them.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import time
from collections.abc import Callable

from harness.toxiproxy.server.wakeup import Clock, clock

FEW = 64  # called-off alarms that may stay in the heap before it is worth a look


class Timers:
    """Calls back at moments; one for all connections of a server.  `close` it when no alarm is set any more."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._clock: Clock = clock(loop, self._ring)
        self._heap: list[tuple[float, int, Alarm]] = []
        self._number = itertools.count()
        self._set_to = math.inf
        self._off = 0  # how many in the heap are called off

    def at(self, moment: float, callback: Callable[[], None]) -> Alarm:
        """Call ``callback`` once ``moment`` (seconds, monotonic; infinity is never) has come; soon if it has."""
        alarm = Alarm(self, callback)
        if moment <= time.monotonic():
            self._loop.call_soon(alarm.ring)
        elif not math.isinf(moment):
            alarm.waits = True
            heapq.heappush(self._heap, (moment, next(self._number), alarm))
            self._set()
        return alarm

    def called_off(self) -> None:
        """An alarm in the heap will not ring; when most of them will not, they are dropped."""
        self._off += 1
        if self._off > FEW and self._off * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].waits]
            heapq.heapify(self._heap)
            self._off = 0

    def close(self) -> None:
        """Give the clock back; nothing rings any more."""
        self._heap.clear()
        self._clock.close()

    def _set(self) -> None:
        first = self._heap[0][0] if self._heap else math.inf
        if first < self._set_to:
            self._set_to = first
            self._clock.set(first)

    def _ring(self) -> None:
        """The clock has rung: ring all alarms whose moment has come."""
        self._set_to = math.inf
        try:
            while self._heap and self._heap[0][0] <= time.monotonic():
                alarm = heapq.heappop(self._heap)[2]
                if alarm.waits:
                    alarm.waits = False
                    alarm.ring()
                else:
                    self._off -= 1
        finally:
            self._set()


class Alarm:
    """One wake-up, which can be called off."""

    __slots__ = ("_callback", "_timers", "waits")

    def __init__(self, timers: Timers, callback: Callable[[], None]) -> None:
        self._timers = timers
        self._callback: Callable[[], None] | None = callback
        self.waits = False  # in the heap

    def ring(self) -> None:
        """Call, unless it was called off."""
        if self._callback is not None:
            self._callback()

    def cancel(self) -> None:
        """Do not call."""
        self._callback = None
        if self.waits:
            self.waits = False
            self._timers.called_off()
