"""Structured logs: one JSON object a line, on standard output.

Lines are gathered for one turn of the event loop and written together, so that logging costs no system call of its own
for each line; nothing is held back longer than that.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import Any, BinaryIO, Protocol

import orjson
import structlog
from structlog.types import EventDict, WrappedLogger

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class Log(Protocol):
    """What of a structlog logger is used here."""

    def debug(self, event: str, **fields: Any) -> Any:
        """Log for who looks for a fault."""

    def info(self, event: str, **fields: Any) -> Any:
        """Log what happens."""

    def warning(self, event: str, **fields: Any) -> Any:
        """Log what went wrong and was dealt with."""

    def error(self, event: str, **fields: Any) -> Any:
        """Log what a client had to be told, or our own fault."""


class LineWriter:
    """Writes whole lines to a binary stream, once per turn of the event loop."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lines: list[bytes] = []

    def msg(self, line: bytes) -> None:
        """Take one line; structlog's name for the last step."""
        self._lines.append(line)
        if len(self._lines) == 1:
            self._plan()

    debug = info = warning = error = msg

    def flush(self) -> None:
        """Write what was gathered."""
        if not self._lines:
            return
        data = b"".join(self._lines)
        self._lines.clear()
        try:
            self._stream.write(data)
            self._stream.flush()
        except (OSError, ValueError):
            # Nobody reads the log any more (a closed pipe, a full disk): requests are served all the same.
            return

    def _plan(self) -> None:
        try:
            asyncio.get_running_loop().call_soon(self.flush)
        except RuntimeError:  # before the loop runs, and after it
            self.flush()


def _render(_: WrappedLogger, __: str, event: EventDict) -> bytes:
    return orjson.dumps(event, default=repr, option=orjson.OPT_APPEND_NEWLINE)


def make_log(level: str, stream: BinaryIO | None = None) -> tuple[Log, LineWriter]:
    """A logger of ``level`` and above, and its writer (to be flushed at the end)."""
    writer = LineWriter(stream or sys.stdout.buffer)
    log: Log = structlog.wrap_logger(
        writer,
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        cache_logger_on_first_use=True,
    )
    return log, writer
