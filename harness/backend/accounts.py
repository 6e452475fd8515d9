"""Who may use the API: register, log in, log out, profile."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import Field, SecretStr
from starlette.responses import Response

from harness.backend.executions import Write
from harness.backend.passwords import NOBODY, matches
from harness.backend.postgres import Connection
from harness.backend.refusals import Problem
from harness.backend.services import User, With
from harness.backend.users import add_user
from harness.backend.writes import Answer, Wire, carry_out

router = APIRouter(prefix="/api", tags=["accounts"])


class Credentials(Wire):
    """How a user logs in."""

    email: str = Field(max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")
    password: SecretStr = Field(min_length=1, max_length=200)


class Registration(Wire):
    """A new user."""

    email: str = Field(max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")
    password: SecretStr = Field(min_length=8, max_length=200)
    name: str = Field("", max_length=100)


class Profile(Wire):
    """A user, without what is secret."""

    id: UUID
    email: str
    name: str
    created_at: datetime


@router.post("/auth/register", status_code=201, response_model=Profile)
async def register(asked: Registration, request: Request, its: With) -> Response:
    """Make a user with INITIAL_CREDITS and log in; 409 for an address that has one."""
    added = await add_user(
        its.postgres,
        _write(request),
        email=asked.email,
        name=asked.name,
        password=asked.password.get_secret_value(),
        granted=its.settings.initial_credits,
    )
    profile = Profile(**dict(added))
    response = Answer.of(201, profile).response()
    its.sessions.open(response, profile.id)
    return response


@router.post("/auth/login", response_model=Profile)
async def login(asked: Credentials, request: Request, its: With) -> Response:
    """Open a session in an httpOnly cookie; 401 for a wrong address or password alike."""
    async with its.postgres.connection() as connection:
        row = await connection.fetchrow(
            "SELECT id, email, name, created_at, password_hash FROM users WHERE lower(email) = lower($1)", asked.email
        )
    right = await matches(asked.password.get_secret_value(), row["password_hash"] if row else NOBODY)
    if row is None or not right:
        raise Problem(401, "the address or the password is wrong")
    user_id: UUID = row["id"]

    async def effect(connection: Connection) -> Answer:
        await connection.execute("UPDATE users SET last_login_at = clock_timestamp() WHERE id = $1", user_id)
        return Answer.of(200, Profile(**{name: row[name] for name in ("id", "email", "name", "created_at")}))

    response = (await carry_out(its.postgres, _write(request, user_id), effect)).response()
    its.sessions.open(response, user_id)
    return response


@router.post("/auth/logout", status_code=204)
async def logout(its: With) -> Response:
    """Take the cookie back; this changes nothing on our side, so it needs no session and no database."""
    response = Response(status_code=204)
    its.sessions.close(response)
    return response


@router.get("/users/profile")
async def profile(user_id: User, its: With) -> Profile:
    """Return one's own profile."""
    async with its.postgres.connection() as connection:
        row = await connection.fetchrow("SELECT id, email, name, created_at FROM users WHERE id = $1", user_id)
    if row is None:
        raise Problem(404, "the user of this session does not exist here")
    return Profile(**dict(row))


def _write(request: Request, user_id: UUID | None = None) -> Write:
    return Write(request.scope["request_id"], request.method, request.url.path, user_id)
