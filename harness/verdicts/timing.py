"""Claims about time and tries.

Law: a time claim has a lower bound, which proves that the fault was real, and an upper one, which is the promise
plus what this machine may hold us up.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from harness.clock import now
from harness.errors import NotInTime
from harness.faults import Witness
from harness.rig import SETTLE_S, Rig
from harness.target.memory import Memory
from harness.target.starts import Ended
from harness.traffic.exchange import Exchange
from harness.verdicts.claims import Claims

# Wall seconds by which a promise may be late before it counts as broken. Client, proxy and upstream share a CI
# machine's two cores with the other workers; at real speed this is under one percent of the guide's 30 s.
SCHEDULING_S = 0.25
BUSY = 10.0  # the start of a real program is about this many of an empty one's; idle, that adds 0.2 s
EARLY_S = 0.005  # wall seconds; timers are rounded, and two processes read their clocks at different moments


class Timing(Claims):
    """Claims about time and tries; ``_s`` without more is in target seconds."""

    def took(self, exchange: Exchange, at_least_s: float, at_most_s: float) -> None:
        """The client waited between two bounds, to the end of the answer."""
        measured = exchange.started, exchange.ended
        self._bounded("answered after", exchange.took_s, at_least_s, at_most_s, measured)

    def lasted(self, what: str, wall_s: float, at_least_s: float, at_most_s: float, *, since: float = 0.0) -> None:
        """``wall_s`` wall seconds, which began at ``since``, lie between two bounds in target seconds."""
        self._bounded(what, wall_s, at_least_s, at_most_s, (since, since + wall_s if since else math.inf))

    def _bounded(
        self, what: str, wall_s: float, at_least_s: float, at_most_s: float, measured: tuple[float, float]
    ) -> None:
        """A stall of this machine makes things late, never early: an upper bound that was kept needs no quiet one."""
        holds = self._within(wall_s, at_least_s, at_most_s)
        late_s = wall_s - self._rig.clock.wall(at_most_s) - SCHEDULING_S
        if at_least_s > 0 or not holds:
            self._case.time(*measured, late_s=late_s if late_s > 0 else math.inf)
        self.that(
            holds,
            f"{what} {at_least_s:g} s to {at_most_s:g} s (+ {SCHEDULING_S:g} s of scheduling)",
            f"{what} {self._rig.clock.target(wall_s):.2f} s ({wall_s:.3f} s of our clock)",
        )

    def _within(self, wall_s: float, at_least_s: float, at_most_s: float) -> bool:
        clock = self._rig.clock
        return clock.wall(at_least_s) - EARLY_S <= wall_s <= clock.wall(at_most_s) + SCHEDULING_S

    def ended_within(self, ended: Ended, wall_s: float) -> None:
        """A start that cannot succeed ended within ``wall_s``; no speed scales the start of a program.

        A busy machine starts every program slowly.  What the program waited for a core is not its own, and what its
        warden waited, and slow cores, show in an empty interpreter: `BUSY` times what that takes is added.
        """
        busy_s = BUSY * ended.control_s + ended.waited_s
        allowed = wall_s + busy_s
        expected = f"ended within {wall_s:g} s (+ {busy_s:.2f} s for a busy machine)"
        holds = ended.wall_s <= allowed
        if not holds:  # a stall makes an end late, never early
            self._case.time()
        self.that(holds, expected, f"ended after {ended.wall_s:.2f} s")

    def at_once(self, what: str, exchanges: Sequence[Exchange], within_s: float) -> None:
        """Half of them ended within ``within_s`` wall seconds: that they are work, whose pace no speed changes.

        The median says nothing of a moment in which the machine stalled.
        """
        took_s = median(one.took_s for one in exchanges)
        late_s = took_s - within_s - SCHEDULING_S
        if late_s > 0:
            window = min(one.started for one in exchanges), max(one.ended for one in exchanges)
            self._case.time(*window, late_s=late_s)
        expected = f"{what} (median) within {within_s:g} s of our clock (+ {SCHEDULING_S:g} s of scheduling)"
        self.that(late_s <= 0, expected, f"{what} (median) after {took_s:.3f} s of our clock")

    def duration(self, details: Mapping[str, Any], exchange: Exchange, *, at_least_s: float) -> None:
        """``details.duration`` (ms of the wall) is not less than was waited, nor more than the client saw."""
        told = details.get("duration")
        low, high = self._rig.clock.wall(at_least_s) - EARLY_S, exchange.took_s + EARLY_S
        holds = isinstance(told, int | float) and low * 1000 <= told <= high * 1000
        self.that(holds, f"duration {low * 1000:.0f} to {high * 1000:.0f} ms", f"duration {told} ms")

    def tries(self, exchange: Exchange, count: int) -> None:
        """The request was tried so often; refused tries are counted where the machine tells them."""
        self._count(exchange, count, count)

    def at_most_tries(self, exchange: Exchange, count: int) -> None:
        """The request was tried at most so often."""
        self._count(exchange, 0, count)

    def _count(self, exchange: Exchange, low: int, high: int) -> None:
        times = self._rig.tries(exchange)
        if not self._rig.tries_countable:
            self.note(f"refused tries cannot be counted on this machine; {_tries(len(times))} reached the origin")
            return
        self._case.attempts = [
            {"at_s": round(self._rig.clock.target(at - exchange.started), 3), "outcome": self._outcome(exchange, at)}
            for at in times
        ]
        expected = _tries(high) if low == high else f"at most {_tries(high)}"
        said = f"{expected} upstream", f"{_tries(len(times))} upstream"
        self.always(len(times) <= high, *said)  # a stall may cost a try its time; it makes none
        self.that(low <= len(times), *said)

    def _outcome(self, exchange: Exchange, at: float) -> str:
        return next((try_.outcome for try_ in self._rig.origin_tries(exchange) if try_.at == at), "refused")

    def spacing(self, times: Sequence[float], waits_s: Sequence[float]) -> None:
        """Between the tries lie these waits; where refused tries cannot be counted, there is nothing to say."""
        if not self._rig.tries_countable:
            return
        gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
        if times:
            self._case.time(times[0], times[-1], late_s=self._too_long_s(gaps, waits_s))
        expected = f"waits of {', '.join(f'{wait:g}' for wait in waits_s) or 'none'} s"
        actual = f"waits of {', '.join(f'{self._rig.clock.target(gap):.2f}' for gap in gaps) or 'none'} s"
        held = len(gaps) == len(waits_s) and self._all_held(times, gaps, waits_s)
        self.that(held, expected, actual)

    def _too_long_s(self, gaps: Sequence[float], waits_s: Sequence[float]) -> float:
        """By how much the longest gap is too long; inf where one is missing or too short, for that is no lateness."""
        walls = [self._rig.clock.wall(wait_s) for wait_s in waits_s]
        if len(gaps) != len(walls) or any(gap < wall - EARLY_S for gap, wall in zip(gaps, walls, strict=True)):
            return math.inf
        late_s = max((gap - wall - SCHEDULING_S for gap, wall in zip(gaps, walls, strict=True)), default=0.0)
        return late_s if late_s > 0 else math.inf

    def _all_held(self, times: Sequence[float], gaps: Sequence[float], waits_s: Sequence[float]) -> bool:
        """Whether the tries lie so far apart.

        We are told of a refused try a moment after it happened.  That moment lengthens the gap before it and shortens
        the one after it; for the first try there is none before, and what held this process up at all counts.  Where
        several are told late in a row, each gap shows only by how much more the later one is.
        """
        late_s = min(SCHEDULING_S, self._case.stall_s())
        for gap, wait_s in zip(gaps, waits_s, strict=True):
            if not (self._within(gap, wait_s, wait_s) or self._within(gap + late_s, wait_s, wait_s)):
                return False
            late_s = max(0.0, late_s + gap - self._rig.clock.wall(wait_s))
        return True

    def apart(self, what: str, times: Sequence[float], at_least_s: float) -> None:
        """There is one or more, and from each to the next lie at least so many wall seconds.

        A stall of this machine shortens a gap only by as much as the earlier one was noticed late.
        """
        gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
        short_s = at_least_s - EARLY_S - min(gaps, default=math.inf)
        if short_s > 0:
            self._case.time(times[0], times[-1], late_s=short_s)
        self.that(
            bool(times) and short_s <= 0,
            f"{what} 1, or {at_least_s:g} s of our clock and more from one to the next",
            f"{what} {len(times)}, " + (", ".join(f"{gap:.3f}" for gap in gaps) or "none") + " s apart",
        )

    def refusals_at_most(self, fault: Witness, count: int) -> None:
        """A refusing fault met at most so many connects, and at least one."""
        if not fault.counted:
            self.note("refused connects cannot be counted on this machine")
            return
        met = fault.hits()
        self.that(1 <= met <= count, f"1 to {count} tries upstream", f"{_tries(met)} upstream")

    def recovers(self, rig: Rig) -> None:
        """Once the fault is healed the next requests are served, within the time a bad health result is kept."""
        ttl_s = rig.contract.health.ttl_s if rig.contract.health else 0.0
        began, trouble = now(), ""
        try:
            rig.prove_healthy()
        except NotInTime as exc:  # any other trouble is our own
            self._case.time(began)
            trouble = str(exc)
        expected = f"served again at most {ttl_s:g} s (+ {SETTLE_S:g} s of scheduling) after the fault was healed"
        self.that(not trouble, expected, trouble or "served again once healed")

    def growth(self, memory: Memory) -> None:
        """The target's resident memory grew by less than the contract's bound."""
        bound = self._rig.streaming.growth_limit_mib or 0.0
        self.between("resident growth", -bound, bound, round(memory.growth_mib, 1), " MiB")


def _tries(count: int) -> str:
    return "1 try" if count == 1 else f"{count} tries"
