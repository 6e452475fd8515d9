"""Scales, ticks and path data: from numbers to places on a drawing, and nothing else.

A drawing is `WIDTH` units wide and is stretched to the room there is; its heights are pixels, and grow downwards.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

WIDTH = 1000.0
NICE = (1.0, 2.0, 5.0, 10.0)
NICE_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)
DECIMALS = 1  # of a unit that is at most a few pixels

Points = Sequence[float | None]  # None: nothing was measured there


@dataclass(frozen=True)
class Scale:
    """A value's height in a drawing of ``height`` pixels, ``low`` at the bottom; logarithmic if ``log``."""

    low: float
    high: float
    height: float
    log: bool = False

    def y(self, value: float) -> float:
        """Pixels from the top; what is outside is put on the edge."""
        share = (self._at(value) - self._at(self.low)) / (self._at(self.high) - self._at(self.low))
        return round(self.height * (1 - min(max(share, 0.0), 1.0)), DECIMALS)

    def ticks(self) -> list[float]:
        """The round values to be marked, the lowest first."""
        if not self.log:
            step = _step(self.high)
            return [step * n for n in range(round(self.high / step) + 1)]
        decades = range(math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9) + 1)
        return [10.0**power for power in decades]

    def _at(self, value: float) -> float:
        return math.log10(max(value, self.low)) if self.log else value


def counting(values: Sequence[float | None], height: float) -> Scale:
    """From nothing to a round number that holds all of ``values``."""
    most = max((value for value in values if value is not None), default=0.0) or 1.0
    step = _step(most)
    return Scale(0.0, step * math.ceil(most / step - 1e-9), height)


def _step(most: float) -> float:
    """From tick to tick, so that there are two to four of them above 0."""
    return nice_above(most / 4)


def logarithmic(values: Sequence[float | None], height: float) -> Scale:
    """From a round number below the least of ``values`` to one above the greatest; a decade at the least."""
    seen = [value for value in values if value is not None and value > 0] or [1.0]
    low, high = nice_below(min(seen)), nice_above(max(seen))
    return Scale(low, max(high, 10 * low), height, log=True)


def nice_above(value: float) -> float:
    """The least of 1, 2 and 5 times a power of ten that is not below ``value`` (above 0)."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(n * power for n in NICE if n * power >= value * (1 - 1e-9))


def nice_below(value: float) -> float:
    """The greatest of 1, 2 and 5 times a power of ten that is not above ``value`` (above 0)."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(n * power for n in reversed(NICE) if n * power <= value * (1 + 1e-9))


def time_ticks(end_s: float, most: int = 7) -> list[int]:
    """Round seconds from 0 to ``end_s``, at most ``most`` of them and 0."""
    step = next((nice for nice in NICE_S if end_s / nice <= most), 0)
    if not step:
        step = 86400 * math.ceil(end_s / 86400 / most)
    return list(range(0, int(end_s) + 1, step))


def place(at_s: float, end_s: float) -> float:
    """A moment's place along the drawing, as a share from 0 to 1."""
    return min(max(at_s / end_s, 0.0), 1.0) if end_s > 0 else 0.0


def line(points: Points, middle_s: float, every_s: float, end_s: float, scale: Scale) -> str:
    """Path data through ``points``, the first at ``middle_s``; broken where a point is missing."""
    parts = []
    for stretch in _stretches(points):
        at = [f"{x(middle_s + i * every_s, end_s)} {scale.y(value)}" for i, value in stretch]
        parts.append(f"M{' L'.join(at)}" if len(at) > 1 else f"M{at[0]} h0")
    return "".join(parts)


def band(low: Points, high: Points, middle_s: float, every_s: float, end_s: float, scale: Scale) -> str:
    """Path data of the room between two curves, where both were measured."""
    both = [None if a is None or b is None else (a, b) for a, b in zip(low, high, strict=True)]
    parts = []
    for stretch in _stretches([None if pair is None else pair[0] for pair in both]):
        places = [i for i, _ in stretch]
        there = [f"{x(middle_s + i * every_s, end_s)} {scale.y(high[i] or 0)}" for i in places]
        back = [f"{x(middle_s + i * every_s, end_s)} {scale.y(low[i] or 0)}" for i in reversed(places)]
        parts.append(f"M{' L'.join([*there, *back])}Z")
    return "".join(parts)


def steps(below: Sequence[float], above: Sequence[float], every_s: float, end_s: float, scale: Scale) -> str:
    """Path data of a column for each of ``above``, standing on ``below``; none where they are the same."""
    parts = []
    for i, (foot, top) in enumerate(zip(below, above, strict=True)):
        if top > foot:
            left, right = x(i * every_s, end_s), x((i + 1) * every_s, end_s)
            parts.append(f"M{left} {scale.y(foot)}V{scale.y(top)}H{right}V{scale.y(foot)}Z")
    return "".join(parts)


def x(at_s: float, end_s: float) -> float:
    """A moment's place along the drawing."""
    return round(WIDTH * place(at_s, end_s), DECIMALS)


def _stretches(points: Points) -> Iterator[list[tuple[int, float]]]:
    """The points that follow one another without a gap, with their places."""
    stretch: list[tuple[int, float]] = []
    for i, value in enumerate(points):
        if value is not None:
            stretch.append((i, value))
        elif stretch:
            yield stretch
            stretch = []
    if stretch:
        yield stretch
