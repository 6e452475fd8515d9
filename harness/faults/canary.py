"""Connections of our own, made to see whether a fault is really there."""

from __future__ import annotations

import errno
import socket

from harness.clock import now
from harness.errors import FaultNotWitnessed

CANARY_S = 2.0  # wall seconds; a refusal on loopback takes microseconds, so this only ends a hang
QUIET_S = 0.2  # wall seconds without an answer that are silence; on loopback one takes a few milliseconds


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


def answer(host: str, port: int, question: bytes, within_s: float) -> tuple[str, float]:
    """What a question on a new connection meets, and after how many wall seconds.

    ``bytes`` of an answer, ``closed`` or ``reset`` before the first of them, ``silent`` for all of ``within_s``; for
    a connect that fails the name of its errno.
    """
    began = now()
    try:
        with socket.create_connection((host, port), timeout=CANARY_S) as canary:
            canary.sendall(question)
            began = now()
            canary.settimeout(within_s)
            return "bytes" if canary.recv(1) else "closed", now() - began
    except TimeoutError:
        return "silent", now() - began
    except ConnectionResetError:
        return "reset", now() - began
    except OSError as exc:
        return errno.errorcode.get(exc.errno or 0, str(exc)), now() - began
