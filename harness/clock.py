"""Two clocks and the one polling loop.

Promises are written in *target seconds* (the guide's "30 s"); we wait in *wall seconds*.  ``speed`` target seconds
pass in one wall second.  Nothing in this project sleeps to wait for an event: it polls here, to a deadline.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from harness.errors import NotInTime

T = TypeVar("T")

POLL_EVERY_S = 0.004  # well under the smallest promise (1 s at speed 20 is 50 ms), and cheap


def now() -> float:
    """Wall seconds on the monotonic clock; comparable between the processes of one machine."""
    return time.monotonic()


@dataclass(frozen=True)
class Clock:
    """How fast the target lives: ``speed`` of its seconds in one of ours (1 is real time)."""

    speed: float = 1.0

    def wall(self, target_s: float) -> float:
        """Wall seconds that ``target_s`` seconds of the target take."""
        return target_s / self.speed

    def target(self, wall_s: float) -> float:
        """Target seconds that pass in ``wall_s`` seconds of ours."""
        return wall_s * self.speed


def poll_until(ready: Callable[[], T | None], *, within_s: float, what: str) -> T:
    """Return the first truthy value of ``ready()``.

    ``within_s`` is in wall seconds.  Raises NotInTime, naming ``what`` was waited for, when they have passed.
    """
    deadline = now() + within_s
    pause = threading.Event()
    while True:
        value = ready()
        if value:
            return value
        if now() >= deadline:
            raise NotInTime(f"waited {within_s:g} s for {what}; it did not happen")
        pause.wait(POLL_EVERY_S)


async def poll_until_async(ready: Callable[[], T | None], *, within_s: float, what: str) -> T:
    """`poll_until` for a coroutine: the event loop goes on meanwhile."""
    deadline = now() + within_s
    while True:
        value = ready()
        if value:
            return value
        if now() >= deadline:
            raise NotInTime(f"waited {within_s:g} s for {what}; it did not happen")
        await asyncio.sleep(POLL_EVERY_S)
