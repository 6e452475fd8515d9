"""Logs: one JSON object a line, to stdout and to ``LOG_DIR/combined.log`` (guide: "Check backend API logs").

Law: no request fails because a line could not be written.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import IO, Any

import orjson
import structlog

FILE_NAME = "combined.log"
# Foreign loggers that repeat what our own lines say.
QUIET = ("uvicorn.access", "asyncio")


class Tee:
    """Writes each line to every stream that still takes it."""

    def __init__(self, streams: list[IO[str]]) -> None:
        self._streams = streams

    def msg(self, line: str) -> None:
        """Write one line; a stream that refuses it (disk full, reader gone) is passed over."""
        for stream in self._streams:
            try:
                stream.write(line + "\n")
                stream.flush()
            except (OSError, ValueError):
                continue

    debug = info = warning = error = critical = exception = msg


class _Forward(logging.Handler):
    """Carries what libraries log by the standard module into our log."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger(record.name).log(record.levelno, record.getMessage(), exc_info=record.exc_info)


def configure(folder: Path, level: str) -> None:
    """Start logging; a folder that cannot be written is said once and does without the file."""
    streams: list[IO[str]] = [sys.stdout]
    trouble = ""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        streams.append((folder / FILE_NAME).open("a", encoding="utf-8"))
    except OSError as error:
        trouble = str(error)
    tee = Tee(streams)
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=_json),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *_: tee,
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_Forward()], level=logging.WARNING, force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.ERROR)
    if trouble:
        structlog.get_logger("backend.logs").warning("the log file cannot be written", cause=trouble)


def _json(event: dict[str, Any], **_: object) -> str:
    return orjson.dumps(event, default=repr).decode()
