"""Programs that the harness starts: each in a session of its own, logged to a file, and held by a warden."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from harness.clock import poll_until
from harness.environment.leash import Leash
from harness.environment.privileges import ids_of
from harness.environment.rundir import GONE_S, RunDirectory
from harness.errors import HarnessError

TAIL_LINES = 20


class Owned:
    """A process with a warden: ``pid`` of the process itself, ``log`` with its standard output and error."""

    def __init__(self, name: str, pid: int, log: Path, leash: Leash) -> None:
        self.name = name
        self.pid = pid
        self.log = log
        self._leash = leash
        self._exit_code: int | None = None
        self._lock = threading.RLock()

    def alive(self) -> bool:
        """Whether it still runs; what it started has gone, too, when it does not."""
        return self.exit_code() is None

    def exit_code(self) -> int | None:
        """Its exit code (negative: the signal that ended it), None while it runs."""
        with self._lock:
            if self._exit_code is None:
                lines, open_ = self._leash.reports()
                for line in lines:
                    self._exit_code = int(line.removeprefix("exit "))
                if not open_:
                    self._leash.wait(1.0)  # it has said its last, so this only collects it
                    if self._exit_code is None:
                        self._exit_code = (
                            -signal.SIGKILL
                        )  # the warden was killed, and the kernel took the child along
            return self._exit_code

    def wait(self, within_s: float) -> int:
        """Its exit code, once it has ended.  HarnessError when ``within_s`` wall seconds have passed."""
        poll_until(lambda: not self.alive(), within_s=within_s, what=f"{self.name} (pid {self.pid}) to exit")
        code = self.exit_code()
        assert code is not None
        return code

    def signal(self, number: int) -> None:
        """Send a signal to the process itself.  HarnessError when it has gone."""
        if not self.alive():
            raise HarnessError(f"{self.name} cannot take signal {number}: it exited with {self.exit_code()}")
        os.kill(self.pid, number)

    def stands_still(self) -> bool:
        """Whether a signal has stopped it (SIGSTOP) and none has let it go on."""
        try:
            return bool(psutil.Process(self.pid).status() == psutil.STATUS_STOPPED)
        except psutil.NoSuchProcess:
            return False

    def stop(self, within_s: float = 5.0) -> None:
        """End it and wait until it has gone: the polite signal, after ``within_s`` SIGKILL to all that it started."""
        self.ask_to_stop(within_s)
        self.await_end(within_s + GONE_S)

    def ask_to_stop(self, within_s: float) -> None:
        """The first half of `stop`, which does not wait."""
        with self._lock:
            self._leash.release(within_s)

    def await_end(self, within_s: float) -> None:
        """The second half of `stop`.  HarnessError when it is not gone after ``within_s`` wall seconds."""
        with self._lock:
            if not self._leash.wait(within_s):
                raise HarnessError(f"{self.name} (pid {self.pid}) survived SIGKILL for {within_s:g} s")
            self.exit_code()
            self._leash.drop()

    def output(self) -> str:
        """All it has written so far."""
        return self.log.read_text("utf-8", errors="replace") if self.log.exists() else ""

    def written_since(self, position: int) -> bytes:
        """What it has written past the first ``position`` bytes."""
        if not self.log.exists():
            return b""
        with self.log.open("rb") as log:
            log.seek(position)
            return log.read()

    def last_words(self) -> str:
        """The end of its output, for a message."""
        lines = self.output().splitlines()[-TAIL_LINES:]
        return "\n".join(f"  | {line}" for line in lines) or "  (it wrote nothing)"


def start(
    command: Sequence[str],
    *,
    run: RunDirectory,
    name: str,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    user: str | None = None,
    stop_signal: int = signal.SIGTERM,
    remove: Path | None = None,
) -> Owned:
    """Start ``command`` in a session of its own, with a warden that ends it when this process ends.

    ``env`` is all it gets beside the run's own few variables.  ``user`` (root only) is the account it runs as.
    ``remove`` is deleted after it has gone.  HarnessError when the program cannot be executed.
    """
    if run.ceased:
        raise HarnessError(f"{name} is not started: the run is ending")
    log = run.log_file(name)
    child_env = run.environment() | ({"HOME": str(run.path)} if user else {}) | dict(env or {})
    leash = Leash(
        env=run.environment(),
        lock=run.lock,
        log=log,
        remove=remove,
        command=list(command),
        child_env=child_env,
        cwd=cwd or run.path,
        user=ids_of(user) if user else None,
        stop_signal=stop_signal,
    )
    kind, _, rest = leash.first_report().partition(" ")
    if kind != "pid":
        leash.release(0.0)
        leash.wait(GONE_S)
        leash.drop()
        raise HarnessError(f"{name} cannot start: {rest}")
    owned = Owned(name, int(rest), log, leash)
    run.hold(owned)
    return owned


def complete(command: Sequence[str], *, run: RunDirectory, name: str, within_s: float, cwd: Path) -> Owned:
    """Run ``command`` to its end, in the environment of this process but for what is the run's; the ended process.

    It ends when this process is killed, too.  HarnessError, and it is ended, when it takes longer than ``within_s``
    wall seconds.
    """
    own = run.environment()
    env = {variable: value for variable, value in os.environ.items() if variable not in own}
    owned = start(command, run=run, name=name, env=env, cwd=cwd)
    try:
        owned.wait(within_s)
    finally:
        owned.stop()
    return owned
