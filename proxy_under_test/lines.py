"""Where log lines go: standard output, whose reader may be slow, stopped or gone.

Lines are gathered for one turn of the event loop and written together, so that logging costs no system call of its
own for each line; nothing is held back longer than that while the reader keeps up.
Law: no request waits for a reader.  What one has not taken yet is kept, up to ``KEPT`` bytes; whole lines past that
are dropped, and it is told how many as soon as it reads on.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import socket
import stat
import sys
import time
from collections.abc import Callable
from typing import Protocol

KEPT = 1 << 20
GOODBYE_S = 1.0  # how long the end of the process waits for a reader that is behind


class Stream(Protocol):
    """Where lines go; it keeps nothing back, so that nothing is left that could not be written at the exit."""

    def write(self, data: bytes | memoryview, /) -> int | None:
        """Write some of ``data``; how many bytes, None where it takes none now."""

    def fileno(self) -> int:
        """What to wait for when it takes none now."""


class LineWriter:
    """Writes whole lines to an unbuffered binary stream, once per turn of the event loop."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._lines: list[bytes] = []
        self._untaken = bytearray()
        self._dropped = 0
        self.loop: asyncio.AbstractEventLoop | None = None
        self.on_dropped: Callable[[int], None] = lambda _lines: None

    def take(self, line: bytes) -> None:
        """Take one line."""
        self._lines.append(line)
        if len(self._lines) == 1:
            self._plan()

    def flush(self) -> None:
        """Write what was gathered, as far as it is taken now."""
        lines, self._lines = self._lines, []
        if self._untaken:
            self._keep(lines)
        elif lines:
            self._write(b"".join(lines))

    def finish(self) -> None:
        """Write what is left, and wait for a reader that is behind, but not for ever."""
        self.flush()
        deadline = time.monotonic() + GOODBYE_S
        while self._untaken and (left := deadline - time.monotonic()) > 0:
            if select.select([], [self._stream.fileno()], [], left)[1]:
                self._go_on()

    def _plan(self) -> None:
        if self._running is not None:
            self._running.call_soon(self.flush)
        else:  # before the loop runs, and after it
            self.flush()

    @property
    def _running(self) -> asyncio.AbstractEventLoop | None:
        return self.loop if self.loop is not None and self.loop.is_running() else None

    def _keep(self, lines: list[bytes]) -> None:
        for line in lines:
            if len(self._untaken) + len(line) <= KEPT:
                self._untaken += line
            else:
                self._dropped += 1

    def _write(self, data: bytes) -> None:
        taken = self._taken_of(data)
        if taken < len(data):
            self._untaken += data[taken:]
            if self._running is not None:
                self._running.add_writer(self._stream.fileno(), self._go_on)

    def _taken_of(self, data: bytes | bytearray) -> int:
        """Write as much as is taken now; all of it, where nobody will ever read it (a closed pipe, a full disk)."""
        taken = 0
        with memoryview(data) as view, contextlib.suppress(OSError, ValueError):
            while taken < len(data):
                count = self._stream.write(view[taken:])
                if count is None:
                    return taken
                taken += count
        return len(data)

    def _go_on(self) -> None:
        """The reader has made room."""
        del self._untaken[: self._taken_of(self._untaken)]
        if self._untaken:
            return
        if self._running is not None:
            self._running.remove_writer(self._stream.fileno())
        dropped, self._dropped = self._dropped, 0
        if dropped:
            self.on_dropped(dropped)


class _Socket:
    """Standard output that is a socket, as systemd's journal gives a service one."""

    def __init__(self, fd: int) -> None:
        self._socket = socket.socket(fileno=os.dup(fd))

    def write(self, data: bytes | memoryview, /) -> int | None:
        """Send some of ``data``; how many bytes, None where none are taken now."""
        try:
            return self._socket.send(data, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None

    def fileno(self) -> int:
        """The descriptor that becomes writable."""
        return self._socket.fileno()


def standard_output() -> Stream:
    """Standard output, as a stream that takes what it can and waits for nobody.

    "Do not wait" belongs to what was opened, and others (a shell, a sibling) write to the same: so a pipe or terminal
    is opened once more, and a socket is asked with each call.  A file takes everything.
    """
    fd = sys.stdout.fileno()
    mode = os.fstat(fd).st_mode
    if stat.S_ISSOCK(mode):
        return _Socket(fd)
    if stat.S_ISFIFO(mode) or os.isatty(fd):
        with contextlib.suppress(OSError):  # nobody reads any more, or it is another account's
            fd = os.open(f"/dev/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    return open(fd, "wb", buffering=0, closefd=False)
