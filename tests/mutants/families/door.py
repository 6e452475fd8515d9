"""Mistakes at the front door: what is let in, and where it may go from there."""

from __future__ import annotations

import dataclasses
import re
from contextvars import ContextVar
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from proxy_under_test import forward, frontdoor, headers, target
from proxy_under_test.body import Body
from proxy_under_test.door import HEAD_BYTES, TARGET, Door
from proxy_under_test.forward import Parts
from proxy_under_test.headers import RequestIds
from proxy_under_test.server.protocol import ClientProtocol
from proxy_under_test.transport import Incoming, Outgoing
from proxy_under_test.transport.pool import Pool
from proxy_under_test.transport.upstream import locate
from tests.mutants.mutant import mutant
from tests.mutants.seams import Change, around, parts, replace, request_headers, settings


@mutant("door-path-escape")
def dots_passed() -> None:
    """A path with .. is passed on, and the backend follows it out of the API."""
    replace(target, "_refuse_escapes", lambda _: None)


@mutant("door-path-escape")
def only_plain_dots_refused() -> None:
    """Only ".." as it stands is looked for; the backend decodes %2e%2e."""

    def plain(rest: bytes) -> None:
        target._refuse_dots(rest)

    replace(target, "_refuse_escapes", plain)


@mutant("door-method")
def every_method_passed() -> None:
    """TRACE and whatever else anybody makes up is passed on."""
    replace(frontdoor, "METHODS", frontdoor.METHODS | {"TRACE", "CONNECT", "PROPFIND", "BREW"})


@mutant("door-loop")
def loop_not_seen() -> None:
    """Via is written and never read, so a proxy that is its own upstream asks itself until something gives."""
    replace(frontdoor, "check_loop", lambda *_: None)


@mutant("door-twin-fields")
def twin_fields_passed() -> None:
    """A name with an underscore passes, and is another header's twin to many a backend."""

    @parts
    def _(made: Parts) -> None:
        write = made.forward_request

        def with_twins(fields: Any, *args: Any) -> Any:
            twins = [field for field in fields if b"_" in field[0]]
            return [*write(fields, *args), *twins]

        made.forward_request = with_twins


@mutant("limit-header")
def no_header_limit() -> None:
    """The header section may be as large as the client likes."""
    settings(header_limit=1 << 30, header_count_limit=1 << 20)


@mutant("limit-header")
def only_the_first_head_is_measured() -> None:
    """What the limits count begins with the connection, and ends with its first request."""

    @around(ClientProtocol, "_make_scope")
    def _(make: Change, self: ClientProtocol, version: str) -> Any:
        return make(self, version) | ({HEAD_BYTES: 0} if self._current is not None else {})


@mutant("limit-slow-head")
def only_the_first_head_is_timed() -> None:
    """The timer of the head is set when a client connects, and not for the requests that follow."""

    @around(ClientProtocol, "_start_head_timer")
    def _(begin: Change, self: ClientProtocol) -> None:
        if self._current is None:
            begin(self)


@mutant("limit-fields")
def no_field_limit() -> None:
    """The header section is bounded in bytes, and not in fields."""
    settings(header_count_limit=1 << 20)


@mutant("limit-target")
def long_target_is_431() -> None:
    """The target counts among the headers, and no client is told which of them was too long."""
    settings(target_limit=65_536)


@mutant("limit-memory")
def target_judged_when_complete() -> None:
    """The size of a request's head is looked at from its first field on, so a target that never ends is kept."""

    @around(ClientProtocol, "_judge_partial_head")
    def _(judge: Change, self: ClientProtocol) -> None:
        if self.headers:
            judge(self)


@mutant("limit-slow-head")
def slow_heads_awaited() -> None:
    """A client may take its time with the headers, and a few thousand of them take all there is."""
    replace(ClientProtocol, "_start_head_timer", lambda _: None)


@mutant("client-half-request")
def end_in_a_head_not_noticed() -> None:
    """A client that has ended in the middle of its head is waited for as if it were slow."""
    replace(ClientProtocol, "eof_received", lambda protocol: protocol._in_head)


@mutant("limit-idle-clients")
def idle_clients_hold_workers() -> None:
    """Every client has a worker, also one that asks nothing; with more than 256 of them the next one waits."""

    @around(ClientProtocol, "data_received")
    def _(received: Change, self: ClientProtocol, data: bytes) -> None:
        if len(self.connections) <= 256:
            received(self, data)
        else:
            self.loop.call_later(1.0, received, self, data)


@mutant("limit-idle-clients")
def idle_clients_left() -> None:
    """A client that asks nothing is left after half a second, however long it may wait."""

    @around(ClientProtocol, "connection_made")
    def _(made: Change, self: ClientProtocol, transport: Any) -> None:
        made(self, transport)
        self.loop.call_later(0.5, lambda: self._current or self._head_bytes or transport.close())


