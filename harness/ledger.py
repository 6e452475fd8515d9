"""What PostgreSQL holds afterwards: the truth about writes, read past the API and past every link."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import asyncpg

ANSWER_S = 10.0  # wall seconds; a count takes a millisecond

API = "errorpath-backend"  # how the API's sessions name themselves
END_SESSIONS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database()
"""

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

    def end_sessions(self) -> int:
        """End the API's sessions; how many there were."""
        return len(self._fetch(END_SESSIONS, API))

    def set_read_only(self, *, on: bool) -> bool:
        """Let new sessions write or not, and end the API's old ones; whether a new one is read-only then."""
        (row,) = self._fetch("SELECT format('ALTER DATABASE %I', current_database())")
        self._fetch(f"{row[0]} SET default_transaction_read_only = {'on' if on else 'off'}")
        self.end_sessions()
        (row,) = self._fetch("SHOW default_transaction_read_only", writing=False)
        return bool(row[0] == "on")

    def _fetch(self, query: str, *arguments: object, writing: bool = True) -> list[Any]:
        return asyncio.run(self._fetched(query, arguments, writing))

    async def _fetched(self, query: str, arguments: tuple[object, ...], writing: bool) -> list[Any]:
        # Whatever the database lets others do: the truth is read, and a fault healed, in any state of it.
        settings = {"default_transaction_read_only": "off"} if writing else {}
        connection = await asyncpg.connect(
            self.url, timeout=ANSWER_S, command_timeout=ANSWER_S, server_settings=settings
        )
        try:
            return list(await connection.fetch(query, *arguments))
        finally:
            await connection.close(timeout=ANSWER_S)
