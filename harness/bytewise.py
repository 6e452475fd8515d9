"""Requests as bytes, for what no client library sends: malformed, half, slow, or many at once.

Law: what is sent is exactly what the scenario writes; only the route's base, Host and the request key are added.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress

from harness.clock import poll_until
from harness.errors import HarnessError, NotPromised
from harness.target.running import RunningTarget
from harness.traffic.crowd import room_for
from harness.traffic.raw import RawConnection, RawExchange
from harness.traffic.raw_reply import RawReply
from harness.traffic.recording import KEY_HEADER

BETWEEN_S = 0.02  # wall seconds; forwarding a head takes one or two milliseconds
ANSWER_S = 5.0  # wall seconds for an answer that needs no waiting; only a broken proxy takes them
BEHIND_S = 0.1  # wall seconds in which what stood behind an answer and was passed on is surely here


class Bytewise:
    """Raw requests to ``target``; paths are below the proxy's base."""

    target: RunningTarget

    @property
    def authority(self) -> str:
        """HOST:PORT of the proxy, for a Host field."""
        return self.target.url.removeprefix("http://")

    def path(self, path: str) -> str:
        """The request target of ``path`` below the base."""
        return self.target.file.routes.base + path

    def line(self, method: str, target: str, *fields: str, version: str = "1.1") -> bytes:
        """A request head with nothing but these; text is Latin-1."""
        return "\r\n".join([f"{method} {target} HTTP/{version}", *fields, "", ""]).encode("latin-1")

    def head(self, method: str = "GET", path: str = "/items", *fields: str, key: str = "") -> bytes:
        """A request head with Host, and the request key where one is given."""
        keyed = [f"{KEY_HEADER}: {key}"] if key else []
        return self.line(method, self.path(path), f"Host: {self.authority}", *keyed, *fields)

    def dial(self, *, within_s: float = ANSWER_S, receive_buffer: int | None = None) -> RawConnection:
        """A connection to the proxy, to be used with ``with``."""
        return RawConnection(self.target.host, self.target.port, within_s=within_s, receive_buffer=receive_buffer)

    @contextmanager
    def kept(self, *, within_s: float = ANSWER_S) -> Iterator[RawConnection]:
        """A connection on which a request was served.  NotPromised when the proxy does not keep it for another."""
        with self.dial(within_s=within_s) as connection:
            connection.send(self.head())
            came = answers(connection)
            if not came or says_last(came[0]):
                raise NotPromised("the proxy does not keep a connection for another request")
            yield connection

    def tell(self, data: bytes, *, within_s: float = ANSWER_S) -> RawExchange:
        """Send ``data`` and wait for a whole answer, or the end of the connection."""
        with self.dial(within_s=within_s) as connection:
            connection.send(data)
            answered(connection)
            return connection.exchange()

    def provoke(
        self, *pieces: bytes, count: int = 1, within_s: float = ANSWER_S, closed: bool = False, last: bool = False
    ) -> RawExchange:
        """Send ``pieces``; the first ``count`` answers, and whether the connection ends where it is to.

        It is to where an answer says so, after an error that is to be ``closed``, and after what is the ``last``.
        Between two pieces the proxy has `BETWEEN_S`, so that it has acted on the one when the next comes.
        """
        with self.dial(within_s=within_s) as connection:
            connection.send(pieces[0])
            for piece in pieces[1:]:
                connection.listen(BETWEEN_S)
                connection.send(piece)
            came = answers(connection, count)
            if last or any(says_last(reply) or (closed and reply.status >= 400) for reply in came):
                connection.read()
            return connection.exchange()

    def converse(self, heads: Sequence[bytes]) -> list[RawReply]:
        """Send GETs all at once on one connection; their whole answers in order, as far as they came.

        Those behind an answer that says that it is the last are sent again, on another (RFC 9112 section 9.3.2).
        """
        came: list[RawReply] = []
        while len(came) < len(heads):
            with self.dial() as connection:
                connection.send(b"".join(heads[len(came) :]))
                more = answers(connection, len(heads) - len(came))
            came += more
            if not more or not says_last(more[-1]):
                break
        return came

    def in_turn(self, first: bytes, second: bytes, between: Callable[[], object]) -> RawExchange:
        """Send ``first``, and ``second`` after the answer to it and ``between``; everything that came.

        Neither has a body.  After each answer there are `BEHIND_S` for what may come behind it; where the proxy ends
        the connection with the first answer the second request is not sent.
        """
        methods = [head.partition(b" ")[0].decode("ascii") for head in (first, second)]
        with self.dial(within_s=2 * ANSWER_S) as connection:
            for count, head in enumerate((first, second), 1):
                connection.send(head)
                while connection.end == "open" and len(_finished(connection.exchange().replies(*methods))) < count:
                    connection.read(at_least=len(connection.received) + 1)
                if count == 1:
                    between()
                connection.listen(BEHIND_S)
            return connection.exchange()

    def comes_to_refuse(self, within_s: float) -> bool:
        """Whether the proxy takes no new connection any more, at the latest ``within_s`` wall seconds from now."""

        def refuses() -> bool:
            with self.dial() as connection:
                return connection.end == "refused"

        with suppress(HarnessError):
            return poll_until(refuses, within_s=within_s, what="the proxy to refuse")
        return False

    def comes_to_an_end(self, within_s: float) -> int | None:
        """The proxy's exit code; None when it has not ended after ``within_s`` wall seconds."""
        with suppress(HarnessError):
            return self.target.process.wait(within_s)
        return None

    @contextmanager
    def crowd(self, count: int, *, within_s: float = 60.0) -> Iterator[list[RawConnection]]:
        """``count`` connections to the proxy at once.  HarnessError when the system does not allow us so many."""
        room_for(count)
        with ExitStack() as stack:
            yield [stack.enter_context(self.dial(within_s=within_s)) for _ in range(count)]


def _finished(replies: Sequence[RawReply]) -> list[RawReply]:
    """The whole answers; interim ones are none."""
    return [reply for reply in replies if reply.complete and reply.status >= 200]


def answered(connection: RawConnection) -> int | None:
    """Read until a whole answer is there; its status, None when the connection ended without one."""
    return next((reply.status for reply in answers(connection)), None)


def answers(connection: RawConnection, count: int = 1) -> list[RawReply]:
    """Read until ``count`` whole answers are there, one that says it is the last, or the end; those that came."""
    while True:
        came = _finished(connection.exchange().replies())
        if len(came) >= count or (came and says_last(came[-1])) or connection.end != "open":
            return came
        connection.read(at_least=len(connection.received) + 1)


def says_last(reply: RawReply) -> bool:
    """Whether an answer says that its connection ends with it (RFC 9112 section 9.6)."""
    options = ",".join(reply.headers.get_all("connection")).split(",")
    return "close" in {option.strip().lower() for option in options}
