"""One connection from accept to close: read a request, take a behaviour, play it, note what happened."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import Any, Protocol

from harness.clock import now
from harness.traffic.recording import KEY_HEADER, Attempt, Recording
from harness.traffic.request import BodyReader, Cut, Head, MalformedRequest, Tally, parse_head, read_head
from harness.traffic.steps import Behaviour, Fin, Say
from harness.traffic.wire import PeerGone, Wire

BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


MALFORMED = "malformed request"  # how the outcome of an attempt begins that the origin itself refused


def refused(why: MalformedRequest) -> Behaviour:
    """What a peer gets that broke the rules of HTTP, whatever was scripted."""
    return Behaviour(f"{MALFORMED}: {why}", (Say(BAD_REQUEST), Fin()))


class Director(Protocol):
    """Says what happens to the next attempt."""

    @property
    def route(self) -> object:
        """The script of the route; another object when it was told anew."""

    def is_probe(self, target: str) -> bool:
        """Whether ``target`` is the health path."""

    def at_accept(self) -> Behaviour | None:
        """What to play before anything is read, if that is what comes next."""

    def for_request(self, is_probe: bool, key: str | None) -> Behaviour:
        """What to play for a request."""


class Playing:
    """One attempt being answered; what a step may touch (`steps.Stage`)."""

    def __init__(self, wire: Wire, head: Head | None) -> None:
        self.wire = wire
        self.head = head
        self.tally = Tally()
        self.next_on_connection: Behaviour | None = None
        self.body = None if head is None else BodyReader(head, wire)
        self._told: tuple[int, bool] | None = None

    def news(self) -> dict[str, Any]:
        """What came of the request since the last time, as fields of an `Attempt`."""
        complete = self.body is not None and self.body.ended
        if self._told == (self.tally.length, complete):
            return {}
        self._told = (self.tally.length, complete)
        return {
            "body": self.tally.body,
            "body_sha256": self.tally.sha256,
            "body_length": self.tally.length,
            "complete": complete,
            "trailers": [] if self.body is None else self.body.trailers,
        }

    async def read_body(self, piece: int, every_s: float, at_most: int | None) -> None:
        """Read (more of) the request body; raises Cut when it ends early."""
        body = self.body
        while body is not None and not body.ended:
            room = piece if at_most is None else min(piece, at_most - self.tally.length)
            if room <= 0:
                return
            self.tally.add(await body.next(room))
            if every_s and not body.ended:
                await self.wire.gone(every_s)


class Conversation:
    """Serves one accepted connection; `idle` while it waits for the first byte of a request."""

    def __init__(self, sock: socket.socket, director: Director, recording: Recording) -> None:
        self._sock = sock
        self._director = director
        self._recording = recording
        self.number = recording.opened(now(), sock.getpeername()[:2])
        self._requests = 0
        self._next: Behaviour | None = None
        self._next_of: object = None  # the route's script that said so; another one knows nothing of it
        self.idle = False
        self.reset_on_stop = False

    @property
    def kept(self) -> bool:
        """Whether it was asked before and waits for a next request; one just opened, to be asked at once, is not."""
        return self.idle and self._requests > 0

    @property
    def bytes_sent(self) -> int:
        """Bytes handed to the kernel so far."""
        wire: Wire | None = getattr(self, "_wire", None)  # None until it runs
        return wire.bytes_sent if wire is not None else 0

    async def run(self) -> None:
        """Serve until either side closes; cancelling it closes with FIN, or RST if `reset_on_stop`."""
        self._wire = Wire(self._sock)
        try:
            await self._serve()
        except (Cut, PeerGone):
            pass  # the peer left, which its record says
        finally:
            await (self._wire.rst() if self.reset_on_stop else self._wire.fin())
            self._note()

    async def _serve(self) -> None:
        behaviour = self._director.at_accept()
        if behaviour is not None:
            await self._play(Playing(self._wire, None), behaviour, self._unread_attempt())
        while self._wire.closed_at is None:
            self._note()
            await self._serve_one()

    async def _serve_one(self) -> None:
        try:
            head = parse_head(await self._next_head())
            playing = Playing(self._wire, head)
        except MalformedRequest as exc:
            await self._play(Playing(self._wire, None), refused(exc), self._unread_attempt())
            return
        await self._answer(head, playing)
        if self._wire.closed_at is None and not head.keeps_alive():
            await self._wire.fin()

    async def _next_head(self) -> bytes:
        self.idle = True
        await self._wire.more(0)
        self.idle = False
        self._requests += 1
        self._note()
        try:
            return await read_head(self._wire)
        except Cut:
            self._recording.attempted(replace(self._unread_attempt(), outcome="half a request head", ended_at=now()))
            raise

    async def _answer(self, head: Head, playing: Playing) -> None:
        keys = head.all(KEY_HEADER.encode())
        key = keys[0].decode("latin-1") if keys else None
        is_probe = self._director.is_probe(head.target)
        told = self._director.route
        behaviour = (self._next if self._next_of is told else None) or self._director.for_request(is_probe, key)
        attempt = Attempt(key, now(), head.method, head.target, head.headers, self.number, is_probe, head.raw)
        await self._play(playing, behaviour, attempt)
        self._next, self._next_of = playing.next_on_connection, told

    async def _play(self, playing: Playing, behaviour: Behaviour, attempt: Attempt) -> None:
        number = self._recording.attempted(replace(attempt, outcome=behaviour.name))
        before = self._wire.bytes_sent
        try:
            for step in behaviour.steps:
                # Before the step: once a client has seen its answer, the record says all that led to it.
                self._recording.attempt_is(number, **playing.news())
                await step(playing)
            if self._wire.closed_at is None:
                # What a behaviour left unread would be taken for the next request.
                await playing.read_body(1 << 16, 0.0, None)
        except MalformedRequest as exc:
            self._recording.attempt_is(number, outcome=refused(exc).name)
            for step in refused(exc).steps:
                await step(playing)
        finally:
            self._recording.attempt_is(
                number,
                **playing.news(),
                bytes_sent=self._wire.bytes_sent - before,
                ended_at=now(),
                closed_by_peer_at=self._wire.peer_closed_at,
            )

    def _unread_attempt(self) -> Attempt:
        return Attempt(None, now(), "", "", [], self.number)

    def _note(self) -> None:
        self._recording.connection_is(
            self.number,
            requests=self._requests,
            bytes_sent=self._wire.bytes_sent,
            closed_by_peer_at=self._wire.peer_closed_at,
            reset_by_peer=self._wire.reset_by_peer,
            closed_at=self._wire.closed_at,
        )
