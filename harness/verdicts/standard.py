"""The standard's view of a failure, beside the contract's.

RFC 9209 section 2.3 names each failure a proxy can meet and recommends a status for it.  A contract may decide
otherwise (the guide answers a refused connection with 503, the RFC recommends 502); both are reported, and the
disagreement by itself fails nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from harness.contract.model import ErrorKind

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

# What RFC 9209 may call each of the contract's failures, where nothing closer is known.
TYPES: dict[ErrorKind, tuple[str, ...]] = {
    "refused": ("connection_refused",),
    "timeout": ("http_response_timeout", "connection_timeout", "dns_timeout", "connection_read_timeout"),
    "unavailable": ("destination_unavailable",),
    "overloaded": ("connection_limit_reached",),
    "failed": (
        "connection_terminated",
        "http_protocol_error",
        "http_response_incomplete",
        "http_response_transfer_coding",
        "http_response_header_section_size",
        "http_response_header_size",
        "dns_error",
        "tls_protocol_error",
        "tls_certificate_error",
        "destination_ip_unroutable",
    ),
}

_ERROR_PARAMETER = re.compile(r";\s*error=([a-z_]+)")


def error_type(proxy_status: str | None) -> str | None:
    """The ``error`` parameter of a ``Proxy-Status`` field value, or None."""
    found = _ERROR_PARAMETER.search(proxy_status or "")
    return found.group(1) if found else None


def judge(types: Sequence[str], status: int | None, named: str | None) -> dict[str, Any]:
    """What RFC 9209 says of a failure that it may call by one of ``types``, and whether the answer agrees.

    ``named`` is what the proxy called it, None where it said nothing, which the RFC allows.  Of several types the one
    that was named is taken, else one that recommends the ``status`` that came.
    """
    chosen = next((kind for kind in types if kind == named), None)
    chosen = chosen or next((kind for kind in types if RECOMMENDED_STATUS.get(kind) == status), types[0])
    recommended = RECOMMENDED_STATUS.get(chosen)
    return {
        "type": chosen,
        "status": recommended,
        "agrees": status == recommended and named in (None, chosen),
        "answered": status,
        "named": named,
        "source": "RFC 9209 section 2.3",
    }


def judge_refusal(status: int, named: str | None) -> dict[str, Any]:
    """What RFC 9209 says of a request that the proxy itself refuses: the 4xx that applies, or 501, 505."""
    agrees = (400 <= status < 500 or status in (501, 505)) and (named or "http_request_").startswith("http_request_")
    return {
        "type": "http_request_error",
        "status": status if agrees else 400,
        "agrees": agrees,
        "answered": status,
        "named": named,
        "source": "RFC 9209 section 2.3",
    }


def judge_body(named: str | None, *, broken: bool) -> dict[str, Any]:
    """What RFC 9112 says of a body that is not whole: the status has gone, so its end must not look like one."""
    return {
        "type": "http_response_incomplete",
        "status": None,
        "agrees": broken,
        "answered": None,
        "named": named,
        "source": "RFC 9112 section 8",
    }


def judge_rule(rule: str, source: str, *, agrees: bool) -> dict[str, Any]:
    """The verdict of a standard that demands a rule instead of a status, such as the Fetch standard's CORS."""
    return {"type": rule, "status": None, "agrees": agrees, "answered": None, "named": None, "source": source}


def loudest(views: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The view that speaks for several failures: one that disagrees, else the last."""
    return next((view for view in views if not view["agrees"]), views[-1] if views else None)


def disagreement(view: Mapping[str, Any]) -> str:
    """Where the standard and the answer differ, in words; empty where they do not."""
    if view["agrees"]:
        return ""
    said = f"{view['source']} recommends {view['status']} for {view['type']}" if view["status"] else view["source"]
    if not view["status"]:
        return f"{said} asks for {view['type']}"
    called = f", called {view['named']}" if view["named"] not in (None, view["type"]) else ""
    return f"{said}, the answer was {view['answered']}{called}"
