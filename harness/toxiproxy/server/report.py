"""What happened to each connection: the witness.

All moments are seconds of `time.monotonic`, which all processes of one machine share.
"""

from __future__ import annotations

import enum
from collections import deque
from dataclasses import dataclass, field

KEPT_CLOSED = 2_000  # records of closed connections per proxy; the oldest are forgotten first


class Ended(enum.StrEnum):
    """What ended a connection, whichever came first."""

    CLIENT_CLOSED = "client closed"
    UPSTREAM_CLOSED = "upstream closed"
    CLIENT_RESET = "client reset"
    UPSTREAM_RESET = "upstream reset"
    DIAL_FAILED = "upstream unreachable"
    TOXIC = "toxic"
    DISABLED = "proxy disabled"


@dataclass(slots=True)
class Touch:
    """One toxic's traces on one connection: it delayed, cut, dropped, closed or reset something."""

    name: str
    type: str
    stream: str
    first: float
    last: float
    times: int = 1

    def as_json(self) -> dict[str, object]:
        """As the API shows it."""
        return {
            "name": self.name,
            "type": self.type,
            "stream": self.stream,
            "first": self.first,
            "last": self.last,
            "times": self.times,
        }


@dataclass(slots=True)
class Bytes:
    """Bytes read from the sender of a stream, and bytes handed on to its receiver."""

    received: int = 0
    sent: int = 0


@dataclass(slots=True)
class Record:
    """One connection, from accept to the end of both its sides."""

    id: int
    client: str
    opened: float
    connected: float | None = None
    closed: float | None = None
    ended: Ended | None = None
    detail: str = ""
    upstream: Bytes = field(default_factory=Bytes)
    downstream: Bytes = field(default_factory=Bytes)
    touches: dict[str, Touch] = field(default_factory=dict)

    def end(self, how: Ended, detail: str = "") -> None:
        """Note the first cause of the end; later ones follow from it."""
        if self.ended is None:
            self.ended, self.detail = how, detail

    def touch(self, name: str, type_: str, stream: str, at: float) -> None:
        """Note that a toxic did something to this connection."""
        known = self.touches.get(name)
        if known is None:
            self.touches[name] = Touch(name, type_, stream, at, at)
        else:
            known.last = at
            known.times += 1

    def as_json(self) -> dict[str, object]:
        """As the API shows it."""
        return {
            "id": self.id,
            "client": self.client,
            "opened": self.opened,
            "connected": self.connected,
            "closed": self.closed,
            "ended": self.ended,
            "detail": self.detail,
            "bytes": {
                "upstream": {"received": self.upstream.received, "sent": self.upstream.sent},
                "downstream": {"received": self.downstream.received, "sent": self.downstream.sent},
            },
            "toxics": [touch.as_json() for touch in self.touches.values()],
        }


class Report:
    """The connections of one proxy: all that are open, the latest that are closed."""

    def __init__(self) -> None:
        self._open: dict[int, Record] = {}
        self._closed: deque[Record] = deque(maxlen=KEPT_CLOSED)
        self._accepted = 0

    def open(self, client: str, at: float) -> Record:
        """Begin the record of an accepted connection; ids count from 1 in order of accepting."""
        self._accepted += 1
        record = Record(self._accepted, client, at)
        self._open[record.id] = record
        return record

    def close(self, record: Record, at: float) -> None:
        """The connection is gone."""
        record.closed = at
        if self._open.pop(record.id, None) is not None:
            self._closed.append(record)

    def as_json(self, since: float) -> dict[str, object]:
        """Every connection that was open at or after ``since``, in order of accepting."""
        records = [r for r in self._closed if r.closed is None or r.closed >= since]
        records += self._open.values()
        return {
            "accepted": self._accepted,
            "forgotten": self._accepted - len(self._closed) - len(self._open),
            "connections": [r.as_json() for r in sorted(records, key=lambda r: r.id)],
        }
