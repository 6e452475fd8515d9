"""CORS with credentials, for configured origins only (Fetch standard, "CORS protocol").

Law: an origin that is not configured gets no CORS header, on success or error; it is never reflected.  The proxy
alone speaks CORS: what the upstream says about it is dropped (``headers.RESPONSE_DROPPED``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

METHODS = b"GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE"
EXPOSED = b"X-Request-ID, Proxy-Status, Retry-After"
PREFLIGHT_KEPT_S = b"600"  # Chromium keeps at most 7200 s; ten minutes bound a change of FRONTEND_URL

VARY = (b"vary", b"Origin")
_TOKENS = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z, ]{0,1024}")

Header = tuple[bytes, bytes]


class Cors:
    """The configured origins, and the headers each of them gets."""

    def __init__(self, origins: Iterable[str]) -> None:
        self._allowed = {
            origin.encode("ascii"): [
                (b"access-control-allow-origin", origin.encode("ascii")),
                (b"access-control-allow-credentials", b"true"),
                (b"access-control-expose-headers", EXPOSED),
                VARY,
            ]
            for origin in origins
        }
        self._other: list[Header] = [VARY]

    def allows(self, origin: bytes | None) -> bool:
        """Whether ``origin`` is a configured one, byte for byte."""
        return origin in self._allowed

    def headers(self, origin: bytes | None) -> list[Header]:
        """What every response to ``origin`` carries."""
        if origin is None:
            return self._other
        return self._allowed.get(origin, self._other)

    def preflight(self, origin: bytes, asked_headers: bytes | None) -> list[Header]:
        """The headers of the answer to an allowed origin's preflight."""
        headers = [*self.headers(origin), (b"access-control-allow-methods", METHODS)]
        if asked_headers and _TOKENS.fullmatch(asked_headers):
            headers.append((b"access-control-allow-headers", asked_headers))
        headers.append((b"access-control-max-age", PREFLIGHT_KEPT_S))
        headers.append((b"vary", b"Access-Control-Request-Method, Access-Control-Request-Headers"))
        return headers
