"""The course of a passage: its series as rates and times on the page's time axis.

A long run is drawn with at most `MOST_POINTS` points.  One that stands for several seconds is the mean of their
rates, and the worst of their times, so that nothing that hurt is smoothed away.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MOST_POINTS = 600
WHOLE_S = 0.5  # less of a second than this says nothing about a rate
QUANTILES = ("p50", "p95", "p99")


@dataclass(frozen=True)
class Course:
    """Rates per second and times in milliseconds, one for each ``every_s`` seconds; None: nothing was measured."""

    every_s: int
    arrivals: list[float | None]
    good: list[float | None]
    response: Mapping[str, list[float | None]]
    service: Mapping[str, list[float | None]]
    errors: Mapping[str, list[float]]
    reached: list[float] | None
    refused: list[float]
    totals: Mapping[str, int]
    error_totals: Mapping[str, int]


def grain(seconds: int) -> int:
    """How many seconds a point stands for in a run of so many."""
    return max(math.ceil(seconds / MOST_POINTS), 1)


def course(series: Mapping[str, Any], phases: Sequence[Mapping[str, Any]], every_s: int) -> Course:
    """The course of a passage with these ``phases``, whose last may end within the last second of the series."""
    covered = _covered(len(series["arrivals"]), phases, every_s)
    attempts, errors = series["attempts"], series["errors"]
    worst_first = sorted(errors, key=lambda name: (-sum(errors[name]), name))
    return Course(
        every_s=every_s,
        arrivals=_trusted(series["arrivals"], covered, every_s),
        good=_trusted(series["good"], covered, every_s),
        response={name: _worst(series[f"{name}_ms"], every_s) for name in QUANTILES},
        service={name: _worst(series[f"service_{name}_ms"], every_s) for name in QUANTILES},
        errors={name: _rates(errors[name], covered, every_s) for name in worst_first if any(errors[name])},
        reached=None if attempts["reached"] is None else _rates(attempts["reached"], covered, every_s),
        refused=_rates(attempts["refused"], covered, every_s),
        totals={
            **{name: sum(series[name]) for name in ("arrivals", "good", "dropped")},
            **{name: sum(attempts[name] or []) for name in ("reached", "refused")},
        },
        error_totals={name: sum(errors[name]) for name in worst_first if any(errors[name])},
    )


def _covered(count: int, phases: Sequence[Mapping[str, Any]], every_s: int) -> list[float]:
    """Seconds that were measured of each point's."""
    end = phases[-1]["to_s"] if phases else count
    end = end if count - 1 < end < count else count
    return [min(first + every_s, end) - first for first in range(0, count, every_s)]


def _rates(counts: Sequence[int], covered: Sequence[float], every_s: int) -> list[float]:
    return [
        sum(counts[i * every_s : (i + 1) * every_s]) / max(measured_s, WHOLE_S)
        for i, measured_s in enumerate(covered)
    ]


def _trusted(counts: Sequence[int], covered: Sequence[float], every_s: int) -> list[float | None]:
    rates = _rates(counts, covered, every_s)
    return [rate if measured_s >= WHOLE_S else None for rate, measured_s in zip(rates, covered, strict=True)]


def _worst(times: Sequence[float | None], every_s: int) -> list[float | None]:
    chunks = [times[first : first + every_s] for first in range(0, len(times), every_s)]
    return [max((time for time in chunk if time is not None), default=None) for chunk in chunks]
