"""How a reader that is too tolerant takes bytes for HTTP, whichever side they come from."""

from __future__ import annotations

import re
from collections.abc import Callable

Change = Callable[[bytes], bytes]


def in_head(change: Change) -> Change:
    """Change what comes before the first empty line, and nothing where there is none."""

    def changed(data: bytes) -> bytes:
        head, end, body = data.partition(b"\r\n\r\n")
        return change(head) + end + body if end else data

    return changed


def length_with_a_sign(head: bytes) -> bytes:
    """Read a Content-Length of +2 as 2."""
    return re.sub(rb"(?i)(content-length: *)\+", rb"\1", head)


def chunk_size_with_a_prefix(data: bytes) -> bytes:
    """Read a chunk's size of 0x2 as 2."""
    return re.sub(rb"\r\n0x([0-9a-f]+)\r\n", rb"\r\n\1\r\n", data)
