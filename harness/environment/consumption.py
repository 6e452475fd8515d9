"""CPU time of a process and everything it started, in seconds."""

from __future__ import annotations

import contextlib

import psutil


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


def machine_cpu_s() -> tuple[float, float, int]:
    """Busy and idle seconds of the whole machine so far, and its cores."""
    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    busy = times.user + times.nice + times.system + getattr(times, "irq", 0.0) + getattr(times, "softirq", 0.0)
    return busy, idle, psutil.cpu_count() or 1
