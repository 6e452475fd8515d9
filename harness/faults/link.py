"""Faults of a hop: what a Toxiproxy link does to the connections through it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from harness.errors import FaultNotWitnessed
from harness.faults import Stage, Witness
from harness.faults.canary import CANARY_S, QUIET_S, answer, refused_connect
from harness.faults.touched import Reported, Stream, Tapped
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


@dataclass(frozen=True)
class LeadsTo:
    """The hop leads to another address (HOST:PORT) than the upstream's.

    Witnessed by a request of our own on the hop that is answered, and not by the upstream.
    """

    address: str
    hop: str = "upstream"

    @contextmanager
    def inject(self, stage: Stage) -> Iterator[Witness]:
        """Point the hop's link there; point it back on leaving."""
        link = stage.link(self.hop)
        before = (link.tap or link).state().upstream
        link.point_at(self.address)
        known = len(stage.origin.connections())
        try:
            met, _ = answer(*link.listen, link.question, CANARY_S)
            if met != "bytes" or len(stage.origin.connections()) != known:
                raise FaultNotWitnessed(f"the {self.hop} link was to lead to {self.address}; a canary met {met}")
            yield Witness(
                detail=lambda: f"the {self.hop} link led to {self.address}, which answered a canary", hits=lambda: 1
            )
        finally:
            link.point_at(before)


class _Toxic:
    """A fault that is one toxic on a hop's link, witnessed by the connections it touched."""

    hop: str
    kind: ClassVar[str]
    stream: ClassVar[Stream] = "downstream"  # upstream: to the hop's server; downstream: its answers
    shows: ClassVar[str]  # what a canary meets instead of an answer, in the words of `harness.faults.canary.answer`

    def attributes(self, stage: Stage) -> dict[str, Any]:
        """The toxic's attributes, in Toxiproxy's units."""
        raise NotImplementedError

    def quiet_s(self, stage: Stage) -> float:
        """Wall seconds without an answer that a canary waits for where the toxic is to show as silence."""
        return QUIET_S

    @contextmanager
    def inject(self, stage: Stage) -> Iterator[Witness]:
        """Add the toxic; remove it on leaving."""
        link = stage.link(self.hop)
        quiet_s = self.quiet_s(stage)
        touched = (
            Reported(link, stream=self.stream)
            if link.tap is None
            else Tapped(link, link.tap, self.shows, quiet_s, stream=self.stream)
        )
        touched.before()
        with link.toxic(self.kind, self.stream, **self.attributes(stage)) as name:
            touched.applied(name)
            yield Witness(
                detail=lambda: (
                    f"toxic {self.kind} on the {self.hop} link touched {touched.count()} connections{touched.canary}"
                ),
                hits=touched.count,
            )


@dataclass(frozen=True)
class RequestReset(_Toxic):
    """The hop's request is lost: the connection is reset instead of its first byte (position before-commit)."""

    hop: str = "upstream"
    kind = "reset_peer"
    stream = "upstream"
    shows = "reset"

    def attributes(self, stage: Stage) -> dict[str, Any]:
        """At once."""
        return {"timeout": 0}


@dataclass(frozen=True)
class RequestCut(_Toxic):
    """The hop's request is lost: the connection is closed instead of its first byte (position before-commit)."""

    hop: str = "upstream"
    kind = "limit_data"
    stream = "upstream"
    shows = "closed"

    def attributes(self, stage: Stage) -> dict[str, Any]:
        """Not one byte."""
        return {"bytes": 0}


@dataclass(frozen=True)
class AnswerReset(_Toxic):
    """The hop's answer is lost: the connection is reset when the first byte of it comes (position after-commit)."""

    hop: str = "upstream"
    kind = "reset_peer"
    shows = "reset"

    def attributes(self, stage: Stage) -> dict[str, Any]:
        """At once."""
        return {"timeout": 0}


@dataclass(frozen=True)
class AnswerCut(_Toxic):
    """The hop's answer is lost: the connection is closed instead of its first byte (position after-commit)."""

    hop: str = "upstream"
    kind = "limit_data"
    shows = "closed"

    def attributes(self, stage: Stage) -> dict[str, Any]:
        """Not one byte."""
        return {"bytes": 0}


@dataclass(frozen=True)
class AnswerLost(_Toxic):
    """The hop's answer never comes, and the connection stays open (position after-commit)."""

    hop: str = "upstream"
    kind = "timeout"
    shows = "silent"

    def attributes(self, stage: Stage) -> dict[str, Any]:
        """For ever; removing the toxic closes the connection, as Toxiproxy does."""
        return {"timeout": 0}


@dataclass(frozen=True)
class Latency(_Toxic):
    """The hop's answers come ``target_s`` target seconds later."""

    hop: str
    target_s: float
    kind = "latency"
    shows = "silent"

    def attributes(self, stage: Stage) -> dict[str, Any]:
        """In milliseconds of the wall."""
        return {"latency": round(stage.clock.wall(self.target_s) * MS), "jitter": 0}

    def quiet_s(self, stage: Stage) -> float:
        """Nothing comes sooner than the latency; half of it leaves a busy machine time to notice."""
        return min(QUIET_S, stage.clock.wall(self.target_s) / 2)


@dataclass(frozen=True)
class BlackHole(_Toxic):
    """Nothing of the hop's answers comes through while this lasts; all of it afterwards.

    A bandwidth of 0, not ``timeout``: that one closes the connections when it is removed, which heals too well.
    Toxiproxy, too, takes 0 for "not a byte", not for "without limit".
    """

    hop: str
    kind = "bandwidth"
    shows = "silent"

    def attributes(self, stage: Stage) -> dict[str, Any]:
        """0 KB/s."""
        return {"rate": 0}
