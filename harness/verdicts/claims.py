"""Claims about values: each records what was expected and what was, in words and units, whether it holds or not."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, TypeVar

from harness.clock import poll_until
from harness.errors import HarnessError
from harness.rig import SETTLE_S, Rig

T = TypeVar("T")


class Claims:
    """Claims of the scenario that works with ``rig``."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._case = rig.case

    def that(self, holds: bool, expected: str, actual: str) -> None:
        """A claim in words; raises ContractViolation when it does not hold, as every claim does."""
        self._case.claim(holds=holds, expected=expected, actual=actual)

    def always(self, holds: bool, expected: str, actual: str) -> None:
        """A claim that no stall of this machine excuses: what is done twice, lost or told was not merely late."""
        self._case.claim(holds=holds, expected=expected, actual=actual, excusable=False)

    def executed(self, times: int, allowed: Collection[int]) -> None:
        """The database says that the request was executed one of these numbers of times."""
        wanted = " or ".join(map(str, allowed))
        self.always(times in allowed, f"{wanted} executions in PostgreSQL", f"{times} executions in PostgreSQL")

    def unchanged(self, what: str, before: object, after: object) -> None:
        """What no failure may change."""
        self.always(before == after, f"{what} {shown(before)}", f"{what} {shown(after)}")

    def equal(self, what: str, expected: T, actual: T) -> None:
        """``what`` is exactly ``expected``."""
        self.that(expected == actual, f"{what} {shown(expected)}", f"{what} {shown(actual)}")

    def one_of(self, what: str, allowed: Collection[Any], actual: object) -> None:
        """``what`` is one of ``allowed``."""
        words = " or ".join(shown(value) for value in allowed)
        self.that(actual in allowed, f"{what} {words}", f"{what} {shown(actual)}")

    def between(self, what: str, low: float, high: float, actual: float, unit: str = "") -> None:
        """``what`` lies between two bounds, both included."""
        self.that(low <= actual <= high, f"{what} {low:g} to {high:g}{unit}", f"{what} {actual:g}{unit}")

    def contains(self, what: str, text: object, part: str) -> None:
        """``what`` is a text with ``part`` in it."""
        self.that(isinstance(text, str) and part in text, f"{part!r} in the {what}", f"{what} {shown(text)}")

    def begins(self, what: str, starts: tuple[str, ...], actual: object) -> None:
        """``what`` is a text that begins with one of ``starts``."""
        holds = isinstance(actual, str) and actual.startswith(starts)
        self.that(holds, f"{what} {' or '.join(starts)}", f"{what} {shown(actual)}")

    def eventually(self, what: str, ready: Callable[[], T | None], *, within_s: float = 0.0) -> T:
        """``what`` comes about within so many target seconds and `SETTLE_S`; returns the first truthy ``ready()``."""
        wall_s = self._rig.clock.wall(within_s) + SETTLE_S
        try:
            value = poll_until(ready, within_s=wall_s, what=what)
        except HarnessError:
            value = None
        self.that(bool(value), what, what if value else f"not within {wall_s:g} s of our clock")
        assert value is not None
        return value

    def note(self, figure: str) -> None:
        """Record a figure that decides nothing."""
        self._case.note(figure)


def shown(value: object, width: int = 160) -> str:
    """``value`` for a person, cut to ``width`` characters."""
    text = repr(value)
    return text if len(text) <= width else f"{text[:width]}… ({len(text)} characters)"
