"""One exchange with everything that belongs to it, on one clock: what the client saw, what the origin saw, what was
refused, and when which fault was in force."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypedDict

from harness.clock import Clock
from harness.traffic.exchange import Exchange
from harness.traffic.recording import Attempt


class Moment(TypedDict):
    """A row of ``attempts`` in results.json: target seconds after the start of the exchange, and what happened."""

    at_s: float
    outcome: str


@dataclass(frozen=True)
class FaultWindow:
    """A fault was in force from ``began`` to ``healed`` (None: it still is), in wall seconds of `clock.now()`."""

    fault: str
    began: float
    healed: float | None = None


@dataclass(frozen=True)
class Trace:
    """All that is known of one exchange; ``clock`` says how fast the target lives."""

    exchange: Exchange
    clock: Clock
    attempts: tuple[Attempt, ...] = ()
    refusals: tuple[float, ...] = ()
    faults: tuple[FaultWindow, ...] = ()

    @classmethod
    def of(
        cls,
        exchange: Exchange,
        clock: Clock,
        *,
        attempts: Sequence[Attempt] = (),
        refusals: Sequence[float] = (),
        faults: Sequence[FaultWindow] = (),
    ) -> Trace:
        """Of ``attempts`` those that carry the exchange's key; of ``refusals`` and ``faults`` those in its time."""
        began, ended = exchange.started, exchange.ended
        return cls(
            exchange,
            clock,
            tuple(attempt for attempt in attempts if attempt.key == exchange.key),
            tuple(at for at in refusals if began <= at <= ended),
            tuple(fault for fault in faults if fault.began <= ended and (fault.healed or ended) >= began),
        )

    @property
    def took_s(self) -> float:
        """Target seconds the client waited."""
        return self.clock.target(self.exchange.took_s)

    def at_s(self, wall: float) -> float:
        """Target seconds from the start of the exchange to ``wall``."""
        return self.clock.target(wall - self.exchange.started)

    def tries(self) -> list[Moment]:
        """Every try the proxy made, seen by the origin or refused, in order."""
        moments = [_moment(self.at_s(attempt.at), attempt.outcome) for attempt in self.attempts]
        moments += [_moment(self.at_s(at), "refused") for at in self.refusals]
        return sorted(moments, key=lambda moment: moment["at_s"])

    def gaps_s(self) -> list[float]:
        """Target seconds between one try and the next."""
        at = [moment["at_s"] for moment in self.tries()]
        return [later - earlier for earlier, later in pairwise(at)]

    def timeline(self) -> list[Moment]:
        """Everything that happened, in order."""
        moments = [_moment(0.0, f"client asked {self.exchange.method} {self.exchange.path}"), *self.tries()]
        moments += [
            _moment(self.at_s(attempt.closed_by_peer_at), "proxy left the origin")
            for attempt in self.attempts
            if attempt.closed_by_peer_at is not None
        ]
        moments += [_moment(self.at_s(fault.began), f"{fault.fault} began") for fault in self.faults]
        moments += [
            _moment(self.at_s(fault.healed), f"{fault.fault} healed")
            for fault in self.faults
            if fault.healed is not None
        ]
        moments.append(_moment(self.took_s, f"client saw {self.exchange.summary()}"))
        return sorted(moments, key=lambda moment: moment["at_s"])

    def __str__(self) -> str:
        return "\n".join(f"{moment['at_s']:+9.3f} s  {moment['outcome']}" for moment in self.timeline())


def _moment(at_s: float, outcome: str) -> Moment:
    return {"at_s": round(at_s, 3), "outcome": outcome}
