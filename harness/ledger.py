"""What PostgreSQL holds afterwards: the truth about writes, read past the API and past every link."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

import asyncpg

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

ANSWER_S = 10.0  # wall seconds; a count takes a millisecond
TWICE = 2  # a session that ends is off the list a moment before its place is free

API = "errorpath-backend"  # how the API's sessions name themselves
END_SESSIONS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database()
"""

WAITING = """
SELECT pid FROM pg_stat_activity
WHERE application_name = $1 AND datname = current_database() AND wait_event_type = 'Lock'
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

    def serving_since(self) -> datetime:
        """When the server was started."""
        (row,) = self._fetch("SELECT pg_postmaster_start_time()")
        began = row[0]
        assert isinstance(began, datetime)
        return began

    @contextmanager
    def entries_locked(self) -> Iterator[None]:
        """Nothing can be entered in the ledger inside the block, for a transaction of ours holds it.

        So a spending waits in the middle, its account changed and no entry made; others of the account wait for it.
        """
        with asyncio.Runner() as runner:
            holder = runner.run(self._connected())
            try:
                runner.run(holder.execute("BEGIN; LOCK TABLE ledger IN EXCLUSIVE MODE"))
                yield
            finally:
                holder.terminate()  # whether the server is still there or not

    def waiting(self) -> int:
        """How many of the API's sessions wait for a lock."""
        return len(self._fetch(WAITING, API))

    @contextmanager
    def every_session_taken(self) -> Iterator[int]:
        """Inside the block the server refuses whoever connects, for all its sessions are ours: how many they are.

        Only for a server that nobody else uses.
        """
        held: list[Connection] = []
        with asyncio.Runner() as runner:
            try:
                yield runner.run(self._take_all(held))
            finally:
                for connection in held:
                    runner.run(connection.close(timeout=ANSWER_S))

    async def _take_all(self, held: list[Connection]) -> int:
        """Connect until the server refuses and none of its sessions is the API's; how many were made."""
        refused = 0
        while refused < TWICE:
            try:
                held.append(await self._connected())
                refused = 0
            except asyncpg.TooManyConnectionsError:
                ended = await held[0].fetch(END_SESSIONS, API)
                refused = 0 if ended else refused + 1
        return len(held)

    def _fetch(self, query: str, *arguments: object, writing: bool = True) -> list[Any]:
        return asyncio.run(self._fetched(query, arguments, writing))

    async def _fetched(self, query: str, arguments: tuple[object, ...], writing: bool) -> list[Any]:
        # Whatever the database lets others do: the truth is read, and a fault healed, in any state of it.
        settings = {"default_transaction_read_only": "off"} if writing else {}
        connection = await self._connected(settings)
        try:
            return list(await connection.fetch(query, *arguments))
        finally:
            await connection.close(timeout=ANSWER_S)

    async def _connected(self, settings: dict[str, str] | None = None) -> Connection:
        return await asyncpg.connect(self.url, timeout=ANSWER_S, command_timeout=ANSWER_S, server_settings=settings)
