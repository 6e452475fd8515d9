"""Which headers pass, both ways: pure functions on lists of (name, value) bytes.

Law (RFC 9110 section 7.6.1): hop-by-hop fields, and those named by ``Connection``, end here; everything else passes with
its order, repetitions and bytes.  What says where a request came from is appended or replaced, never believed.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

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

_SANE_ID = re.compile(rb"[A-Za-z0-9._:\-]{1,128}")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who we are to the upstream: the ``Host`` value and our name in ``Via``."""

    upstream_host: bytes
    via: bytes


def request_id(given: bytes | None) -> bytes:
    """The client's request id where it is a sane one, else a new one of 32 hex digits."""
    if given is not None and _SANE_ID.fullmatch(given):
        return given
    return secrets.token_hex(16).encode("ascii")


def forward_request(
    headers: Sequence[Header], found: dict[bytes, bytes], identity: Identity, client: str, rid: bytes
) -> list[Header]:
    """The header list for the upstream, without framing.

    ``found`` has each field of ``headers`` once (repeated ones joined by ", "); ``client`` is the peer's address.
    """
    dropped: frozenset[bytes] | set[bytes] = REQUEST_DROPPED
    if b"connection" in found:
        dropped = REQUEST_DROPPED | (named_by(found[b"connection"]) - PROTECTED)
    passed = [(b"host", identity.upstream_host)]
    # A name with "_" is another header's twin to a backend of the CGI family; nginx drops them, too.
    passed += [header for header in headers if header[0] not in dropped and b"_" not in header[0]]
    passed += _origin_of(found, client)
    passed.append((b"via", _appended(found.get(b"via"), b"1.1 " + identity.via)))
    passed.append((b"x-request-id", rid))
    return passed


def forward_response(headers: Sequence[Header], via: bytes) -> list[Header]:
    """The upstream's headers as far as the client may see them, and our ``Via``."""
    dropped: frozenset[bytes] | set[bytes] = RESPONSE_DROPPED
    for name, value in headers:
        if name == b"connection":
            dropped = dropped | (named_by(value) - {b"content-length", b"set-cookie"})
    passed = [header for header in headers if header[0] not in dropped]
    passed.append((b"via", b"1.1 " + via))
    return passed


def named_by(connection: bytes) -> set[bytes]:
    """The lower-cased field names a ``Connection`` value lists."""
    return {token.strip().lower() for token in connection.split(b",")}


def _origin_of(found: dict[bytes, bytes], client: str) -> list[Header]:
    address = client.encode("ascii", "replace")
    node = b'"[%s]"' % address if b":" in address else address
    host = found.get(b"host", b"")
    forwarded = b'for=%s;host="%s";proto=http' % (node, host)
    return [
        (b"x-forwarded-for", _appended(found.get(b"x-forwarded-for"), address)),
        (b"x-forwarded-proto", b"http"),
        (b"x-forwarded-host", host),
        (b"x-real-ip", address),
        (b"forwarded", _appended(found.get(b"forwarded"), forwarded)),
    ]


def _appended(before: bytes | None, value: bytes) -> bytes:
    return before + b", " + value if before else value
