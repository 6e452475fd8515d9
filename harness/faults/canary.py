"""Connections of our own, made to see whether a fault is really there."""

from __future__ import annotations

import errno
import socket

from harness.errors import FaultNotWitnessed

CANARY_S = 2.0  # wall seconds; a refusal on loopback takes microseconds, so this only ends a hang


def refused_connect(host: str, port: int) -> None:
    """Connect once; raises FaultNotWitnessed unless the kernel refuses (ECONNREFUSED)."""
    outcome = connect_outcome(host, port)
    if outcome != errno.errorcode[errno.ECONNREFUSED]:
        raise FaultNotWitnessed(f"{host}:{port} was to refuse connections; a connect of our own met {outcome}")


def connect_outcome(host: str, port: int) -> str:
    """What a connect meets: ``accepted``, or the name of its errno (``ETIMEDOUT`` after `CANARY_S`)."""
    try:
        socket.create_connection((host, port), timeout=CANARY_S).close()
    except TimeoutError:
        return errno.errorcode[errno.ETIMEDOUT]
    except OSError as exc:
        return errno.errorcode.get(exc.errno or 0, str(exc))
    return "accepted"
