"""The catalogue: every error path, by id.

Law: a row is data. Its id never changes its meaning, the scenario that checks it carries the id, and a test holds
the two lists against each other.  Kinds: **G** documented in the guide (``source`` names its section), **S** a
standard's rule that any proxy owes its users, **W** write safety.  ``needs`` names the parts of a contract without
which the row is not promised (``n/a``).
"""

from __future__ import annotations

from harness.contract.owed import OWED
from harness.contract.row import ErrorPath, family

__all__ = ["BY_ID", "CATALOGUE", "ErrorPath"]

RETRY = family(
    "retry",
    "Automatic Retry Mechanism",
    "retries",
    """
retry-recovers | G | refused while health is cached good, back before the 3rd retry | 200; tries spaced 1, 2, 3 s
retry-exhausted | G | refused for good while health is cached good | 4 tries, waits 1, 2, 3 s, then the refused error, retries: 3, duration ≥ 6 s | errors.refused
retry-reset | G | RST before a response byte, GET | retried, then 200
retry-methods | S | HEAD, OPTIONS, PUT, DELETE reset before a byte | retried like GET, the same bytes |  | RFC 9110 section 9.2.2
retry-large-body | S | PUT larger than what is kept for a replay, reset in its middle | 502, 1 attempt, memory bounded | streaming.replay_limit_bytes streaming.growth_limit_mib | RFC 9110 section 9.2.2
retry-empty-reply | G | closed without a byte; a kept-alive connection gone stale | retried, the client sees no error
retry-not-for-status | G | the backend answers 4xx or 5xx, also 429 and 503 | passed on as it is, 1 attempt
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

WRITES = family(
    "writes",
    "RFC 9110 section 9.2.2",
    "",
    """
write-acknowledged | W | POST, PUT, PATCH, DELETE, nothing broken | acknowledged and executed exactly once
write-before-commit | W | POST, PUT, PATCH, DELETE reset or cut on their way | 502, executed 0 times; POST and PATCH sent once | retries
write-idempotent-lost | W | PUT or DELETE, every answer lost after commit | 502, executed once per try, its effect there once | retries
write-recovers | W | PUT, DELETE, or a write with a key, lost once before or after commit | acknowledged, its effect there once | retries.key_header
write-unsent-setting | W | POST refused, the retry of unsent writes off | 503, 1 try, executed 0 times | retries.unsent_writes errors.refused
write-stale-connection | W | POST or PATCH after a kept-alive connection went stale | sent at most once |  | RFC 9112 section 9.3.1
""",
)

HEALTH = family(
    "health",
    "Health Check Before Requests",
    "health",
    """
health-down | G | backend down, nothing cached | 503 unavailable within the probe's time, no attempt on the route | errors.unavailable
health-cached | G | 100 requests within 5 s | 1 probe
health-expires | G | a request after 5 s | a new probe
health-recovers | G | the backend comes back | served again at most 5 s later
health-goes-down | G | the backend dies | the lag until "unavailable" measured, no request hangs
health-fails-fast | G | 20 requests while the cached result is bad | 503 at once, with Retry-After; 1 probe, no try | errors.unavailable health.backoff
health-slow | G | the probe answers after 3 s, or never | 503 unavailable | errors.unavailable
health-error-status | G | the probe answers 500, 503 or garbage | 503 unavailable | errors.unavailable
health-one-probe | S | 100 cold requests at once | 1 probe |  | Google SRE, Cascading Failures
health-bypass | G | the health route while cached bad | reaches the backend | health.bypass
health-lookalike | S | /healthy and /x/health while cached bad | gated |  | RFC 3986 section 6.2
backend-starting | G | refused at first, healthy after 4 s | 503 with Retry-After, then 200 without a restart | health.backoff
""",
)

TIMEOUT = family(
    "timeout",
    "Request Timeout",
    "timeout",
    """
timeout-silent | G | accepted, request read, no answer | 504, not before 30 s, not after 31 s | errors.timeout
timeout-trickle | G | one header byte each second | 504 at 30 s | errors.timeout
timeout-body-stall | S | headers and half a body, then silence | a visibly broken body, or 504, at the deadline |  | RFC 9112 section 8
timeout-connect | G | SYN never answered (full backlog) | 504 by the deadline, not a hang
timeout-setting | G | REQUEST_TIMEOUT=10000 | 504 at 10 s | errors.timeout
timeout-write | W | POST, silence after commit | 504, 1 attempt, executed once | errors.timeout
timeout-cancels-upstream | S | accepted, request read, no answer | the upstream connection is closed at the deadline |  | RFC 9110 section 15.6.5
timeout-slow-but-fine | G | the answer comes after 29 s | 200
timeout-covers-retries | G | each try is reset after 18 s | 504 at 30 s, no try begins later | errors.timeout retries
timeout-late-answer | S | the answer comes 1 s after the deadline | 504, and it is not the next request's answer | errors.timeout | RFC 9112 section 9.2
""",
)

ERRORS = family(
    "errors",
    "Detailed Error Messages",
    "",
    """
error-refused | G | refused after retries | 503, its title, ECONNREFUSED, address, how to start it, retries, duration | errors.refused.details retries
error-dual-stack | S | refused on both addresses of a name | the refused error, as for one address | errors.refused retries | RFC 8305 section 5
error-timeout | G | the deadline | 504, its title, timeout and duration | errors.timeout.details timeout
error-unavailable | G | the health gate | 503, its title, healthCheckFailed, suggestion, Retry-After | errors.unavailable.details health
error-other | S | reset, cut off, malformed, DNS name unknown, TLS refused | 502, its title, errorCode names the cause | errors.failed.details | RFC 9110 section 15.6.3
connect-dual-stack | S | ::1 refuses, 127.0.0.1 answers | 200, 1 attempt, no retry |  | RFC 8305 section 5
error-development | G | any, in development | a stack or cause is shown | production
error-production | G | any, in production | no stack, path, address or secret in body or headers | production | Production Considerations
error-shape | S | every error above | JSON of one schema, with CORS and X-Request-ID | errors.refused cors identity.request_id | Detailed Error Messages
error-proxy-status | S | every error above | Proxy-Status with RFC 9209's type | identity.proxy_status | RFC 9209 section 2.3
""",
)

MALFORMED = family(
    "malformed",
    "RFC 9112 section 6.3",
    "",
    """
malformed-status-line | S | a status line that is none | an error, the connection not used again |  | RFC 9112 section 4
malformed-not-http | S | another protocol | an error, nothing of it passed on |  | RFC 9112 section 8
malformed-head-cut | S | half a head, then the end or RST | an error, nothing of it passed on |  | RFC 9112 section 8
malformed-header-colon | S | a header line without colon or name | an error, or the line dropped |  | RFC 9112 section 5
malformed-header-fold | S | a folded value, a NUL, a bare CR | an error, or spaces instead |  | RFC 9112 section 5.2
malformed-header-size | S | a header section of 1 MiB, or without end | an error, or passed whole; in bounded memory |  | RFC 9110 section 5.4
malformed-two-lengths | S | two different Content-Lengths, or one that is no number | an error
malformed-length-chunked | S | Content-Length and chunked together | an error, or the chunks alone
malformed-coding | S | a transfer coding that cannot be undone | an error or a visibly broken body |  | RFC 9112 section 6.1
malformed-chunk-size | S | a bad chunk size | an error or a visibly broken body |  | RFC 9112 section 7.1
malformed-short-body | S | a body shorter than Content-Length | an error or a visibly broken body |  | RFC 9112 section 8
malformed-chunked-cut | S | a chunked body cut off | an error or a visibly broken body |  | RFC 9112 section 8
malformed-long-body | S | a body longer than Content-Length | the rest is dropped, and not the next answer
malformed-interim-storm | S | 1xx answers without end | an error by the deadline, in bounded memory |  | RFC 9110 section 15.2
malformed-head-body | S | an answer to HEAD with a body | no body, and not the next answer |  | RFC 9110 section 9.3.2
malformed-no-content | S | bytes after a 204 or 304 | no body, and not the next answer
malformed-reset-after-head | S | RST after the head | an error or a visibly broken body, 1 try |  | RFC 9112 section 8
malformed-reset-mid-body | S | RST in the middle of the body | an error or a visibly broken body, 1 try |  | RFC 9112 section 8
malformed-close-delimited | S | a body that only the end of the connection ends | served, and reported as one that may be cut | logging.unverified | RFC 9112 section 8
""",
)

FORWARDING = family(
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
forward-headers | S | repeated, empty and 8-bit header values, both ways | kept, in order, joined or not
forward-statuses | S | 201, 204, 301, 302, 304, 307, 404, 418, 429, 500, 503 | passed on as they are, redirects not followed
forward-gzip | S | a gzip body | its bytes and its Content-Encoding untouched
forward-head | S | HEAD | no body, the Content-Length of the GET
forward-hop-by-hop | S | hop-by-hop headers, both ways | removed |  | RFC 9110 section 7.6.1
forward-connection-named | S | headers named by Connection, both ways | removed |  | RFC 9110 section 7.6.1
forward-forwarded-for | S | X-Forwarded-For and Forwarded | appended to | identity.forwarded_for | RFC 7239 section 4
forward-via | S | any request | Via appended; on the answer kept, or appended to | identity.via | RFC 9110 section 7.6.3
forward-max-forwards | S | OPTIONS with Max-Forwards 0, 1 and 12 | 0: answered by the proxy; else it goes on with less | identity.max_forwards | RFC 9110 section 7.6.2
""",
)

