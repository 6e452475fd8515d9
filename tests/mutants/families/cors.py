"""Mistakes about CORS: who may read an answer, and with what."""

from __future__ import annotations

from typing import Any

from proxy_under_test import headers
from proxy_under_test.cors import Cors, Header
from proxy_under_test.door import Door
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


@mutant("cors-vary")
def backends_cors_passed_on() -> None:
    """The backend's own CORS headers pass, and the browser sees two."""
    replace(headers, "RESPONSE_DROPPED", headers.RESPONSE_DROPPED - {ALLOW, CREDENTIALS[0]})
