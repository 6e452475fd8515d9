"""Enhanced Logging: one record per request, whatever happens to it; no secrets; errors also sent elsewhere."""

from __future__ import annotations

import json
from contextlib import nullcontext

import pytest

from harness.contract.model import Happened
from harness.errors import NotPromised
from harness.faults.link import Refused
from harness.faults.origin import Route
from harness.journal import is_object
from harness.rig import Rig
from harness.traffic import raw
from harness.traffic.client import new_key
from harness.traffic.origin import Origin
from harness.traffic.recording import Attempt
from harness.traffic.replies import delayed, empty_reply, garbage, ok, reset, silent
from harness.traffic.steps import Behaviour
from harness.verdicts.expect import Expect
from harness.verdicts.timing import SCHEDULING_S
from scenarios.failures import FAILURES, Failure, fail, met

MS = 1000
SERVICE_S = 2.0  # wall seconds for which a proxy waits for an external service that says nothing
SOON_S = 0.75  # wall seconds: a request that waited for the service would take all of those


@pytest.mark.error_path("log-request")
@pytest.mark.parametrize(("method", "status", "sent"), [("GET", 200, 0), ("PUT", 201, 4096), ("POST", 404, 3)])
def test_a_request_is_logged_at_its_start_and_end(
    rig: Rig, expect: Expect, method: str, status: int, sent: int
) -> None:
    """One JSON line at the start and one at the end, with method, path, target, status, time, tries, bytes and id."""
    with rig.broken(Route(delayed(rig.clock.wall(1), ok(b"x" * 1000, status)))):
        exchange = rig.request(method, "/logged/a%20b?q=1", content=b"y" * sent if sent else None)

    (start,) = expect.logged("start", exchange, 1)
    record = expect.record(exchange, "served")
    for line in (start, record):
        expect.equal("method", method, line["method"])
        expect.that("/logged/a%20b" in str(line["path"]), "the path", repr(line["path"]))
        expect.contains("target", line["target"], f"{rig.upstream_address}{rig.upstream_base}/logged/a%20b")
    expect.equal("status", status, record["status"])
    expect.equal("attempts", 1, record["attempts"])
    expect.equal("bytes in and out", (sent, 1000), (record["bytes_in"], record["bytes_out"]))
    told = record["duration_ms"]
    expect.that(isinstance(told, int | float), "duration_ms a number", f"duration_ms {told!r}")
    # A proxy stops its watch after its last write, and by then the client may have read it all.
    expect.lasted("duration_ms", told / MS, 1, rig.clock.target(exchange.took_s), since=exchange.started)


@pytest.mark.error_path("log-one-record")
@pytest.mark.parametrize("failure", FAILURES)
def test_a_failed_request_leaves_exactly_one_record(rig: Rig, expect: Expect, failure: Failure) -> None:
    """However a request fails, its end is recorded once, with the status that the client saw and the cause."""
    exchange = fail(rig, failure)

    expect.failed(exchange, failure.kind, types=failure.types)
    record = expect.record(exchange, met(rig, failure.happened))
    expect.equal("status", exchange.status, record["status"])
    if expect.promised(failure.kind, "retries"):
        expect.equal("attempts", 1 + exchange.json()["details"]["retries"], record["attempts"])


@pytest.mark.error_path("log-one-record")
def test_a_client_that_left_leaves_exactly_one_record(rig: Rig, expect: Expect) -> None:
    """A request whose client left in the middle is recorded once, too, as just that."""
    with rig.broken(Route(silent())):
        pending = rig.begin("GET", f"/left/{new_key()}")
        rig.until(lambda: rig.origin.attempts(pending.key), "the try")
        exchange = pending.leave()

    record = expect.record(exchange, "left")
    expect.equal("attempts", 1, record["attempts"])
    expect.recovers(rig)


