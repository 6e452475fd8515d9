"""The record of one request: what is logged at its start, at each retry, and exactly once at its end."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

import orjson

from proxy_under_test import redact
from proxy_under_test.causes import Cause
from proxy_under_test.errors import ANSWERS
from proxy_under_test.logs import JsonLogger
from proxy_under_test.metrics import Metrics
from proxy_under_test.sink import ErrorSink
from proxy_under_test.transport import Header, Try


class Record:
    """One request, from its head to its last byte.  Times are seconds on the monotonic clock.

    ``target`` is the client's request target, ``upstream`` where it was sent; ``declared`` the length its body is
    said to have, None where it comes in chunks.
    """

    path = ""
    upstream = ""
    declared: int | None = 0
    forwarded: Sequence[Header] = ()
    status = 0
    bytes_in = 0
    bytes_out = 0
    cause: Cause | None = None
    detail = ""

    def __init__(self, method: str, target: bytes, request_id: bytes, started: float, client: str) -> None:
        self.method = method
        self.target = target
        self.request_id = request_id.decode("ascii")
        self.started = started
        self.client = client
        self.attempts: list[Try] = []

    @property
    def retries(self) -> int:
        """Tries after the first."""
        return max(0, len(self.attempts) - 1)


class Journal:
    """Writes records to the log and the metrics, and errors to the sink."""

    def __init__(self, log: JsonLogger, metrics: Metrics, sink: ErrorSink | None = None) -> None:
        self.log = log
        self.metrics = metrics
        self.sink = sink

    def started(self, record: Record) -> None:
        """Log the start of a request."""
        self.metrics.in_flight += 1
        path, _, query = record.target.decode("latin-1").partition("?")
        record.path = redact.path(path)
        if len(record.upstream) > redact.LONGEST or "=" in record.upstream:
            record.upstream = redact.path(record.upstream)
        self.log.tell(
            {
                "level": "info",
                "event": "request started",
                "request_id": record.request_id,
                "method": record.method,
                "path": record.path,
                "query": redact.query(query) if query else "",
                "target": record.upstream,
                "client": record.client,
                "headers": _headers(record.forwarded),
                "content_length": record.declared,
            }
        )

    def retrying(self, record: Record, cause: Cause, wait_s: float) -> None:
        """Log one retry, before its wait."""
        self.metrics.retries[cause] += 1
        self.log.warning(
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
        self.metrics.finished(record.method, record.status, seconds, len(record.attempts))
        self.metrics.bytes_in += record.bytes_in
        self.metrics.bytes_out += record.bytes_out
        line = {
            "level": "info",
            "event": "request finished",
            "request_id": record.request_id,
            "method": record.method,
            "path": record.path,
            "target": record.upstream,
            "status": record.status,
            "duration_ms": round(seconds * 1000, 1),
            "attempts": len(record.attempts),
            "bytes_in": record.bytes_in,
            "bytes_out": record.bytes_out,
            "outcome": record.cause or "served",
        }
        if record.cause is None:
            if record.detail:
                self.log.warning("unverifiable body", request_id=record.request_id, detail=record.detail)
            if len(record.attempts) > 1:
                line["tries"] = [_told(attempt) for attempt in record.attempts]
            self.log.tell(line)
        else:
            del line["level"]
            self._failed(record, record.cause, line)

    def _failed(self, record: Record, cause: Cause, line: dict[str, Any]) -> None:
        self.metrics.failures[cause] += 1
        line["error_code"] = ANSWERS[cause].code
        line["tries"] = [_told(attempt) for attempt in record.attempts]
        line["detail"] = redact.shorten(record.detail)
        ours = ANSWERS[cause].status >= 500
        (self.log.error if ours else self.log.warning)(**line)
        if ours and self.sink is not None:
            self.sink.offer(line)


_NAME = itemgetter(0)


def _headers(forwarded: Sequence[Header]) -> orjson.Fragment | list[str]:
    """The names, as many as fit; what does not is nobody's usual request, and is not remembered."""
    names = tuple(map(_NAME, forwarded))
    if sum(map(len, names)) <= redact.LONGEST:
        return _names(names)
    return redact.names(names)


@lru_cache(maxsize=1_024)  # clients send the same names with every request
def _names(names: tuple[bytes, ...]) -> orjson.Fragment:
    return orjson.Fragment(orjson.dumps(redact.names(names)))


def _told(attempt: Try) -> dict[str, Any]:
    return {
        "try": attempt.number,
        "outcome": attempt.outcome,
        "duration_ms": round((attempt.ended - attempt.started) * 1000, 1),
        "reused_connection": attempt.reused,
    }
