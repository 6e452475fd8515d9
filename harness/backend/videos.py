"""Video jobs: a plain resource with every method, so that each can be counted.

PUT and DELETE are idempotent (RFC 9110 9.2.2): done again, they change nothing more.  PATCH is not: it lengthens the
video each time, and counts the revision up.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Query, Response
from pydantic import Field

from harness.backend.postgres import Connection
from harness.backend.refusals import Problem
from harness.backend.services import User, With
from harness.backend.writes import Answer, ByUser, Wire, carry_out

PAGE_MAX = 200
DURATION_MAX_S = 3600

router = APIRouter(prefix="/api/videos", tags=["videos"])


class Generate(Wire):
    """What is to be made."""

    prompt: str = Field(min_length=1, max_length=2000)
    title: str = Field("", max_length=200)
    duration_s: int = Field(10, ge=1, le=DURATION_MAX_S)


class Rename(Wire):
    """The title it shall have."""

    title: str = Field(max_length=200)


class Extend(Wire):
    """By how many seconds it shall be longer."""

    extend_s: int = Field(ge=1, le=DURATION_MAX_S)


class Video(Wire):
    """A video job."""

    id: UUID
    prompt: str
    title: str
    duration_s: int
    revision: int
    status: str
    created_at: datetime
    updated_at: datetime


@router.post("/generate", status_code=202, response_model=Video)
async def generate(asked: Generate, write: ByUser, its: With) -> Response:
    """Queue a video; ``Location`` is where it will be."""

    async def effect(connection: Connection) -> Answer:
        video = await _one(
            connection,
            "INSERT INTO videos (user_id, prompt, title, duration_s) VALUES ($1, $2, $3, $4) RETURNING *",
            write.user_id,
            asked.prompt,
            asked.title,
            asked.duration_s,
        )
        return Answer.of(202, video, {"Location": f"/api/videos/{video.id}"})

    return (await carry_out(its.postgres, write, effect)).response()


@router.get("")
async def videos(user_id: User, its: With, limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 50) -> list[Video]:
    """Return one's own videos, newest first."""
    async with its.postgres.connection() as connection:
        rows = await connection.fetch(
            "SELECT * FROM videos WHERE user_id = $1 AND deleted_at IS NULL ORDER BY created_at DESC, id LIMIT $2",
            user_id,
            limit,
        )
    return [_video(row) for row in rows]


@router.get("/{video_id}")
async def video(video_id: UUID, user_id: User, its: With) -> Video:
    """Return one video."""
    async with its.postgres.connection() as connection:
        return await _one(
            connection,
            "SELECT * FROM videos WHERE id = $1 AND user_id = $2 AND deleted_at IS NULL",
            video_id,
            user_id,
        )


@router.put("/{video_id}", response_model=Video)
async def rename(video_id: UUID, asked: Rename, write: ByUser, its: With) -> Response:
    """Give a video this title, whatever it had; again is the same again."""

    async def effect(connection: Connection) -> Answer:
        renamed = await _one(
            connection,
            "UPDATE videos SET title = $3, updated_at = clock_timestamp()"
            " WHERE id = $1 AND user_id = $2 AND deleted_at IS NULL RETURNING *",
            video_id,
            write.user_id,
            asked.title,
        )
        return Answer.of(200, renamed)

    return (await carry_out(its.postgres, write, effect)).response()


@router.patch("/{video_id}", response_model=Video)
async def extend(video_id: UUID, asked: Extend, write: ByUser, its: With) -> Response:
    """Make a video longer by so much, each time; 409 past the longest there is."""

    async def effect(connection: Connection) -> Answer:
        extended = await _one(
            connection,
            "UPDATE videos SET duration_s = duration_s + $3, revision = revision + 1, updated_at = clock_timestamp()"
            " WHERE id = $1 AND user_id = $2 AND deleted_at IS NULL RETURNING *",
            video_id,
            write.user_id,
            asked.extend_s,
        )
        return Answer.of(200, extended)

    try:
        return (await carry_out(its.postgres, write, effect)).response()
    except asyncpg.CheckViolationError:
        raise Problem(409, f"a video lasts at most {DURATION_MAX_S} s") from None


@router.delete("/{video_id}", status_code=204)
async def delete(video_id: UUID, write: ByUser, its: With) -> Response:
    """Delete a video; again is the same again."""

    async def effect(connection: Connection) -> Answer:
        done = await connection.fetchval(
            "UPDATE videos SET deleted_at = coalesce(deleted_at, clock_timestamp())"
            " WHERE id = $1 AND user_id = $2 RETURNING true",
            video_id,
            write.user_id,
        )
        if not done:
            raise Problem(404, "there is no such video of yours")
        return Answer(204)

    return (await carry_out(its.postgres, write, effect)).response()


async def _one(connection: Connection, statement: str, *arguments: object) -> Video:
    """Return the one video a statement is about; raises Problem 404 where there is none."""
    row = await connection.fetchrow(statement, *arguments)
    if row is None:
        raise Problem(404, "there is no such video of yours")
    return _video(row)


def _video(row: asyncpg.Record) -> Video:
    return Video(**{name: row[name] for name in Video.model_fields})
