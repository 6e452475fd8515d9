"""One timer for every request's deadline.

All requests have the same time to live, so their deadlines come due in the order in which they began: one timer, set
for the oldest, serves all, where a timer each would cost as much as the policy does.
"""

from __future__ import annotations

import asyncio
import time
from types import TracebackType
from typing import Self


class Deadlines:
    """Hands out deadlines ``timeout_s`` seconds from now."""

    def __init__(self, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self._waiting: dict[Deadline, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self.loop = asyncio.get_running_loop()

    def begin(self, deadline: Deadline) -> None:
        """Watch ``deadline``, which must be the newest."""
        self._waiting[deadline] = None
        if self._timer is None:
            self._arm(deadline.at)

    def end(self, deadline: Deadline) -> None:
        """Watch ``deadline`` no longer."""
        self._waiting.pop(deadline, None)

    def _arm(self, at: float) -> None:
        self._timer = self.loop.call_later(max(0.0, at - time.monotonic()), self._expire)

    def _expire(self) -> None:
        self._timer = None
        now = time.monotonic()
        while self._waiting:
            oldest = next(iter(self._waiting))
            if oldest.at > now:
                self._arm(oldest.at)
                return
            del self._waiting[oldest]
            oldest.expire()


class Deadline:
    """A context like ``asyncio.timeout``: leaves with TimeoutError where the deadline cut its body short."""

    __slots__ = ("_deadlines", "_expired", "_task", "at", "began")

    def __init__(self, deadlines: Deadlines) -> None:
        self._deadlines = deadlines
        self._expired = False
        self._task: asyncio.Task[object] | None = None
        self.began = time.monotonic()
        self.at = self.began + deadlines.timeout_s

    def expire(self) -> None:
        """Cancel what runs inside."""
        self._expired = True
        if self._task is not None:
            self._task.cancel()

    def __enter__(self) -> Self:
        # Named, because asking for the running loop costs a system call in Python 3.11 (getpid).
        self._task = asyncio.current_task(self._deadlines.loop)
        self._deadlines.begin(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._deadlines.end(self)
        task, self._task = self._task, None
        # Somebody else's cancelling (the client left, the server stops) goes on as what it is.
        if self._expired and task is not None and task.uncancel() == 0 and kind is asyncio.CancelledError:
            raise TimeoutError from error
