"""What a run leaves in servers that are not its own processes: links in a Toxiproxy, containers in a Docker daemon.

Law: they go when the run goes, in whatever way.  The remover is a process of its own that holds one end of a pipe; it
removes when the other end is closed: at the end of the run, or by the death of whoever held it.  There is one way to
remove, so the way that matters after a kill is the one taken every day.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from harness.clock import now, poll_until
from harness.environment.rundir import RunDirectory
from harness.errors import HarnessError

READY = b"ready\n"
REMOVE_S = 30.0  # wall seconds for a daemon on a busy machine; 0.3 s is usual
AGAIN_S = 1.0  # what a process was asking for when it was killed may still come into being


class Remover:
    """The owner's end: what ``what`` names is removed when `remove` is called or this process dies.

    ``what`` is the remover's command line: ``--links HOST:PORT``, ``--containers``.
    """

    def __init__(self, run: RunDirectory, *what: str) -> None:
        self._log = run.log_file("remover")
        command = [sys.executable, "-m", "harness.environment.afterwards", "--run", run.id, *what]
        # of our own environment, because DOCKER_HOST and the like say where the daemon is
        environment = {**os.environ, **run.environment(), "TMPDIR": str(Path("/"))}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment,
                start_new_session=True,
                bufsize=0,
            )
        assert self._process.stdout is not None
        if self._process.stdout.read(len(READY)) != READY:
            self._process.wait(REMOVE_S)
            raise HarnessError(f"the remover of what a run leaves did not start: {self._words()}")

    def remove(self) -> None:
        """Remove, and wait until it is done; a second time does nothing.  HarnessError when something stays."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if self._process.stdin.closed:
            return
        with self._process.stdin as to:
            to.write(b"in order\n")
        try:
            code = self._process.wait(REMOVE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._process.stdout.close()
        if code != 0:
            raise HarnessError(f"what the run left in other servers could not be removed ({code}): {self._words()}")

    def _words(self) -> str:
        return self._log.read_text("utf-8", errors="replace").strip() or "it said nothing"


def main() -> int:
    """Wait for the end of the owner, then remove.  Exit code 1: something stays, and standard error says what."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", required=True)
    parser.add_argument("--links", metavar="HOST:PORT")
    parser.add_argument("--containers", action="store_true")
    given = parser.parse_args()
    removals: list[Callable[[], bool]] = []
    if given.links:
        removals.append(_links(given.links, given.run))
    if given.containers:
        removals.append(_containers(given.run))
    os.write(1, READY)
    in_order = bool(sys.stdin.buffer.read())
    try:
        _until_gone(removals, again_s=0.0 if in_order else AGAIN_S)
    except HarnessError as exc:
        print(exc, file=sys.stderr)
        return 1
    return 0


def _until_gone(removals: list[Callable[[], bool]], again_s: float) -> None:
    """Remove until nothing is left, and after ``again_s`` look once more."""
    seen_until = now() + again_s
    poll_until(
        lambda: _removed(removals) and now() >= seen_until,
        within_s=REMOVE_S / 2,
        what="what the run left in other servers to be removed",
    )


def _removed(removals: list[Callable[[], bool]]) -> bool:
    """Let each remove what it finds; whether none found anything."""
    found_nothing = [remove() for remove in removals]
    return all(found_nothing)


def _links(endpoint: str, run: str) -> Callable[[], bool]:
    from harness.toxiproxy.client import LinkServer

    server = LinkServer(endpoint)

    def remove() -> bool:
        ours = [name for name in server.names() if name.startswith(f"{run}-")]
        for name in ours:
            server.link(name).remove()
        return not ours

    return remove


def _containers(run: str) -> Callable[[], bool]:
    from harness.environment.containers import remove_labelled

    return lambda: remove_labelled(run)


if __name__ == "__main__":
    sys.exit(main())
