"""Password hashes: scrypt (RFC 7914) of the standard library, off the event loop.

The cost is Node's default (``crypto.scrypt``), as the guide's Express API would have it; it is written into each
hash, so that it can rise without locking anybody out.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
from base64 import b64decode, b64encode

COST = 2**14
BLOCK = 8
LANES = 1
SALT_BYTES = 16
KEY_BYTES = 32
MEMORY_BYTES = 64 * 2**20  # OpenSSL's own limit of 32 MiB is just too little for the cost


NOBODY = (
    f"scrypt${COST}${BLOCK}${LANES}${b64encode(bytes(SALT_BYTES)).decode()}${b64encode(bytes(KEY_BYTES)).decode()}"
)


async def hash_password(password: str) -> str:
    """Return ``scrypt$cost$block$lanes$salt$key`` for a new password."""
    salt = os.urandom(SALT_BYTES)
    key = await asyncio.to_thread(_derive, password, salt, COST, BLOCK, LANES)
    return f"scrypt${COST}${BLOCK}${LANES}${b64encode(salt).decode()}${b64encode(key).decode()}"


async def matches(password: str, hashed: str) -> bool:
    """Whether ``password`` is the one ``hashed`` was made of; of `NOBODY`'s, none is, after the same work."""
    _, cost, block, lanes, salt, key = hashed.split("$")
    derived = await asyncio.to_thread(_derive, password, b64decode(salt), int(cost), int(block), int(lanes))
    return hmac.compare_digest(derived, b64decode(key))


def _derive(password: str, salt: bytes, cost: int, block: int, lanes: int) -> bytes:
    return hashlib.scrypt(
        password.encode(), salt=salt, n=cost, r=block, p=lanes, maxmem=MEMORY_BYTES, dklen=KEY_BYTES
    )
