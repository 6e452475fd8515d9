"""Single keys from a terminal."""

from __future__ import annotations

import os
import sys
import termios
import threading
import tty
from typing import Any


class Keys:
    """Reads keys as they are pressed while entered; where there is no terminal it only waits."""

    def __init__(self) -> None:
        self.readable = sys.stdin.isatty()
        self._before: list[Any] | None = None

    def __enter__(self) -> Keys:
        if self.readable:
            self._before = termios.tcgetattr(sys.stdin)
            tty.setcbreak(sys.stdin)  # Ctrl-C stays a signal
        return self

    def __exit__(self, *_exc: object) -> None:
        if self._before is not None:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._before)

    def read(self) -> str:
        """The next key; without a terminal it never comes, and only a signal ends the wait."""
        if not self.readable:
            threading.Event().wait()
        return os.read(sys.stdin.fileno(), 1).decode("ascii", "replace") or "q"  # past the end nobody presses any
