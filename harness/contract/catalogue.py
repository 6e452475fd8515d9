"""The catalogue: every error path, by id.

Law: a row is data. Its id never changes its meaning, the scenario that checks it carries the id, and a test holds
the two lists against each other.  Kinds: **G** documented in the guide (``source`` names its section), **S** a
standard's rule that any proxy owes its users, **W** write safety.  ``needs`` names the parts of a contract without
which the row is not promised (``n/a``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["G", "S", "W"]


@dataclass(frozen=True)
class ErrorPath:
    """One promise: a stable id, where it is documented, what triggers it, and what is promised."""

    id: str
    kind: Kind
    family: str
    source: str
    trigger: str
    promise: str
    needs: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Trigger and promise as one line."""
        return f"{self.trigger} → {self.promise}"


def _family(family: str, source: str, needs: str, rows: str) -> tuple[ErrorPath, ...]:
    """Read ``rows``: one row a line, ``id | kind | trigger | promise [| more needs] [| source]``."""
    return tuple(_row(family, source, needs, line) for line in rows.strip().splitlines())


def _row(family: str, source: str, needs: str, line: str) -> ErrorPath:
    cells = [cell.strip() for cell in line.split("|")]
    identity, kind, trigger, promise = cells[:4]
    more = cells[4] if len(cells) > 4 else ""
    if kind not in ("G", "S", "W"):
        raise ValueError(f"catalogue row {identity}: kind {kind!r}")
    return ErrorPath(
        id=identity,
        kind=kind,  # type: ignore[arg-type]  # narrowed by the line above
        family=family,
        source=cells[5] if len(cells) > 5 else source,
        trigger=trigger,
        promise=promise,
        needs=(*needs.split(), *more.split()),
    )


RETRY = _family(
    "retry",
    "Automatic Retry Mechanism",
    "retries",
    """
retry-recovers | G | refused while health is cached good, back before the 3rd retry | 200; tries spaced 1, 2, 3 s
retry-exhausted | G | refused for good while health is cached good | 4 tries, waits 1, 2, 3 s, then the refused error, retries: 3, duration ≥ 6 s | errors.refused
retry-reset | G | RST before a response byte, GET | retried, then 200
retry-empty-reply | G | closed without a byte; a kept-alive connection gone stale | retried, the client sees no error
retry-not-for-status | G | the backend answers 500, 502, 503, 429 | passed on as it is, 1 attempt
retry-count-setting | G | MAX_RETRIES 2 (the guide's production value) and 0 | 3 tries; 1 try
retry-within-deadline | G | refused, REQUEST_TIMEOUT shorter than the waits | 504 or the refused error by the deadline, never later | timeout
retry-write-refused | W | POST, refused twice, then served | executed exactly once | retries.unsent_writes
retry-write-after-commit | W | POST or PATCH, answer lost after commit (reset, cut, silence) | 1 attempt, 502 or 504, executed exactly once
retry-write-with-key | W | POST with Idempotency-Key, answer lost | retried; executed once by the backend's key | retries.key_header
retry-body-intact | W | PUT with a binary body, reset twice | every attempt carries the same bytes
retry-stops-with-client | S | the client leaves during a wait | no further attempt |  | RFC 9110 section 9.2.2
retry-amplification | S | refused for good, 50 clients | at most 4 attempts per request, measured |  | Google SRE, Handling Overload
""",
)

HEALTH = _family(
    "health",
    "Health Check Before Requests",
    "health",
    """
health-down | G | backend down, nothing cached | 503 unavailable within the probe's time, no attempt on the route | errors.unavailable
health-cached | G | 20 requests within 5 s | 1 probe
health-expires | G | a request after 5 s | a new probe
health-recovers | G | the backend comes back | served again at most 5 s later
health-goes-down | G | the backend dies | the lag until "unavailable" measured, no request hangs
health-slow | G | the probe answers after 3 s | 503 unavailable | errors.unavailable
health-error-status | G | the probe answers 500, 503 or garbage | 503 unavailable | errors.unavailable
health-one-probe | S | 50 cold requests at once | 1 probe |  | Google SRE, Cascading Failures
health-bypass | G | the health route while cached bad | reaches the backend | health.bypass
health-lookalike | S | /healthy and /x/health while cached bad | gated |  | RFC 3986 section 6.2
backend-starting | G | refused at first, healthy after 4 s | 503 with Retry-After, then 200 without a restart | health.backoff
""",
)

