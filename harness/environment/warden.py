"""Holds one process, or one directory, for an owner, and ends it when the owner is gone in whatever way.

A program of its own, started as ``python -I -S warden.py`` by `leash`.  Its standard input is a pipe that only the
owner holds: first the order (length, then marshal), then perhaps ``stop SECONDS``; the end of the pipe means that the
owner has died.  On the command line stands what to delete even
if the order never comes.  Its standard output tells ``pid N``, ``failed WHY`` and ``exit CODE``, a line each.

Rule 1: only cheap modules of the standard library are imported, for a target waits for this program (25 ms).
Rule 2: it has a session of its own, so a Ctrl-C at the terminal reaches the owner alone.
Rule 3: it goes last.  Where Linux offers it, orphans of the child become children of the warden, so that "no child
is left" means that nothing the child ever started is left.
Rule 4: every warden of a run shares a lock file; the warden of the directory waits for that lock before it deletes.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import marshal
import os
import select
import signal
import sys
import time

GRACE_S = 1.0  # between the polite signal and SIGKILL when the owner has died: nothing may be left 2 s later
KILL_S = 10.0  # a process that SIGKILL has not ended by then hangs in the kernel
LOOK_S = 1.0  # how often the owner is looked at, in case somebody inherited its end of the pipe
LINUX = sys.platform == "linux"
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
IPC_RMID = 0


def tell(line: str) -> None:
    """Report one line to the owner, if it still lives."""
    try:
        os.write(1, f"{line}\n".encode())
    except OSError:
        return


class Signals:
    """Signals as bytes in a pipe, to be waited for together with the owner's words."""

    def __init__(self) -> None:
        self.inbox, outbox = os.pipe()
        os.set_blocking(self.inbox, False)
        os.set_blocking(outbox, False)
        signal.set_wakeup_fd(outbox, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)

    def wait(self, within_s: float, *, also: tuple[int, ...] = ()) -> tuple[list[int], bytes]:
        """What of ``also`` can be read, and the numbers of the signals that came."""
        readable = select.select([self.inbox, *also], [], [], max(within_s, 0.0))[0]
        came = os.read(self.inbox, 512) if self.inbox in readable else b""
        return [fd for fd in readable if fd != self.inbox], came


class Child:
    """The process that is held, with all it starts."""

    def __init__(
        self, command: list[str], env: dict[str, str], cwd: str, log: str, user: tuple[int, int] | None
    ) -> None:
        self.exit_code: int | None = None
        self.dead: set[str] = set()  # it and its orphans; what their own parents buried had ended in order
        refused, refuse = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                _become(command, env, cwd, log, user)
            except BaseException as exc:  # noqa: BLE001 - whatever it is, the owner must hear of it
                os.write(refuse, f"{command[0]}: {getattr(exc, 'strerror', None) or repr(exc)}".encode())
            finally:
                os._exit(127)
        os.close(refuse)
        self.refusal = os.read(refused, 4096).decode(errors="replace")  # empty once exec has closed the other end
        os.close(refused)

    def reap(self) -> bool:
        """Take note of who has died; whether anybody is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return not LINUX and _group_lives(self.pid)
            if pid == 0:
                return True
            self.dead.add(str(pid))
            if pid == self.pid:
                self.exit_code = os.waitstatus_to_exitcode(status)

    def has_just_ended(self) -> bool:
        """Whether the process ended since the last look."""
        was_alive = self.exit_code is None
        self.reap()
        return was_alive and self.exit_code is not None

    def end(self, number: int, grace_s: float, signals: Signals) -> None:
        """The polite signal to the process itself, then, after ``grace_s``, the end of all it started."""
        deadline = time.monotonic() + grace_s
        if self.reap() and self.exit_code is None:
            os.kill(self.pid, number)
            os.kill(self.pid, signal.SIGCONT)  # a paused process takes no signal
        while self.reap() and self.exit_code is None and time.monotonic() < deadline:
            signals.wait(deadline - time.monotonic())
        self.kill_rest(signals)

    def kill_rest(self, signals: Signals) -> None:
        """SIGKILL until nobody is left; a child of a killed process is ours at the next turn."""
        deadline = time.monotonic() + KILL_S
        while self.reap() and time.monotonic() < deadline:
            _kill(-self.pid)
            for pid in _children():
                _kill(pid)
            signals.wait(0.02)
        if LINUX:
            _remove_shared_memory(self.dead)


def _become(command: list[str], env: dict[str, str], cwd: str, log: str, user: tuple[int, int] | None) -> None:
    """Turn the forked warden into the command."""
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)  # what is ignored stays so through exec
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.chdir(cwd)
    if user is not None:
        os.setgroups([])
        os.setgid(user[1])
        os.setuid(user[0])
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # after setuid, which forgets it
    _execute(command, env)


def _execute(command: list[str], env: dict[str, str]) -> None:
    """`os.execvpe`, which would import a module, and an account that owns nothing may not reach our library."""
    places = [""] if "/" in command[0] else env.get("PATH", os.defpath).split(os.pathsep)
    refusal: OSError = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    for place in places:
        try:
            os.execve(os.path.join(place, command[0]), command, env)  # noqa: S606, PTH118 - no shell, no pathlib
        except (FileNotFoundError, NotADirectoryError):
            continue
        except PermissionError as exc:
            refusal = exc
    raise refusal


def _prctl(option: int, value: int) -> None:
    """Linux's prctl; elsewhere nothing."""
    if LINUX:
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _children() -> list[int]:
    """Every process whose parent is this one (Linux; elsewhere the process group must do)."""
    me = str(os.getpid()).encode()
    found = []
    for name in os.listdir("/proc") if LINUX else ():  # noqa: PTH208 - pathlib would double the start cost
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as stat:  # noqa: PTH123 - as above
                parent = stat.read().rpartition(b") ")[2].split()[1]
        except OSError:
            continue
        if parent == me:
            found.append(int(name))
    return found


