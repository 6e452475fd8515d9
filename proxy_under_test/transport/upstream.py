"""Where the upstream is, and the bounds every transport keeps to."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Upstream:
    """The one upstream.  ``prefix`` is the path of its URL, before every target; ``tls`` is None for plain HTTP."""

    host: str
    port: int
    authority: bytes
    prefix: bytes = b""
    tls: ssl.SSLContext | None = None


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits of a transport; seconds and bytes."""

    connect_timeout_s: float = 5.0
    head_limit: int = 65_536
    connections: int = 1_024
    idle_connections: int = 128
    idle_timeout_s: float = 4.0


def locate(url: str) -> Upstream:
    """The upstream of an http:// or https:// URL that the settings have accepted."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    tls = ssl.create_default_context() if parts.scheme == "https" else None
    return Upstream(
        host=host,
        port=parts.port or DEFAULT_PORTS[parts.scheme],
        authority=parts.netloc.encode("ascii"),
        prefix=parts.path.rstrip("/").encode("ascii"),
        tls=tls,
    )
