"""A start that must not succeed: with a port that is taken, or a setting that cannot be."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

from harness.clock import now
from harness.environment import ports
from harness.environment.processes import Owned
from harness.errors import ContractViolation, HarnessError

GIVE_UP_S = 15.0  # wall seconds; the promise is 2 s, and a program that starts all the same must not hang the run


@dataclass(frozen=True)
class Ended:
    """How a start ended: exit code, wall seconds it took, and all it wrote; ``port`` is the one it was given.

    ``control_s`` is what an interpreter with nothing to do took to start and end right after it.
    """

    code: int
    wall_s: float
    output: str
    port: int
    control_s: float


def ended(start: Callable[[int], Owned], *, taken: bool) -> Ended:
    """Start on a port, which somebody holds when ``taken``, and wait for the end.

    ContractViolation when it goes on running.
    """
    with socket.socket() as holder:
        port = ports.choose()
        if taken:
            holder.bind(("127.0.0.1", port))
            holder.listen()
        began = now()
        process = start(port)
        try:
            code = _exit_code(process)
            return Ended(code, now() - began, process.output(), port, _control_s())
        finally:
            process.stop(0.0)


def _control_s() -> float:
    began = now()
    subprocess.run([sys.executable, "-I", "-c", ""], check=True)
    return now() - began


def _exit_code(process: Owned) -> int:
    try:
        return process.wait(GIVE_UP_S)
    except HarnessError as exc:
        raise ContractViolation(f"{process.name} to end at once", f"still running after {GIVE_UP_S:g} s") from exc
