"""Big bodies that are cheap to make and impossible to mix up: every 64 KiB block carries its own number."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator

BLOCK = 1 << 16
_NUMBER = 8  # bytes of the block's number, big-endian
_REST = b"".join(hashlib.sha256(n.to_bytes(4)).digest() for n in range(BLOCK // 32))[_NUMBER:]


def pattern(total: int) -> Iterator[bytes]:
    """``total`` bytes in blocks of 64 KiB; a lost, doubled or swapped block changes the sha256."""
    for number in range(total // BLOCK):
        yield number.to_bytes(_NUMBER) + _REST
    if total % BLOCK:
        yield ((total // BLOCK).to_bytes(_NUMBER) + _REST)[: total % BLOCK]


@functools.cache
def pattern_sha256(total: int) -> str:
    """The sha256 of `pattern` of that length, in hex."""
    digest = hashlib.sha256()
    for block in pattern(total):
        digest.update(block)
    return digest.hexdigest()
