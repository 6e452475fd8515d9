"""A raw client: exactly these bytes out, all bytes in, and every way of being a bad client.

For what httpx refuses to send: malformed heads, HTTP/1.0, absolute-form targets, pipelining, slow and leaving ones.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from harness.clock import now
from harness.errors import HarnessError
from harness.traffic.raw_reply import RawReply, replies_in
from harness.traffic.readiness import ready
from harness.traffic.wire import RESET_ON_CLOSE

RawEnd = Literal["open", "fin", "reset", "refused", "timeout"]

PIECE = 1 << 16
WITHIN_S = 10.0


@dataclass(frozen=True)
class RawExchange:
    """What a raw connection sent and received; every time is `harness.clock.now()`, in wall seconds."""

    started: float
    ended: float
    sent: int  # bytes taken by the kernel
    received: bytes
    pieces: tuple[tuple[float, int], ...]  # when how many bytes came
    end: RawEnd  # what the peer did last; "open" while the connection stands

    def replies(self, *methods: str) -> list[RawReply]:
        """The answers received, the nth to the nth of ``methods`` (GET where not given)."""
        return replies_in(self.received, methods, closed=self.end == "fin")

    @property
    def reply(self) -> RawReply | None:
        """The first answer, interim ones aside."""
        return next((reply for reply in self.replies() if reply.status >= 200), None)

    @property
    def outcome_at(self) -> float:
        """When the last byte of an answer came, or the end of a connection that had none.

        A proxy that refuses a body may go on reading it for a while, so that its answer arrives (RFC 9112, 9.6).
        """
        return self.pieces[-1][0] if self.reply else self.ended


class RawConnection:
    """One connection to ``host``:``port``; a context manager that leaves with FIN.

    Every method ends within ``within_s`` wall seconds of the connection's start, in all; then `end` is "timeout".
    What the peer does is never raised.  ``receive_buffer`` (bytes, SO_RCVBUF) makes a slow reader felt at once.
    """

    def __init__(
        self, host: str, port: int, *, within_s: float = WITHIN_S, receive_buffer: int | None = None
    ) -> None:
        self.started = now()
        self.end: RawEnd = "open"
        self.sent = 0
        self._deadline = self.started + within_s
        self._received = bytearray()
        self._pieces: list[tuple[float, int]] = []
        self._sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        if receive_buffer is not None:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._sock.settimeout(within_s)
        try:
            self._sock.connect((host, port))
        except ConnectionRefusedError:
            self.end = "refused"
        except ConnectionResetError:
            self.end = "reset"
        except TimeoutError:
            self.end = "timeout"
        except OSError as exc:
            self._sock.close()
            raise HarnessError(f"cannot connect to {host}:{port}: {exc}") from exc
        self._sock.setblocking(False)

    def __enter__(self) -> RawConnection:
        return self

    def __exit__(self, *_: object) -> None:
        self._sock.close()

    @property
    def received(self) -> bytes:
        """All bytes that came so far."""
        return bytes(self._received)

    def send(self, data: bytes) -> None:
        """Send ``data``, taking in what the peer says meanwhile, so that neither side blocks the other."""
        view = memoryview(data)
        while view and self.end == "open":
            _, writable = self._wait(for_writing=True)
            if writable:
                view = view[self._send_some(view) :]

    def trickle(self, data: bytes, every_s: float, piece: int = 1) -> None:
        """Send ``data``, ``piece`` bytes every ``every_s`` wall seconds; stops when the peer ends the connection."""
        for start in range(0, len(data), piece):
            self.send(data[start : start + piece])
            self.listen(every_s)

    def listen(self, for_s: float) -> None:
        """Take in what comes in the next ``for_s`` wall seconds (0: what is there), or until the peer ends it."""
        until = min(self._deadline, now() + for_s)
        while self.end == "open":
            left = until - now()
            readable, _ = ready(self._sock, left, reading=True)
            if readable:
                self._take(PIECE)
            if left <= 0:
                return

    def read(self, at_least: int | None = None, until: bytes | None = None) -> bytes:
        """Take in bytes until there are ``at_least`` so many, or ``until`` is among them, or the connection ends."""
        while self.end == "open" and not self._enough(at_least, until):
            self._wait(for_writing=False)
        return self.received

    def read_slowly(self, piece: int, every_s: float, at_most: int | None = None) -> bytes:
        """Take ``piece`` bytes every ``every_s`` wall seconds until the end, or ``at_most`` bytes in all."""
        for _ in self._ticks(every_s):
            self._take(piece)
            if at_most is not None and len(self._received) >= at_most:
                break
        return self.received

    def finish(self) -> None:
        """Send FIN and go on reading (a half-close)."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)

    def leave(self) -> RawExchange:
        """Close in order."""
        self._sock.close()
        return self.exchange()

    def abort(self) -> RawExchange:
        """Close with RST."""
        with contextlib.suppress(OSError):
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        return self.leave()

    def exchange(self) -> RawExchange:
        """What happened so far."""
        return RawExchange(self.started, now(), self.sent, self.received, tuple(self._pieces), self.end)

    def _enough(self, at_least: int | None, until: bytes | None) -> bool:
        if at_least is not None and len(self._received) >= at_least:
            return True
        return until is not None and until in self._received

    def _wait(self, *, for_writing: bool) -> tuple[bool, bool]:
        """Wait for readiness, taking in what came; (whether something came, whether one can write)."""
        left = self._deadline - now()
        if left <= 0:
            self.end = "timeout"
            return False, False
        readable, writable = ready(self._sock, left, reading=True, writing=for_writing)
        if readable:
            self._take(PIECE)
        return readable, writable

    def _ticks(self, every_s: float) -> Iterator[None]:
        while self.end == "open":
            yield
            if now() + every_s >= self._deadline:
                self.end = "timeout"
                return
            # Data is not waited for on purpose: what is in the kernel is to stay there until the next tick.
            ready(self._sock, every_s)

    def _send_some(self, view: memoryview) -> int:
        try:
            sent = self._sock.send(view)
        except BlockingIOError:
            return 0
        except OSError:
            self.end = "reset"
            return 0
        self.sent += sent
        return sent

    def _take(self, most: int) -> None:
        try:
            data = self._sock.recv(most)
        except BlockingIOError:
            return
        except OSError:
            self.end = "reset"
            return
        if not data:
            self.end = "fin"
            return
        self._received += data
        self._pieces.append((now(), len(data)))


def send(host: str, port: int, data: bytes, *, within_s: float = WITHIN_S, finish: bool = False) -> RawExchange:
    """Send exactly ``data`` and take in everything until the peer ends the connection or ``within_s`` is over.

    With ``finish`` a FIN follows the data.  A peer that keeps the connection makes the end "timeout".
    """
    with RawConnection(host, port, within_s=within_s) as connection:
        connection.send(data)
        if finish:
            connection.finish()
        connection.read()
        return connection.exchange()


def ask(
    host: str, port: int, data: bytes, *, methods: Sequence[str] = ("GET",), within_s: float = WITHIN_S
) -> RawExchange:
    """Send exactly ``data`` and take in bytes until each of ``methods`` has its final answer, or the end comes."""
    with RawConnection(host, port, within_s=within_s) as connection:
        connection.send(data)
        while connection.end == "open":
            whole = [one for one in connection.exchange().replies(*methods) if one.complete and one.status >= 200]
            if len(whole) >= len(methods):
                break
            connection.read(at_least=len(connection.received) + 1)
        return connection.exchange()
