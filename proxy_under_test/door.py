"""The outermost layer: refuses what is not to be acted on, answers preflights, and sends the rest to its place.

Law: a refusal has the same envelope, identity and CORS headers as any other error, and is logged once.  A head that
is refused for what it is (``_admit``) ends its connection: where it ends, and so what comes after it, is what was in
doubt (RFC 9112 section 11.2), and nobody reads the body that it announced.  One that is understood and refused for
what it asks for (a path, an origin, a method of our own routes) goes on.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from proxy_under_test import frontdoor
from proxy_under_test.body import Receive
from proxy_under_test.causes import Cause, Refusal
from proxy_under_test.cors import METHODS
from proxy_under_test.errors import Circumstances
from proxy_under_test.forward import Arrival, Forwarder
from proxy_under_test.frontdoor import Limits
from proxy_under_test.headers import Header, forwards_left, with_forwards
from proxy_under_test.record import Record
from proxy_under_test.reply import CLOSE, FUSED, Reply, Send, common_headers, date
from proxy_under_test.target import BASE

Scope = dict[str, Any]
Message = MutableMapping[str, Any]
App = Callable[[Any, Any, Any], Awaitable[None]]

TARGET = "errorpath.target"  # the request target as it was received; ASGI's path has lost its exact bytes
HEAD_BYTES = "errorpath.head_bytes"  # bytes received up to the end of the head, perhaps more


class Door:
    """In front of the forwarder (proxied paths) and of ``inner`` (our own)."""

    def __init__(self, inner: App, forwarder: Forwarder, limits: Limits) -> None:
        self._inner = inner
        self._forwarder = forwarder
        self._limits = limits
        self._surely_small = min(limits.target, limits.headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the application's lifespan."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        target: bytes = scope.get(TARGET) or _target_of(scope)
        method: str = scope["method"]
        try:
            found = self._admit(scope, method, target)
        except Refusal as refusal:
            await self.refuse(scope, send, refusal, last=True)
            return
        fields: list[Header] | None = scope["headers"]
        if method == "OPTIONS":
            fields = await self._options(scope, send, target, found)
        if fields is None:
            return
        if target.startswith(BASE):
            client = scope["client"][0] if scope["client"] else ""
            fused = FUSED in scope.get("extensions", ())
            arrival = Arrival(method, target, fields, found, client, fused, scope["http_version"])
            await self._forwarder(arrival, receive, send)
        else:
            await self._inner(scope, receive, self._told(found, send))

    def _admit(self, scope: Scope, method: str, target: bytes) -> dict[bytes, bytes]:
        fields: list[Header] = scope["headers"]
        # The bytes that arrived bound the size of the head; only where they could be too many are they counted.
        head_bytes = scope.get(HEAD_BYTES)
        if head_bytes is None or head_bytes > self._surely_small or len(fields) > self._limits.fields:
            frontdoor.check_size(target, fields, self._limits)
        found = frontdoor.index(fields)
        frontdoor.check_head(method, target, scope["http_version"], found, self._limits)
        if b"via" in found:
            frontdoor.check_loop(found[b"via"], self._forwarder.parts.identity.via)
        return found

    def _told(self, found: dict[bytes, bytes], send: Send) -> Send:
        """``send`` for our own routes, whose answers know nothing of identity, CORS and the time."""
        parts = self._forwarder.parts
        request_id = parts.request_ids(found.get(b"x-request-id"))
        common = [*common_headers(request_id, parts.cors.headers(found.get(b"origin"))), date()]

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start" and not _has_id(message["headers"]):  # refusals have all that
                message["headers"] = [*message["headers"], *common]
            await send(message)

        return told

    async def refuse(
        self, scope: Scope, send: Send, refusal: Refusal, *, last: bool = False, allow: bytes = b""
    ) -> None:
        """Answer, log and count a request that is not served; with ``last`` the connection ends there."""
        parts = self._forwarder.parts
        first = dict(reversed(scope["headers"]))
        request_id = parts.request_ids(first.get(b"x-request-id"))
        record = _record(scope, request_id)
        record.cause, record.detail = refusal.cause, str(refusal)
        parts.journal.started(record)
        answer = parts.answers[refusal.cause]
        common = common_headers(request_id, parts.cors.headers(first.get(b"origin")))
        reply = Reply(send, [*common, CLOSE] if last else common)
        about = Circumstances(0.0, parts.timing.deadlines.timeout_s * 1000, allow=allow or METHODS)
        try:
            await reply.error(parts.writer, answer, about)
        finally:
            record.status, record.bytes_out = answer.status, reply.bytes_out
            parts.journal.finished(record, time.monotonic())

    async def _options(
        self, scope: Scope, send: Send, target: bytes, found: dict[bytes, bytes]
    ) -> list[Header] | None:
        """The fields to pass on; None when it was answered here: a preflight, or one that has no forwards left."""
        fields: list[Header] = scope["headers"]
        if b"origin" in found and b"access-control-request-method" in found:
            await self._preflight(scope, send, found)
            return None
        left = forwards_left(found.get(b"max-forwards", b""))
        if left is None or not target.startswith(BASE):
            return fields
        if left:
            return with_forwards(fields, left - 1)
        about_all = self._forwarder.parts.cors.headers(found.get(b"origin"))
        await self._answer(scope, send, found, [*about_all, (b"allow", METHODS)])
        return None

    async def _preflight(self, scope: Scope, send: Send, found: dict[bytes, bytes]) -> None:
        cors = self._forwarder.parts.cors
        origin = found[b"origin"]
        if not cors.allows(origin):
            await self.refuse(scope, send, Refusal(Cause.ORIGIN_NOT_ALLOWED))
            return
        await self._answer(scope, send, found, cors.preflight(origin, found.get(b"access-control-request-headers")))

    async def _answer(self, scope: Scope, send: Send, found: dict[bytes, bytes], fields: list[Header]) -> None:
        """Answer an OPTIONS for the backend, with 204."""
        parts = self._forwarder.parts
        request_id = parts.request_ids(found.get(b"x-request-id"))
        record = _record(scope, request_id)
        parts.journal.started(record)
        reply = Reply(send, common_headers(request_id, fields))
        try:
            await reply.start(204, [date()])
            await reply.body(b"", more=False)
        finally:
            record.status = 204
            parts.journal.finished(record, time.monotonic())


def _record(scope: Scope, request_id: bytes) -> Record:
    target: bytes = scope.get(TARGET) or _target_of(scope)
    client = scope["client"][0] if scope["client"] else ""
    return Record(scope["method"], target, request_id, time.monotonic(), client)


def _has_id(headers: Iterable[Header]) -> bool:
    return any(name == b"x-request-id" for name, _ in headers)


def _target_of(scope: Scope) -> bytes:
    """The target under a server that does not hand it over; an empty query is lost there."""
    path: bytes = scope.get("raw_path") or scope["path"].encode("latin-1")
    query: bytes = scope.get("query_string", b"")
    return path + b"?" + query if query else path
