"""One scenario's record: each claim with expected and actual, the witnesses, the attempts, the standard's view."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from harness.contract.catalogue import ErrorPath
from harness.errors import ContractViolation


@dataclass
class Case:
    """What one scenario claims and sees while it runs; turned into a row of ``results.json`` afterwards."""

    path: ErrorPath
    name: str
    claims: list[tuple[str, str]] = field(default_factory=list)
    witnesses: list[str] = field(default_factory=list)
    attempts: list[dict[str, Any]] = field(default_factory=list)
    standards: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    timed: list[tuple[float, float]] = field(default_factory=list)  # from when to when a claim about time was made
    timed_claim: int = -1  # the number of the last claim about time
    late_s: float = math.inf  # by how much that claim is broken
    stall_s: Callable[..., float] = lambda *_: 0.0  # `harness.traffic.lag.LagMonitor.worst`
    lost_s: Callable[..., float] = lambda *_: 0.0  # `harness.traffic.lag.LagMonitor.lost`
    waited_s: Callable[..., float] = lambda *_: 0.0  # `harness.target.core_wait.CoreWait.most`
    watch: Callable[[int], None] = lambda _: None  # `harness.target.core_wait.CoreWait.watch`
    harmless_s: float = 0.0  # a stall no longer than this spoils no promise that was kept; a broken one it may
    spoiling_s: float = math.inf  # a longer one lets the target's deadlines pass, and so breaks promises of any kind
    check_links: Callable[[], None] = lambda: None  # raises HarnessError when our own part of the way is broken

    def claim(self, *, holds: bool, expected: str, actual: str, excusable: bool = True) -> None:
        """Record a claim; raises ContractViolation, ``excusable`` by a stall or not, when it does not hold."""
        self.claims.append((expected, actual))
        if not holds:
            raise ContractViolation(expected, actual, excusable=excusable)

    def time(self, since: float = 0.0, until: float = math.inf, late_s: float = math.inf) -> None:
        """A claim is about time, measured between two moments of `harness.clock.now`: a stall then makes it void.

        ``late_s``: the wall seconds by which it is broken, where it is that and that is known.
        """
        self.timed.append((since, until))
        self.late_s = late_s
        self.timed_claim = len(self.claims)

    @property
    def disturbed_s(self) -> float:
        """The longest this machine kept us waiting while something was timed, in wall seconds."""
        return max((self.stall_s(*window) for window in self.timed), default=0.0)

    @property
    def withheld_s(self) -> float:
        """What this machine withheld during what was claimed last, in wall seconds; 0 if that is not a time.

        Short stalls of ours together; and where it was late, and by how much is known, what a watched process waited
        for a core: that makes nothing early.
        """
        if not self.timed or self.timed_claim != len(self.claims) - 1:
            return 0.0
        waited_s = self.waited_s(*self.timed[-1]) if self.late_s < math.inf else 0.0
        return max(waited_s, self.lost_s(*self.timed[-1]))

    def note(self, figure: str) -> None:
        """Record a measured figure that decides nothing (a lag, an amplification)."""
        self.notes.append(figure)

    @property
    def expected(self) -> str:
        """Every claim's expectation, in the order of the claims."""
        return "; ".join(dict.fromkeys(expected for expected, _ in self.claims))

    @property
    def actual(self) -> str:
        """What was seen for every claim, in the same order."""
        return "; ".join(dict.fromkeys(actual for _, actual in self.claims))
