"""A measured figure, its target, and whether it was met."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Figure:
    """The median of several rounds; ``target`` in words, ``met`` by the median."""

    name: str
    rounds: tuple[float, ...]
    unit: str
    target: str = ""
    met: bool = True

    @classmethod
    def of(
        cls,
        name: str,
        rounds: Sequence[float],
        unit: str,
        *,
        at_least: float | None = None,
        below: float | None = None,
    ) -> Figure:
        """A figure with a lower or an upper target, or none."""
        median = statistics.median(rounds)
        if at_least is not None:
            return cls(name, tuple(rounds), unit, f"at least {at_least:g} {unit}", median >= at_least)
        if below is not None:
            return cls(name, tuple(rounds), unit, f"below {below:g} {unit}", median < below)
        return cls(name, tuple(rounds), unit)

    @property
    def median(self) -> float:
        """Of all rounds."""
        return statistics.median(self.rounds)

    def __str__(self) -> str:
        spread = f"{min(self.rounds):.4g} to {max(self.rounds):.4g}"
        target = f"  [{'met' if self.met else 'MISSED'}: {self.target}]" if self.target else ""
        return f"{self.name:<78} {self.median:>9.4g} {self.unit:<9} ({spread}){target}"

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        rounds = [round(value, 4) for value in self.rounds]
        return {
            "name": self.name,
            "median": round(self.median, 4),
            "unit": self.unit,
            "rounds": rounds,
            "target": self.target,
            "met": self.met,
        }
