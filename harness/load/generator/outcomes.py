"""What came instead of a status, in a word."""

from __future__ import annotations

from typing import Any

from geventhttpclient._parser import HTTPParseError
from geventhttpclient.response import HTTPConnectionClosed

WORDS: tuple[tuple[type[BaseException], str], ...] = (
    (ConnectionRefusedError, "refused"),
    (ConnectionResetError, "reset"),
    (BrokenPipeError, "reset"),
    (HTTPConnectionClosed, "closed"),
    (TimeoutError, "timeout"),
    (HTTPParseError, "malformed"),
)
BAD = 400


def outcome(response: Any) -> str:
    """The status of a whole answer; else a word for what happened, at worst the name of the exception."""
    error = response.request_meta["exception"]
    if error is None or response.status_code >= BAD:
        return str(response.status_code)
    return next((word for kind, word in WORDS if isinstance(error, kind)), type(error).__name__)
