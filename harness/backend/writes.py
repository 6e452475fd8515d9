"""Writes: each leaves one row in ``executions``, in the same transaction as its effect.

Law: a request carries out its write once for each time it is sent, unless it has an ``Idempotency-Key``
(draft-ietf-httpapi-idempotency-key-header): then once for the key, and whoever sends the key again gets the first
answer again, marked ``Idempotent-Replayed: true``.  Only what took effect is kept: after a refusal (402, 404) or a
failure the key is free.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Header, Request
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from starlette.responses import Response

from harness.backend.executions import Write, record
from harness.backend.postgres import Connection, Postgres
from harness.backend.refusals import Problem
from harness.backend.services import User

REPLAYED = "Idempotent-Replayed"


class Wire(BaseModel):
    """A JSON object as the API says it: names in camelCase, unknown ones refused."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")


@dataclass(frozen=True)
class Answer:
    """What a write is answered with; also what is kept under its key."""

    status: int
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, status: int, body: Wire, headers: Mapping[str, str] | None = None) -> Answer:
        """An answer with ``body`` as JSON."""
        return cls(status, body.model_dump_json(by_alias=True), headers or {})

    def response(self) -> Response:
        """The answer as HTTP."""
        kind = "application/json" if self.body else None
        return Response(self.body, self.status, dict(self.headers), kind)


Effect = Callable[[Connection], Awaitable[Answer]]


async def by_user(
    request: Request,
    user_id: User,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=255)] = None,
) -> Write:
    """Read who wants to write what, once or by key."""
    said = await request.body()
    fingerprint = hashlib.sha256(b"\0".join([request.method.encode(), request.url.path.encode(), said])).hexdigest()
    return Write(request.scope["request_id"], request.method, request.url.path, user_id, idempotency_key, fingerprint)


ByUser = Annotated[Write, Depends(by_user)]


async def carry_out(postgres: Postgres, write: Write, effect: Effect) -> Answer:
    """Carry ``effect`` out and record it, or give again what its key was answered with first.

    Raises Problem 422 for a key that was used for another request, and whatever ``effect`` raises.
    """
    async with postgres.transaction() as connection:
        if write.key is not None and (kept := await _claim(connection, write)):
            return kept
        answer = await effect(connection)
        await record(connection, write)
        if write.key is not None:
            await _keep(connection, write, answer)
    return answer


async def _claim(connection: Connection, write: Write) -> Answer | None:
    """Take the key, or return the answer kept under it; waits for a transaction that is just using it."""
    taken = await connection.fetchval(
        "INSERT INTO idempotency (user_id, key, fingerprint, request_id) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT DO NOTHING RETURNING true",
        write.user_id,
        write.key,
        write.fingerprint,
        write.request_id,
    )
    if taken:
        return None
    row = await connection.fetchrow(
        "SELECT fingerprint, answer FROM idempotency WHERE user_id = $1 AND key = $2", write.user_id, write.key
    )
    assert row is not None, "a key that is taken is there: nothing deletes one"
    if row["fingerprint"] != write.fingerprint:
        raise Problem(422, "this Idempotency-Key was used for another request")
    kept = json.loads(row["answer"])
    return Answer(kept["status"], kept["body"], {**kept["headers"], REPLAYED: "true"})


async def _keep(connection: Connection, write: Write, answer: Answer) -> None:
    said = json.dumps({"status": answer.status, "body": answer.body, "headers": dict(answer.headers)})
    await connection.execute(
        "UPDATE idempotency SET answer = $3 WHERE user_id = $1 AND key = $2", write.user_id, write.key, said
    )