@pytest.mark.error_path("log-attempts")
def test_a_record_tells_each_try(rig: Rig, expect: Expect) -> None:
    """The record of a request that was refused twice, then served, tells each try and how it ended."""
    rig, waits = rig.with_waits_of(SCHEDULING_S)  # after the second try there is time to heal
    with rig.broken(Refused()) as fault:
        pending = rig.begin("GET", "/items")
        rig.after_tries(fault, 2, waits)
    exchange = pending.exchange()

    expect.served(exchange)
    record = expect.record(exchange, "served", rig=rig)
    outcome = rig.journal.form("end").fields["try_outcome"]
    ends = [try_[outcome] for try_ in record["tries"] or []]
    refused = rig.journal.words("refused")
    expect.equal("attempts", len(ends), record["attempts"])
    expect.that(len(ends) >= 3 and all(end in refused for end in ends[:-1]), "2 refused tries or more", f"{ends}")
    expect.one_of("the last try", (200, *rig.journal.words("served")), ends[-1])


@pytest.mark.error_path("log-retry")
def test_each_retry_is_one_line(rig: Rig, expect: Expect) -> None:
    """Each retry is one line before its wait: its number, the wait, and the cause."""
    with rig.broken(Route(reset(), empty_reply(), ok())):
        exchange = rig.get("/items")

    expect.served(exchange)
    lines = expect.logged("retry", exchange, 2)
    expect.equal("numbers", [1, 2], [line["number"] for line in lines])
    causes: tuple[Happened, ...] = (met(rig, "reset"), "closed")
    for line, wait_s, happened in zip(lines, rig.retries.waits_s, causes, strict=False):
        expect.between("wait", rig.milliseconds(wait_s) - 1, rig.milliseconds(wait_s) + 1, line["wait_ms"], " ms")
        expect.one_of("cause", rig.journal.words(happened), line["cause"])


@pytest.mark.error_path("log-headers")
@pytest.mark.parametrize("answer", [ok(headers=(("Set-Cookie", "sid=tell-nobody"),)), reset()], ids=["200", "reset"])
def test_the_log_names_headers_and_tells_no_value(rig: Rig, expect: Expect, answer: Behaviour) -> None:
    """The names of forwarded headers are logged; values of credentials, cookies and secret query fields never are."""
    secret = f"tell-nobody-{new_key()}"
    headers = {"Authorization": f"Bearer {secret}", "Cookie": f"sid={secret}", "X-Api-Key": secret}

    with rig.broken(Route(answer)):
        exchange = rig.post(f"/items?token={secret}&page=2", content=b"{}", headers=headers)

    (line,) = expect.logged("start", exchange, 1)
    named = {str(name).lower() for name in line["headers"] or []}
    expect.that({name.lower() for name in headers} <= named, f"the names {sorted(headers)}", f"{sorted(named)}")
    expect.contains("query", line["query"], "page=2")
    expect.record(exchange)
    expect.that("tell-nobody" not in rig.target.output(), "no secret in the log", "one is there")


