"""One answer for each cause, and how it is written.

Law: ``ANSWERS`` is total over ``Cause``; a cause has one status, title, code and RFC 9209 type, whoever meets it.
Production hides stack, upstream address and suggestion; the class of the error stays.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import orjson

from proxy_under_test.causes import Cause
from proxy_under_test.cors import METHODS

REFUSED = "Backend API Connection Refused"
TIMEOUT = "Request Timeout"
UNAVAILABLE = "Backend API Unavailable"
FAILED = "Proxy Request Failed"


@dataclass(frozen=True, slots=True)
class Answer:
    """How one cause is answered.

    ``code`` is the name Node gives the failure; ``proxy_error`` the type of RFC 9209 section 2.3 (empty: the proxy
    itself has nothing to report, and no Proxy-Status is sent).
    """

    status: int
    title: str
    code: str
    proxy_error: str
    message: str
    suggestion: str = ""
    shows_timeout: bool = False
    health_check_failed: bool = False


ONCE = "The write may have been executed and was not sent again: look before you repeat it."

_START = "Start the backend API (cd apps/api && npm run dev) and check NEXT_PUBLIC_API_URL."
_SLOW = (
    "Check the backend's logs, its database connection and long-running operations; REQUEST_TIMEOUT sets the limit."
)
_WAIT = "Wait a few seconds and try again; check apps/api/logs/combined.log, PostgreSQL and Redis."
_NETWORK = "Check the backend's logs: it ended or broke the connection."
_ADDRESS = "Check the host and port in NEXT_PUBLIC_API_URL."
_TLS = "Check that NEXT_PUBLIC_API_URL says https only where the backend speaks TLS, and its certificate."


def _timeout(code: str, proxy_error: str, message: str) -> Answer:
    return Answer(504, TIMEOUT, code, proxy_error, message, _SLOW, shows_timeout=True)


def _failed(code: str, proxy_error: str, message: str, suggestion: str = _NETWORK) -> Answer:
    return Answer(502, FAILED, code, proxy_error, message, suggestion)


ANSWERS: Mapping[Cause, Answer] = MappingProxyType(
    {
        Cause.REFUSED: Answer(
            503, REFUSED, "ECONNREFUSED", "connection_refused", "The backend API refused the connection.", _START
        ),
        Cause.CONNECT_TIMEOUT: _timeout(
            "ETIMEDOUT", "connection_timeout", "The backend API did not accept a connection in time."
        ),
        Cause.DNS_TIMEOUT: _timeout(
            "ETIMEDOUT", "dns_timeout", "The backend API's address could not be looked up in time."
        ),
        Cause.DEADLINE: _timeout("ETIMEDOUT", "http_response_timeout", "The backend API did not answer in time."),
        Cause.DEADLINE_CONNECTING: _timeout(
            "ETIMEDOUT", "connection_timeout", "The backend API could not be reached in time."
        ),
        Cause.UNAVAILABLE: Answer(
            503,
            UNAVAILABLE,
            "EUNAVAILABLE",
            "destination_unavailable",
            "The backend API failed its health check.",
            _WAIT,
            health_check_failed=True,
        ),
        Cause.STOPPING: Answer(
            503, UNAVAILABLE, "ESHUTDOWN", "destination_unavailable", "The proxy is shutting down.", _WAIT
        ),
        Cause.NO_CONNECTION_FREE: Answer(
            503,
            UNAVAILABLE,
            "EMFILE",
            "connection_limit_reached",
            "All connections to the backend API are busy.",
            _WAIT,
        ),
        Cause.UNROUTABLE: _failed(
            "EHOSTUNREACH", "destination_ip_unroutable", "The backend API cannot be reached.", _ADDRESS
        ),
        Cause.DNS: _failed("ENOTFOUND", "dns_error", "The backend API's host name is unknown.", _ADDRESS),
        Cause.TLS_PROTOCOL: _failed(
            "EPROTO", "tls_protocol_error", "No TLS connection to the backend API was possible.", _TLS
        ),
        Cause.TLS_CERTIFICATE: _failed(
            "ERR_TLS_CERT_INVALID", "tls_certificate_error", "The backend API's certificate was not accepted.", _TLS
        ),
        Cause.RESET: _failed("ECONNRESET", "connection_terminated", "The backend API reset the connection."),
        Cause.CLOSED: _failed(
            "ECONNRESET", "connection_terminated", "The backend API closed the connection without an answer."
        ),
        Cause.HEAD_CUT: _failed(
            "ECONNRESET", "http_response_incomplete", "The backend API's answer ended inside its head."
        ),
        Cause.HEAD_MALFORMED: _failed(
            "HPE_INVALID_RESPONSE", "http_protocol_error", "The backend API's answer is not valid HTTP."
        ),
        Cause.HEAD_TOO_LARGE: _failed(
            "HPE_HEADER_OVERFLOW",
            "http_response_header_section_size",
            "The backend API's answer has too large a head.",
        ),
        Cause.BAD_LENGTH: _failed(
            "HPE_INVALID_CONTENT_LENGTH",
            "http_protocol_error",
            "The backend API's answer contradicts its own length.",
        ),
        Cause.BAD_CODING: _failed(
            "HPE_INVALID_TRANSFER_ENCODING",
            "http_response_transfer_coding",
            "The backend API's answer has a transfer coding that cannot be undone.",
        ),
        Cause.BODY_CUT: _failed(
            "ECONNRESET", "http_response_incomplete", "The backend API's answer ended inside its body."
        ),
        Cause.BODY_RESET: _failed(
            "ECONNRESET", "http_response_incomplete", "The backend API reset the connection inside its answer's body."
        ),
        Cause.BODY_MALFORMED: _failed(
            "HPE_INVALID_CHUNK_SIZE", "http_response_transfer_coding", "The backend API's answer has a broken body."
        ),
        Cause.CLIENT_GONE: Answer(499, "Client Closed Request", "ECONNABORTED", "", "The client left."),
        Cause.BAD_REQUEST: Answer(
            400, "Bad Request", "ERR_BAD_REQUEST", "http_request_error", "The request is not valid."
        ),
        Cause.ORIGIN_NOT_ALLOWED: Answer(
            403,
            "Origin Not Allowed",
            "ERR_ORIGIN_NOT_ALLOWED",
            "http_request_denied",
            "The origin is not a configured one.",
            "Add the origin to FRONTEND_URL (comma separated).",
        ),
        Cause.NOT_FOUND: Answer(
            404, "Not Found", "ENOENT", "http_request_error", "There is nothing here.", "Use /api/proxy/{path}."
        ),
        Cause.METHOD_NOT_ALLOWED: Answer(
            405,
            "Method Not Allowed",
            "ERR_METHOD_NOT_ALLOWED",
            "http_request_denied",
            "This method is not forwarded.",
        ),
        Cause.VERSION: Answer(
            505,
            "HTTP Version Not Supported",
            "HPE_INVALID_VERSION",
            "http_request_error",
            "Only HTTP/1.1 and HTTP/1.0 are spoken.",
        ),
        Cause.HEADERS_TOO_SLOW: Answer(
            408,
            "Request Header Timeout",
            "ERR_HTTP_REQUEST_TIMEOUT",
            "http_request_error",
            "The headers took too long.",
        ),
        Cause.BODY_TOO_SLOW: Answer(
            408, "Request Body Timeout", "ERR_HTTP_REQUEST_TIMEOUT", "http_request_error", "The body took too long."
        ),
        Cause.BODY_TOO_LARGE: Answer(
            413, "Content Too Large", "ERR_BODY_TOO_LARGE", "http_request_error", "The body is larger than allowed."
        ),
        Cause.TARGET_TOO_LONG: Answer(
            414,
            "URI Too Long",
            "ERR_URI_TOO_LONG",
            "http_request_error",
            "The request target is longer than allowed.",
        ),
        Cause.HEADERS_TOO_LARGE: Answer(
            431,
            "Request Header Fields Too Large",
            "HPE_HEADER_OVERFLOW",
            "http_request_error",
            "The header section is larger than allowed.",
        ),
        Cause.LOOP: Answer(
            508,
            "Loop Detected",
            "ELOOP",
            "proxy_loop_detected",
            "The proxy would forward the request to itself.",
            "Point NEXT_PUBLIC_API_URL to the backend, not to the proxy.",
        ),
        Cause.INTERNAL: Answer(
            500,
            "Internal Proxy Error",
            "ERR_INTERNAL",
            "proxy_internal_error",
            "The proxy failed; this is its fault.",
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known about one failed request, for the error body.  Durations in milliseconds."""

    duration_ms: float
    timeout_ms: float
    retries: int | None = None
    stack: str = ""
    maybe_executed: bool = False  # a write that must not be repeated had left when it failed
    allow: bytes = METHODS  # the methods of what was asked for (RFC 9110 section 10.2.1)


