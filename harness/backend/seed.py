"""The users a development database begins with, as ``prisma migrate dev`` runs the seed of its project.

Their passwords are public, so production gets none of them.
"""

from __future__ import annotations

from harness.backend.executions import Write
from harness.backend.postgres import Postgres
from harness.backend.refusals import Problem
from harness.backend.settings import Settings
from harness.backend.users import add_user

PASSWORD = "sora2-demo"  # noqa: S105 - public on purpose, and never in production
USERS = {"demo@sora2.example": "Demo", "alice@sora2.example": "Alice", "bob@sora2.example": "Bob"}
WRITE = Write(request_id="seed", method="SEED", path="migrate")


async def seed(settings: Settings) -> list[str]:
    """Add the users that are missing and return their addresses; raises DependencyDown."""
    postgres = await Postgres.open(settings)
    try:
        return [email for email, name in USERS.items() if await _add(postgres, settings, email, name)]
    finally:
        await postgres.close()


async def _add(postgres: Postgres, settings: Settings, email: str, name: str) -> bool:
    granted = settings.initial_credits
    try:
        await add_user(postgres, WRITE, email=email, name=name, password=PASSWORD, granted=granted)
    except Problem:
        return False  # the address has its user
    return True
