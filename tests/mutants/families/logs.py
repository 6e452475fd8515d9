"""Mistakes about logs and metrics: what is not told, told twice, or must never be told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any

from proxy_under_test import app, metrics, redact
from proxy_under_test.causes import Cause
from proxy_under_test.gate import Known
from proxy_under_test.logs import JsonLogger
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


@mutant("log-injection")
def a_line_is_a_format_string() -> None:
    """The start line is put together as a text: control characters are taken out, and nobody thought of quotes."""

    @around(JsonLogger, "tell")
    def _(tell: Change, self: JsonLogger, line: dict[str, Any]) -> None:
        if line["event"] != "request started":
            tell(self, line)
            return
        told = {name: "".join(filter(str.isprintable, str(value))) for name, value in line.items()}
        fields = ", ".join(f'"{name}": "{value}"' for name, value in told.items() if name != "headers")
        self._writer.take(b"{%b}\n" % fields.encode("ascii", "replace"))


@mutant("log-injection")
def refusals_not_logged() -> None:
    """What is refused at the door never gets as far as the journal, and whoever tries doors leaves no trace."""

    for name in ("started", "finished"):

        @around(Journal, name)
        def _(write: Change, self: Journal, record: Record, *args: float) -> None:
            if record.upstream:
                write(self, record, *args)


@mutant("log-attempts")
def only_the_last_try_told() -> None:
    """The tries are kept in one variable, so the record tells the last of them."""

    @around(JsonLogger, "tell")
    def _(tell: Change, self: JsonLogger, line: dict[str, Any]) -> None:
        tell(self, line | {"tries": line["tries"][-1:]} if "tries" in line else line)


@mutant("log-attempts")
def every_try_told_like_the_last() -> None:
    """The tries are told with the outcome of the request, as if each had been served."""

    @around(JsonLogger, "tell")
    def _(tell: Change, self: JsonLogger, line: dict[str, Any]) -> None:
        tries = line.get("tries", [])
        for one in tries:
            one["outcome"] = tries[-1]["outcome"]
        tell(self, line)


@mutant("metrics-cardinality")
def methods_counted_as_sent() -> None:
    """The method is a label as the client sent it: each that a parser knows becomes a series."""

    class All(Collection[str]):
        def __contains__(self, _: object) -> bool:
            return True

        def __iter__(self) -> Any:
            return iter(())

        def __len__(self) -> int:
            return 0

    replace(metrics, "METHODS", All())


@mutant("metrics-cardinality")
def series_for_each_request_id() -> None:
    """Requests are counted by their ids, too, so that one can be looked up."""
    ids: Counter[str] = Counter()

    @around(Journal, "finished")
    def _(finished: Change, self: Journal, record: Record, now: float) -> None:
        ids[record.request_id] += 1
        finished(self, record, now)

    @around(Metrics, "_counters")
    def _(counters: Change, self: Metrics) -> Any:
        return *counters(self), ("proxy_requests_by_id", "Requests by id.", "request_id", ids)


@mutant("metrics-alert")
def served_counted_as_closed() -> None:
    """Whatever ends a connection to the backend is counted as a failure of it, also the end of an answer."""

    @around(Journal, "finished")
    def _(finished: Change, self: Journal, record: Record, now: float) -> None:
        if record.cause is None:
            self.metrics.failures[Cause.CLOSED] += 1
        finished(self, record, now)


@mutant("metrics-alert")
def failures_begin_with_the_first() -> None:
    """A series of failures comes up with its first failure, which Prometheus' increase() then does not see."""

    @around(Metrics, "__init__")
    def _(make: Change, self: Metrics) -> None:
        make(self)
        self.failures.clear()


@mutant("metrics-health")
def health_told_the_wrong_way_round() -> None:
    """The gauge is 1 for "down" while the backend is up, and its alert fires for as long as all is well."""
    swapped = {Known.GOOD: Known.BAD, Known.BAD: Known.GOOD}

    @around(app, "_watch")
    def _(watch: Change, told: Metrics, *args: Any) -> None:
        watch(told, *args)
        known = told.health
        told.health = lambda: swapped.get(known(), Known.NOTHING)


@mutant("metrics-health")
def health_told_as_of_the_start() -> None:
    """What is known of the backend is asked once and for all, when the metrics are put together."""

    @around(app, "_watch")
    def _(watch: Change, told: Metrics, *args: Any) -> None:
        watch(told, *args)
        known = told.health()
        told.health = lambda: known
