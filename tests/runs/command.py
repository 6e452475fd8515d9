"""``errorpath`` as a process: started as from a terminal, watched from outside, audited after its end."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psutil

from harness.clock import now, poll_until
from harness.environment.leaks import left_behind
from harness.environment.rundir import RunDirectory
from tests.interruptible import interruptible

T = TypeVar("T")
ROOT = Path(__file__).parents[2]
ERRORPATH = str(Path(sys.executable).with_name("errorpath"))
MARK = "ERRORPATH_TEST_MARK"
LOOK_S = 0.05
WITHIN_S = 120.0  # a run of a few paths takes 5 s on an idle machine


def seldom(ready: Callable[[], T]) -> Callable[[], T | None]:
    """For `poll_until`: looks twenty times a second, for looking at processes costs more than waiting for them."""
    looked = -LOOK_S

    def look() -> T | None:
        nonlocal looked
        if now() < looked + LOOK_S:
            return None
        looked = now()
        return ready()

    return look


@dataclass
class Command:
    """A running command in a session of its own; ``place`` is its temporary directory, ``said`` all its output."""

    process: subprocess.Popen[bytes]
    place: Path
    mark: str

    @property
    def said(self) -> str:
        return (self.place / "said").read_text("utf-8", errors="replace")

    @property
    def out(self) -> Path:
        return self.place / "out"

    def ended(self, within_s: float = WITHIN_S) -> int:
        """Its exit code."""
        return self.process.wait(within_s)

    def signal_group(self, number: int) -> None:
        """As a terminal does."""
        os.killpg(self.process.pid, number)

    def results(self) -> dict[str, Any]:
        data: dict[str, Any] = json.loads((self.out / "results.json").read_text("utf-8"))
        return data

    @property
    def run_id(self) -> str | None:
        """The identity of the run, once it has a directory."""
        for path in self.directories():
            return path.name.split("-")[2]
        return None

    def directories(self) -> list[Path]:
        """The directories of the run and of its workers that are there now."""
        return sorted((self.place / "tmp").glob("errorpath-*"), key=lambda path: len(path.name))

    def doing(self) -> dict[str, str]:
        """What each worker says it does."""
        found = {}
        for file in (self.place / "tmp").glob("errorpath-*/progress-*/*.progress"):
            try:
                found[file.stem] = str(json.loads(file.read_text("utf-8"))["doing"])
            except (FileNotFoundError, json.JSONDecodeError):
                continue
        return found

    def left(self, run_id: str = "-") -> list[str]:
        """What is there of the run now: anything in its temporary directory, processes of any kind, listeners."""
        found = [str(path) for path in (self.place / "tmp").iterdir()]
        return found or left_behind(run_id) + processes_with(MARK, self.mark)


def _environment() -> dict[str, str]:
    """Ours, without what pytest and xdist tell their own children."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}


def processes_with(name: str, value: str) -> list[str]:
    """The living processes with this environment variable."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(name) == value:
                found.append(f"process {process.pid}: {' '.join(process.cmdline())}")
        except psutil.Error:
            continue
    return found


@contextmanager
def running(
    *arguments: str, cwd: Path = ROOT, program: tuple[str, ...] = (ERRORPATH,), env: Mapping[str, str] | None = None
) -> Iterator[Command]:
    """Start ``errorpath ARGUMENTS``; leaving the block ends it, whatever happened."""
    with RunDirectory.create() as run:  # which goes when this process is killed, too
        command = _begun(run.folder("command"), (*program, *arguments), cwd, env or {})
        try:
            yield command
        finally:
            if command.process.poll() is None:
                command.signal_group(signal.SIGKILL)
                command.process.wait(10)
            args = command.process.args
            poll_until(seldom(lambda: not command.left()), within_s=20, what=f"{args!r} to leave nothing")


def _begun(place: Path, words: Sequence[str], cwd: Path, env: Mapping[str, str]) -> Command:
    place.chmod(0o755)
    (place / "tmp").mkdir(mode=0o755)
    mark = secrets.token_hex(8)
    with (place / "said").open("wb") as said, interruptible():
        process = subprocess.Popen(
            [word.replace("{place}", str(place)) for word in words],
            cwd=cwd,
            env={**_environment(), "TMPDIR": str(place / "tmp"), MARK: mark, **env},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Command(process, place, mark)


def checking(*arguments: str, cwd: Path = ROOT, env: Mapping[str, str] | None = None) -> Any:
    """`running` of ``errorpath check``, whose results go to ``out``."""
    return running("check", "--out", "{place}/out", *arguments, cwd=cwd, env=env)
