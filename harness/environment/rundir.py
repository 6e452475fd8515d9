"""The one directory below which a run keeps everything, and which goes when the run goes.

Law: the lock file tells whether a run lives.  Its owner and each of its wardens hold it (shared); the kernel lets go
for a process that dies.  Whoever gets it exclusively may delete the directory: the run's own warden, at the end of
the run, or `sweep` of a later run, where a killed machine left no warden.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Protocol

from harness.environment.leash import Leash
from harness.environment.privileges import open_to_all
from harness.errors import EnvironmentUnavailable, HarnessError

LOCK = "alive"
STOP_S = 5.0  # what a process is given to go by itself when the run ends in order
GONE_S = 15.0  # past the polite signal: SIGKILL, and the deletion of a data directory on a slow disk
YOUNG_S = 60.0  # a directory without its lock file is being made, or has lost its maker
KEPT_ENV = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
RUN_ID = "ERRORPATH_RUN_ID"


class Stoppable(Protocol):
    """What a run directory ends before it goes itself."""

    def ask_to_stop(self, within_s: float) -> None:
        """Ask, and do not wait."""

    def await_end(self, within_s: float) -> None:
        """Wait; HarnessError when it is not gone."""


class RunDirectory:
    """A run's directory (``path``, mode 0755) and identity (``id``); a context manager.

    All processes started in it carry ``ERRORPATH_RUN_ID=<id>`` and have its ``tmp`` as their temporary directory.
    """

    def __init__(self, path: Path, run_id: str, lock: int) -> None:
        self.path = path
        self.id = run_id
        self._lock = lock
        self._owner = os.getpid()
        self._held: list[Stoppable] = []
        self.ceased = False
        self._leash = Leash(env=self.environment(), lock=path / LOCK, log=path / "run.warden.log", remove=path)
        self._leash.first_report()
        atexit.register(self.remove)

    @classmethod
    def create(cls, run_id: str | None = None, *, parent: Path | None = None) -> RunDirectory:
        """Make the directory ``errorpath-<uid>-<run id>`` in ``parent`` (default: the system's temporary directory).

        Sweeps first.  A worker of a run passes ``<the run's id>-<its name>``, so that one look finds what any left.
        Raises EnvironmentUnavailable when no place can be written.
        """
        place = parent or _place()
        sweep(place)
        name = run_id or secrets.token_hex(4)  # not `random`: pytest-randomly gives every worker the same seed
        path = place / f"{_prefix()}{name}"
        _make(path)
        try:
            _furnish(path)
            return cls(path, name, _locked(path))
        except BaseException:  # Ctrl-C, too, before there is a warden that would delete it
            shutil.rmtree(path, ignore_errors=True)
            raise

    def environment(self) -> dict[str, str]:
        """The environment every process of the run starts from: little of ours, its temporary directory, its id."""
        kept = {name: os.environ[name] for name in KEPT_ENV if name in os.environ}
        return kept | {"TMPDIR": str(self.path / "tmp"), RUN_ID: self.id}

    @property
    def lock(self) -> Path:
        """The file that every living part of the run holds."""
        return self.path / LOCK

    def folder(self, name: str) -> Path:
        """A new folder whose name begins with ``name``."""
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.path))

    def log_file(self, name: str) -> Path:
        """A new, empty log file below ``logs``."""
        handle, path = tempfile.mkstemp(prefix=f"{name}-", suffix=".log", dir=self.path / "logs")
        os.close(handle)
        return Path(path)

    def hold(self, part: Stoppable) -> None:
        """End ``part`` before the directory goes; at once, when the run has ceased while it was starting."""
        self._held.append(part)
        if self.ceased:
            part.ask_to_stop(0.0)

    @property
    def held(self) -> tuple[Stoppable, ...]:
        """What was started in the run so far, in that order."""
        return tuple(self._held)

    def cease(self) -> None:
        """End every process of the run at once, and start no other; the directory stays until `remove`."""
        self.ceased = True
        for part in self._held:
            part.ask_to_stop(0.0)

    def remove(self) -> None:
        """Stop every process of the run, all at once, then delete the directory; does nothing the second time."""
        if os.getpid() != self._owner or self._lock < 0:
            return
        for part in self._held:
            part.ask_to_stop(STOP_S)
        os.close(self._lock)
        self._lock = -1
        survivors = [message for part in self._held if (message := _awaited(part))]
        self._leash.release(0.0)
        gone = self._leash.wait(GONE_S)
        self._leash.drop()
        atexit.unregister(self.remove)
        if not gone or self.path.exists():
            survivors.append(f"{self.path} could not be deleted within {GONE_S:g} s; delete it by hand")
        if survivors:
            raise HarnessError("; ".join(survivors))

    def __enter__(self) -> RunDirectory:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()


def sweep(place: Path | None = None) -> list[Path]:
    """Delete the directories of our account's runs that no longer live; what was deleted."""
    swept = []
    for path in directories(place or _place()):
        if _abandoned(path):
            shutil.rmtree(path, ignore_errors=True)
            swept.append(path)
    return swept


def gone(path: Path) -> bool:
    """Whether the run whose directory this is, or was, no longer lives."""
    return not path.exists() or _abandoned(path)


def directories(place: Path, run_id: str | None = None) -> Iterator[Path]:
    """The run directories of our account in ``place``: all, or those of a run and its workers."""
    pattern = _prefix() + ("*" if run_id is None else run_id)
    for path in [*place.glob(pattern), *(place.glob(f"{pattern}-*") if run_id else ())]:
        with contextlib.suppress(FileNotFoundError):
            if path.lstat().st_uid == os.geteuid() and path.is_dir() and not path.is_symlink():
                yield path


def places() -> list[Path]:
    """Where run directories may be; the system's temporary directory first."""
    return list(dict.fromkeys(Path(name) for name in (tempfile.gettempdir(), "/tmp", "/var/tmp")))  # noqa: S108


def _place() -> Path:
    """The system's temporary directory; for root the first that the servers, which run as nobody, can reach."""
    first, *others = places()
    if os.geteuid() != 0 or open_to_all(first):
        return first
    for other in others:
        if other.is_dir() and open_to_all(other):
            return other
    raise EnvironmentUnavailable(
        f"{first} is closed to the account nobody, as which the servers run; set TMPDIR to a folder open to all"
    )


def _prefix() -> str:
    return f"errorpath-{os.geteuid()}-"


def _make(path: Path) -> None:
    """Make the run's directory.  EnvironmentUnavailable when that cannot be."""
    try:
        path.mkdir(mode=0o755)
    except OSError as exc:
        raise EnvironmentUnavailable(
            f"cannot make {path}: {exc.strerror}; set TMPDIR to a folder that can be written"
        ) from exc


def _furnish(path: Path) -> None:
    path.chmod(0o755)  # whatever the umask: servers run as nobody
    (path / "logs").mkdir()
    (path / "tmp").mkdir()
    (path / "tmp").chmod(0o1777)


def _awaited(part: Stoppable) -> str:
    """Why ``part`` is not gone; empty when it is."""
    try:
        part.await_end(STOP_S + GONE_S)
    except HarnessError as exc:
        return str(exc)
    return ""


def _locked(path: Path) -> int:
    """Create and hold the lock file; it gets its name only once it is held, so that no sweep finds it free."""
    being_made = path / f"{LOCK}.new"
    lock = os.open(being_made, os.O_RDWR | os.O_CREAT, 0o644)
    fcntl.flock(lock, fcntl.LOCK_SH)
    os.write(lock, f"pid {os.getpid()} since {time.strftime('%FT%TZ', time.gmtime())}\n".encode())
    being_made.rename(path / LOCK)
    return lock


def _abandoned(path: Path) -> bool:
    """Whether nobody holds the run's lock."""
    try:
        lock = os.open(path / LOCK, os.O_RDWR)
    except FileNotFoundError:
        with contextlib.suppress(FileNotFoundError):
            return time.time() - path.stat().st_mtime > YOUNG_S
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True
