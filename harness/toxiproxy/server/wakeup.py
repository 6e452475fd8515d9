"""The clock that wakes the event loop.

An event loop counts whole milliseconds from when its turn began, which makes a 50 ms latency one of 49 ms to 52 ms.
The kernel's own timer (timerfd_create(2), Linux) is a descriptor that can be read at the moment itself, give or take
some microseconds.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
import time
from collections.abc import Callable
from typing import Protocol

LONGEST_S = 3600.0  # at a time; clocks have a largest number, attributes of toxics have a larger one

LINUX = sys.platform.startswith("linux")
CLOCK_MONOTONIC, TFD_TIMER_ABSTIME = 1, 1
TFD_FLAGS = os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0)


class Clock(Protocol):
    """Rings once for the moment it was set to last; it may ring early, and without cause."""

    def set(self, moment: float) -> None:
        """Ring at ``moment`` (seconds, monotonic)."""

    def close(self) -> None:
        """Do not ring any more."""


def clock(loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> Clock:
    """The best that this system has."""
    return KernelClock(loop, ring) if LINUX else LoopClock(loop, ring)


class LoopClock:
    """The event loop's own timers."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
        self._loop, self._ring = loop, ring
        self._handle: asyncio.TimerHandle | None = None

    def set(self, moment: float) -> None:
        """Ring at ``moment``; the loop may be a millisecond early."""
        self.close()
        left = max(0.0, moment - time.monotonic())
        self._handle = self._loop.call_later(min(left, LONGEST_S), self._ring)

    def close(self) -> None:
        """Do not ring any more."""
        if self._handle is not None:
            self._handle.cancel()


class _Spec(ctypes.Structure):
    """``struct itimerspec``: the interval (0: once), then the moment."""

    _fields_ = [("every_s", ctypes.c_long), ("every_ns", ctypes.c_long), ("s", ctypes.c_long), ("ns", ctypes.c_long)]


class KernelClock:
    """A timerfd; os.timerfd_create comes with Python 3.13 only.  Raises OSError where no descriptor is left."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
        self._loop, self._ring = loop, ring
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = _checked(self._libc.timerfd_create(CLOCK_MONOTONIC, TFD_FLAGS))
        loop.add_reader(self._fd, self._readable)

    def set(self, moment: float) -> None:
        """Ring at ``moment``, the clock of `time.monotonic`; at once where it has passed."""
        moment = min(moment, time.monotonic() + LONGEST_S)
        whole = int(moment)
        spec = _Spec(0, 0, whole, max(1, int((moment - whole) * 1e9)))  # 0 and 0 would be: never
        _checked(self._libc.timerfd_settime(self._fd, TFD_TIMER_ABSTIME, ctypes.byref(spec), None))

    def _readable(self) -> None:
        try:
            os.read(self._fd, 8)
        except BlockingIOError:
            return  # it was set anew meanwhile
        self._ring()

    def close(self) -> None:
        """Do not ring any more."""
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
