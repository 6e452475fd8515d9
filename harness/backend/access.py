"""Request ids and the access log: pure ASGI, so that a client's leaving is still seen behind it."""

from __future__ import annotations

import re
import time
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# The first one that is there names the request, in the log and in every row that it writes.
ID_HEADERS = ("x-errorpath-request", "x-request-id")
ID_FORM = re.compile(r"[\x21-\x7e]{1,128}")

log = structlog.get_logger("backend.access")


class AccessLog:
    """Names each request, answers with ``X-Request-ID``, and writes one line when it is over."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope["request_id"] = name = request_id(Headers(scope=scope))
        structlog.contextvars.bind_contextvars(request_id=name)
        started = time.monotonic()
        status = 500

        async def named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["x-request-id"] = name
            await send(message)

        try:
            await self.app(scope, receive, named)
        finally:
            took_ms = round((time.monotonic() - started) * 1000, 3)
            log.info("request", method=scope["method"], path=scope["path"], status=status, duration_ms=took_ms)


def request_id(headers: Headers) -> str:
    """Return the id the client gave, if it is fit to be kept, or a new one."""
    for name in ID_HEADERS:
        given = headers.get(name, "")
        if ID_FORM.fullmatch(given):
            return given
    return uuid4().hex
