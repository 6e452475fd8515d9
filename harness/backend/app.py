"""The application: routes, and around them CORS and the access log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from harness.backend import accounts, credits, health, problems, videos
from harness.backend.access import AccessLog
from harness.backend.cache import Cache
from harness.backend.postgres import Postgres
from harness.backend.services import Services
from harness.backend.sessions import Sessions
from harness.backend.settings import Settings

DOCS = "/api-docs"
READABLE = ["X-Request-ID", "X-Cache", "Location", "Retry-After", "Idempotent-Replayed"]


def build(settings: Settings) -> ASGIApp:
    """Return the whole application; it opens what it needs when the server starts it, and closes it when it stops."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        postgres, cache = await Postgres.open(settings), Cache(settings)
        state = health.Health(postgres, cache, settings.health_ms)
        app.state.services = Services(settings, postgres, cache, Sessions(settings), state)
        try:
            yield
        finally:
            await postgres.close()
            await cache.close()

    app = FastAPI(
        title="Sora2 API",
        description="The backend of the connection guide, on PostgreSQL and Redis.",
        docs_url=DOCS,
        redoc_url=None,
        lifespan=lifespan,
        servers=[{"url": settings.backend_url}] if settings.backend_url else None,
    )
    problems.install(app)
    for part in (health, accounts, credits, videos):
        app.include_router(part.router)
    return AccessLog(_cors(app, settings.origins))


def _cors(app: ASGIApp, origins: list[str]) -> ASGIApp:
    """Allow credentials to ``origins``; outside the application, so that its 500 has the headers, too."""
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_credentials=True,
        allow_methods=["*"],
        allow_headers=["*"],
        expose_headers=READABLE,
    )
