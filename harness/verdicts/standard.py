"""The standard's view of a failure, beside the contract's.

RFC 9209 section 2.3 names each failure a proxy can meet and recommends a status for it.  A contract may decide
otherwise (the guide answers a refused connection with 503, the RFC recommends 502); both are reported, and the
disagreement by itself fails nothing.
"""

from __future__ import annotations

import re
from typing import Any

# RFC 9209 section 2.3: error type → recommended status.
RECOMMENDED_STATUS: dict[str, int] = {
    "dns_timeout": 504,
    "dns_error": 502,
    "destination_not_found": 500,
    "destination_unavailable": 503,
    "destination_ip_prohibited": 502,
    "destination_ip_unroutable": 502,
    "connection_refused": 502,
    "connection_terminated": 502,
    "connection_timeout": 504,
    "connection_read_timeout": 504,
    "connection_write_timeout": 504,
    "connection_limit_reached": 503,
    "tls_protocol_error": 502,
    "tls_certificate_error": 502,
    "tls_alert_received": 502,
    "http_request_error": 400,
    "http_request_denied": 403,
    "http_response_incomplete": 502,
    "http_response_header_section_size": 502,
    "http_response_header_size": 502,
    "http_response_body_size": 502,
    "http_response_trailer_section_size": 502,
    "http_response_trailer_size": 502,
    "http_response_transfer_coding": 502,
    "http_response_content_coding": 502,
    "http_response_timeout": 504,
    "http_upgrade_failed": 502,
    "http_protocol_error": 502,
    "proxy_internal_response": 500,
    "proxy_internal_error": 500,
    "proxy_configuration_error": 500,
    "proxy_loop_detected": 502,
}

_ERROR_PARAMETER = re.compile(r";\s*error=([a-z_]+)")


def error_type(proxy_status: str | None) -> str | None:
    """The ``error`` parameter of a ``Proxy-Status`` field value, or None."""
    found = _ERROR_PARAMETER.search(proxy_status or "")
    return found.group(1) if found else None


def judge(kind: str, status: int | None) -> dict[str, Any]:
    """What RFC 9209 recommends for the error type ``kind``, and whether ``status`` agrees."""
    recommended = RECOMMENDED_STATUS.get(kind)
    return {"type": kind, "status": recommended, "agrees": status == recommended, "source": "RFC 9209 section 2.3"}
