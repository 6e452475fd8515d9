"""The ledger's rows: every movement of credits, with the balance that it led to."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from harness.backend.executions import Write
from harness.backend.postgres import Connection


async def open_account(connection: Connection, write: Write, user_id: UUID, granted: int) -> None:
    """Give a new user an account with ``granted`` credits."""
    await connection.execute("INSERT INTO accounts (user_id, balance) VALUES ($1, $2)", user_id, granted)
    await enter(connection, write, user_id, "grant", granted, granted, "initial credits")


async def enter(
    connection: Connection,
    write: Write,
    user_id: UUID,
    kind: Literal["grant", "spend"],
    amount: int,
    after: int,
    reason: str,
) -> int:
    """Append one movement of ``amount`` (negative for "spend") and return its number."""
    entry = await connection.fetchval(
        "INSERT INTO ledger (user_id, kind, amount, balance_after, reason, request_id, idempotency_key)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id",
        user_id,
        kind,
        amount,
        after,
        reason,
        write.request_id,
        write.key,
    )
    assert isinstance(entry, int)
    return entry
