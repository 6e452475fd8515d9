"""The rows of the catalogue that no guide names: what any proxy owes its users at its own front door and under load."""

from __future__ import annotations

from harness.contract.row import ErrorPath, family

SMUGGLING = family(
    "smuggling",
    "RFC 9112 section 6",
    "",
    """
smuggle-two-framings | S | Content-Length and Transfer-Encoding together, another request behind them | 400, or read by the chunks; closed; the hidden request never upstream |  | RFC 9112 section 6.1
smuggle-length | S | Content-Length contradicting, listed, signed, prefixed, endless | 400 and closed |  | RFC 9112 section 6.3
smuggle-coding | S | Transfer-Encoding unknown, not last, repeated, with odd bytes | 400 or 501, closed where chunked is not last; one framing upstream |  | RFC 9112 section 6.1
smuggle-old-version | S | chunks in HTTP/1.0 | 400, or framed anew; closed; never passed as it is |  | RFC 9112 section 6.1
smuggle-host | S | no Host, two of them, or one that is no host | 400 |  | RFC 9112 section 3.2
smuggle-field | S | space before the colon, folds, bare CR or LF, NUL, empty name | 400, or gone upstream |  | RFC 9112 section 5
smuggle-chunk | S | bad chunk size, terminator, extension; trailers | 400 and closed, no whole body upstream; trailers are no headers |  | RFC 9112 section 7.1
smuggle-own-answers | S | marked requests after every odd one, on its connection and others | each answer is its own, 0 mismatches in 1,000 |  | RFC 9112 section 11.2
""",
)

DOOR = family(
    "door",
    "RFC 9110 section 17",
    "",
    """
door-path-escape | S | dot segments, plain, encoded, behind a backslash or a parameter | refused, or below the base upstream |  | RFC 9110 section 17.3
door-foreign-host | S | another host in target, Host or a forwarding field | only the configured upstream is asked |  | OWASP, Server-Side Request Forgery
door-target-form | S | absolute, authority and asterisk form | refused, or asked of the configured upstream |  | RFC 9112 section 3.2
door-method | S | CONNECT and PRI; TRACE and unknown methods where they are not served | refused, nothing goes anywhere |  | RFC 9110 section 9.3
door-header-injection | S | CR LF encoded in path or query | no header and no request comes of it |  | RFC 9112 section 11.1
door-twin-fields | S | a name with "_" for "-", a second Authorization | at most one goes upstream | identity.one_spelling | RFC 3875 section 4.1.18
door-redirect | S | the upstream redirects to an inner address | passed on, not followed |  | OWASP, Server-Side Request Forgery
door-loop | S | the proxy's upstream is itself | a loop, or no upstream, is told at once; nothing piles up | health identity.via | RFC 9110 section 7.6.3
""",
)

LIMITS = family(
    "limits",
    "RFC 9110 section 17",
    "limits",
    """
limit-header | S | a header section beyond the limit | 431, nothing upstream | limits.header | RFC 6585 section 5
limit-fields | S | more header fields than the limit | 431, nothing upstream | limits.fields | RFC 6585 section 5
limit-target | S | a target beyond the limit | 414, nothing upstream | limits.target | RFC 9110 section 15.5.15
limit-body | S | a body beyond a limit that is set, announced or in chunks | 413, never whole upstream | limits.body | RFC 9110 section 15.5.14
limit-memory | S | a target without end, endless headers, a body of 10 GB claimed | memory stays bounded | streaming.growth_limit_mib | RFC 9110 section 17.5
limit-slow-head | S | heads sent byte by byte | 408 or left after 10 s, others served meanwhile | limits.head | RFC 9110 section 15.5.9
limit-idle-clients | S | 1,000 clients that only wait | they stay connected, the next one is served at once | limits.idle_clients | RFC 9112 section 9.5
""",
)

CLIENT = family(
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

STOP = family(
    "stop",
    "RFC 9112 section 9.6",
    "process.stop_grace_s",
    """
stop-finishes | S | SIGTERM with a request in flight | it is served, new clients are refused, exit code 0
stop-grace | S | SIGTERM with a request that does not end | ended after 10 s with an error, exit code 0
stop-twice | S | a second SIGTERM | the end at once, and not exit code 0
""",
)

OVERLOAD = family(
    "overload",
    "Google SRE, Handling Overload",
    "overload timeout",
    """
overload-refused | S | more requests than connections upstream, all of them busy | the excess refused at once, the others served | errors.overloaded | RFC 9209 section 2.3.12
overload-heals | S | twice as many, the upstream stalled and healed | 99 % served 2 s later, without a restart |  | Google SRE, Cascading Failures
overload-killed | S | the backend killed and begun again under load | every request ends, in a class that fits; then all are served | health | Google SRE, Cascading Failures
""",
)

RECOVERY = family(
    "recovery",
    "Google SRE, Cascading Failures",
    "timeout health",
    """
recovery-served | S | each kind of fault, healed | the next request served within 5 s; nothing left behind
recovery-thousand-faults | S | 1,000 requests that meet faults of every kind | tasks, connections, descriptors as before, memory within 5 % | process.growth_percent
""",
)

HEADERS = family(
    "headers",
    "RFC 9110 section 7.6",
    "",
    """
header-spoofed | S | X-Forwarded-*, Forwarded and X-Real-IP from the client | replaced, or followed by what the proxy knows | identity.forwarded_for | RFC 7239 section 8.1
header-request-id | S | a request id that is no identifier | replaced, the same for client and upstream; or 400 | identity.request_id | CWE-117
header-connection-trick | S | Connection names what the proxy answers for | not stripped; no nomination passed on | identity.forwarded_for identity.via | RFC 9110 section 7.6.1
header-range | S | Range, If-Range, If-None-Match; 206, 304 | passed with their fields and bytes untouched |  | RFC 9110 section 14
header-odd-target | S | broken escapes, 8-bit bytes, other oddities in the target | the same bytes upstream, or 400 |  | RFC 3986 section 2
""",
)

OWED: tuple[ErrorPath, ...] = (*SMUGGLING, *DOOR, *LIMITS, *HEADERS, *CLIENT, *STOP, *OVERLOAD, *RECOVERY)
