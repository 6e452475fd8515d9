"""A start that must not succeed: with a port that is taken, or a setting that cannot be."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

from harness.clock import now, poll_until
from harness.environment import ports
from harness.environment.consumption import waited_for_cpu_s
from harness.environment.processes import Owned
from harness.errors import ContractViolation, HarnessError

GIVE_UP_S = 15.0  # wall seconds; the promise is 2 s, and a program that starts all the same must not hang the run


@dataclass(frozen=True)
class Ended:
    """How a start ended: exit code, wall seconds it took, and all it wrote; ``port`` is the one it was given.

    ``control_s`` is what an interpreter with nothing to do took to start and end right after it, ``waited_s`` how
    long the program was ready and the machine's cores were not.
    """

    code: int
    wall_s: float
    output: str
    port: int
    control_s: float
    waited_s: float


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
            code, waited_s = _exit_code(process)
            return Ended(code, now() - began, process.output(), port, _control_s(), waited_s)
        finally:
            process.stop(0.0)


def _control_s() -> float:
    began = now()
    subprocess.run([sys.executable, "-I", "-c", ""], check=True)
    return now() - began


def _exit_code(process: Owned) -> tuple[int, float]:
    """Its exit code, and how long it waited for a core, as last seen before it ended."""
    waited_s = 0.0

    def over() -> bool:
        nonlocal waited_s
        waited_s = waited_for_cpu_s(process.pid) or waited_s
        return not process.alive()

    try:
        poll_until(over, within_s=GIVE_UP_S, what=f"{process.name} to exit")
        return process.wait(GIVE_UP_S), waited_s
    except HarnessError as exc:
        raise ContractViolation(f"{process.name} to end at once", f"still running after {GIVE_UP_S:g} s") from exc
