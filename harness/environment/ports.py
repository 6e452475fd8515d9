"""TCP ports for servers that cannot bind port 0 and tell.

A port is chosen outside the ephemeral range, so that no outgoing connection of this machine takes it meanwhile
(Toxiproxy's README advises the same).  Between the choice and the server's bind somebody may still be faster:
the server then says so, and `TRIES` other ports are tried.
"""

from __future__ import annotations

import random
import socket
from pathlib import Path

from harness.errors import HarnessError

TRIES = 5
LOWEST = 10_000  # above the documented ports (3000, 3101, 3200, 5432, 6379, 8474) and what people run locally
IANA_EPHEMERAL = (49_152, 65_535)
TAKEN = ("address already in use", "eaddrinuse", "address in use")  # PostgreSQL, Valkey, Node, uvicorn, nginx, Go
_chance = random.SystemRandom()  # pytest-randomly seeds the other one alike in every worker
_given: set[int] = set()


def ephemeral_range() -> tuple[int, int]:
    """The ports from which the kernel serves outgoing connections."""
    try:
        low, high = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text("ascii").split()
    except OSError:
        return IANA_EPHEMERAL
    return int(low), int(high)


def choose() -> int:
    """A port of 127.0.0.1 that is free now and that this process was not given before."""
    low, high = ephemeral_range()
    outside = [*range(LOWEST, max(low, LOWEST)), *range(high + 1, 65_536)]
    candidates = outside if len(outside) > 1_000 else range(LOWEST, 65_536)
    for _ in range(1_000):
        port: int = _chance.choice(candidates)
        if port not in _given and not taken(port):
            _given.add(port)
            return port
    raise HarnessError(f"no free port between {LOWEST} and 65535 on 127.0.0.1; what listens there?")


def taken(port: int) -> bool:
    """Whether a server on 127.0.0.1 could not bind ``port`` now."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def says_taken(output: str) -> bool:
    """Whether a server's last words are that its port is taken."""
    return any(phrase in output.lower() for phrase in TAKEN)
