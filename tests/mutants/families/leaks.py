"""Mistakes about what is left behind when a client leaves, or something breaks."""

from __future__ import annotations

import asyncio
from typing import Any
from weakref import WeakKeyDictionary

from uvicorn.protocols.http.flow_control import FlowControl

from proxy_under_test.body import Body, ClientGone
from proxy_under_test.causes import Cause, UpstreamFailure
from proxy_under_test.forward import Exchange, Forwarder
from proxy_under_test.transport import Incoming, Outgoing
from proxy_under_test.transport.connection import Connection
from proxy_under_test.transport.pool import Pool
from tests.mutants.mutant import mutant
from tests.mutants.seams import Change, around


@mutant("client-leaves-waiting client-leaves-downloading")
def upstream_goes_on_when_the_client_leaves() -> None:
    """The upstream request is not cancelled with the client's, and the backend works for nobody."""

    @around(Forwarder, "_serve")
    async def _(serve: Change, self: Forwarder, exchange: Exchange, receive: Any) -> None:
        await asyncio.shield(asyncio.ensure_future(serve(self, exchange, receive)))


@mutant("client-leaves-uploading")
def left_uploads_sent_as_whole() -> None:
    """Bodies are collected before they are sent on, and what came of one whose client has left is sent, too."""

    @around(Forwarder, "_serve")
    async def _(serve: Change, self: Forwarder, exchange: Exchange, receive: Any) -> None:
        await asyncio.shield(asyncio.ensure_future(serve(self, exchange, receive)))

    @around(Body, "prefetch")
    async def _(_: Change, self: Body) -> None:
        try:
            while not self.complete:
                await self._next()
        except ClientGone:
            self.complete = True


@mutant("client-aborts")
def connections_left_open() -> None:
    """A connection whose exchange was cancelled is neither kept nor closed."""
    left: list[Connection] = []

    @around(Pool, "take_back")
    async def _(take_back: Change, self: Pool, connection: Connection) -> None:
        if connection.head_done or connection.lost or connection._failure is not None:
            await take_back(self, connection)
            return
        left.append(connection)


@mutant("client-aborts overload-heals")
def slots_kept_by_failures() -> None:
    """Requests under way are counted, to refuse too many, and only one that was answered is counted off again."""
    under_way: WeakKeyDictionary[Pool, int] = WeakKeyDictionary()

    @around(Pool, "send")
    async def _(send: Change, self: Pool, request: Outgoing) -> Incoming:
        if under_way.setdefault(self, 0) >= self._bounds.connections:
            raise UpstreamFailure(Cause.NO_CONNECTION_FREE)
        under_way[self] += 1
        response: Incoming = await send(self, request)
        under_way[self] -= 1
        return response


@mutant("client-slow-reader")
def no_back_pressure() -> None:
    """What the client does not take is kept for it, without bound."""

    @around(FlowControl, "drain")
    async def _(_: Change, self: FlowControl) -> None:
        return


@mutant("retry-large-body limit-memory forward-large-body")
def bodies_kept_for_the_log() -> None:
    """A request's body is collected while it passes, so that the log can show it should the request fail."""
    kept: WeakKeyDictionary[Body, list[bytes]] = WeakKeyDictionary()

    @around(Body, "_next")
    async def _(read: Change, self: Body) -> bytes:
        chunk: bytes = await read(self)
        kept.setdefault(self, []).append(chunk)
        return chunk


@mutant("recovery-thousand-faults")
def every_failure_kept() -> None:
    """Failures are kept for a page of the latest ones, with their frames, and none is ever dropped."""
    latest: list[BaseException] = []

    @around(Forwarder, "_answer")
    async def _(answer: Change, self: Forwarder, exchange: Exchange, failure: BaseException) -> None:
        latest.append(failure)
        await answer(self, exchange, failure)


@mutant("overload-refused")
def requests_wait_for_a_connection() -> None:
    """With every connection in use a request waits for one, as long as it lives, instead of being refused."""

    slots: WeakKeyDictionary[Pool, asyncio.Semaphore] = WeakKeyDictionary()

    @around(Pool, "_connect")
    async def _(connect: Change, self: Pool) -> Connection:
        slot = slots.setdefault(self, asyncio.Semaphore(self._bounds.connections))
        await slot.acquire()
        try:
            connection: Connection = await connect(self)
        except BaseException:
            slot.release()
            raise
        return connection

    @around(Pool, "forget")
    def _(forget: Change, self: Pool, connection: Connection) -> None:
        forget(self, connection)
        slots[self].release()
