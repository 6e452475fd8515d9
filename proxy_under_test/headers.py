"""Which headers pass, both ways: pure functions on lists of (name, value) bytes.

Law (RFC 9110 section 7.6.1): hop-by-hop fields, and those named by ``Connection``, end here; everything else passes
with its order, repetitions and bytes.  What says where a request came from is appended or replaced, never believed.
"""

from __future__ import annotations

import itertools
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

Header = tuple[bytes, bytes]

HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)

# Set anew for the upstream, or answered here (Expect).
REQUEST_DROPPED = HOP_BY_HOP | {
    b"host",
    b"content-length",
    b"expect",
    b"via",
    b"forwarded",
    b"x-forwarded-for",
    b"x-forwarded-proto",
    b"x-forwarded-host",
    b"x-real-ip",
    b"x-request-id",
}

# Only the proxy speaks CORS, and only the proxy names the request.
RESPONSE_DROPPED = HOP_BY_HOP | {
    b"access-control-allow-origin",
    b"access-control-allow-credentials",
    b"access-control-allow-methods",
    b"access-control-allow-headers",
    b"access-control-expose-headers",
    b"access-control-max-age",
    b"access-control-allow-private-network",
    b"x-request-id",
}

# Fields a client must not be able to strip by naming them in Connection: the message would change its meaning.
PROTECTED = frozenset({b"host", b"content-length", b"authorization", b"cookie", b"origin", b"idempotency-key"})

PROTECTED_RESPONSE = frozenset({b"content-length", b"set-cookie"})

# Values of Connection that name no further field; nearly every response has one of them.
PLAIN = frozenset({b"keep-alive", b"Keep-Alive", b"close", b"Close"})

# The most forwards that are passed on, whatever a client grants (RFC 9110 section 7.6.2).
MOST_FORWARDS = 255

# Bytes that a request's origin may have to be remembered: what a client sends is not to be held for ever.
REMEMBERED = 512

_SANE_ID = re.compile(rb"[A-Za-z0-9._:\-]{1,128}")

# RFC 7239 section 4.  An open quotation mark would swallow the element that follows it: ours.
_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_QUOTED = rb'"(?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[^\x00-\x08\x0a-\x1f\x7f])*+"'
_PAIR = rb"(?:%b=(?:%b|%b))?+" % (_TOKEN, _TOKEN, _QUOTED)
_FORWARDED = re.compile(rb"%b(?:[ \t]*+[;,][ \t]*+%b)*+" % (_PAIR, _PAIR))


@dataclass(frozen=True, slots=True)
class Identity:
    """Who we are to the upstream: the ``Host`` value and our name in ``Via``."""

    upstream_host: bytes
    via: bytes


class RequestIds:
    """Request ids: the client's where it is a sane one, else a new one of 32 hex digits."""

    def __init__(self) -> None:
        self._start = secrets.token_hex(10)
        self._number = itertools.count()

    def __call__(self, given: bytes | None) -> bytes:
        """The id for a request that came with ``given``."""
        if given is not None and _SANE_ID.fullmatch(given):
            return given
        return f"{self._start}{next(self._number):012x}".encode("ascii")


def forward_request(
    headers: Sequence[Header],
    found: dict[bytes, bytes],
    identity: Identity,
    client: str,
    rid: bytes,
    version: str = "1.1",
) -> list[Header]:
    """The header list for the upstream, without framing.

    ``found`` has each field of ``headers`` once (repeated ones joined by ", "); ``client`` is the peer's address,
    ``version`` its HTTP's.
    """
    dropped = _dropped(found.get(b"connection"), REQUEST_DROPPED, PROTECTED)
    # A name with "_" is another header's twin to a backend of the CGI family; nginx drops them, too.
    passed = [header for header in headers if header[0] not in dropped and b"_" not in header[0]]
    host, forwarded_for, forwarded = found.get(b"host", b""), found.get(b"x-forwarded-for"), found.get(b"forwarded")
    short = len(host) + len(forwarded_for or b"") + len(forwarded or b"") <= REMEMBERED
    origin = (_known_origin_of if short else _origin_of)(client, host, forwarded_for, forwarded)
    via = (b"1.1 " if version == "1.1" else b"1.0 ") + identity.via
    if b"via" in found:
        via = found[b"via"] + b", " + via
    return [(b"host", identity.upstream_host), *passed, *origin, (b"via", via), (b"x-request-id", rid)]


def forward_response(headers: Sequence[Header], via: bytes, status: int, date: Callable[[], Header]) -> list[Header]:
    """The upstream's headers as far as the client may see them, and our ``Via``; ``date`` where it told none."""
    found = dict(headers)
    connection = found.get(b"connection")
    if connection is not None and len(found) != len(headers):
        connection = b",".join([value for name, value in headers if name == b"connection"])
    dropped = _dropped(connection, RESPONSE_DROPPED, PROTECTED_RESPONSE)
    passed = [header for header in headers if header[0] not in dropped]
    if status == 204:  # which must not have one (RFC 9110 section 8.6)
        passed = [header for header in passed if header[0] != b"content-length"]
    if b"date" not in found:
        passed.append(date())
    passed.append((b"via", b"1.1 " + via))
    return passed


def forwards_left(value: bytes) -> int | None:
    """What a ``Max-Forwards`` grants, at most `MOST_FORWARDS` + 1; None when it is no number."""
    if not value.isdigit():
        return None
    digits = value.lstrip(b"0") or b"0"
    return min(int(digits), MOST_FORWARDS + 1) if len(digits) <= 9 else MOST_FORWARDS + 1


def with_forwards(headers: Sequence[Header], left: int) -> list[Header]:
    """The headers, granting ``left`` forwards."""
    return [(name, b"%d" % left if name == b"max-forwards" else value) for name, value in headers]


def _dropped(connection: bytes | None, always: frozenset[bytes], never: frozenset[bytes]) -> frozenset[bytes]:
    if not connection or connection in PLAIN:
        return always
    return always | (named_by(connection) - never)


def named_by(connection: bytes) -> set[bytes]:
    """The lower-cased field names a ``Connection`` value lists."""
    return {token.strip().lower() for token in connection.split(b",")}


def _origin_of(client: str, host: bytes, forwarded_for: bytes | None, forwarded: bytes | None) -> tuple[Header, ...]:
    address = client.encode("ascii", "replace")
    node = b'"[%s]"' % address if b":" in address else address
    asked = b';host="%s"' % host if host else b""  # HTTP/1.0 may come without one
    if forwarded is not None and _FORWARDED.fullmatch(forwarded) is None:
        forwarded = None
    return (
        (b"x-forwarded-for", _appended(forwarded_for, address)),
        (b"x-forwarded-proto", b"http"),
        *([(b"x-forwarded-host", host)] if host else []),
        (b"x-real-ip", address),
        (b"forwarded", _appended(forwarded, b"for=%s%s;proto=http" % (node, asked))),
    )


_known_origin_of = lru_cache(maxsize=1_024)(_origin_of)  # the same client comes again and again


def _appended(before: bytes | None, value: bytes) -> bytes:
    return before + b", " + value if before else value