ODD = [
    pytest.param(b"GET %b/\x1b[2J HTTP/1.1\r\nHost: x\r\n\r\n", id="ANSI path"),
    pytest.param(b"GET %b/a\x85b\x9bc\xe2\x80\xa8 HTTP/1.1\r\nHost: x\r\n\r\n", id="8-bit path"),
    pytest.param(b"GET %b/ok?a\x85b\x9bc HTTP/1.1\r\nHost: x\r\n\r\n", id="8-bit query"),
    pytest.param(b"GET %b/%%0d%%0a{} HTTP/1.1\r\nHost: x\r\n\r\n", id="escaped CR LF"),
    pytest.param(b'GET %b/",""\\ HTTP/1.1\r\nHost: x\r\n\r\n', id="quotes"),
    pytest.param(b'GET %b/","status":"200 HTTP/1.1\r\nHost: x\r\n\r\n', id="field"),
    pytest.param(b"GET %b/" + b"p" * 60_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", id="60 kB path"),
    pytest.param(b"GET %b/ok HTTP/1.1\r\nHost: x\r\nX-" + b"n" * 60_000 + b": 1\r\n\r\n", id="60 kB header name"),
    pytest.param(b"GET %b/ok HTTP/1.1\r\nHost: x\r\nX-Request-ID: \x1b[2J\x85\r\n\r\n", id="ANSI request id"),
    pytest.param(b"GET %b/ok?" + b"q" * 10_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", id="10 kB query"),
]


@pytest.mark.error_path("log-injection")
@pytest.mark.parametrize("request_bytes", ODD)
def test_no_client_can_write_into_the_log(rig: Rig, expect: Expect, request_bytes: bytes) -> None:
    """Whatever a request holds, every line of the log stays one JSON object, bounded, without control characters."""
    limit = rig.logging.longest_line
    if limit is None:
        raise NotPromised("logging.longest_line is not in the target's contract")
    rig.prove_healthy()
    before = len(rig.target.lines())

    sent = request_bytes.replace(b"%b", rig.target.file.routes.base.encode(), 1).replace(b"%%", b"%")
    reply = raw.ask(rig.target.host, rig.target.port, sent).reply
    expect.record(rig.get(f"/after/{new_key()}"), "served")

    new = rig.target.output().split("\n")[before:-1]
    expect.equal("lines that are no JSON object", [], [line[:80] for line in new if not is_object(line)])
    told = rig.journal.id_in(reply.headers) if reply else None
    if told:  # else nothing says which line would be whose
        expect.eventually("a line about what was asked", lambda: rig.journal.of_id(told))
    strange = sorted({char for line in new for char in line if not char.isprintable()})
    expect.equal("control characters", [], strange)
    expect.between("longest line", 1, limit, max(len(line.encode()) for line in new), " bytes")


def _sent(service: Origin, path: str) -> list[Attempt]:
    return [one for one in service.attempts() if one.complete and path.encode() in (one.body or b"")]


@pytest.mark.error_path("log-sink")
def test_an_error_also_reaches_the_external_service(rig: Rig, expect: Expect) -> None:
    """Each error is posted to the external service, once, as JSON that says which request failed and how."""
    service = rig.external
    rig = rig.variant(error_sink=f"{service.url}/errors")

    with rig.broken(Route(garbage())):
        exchange = rig.get(f"/items/{new_key()}?token=tell-nobody")

    expect.failed(exchange, "failed")
    sent = expect.eventually("the error at the external service", lambda: _sent(service, "/items/"))[0]
    told = json.loads(sent.body or b"{}")
    names = rig.sink.fields
    expect.equal("method", "POST", sent.method)
    expect.contains("path", told.get(names["path"]), exchange.path.partition("?")[0])
    expect.equal("status", exchange.status, told.get(names["status"]))
    expect.one_of("outcome", rig.journal.words("malformed"), told.get(names["outcome"]))
    expect.that(b"tell-nobody" not in (sent.body or b""), "no secret", "one is there")
    expect.record(rig.get(f"/after/{new_key()}"), "served", rig=rig)
    expect.equal("errors sent", 1, len(service.attempts()))


@pytest.mark.error_path("log-sink")
@pytest.mark.parametrize("state", ["refused", "silent", "500"])
def test_an_external_service_that_is_down_harms_no_request(rig: Rig, expect: Expect, state: str) -> None:
    """While the external service refuses, says nothing or answers 500, requests are answered as ever, and as fast."""
    service = rig.external
    rig = rig.variant(error_sink=f"{service.url}/errors", **rig.connect_within(rig.clock.target(SERVICE_S)))
    service.script(route=[silent() if state == "silent" else ok(b"", 500)])

    with service.refusing() if state == "refused" else nullcontext(), rig.broken(Route(garbage())):
        exchange = rig.get(f"/items/{new_key()}")
    service.script(route=[ok()])
    with rig.broken(Route(garbage())):
        last = rig.get(f"/last/{new_key()}")

    expect.failed(exchange, "failed")
    expect.took(exchange, 0, rig.clock.target(SOON_S))
    expect.eventually("the next error there", lambda: _sent(service, last.path), within_s=rig.deadline_s)
    expect.recovers(rig)
    expect.equal("times it was sent", 1, len(_sent(service, last.path)))
