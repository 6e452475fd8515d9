"""Load of the open model: requests begin by the clock, whether or not the ones before have been answered.

A closed model, in which each client waits for its answer, asks least just when the proxy is at its worst.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from harness.clock import now
from harness.errors import HarnessError
from harness.traffic.exchange import Exchange
from harness.traffic.under_way import Pending


class OpenLoad:
    """Calls ``begin`` every ``every_s`` wall seconds while entered, ``most`` times at most; leaving waits for all.

    Raises HarnessError on leaving when ``begin`` failed.
    """

    def __init__(self, begin: Callable[[], Pending], every_s: float, *, most: int) -> None:
        self._begin = begin
        self._every_s = every_s
        self._most = most
        self._over = threading.Event()
        self._pending: list[Pending] = []
        self._thread = threading.Thread(target=self._run, name="open-load", daemon=True)
        self._failed: Exception | None = None
        self.exchanges: list[Exchange] = []

    def __enter__(self) -> OpenLoad:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        if self._failed is not None:
            raise HarnessError(f"the load could not be made: {self._failed!r}") from self._failed
        self.exchanges = [pending.exchange() for pending in self._pending]

    def begun(self) -> int:
        """Requests begun so far."""
        return len(self._pending)

    def _run(self) -> None:
        try:
            self._ask()
        except Exception as exc:  # noqa: BLE001 - raised again by whoever leaves the block
            self._failed = exc

    def _ask(self) -> None:
        due = now()
        while len(self._pending) < self._most and not self._over.wait(max(0.0, due - now())):
            self._pending.append(self._begin())
            due += self._every_s  # a request that was begun late does not shift those after it
