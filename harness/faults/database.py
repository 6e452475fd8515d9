"""Faults of PostgreSQL's own making: sessions that it ends or has none left of, a restart, a read-only database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from harness.errors import FaultNotWitnessed
from harness.faults import Stage, Witness


class Database(Protocol):
    """A database that can be administered, past the API and past every link."""

    def end_sessions(self) -> int:
        """End the API's sessions; how many there were."""

    def set_read_only(self, *, on: bool) -> bool:
        """Let new sessions write or not, and end the old ones; whether a new one is read-only then."""

    def serving_since(self) -> datetime:
        """When the server was started."""

    def every_session_taken(self) -> AbstractContextManager[int]:
        """Have the server refuse whoever connects, inside the block; how many sessions that took."""


class Restartable(Protocol):
    """A server of which there is one process at a time."""

    def restart(self) -> None:
        """End it and start it again; returns once it serves."""


@dataclass(frozen=True)
class SessionsEnded:
    """The server ends every session of the API, as an administrator or a restart does (pg_terminate_backend).

    Witnessed by the number of sessions that there were.
    """

    database: Database

    @contextmanager
    def inject(self, stage: Stage) -> Iterator[Witness]:
        """Once; whoever connects again is welcome."""
        ended = self.database.end_sessions()
        yield Witness(detail=lambda: f"PostgreSQL ended {ended} sessions of the API", hits=lambda: ended)


@dataclass(frozen=True)
class ReadOnly:
    """The database takes no writes (default_transaction_read_only), as a standby does.

    Witnessed by a session of our own that is told so.
    """

    database: Database

    @contextmanager
    def inject(self, stage: Stage) -> Iterator[Witness]:
        """Switch writes off; on again on leaving."""
        try:
            if not self.database.set_read_only(on=True):
                raise FaultNotWitnessed("the database was to be read-only, and a session of our own can write")
            yield Witness(detail=lambda: "a session of our own was told that it is read-only", hits=lambda: 1)
        finally:
            self.database.set_read_only(on=False)


@dataclass(frozen=True)
class Full:
    """Every session that PostgreSQL allows is taken by others: "sorry, too many clients already" (SQLSTATE 53300).

    Witnessed by a connect of our own that was refused so, when no session was the API's.
    """

    database: Database

    @contextmanager
    def inject(self, stage: Stage) -> Iterator[Witness]:
        """Take them; give them back on leaving."""
        with self.database.every_session_taken() as count:
            told = f"PostgreSQL refused one session more, with {count} taken and none of them the API's"
            yield Witness(detail=lambda: told, hits=lambda: count)


@dataclass(frozen=True)
class Restarted:
    """PostgreSQL is stopped as for maintenance (fast shutdown: it ends every session) and started again.

    Witnessed by the time at which it says that it was started.
    """

    server: Restartable
    database: Database

    @contextmanager
    def inject(self, stage: Stage) -> Iterator[Witness]:
        """Once; it serves again when the block begins."""
        before = self.database.serving_since()
        self.server.restart()
        after = self.database.serving_since()
        if after <= before:
            raise FaultNotWitnessed(f"PostgreSQL was to be restarted, and says that it serves since {after}")
        yield Witness(detail=lambda: f"PostgreSQL serves since {after}, before since {before}", hits=lambda: 1)
