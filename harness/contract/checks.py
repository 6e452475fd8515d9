"""What the standards and the field ask of a proxy, check by check, and the error paths that answer.

A second account beside the guide's (`harness.contract.traceability`): collected from the RFCs, from what Envoy, nginx
and Google's SRE book document, and from defects of proxies and their libraries.  Law: a check that a proxy **must**
pass names the paths that hold it to it.  ``M`` must, ``S`` should, ``I`` informational.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["M", "S", "I"]

_ROWS = """
CON-01 | M | the upstream's port is closed: four tries, then an error that says what to do | RFC 9209 connection_refused | retry-exhausted error-refused
CON-02 | M | the same by a name with two addresses, both refused | RFC 8305 | error-dual-stack
CON-03 | M | the name's first address refused, its second serves: one try, no retry | RFC 8305 | connect-dual-stack
CON-04 | M | a full backlog: an error of the connect's own bound, told from a refusal | RFC 9209 connection_timeout | timeout-connect error-proxy-status
CON-05 | M | a name that does not resolve | RFC 9209 dns_error | error-other
CON-06 | S | a resolver that hangs is bounded, and holds up nobody else | RFC 9209 dns_timeout | –
CON-07 | S | TLS that cannot be: named, and never retried in plain text | RFC 9209 tls_protocol_error | error-other
CON-08 | M | refused twice, then open: served by the third try, and the log says so | Envoy, connect-failure | retry-recovers log-attempts
UPS-01 | M | reset after the request, before a byte: told from a refusal, retried where it may be | RFC 9209 connection_terminated | retry-reset error-other
UPS-02 | M | closed before a byte | RFC 9209 connection_terminated | retry-empty-reply retry-reset error-other
UPS-03 | M | a head cut in the middle: nothing of it is passed on | RFC 9112 section 8 | malformed-head-cut error-other
UPS-04 | M | a body shorter than its length: visibly broken, never retried | RFC 9112 section 8 | malformed-short-body malformed-reset-mid-body malformed-reset-after-head
UPS-05 | M | a chunked body without its last chunk | RFC 9112 section 8 | malformed-chunked-cut malformed-chunk-size
UPS-06 | M | lengths that contradict one another or no number: refused, the connection not used again | RFC 9112 section 6.3 | malformed-two-lengths malformed-length-chunked malformed-coding
UPS-07 | M | a head that is garbage, endless or folded: refused in bounded memory | RFC 9112 section 5.2 | malformed-status-line malformed-not-http malformed-header-size malformed-header-fold malformed-header-colon
UPS-08 | M | bytes beyond an answer's end are dropped, and the next request gets its own answer | RFC 9112 section 6.3 | malformed-head-body malformed-no-content malformed-long-body
UPS-09 | S | interim answers do not disturb the final one; a flood of them is bounded | RFC 9110 section 15.2 | malformed-interim-storm
TMO-01 | M | silence: 504 at the deadline, the upstream connection closed | RFC 9209 http_response_timeout | timeout-silent timeout-cancels-upstream
TMO-02 | M | slow tries: all of them together end by the deadline | Envoy, route timeout | timeout-covers-retries retry-within-deadline
TMO-03 | M | no retry after the deadline | Envoy, route timeout | timeout-covers-retries timeout-silent
TMO-04 | S | a dripping body is bounded | Envoy, stream_idle_timeout | timeout-body-stall
TMO-05 | S | an answer just before the deadline is served, one just after is not | boundary | timeout-slow-but-fine timeout-late-answer
TMO-06 | S | a client's own, shorter deadline | Google SRE, deadline propagation | –
RET-01 | M | the waits are 1, 2, 3 s in this order, four tries | the guide | retry-exhausted
RET-02 | M | a write that reached the upstream is sent once | RFC 9110 section 9.2.2 | retry-write-after-commit write-before-commit write-idempotent-lost
RET-03 | M | a write that was never sent may be repeated, and is executed at most once | RFC 9110 section 9.2.2 | retry-write-refused write-unsent-setting
RET-04 | M | idempotent methods are repeated with the same bytes | RFC 9110 section 9.2.2 | retry-methods retry-body-intact
RET-05 | M | a body too large to be kept is not repeated, in bounded memory | Envoy, retry buffer | retry-large-body
RET-06 | M | no retry once the client has bytes | nginx, proxy_next_upstream | malformed-reset-mid-body malformed-short-body timeout-body-stall
RET-07 | M | answers of the upstream's own are no failures | nginx, proxy_next_upstream | retry-not-for-status forward-statuses
RET-08 | S | neither are its 5xx | Envoy, retry_on | retry-not-for-status
RET-09 | M | a kept connection gone stale: every repetition is counted, none hidden | RFC 9112 section 9.3.1 | retry-empty-reply write-stale-connection
RET-10 | S | many clients at once do not multiply the load | Google SRE, Handling Overload | retry-amplification
HLT-01 | M | one probe however often health is asked for within its time | the guide | health-cached health-expires
HLT-02 | M | one probe however many wait for it | Google SRE, Cascading Failures | health-one-probe
HLT-03 | M | a death is noticed, and a recovery, within the time a result is kept | Envoy, health checking | health-goes-down health-recovers
HLT-04 | M | a probe that hangs is bounded by its own time | AWS, health checks | health-slow
HLT-05 | S | a bad result is a breaker: open it fails fast and asks once, and closes by itself | Envoy, outlier detection | health-fails-fast health-recovers
ENV-01 | M | one envelope for every error | the guide | error-shape
ENV-02 | M | no stack, address, credential in it | OWASP | error-production
ENV-03 | M | exactly one access record a request, also for one that was left or timed out | the guide | log-request log-one-record
ENV-04 | S | nothing a client sends breaks a log line | CWE-117 | log-injection
ENV-05 | S | Proxy-Status, envelope and metrics agree | RFC 9209 section 2.3 | error-proxy-status metrics metrics-cardinality
CLI-01 | M | a client that leaves while the upstream is silent ends the upstream request | RFC 9110 section 9.2.2 | client-leaves-waiting
CLI-02 | M | so does one that leaves during the answer | RFC 9110 section 9.2.2 | client-leaves-downloading
CLI-03 | M | many that leave take no pool slot with them | defects of HTTP clients | client-aborts
CLI-04 | M | an upload that is slow or ends half-way is never passed on as a whole one | RFC 9112 section 8 | client-slow-upload client-half-request client-leaves-uploading
CLI-05 | S | a slow reader is felt upstream, not in memory | streaming | client-slow-reader
HDR-01 | M | hop-by-hop fields of a request end here | RFC 9110 section 7.6.1 | forward-hop-by-hop forward-connection-named
HDR-02 | M | so do those of an answer | RFC 9110 section 7.6.1 | forward-hop-by-hop forward-connection-named header-connection-trick
HDR-03 | M | repeated, empty and 8-bit fields are kept in order | RFC 9110 section 5.3 | forward-headers forward-set-cookie
HDR-04 | M | what a client says of its own address is appended to, not believed | Envoy, use_remote_address | forward-forwarded-for header-spoofed header-request-id
HDR-05 | M | the target's bytes are kept | RFC 3986 | forward-path forward-query header-odd-target
HDR-06 | M | encoded bodies, ranges, validators are left alone | RFC 9110 section 7.7 | forward-gzip forward-head header-range
HDR-07 | S | Via is added, and a loop is found | RFC 9110 section 7.6.3 | forward-via door-loop
SMG-01 | M | both framings at once: refused, nothing hidden reaches the upstream | RFC 9112 section 6.1 | smuggle-two-framings
SMG-02 | M | a length that is repeated or no number | RFC 9112 section 6.3 | smuggle-length
SMG-03 | M | a transfer coding that is nearly chunked | RFC 9112 section 6.1 | smuggle-coding
SMG-04 | M | chunks under HTTP/1.0 | RFC 9112 section 6.1 | smuggle-old-version
SMG-05 | M | no Host, two of them, or junk | RFC 9112 section 3.2 | smuggle-host
SMG-06 | M | a malformed field line | RFC 9112 section 5 | smuggle-field
SMG-07 | M | a malformed chunk, a trailer that poses as a field | RFC 9112 section 7.1 | smuggle-chunk
SMG-08 | M | whatever was odd, every answer belongs to its own request | request smuggling research | smuggle-own-answers
SEC-01 | M | no dot segment leaves the route's base | Envoy, normalize_path | door-path-escape
SEC-02 | M | no target chooses the upstream | OWASP SSRF | door-foreign-host door-header-injection
SEC-03 | M | absolute-form, *, CONNECT and TRACE | RFC 9112 section 3.2 | door-target-form door-method
SEC-04 | M | a redirect is passed on, not followed | OWASP SSRF | door-redirect forward-statuses
SEC-05 | M | heads, targets and bodies beyond their bounds | Envoy, edge limits | limit-header limit-fields limit-target limit-body limit-memory
SEC-06 | S | fields that differ by an underscore | Envoy, headers_with_underscores_action | door-twin-fields
COR-01 | M | a configured origin, simple and preflighted | Fetch standard | cors-allowed cors-preflight cors-vary
COR-02 | M | any other, null, lookalikes | Fetch standard | cors-other-origin
COR-03 | M | errors can be read by the page | Fetch standard | cors-on-error error-shape
COR-04 | M | the backend's own CORS fields do not add a second | Fetch standard | cors-vary
COR-05 | M | a preflight needs no upstream | Fetch standard | cors-preflight
COR-06 | S | a preflight that asks for too much; OPTIONS that is none | Fetch standard | cors-preflight-bounds
RES-01 | M | more at once than there are connections: the excess is told soon, and all heal | RFC 9209 connection_limit_reached | overload-refused overload-heals
RES-02 | M | the upstream is killed and comes back under load | Jepsen, nemesis | overload-killed
RES-03 | M | SIGTERM finishes what is in flight | the operator | stop-finishes stop-grace stop-twice
RES-04 | S | after a thousand faults everything is back | leak audit | recovery-thousand-faults
DEP-01 | M | Redis refuses: the API answers, soon | the guide | redis-down
DEP-02 | M | Redis is silent: bounded, heals by itself | the guide | redis-slow
DEP-03 | M | PostgreSQL is silent: bounded, the pool heals | the guide | database-slow
DEP-04 | M | PostgreSQL's connections are cut, or none is left: no half transaction | Jepsen, invariants | database-terminated database-reset database-restarted database-full
DEP-05 | S | migrations are missing: told without SQL | the guide | migrations-missing database-read-only
"""


@dataclass(frozen=True)
class Check:
    """One check: its id, whether a proxy must, should or may, what is asked, by whom, and the paths that ask it."""

    id: str
    level: Level
    asks: str
    source: str
    paths: tuple[str, ...]


def checks() -> tuple[Check, ...]:
    """Every check, by group."""
    return tuple(_read(row) for row in _ROWS.strip().splitlines())


def _read(row: str) -> Check:
    identity, level, asks, source, paths = (cell.strip() for cell in row.split("|"))
    if level not in ("M", "S", "I"):
        raise ValueError(f"check {identity}: level {level!r}")
    return Check(identity, level, asks, source, () if paths == "–" else tuple(paths.split()))  # type: ignore[arg-type]
