"""What PostgreSQL holds afterwards: the truth about writes, read past the API and past every link."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import asyncpg

ANSWER_S = 10.0  # wall seconds; a count takes a millisecond

BOOKS = """
SELECT (SELECT coalesce(sum(balance), 0) FROM accounts) - (SELECT coalesce(sum(amount), 0) FROM ledger),
       (SELECT count(*) FROM ledger WHERE kind = 'spend')
       - (SELECT count(*) FROM executions WHERE path = '/api/credits/spend')
"""


@dataclass(frozen=True)
class Books:
    """What must not change: balances minus ledger, and spendings minus executions."""

    difference: int
    unmatched: int


@dataclass(frozen=True)
class VideoRow:
    """A video as PostgreSQL holds it; ``revision`` begins at 1 and counts the times it was made longer."""

    title: str
    revision: int
    deleted: bool


@dataclass(frozen=True)
class Ledger:
    """A worker's database at ``url``, reached directly."""

    url: str

    def executions(self, request_id: str) -> int:
        """How often the request was executed."""
        (row,) = self._fetch("SELECT count(*) FROM executions WHERE request_id = $1", request_id)
        return int(row[0])

    def books(self) -> Books:
        """The sums over all accounts."""
        (row,) = self._fetch(BOOKS)
        return Books(int(row[0]), int(row[1]))

    def video(self, identity: str) -> VideoRow:
        """One video, also a deleted one."""
        (row,) = self._fetch("SELECT title, revision, deleted_at FROM videos WHERE id = $1::uuid", identity)
        return VideoRow(row[0], row[1], row[2] is not None)

    def _fetch(self, query: str, *arguments: object) -> list[Any]:
        return asyncio.run(self._fetched(query, arguments))

    async def _fetched(self, query: str, arguments: tuple[object, ...]) -> list[Any]:
        connection = await asyncpg.connect(self.url, timeout=ANSWER_S, command_timeout=ANSWER_S)
        try:
            return list(await connection.fetch(query, *arguments))
        finally:
            await connection.close(timeout=ANSWER_S)
