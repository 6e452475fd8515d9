"""Credits: a balance, and the ledger of what moved it.

Law: the balance is never negative and always the sum of the ledger.  The row lock of one UPDATE decides between
spenders; nothing is read first and written later.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import Field

from harness.backend.executions import Write
from harness.backend.ledger import enter
from harness.backend.postgres import Connection
from harness.backend.refusals import Problem
from harness.backend.services import Services, User, With
from harness.backend.writes import Answer, ByUser, Wire, carry_out

AMOUNT_MAX = 10**12
PAGE_MAX = 1000
BIGINT_MAX = 2**63 - 1
X_CACHE = "X-Cache"  # hit, miss, or bypass where Redis did not answer

Before = Annotated[int | None, Query(ge=1, le=BIGINT_MAX)]

router = APIRouter(prefix="/api/credits", tags=["credits"])


class Balance(Wire):
    """What is left."""

    balance: int


class Spend(Wire):
    """What is to be spent, on what."""

    amount: int = Field(ge=1, le=AMOUNT_MAX)
    reason: str = Field("", max_length=200)


class Spent(Wire):
    """The ledger's entry of one execution."""

    entry_id: int
    amount: int
    balance_after: int


class Entry(Wire):
    """One movement: ``amount`` is negative for what was spent."""

    id: int
    kind: str
    amount: int
    balance_after: int
    reason: str
    request_id: str
    idempotency_key: str | None
    at: datetime


@router.get("/balance")
async def balance(user_id: User, its: With, response: Response) -> Balance:
    """Return the balance, from the cache for at most CACHE_TTL."""
    kept, answered = await its.cache.get(_cached(user_id))
    response.headers[X_CACHE] = "hit" if kept else "miss" if answered else "bypass"
    if kept:
        return Balance(balance=int(kept))
    async with its.postgres.connection() as connection:
        found = await _balance(connection, user_id)
    if answered:
        await its.cache.put(_cached(user_id), str(found))
    return Balance(balance=found)


@router.post("/spend", response_model=Spent)
async def spend(asked: Spend, write: ByUser, its: With) -> Response:
    """Spend credits, once for each request or once for each ``Idempotency-Key``; 402 where too few are left."""

    async def effect(connection: Connection) -> Answer:
        assert write.user_id is not None
        left = await _take(connection, write.user_id, asked.amount)
        entry = await enter(connection, write, write.user_id, "spend", -asked.amount, left, asked.reason)
        return Answer.of(200, Spent(entry_id=entry, amount=asked.amount, balance_after=left))

    try:
        answer = await carry_out(its.postgres, write, effect)
    finally:  # also where nobody knows whether it was committed
        await _forget(its, write)
    return answer.response()


@router.get("/ledger")
async def ledger(
    user_id: User, its: With, limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 100, before: Before = None
) -> list[Entry]:
    """Return one's own entries, newest first, up to ``limit``, older than the entry ``before``."""
    async with its.postgres.connection() as connection:
        rows = await connection.fetch(
            "SELECT id, kind, amount, balance_after, reason, request_id, idempotency_key, at FROM ledger"
            " WHERE user_id = $1 AND ($2::bigint IS NULL OR id < $2) ORDER BY id DESC LIMIT $3",
            user_id,
            before,
            limit,
        )
    return [Entry(**dict(row)) for row in rows]


def _cached(user_id: UUID) -> str:
    return f"balance:{user_id}"


async def _forget(its: Services, write: Write) -> None:
    assert write.user_id is not None
    await its.cache.forget(_cached(write.user_id))


async def _balance(connection: Connection, user_id: UUID) -> int:
    found = await connection.fetchval("SELECT balance FROM accounts WHERE user_id = $1", user_id)
    if found is None:
        raise Problem(404, "the user of this session has no account here")
    assert isinstance(found, int)
    return found


async def _take(connection: Connection, user_id: UUID, amount: int) -> int:
    """Take ``amount`` from the account and return what is left; raises Problem 402 where that is too much."""
    left = await connection.fetchval(
        "UPDATE accounts SET balance = balance - $2 WHERE user_id = $1 AND balance >= $2 RETURNING balance",
        user_id,
        amount,
    )
    if left is None:
        raise Problem(402, f"{amount} credits asked, {await _balance(connection, user_id)} left; nothing was spent")
    assert isinstance(left, int)
    return left
