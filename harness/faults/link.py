"""Faults of a hop: what a Toxiproxy link does to the connections through it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from harness.errors import HarnessError
from harness.faults import Stage, Witness
from harness.faults.canary import refused_connect
from harness.toxiproxy.client import Link
from harness.traffic.refusals import Refusals

MS = 1000


@dataclass(frozen=True)
class Refused:
    """Connects to the hop are refused (ECONNREFUSED), and open connections are closed.

    Witnessed by a connect of our own that must be refused (an enabled link with nothing behind it would accept it),
    and by the kernel's count of the target's refused connects where the machine tells it.
    """

    hop: str = "upstream"

    @contextmanager
    def inject(self, stage: Stage) -> Iterator[Witness]:
        """Disable the hop's link; enable it again on leaving."""
        link = stage.link(self.hop)
        host, port = link.listen
        with link.disabled():
            ours = f"a connect of our own to the {self.hop} link was refused"
            if not Refusals.available():
                refused_connect(host, port)
                yield Witness(detail=lambda: ours, hits=lambda: 1, counted=False)
                return
            with Refusals(port) as refusals:
                refusals.prove(host)
                yield Witness(
                    detail=lambda: f"{ours}, and {len(refusals.times())} of others",
                    hits=lambda: len(refusals.times()),
                    times=refusals.times,
                    required=0,
                )
                refusals.prove(host)  # now all that was refused has been announced


class _Toxic:
    """A fault that is one toxic on a hop's link, witnessed by the connections it touched."""

    hop: str
    kind: ClassVar[str]
    stream: ClassVar[str] = "downstream"

    def attributes(self, stage: Stage) -> dict[str, Any]:
        """The toxic's attributes, in Toxiproxy's units."""
        raise NotImplementedError

    @contextmanager
    def inject(self, stage: Stage) -> Iterator[Witness]:
        """Add the toxic; remove it on leaving."""
        link = stage.link(self.hop)
        with link.toxic(self.kind, stream=self.stream, **self.attributes(stage)) as name:
            yield Witness(
                detail=lambda: f"toxic {self.kind} on the {self.hop} link touched {touched(link, name)} connections",
                hits=lambda: touched(link, name),
            )


def touched(link: Link, name: str) -> int:
    """How many connections of ``link`` the toxic ``name`` did something to, by the link server's own report."""
    connections = link.connections()
    if connections is None:
        raise HarnessError(f"the Toxiproxy server at {link.server.endpoint} reports no connections")
    return sum(1 for connection in connections if any(touch.name == name for touch in connection.toxics))


@dataclass(frozen=True)
class AnswerReset(_Toxic):
    """The hop's answer is lost: the connection is reset when the first byte of it comes (position after-commit)."""

    hop: str = "upstream"
    kind = "reset_peer"

    def attributes(self, stage: Stage) -> dict[str, Any]:
        """At once."""
        return {"timeout": 0}


@dataclass(frozen=True)
class AnswerCut(_Toxic):
    """The hop's answer is lost: the connection is closed instead of its first byte (position after-commit)."""

    hop: str = "upstream"
    kind = "limit_data"

    def attributes(self, stage: Stage) -> dict[str, Any]:
        """Not one byte."""
        return {"bytes": 0}


@dataclass(frozen=True)
class AnswerLost(_Toxic):
    """The hop's answer never comes, and the connection stays open (position after-commit)."""

    hop: str = "upstream"
    kind = "timeout"

    def attributes(self, stage: Stage) -> dict[str, Any]:
        """For ever; removing the toxic closes the connection, as Toxiproxy does."""
        return {"timeout": 0}


@dataclass(frozen=True)
class Latency(_Toxic):
    """The hop's answers come ``target_s`` target seconds later."""

    hop: str
    target_s: float
    kind = "latency"

    def attributes(self, stage: Stage) -> dict[str, Any]:
        """In milliseconds of the wall."""
        return {"latency": round(stage.clock.wall(self.target_s) * MS), "jitter": 0}


@dataclass(frozen=True)
class BlackHole(_Toxic):
    """Nothing of the hop's answers comes through while this lasts; all of it afterwards.

    A bandwidth of 0, not ``timeout``: that one closes the connections when it is removed, which heals too well.
    """

    hop: str
    kind = "bandwidth"

    def attributes(self, stage: Stage) -> dict[str, Any]:
        """0 KB/s."""
        return {"rate": 0}
