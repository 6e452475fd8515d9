"""Everything that can go wrong with one request: a closed set.

Law: whoever sees a failure names it here, once, at the seam where it happened.  Nothing further up looks at an
exception's class, an errno or a message again.  ``errors.ANSWERS`` has exactly one answer for each cause.
"""

from __future__ import annotations

from enum import StrEnum


class Cause(StrEnum):
    """Why a request was not served; the value is the word in logs and metrics."""

    # connecting: the request provably never left
    REFUSED = "refused"
    CONNECT_TIMEOUT = "connect-timeout"
    UNROUTABLE = "unroutable"
    DNS = "dns"
    DNS_TIMEOUT = "dns-timeout"
    TLS_PROTOCOL = "tls-protocol"
    TLS_CERTIFICATE = "tls-certificate"
    NO_CONNECTION_FREE = "no-connection-free"

    # the request left, and no whole head came back
    RESET = "reset"
    CLOSED = "closed"
    HEAD_CUT = "head-cut"
    HEAD_MALFORMED = "head-malformed"
    HEAD_TOO_LARGE = "head-too-large"
    BAD_LENGTH = "bad-length"
    BAD_CODING = "bad-coding"

    # the head was passed on; the body broke
    BODY_CUT = "body-cut"
    BODY_RESET = "body-reset"
    BODY_MALFORMED = "body-malformed"

    # time and availability
    DEADLINE = "deadline"
    DEADLINE_CONNECTING = "deadline-connecting"
    UNAVAILABLE = "unavailable"
    STOPPING = "stopping"

    # the client's side
    CLIENT_GONE = "client-gone"
    BAD_REQUEST = "bad-request"
    ORIGIN_NOT_ALLOWED = "origin-not-allowed"
    NOT_FOUND = "not-found"
    METHOD_NOT_ALLOWED = "method-not-allowed"
    VERSION = "version"
    HEADERS_TOO_SLOW = "headers-too-slow"
    BODY_TOO_SLOW = "body-too-slow"
    BODY_TOO_LARGE = "body-too-large"
    TARGET_TOO_LONG = "target-too-long"
    HEADERS_TOO_LARGE = "headers-too-large"
    LOOP = "loop"

    # ours
    INTERNAL = "internal"


CONNECTING = frozenset(
    {
        Cause.REFUSED,
        Cause.CONNECT_TIMEOUT,
        Cause.UNROUTABLE,
        Cause.DNS,
        Cause.DNS_TIMEOUT,
        Cause.TLS_PROTOCOL,
        Cause.TLS_CERTIFICATE,
        Cause.NO_CONNECTION_FREE,
    }
)


class UpstreamFailure(Exception):
    """The upstream, or the way to it, failed; ``cause`` says how."""

    def __init__(self, cause: Cause, detail: str = "") -> None:
        super().__init__(f"{cause}: {detail}" if detail else str(cause))
        self.cause = cause


class Refusal(Exception):
    """The proxy itself refuses the request; ``cause`` says why."""

    def __init__(self, cause: Cause, detail: str = "") -> None:
        super().__init__(f"{cause}: {detail}" if detail else str(cause))
        self.cause = cause