TIMEOUT = _family(
    "timeout",
    "Request Timeout",
    "timeout",
    """
timeout-silent | G | accepted, request read, no answer | 504, not before 30 s, not after 31 s | errors.timeout
timeout-trickle | G | one header byte each second | 504 at 30 s | errors.timeout
timeout-body-stall | S | headers and half a body, then silence | a visibly broken body by the deadline |  | RFC 9112 section 8
timeout-connect | G | SYN never answered (full backlog) | an error by the deadline, not a hang
timeout-setting | G | REQUEST_TIMEOUT=10000 | 504 at 10 s | errors.timeout
timeout-write | W | POST, silence after commit | 504, 1 attempt, executed once | errors.timeout
timeout-cancels-upstream | S | accepted, request read, no answer | the upstream connection is closed at the deadline |  | RFC 9110 section 15.6.5
timeout-slow-but-fine | G | the answer comes after 29 s | 200
""",
)

ERRORS = _family(
    "errors",
    "Detailed Error Messages",
    "",
    """
error-refused | G | refused after retries | 503, its title, ECONNREFUSED, address, how to start it, retries, duration | errors.refused retries
error-timeout | G | the deadline | 504, its title, timeout and duration | errors.timeout timeout
error-unavailable | G | the health gate | 503, its title, healthCheckFailed, suggestion, Retry-After | errors.unavailable health
error-other | S | reset, cut off, malformed, DNS name unknown, TLS refused | 502, its title, errorCode names the cause | errors.failed | RFC 9110 section 15.6.3
error-development | G | any, in development | a stack or cause is shown | production
error-production | G | any, in production | no stack, path, address or secret in body or headers | production | Production Considerations
error-shape | S | every error above | JSON of one schema, with CORS and X-Request-ID | errors.refused cors identity.request_id | Detailed Error Messages
error-proxy-status | S | every error above | Proxy-Status with RFC 9209's type | identity.proxy_status | RFC 9209 section 2.3
""",
)

MALFORMED = _family(
    "malformed",
    "RFC 9112 section 6.3",
    "",
    """
malformed-status-line | S | a status line that is none | an error, the connection not used again |  | RFC 9112 section 4
malformed-not-http | S | another protocol | an error, nothing of it passed on |  | RFC 9112 section 8
malformed-head-cut | S | half a head, then the end or RST | an error, nothing of it passed on |  | RFC 9112 section 8
malformed-header-colon | S | a header line without colon or name | an error |  | RFC 9112 section 5
malformed-header-fold | S | a folded value, a NUL, a bare CR | an error, or spaces instead |  | RFC 9112 section 5.2
malformed-header-size | S | a header section of 1 MiB | an error, in bounded memory |  | RFC 9110 section 5.4
malformed-two-lengths | S | two different Content-Lengths, or one that is no number | an error
malformed-length-chunked | S | Content-Length and chunked together | an error
malformed-coding | S | a transfer coding that cannot be undone | an error |  | RFC 9112 section 6.1
malformed-chunk-size | S | a bad chunk size | an error or a visibly broken body |  | RFC 9112 section 7.1
malformed-short-body | S | a body shorter than Content-Length | an error or a visibly broken body |  | RFC 9112 section 8
malformed-chunked-cut | S | a chunked body cut off | an error or a visibly broken body |  | RFC 9112 section 8
malformed-long-body | S | a body longer than Content-Length | the rest is not the next answer
malformed-interim-storm | S | 1xx answers without end | an error by the deadline, in bounded memory |  | RFC 9110 section 15.2
malformed-head-body | S | an answer to HEAD with a body | no body, and not the next answer |  | RFC 9110 section 9.3.2
malformed-no-content | S | bytes after a 204 or 304 | no body, and not the next answer
malformed-reset-after-head | S | RST after the head | an error or a visibly broken body, 1 try |  | RFC 9112 section 8
malformed-reset-mid-body | S | RST in the middle of the body | an error or a visibly broken body, 1 try |  | RFC 9112 section 8
malformed-close-delimited | S | a body that only the end of the connection ends | served, and reported as one that may be cut | logging.unverified | RFC 9112 section 8
""",
)

