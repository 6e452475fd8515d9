"""Mistakes about CORS: who may read an answer, and with what."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from proxy_under_test import headers
from proxy_under_test.cors import METHODS, Cors, Header
from proxy_under_test.door import Door
from proxy_under_test.forward import Exchange, Forwarder
from proxy_under_test.reply import Reply
from tests.mutants.mutant import mutant
from tests.mutants.seams import Change, around, replace

ALLOW = b"access-control-allow-origin"
CREDENTIALS = (b"access-control-allow-credentials", b"true")


def _cors(change: Any) -> None:
    """Put ``change(headers, origin, allowed)`` in the place of the CORS headers of an answer to ``origin``."""

    @around(Cors, "headers")
    def _(write: Change, self: Cors, origin: bytes | None) -> list[Header]:
        changed: list[Header] = change(write(self, origin), origin, list(self._allowed))
        return changed


def _reflected(fields: list[Header], origin: bytes) -> list[Header]:
    return [*(field for field in fields if field[0] not in (ALLOW, CREDENTIALS[0])), (ALLOW, origin), CREDENTIALS]


@mutant("cors-other-origin cors-vary")
def any_origin_reflected() -> None:
    """The Origin that came is sent back with credentials, so that it works everywhere."""
    _cors(lambda fields, origin, _: _reflected(fields, origin) if origin else fields)


@mutant("cors-allowed cors-other-origin")
def a_star_with_credentials() -> None:
    """Every origin is allowed by a star, which browsers do not accept together with credentials."""
    _cors(lambda fields, _, __: _reflected(fields, b"*"))


@mutant("cors-other-origin")
def origins_compared_by_prefix() -> None:
    """An origin is allowed that begins like a configured one, as http://good.example.evil.example does."""

    def allowed(fields: list[Header], origin: bytes | None, origins: list[bytes]) -> list[Header]:
        return _reflected(fields, origin) if origin and any(map(origin.startswith, origins)) else fields

    _cors(allowed)


@mutant("cors-other-origin")
def null_allowed() -> None:
    """The origin null is allowed for a local file; every sandboxed frame has it, too."""
    _cors(lambda fields, origin, _: _reflected(fields, origin) if origin == b"null" else fields)


@mutant("cors-other-origin")
def credentials_for_everybody() -> None:
    """Credentials are allowed on every answer, whoever asks."""
    _cors(lambda fields, _, __: [*(field for field in fields if field != CREDENTIALS), CREDENTIALS])


@mutant("cors-allowed cors-on-error cors-preflight")
def no_credentials() -> None:
    """The origin is allowed and its cookies are not."""
    _cors(lambda fields, _, __: [field for field in fields if field != CREDENTIALS])


@mutant("cors-vary cors-on-error")
def no_vary() -> None:
    """A cache is not told that the answer depends on the origin, and gives one origin's to another."""
    _cors(lambda fields, _, __: [field for field in fields if field[0] != b"vary"])


@mutant("cors-vary")
def vary_only_to_an_origin() -> None:
    """Vary is written together with the other CORS headers, and so not where no Origin came."""
    _cors(lambda fields, origin, _: fields if origin else [])


@mutant("cors-on-error")
def errors_allow_any_origin() -> None:
    """Errors have a handler of their own, which sends back whatever Origin came so that every page can read them."""

    @around(Forwarder, "_answer")
    async def _(answer: Change, self: Forwarder, exchange: Exchange, failure: BaseException) -> None:
        if origin := exchange.arrival.found.get(b"origin"):
            exchange.reply._common = _reflected(exchange.reply._common, origin)
        await answer(self, exchange, failure)


@mutant("cors-on-error error-shape")
def no_cors_on_errors() -> None:
    """The CORS headers are added to what the backend sent, and errors the page may not read have none."""

    @around(Reply, "error")
    async def _(error: Change, self: Reply, *args: Any) -> None:
        self._common = [header for header in self._common if not header[0].startswith(b"access-control-")]
        await error(self, *args)


@mutant("cors-preflight")
def preflight_passed_on() -> None:
    """OPTIONS is forwarded like any method, so that no page gets further while the backend is down."""
    asked = b"access-control-request-method"

    @around(Door, "__call__")
    async def _(call: Change, self: Door, scope: Any, *rest: Any) -> None:
        if scope["type"] == "http":
            scope = {**scope, "headers": [header for header in scope["headers"] if header[0] != asked]}
        await call(self, scope, *rest)


@mutant("cors-preflight")
def preflight_looks_for_the_backend() -> None:
    """A preflight is answered here, after a look at whether the backend still accepts connections."""

    @around(Door, "_preflight")
    async def _(preflight: Change, self: Door, *args: Any) -> None:
        upstream = urlsplit(self._forwarder.parts.upstream_url)
        with suppress(OSError):
            _, writer = await asyncio.open_connection(upstream.hostname, upstream.port)
            writer.close()
        await preflight(self, *args)


@mutant("cors-preflight-bounds")
def preflights_allow_any_origin() -> None:
    """Preflights have a handler of their own, which looks at the method that is asked for and not at the origin."""

    @around(Door, "_preflight")
    async def _(preflight: Change, self: Door, scope: Any, send: Any, found: dict[bytes, bytes]) -> None:
        if found[b"access-control-request-method"] not in METHODS.split(b", "):
            await preflight(self, scope, send, found)
            return
        origin, asked = found[b"origin"], found.get(b"access-control-request-headers")
        reply = Reply(send, _reflected(self._forwarder.parts.cors.preflight(origin, asked), origin))
        await reply.start(204, [])
        await reply.body(b"", more=False)


@mutant("cors-vary")
def backends_cors_passed_on() -> None:
    """The backend's own CORS headers pass, and the browser sees two."""
    replace(headers, "RESPONSE_DROPPED", headers.RESPONSE_DROPPED - {ALLOW, CREDENTIALS[0]})


@mutant("cors-vary")
def backends_credentials_passed_on() -> None:
    """Of the backend's CORS headers only Allow-Origin is dropped, and Allow-Credentials is "true, true"."""
    replace(headers, "RESPONSE_DROPPED", headers.RESPONSE_DROPPED - {CREDENTIALS[0]})
