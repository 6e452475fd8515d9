"""Structured logs: one JSON object a line, on standard output.

Lines are gathered for one turn of the event loop and written together, so that logging costs no system call of its
own for each line; nothing is held back longer than that.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from datetime import UTC, datetime
from typing import Any, Protocol

import orjson

OPTIONS = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class Stream(Protocol):
    """Where lines go; it keeps nothing back, so that nothing is left that could not be written at the exit."""

    def write(self, data: memoryview, /) -> int | None:
        """Write some of ``data``; how many bytes, None where it takes none now."""


class LineWriter:
    """Writes whole lines to an unbuffered binary stream, once per turn of the event loop."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._lines: list[bytes] = []
        self.loop: asyncio.AbstractEventLoop | None = None

    def take(self, line: bytes) -> None:
        """Take one line."""
        self._lines.append(line)
        if len(self._lines) == 1:
            self._plan()

    def flush(self) -> None:
        """Write what was gathered."""
        if not self._lines:
            return
        data = memoryview(b"".join(self._lines))
        self._lines.clear()
        # Nobody may read the log any more (a closed pipe, a full disk): requests are served all the same.
        with contextlib.suppress(OSError, ValueError):
            while data:
                data = data[self._stream.write(data) or len(data) :]

    def _plan(self) -> None:
        if self.loop is not None and self.loop.is_running():
            self.loop.call_soon(self.flush)
        else:  # before the loop runs, and after it
            self.flush()


class JsonLogger:
    """Logs structured lines of ``level`` (`logging`'s number) and above to ``writer``.

    One step between call and line: at thousands of lines a second, steps count.
    """

    def __init__(self, writer: LineWriter, level: int = logging.INFO) -> None:
        self._writer = writer
        self.level = level

    def debug(self, event: str, **fields: Any) -> None:
        """Log for who looks for a fault."""
        if self.level <= logging.DEBUG:
            self._line("debug", event, fields)

    def info(self, event: str, **fields: Any) -> None:
        """Log what happens."""
        if self.level <= logging.INFO:
            self._line("info", event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        """Log what went wrong and was dealt with."""
        if self.level <= logging.WARNING:
            self._line("warning", event, fields)

    def error(self, event: str, **fields: Any) -> None:
        """Log what a client had to be told, or our own fault."""
        self._line("error", event, fields)

    def tell(self, line: dict[str, Any]) -> None:
        """Log a whole line of level "info"; what two lines of every request take, so as not to copy it twice."""
        if self.level <= logging.INFO:
            line["timestamp"] = datetime.now(UTC)
            self._writer.take(orjson.dumps(line, default=repr, option=OPTIONS))

    def _line(self, level: str, event: str, fields: dict[str, Any]) -> None:
        line = {"timestamp": datetime.now(UTC), "level": level, "event": event, **fields}
        self._writer.take(orjson.dumps(line, default=repr, option=OPTIONS))


def make_log(level: str, stream: Stream | None = None) -> tuple[JsonLogger, LineWriter]:
    """A logger of ``level`` and above, and its writer: to be told the loop, and to be flushed at the end."""
    writer = LineWriter(stream or open(sys.stdout.fileno(), "wb", buffering=0, closefd=False))  # noqa: SIM115
    return JsonLogger(writer, LEVELS[level]), writer
