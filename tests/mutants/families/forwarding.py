"""Mistakes about forwarding: what is lost, changed or held back on the way."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes, urlencode

from proxy_under_test import door, forward, frontdoor, headers
from proxy_under_test.causes import Cause, Refusal
from proxy_under_test.forward import Forwarder
from proxy_under_test.headers import Header
from proxy_under_test.server.cycle import Cycle
from proxy_under_test.transport import Incoming, Outgoing
from proxy_under_test.transport.connection import Connection
from proxy_under_test.transport.pool import Pool
from tests.mutants.mutant import mutant
from tests.mutants.seams import Change, around, replace, request_headers, response_headers, settings


def _target(change: Callable[[bytes, bytes], bytes]) -> None:
    """Put ``change(path, query)`` in the place of the upstream's target."""

    @around(forward, "upstream_target")
    def _(target_of: Change, *args: bytes) -> bytes:
        path, _, query = target_of(*args).partition(b"?")
        return change(path, query)


@mutant("forward-query")
def query_dropped() -> None:
    """Only the path is passed on."""
    _target(lambda path, _: path)


@mutant("forward-query")
def query_encoded_anew() -> None:
    """The query is taken apart and put together again, and is no longer what was sent."""
    _target(lambda path, query: path + b"?" + urlencode(parse_qsl(query, True)).encode() if query else path)


@mutant("forward-path")
def path_decoded() -> None:
    """The path is passed on as the framework decoded it."""
    _target(lambda path, query: re.sub(rb" ", b"%20", unquote_to_bytes(path)) + (b"?" + query if query else b""))


@mutant("forward-path")
def slashes_merged() -> None:
    """Double slashes are made one, which is another resource to many backends."""
    _target(lambda path, query: re.sub(rb"/{2,}", b"/", path) + (b"?" + query if query else b""))


@mutant("forward-path")
def last_slash_removed() -> None:
    """A slash at the path's end is thought to mean nothing."""
    _target(lambda path, query: (path.rstrip(b"/") or b"/") + (b"?" + query if query else b""))


@mutant("forward-set-cookie forward-headers")
def second_set_cookie_dropped() -> None:
    """The response's headers are put into a dictionary, where each name has one value."""
    response_headers(lambda fields: list(dict(fields).items()))


@mutant("forward-set-cookie")
def cookies_joined() -> None:
    """Repeated fields are joined by commas, which no browser takes apart again."""

    def joined(fields: list[Header]) -> list[Header]:
        found: dict[bytes, bytes] = {}
        for name, value in fields:
            found[name] = f"{found[name].decode()}, {value.decode()}".encode() if name in found else value
        return list(found.items())

    response_headers(joined)


@mutant("forward-headers")
def request_headers_in_a_dictionary() -> None:
    """The request's headers are put into a dictionary, where each name has one value."""
    request_headers(lambda fields: list(dict(fields).items()))


@mutant("forward-headers")
def values_decoded_as_utf8() -> None:
    """Header values are decoded as UTF-8, and what is none is lost."""
    response_headers(lambda fields: [(name, value.decode("utf-8", "ignore").encode()) for name, value in fields])


@mutant("forward-binary-body")
def body_decoded_as_text() -> None:
    """The body is decoded and encoded again, and every byte that is no UTF-8 becomes another."""

    @around(Connection, "on_body")
    def _(take: Change, self: Connection, body: bytes) -> None:
        take(self, body.decode("utf-8", "replace").encode("utf-8"))


class Held:
    """A response whose body is read to its end before a byte of it is passed on, and changed by ``change``."""

    ready = False
    finished = False

    def __init__(self, response: Incoming, change: Callable[[bytes], bytes] = bytes) -> None:
        self._response = response
        self._change = change
        self.status = response.status
        self.headers = response.headers
        self.until_close = response.until_close

    async def read(self) -> bytes:
        """The whole body, then nothing."""
        if self.finished:
            return b""
        body = b""
        while chunk := await self._response.read():
            body += chunk
        self.finished = True
        return self._change(body)

    async def aclose(self) -> None:
        """Give the connection back."""
        await self._response.aclose()


@mutant("forward-large-body forward-events")
def answers_held_until_whole() -> None:
    """An answer is read to its end before it is passed on: events come late, and memory grows with the body."""

    @around(Forwarder, "_relay")
    async def _(relay: Change, self: Forwarder, exchange: Any, response: Incoming) -> None:
        await relay(self, exchange, Held(response))


class FirstAtOnce(Held):
    """A response whose first bytes are passed on as they come, and the others piece by piece once all are there."""

    _waiting: list[bytes] | None = None

    async def read(self) -> bytes:
        """The next piece, then nothing."""
        if self._waiting is None:
            self._waiting = []
            return await self._response.read()
        while not self.finished and (chunk := await self._response.read()):
            self._waiting.append(chunk)
        self.finished = len(self._waiting) <= 1
        return self._waiting.pop(0) if self._waiting else b""


@mutant("forward-events")
def events_after_the_first_held() -> None:
    """An answer begins at once, and what follows its first bytes is collected until nothing more comes."""

    @around(Forwarder, "_relay")
    async def _(relay: Change, self: Forwarder, exchange: Any, response: Incoming) -> None:
        await relay(self, exchange, FirstAtOnce(response))