TROUBLESHOOTING = family(
    "troubleshooting",
    "Troubleshooting",
    "",
    """
port-in-use | G | the port is taken, for proxy and backend | exit ≠ 0 within 2 s, one message: port, its holder, another | process.port_in_use_within_s | Port Already in Use
database-down | G | Postgres refuses | backend health 503 naming it, proxy 503 unavailable; recovers without restart | health errors.unavailable | Database Connection Issues
database-slow | G | Postgres +2 s, +60 s, black hole | bounded by the deadline, the pool not exhausted afterwards | timeout | Database Connection Issues
database-reset | G | connection reset mid-transaction | an error, no half-written row, the pool heals |  | Database Connection Issues
database-terminated | W | the server ends every session | at most 1 failed request per session, no half write, the pool heals |  | Database Connection Issues
database-restarted | W | the server is restarted | fails what it cuts and nothing else, no half write, the pool heals |  | Database Connection Issues
database-full | W | every session of the server is taken | health says so, proxy 503 unavailable; recovers without restart | health errors.unavailable | Database Connection Issues
database-read-only | S | the database takes no writes | health says so without SQL, the proxy 503 unavailable | health errors.unavailable | Database Connection Issues
redis-down | G | Redis refuses | the API answers without its cache, health says degraded |  | Verify all backend dependencies
redis-slow | G | Redis stalls | the API answers without its cache, health says degraded |  | Verify all backend dependencies
migrations-missing | G | a fresh database | health says so with the command; the command mends it |  | Database Connection Issues
bad-setting | G | PORT=abc, a bad URL, an unknown NODE_ENV | exit code 2, the setting named, nothing started | process.bad_setting_exit | Environment Variables
""",
)