FORWARDING = _family(
    "forwarding",
    "RFC 9110 section 7.6",
    "",
    """
forward-query | S | a query string with repeats, escapes and order | the same bytes upstream
forward-path | S | encoded slash, space, UTF-8 in the path | the same bytes upstream
forward-methods | S | every method | the same method upstream, its answer back
forward-binary-body | S | every byte value, both ways | byte for byte
forward-large-body | S | 100 MiB up and down | streamed; resident growth < 32 MiB | streaming.growth_limit_mib
forward-events | S | server-sent events | each event passes before the next is sent
forward-set-cookie | S | several Set-Cookie | each passes, in order
forward-headers | S | repeated, empty and 8-bit header values, both ways | kept, in order
forward-statuses | S | 201, 204, 301, 304, 404, 418, 429, 500 | passed on as they are, redirects not followed
forward-gzip | S | a gzip body | its bytes and its Content-Encoding untouched
forward-head | S | HEAD | no body, the Content-Length of the GET
forward-hop-by-hop | S | hop-by-hop headers, both ways | removed |  | RFC 9110 section 7.6.1
forward-connection-named | S | headers named by Connection, both ways | removed |  | RFC 9110 section 7.6.1
forward-forwarded-for | S | X-Forwarded-For and Forwarded | appended to | identity.forwarded_for | RFC 7239 section 4
forward-via | S | any request | Via appended, both ways | identity.via | RFC 9110 section 7.6.3
""",
)

TROUBLESHOOTING = _family(
    "troubleshooting",
    "Troubleshooting",
    "",
    """
port-in-use | G | the port is taken, for proxy and backend | exit ≠ 0 within 2 s, one message: port, its holder, another | process.port_in_use_within_s | Port Already in Use
database-down | G | Postgres refuses | backend health 503 naming it, proxy 503 unavailable; recovers without restart | health errors.unavailable | Database Connection Issues
database-slow | G | Postgres +2 s, +60 s, black hole | bounded by the deadline, the pool not exhausted afterwards | timeout | Database Connection Issues
database-reset | G | connection reset mid-transaction | an error, no half-written row, the pool heals |  | Database Connection Issues
redis-down | G | Redis refuses | the API answers without its cache, health says degraded |  | Verify all backend dependencies
redis-slow | G | Redis stalls | the API answers without its cache, health says degraded |  | Verify all backend dependencies
migrations-missing | G | a fresh database | health says so with the command; the command mends it |  | Database Connection Issues
bad-setting | G | PORT=abc, a bad URL, an unknown NODE_ENV | exit code 2, the setting named, nothing started | process.bad_setting_exit | Environment Variables
""",
)

LOGGING = _family(
    "logging",
    "Enhanced Logging",
    "logging",
    """
log-request | G | any request | one JSON line at its start and one at its end: method, path, target, status, time, tries, bytes, id | logging.start logging.end
log-one-record | S | a request that fails, times out, or whose client leaves | exactly one record at its end, with status and cause | logging.end | Enhanced Logging
log-attempts | S | refused twice, then served | the record tells each try and how it ended | logging.end.fields.tries retries | Enhanced Logging
log-retry | G | a retry | one line: its number, the wait, the cause | logging.retry retries
log-headers | G | credentials, cookies and keys in a request | names of forwarded headers, never a value | logging.start
log-injection | S | control characters, 8-bit bytes, 60 kB in path, header and id | each line stays one bounded JSON object | logging.longest_line | CWE-117
log-sink | G | an error, while an external service is set | the error is posted there once; its being down harms no request | sink | Production Considerations
""",
)

