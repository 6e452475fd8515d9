"""The optional external service for errors: one JSON object by POST for each (guide: "Log all proxy errors").

Law: it harms no request.  Offering never waits; the queue is bounded, and what does not fit is dropped and counted.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import orjson

from proxy_under_test.body import Body
from proxy_under_test.causes import UpstreamFailure
from proxy_under_test.logs import JsonLogger
from proxy_under_test.metrics import Metrics
from proxy_under_test.transport import Outgoing, Transport

QUEUE_LIMIT = 1_000  # errors; a storm beyond that says nothing new


class ErrorSink:
    """A queue of errors, and the task that posts them.  ``timeout_s`` bounds one delivery."""

    def __init__(
        self, url: str, transport: Transport, *, timeout_s: float, log: JsonLogger, metrics: Metrics
    ) -> None:
        parts = urlsplit(url)
        self._target = ((parts.path or "/") + (f"?{parts.query}" if parts.query else "")).encode("ascii")
        self._host = parts.netloc.encode("ascii")
        self._transport = transport
        self._timeout_s = timeout_s
        self._log = log
        self._metrics = metrics
        self._queue: asyncio.Queue[bytes] = asyncio.Queue(QUEUE_LIMIT)
        self._task: asyncio.Task[None] | None = None

    def offer(self, error: dict[str, Any]) -> None:
        """Queue ``error``, or drop it where the queue is full."""
        try:
            told = {"timestamp": datetime.now(UTC), "level": "error", **error, "event": "proxy error"}
            self._queue.put_nowait(orjson.dumps(told, default=repr, option=orjson.OPT_UTC_Z))
        except asyncio.QueueFull:
            self._metrics.sink["dropped"] += 1
            return
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._deliver())

    async def aclose(self) -> None:
        """Deliver what is queued, for as long as one delivery may take, then stop and tell what was not."""
        task = self._task
        if task is not None:
            done, _ = await asyncio.wait((task,), timeout=self._timeout_s)
            if not done:
                task.cancel()
                await asyncio.wait((task,))
            left = self._queue.qsize() + task.cancelled()  # and what was being posted
            if left:
                self._metrics.sink["dropped"] += left
                self._log.warning("error sink stopped", dropped=left)
        await self._transport.aclose()

    async def _deliver(self) -> None:
        try:
            while not self._queue.empty():
                await self._post(self._queue.get_nowait())
        finally:
            self._task = None

    async def _post(self, error: bytes) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                status = await self._send(error)
        except (UpstreamFailure, TimeoutError) as exc:
            self._failed(str(exc) or "no answer in time")
            return
        if 200 <= status < 300:
            self._metrics.sink["delivered"] += 1
        else:
            self._failed(f"status {status}")

    def _failed(self, reason: str) -> None:
        self._metrics.sink["failed"] += 1
        self._log.warning("error sink failed", reason=reason)

    async def _send(self, error: bytes) -> int:
        headers = [(b"host", self._host), (b"content-type", b"application/json")]
        body = Body(_given(error), len(error), keep=len(error), limit=None)
        await body.prefetch()
        response = await self._transport.send(Outgoing("POST", self._target, headers, body))
        try:
            return response.status
        finally:
            await response.aclose()


def _given(data: bytes) -> Any:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": data, "more_body": False}

    return receive
