"""PostgreSQL: a pool in which every step has a deadline, and which heals by itself.

Law: a connection goes back to the pool only if it is known to be sound.  After a time-out, a cancellation or a
network failure it is terminated at once, without a ROLLBACK that could wait on the same black hole.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg

from harness.backend.dependencies import LOST, NO_ANSWER, DependencyDown, Outcome, Words, reason_for
from harness.backend.refusals import Problem

if TYPE_CHECKING:
    from asyncpg.pool import Pool, PoolConnectionProxy

    from harness.backend.settings import Settings

Connection: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"

NAME = "postgres"
MIGRATE = "python -m harness.backend migrate"
MIGRATIONS_MISSING = f"lacks its migrations; run: {MIGRATE}"

WORDS: Words = (
    (asyncpg.InvalidAuthorizationSpecificationError, "refused the credentials"),
    (asyncpg.InvalidCatalogNameError, "has no database of that name"),
    (asyncpg.TooManyConnectionsError, "has too many connections"),
    (asyncpg.InsufficientResourcesError, "has run out of resources"),
    (asyncpg.CannotConnectNowError, "is starting up or shutting down"),
    (asyncpg.QueryCanceledError, NO_ANSWER),
    (asyncpg.OperatorInterventionError, LOST),
    (asyncpg.InsufficientPrivilegeError, "refused permission"),
    (asyncpg.ReadOnlySQLTransactionError, "is read-only"),
    (asyncpg.UndefinedTableError, MIGRATIONS_MISSING),
    (asyncpg.UndefinedColumnError, MIGRATIONS_MISSING),
    (asyncpg.IdleInTransactionSessionTimeoutError, LOST),
    (asyncpg.PostgresConnectionError, LOST),
)
# InternalClientError: asyncpg met what it did not expect, such as the server's farewell between two statements.
FAILURES = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)


async def _keep_session(_: object) -> None:
    """Sessions hold no state of a request, so giving one back costs no round trip."""


class Postgres:
    """The pool; `connection` and `transaction` are the only ways in, and raise DependencyDown for its failures."""

    def __init__(self, pool: Pool[asyncpg.Record], settings: Settings) -> None:
        self._pool = pool
        self._acquire_s = settings.db_acquire_ms / 1000
        self._operation_s = settings.db_operation_ms / 1000

    @classmethod
    async def open(cls, settings: Settings) -> Postgres:
        """Return the pool; it connects when first asked, so that PostgreSQL may come up later than we do."""
        pool = await asyncpg.create_pool(
            min_size=0,
            max_size=settings.db_pool_size,
            reset=_keep_session,
            **connect_arguments(settings),
        )
        return cls(pool, settings)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection for at most DB_OPERATION_TIMEOUT; raises DependencyDown naming what is wrong."""
        connection = await self._acquire()
        try:
            async with asyncio.timeout(self._operation_s):
                yield connection
        except BaseException as error:
            if not _sound(connection, error):
                _drop(connection)
            if is_failure(error):
                raise translated(error) from error
            raise
        finally:
            await self._pool.release(connection)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Lend a connection within a transaction: committed when the block ends, rolled back when it raises."""
        async with self.connection() as connection:
            transaction = connection.transaction()
            await transaction.start()
            try:
                yield connection
            except BaseException as error:
                if _sound(connection, error):
                    await transaction.rollback()
                raise
            try:
                await transaction.commit()
            except FAILURES as error:
                _drop(connection)
                raise translated(error, outcome="unknown") from error

    async def close(self) -> None:
        """Drop every connection at once; nothing is in flight any more."""
        self._pool.terminate()

    async def _acquire(self) -> Connection:
        try:
            return await self._pool.acquire(timeout=self._acquire_s)
        except FAILURES as error:
            if isinstance(error, TimeoutError) and self._exhausted():
                raise DependencyDown(NAME, "has no free connection left in the pool") from error
            raise translated(error) from error

    def _exhausted(self) -> bool:
        return self._pool.get_size() == self._pool.get_max_size() and self._pool.get_idle_size() == 0


def connect_arguments(settings: Settings) -> dict[str, Any]:
    """How any connection of ours is made: bounded at both ends, in our schema, and named in ``pg_stat_activity``.

    The server's own bounds matter where it does not learn that we have gone: without them a transaction cut off in
    the middle would keep its row locks after the network has healed.
    """
    database = settings.database
    bound_ms = str(max(1, round(settings.db_operation_ms)))
    return {
        "dsn": database.dsn,
        "timeout": settings.db_connect_ms / 1000,
        "command_timeout": settings.db_command_ms / 1000,
        "statement_cache_size": 0 if database.behind_pgbouncer else 100,
        "server_settings": {
            "search_path": database.quoted_schema,
            "application_name": "errorpath-backend",
            "idle_in_transaction_session_timeout": bound_ms,
            "statement_timeout": bound_ms,
        },
    }


def is_failure(error: BaseException) -> bool:
    """Whether PostgreSQL or the way to it failed; what else it refuses is a defect of ours or a conflict of data."""
    if isinstance(error, asyncpg.InterfaceError):
        return not isinstance(error, ValueError)  # asyncpg's mark for arguments that do not fit
    return isinstance(error, (OSError, asyncpg.InternalClientError, *(kind for kind, _ in WORDS)))


def _sound(connection: Connection, error: BaseException) -> bool:
    """Whether the connection is surely in step with the server after ``error``."""
    answered = isinstance(error, Problem | asyncpg.PostgresError)
    return answered and not is_failure(error) and not _is_closed(connection)


def _drop(connection: Connection) -> None:
    """Terminate the connection, unless the pool has done so already."""
    if not _is_closed(connection):
        connection.terminate()


def _is_closed(connection: Connection) -> bool:
    """Whether it has ended; one that was cut goes back to the pool by itself, and then refuses even this question."""
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:
        return True


def translated(error: BaseException, outcome: Outcome = "failed") -> DependencyDown:
    """Say a failure of PostgreSQL in our words."""
    return DependencyDown(NAME, reason_for(error, WORDS, LOST), outcome)