METRICS = _family(
    "metrics",
    "Production Considerations",
    "metrics",
    """
metrics | G | failures and retries | counted once by status and by cause, durations in a histogram | metrics.failures
metrics-health | G | the health check fails | what is known of the backend is a metric | metrics.health health
metrics-alert | G | a refused connection | an alert rule that was silent fires within 2 minutes, and falls silent again | metrics.alert
metrics-cardinality | S | clients think of paths, methods and ids | the number of series stays bounded | metrics.series_limit | Prometheus, Instrumentation
""",
)

CORS = _family(
    "cors",
    "CORS support for credentials",
    "cors",
    """
cors-allowed | G | a request from a configured origin | that origin, with credentials
cors-preflight | G | a preflight while the backend is down | answered by the proxy, nothing upstream
cors-other-origin | G | any other origin, null, a lookalike | no CORS headers, never reflected
cors-on-error | G | an error, from a configured origin | CORS headers on the error too
cors-vary | S | any request | Vary: Origin; the backend's own CORS headers do not add a second |  | Fetch standard, CORS protocol
""",
)

CONNECTION = _family(
    "connection",
    "Testing the Connection",
    "",
    """
health-same-body | G | health direct and through the proxy | the same body {"status":"ok","timestamp":…} | health
api-docs | G | /api-docs of the backend | an API documentation page |  | Verify Both Servers Are Running
startup-banner | G | proxy and backend start | a banner with both addresses |  | Start the Backend API Server
""",
)

SMUGGLING = _family(
    "smuggling",
    "RFC 9112 section 6",
    "",
    """
smuggle-two-framings | S | Content-Length and Transfer-Encoding together, another request behind them | 400, or read by the chunks; closed; the hidden request never upstream |  | RFC 9112 section 6.1
smuggle-length | S | Content-Length contradicting, listed, signed, prefixed, endless | 400 and closed |  | RFC 9112 section 6.3
smuggle-coding | S | Transfer-Encoding unknown, not last, repeated, with odd bytes | 400 or 501; one framing upstream |  | RFC 9112 section 6.1
smuggle-old-version | S | chunks in HTTP/1.0 | 400, or framed anew; never passed as it is |  | RFC 9112 section 6.1
smuggle-host | S | no Host, two of them, or one that is no host | 400 |  | RFC 9112 section 3.2
smuggle-field | S | space before the colon, folds, bare CR or LF, NUL, empty name | 400, or gone upstream |  | RFC 9112 section 5
smuggle-chunk | S | bad chunk size, terminator, extension; trailers | 400 and closed, no whole body upstream; trailers are no headers |  | RFC 9112 section 7.1
smuggle-own-answers | S | marked requests after every odd one, on its connection and others | each answer is its own, 0 mismatches in 1,000 |  | RFC 9112 section 11.2
""",
)

DOOR = _family(
    "door",
    "RFC 9110 section 17",
    "",
    """
door-path-escape | S | dot segments, plain, encoded, behind a backslash or a parameter | refused, or below the base upstream |  | RFC 9110 section 17.3
door-foreign-host | S | another host in target, Host or a forwarding field | only the configured upstream is asked |  | OWASP, Server-Side Request Forgery
door-target-form | S | absolute, authority and asterisk form | refused, or asked of the configured upstream |  | RFC 9112 section 3.2
door-method | S | TRACE, CONNECT, what is no method | refused, nothing goes anywhere |  | RFC 9110 section 9.3
door-header-injection | S | CR LF encoded in path or query | no header and no request comes of it |  | RFC 9112 section 11.1
door-twin-fields | S | a name with "_" for "-", a second Authorization | at most one goes upstream |  | RFC 3875 section 4.1.18
door-redirect | S | the upstream redirects to an inner address | passed on, not followed |  | OWASP, Server-Side Request Forgery
door-loop | S | the proxy's upstream is itself | a loop is told at once, nothing piles up | health identity.via | RFC 9110 section 7.6.3
""",
)

