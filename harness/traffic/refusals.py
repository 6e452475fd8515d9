"""Refused connects, counted from outside the process that made them.

Nobody accepts a refused connect, so no origin can count it; the kernel can.  When the client closes the socket of a
connect that was refused, the kernel announces it, and says that one segment (the RST) came in and nothing was ever
acknowledged; a connect that was answered has its SYN acknowledged, one that was not answered received nothing.

Limits: Linux only, and the network namespace of the harness only (not a proxy in a container).  The time is when the
client closed its socket, which every client tried does at once.  A *blocking* connect forgets its destination when it
fails: it is not in `times` but in `unattributed`.  (asyncio, uvloop, libuv, Go and nginx connect without blocking.)
"""

from __future__ import annotations

import contextlib
import errno
import functools
import socket
import threading

from harness.clock import now, poll_until
from harness.errors import FaultNotWitnessed, HarnessError
from harness.traffic import sock_diag
from harness.traffic.ports import bound
from harness.traffic.readiness import ready

PROBE_WITHIN_S = 1.0
WAKE_EVERY_S = 0.02
NOWHERE = bytes(sock_diag.ADDRESS)


class Refusals:
    """Counts the refused connects to ``port`` from `start` (or entering) to `stop` (or leaving)."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._seen: list[tuple[float, int]] = []  # when, and the port the connect came from
        self._ours: set[int] = set()
        self._unattributed: list[float] = []
        self._lost: str | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._read, name=f"refusals-{port}", daemon=True)
        self._sock: socket.socket | None = None

    @staticmethod
    def available() -> bool:
        """Whether refusals can be counted here: a refused connect is made and must be seen (once per process)."""
        return _available()

    def __enter__(self) -> Refusals:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> Refusals:
        """Begin to count; raises HarnessError where the system has no such announcements."""
        try:
            self._sock = sock_diag.listen(self.port)
        except OSError as exc:
            raise HarnessError(f"refused connects cannot be counted here: {exc}") from exc
        self._sock.setblocking(False)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Count no more; what was counted can still be asked for."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._sock is not None:
            self._sock.close()

    def times(self) -> list[float]:
        """When a connect was refused, in order (`harness.clock.now()`); HarnessError when announcements were lost."""
        self._check()
        return [at for at, source in list(self._seen) if source not in self._ours]

    def unattributed(self) -> list[float]:
        """When a blocking connect to somewhere failed; where to is not known.  Raises like `times`."""
        self._check()
        return list(self._unattributed)

    def wait_for(self, count: int, *, within_s: float) -> list[float]:
        """The times once there are ``count``; raises HarnessError when there are not within so many wall seconds."""
        poll_until(lambda: len(self.times()) >= count, within_s=within_s, what=f"{count} refused connects")
        return self.times()

    def prove(self, host: str = "127.0.0.1") -> None:
        """Make a connect of our own that must be refused, and wait until it is announced; it is not counted.

        Whatever was refused before it has been announced by then, too.  Raises HarnessError when the connect was not
        refused, or was not announced.
        """
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as ours:
            ours.settimeout(PROBE_WITHIN_S)
            ours.bind((host, 0))
            source: int = ours.getsockname()[1]
            self._ours.add(source)
            outcome = ours.connect_ex((host, self.port))
        if outcome != errno.ECONNREFUSED:
            met = errno.errorcode.get(outcome, "an open port")
            raise FaultNotWitnessed(f"{host}:{self.port} was to refuse connections; a connect of our own met {met}")
        announced = f"the refusal of our own connect to {host}:{self.port} to be announced"
        poll_until(lambda: any(port == source for _, port in self._seen), within_s=PROBE_WITHIN_S, what=announced)

    def _check(self) -> None:
        if self._lost is not None:
            raise HarnessError(f"refused connects to port {self.port} were not all counted: {self._lost}")

    def _read(self) -> None:
        while not self._stopped.is_set():
            self._drain(WAKE_EVERY_S)
        self._drain(0.0)

    def _drain(self, within_s: float) -> None:
        sock = self._sock
        if sock is None or not ready(sock, within_s, reading=True)[0]:
            return
        with contextlib.suppress(BlockingIOError):
            while True:
                self._take(sock)

    def _take(self, sock: socket.socket) -> None:
        try:
            message = sock.recv(1 << 16)
        except BlockingIOError:
            raise
        except OSError as exc:
            self._lost = errno.errorcode.get(exc.errno or 0, str(exc))
            return
        socket_gone = sock_diag.parse(message)
        if socket_gone is not None:
            self._count(socket_gone)

    def _count(self, gone: sock_diag.Destroyed) -> None:
        if gone.destination_port == self.port and gone.bytes_acked == 0 and gone.segments_in > 0:
            self._seen.append((now(), gone.source_port))
        elif gone.destination_port == 0 and gone.destination != NOWHERE and gone.source == NOWHERE:
            self._unattributed.append(now())


@functools.cache
def _available() -> bool:
    with bound("127.0.0.1", 0) as held:
        port: int = held.getsockname()[1]
        try:
            with Refusals(port) as refusals:
                _refused_connect(port)
                refusals.wait_for(1, within_s=PROBE_WITHIN_S)
        except HarnessError:
            return False
    return True


def _refused_connect(port: int) -> None:
    with socket.socket() as client:
        client.settimeout(PROBE_WITHIN_S)  # which makes it a connect that does not block in the kernel
        with contextlib.suppress(ConnectionRefusedError):
            client.connect(("127.0.0.1", port))
