"""Ctrl-C and SIGTERM: the first ends a command in order, the second at once.

Ending at once leaves nothing either: the wardens notice, whatever becomes of this process.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from harness.errors import Interrupted, Terminated

RAISED: dict[int, type[Interrupted]] = {signal.SIGINT: Interrupted, signal.SIGTERM: Terminated}
SHOW_CURSOR = b"\x1b[?25h"  # the live view hides it


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Raise Interrupted or Terminated in the block; a signal that was ignored before stays so (``nohup``)."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in RAISED}
    taken = [number for number, handler in before.items() if handler != signal.SIG_IGN]
    for number in taken:
        signal.signal(number, _in_order)
    try:
        yield
    finally:
        for number in taken:
            if signal.getsignal(number) is _in_order:  # else one came, and the next still ends us at once
                signal.signal(number, before[number])


def _in_order(number: int, _frame: FrameType | None) -> None:
    for another in RAISED:
        signal.signal(another, _at_once)
    raise RAISED[number]


def _at_once(number: int, _frame: FrameType | None) -> None:
    if os.isatty(1):
        os.write(1, SHOW_CURSOR)
    os._exit(128 + number)