def _remove_shared_memory(creators: set[str]) -> None:
    """Remove System V segments that dead processes left: PostgreSQL keeps one as its interlock."""
    try:
        with open("/proc/sysvipc/shm", encoding="ascii") as table:  # noqa: PTH123 - as above
            rows = [line.split() for line in table][1:]
    except OSError:
        return
    for _key, identifier, _mode, _size, created_by, _last, attached, *_ in rows:
        if created_by in creators and attached == "0":
            ctypes.CDLL(None).shmctl(int(identifier), IPC_RMID, None)


def _delete(path: str) -> None:
    """Delete a directory and keep at it while a dying process still writes there."""
    import shutil  # 10 ms, and only at the end

    for _ in range(50):
        shutil.rmtree(path, ignore_errors=True)
        if not os.path.lexists(path):
            return
        select.select([], [], [], 0.02)


def _await_others(lock: int, signals: Signals) -> None:
    """Wait until every other warden of the run has gone, but not for a stray holder of the owner's lock."""
    deadline = time.monotonic() + KILL_S
    while time.monotonic() < deadline:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            signals.wait(0.02)
        else:
            return


def _until_told(child: Child | None, stays: bool, owner: int, signals: Signals) -> float:
    """Wait for the owner's word, its death, or (unless the warden ``stays``) the child's end; seconds of grace."""
    while os.getppid() == owner:
        heard, came = signals.wait(LOOK_S, also=(0,))
        if heard:
            words = os.read(0, 64).split()
            return float(words[1]) if words else GRACE_S
        if signal.SIGTERM in came:
            return GRACE_S
        if child is not None and child.has_just_ended():
            child.kill_rest(signals)
            tell(f"exit {child.exit_code}")
            if not stays:
                return 0.0
    return GRACE_S


def _order() -> bytes:
    """The marshalled order; when the owner died before it finished the sentence, all there is to do is to delete."""
    length = int.from_bytes(os.read(0, 4), "big")
    order = b""
    while not length or len(order) < length:
        part = os.read(0, length - len(order))
        if not part:
            for path in sys.argv[1:]:
                _delete(path)
            sys.exit(1)
        order += part
    return order


def hold(
    *,
    owner: int,
    lock: str,
    remove: str | None,
    command: list[str],
    env: dict[str, str],
    cwd: str,
    log: str,
    user: tuple[int, int] | None,
    stop_signal: int,
) -> None:
    """Carry out one order to its end."""
    signals = Signals()
    shared = os.open(lock, os.O_RDWR)
    fcntl.flock(shared, fcntl.LOCK_SH)
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    child = Child(command, env, cwd, log, user) if command else None
    if child is not None and child.refusal:
        tell(f"failed {child.refusal}")
        return
    tell(f"pid {child.pid if child else os.getpid()}")
    grace_s = _until_told(child, remove is not None, owner, signals)
    if child is None:
        _await_others(shared, signals)
    elif child.exit_code is None:
        child.end(stop_signal, grace_s, signals)
        tell(f"exit {child.exit_code}")
    if remove is not None:
        _delete(remove)


if __name__ == "__main__":
    hold(**marshal.loads(_order()))  # noqa: S302 - the owner wrote it, with this interpreter; json costs 5 ms
