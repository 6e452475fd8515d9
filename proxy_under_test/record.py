"""The record of one request: what is logged at its start, at each retry, and exactly once at its end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from proxy_under_test import redact
from proxy_under_test.causes import Cause
from proxy_under_test.errors import ANSWERS
from proxy_under_test.logs import Log
from proxy_under_test.metrics import Metrics
from proxy_under_test.transport import Try


@dataclass(slots=True)
class Record:
    """One request, from its head to its last byte.  Times are seconds on the event loop's clock."""

    method: str
    path: str
    query: str
    request_id: str
    started: float
    client: str = ""
    target: str = ""
    declared: int | None = 0
    forwarded: list[str] = field(default_factory=list)
    status: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    cause: Cause | None = None
    detail: str = ""
    attempts: list[Try] = field(default_factory=list)

    @property
    def retries(self) -> int:
        """Tries after the first."""
        return max(0, len(self.attempts) - 1)


class Journal:
    """Writes records to the log and the metrics, and errors to the sink."""

    def __init__(self, log: Log, metrics: Metrics, sink: Any = None) -> None:
        self._log = log
        self._metrics = metrics
        self.sink = sink

    def started(self, record: Record) -> None:
        """Log the start of a request."""
        self._metrics.in_flight += 1
        self._log.info(
            "request started",
            request_id=record.request_id,
            method=record.method,
            path=redact.shorten(record.path),
            query=redact.query(record.query),
            target=redact.shorten(record.target),
            client=record.client,
            headers=record.forwarded,
            content_length=record.declared,
        )

    def retrying(self, record: Record, cause: Cause, wait_s: float) -> None:
        """Log one retry, before its wait."""
        self._metrics.retries[cause] += 1
        self._log.warning(
            "retry",
            request_id=record.request_id,
            retry=len(record.attempts),
            wait_ms=round(wait_s * 1000, 1),
            cause=cause,
            error_code=ANSWERS[cause].code,
        )

    def finished(self, record: Record, now: float) -> None:
        """Log the end of a request."""
        seconds = now - record.started
        self._metrics.in_flight -= 1
        self._metrics.finished(record.method, record.status, seconds, len(record.attempts))
        self._metrics.bytes_in += record.bytes_in
        self._metrics.bytes_out += record.bytes_out
        line = {
            "request_id": record.request_id,
            "method": record.method,
            "path": redact.shorten(record.path),
            "target": redact.shorten(record.target),
            "status": record.status,
            "duration_ms": round(seconds * 1000, 1),
            "attempts": len(record.attempts),
            "bytes_in": record.bytes_in,
            "bytes_out": record.bytes_out,
            "outcome": record.cause or "served",
        }
        if record.cause is None:
            self._log.info("request finished", **line)
        else:
            self._failed(record, line)

    def _failed(self, record: Record, line: dict[str, Any]) -> None:
        cause = record.cause or Cause.INTERNAL
        self._metrics.failures[cause] += 1
        line["error_code"] = ANSWERS[cause].code
        line["tries"] = [_told(attempt) for attempt in record.attempts]
        if record.detail:
            line["detail"] = redact.shorten(record.detail)
        ours = ANSWERS[cause].status >= 500
        (self._log.error if ours else self._log.warning)("request finished", **line)
        if ours and self.sink is not None:
            self.sink.offer(line)


def _told(attempt: Try) -> dict[str, Any]:
    return {
        "try": attempt.number,
        "outcome": attempt.outcome,
        "duration_ms": round((attempt.ended - attempt.started) * 1000, 1),
        "reused_connection": attempt.reused,
    }
