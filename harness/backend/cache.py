"""Redis as a cache: the API is right without it, only slower.

Law: a failure of Redis never fails a request.  redis-py's own ten retries are off (redis-py#4082); each command is
bounded.
A value may be stale for at most CACHE_TTL, when Redis was away while it should have been forgotten, or when it was
forgotten between its reading and its keeping.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, BusyLoadingError, ReadOnlyError, RedisError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeout

from harness.backend.dependencies import LOST, NO_ANSWER, DependencyDown, Words, reason_for
from harness.backend.settings import Settings

NAME = "redis"
WORDS: Words = (
    (RedisTimeout, NO_ANSWER),
    (AuthenticationError, "refused the credentials"),
    (BusyLoadingError, "is loading its data"),
    (ReadOnlyError, "is read-only"),
)

T = TypeVar("T")
log = structlog.get_logger("backend.cache")


class Cache:
    """Values by name, for CACHE_TTL; every method but `ping` answers also when Redis does not."""

    def __init__(self, settings: Settings) -> None:
        self._prefix = settings.redis_prefix
        self._ttl_ms = max(1, round(settings.cache_ttl_ms))
        self._bound_s = settings.redis_ms / 1000
        self._down = False
        self._redis = Redis.from_url(
            settings.redis_url,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=self._bound_s,
            socket_connect_timeout=self._bound_s,
            decode_responses=True,
        )

    async def ping(self) -> None:
        """Raise DependencyDown naming what is wrong, unless Redis answers."""
        await self._bounded(self._redis.ping)

    async def get(self, name: str) -> tuple[str | None, bool]:
        """Return the value, if there is one, and whether Redis answered at all."""
        try:
            value = await self._bounded(lambda: self._redis.get(self._prefix + name))
        except DependencyDown:
            return None, False
        return (None if value is None else str(value)), True

    async def put(self, name: str, value: str) -> None:
        """Keep ``value``, if Redis is there."""
        await self._try(lambda: self._redis.set(self._prefix + name, value, px=self._ttl_ms))

    async def forget(self, name: str) -> None:
        """Drop the value, if Redis is there; otherwise it ends with its CACHE_TTL."""
        await self._try(lambda: self._redis.delete(self._prefix + name))

    async def close(self) -> None:
        """Drop every connection."""
        await self._redis.aclose()

    async def _try(self, command: Callable[[], Awaitable[object]]) -> None:
        try:
            await self._bounded(command)
        except DependencyDown as error:
            log.debug("cache bypassed", reason=error.reason)

    async def _bounded(self, command: Callable[[], Awaitable[T]]) -> T:
        """Run one command, connecting included, within REDIS_TIMEOUT."""
        try:
            async with asyncio.timeout(self._bound_s):
                value = await self._twice(command)
        except (RedisError, OSError, RuntimeError) as error:
            down = DependencyDown(NAME, reason_for(error, WORDS, LOST))
            self._note(down, error)
            raise down from error
        self._note(None, None)
        return value

    async def _twice(self, command: Callable[[], Awaitable[T]]) -> T:
        """Ask again on a new connection, once: the pooled ones may have died while they were idle."""
        with suppress(RedisConnectionError, RuntimeError):  # the latter: uvloop's, for writing to a reset socket
            return await command()
        await self._redis.connection_pool.disconnect(inuse_connections=False)
        return await command()  # outside the handler, whose exception would take the place of this one's context

    def _note(self, down: DependencyDown | None, error: BaseException | None) -> None:
        """Log when Redis goes and when it comes back, not at every request in between."""
        if down is not None and not self._down:
            log.warning("redis error", reason=down.reason, cause=type(error).__name__, message=str(error))
        elif down is None and self._down:
            log.info("redis is back")
        self._down = down is not None
