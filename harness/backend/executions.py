"""The record of what was carried out: one row in ``executions`` for each write, in the transaction of its effect."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from harness.backend.postgres import Connection


@dataclass(frozen=True)
class Write:
    """A request that changes something."""

    request_id: str
    method: str
    path: str
    user_id: UUID | None = None
    key: str | None = None
    fingerprint: str = ""


async def record(connection: Connection, write: Write) -> None:
    """Write the execution's row."""
    await connection.execute(
        "INSERT INTO executions (request_id, method, path, user_id, idempotency_key) VALUES ($1, $2, $3, $4, $5)",
        write.request_id,
        write.method,
        write.path,
        write.user_id,
        write.key,
    )
