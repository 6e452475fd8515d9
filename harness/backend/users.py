"""Adding a user: the row, the account and its first credits, all or nothing."""

from __future__ import annotations

from dataclasses import replace

import asyncpg

from harness.backend.executions import Write, record
from harness.backend.ledger import open_account
from harness.backend.passwords import hash_password
from harness.backend.postgres import Postgres
from harness.backend.refusals import Problem


async def add_user(
    postgres: Postgres, write: Write, *, email: str, name: str, password: str, granted: int
) -> asyncpg.Record:
    """Add a user and return ``id, email, name, created_at``; raises Problem 409 for an address that is taken."""
    hashed = await hash_password(password)  # before a connection is held
    try:
        async with postgres.transaction() as connection:
            added = await connection.fetchrow(
                "INSERT INTO users (email, name, password_hash) VALUES ($1, $2, $3)"
                " RETURNING id, email, name, created_at",
                email,
                name,
                hashed,
            )
            assert added is not None
            await open_account(connection, write, added["id"], granted)
            await record(connection, replace(write, user_id=added["id"]))
    except asyncpg.UniqueViolationError:
        raise Problem(409, "this address already has a user; log in instead") from None
    return added
