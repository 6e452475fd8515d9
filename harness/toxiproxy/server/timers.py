"""Wake-ups at moments of the monotonic clock.

Law: never early.  The event loop counts whole milliseconds (uvloop cuts them off), which would let a 50 ms latency
end after 49.3 ms; so what fires early is armed again for the rest.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable

LONGEST_S = 3600.0  # at a time; an event loop has a largest number, attributes of toxics have a larger one


class Timers:
    """Calls back at moments; one for all connections of a server."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def at(self, moment: float, callback: Callable[[], None]) -> Alarm:
        """Call ``callback`` once ``moment`` (seconds, monotonic; infinity is never) has come; at once if it has."""
        alarm = Alarm(self._loop, moment, callback)
        alarm.arm()
        return alarm


class Alarm:
    """One wake-up, which can be called off."""

    __slots__ = ("_callback", "_handle", "_loop", "_moment")

    def __init__(self, loop: asyncio.AbstractEventLoop, moment: float, callback: Callable[[], None]) -> None:
        self._loop = loop
        self._moment = moment
        self._callback = callback
        self._handle: asyncio.Handle | None = None

    def arm(self) -> None:
        """Wait for the moment, or for the next turn of the loop if it has come."""
        if math.isinf(self._moment):
            return
        left = self._moment - time.monotonic()
        if left <= 0:
            self._handle = self._loop.call_soon(self._callback)
        else:
            self._handle = self._loop.call_later(min(left, LONGEST_S), self._fire)

    def _fire(self) -> None:
        if self._moment > time.monotonic():
            self.arm()
        else:
            self._callback()

    def cancel(self) -> None:
        """Do not call."""
        if self._handle is not None:
            self._handle.cancel()