@mutant("forward-gzip")
def gzip_undone() -> None:
    """The HTTP library undoes gzip, and the header that says gzip is passed on."""

    @around(Forwarder, "_relay")
    async def _(relay: Change, self: Forwarder, exchange: Any, response: Incoming) -> None:
        zipped = (b"content-encoding", b"gzip") in response.headers
        await relay(self, exchange, Held(response, gzip.decompress) if zipped else response)


@mutant("forward-large-body")
def uploads_kept_whole() -> None:
    """Every request body is kept for a retry, however large it is."""
    settings(body_buffer_limit=1 << 40)


@mutant("forward-statuses")
def redirects_followed() -> None:
    """The HTTP library follows redirects, and the client never learns where its resource is."""

    @around(Pool, "send")
    async def _(send: Change, self: Pool, request: Outgoing) -> Incoming:
        response: Incoming = await send(self, request)
        location = dict(response.headers).get(b"location", b"")
        if response.status in (301, 302, 307, 308) and location.startswith(b"/"):
            await response.aclose()
            request.target = location
            response = await send(self, request)
        return response


@mutant("forward-statuses")
def own_page_for_404() -> None:
    """A 404 of the backend gets the proxy's own page."""

    @around(Forwarder, "_relay")
    async def _(relay: Change, self: Forwarder, exchange: Any, response: Incoming) -> None:
        if response.status == 404:
            await response.aclose()
            raise Refusal(Cause.NOT_FOUND)
        await relay(self, exchange, response)


@mutant("forward-statuses database-reset database-terminated database-restarted")
def failures_told_with_200() -> None:
    """A failure of the backend is passed on with 200, for its body tells what it is."""

    @around(Forwarder, "_relay")
    async def _(relay: Change, self: Forwarder, exchange: Any, response: Incoming) -> None:
        response.status = 200 if response.status >= 500 else response.status
        await relay(self, exchange, response)


@mutant("forward-max-forwards")
def max_forwards_passed_as_it_is() -> None:
    """Max-Forwards is a header like any other, so a question about the last hop is asked of the backend."""
    replace(door, "forwards_left", lambda _value: None)


@mutant("forward-max-forwards")
def max_forwards_not_counted() -> None:
    """The last forward is noticed and the others are not counted, so a loop of proxies goes round for ever."""
    replace(door, "with_forwards", lambda fields, _left: list(fields))


@mutant("forward-statuses retry-not-for-status database-slow")
def failures_told_as_500() -> None:
    """Whatever failure the backend tells is passed on as 500, so nobody knows whether to come again."""

    @around(Forwarder, "_relay")
    async def _(relay: Change, self: Forwarder, exchange: Any, response: Incoming) -> None:
        response.status = min(response.status, 500)
        await relay(self, exchange, response)


@mutant("forward-methods")
def head_sent_as_get() -> None:
    """HEAD is answered by asking the backend for the whole resource and throwing it away."""

    @around(Pool, "send")
    async def _(send: Change, self: Pool, request: Outgoing) -> Incoming:
        request.method = "GET" if request.method == "HEAD" else request.method
        response: Incoming = await send(self, request)
        return response


@mutant("forward-methods")
def patch_forgotten() -> None:
    """The list of methods was written from memory, without PATCH."""
    replace(frontdoor, "METHODS", frontdoor.METHODS - {"PATCH"})


@mutant("forward-head")
def head_answered_with_the_body() -> None:
    """HEAD is asked as GET and answered as one, so that its body stands where the next answer should."""
    head_sent_as_get()

    @around(Cycle, "__init__")
    def _(make: Change, self: Cycle, *args: Any, **about: Any) -> None:
        make(self, *args, **about)
        self._head = False


@mutant("forward-head")
def length_dropped() -> None:
    """Content-Length is dropped from every answer, because chunks always work."""
    response_headers(lambda fields: [field for field in fields if field[0] != b"content-length"])


@mutant("forward-hop-by-hop")
def only_connection_is_hop_by_hop() -> None:
    """Connection is removed, and the other fields of one hop are passed on."""
    kept = headers.HOP_BY_HOP - {b"connection", b"transfer-encoding"}
    replace(headers, "REQUEST_DROPPED", headers.REQUEST_DROPPED - kept)
    replace(headers, "RESPONSE_DROPPED", headers.RESPONSE_DROPPED - kept)


@mutant("forward-connection-named")
def names_in_connection_ignored() -> None:
    """Connection is removed, and what it names is passed on."""
    replace(headers, "named_by", lambda _: set())


@mutant("forward-forwarded-for")
def forwarded_for_replaced() -> None:
    """The last hop overwrites what the hops before it had written."""
    replace(headers, "_appended", lambda _, value: value)


@mutant("forward-forwarded-for")
def forwarded_for_believed() -> None:
    """What the client says of itself is passed on as it is."""
    replace(headers, "_appended", lambda before, value: before or value)


@mutant("forward-via")
def no_via() -> None:
    """The proxy does not name itself, and no loop through it can be seen."""
    request_headers(lambda fields: [field for field in fields if field[0] != b"via"])
