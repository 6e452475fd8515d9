"""What is refused before anything is asked of the upstream: a pure function of a request head.

uvicorn with httptools refuses what is not HTTP; it lets through what this module refuses (RFC 9112 section 3.2, 6.1).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from proxy_under_test.causes import Cause, Refusal

Header = tuple[bytes, bytes]

METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
VERSIONS = frozenset({"1.0", "1.1"})

# Where two values would let two servers read two requests.
SINGLE = frozenset({b"host", b"content-length", b"authorization", b"content-type", b"transfer-encoding"})

_HOST = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,;=%-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_LENGTH = re.compile(rb"[0-9]{1,18}")
_LONGEST_HOST = 300  # bytes; a name has 253 at most (RFC 1035 section 2.3.4), and a port follows
_FIELD_OVERHEAD = 4  # ": " and CR LF


@dataclass(frozen=True, slots=True)
class Limits:
    """Largest request parts, in bytes and fields; ``body`` of None is no limit."""

    target: int
    headers: int
    fields: int
    body: int | None


def index(headers: Sequence[Header]) -> dict[bytes, bytes]:
    """Each field once, repeated ones joined by ", ".  Raises Refusal where a field must stand alone."""
    found = dict(headers)
    return found if len(found) == len(headers) else _joined(headers)


def _joined(headers: Sequence[Header]) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in found:
            if name in SINGLE:
                raise Refusal(Cause.BAD_REQUEST, f"two {name.decode('latin-1')} fields")
            found[name] = found[name] + b", " + value
        else:
            found[name] = value
    return found


def check_size(target: bytes, headers: list[Header], limits: Limits) -> None:
    """Raise Refusal where the head is larger than allowed."""
    if len(target) > limits.target:
        raise Refusal(Cause.TARGET_TOO_LONG)
    if len(headers) > limits.fields:
        raise Refusal(Cause.HEADERS_TOO_LARGE, "too many fields")
    size = 0
    for name, value in headers:
        size += len(name) + len(value) + _FIELD_OVERHEAD
    if size > limits.headers:
        raise Refusal(Cause.HEADERS_TOO_LARGE)


def check_head(method: str, target: bytes, version: str, found: dict[bytes, bytes], limits: Limits) -> None:
    """Raise Refusal for a head that no proxy should act on."""
    if method not in METHODS:
        raise Refusal(Cause.METHOD_NOT_ALLOWED, method)
    if target[:1] != b"/":  # absolute-form, authority-form and "*": only the configured upstream is ours to ask
        raise Refusal(Cause.BAD_REQUEST, "the request target is not a path")
    if version not in VERSIONS:
        raise Refusal(Cause.VERSION, f"HTTP/{version}")
    host = found.get(b"host")
    if host is None:
        if version != "1.0":  # which has no such field
            raise Refusal(Cause.BAD_REQUEST, "no Host")
    elif len(host) > _LONGEST_HOST or not _is_host(host):
        raise Refusal(Cause.BAD_REQUEST, "no valid Host")
    _check_framing(version, found, limits)


def check_loop(met: bytes, via: bytes) -> None:
    """Raise Refusal where our own name is among those met on the way (RFC 9110 section 7.6.3)."""
    if via in met:
        raise Refusal(Cause.LOOP)


@lru_cache(maxsize=256)  # every request has one, and nearly always the same
def _is_host(value: bytes) -> bool:
    return _HOST.fullmatch(value) is not None


def _check_framing(version: str, found: dict[bytes, bytes], limits: Limits) -> None:
    coding = found.get(b"transfer-encoding")
    length = found.get(b"content-length")
    if coding is not None and (version != "1.1" or length is not None or coding.lower() != b"chunked"):
        raise Refusal(Cause.BAD_REQUEST, "Transfer-Encoding cannot be relied on")
    if length is not None:
        if not _LENGTH.fullmatch(length):
            raise Refusal(Cause.BAD_REQUEST, "Content-Length is not a number")
        if limits.body is not None and int(length) > limits.body:
            raise Refusal(Cause.BODY_TOO_LARGE)
