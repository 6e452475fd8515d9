"""``GET /api/health`` (guide: "Quick Health Check"): exactly ``{"status":"ok","timestamp":…}`` when all is well.

Otherwise the dependencies are named: 503 ``error`` without PostgreSQL or its migrations, 200 ``degraded`` without
Redis, which is only a cache.  Law: the answer comes within HEALTH_TIMEOUT, whatever a dependency does, and askers at
the same time share one probe, so that health checks cannot use up the pool.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import structlog
from fastapi import APIRouter
from starlette.responses import JSONResponse

from harness.backend.cache import Cache
from harness.backend.dependencies import NO_ANSWER, DependencyDown
from harness.backend.migrate import versions
from harness.backend.postgres import MIGRATIONS_MISSING, NAME, Postgres
from harness.backend.services import With

OK = "ok"
MARGIN = 0.9  # of HEALTH_TIMEOUT for the probes, the rest for answering

router = APIRouter(prefix="/api", tags=["health"])
log = structlog.get_logger("backend.health")


class Probe:
    """One question to one dependency, asked once however many want to know."""

    def __init__(self, name: str, ask: Callable[[], Awaitable[str]], within_s: float) -> None:
        self._name = name
        self._ask = ask
        self._within_s = within_s
        self._running: asyncio.Task[str] | None = None
        self._last = OK

    async def state(self) -> str:
        """Return ``ok`` or what is wrong, within ``within_s`` even where a driver is slow to be cancelled."""
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._bounded())
        asked = self._running  # the next asker may put another in its place before we look
        await asyncio.wait({asked}, timeout=self._within_s)
        state = asked.result() if asked.done() else NO_ANSWER
        if state != self._last:
            log.warning("health changed", dependency=self._name, state=state)
            self._last = state
        return state

    async def _bounded(self) -> str:
        try:
            async with asyncio.timeout(self._within_s):
                return await self._ask()
        except DependencyDown as down:
            return down.reason
        except TimeoutError:
            return NO_ANSWER


class Health:
    """The state of the backend and of what it stands on."""

    def __init__(self, postgres: Postgres, cache: Cache, health_ms: float) -> None:
        within_s = health_ms / 1000 * MARGIN
        self._postgres = Probe("postgres", lambda: _ask_postgres(postgres), within_s)
        self._redis = Probe("redis", lambda: _ask_redis(cache), within_s)

    async def dependencies(self) -> dict[str, str]:
        """Ask all at once and return ``{name: "ok" | what is wrong}``."""
        postgres, redis = await asyncio.gather(self._postgres.state(), self._redis.state())
        if postgres == MIGRATIONS_MISSING:
            return {"postgres": OK, "redis": redis, "migrations": postgres.removeprefix("lacks its migrations; ")}
        return {"postgres": postgres, "redis": redis}


@router.get("/health")
async def health(its: With) -> JSONResponse:
    """Say how the backend is: 200 ``ok`` or ``degraded``, 503 ``error``."""
    dependencies = await its.health.dependencies()
    wrong = {name for name, state in dependencies.items() if state != OK}
    status = "ok" if not wrong else "degraded" if wrong == {"redis"} else "error"
    content: dict[str, object] = {"status": status, "timestamp": _timestamp()}
    if wrong:
        content["dependencies"] = dependencies
    return JSONResponse(content, 503 if status == "error" else 200, {"Cache-Control": "no-store"})


async def _ask_postgres(postgres: Postgres) -> str:
    async with postgres.connection() as connection:
        read_only = await connection.fetchval("SELECT current_setting('transaction_read_only')::bool")
        applied = {row["version"] for row in await connection.fetch("SELECT version FROM migrations")}
    if not applied.issuperset(versions()):
        raise DependencyDown(NAME, MIGRATIONS_MISSING)
    return "is read-only" if read_only else OK


async def _ask_redis(cache: Cache) -> str:
    await cache.ping()
    return OK


def _timestamp() -> str:
    """Now, as JavaScript's ``toISOString`` writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
