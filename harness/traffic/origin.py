"""The scripted upstream: says exactly what it is told, and records every connection and attempt.

Runs on a loop in a thread of its own; the methods are for ordinary callers in any thread.  A port is chosen by the
system and held until `stop`, also while it refuses or does not answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import socket
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any, TypeVar

from harness.errors import HarnessError
from harness.traffic import replies
from harness.traffic.conversation import Conversation
from harness.traffic.loop import LoopThread
from harness.traffic.ports import FullBacklog, bound, bound_together, close_all
from harness.traffic.recording import Attempt, Connection, Recording
from harness.traffic.script import Script
from harness.traffic.steps import Behaviour

HEALTH_PATH = "/api/health"
BACKLOG = 4096
CALL_WITHIN_S = 10.0

T = TypeVar("T")

# The peer left between its SYN and our accept; the listener is fine.
GONE_BEFORE_ACCEPT = frozenset({errno.ECONNABORTED, errno.EPROTO})


class Origin:
    """A scripted upstream; `start` makes one, and it is a context manager that stops itself."""

    def __init__(self, host: str, health_path: str, receive_buffer: int | None, send_buffer: int | None) -> None:
        self.host = host
        self._held = bound_together(host)
        self.port: int = self._held[0].getsockname()[1]
        self._buffers = {socket.SO_RCVBUF: receive_buffer, socket.SO_SNDBUF: send_buffer}
        self._script = _Script(health_path)
        self._recording = Recording()
        self._loop = LoopThread(f"origin-{self.port}")
        self._listeners: list[socket.socket] = []
        self._full: FullBacklog | None = None
        self._failures: list[str] = []
        self._serving: dict[asyncio.Task[None], Conversation] = {}

    @classmethod
    def start(
        cls,
        host: str = "127.0.0.1",
        *,
        health_path: str = HEALTH_PATH,
        receive_buffer: int | None = None,
        send_buffer: int | None = None,
    ) -> Origin:
        """Listen on ``host``: 127.0.0.1, ::1, or localhost for both on one port.

        Small ``receive_buffer`` and ``send_buffer`` (bytes, SO_RCVBUF, SO_SNDBUF) make slow readers felt
        at once, on either side.  Raises HarnessError.
        """
        origin = cls(host, health_path, receive_buffer, send_buffer)
        try:
            origin.open()
        except BaseException:
            origin.stop()
            raise
        return origin

    def __enter__(self) -> Origin:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def address(self) -> str:
        """HOST:PORT."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """http://HOST:PORT."""
        return f"http://{self.address}"

    # What it says

    def script(
        self,
        route: Sequence[Behaviour] | None = None,
        health: Sequence[Behaviour] | None = None,
        *,
        each_request: bool = False,
    ) -> None:
        """Behaviours for the route and for the health path; what is not given stays as it is.

        A new route also ends what a behaviour before said of the next request on its connection.

        Each attempt takes the next one, the last one repeats; ``each_request`` gives each request key its own turn.
        """
        if route is not None:
            self._script.route = Script(route, each_request=each_request)
        if health is not None:
            self._script.health = Script(health)

    def reset(self) -> None:
        """Default behaviours, open again, all records forgotten; attempts still being answered are cut with RST."""
        self._script.default()
        self._call(self._drop(_busy, rst=True))
        self.open()
        self._recording.forget()

    def forget(self) -> None:
        """Drop all records and go on; connections stay open."""
        self._recording.forget()

    # What it saw

    def attempts(self, key: str | None = None, include_health: bool = False) -> list[Attempt]:
        """Attempts on the route in the order they came, of one request key or of all."""
        return [a for a in self._seen() if (include_health or not a.is_probe) and (key is None or a.key == key)]

    def probes(self) -> list[Attempt]:
        """Requests for the health path."""
        return [attempt for attempt in self._seen() if attempt.is_probe]

    def connections(self) -> list[Connection]:
        """Every accepted connection; one still open shows what was known when its last request ended."""
        return self._recording.connections()

    def stands(self, connection: int) -> bool:
        """Whether neither side has ended the connection of this number, be its record forgotten or not."""
        return any(conversation.number == connection for conversation in list(self._serving.values()))

    def bytes_sent(self) -> int:
        """Bytes handed to the kernel so far on the connections that stand, answers under way included."""
        return sum(conversation.bytes_sent for conversation in list(self._serving.values()))

    def _seen(self) -> list[Attempt]:
        if self._failures:
            raise HarnessError(f"the origin itself failed: {'; '.join(self._failures)}")
        return self._recording.attempts()

    # Whether it can be reached

    def close(self, *, drop_connections: bool = True) -> None:
        """Refuse every connect from now on; connections that stand are closed too, as when the process died."""
        self._shut()
        if drop_connections:
            self._drop_all()

    def fill_backlog(self, *, drop_connections: bool = True) -> None:
        """Leave every SYN unanswered from now on; witnessed by one of our own.  Raises HarnessError."""
        self._shut()
        self._full = FullBacklog(self.port, self.host)
        if drop_connections:
            self._drop_all()

    def open(self) -> None:
        """Accept (again), whatever it did before."""
        if self._listeners:
            return
        self._shut()
        self._call(self._listen())

    @contextlib.contextmanager
    def refusing(self) -> Iterator[None]:
        """`close`, and `open` when the block is left."""
        self.close()
        try:
            yield
        finally:
            self.open()

    @contextlib.contextmanager
    def unanswering(self) -> Iterator[None]:
        """`fill_backlog`, and `open` when the block is left."""
        self.fill_backlog()
        try:
            yield
        finally:
            self.open()

    def close_idle_connections(self, *, rst: bool = False) -> int:
        """Close every kept-alive connection that waits for a next request; returns how many.

        One that was opened and not asked yet stays: its request may be on its way, and be lost by our doing.
        """
        return self._call(self._drop(_kept, rst=rst))

    def stop(self) -> None:
        """Close everything and end the thread; calling it twice is harmless."""
        try:
            if not self._loop.stopped:
                self._shut()
                self._drop_all()
        finally:
            self._loop.stop()
            close_all(self._held)
            self._held = []

    def _drop_all(self) -> None:
        self._call(self._drop(_any, rst=False))

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.call(work, within_s=CALL_WITHIN_S, what=f"a change of the origin on port {self.port}")

    def _shut(self) -> None:
        self._call(self._stop_listening())
        if self._full is not None:
            self._full.close()
            self._full = None

    async def _stop_listening(self) -> None:
        for listener in self._listeners:
            asyncio.get_running_loop().remove_reader(listener)
        close_all(self._listeners)
        self._listeners = []

    async def _listen(self) -> None:
        for held in self._held:
            listener = bound(held.getsockname()[0], self.port)
            self._listeners.append(listener)
            for option, size in self._buffers.items():
                if size is not None:
                    listener.setsockopt(socket.SOL_SOCKET, option, size)
            listener.setblocking(False)
            listener.listen(BACKLOG)
            # Not sock_accept: a task cancelled just then would lose a connection it has accepted.
            asyncio.get_running_loop().add_reader(listener, self._accept, listener)

    def _accept(self, listener: socket.socket) -> None:
        try:
            while True:
                sock, _ = listener.accept()
                self._serve(sock)
        except BlockingIOError:
            return
        except OSError as exc:
            if exc.errno not in GONE_BEFORE_ACCEPT:
                self._failures.append(f"accept: {exc}")

    def _serve(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            conversation = Conversation(sock, self._script, self._recording)
        except OSError:  # the peer reset it already, so it has no name
            sock.close()
            return
        task = asyncio.create_task(conversation.run())
        self._serving[task] = conversation
        task.add_done_callback(functools.partial(self._served, sock))

    def _served(self, sock: socket.socket, task: asyncio.Task[None]) -> None:
        sock.close()  # only a task that was cancelled before it began has left it open
        del self._serving[task]
        if not task.cancelled() and task.exception() is not None:
            self._failures.append(repr(task.exception()))

    async def _drop(self, which: Callable[[Conversation], bool], *, rst: bool) -> int:
        chosen = [task for task, conversation in self._serving.items() if which(conversation)]
        for task in chosen:
            self._serving[task].reset_on_stop = rst
        await _end(chosen)
        return len(chosen)


def _any(_: Conversation) -> bool:
    return True


def _busy(conversation: Conversation) -> bool:
    return not conversation.idle


def _kept(conversation: Conversation) -> bool:
    return conversation.kept


class _Script:
    """The two scripts of an origin, and which one a target takes (`conversation.Director`)."""

    def __init__(self, health_path: str) -> None:
        self._health_path = health_path
        self.default()

    def default(self) -> None:
        self.route = Script([replies.echo()])
        self.health = Script([replies.healthy()])

    def is_probe(self, target: str) -> bool:
        return target.partition("?")[0] == self._health_path

    def at_accept(self) -> Behaviour | None:
        return self.route.take_at_accept()

    def for_request(self, is_probe: bool, key: str | None) -> Behaviour:
        return (self.health if is_probe else self.route).take(key)


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
