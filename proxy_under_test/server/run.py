"""uvicorn's server, as an operator expects it to end."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from types import FrameType

from uvicorn import Config, Server

FORCED_EXIT = 128  # plus the signal's number, as a shell reports it


class ProxyServer(Server):
    """uvicorn's server, with signals as an operator expects them: the first finishes, the second ends."""

    def __init__(self, config: Config, on_stop: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_stop = on_stop

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle SIGTERM and SIGINT while serving; the process then ends with its own exit code."""
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop accepting and finish what is in flight; on a second signal, end at once."""
        if self.should_exit:
            os._exit(FORCED_EXIT + sig)
        self.should_exit = True
        self._on_stop()
