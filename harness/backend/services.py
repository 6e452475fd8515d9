"""What a route works with, made once when the application starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

from fastapi import Depends, Request

from harness.backend.cache import Cache
from harness.backend.postgres import Postgres
from harness.backend.sessions import Sessions
from harness.backend.settings import Settings

if TYPE_CHECKING:
    from harness.backend.health import Health


@dataclass(frozen=True)
class Services:
    """The settings, and what was opened by them."""

    settings: Settings
    postgres: Postgres
    cache: Cache
    sessions: Sessions
    health: Health


async def services(request: Request) -> Services:  # async: FastAPI would run it in a thread otherwise
    """Return the services of the application that serves ``request``."""
    found = request.app.state.services
    assert isinstance(found, Services)
    return found


async def user(request: Request) -> UUID:
    """Return who asks; raises Problem 401 for nobody."""
    return (await services(request)).sessions.user(request)


With = Annotated[Services, Depends(services)]
User = Annotated[UUID, Depends(user)]