@dataclass(frozen=True, slots=True)
class ErrorWriter:
    """Writes error responses: JSON body and the headers that belong to the error itself."""

    api_url: str
    production: bool
    retry_after_s: float
    proxy_name: str = "errorpath-proxy"

    def body(self, answer: Answer, about: Circumstances) -> bytes:
        """The JSON error body of ``docs/contract.md`` (5)."""
        details: dict[str, Any] = {"errorCode": answer.code, "duration": round(about.duration_ms)}
        if about.retries is not None:
            details["retries"] = about.retries
        if answer.shows_timeout:
            details["timeout"] = round(about.timeout_ms)
        if answer.health_check_failed:
            details["healthCheckFailed"] = True
        if not self.production:
            details["apiUrl"] = self.api_url
            if answer.suggestion:
                details["suggestion"] = f"{ONCE} {answer.suggestion}" if about.maybe_executed else answer.suggestion
            if about.stack:
                details["stack"] = about.stack
        return orjson.dumps({"error": answer.title, "message": answer.message, "details": details})

    def headers(self, answer: Answer, body: bytes, allow: bytes = METHODS) -> list[tuple[bytes, bytes]]:
        """Headers that describe the error; identity and CORS are the caller's to add."""
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
        ]
        if answer.proxy_error:
            headers.append((b"proxy-status", f"{self.proxy_name}; error={answer.proxy_error}".encode("ascii")))
        if answer.status == 503:
            headers.append((b"retry-after", b"%d" % max(1, math.ceil(self.retry_after_s))))
        if answer.status == 405:
            headers.append((b"allow", allow))
        return headers
