"""The client end: asks the proxy, and turns whatever comes back into an `Exchange`.

Law: what the proxy did never raises.  A request has a hard cap in wall seconds, so nothing can hang; there are no
retries, no redirects, no proxies from the environment and no decoding, so what is seen is what came.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from harness.clock import now
from harness.traffic.exchange import Exchange, Headers
from harness.traffic.failures import word_for
from harness.traffic.loop import LoopThread
from harness.traffic.recording import KEY_HEADER
from harness.traffic.request import BODY_KEPT
from harness.traffic.under_way import GRACE_S, Pending, Seen

WITHIN_S = 60.0
NO_TIMEOUT = httpx.Timeout(None)  # the cap on the whole request is ours
NO_CERTIFICATES = False  # plain HTTP only; loading the system's certificates takes longer than most scenarios

Content = bytes | Iterable[bytes] | None
HeaderItems = Mapping[str, str] | Sequence[tuple[str, str]]


def new_key() -> str:
    """A request id that no other worker, run or seed hits on; not drawn from `random`, which tests seed alike."""
    return f"{time.time_ns():x}-{secrets.token_hex(6)}"


@dataclass(frozen=True)
class Wanted:
    """One request to be made."""

    method: str
    path: str
    headers: tuple[tuple[bytes, bytes], ...]
    content: Content
    within_s: float
    reuse: bool
    keep: int


class Client:
    """Makes requests to ``base_url``; a context manager.  ``within_s`` is the cap on one request in wall seconds.

    Each request has a connection of its own unless ``reuse`` says that one may be kept and taken again.
    """

    def __init__(self, base_url: str, *, within_s: float = WITHIN_S, reuse: bool = False) -> None:
        self.base_url = base_url
        self._within_s = within_s
        self._reuse = reuse
        self._loop = LoopThread("client")
        self._fresh = _httpx_client(base_url, kept=0)
        self._pooled = _httpx_client(base_url, kept=None)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection; calling it twice is harmless."""
        if self._loop.stopped:
            return
        try:
            for client in (self._fresh, self._pooled):
                self._loop.call(client.aclose(), within_s=GRACE_S, what="closing the client")
        finally:
            self._loop.stop()

    def begin(
        self,
        method: str,
        path: str,
        *,
        headers: HeaderItems = (),
        content: Content = None,
        json: Any = None,
        origin: str | None = None,
        key: str | None = None,
        within_s: float | None = None,
        reuse: bool | None = None,
        keep: int = BODY_KEPT,
    ) -> Pending:
        """Start a request and return at once.

        ``origin`` is the Origin header of a browser; ``json`` a value to send as JSON; an iterable ``content`` is
        streamed (chunked unless a Content-Length is given).  At most ``keep`` bytes of the answer's body are kept.
        """
        fields = [*(headers.items() if isinstance(headers, Mapping) else headers)]
        if origin is not None:
            fields.append(("Origin", origin))
        if json is not None:
            content = httpx.Request("POST", "http://x", json=json).content
            fields.append(("Content-Type", "application/json"))
        key = key or new_key()
        cap = self._within_s if within_s is None else within_s
        pooled = self._reuse if reuse is None else reuse
        encoded = tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in fields)
        wanted = Wanted(method, path, ((KEY_HEADER.encode(), key.encode()), *encoded), content, cap, pooled, keep)
        leave = asyncio.Event()
        return Pending(key, self._loop.submit(self._run(wanted, key, leave)), cap, leave, self._loop)

    def request(self, method: str, path: str, **how: Any) -> Exchange:
        """Make a request and wait for its end; ``how`` as in `begin`."""
        return self.begin(method, path, **how).exchange()

    def get(self, path: str, **how: Any) -> Exchange:
        """GET, see `begin`."""
        return self.request("GET", path, **how)

    def post(self, path: str, **how: Any) -> Exchange:
        """POST, see `begin`."""
        return self.request("POST", path, **how)

    def put(self, path: str, **how: Any) -> Exchange:
        """PUT, see `begin`."""
        return self.request("PUT", path, **how)

    def together(self, n: int, method: str, path: str, **how: Any) -> list[Exchange]:
        """``n`` like requests at once, each with its own key and connection; ``how`` as in `begin`."""
        pending = [self.begin(method, path, **how) for _ in range(n)]
        return [one.exchange() for one in pending]

    async def _run(self, wanted: Wanted, key: str, leave: asyncio.Event) -> Exchange:
        seen = Seen(key, wanted.method, wanted.path)
        asking = asyncio.ensure_future(self._ask(wanted, seen))
        leaving = asyncio.ensure_future(leave.wait())
        try:
            await asyncio.wait({asking, leaving}, timeout=wanted.within_s, return_when=asyncio.FIRST_COMPLETED)
            if asking.done():
                return asking.result()
            return seen.ended(*(("left", "") if leave.is_set() else ("timeout", f"after {wanted.within_s:g} s")))
        finally:
            for task in (asking, leaving):
                task.cancel()
            await asyncio.gather(asking, leaving, return_exceptions=True)

    async def _ask(self, wanted: Wanted, seen: Seen) -> Exchange:
        client = self._pooled if wanted.reuse else self._fresh
        try:
            await _exchange(client, wanted, seen)
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            return seen.ended(word_for(exc), str(exc))
        return seen.ended()


async def _exchange(client: httpx.AsyncClient, wanted: Wanted, seen: Seen) -> None:
    content: bytes | AsyncIterator[bytes] | None
    if wanted.content is None or isinstance(wanted.content, bytes):
        content = wanted.content
        seen.sent = len(content or b"")
    else:
        content = _counted(wanted.content, seen)
    async with client.stream(wanted.method, wanted.path, headers=wanted.headers, content=content) as response:
        seen.status, seen.headers_at = response.status_code, now()
        seen.headers = Headers([(k.decode("latin-1"), v.decode("latin-1")) for k, v in response.headers.raw])
        async for piece in response.aiter_raw():
            seen.add(piece, wanted.keep)


async def _counted(content: Iterable[bytes], seen: Seen) -> AsyncIterator[bytes]:
    for piece in content:
        yield piece
        seen.sent += len(piece)


def _httpx_client(base_url: str, kept: int | None) -> httpx.AsyncClient:
    # A pool without an upper bound: httpx leaks the slots of cancelled requests, and a pool that runs out would hang.
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=kept)
    client = httpx.AsyncClient(
        base_url=base_url, limits=limits, timeout=NO_TIMEOUT, trust_env=False, verify=NO_CERTIFICATES
    )
    client.headers = httpx.Headers({"Accept": "*/*", "User-Agent": "errorpath"})
    for name in ("Accept-Encoding", "Connection"):
        del client.headers[name]
    return client
