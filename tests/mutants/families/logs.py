"""Mistakes about logs and metrics: what is not told, told twice, or must never be told."""

from __future__ import annotations

from typing import Any

from proxy_under_test import redact
from proxy_under_test.causes import Cause
from proxy_under_test.metrics import Metrics
from proxy_under_test.record import Journal, Record
from proxy_under_test.sink import ErrorSink
from tests.mutants.mutant import mutant
from tests.mutants.seams import Change, around, replace


@mutant("log-headers")
def header_values_logged() -> None:
    """The headers are logged with their values, and the log is full of other people's credentials."""

    @around(Journal, "started")
    def _(started: Change, self: Journal, record: Record) -> None:
        started(self, record)
        values = {name.decode(): value.decode("latin-1") for name, value in record.forwarded}
        self.log.info("headers", request_id=record.request_id, values=values)


@mutant("log-headers")
def secret_query_logged() -> None:
    """The query is logged as it is, tokens and keys included."""
    replace(redact, "query", redact.shorten)


@mutant("log-retry")
def retries_not_logged() -> None:
    """A retry leaves no line of its own."""
    replace(Journal, "retrying", lambda *_: None)


@mutant("log-request log-one-record")
def end_not_logged() -> None:
    """Requests are logged when they come, and nobody knows what became of them."""

    @around(Journal, "finished")
    def _(_: Change, self: Journal, record: Record, now: float) -> None:
        self.metrics.finished(record.method, record.status, now - record.started, len(record.attempts))


@mutant("log-one-record")
def failures_logged_twice() -> None:
    """The handler of the error logs it, and so does whoever called the handler."""

    @around(Journal, "_failed")
    def _(failed: Change, self: Journal, record: Record, cause: Cause, line: dict[str, Any]) -> None:
        failed(self, record, cause, dict(line))
        failed(self, record, cause, dict(line))


@mutant("log-one-record")
def nothing_logged_when_the_client_leaves() -> None:
    """What is cancelled skips the line that logs the end."""

    @around(Journal, "finished")
    def _(finished: Change, self: Journal, record: Record, now: float) -> None:
        if record.cause is not Cause.CLIENT_GONE:
            finished(self, record, now)


@mutant("log-sink")
def errors_not_sent_elsewhere() -> None:
    """The address of the external service is read, and nothing is ever sent there."""
    replace(ErrorSink, "offer", lambda *_: None)


@mutant("metrics")
def retries_not_counted() -> None:
    """The metrics count requests and leave out the retries."""

    @around(Metrics, "_counters")
    def _(counters: Change, self: Metrics) -> Any:
        return tuple(row for row in counters(self) if row[0] != "proxy_retries")


@mutant("malformed-close-delimited")
def unverifiable_body_not_told() -> None:
    """A body that only the end of the connection ends is logged like any other."""

    @around(Journal, "finished")
    def _(finished: Change, self: Journal, record: Record, now: float) -> None:
        if record.cause is None:
            record.detail = ""
        finished(self, record, now)
