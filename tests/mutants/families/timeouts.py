"""Mistakes about time: limits that are too short, too long, forgotten, or that leave the upstream at work."""

from __future__ import annotations

import time
from contextvars import ContextVar
from typing import Any
from weakref import WeakKeyDictionary

import proxy_under_test.__main__ as program
from proxy_under_test.causes import Cause
from proxy_under_test.deadlines import Deadline
from proxy_under_test.errors import ANSWERS
from proxy_under_test.forward import Exchange, Forwarder, Parts
from proxy_under_test.settings import Settings
from proxy_under_test.transport.connection import Connection
from proxy_under_test.transport.pool import Pool
from tests.mutants.mutant import mutant
from tests.mutants.seams import Change, answering, around, parts, replace, settings


@mutant("timeout-silent client-slow-upload")
def no_deadline() -> None:
    """REQUEST_TIMEOUT is read and nothing is done with it."""
    replace(Deadline, "expire", lambda _: None)


def _renew(deadline: Deadline) -> None:
    deadlines = deadline._deadlines
    deadlines.end(deadline)
    deadline.at = deadlines.loop.time() + deadlines.timeout_s
    deadlines.begin(deadline)


@mutant("timeout-trickle timeout-body-stall")
def every_byte_renews_the_deadline() -> None:
    """The timeout is the socket's, for the time between two bytes, and not for the whole request."""
    current: ContextVar[Deadline] = ContextVar("current")
    of: WeakKeyDictionary[Connection, Deadline] = WeakKeyDictionary()

    @around(Forwarder, "_serve")
    async def _(serve: Change, self: Forwarder, exchange: Exchange, receive: Any) -> None:
        current.set(exchange.deadline)
        await serve(self, exchange, receive)

    @around(Connection, "begin")
    def _(begin: Change, self: Connection, *args: Any) -> None:
        begin(self, *args)
        if deadline := current.get(None):
            of[self] = deadline

    @around(Connection, "data_received")
    def _(received: Change, self: Connection, data: bytes) -> None:
        if self._attempt is not None and self in of:
            _renew(of[self])
        received(self, data)


@mutant("timeout-body-stall")
def deadline_ends_with_the_head() -> None:
    """The timer is stopped when the response's head has come; the body may take for ever."""

    @around(Forwarder, "_relay")
    async def _(relay: Change, self: Forwarder, exchange: Exchange, response: Any) -> None:
        self.parts.timing.deadlines.end(exchange.deadline)
        await relay(self, exchange, response)


@mutant("timeout-slow-but-fine timeout-silent timeout-setting")
def shorter_timeout_below() -> None:
    """The HTTP library's own timeout was left at its default, which is shorter than REQUEST_TIMEOUT."""

    @around(program, "load_settings")
    def _(load: Change) -> Settings:
        read: Settings = load()
        return read.model_copy(update={"request_timeout": read.request_timeout * 2 / 3})


@mutant("timeout-silent timeout-trickle error-timeout")
def timeout_answered_502() -> None:
    """A timeout is one of many exceptions, and they are all answered 502."""
    answering(Cause.DEADLINE, status=502)


@mutant("timeout-silent error-timeout")
def timeout_titled_unavailable() -> None:
    """A timeout is told as if the backend had been found down."""
    answering(Cause.DEADLINE, title=ANSWERS[Cause.UNAVAILABLE].title)


@mutant("timeout-cancels-upstream")
def upstream_goes_on_after_504() -> None:
    """The client is answered 504 and the upstream request is left to itself; the backend works for nobody."""
    abandoned: list[Connection] = []

    @around(Pool, "take_back")
    async def _(take_back: Change, self: Pool, connection: Connection) -> None:
        if connection.complete or connection.lost or connection._failure is not None:
            await take_back(self, connection)
            return
        connection._attempt = None
        abandoned.append(connection)


@mutant("timeout-late-answer")
def abandoned_connection_used_again() -> None:
    """A connection goes back to the others when its request is given up, and the late answer is the next one's."""

    @around(Pool, "take_back")
    async def _(take_back: Change, self: Pool, connection: Connection) -> None:
        transport = connection._transport
        if connection.complete or connection.lost or connection._failure is not None or transport is None:
            await take_back(self, connection)
            return
        connection._attempt = None
        transport.pause_reading()  # nobody waits for it now
        connection.idle_since = time.monotonic()
        self._idle.append(connection)

    @around(Connection, "begin")
    def _(begin: Change, self: Connection, *args: Any) -> None:
        begin(self, *args)
        if self._transport is not None and not self._transport.is_reading():
            self._transport.resume_reading()

    replace(Connection, "is_alive", lambda self: not self.lost)


@mutant("error-proxy-status")
def connect_timeout_told_as_refused() -> None:
    """Whatever goes wrong in connect() is told as refused, also that nobody answered."""

    @parts
    def _(made: Parts) -> None:
        made.answers = {**made.answers, Cause.CONNECT_TIMEOUT: made.answers[Cause.REFUSED]}


@mutant("timeout-connect")
def connect_timeout_ignored() -> None:
    """CONNECT_TIMEOUT is read and nothing is done with it: a connect has all the time that the request has."""
    settings(connect_timeout=86_400_000)
