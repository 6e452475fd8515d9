"""What a log may say of a request: pure functions.

Law: no value of a header, no value of a secret-looking query field, nothing longer than ``LONGEST`` characters.
Lines are JSON, so control characters are escaped by the encoder and a request cannot forge a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote_plus

LONGEST = 2_048
MARK = "…[truncated]"
HIDDEN = "[redacted]"

_SECRET = re.compile(
    r"(?i)(pass(word|wd|phrase)?|pwd|secret|token|api[-_]?key|apikey|^key$|auth|bearer|session|sid$|signature|^sig$"
    r"|credential|jwt|^code$|otp|^pin$|private)"
)

_PARTS = re.compile(r"([&;])")  # many a server takes either for what separates fields
_PATH_PARTS = re.compile(r"([/;])")


def query(raw: str) -> str:
    """``raw`` with the values of secret-looking fields replaced, cut to ``LONGEST``."""
    if not raw:
        return raw
    return shorten("".join(_field(part) for part in _PARTS.split(raw)))


def path(raw: str) -> str:
    """``raw`` with the values of secret-looking parameters (``name=value``) replaced, cut to ``LONGEST``."""
    if "=" not in raw:
        return shorten(raw)
    return shorten("".join(_field(part) for part in _PATH_PARTS.split(raw)))


def shorten(text: str) -> str:
    """``text``, or its beginning with a mark that says that there was more."""
    return text if len(text) <= LONGEST else text[:LONGEST] + MARK


def names(given: Iterable[bytes]) -> list[str]:
    """Header names, as many as ``LONGEST`` characters hold, with a mark where there were more."""
    shown: list[str] = []
    left = LONGEST
    for name in given:
        left -= len(name)
        if left < 0:
            return [*shown, MARK]
        shown.append(name.decode("latin-1"))
    return shown


def _field(part: str) -> str:
    name, mark, _ = part.partition("=")
    return f"{name}={HIDDEN}" if mark and _SECRET.search(unquote_plus(name)) else part  # as whoever reads it does
