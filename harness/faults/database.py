"""Faults of PostgreSQL's own making: sessions that it ends, a database that takes no writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from harness.errors import FaultNotWitnessed
from harness.faults import Stage, Witness


class Database(Protocol):
    """A database that can be administered, past the API and past every link."""

    def end_sessions(self) -> int:
        """End the API's sessions; how many there were."""

    def set_read_only(self, *, on: bool) -> bool:
        """Let new sessions write or not, and end the old ones; whether a new one is read-only then."""


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
