"""What is left of a run: processes by the identity in their environment, their listeners, directories."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator

import psutil

from harness.environment.rundir import RUN_ID, directories, places

IN_A_RUN = re.compile(r"/errorpath-\d+-([^/ ]+)")  # see `RunDirectory.create`


def left_behind(run_id: str) -> list[str]:
    """What still exists of a run and of its workers (``<run id>-…``), one line each; empty when nothing does.

    A run's identity survives re-parenting and new sessions: it is in the environment that each process was given, and
    in the paths to which it writes.
    """
    found = []
    for process in _processes(run_id):
        with contextlib.suppress(psutil.NoSuchProcess):
            found.append(f"process {process.pid}: {' '.join(process.cmdline()) or process.name()}")
            found += [f"listener {address} of process {process.pid}" for address in _listeners(process)]
    for place in places():
        found += [f"directory {path}" for path in directories(place, run_id) if path.exists()]
    return found


def listens(pid: int, port: int) -> bool:
    """Whether a process or a child of it listens on ``port``; far cheaper than to ask of whom the port is."""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return False
    return any(address.endswith(f":{port}") for each in family for address in _listeners(each))


def run_on(port: int) -> str | None:
    """The run whose process listens on ``port``; None if that is nobody, of no run, or not to be known."""
    try:
        rows = psutil.net_connections("tcp")
    except psutil.AccessDenied:  # macOS tells root alone
        return None
    for row in rows:
        if row.status == psutil.CONN_LISTEN and row.laddr and row.laddr.port == port and row.pid:
            with contextlib.suppress(psutil.NoSuchProcess):
                return _run_of(psutil.Process(row.pid))
    return None


def _processes(run_id: str) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        of = _run_of(process)
        if of is not None and (of == run_id or of.startswith(f"{run_id}-")):
            yield process


def _run_of(process: psutil.Process) -> str | None:
    """The run a process belongs to; None also for one that we may not look into, which then is not ours.

    PostgreSQL, Valkey and nginx write their titles over their environment; then where they work and write tells.
    """
    try:
        told = process.environ().get(RUN_ID)
        if told:
            return told
        links = [process.cwd(), *_outputs(process.pid)]
    except (psutil.Error, OSError):
        return None
    found = filter(None, map(IN_A_RUN.findall, links))
    return next((matches[-1] for matches in found), None)


def _outputs(pid: int) -> Iterator[str]:
    """The files that are a process's standard output and error, also when they are deleted (Linux)."""
    for number in (1, 2):
        with contextlib.suppress(FileNotFoundError):
            yield os.readlink(f"/proc/{pid}/fd/{number}")  # noqa: PTH115 - pathlib would resolve "(deleted)"


def _listeners(process: psutil.Process) -> list[str]:
    try:
        rows = process.net_connections("inet")
    except (psutil.AccessDenied, psutil.NoSuchProcess):
        return []
    return [f"{row.laddr.ip}:{row.laddr.port}" for row in rows if row.status == psutil.CONN_LISTEN]