LIMITS = _family(
    "limits",
    "RFC 9110 section 17",
    "limits",
    """
limit-header | S | a header section beyond the limit | 431, nothing upstream | limits.header | RFC 6585 section 5
limit-fields | S | more header fields than the limit | 431, nothing upstream | limits.fields | RFC 6585 section 5
limit-target | S | a target beyond the limit | 414, nothing upstream | limits.target | RFC 9110 section 15.5.15
limit-body | S | a body beyond a limit that is set, announced or in chunks | 413, never whole upstream | limits.body | RFC 9110 section 15.5.14
limit-memory | S | 1 MiB of target, endless headers, a body of 10 GB claimed | memory stays bounded | streaming.growth_limit_mib | RFC 9110 section 17.5
limit-slow-head | S | heads sent byte by byte | 408 or left after 10 s, others served meanwhile | limits.head | RFC 9110 section 15.5.9
limit-idle-clients | S | 1,000 clients that only wait | the next one is served at once | limits.idle_clients | RFC 9112 section 9.5
""",
)

CLIENT = _family(
    "client",
    "RFC 9112 section 9.5",
    "",
    """
client-leaves-waiting | S | the client leaves while the upstream is silent | the upstream's request ends within 1 s, nothing is left | timeout
client-leaves-uploading | S | the client leaves in the middle of its body | the upstream's request ends, never whole | timeout
client-leaves-downloading | S | the client leaves in the middle of the answer | the reading ends within 1 s, in steady memory | timeout streaming.growth_limit_mib
client-aborts | S | 500 clients that leave, 10 at a time, on 10 connections upstream | then 10 of 10 are served; nothing left, memory within 5 % | timeout overload process.growth_percent
client-half-request | S | half a head, body or chunk, then FIN or RST | refused or dropped, never whole upstream |  | RFC 9112 section 8
client-slow-upload | S | a body sent byte by byte | an end by the deadline, never whole upstream | timeout | RFC 9110 section 15.5.9
client-slow-reader | S | a client that hardly reads 256 MiB | held back to the upstream, the proxy's memory steady | timeout streaming.growth_limit_mib | RFC 9293 section 3.8
""",
)

STOP = _family(
    "stop",
    "RFC 9112 section 9.6",
    "process.stop_grace_s",
    """
stop-finishes | S | SIGTERM with a request in flight | it is served, new clients are refused, exit code 0
stop-grace | S | SIGTERM with a request that does not end | ended after 10 s with an error, exit code 0
stop-twice | S | a second SIGTERM | the end at once, and not exit code 0
""",
)

OVERLOAD = _family(
    "overload",
    "Google SRE, Handling Overload",
    "overload timeout",
    """
overload-refused | S | more requests than connections upstream, all of them busy | the excess refused at once, the others served | errors.overloaded | RFC 9209 section 2.3.12
overload-heals | S | twice as many, the upstream stalled and healed | 99 % served 2 s later, without a restart |  | Google SRE, Cascading Failures
overload-killed | S | the backend killed and begun again under load | every request ends, in a class that fits; then all are served | health | Google SRE, Cascading Failures
""",
)

RECOVERY = _family(
    "recovery",
    "Google SRE, Cascading Failures",
    "timeout health",
    """
recovery-served | S | each kind of fault, healed | the next request served within 5 s; nothing left behind
recovery-thousand-faults | S | 1,000 requests that meet faults of every kind | tasks, connections, descriptors as before, memory within 5 % | process.growth_percent
""",
)

CATALOGUE: tuple[ErrorPath, ...] = (
    *RETRY,
    *HEALTH,
    *TIMEOUT,
    *ERRORS,
    *MALFORMED,
    *FORWARDING,
    *TROUBLESHOOTING,
    *LOGGING,
    *METRICS,
    *CORS,
    *CONNECTION,
    *SMUGGLING,
    *DOOR,
    *LIMITS,
    *CLIENT,
    *STOP,
    *OVERLOAD,
    *RECOVERY,
)

BY_ID: dict[str, ErrorPath] = {path.id: path for path in CATALOGUE}