@mutant("header-request-id")
def any_request_id_believed() -> None:
    """The client's request id is passed on whatever it holds."""

    @around(RequestIds, "__call__")
    def _(make: Change, self: RequestIds, given: bytes | None) -> bytes:
        new: bytes = given.decode("latin-1").encode("ascii", "replace") if given else make(self, given)
        return new


@mutant("header-spoofed")
def real_ip_believed() -> None:
    """X-Real-IP is passed on as the client wrote it."""

    @parts
    def _(made: Parts) -> None:
        write = made.forward_request

        def believing(fields: Any, *args: Any) -> Any:
            told = [field for field in fields if field[0] == b"x-real-ip"]
            return [*(field for field in write(fields, *args) if not told or field[0] != b"x-real-ip"), *told]

        made.forward_request = believing


@mutant("header-spoofed")
def forwarded_appended_to_unread() -> None:
    """Whatever the client says in Forwarded is appended to, also where it leaves a quotation mark open."""
    replace(headers, "_FORWARDED", re.compile(rb".*"))


@mutant("header-connection-trick")
def connection_strips_our_own() -> None:
    """What Connection names is dropped last, so that a client can strip what the proxy says of it."""

    @parts
    def _(made: Parts) -> None:
        write = made.forward_request

        def stripped(fields: Any, found: dict[bytes, bytes], *args: Any) -> Any:
            named = headers.named_by(found.get(b"connection", b""))
            return [field for field in write(fields, found, *args) if field[0] not in named]

        made.forward_request = stripped


@mutant("door-foreign-host")
def clients_host_passed() -> None:
    """The client's Host goes upstream, so it chooses among the sites that the backend serves."""

    @parts
    def _(made: Parts) -> None:
        write = made.forward_request

        def passed(fields: Any, found: dict[bytes, bytes], *about: Any) -> list[tuple[bytes, bytes]]:
            written: list[tuple[bytes, bytes]] = write(fields, found, *about)
            return [(name, found[b"host"] if name == b"host" else value) for name, value in written]

        made.forward_request = passed


@mutant("door-target-form")
def absolute_target_names_the_host() -> None:
    """Of an absolute target the host becomes the Host upstream, so a client chooses among the backend's sites."""
    chosen: ContextVar[bytes] = ContextVar("chosen")

    @around(Door, "__call__")
    async def _(serve: Change, self: Door, scope: Any, *rest: Any) -> None:
        target: bytes = scope.get(TARGET, b"")
        if target.startswith(b"http://"):
            host, slash, path = target.removeprefix(b"http://").partition(b"/")
            chosen.set(host)
            scope[TARGET] = slash + path
        await serve(self, scope, *rest)

    request_headers(lambda fields: [(name, (name == b"host" and chosen.get(b"")) or value) for name, value in fields])


@mutant("door-header-injection header-odd-target")
def target_decoded() -> None:
    """The target is decoded on its way, so that what it has encoded is read as HTTP by the backend."""

    @around(forward, "upstream_target")
    def _(target_of: Change, *args: bytes) -> bytes:
        return unquote_to_bytes(target_of(*args))


@mutant("door-redirect")
def redirects_followed_anywhere() -> None:
    """Redirects are followed wherever they lead, also into the network that only the proxy can reach."""

    @around(Pool, "send")
    async def _(send: Change, self: Pool, request: Outgoing) -> Incoming:
        response: Incoming = await send(self, request)
        where = urlsplit(dict(response.headers).get(b"location", b"").decode("latin-1"))
        if response.status not in (301, 302, 303, 307, 308) or not where.hostname:
            return response
        await response.aclose()
        other = Pool(locate(f"http://{where.netloc}"), self._bounds)
        followed: Incoming = await send(other, dataclasses.replace(request, target=where.path.encode("latin-1")))
        return followed


@mutant("limit-body")
def only_announced_bodies_limited() -> None:
    """The limit of a body is held against its Content-Length, and nobody counts what comes in chunks."""

    @around(Body, "__init__")
    def _(make: Change, self: Body, *args: Any, **bounds: Any) -> None:
        make(self, *args, **bounds | {"limit": None})


@mutant("header-range")
def range_dropped() -> None:
    """Range is kept from the backend, If-Range is not, and the client gets all of what it wanted a part of."""
    replace(headers, "REQUEST_DROPPED", headers.REQUEST_DROPPED | {b"range"})


@mutant("header-range")
def not_modified_without_validators() -> None:
    """A 304 is passed on without the fields that say what it is about, for it has no body to describe."""

    @parts
    def _(made: Parts) -> None:
        write = made.forward_response

        def bare(fields: Any, via: bytes, status: int, *rest: Any) -> list[tuple[bytes, bytes]]:
            passed: list[tuple[bytes, bytes]] = write(fields, via, status, *rest)
            return passed if status != 304 else [field for field in passed if field[0] in (b"date", b"via")]

        made.forward_response = bare
