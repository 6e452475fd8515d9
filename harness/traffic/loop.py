"""An asyncio loop in a thread of its own, behind a blocking call."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from harness.errors import HarnessError

T = TypeVar("T")

STOP_WITHIN_S = 5.0


class LoopThread:
    """Runs coroutines for callers that are not asynchronous themselves; any thread may call."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Start ``work`` and return at once."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def soon(self, act: Callable[[], object]) -> None:
        """Call ``act`` on the loop, and do not wait for it."""
        self._loop.call_soon_threadsafe(act)

    def call(self, work: Coroutine[Any, Any, T], *, within_s: float, what: str) -> T:
        """Return what ``work`` returns; raises HarnessError, naming ``what``, when it takes longer (wall seconds)."""
        future = self.submit(work)
        try:
            return future.result(within_s)
        except TimeoutError as exc:
            if future.done():
                raise
            future.cancel()
            raise HarnessError(f"{what} took longer than {within_s:g} s") from exc

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._loop.is_closed()

    def stop(self) -> None:
        """Cancel what still runs and end the thread; calling it twice is harmless."""
        if self.stopped:
            return
        try:
            self.call(_cancel_all(), within_s=STOP_WITHIN_S, what="ending the tasks of a background loop")
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(STOP_WITHIN_S)
            if not self._thread.is_alive():
                self._loop.close()


async def _cancel_all() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_asyncgens()
