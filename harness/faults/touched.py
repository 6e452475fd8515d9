"""How many connections a toxic touched: the witness of a toxic.

Our own link server reports it connection by connection.  The real Toxiproxy does not: it counts bytes only, and those
of a connection only once it has ended, which a pool's never does.  There two things are asked for instead, which
together say as much: a canary, a connection of our own through the link, that must meet the toxic's effect where it
met an answer just before; and a tap behind the link (`harness.toxiproxy.client.LinkServer`), that tells into how many
connections the upstream answered while the toxic lay on the link.
"""

from __future__ import annotations

import contextlib
from typing import Literal

from harness.clock import poll_until
from harness.errors import FaultNotWitnessed, HarnessError
from harness.faults.canary import CANARY_S, answer
from harness.toxiproxy.client import Link
from harness.toxiproxy.witness import Connected

Stream = Literal["upstream", "downstream"]

CANARIES = 5  # at most; one that is read too late says nothing
CLOSED_S = 0.5  # wall seconds for a canary's connection to be gone behind the link, too; it takes a few milliseconds


class Reported:
    """Told by the link server's own report.

    A connection counts when bytes of the toxic's stream came on it; one that was only closed meanwhile, as a pool
    closes an idle one, was touched too, and says nothing.
    """

    canary = ""

    def __init__(self, link: Link, *, stream: Stream = "downstream") -> None:
        self._link = link
        self._stream = stream
        self._name = ""
        self._known: dict[int, int] = {}

    def before(self) -> None:
        """Remember what had come before the toxic."""
        self._known = {one.id: _came(one, self._stream) for one in _report(self._link)}

    def applied(self, name: str) -> None:
        """The toxic is on the link."""
        self._name = name

    def count(self) -> int:
        """Connections to which the toxic did something so far."""
        return sum(1 for one in _report(self._link) if self._touched(one))

    def _touched(self, one: Connected) -> bool:
        touched = any(toxic.name == self._name for toxic in one.toxics)
        return touched and _came(one, self._stream) > self._known.get(one.id, 0)


class Tapped:
    """Told by a canary and by the tap behind the link."""

    def __init__(self, link: Link, tap: Link, shows: str, quiet_s: float, *, stream: Stream = "downstream") -> None:
        self._link, self._tap = link, tap
        self._shows = shows
        self._stream = stream
        self._within_s = quiet_s if shows == "silent" else CANARY_S
        self._known: dict[int, int] = {}
        self._gone: set[int] = set()
        self.canary = ""

    def before(self) -> None:
        """The control: a canary is answered.  HarnessError when it is not, for then its silence would say nothing."""
        met, _ = self._ask(CANARY_S)
        if met != "bytes":
            raise HarnessError(f"a canary through link {self._link.name!r} met {met!r} before anything was broken")

    def applied(self, name: str) -> None:
        """The toxic is on the link.  FaultNotWitnessed when a canary does not meet its effect."""
        before = {connection.id for connection in _report(self._tap)}
        met, after_s = self._meet()
        if met != self._shows:
            raise FaultNotWitnessed(
                f"toxic {name} is on link {self._link.name!r}, and a canary met {met!r} after {after_s:.3f} s, "
                f"not {self._shows!r}"
            )
        self.canary = f"; a canary met it, too ({met} after {after_s:.3f} s)"
        with contextlib.suppress(HarnessError):  # what is still open then is a connection of somebody else
            poll_until(lambda: self._gone_since(before), within_s=CLOSED_S, what="the canary's connection to end")
        report = _report(self._tap)
        self._known = {connection.id: _came(connection, self._stream) for connection in report}
        self._gone = {connection.id for connection in report if connection.ended is not None}

    def _meet(self) -> tuple[str, float]:
        """What a canary meets; asked again where a stall of this machine hid whether an answer came in time."""
        for _ in range(CANARIES):
            met, after_s = self._ask(self._within_s)
            if met != "bytes" or after_s < self._within_s:
                break
        return met, after_s

    def _ask(self, within_s: float) -> tuple[str, float]:
        return answer(*self._link.listen, self._link.question, within_s)

    def _gone_since(self, before: set[int]) -> bool:
        return all(connection.closed is not None for connection in _report(self._tap) if connection.id not in before)

    def count(self) -> int:
        """Connections, the canary's left out, that the toxic touched.

        Of a toxic on the answers: into which the upstream answered since the toxic is on the link.  Of one on the
        requests, which keeps them from the tap: that ended since without a byte more.
        """
        report = [connection for connection in _report(self._tap) if connection.id not in self._gone]
        more = [
            connection for connection in report if _came(connection, self._stream) > self._known.get(connection.id, 0)
        ]
        if self._stream == "downstream":
            return len(more)
        return sum(1 for connection in report if connection.ended is not None and connection not in more)


def _came(connection: Connected, stream: Stream) -> int:
    """Bytes of this stream that came so far."""
    return connection.received_up if stream == "upstream" else connection.received_down


def _report(link: Link) -> list[Connected]:
    connections = link.connections()
    if connections is None:
        raise HarnessError(f"the Toxiproxy server at {link.server.endpoint} reports no connections, and has no tap")
    return connections