LOGGING = family(
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

METRICS = family(
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

CORS = family(
    "cors",
    "CORS support for credentials",
    "cors",
    """
cors-allowed | G | a request from a configured origin | that origin, with credentials
cors-preflight | G | a preflight while the backend is down | answered by the proxy, nothing upstream
cors-other-origin | G | any other origin, null, a lookalike | no CORS headers, never reflected
cors-on-error | G | an error, from a configured origin | CORS headers on the error too
cors-preflight-bounds | S | a preflight for TRACE or a private network, or from another origin; plain OPTIONS | granted no more than is offered; plain OPTIONS forwarded |  | Fetch standard, CORS-preflight request
cors-vary | S | any request | Vary: Origin; the backend's own CORS headers do not add a second |  | Fetch standard, CORS protocol
""",
)

CONNECTION = family(
    "connection",
    "Testing the Connection",
    "",
    """
health-same-body | G | health direct and through the proxy | the same body {"status":"ok","timestamp":…} | health
api-docs | G | /api-docs of the backend | an API documentation page |  | Verify Both Servers Are Running
startup-banner | G | proxy and backend start | a banner with both addresses | process.banner | Start the Backend API Server
""",
)

CATALOGUE: tuple[ErrorPath, ...] = (
    *RETRY,
    *WRITES,
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
    *OWED,
)

BY_ID: dict[str, ErrorPath] = {path.id: path for path in CATALOGUE}
