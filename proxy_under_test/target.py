"""From the request target to the upstream's: a pure function on bytes.

Law: ``/api/proxy/X`` becomes ``{base}/api/X``, path and query byte for byte.  A path that any server in the chain
could normalise out of ``/api`` is refused, not repaired.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from proxy_under_test.causes import Cause, Refusal

BASE = b"/api/proxy/"
UPSTREAM_BASE = b"/api/"
HEALTH = b"/api/proxy/health"

# A backend may decode once more than it should; three rounds cover %25252e.
DECODING_ROUNDS = 3

# "..;x" is a dot segment to servers that know path parameters; so is what ended in an encoded end of the path, to
# one that decodes it and passes it on.
_END_OF_SEGMENT = re.compile(rb"[;?#\0]")

_SUSPICIOUS = re.compile(rb"[%\\#]|(?:^|/)\.")


def upstream_target(target: bytes, prefix: bytes = b"") -> bytes:
    """The upstream's request target for the client's.  ``prefix`` is the path of the configured URL.

    Raises Refusal: NOT_FOUND outside ``/api/proxy/``, BAD_REQUEST for a path that could leave ``/api``.
    """
    path, mark, query = target.partition(b"?")
    if not path.startswith(BASE):
        raise Refusal(Cause.NOT_FOUND)
    rest = path[len(BASE) :]
    if _SUSPICIOUS.search(rest):
        _refuse_escapes(rest)
    return prefix + UPSTREAM_BASE + rest + mark + query


def bypasses_gate(target: bytes) -> bool:
    """Whether this is exactly the health route: ``/api/proxy/healthy`` and ``/api/proxy/x/health`` are not."""
    return target.startswith(HEALTH) and target.partition(b"?")[0] == HEALTH


def _refuse_escapes(rest: bytes) -> None:
    if b"#" in rest:
        raise Refusal(Cause.BAD_REQUEST, "a fragment in the request target")
    decoded = rest
    for _ in range(DECODING_ROUNDS):
        _refuse_dots(decoded)
        previous, decoded = decoded, unquote_to_bytes(decoded)
        if decoded == previous:
            return
    _refuse_dots(decoded)


def _refuse_dots(path: bytes) -> None:
    if b"\\" in path:
        raise Refusal(Cause.BAD_REQUEST, "a backslash in the path")
    for segment in path.split(b"/"):
        if _END_OF_SEGMENT.split(segment, 1)[0] in (b".", b".."):
            raise Refusal(Cause.BAD_REQUEST, "a dot segment in the path")
