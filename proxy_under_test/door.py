"""The outermost layer: refuses what is not to be acted on, answers preflights, and sends the rest to its place.

Law: a refusal has the same envelope, identity and CORS headers as any other error, and is logged once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from proxy_under_test import frontdoor, headers
from proxy_under_test.body import Receive
from proxy_under_test.causes import Cause, Refusal
from proxy_under_test.errors import Circumstances
from proxy_under_test.forward import Arrival, Forwarder
from proxy_under_test.frontdoor import Limits
from proxy_under_test.record import Record
from proxy_under_test.reply import Reply, Send, common_headers
from proxy_under_test.target import BASE

Scope = dict[str, Any]
App = Callable[[Any, Any, Any], Awaitable[None]]

TARGET = "errorpath.target"  # the request target as it was received; ASGI's path has lost its exact bytes


class Door:
    """In front of the forwarder (proxied paths) and of ``inner`` (our own)."""

    def __init__(self, inner: App, forwarder: Forwarder, limits: Limits) -> None:
        self._inner = inner
        self._forwarder = forwarder
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the application's lifespan."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        target: bytes = scope.get(TARGET) or _target_of(scope)
        fields: list[headers.Header] = scope["headers"]
        method: str = scope["method"]
        try:
            found = self._admit(method, target, scope["http_version"], fields)
        except Refusal as refusal:
            await self.refuse(scope, send, refusal)
            return
        if method == "OPTIONS" and b"origin" in found and b"access-control-request-method" in found:
            await self._preflight(scope, send, found)
        elif target.startswith(BASE):
            client = scope["client"][0] if scope["client"] else ""
            await self._forwarder(Arrival(method, target, fields, found, client), receive, send)
        else:
            await self._inner(scope, receive, send)

    def _admit(self, method: str, target: bytes, version: str, fields: list[headers.Header]) -> dict[bytes, bytes]:
        frontdoor.check_size(target, fields, self._limits)
        found = frontdoor.index(fields)
        frontdoor.check_head(method, target, version, found, self._limits)
        frontdoor.check_loop(found, self._forwarder.parts.identity.via)
        return found

    async def refuse(self, scope: Scope, send: Send, refusal: Refusal) -> None:
        """Answer, log and count a request that is not served."""
        parts = self._forwarder.parts
        now = asyncio.get_running_loop().time()
        first = dict(reversed(scope["headers"]))
        request_id = headers.request_id(first.get(b"x-request-id"))
        target: bytes = scope.get(TARGET) or _target_of(scope)
        path, _, query = target.partition(b"?")
        record = Record(
            scope["method"], path.decode("latin-1"), query.decode("latin-1"), request_id.decode("ascii"), now
        )
        record.client = scope["client"][0] if scope["client"] else ""
        record.cause, record.detail = refusal.cause, str(refusal)
        parts.journal.started(record)
        answer = parts.answers[refusal.cause]
        reply = Reply(send, common_headers(request_id, parts.cors.headers(first.get(b"origin"))))
        about = Circumstances(0.0, parts.timing.request_timeout_s * 1000)
        try:
            await reply.error(parts.writer, answer, about)
        finally:
            record.status, record.bytes_out = answer.status, reply.bytes_out
            parts.journal.finished(record, asyncio.get_running_loop().time())

    async def _preflight(self, scope: Scope, send: Send, found: dict[bytes, bytes]) -> None:
        cors = self._forwarder.parts.cors
        origin = found[b"origin"]
        if not cors.allows(origin):
            await self.refuse(scope, send, Refusal(Cause.ORIGIN_NOT_ALLOWED))
            return
        answer = cors.preflight(origin, found.get(b"access-control-request-headers"))
        reply = Reply(send, common_headers(headers.request_id(found.get(b"x-request-id")), answer))
        await reply.start(204, [])
        await reply.body(b"", more=False)


def _target_of(scope: Scope) -> bytes:
    """The target under a server that does not hand it over; an empty query is lost there."""
    path: bytes = scope.get("raw_path") or scope["path"].encode("latin-1")
    query: bytes = scope.get("query_string", b"")
    return path + b"?" + query if query else path
