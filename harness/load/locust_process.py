"""Locust in processes of its own: one, or a master and its workers."""

from __future__ import annotations

import importlib.util
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.clock import poll_until
from harness.environment import ports
from harness.environment.processes import Owned, start
from harness.environment.rundir import RunDirectory
from harness.errors import HarnessError, UsageError
from harness.load.told import read_events

STEADY = Path(__file__).resolve().parents[2] / "locustfiles" / "steady.py"
SPAWN_S = 60.0  # Locust is there after 1.5 s; on a machine that drowns it takes many times that
END_S = 31.0 + 20.0  # what is under way has 31 s; then Locust writes its files
LEAVE_S = 8.0  # for writing them when nothing more is waited for


@dataclass(frozen=True)
class Traffic:
    """What is asked for: ``rate_per_s`` of all ``users`` together."""

    users: int
    rate_per_s: float
    seed: int
    model: str = "open"
    workers: int = 0  # processes beside the master; 0: one process does all
    processes: int = 0  # the same, forked by Locust itself
    flags: tuple[str, ...] = ()  # more of Locust's own
    prefix: tuple[str, ...] = ()  # of the command, such as taskset's

    def asked(self) -> dict[str, Any]:
        """What a person asked for, as plain data."""
        return {name: value for name, value in vars(self).items() if name not in ("flags", "prefix")}


def needed() -> None:
    """Raise UsageError where Locust is not installed; it is not imported, for that changes the process."""
    if importlib.util.find_spec("locust") is None:
        raise UsageError("errorpath load needs Locust, which is missing; pip install -e '.[load]' in the checkout")


class Locust:
    """A Locust that runs: its processes, and the files in which it tells what happened."""

    def __init__(
        self,
        run: RunDirectory,
        traffic: Traffic,
        *,
        host: str,
        base: str,
        folder: Path,
        tag: str,
        file: Path = STEADY,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.requests = folder / "requests.csv"
        self.requests.unlink(missing_ok=True)  # an earlier run's, in the same --out
        self.events = run.folder("load") / "events.jsonl"
        self._traffic = traffic
        self._program = [*traffic.prefix, sys.executable, "-m", "locust", "-f", str(file), *traffic.flags]
        self._port = ports.choose() if traffic.workers or traffic.processes else 0
        command = self._command(host, base, folder, tag)
        self.master = self._start(run, [*command, *self._distribution()], "locust")
        self.workers = [
            self._start(run, [*self._program, "--worker", *self._where()], f"locust worker {number}")
            for number in range(1, traffic.workers + 1)
        ]

    def _start(self, run: RunDirectory, command: Sequence[str], name: str) -> Owned:
        return start(command, run=run, name=name, env={"PYTHONUNBUFFERED": "1"})

    def _command(self, host: str, base: str, folder: Path, tag: str) -> list[str]:
        traffic = self._traffic
        told = ["--requests-file", str(self.requests.resolve()), "--told-file", str(self.events), "--tag", tag]
        written = ["--csv", str(folder.resolve() / "locust"), "--csv-full-history"]
        written += ["--html", str(folder.resolve() / "locust.html"), "--only-summary", "--exit-code-on-error", "0"]
        users = ["--users", str(traffic.users), "--spawn-rate", str(traffic.users)]
        users += ["--rate", f"{traffic.rate_per_s / traffic.users:.6f}", "--seed", str(traffic.seed)]
        proxy = ["--host", host, "--base", base]
        return [*self._program, "--headless", *proxy, "--model", traffic.model, *users, *written, *told]

    def _where(self) -> list[str]:
        return ["--master-host", "127.0.0.1", "--master-port", str(self._port)]

    def _distribution(self) -> list[str]:
        traffic = self._traffic
        if not self._port:
            return []
        bound = ["--master-bind-host", "127.0.0.1", "--master-bind-port", str(self._port)]
        if traffic.processes:
            return [*bound, *self._where(), "--processes", str(traffic.processes)]
        return [*bound, "--master", "--expect-workers", str(traffic.workers)]

    @property
    def expected(self) -> int:
        """Workers that belong to it."""
        return self._traffic.workers or self._traffic.processes

    def processes(self) -> list[Owned]:
        """All that were started by us."""
        return [self.master, *self.workers]

    def await_users(self) -> None:
        """Return when all users are logged in.  HarnessError with Locust's last words when they do not come."""

        def there() -> bool:
            self.check()
            arriving = {event["user"] for event in read_events(self.events) if event["event"] == "arriving"}
            return len(arriving) >= self._traffic.users

        poll_until(there, within_s=SPAWN_S, what="Locust's users to be there")

    def check(self) -> None:
        """HarnessError when a process of it has ended, or its master misses a worker."""
        for process in self.processes():
            if not process.alive():
                raise HarnessError(
                    f"{process.name} (pid {process.pid}) is lost: it exited with {process.exit_code()}; "
                    f"its last words:\n{process.last_words()}"
                )
        for event in read_events(self.events):
            if event["event"] == "worker lost":
                raise HarnessError(f"a Locust worker is lost: {event['left']} of {event['expected']} are left")

    def end(self) -> int | None:
        """No arrival any more; returns how many requests were still under way 31 s later, once Locust has ended."""
        if self.master.alive():
            self.master.signal(signal.SIGUSR1)
        self._await_end(END_S)
        return next((int(event["stuck"]) for event in read_events(self.events) if event["event"] == "ended"), None)

    def leave(self) -> None:
        """End without waiting for what is under way; Locust writes its files."""
        if self.master.alive():
            self.master.signal(signal.SIGUSR1)
            if self.master.alive():
                self.master.signal(signal.SIGUSR1)
        try:
            self._await_end(LEAVE_S)
        except HarnessError:
            self.stop()

    def _await_end(self, within_s: float) -> None:
        poll_until(lambda: not self.master.alive(), within_s=within_s, what="Locust to end")
        self.stop()

    def stop(self) -> None:
        """End whatever is left of it."""
        for process in self.processes():
            process.stop(1.0)
