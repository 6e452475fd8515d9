"""One scenario's record: each claim with expected and actual, the witnesses, the attempts, the standard's view."""

from __future__ import annotations

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
    timed: bool = False  # whether a claim was about time, which a stall of this machine makes void
    stall_s: Callable[[], float] = lambda: 0.0  # the longest this machine kept us waiting so far, in wall seconds
    check_links: Callable[[], None] = lambda: None  # raises HarnessError when our own part of the way is broken

    def claim(self, *, holds: bool, expected: str, actual: str) -> None:
        """Record a claim; raises ContractViolation when it does not hold."""
        self.claims.append((expected, actual))
        if not holds:
            raise ContractViolation(expected, actual)

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
