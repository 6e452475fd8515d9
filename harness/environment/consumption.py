"""CPU time of a process and everything it started, and how long it waited for some, in seconds."""

from __future__ import annotations

import contextlib
from pathlib import Path

import psutil

NS = 1e9


def cpu_s(pid: int) -> float:
    """User and system seconds of a process, its descendants, and those of them that have ended; 0 when it is gone."""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0.0
    total = 0.0
    for each in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            total += sum(each.cpu_times()[:4])  # user, system, and those of children that were waited for
    return total


def waited_for_cpu_s(pid: int) -> float:
    """Seconds in which a process's first thread was ready to run and other programs had the cores.

    From Linux's /proc/PID/schedstat (nanoseconds run, nanoseconds waited, slices); 0 when the process is gone or the
    system does not tell.
    """
    try:
        return waited_in(Path(f"/proc/{pid}/schedstat").read_bytes())
    except (OSError, IndexError, ValueError):
        return 0.0


def waited_in(schedstat: bytes) -> float:
    """The seconds waited that such a file tells.  IndexError or ValueError where it tells none."""
    return int(schedstat.split()[1]) / NS


def machine_cpu_s() -> tuple[float, float, int]:
    """Busy and idle seconds of the whole machine so far, and its cores."""
    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    busy = times.user + times.nice + times.system + getattr(times, "irq", 0.0) + getattr(times, "softirq", 0.0)
    return busy, idle, psutil.cpu_count() or 1
