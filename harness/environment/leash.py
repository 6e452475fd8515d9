"""The owner's end of a warden: one pipe to it, one from it."""

from __future__ import annotations

import contextlib
import marshal
import os
import select
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from harness.clock import now
from harness.errors import HarnessError

WARDEN = Path(__file__).with_name("warden.py")
START_S = 20.0  # an interpreter starts in 25 ms; on a machine that is drowning it may take seconds


class Leash:
    """A running warden.  It lets go of what it holds when `release` is called or this process dies."""

    def __init__(
        self,
        *,
        env: Mapping[str, str],
        lock: Path,
        log: Path,
        remove: Path | None,
        command: list[str] | None = None,
        child_env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        user: tuple[int, int] | None = None,
        stop_signal: int = 15,
    ) -> None:
        order = marshal.dumps(
            {
                "owner": os.getpid(),
                "lock": str(lock),
                "remove": str(remove) if remove else None,
                "command": command or [],
                "env": dict(child_env or {}),
                "cwd": str(cwd or lock.parent),
                "log": str(log),
                "user": user,
                "stop_signal": int(stop_signal),
            }
        )
        self._process = _warden(env, log, remove)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to, self._from = self._process.stdin, self._process.stdout
        self._unread = b""
        self._told: list[str] = []
        os.set_blocking(self._from.fileno(), False)
        with contextlib.suppress(BrokenPipeError):  # its first report is awaited, and says more
            self._to.write(len(order).to_bytes(4, "big") + order)

    def first_report(self) -> str:
        """The warden's first line.  HarnessError when it comes to nothing."""
        deadline = now() + START_S
        while now() < deadline:
            select.select([self._from], [], [], deadline - now())
            lines, open_ = self.reports()
            if lines:
                self._told = lines[1:]  # a child that ends at once has its end reported in the same breath
                return lines[0]
            if not open_:
                break
        self.release(0.0)
        raise HarnessError(f"a warden ({sys.executable}) did not start within {START_S:g} s")

    def reports(self) -> tuple[list[str], bool]:
        """The lines that came since the last call, and whether the warden can still say something."""
        open_ = True
        while True:
            if self._from.closed:
                return [], False  # dropped
            data = self._from.read(4096)
            if not data:
                open_ = data is None  # None: nothing yet; b"": the warden has gone
                break
            self._unread += data
        *lines, self._unread = self._unread.split(b"\n")
        told = self._told + [line.decode() for line in lines]
        self._told = []
        return told, open_

    def release(self, grace_s: float) -> None:
        """Ask the warden to end what it holds; it has ``grace_s`` wall seconds to go by itself."""
        if not self._to.closed:
            with contextlib.suppress(BrokenPipeError):
                self._to.write(f"stop {grace_s:f}\n".encode())
            self._to.close()

    def wait(self, within_s: float) -> bool:
        """Whether the warden, and so all it held, has gone within ``within_s`` wall seconds."""
        try:
            self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def drop(self) -> None:
        """Close what is left of a warden that has gone."""
        self._to.close()
        self._from.close()


def _warden(env: Mapping[str, str], log: Path, remove: Path | None) -> subprocess.Popen[bytes]:
    """A warden that waits for its orders on standard input, in a session of its own."""
    with log.open("ab") as errors:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", str(WARDEN), *([str(remove)] if remove else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=dict(env),
            start_new_session=True,
            close_fds=True,
            bufsize=0,
        )
