"""Structured logs: one JSON object a line, on standard output."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

import orjson

from proxy_under_test.lines import LineWriter, Stream, standard_output

OPTIONS = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


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
    """A logger of ``level`` and above, and its writer: to be told the loop, and to be finished at the end."""
    writer = LineWriter(stream or standard_output())
    log = JsonLogger(writer, LEVELS[level])
    writer.on_dropped = lambda lines: log.error("log lines dropped", lines=lines)
    return log, writer
