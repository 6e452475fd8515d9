"""Figures of requests: counts, outcomes, percentiles, attempts, and their course second by second.

A request belongs to the phase and the second in which it was to be sent, so what a fault does to it is laid at the
fault's door even where the answer came after it.  Percentiles are exact (nearest rank); times are milliseconds.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.load.told import Told

ALL = "all"  # the paths of a phase together
QUANTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
CALM_S = 1.0  # a second without a failure and with usual times is what recovery looks like
SLOWER, SLACK_MS = 3.0, 50.0  # usual: p95 at most three times the control's and 50 ms, which a scheduler may take


@dataclass(frozen=True)
class Attempts:
    """What came to the backend: how often, by the request's id, and when; ``refused`` are connects that did not.

    ``counted`` is false where the proxy does not hand the request's id on, so that nothing can be told.
    """

    by_id: Mapping[str, int]
    times: Sequence[float]
    refused: Sequence[float] = ()
    counted: bool = True


def quantile(ordered: Sequence[float], share: float) -> float | None:
    """The nearest rank; None of nothing."""
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)] if ordered else None


def times_ms(values: Iterable[float]) -> dict[str, float | None]:
    """p50, p95, p99, mean and max."""
    ordered = sorted(values)
    figures = {name: quantile(ordered, share) for name, share in QUANTILES.items()}
    figures["mean"] = sum(ordered) / len(ordered) if ordered else None
    figures["max"] = ordered[-1] if ordered else None
    return {name: None if value is None else round(value, 3) for name, value in figures.items()}


def figures(
    path: str, told: Sequence[Told], length_s: float, attempts: Attempts, refused: int | None
) -> dict[str, Any]:
    """One path in one phase; ``refused`` connects can be told of all paths together only."""
    sent = [request for request in told if request.sent]
    good = sum(request.good for request in sent)
    outcomes = Counter(request.outcome for request in sent)
    reached = sum(attempts.by_id.get(request.id, 0) for request in sent) if attempts.counted else None
    return {
        "path": path,
        "requests": len(sent),
        "good": good,
        "errors": len(sent) - good,
        "error_rate": round((len(sent) - good) / len(sent), 6) if sent else None,
        "dropped": len(told) - len(sent),
        "outcomes": dict(outcomes.most_common()),
        "good_per_s": round(good / length_s, 3),
        "response_ms": times_ms(request.response_ms for request in sent),
        "service_ms": times_ms(request.service_ms for request in sent),
        "attempts": {
            "reached": reached,
            "refused": refused,
            "per_request": None if reached is None or not sent else round((reached + (refused or 0)) / len(sent), 4),
        },
    }


def by_path(
    told: Sequence[Told], paths: Sequence[str], begin: float, end: float, attempts: Attempts
) -> list[dict[str, Any]]:
    """All paths together, then each, for what was to be sent from ``begin`` to ``end`` (epoch seconds)."""
    inside = [request for request in told if begin <= request.at < end]
    refused = sum(begin <= at < end for at in attempts.refused)
    rows = [figures(ALL, inside, end - begin, attempts, refused)]
    for path in paths:
        rows.append(figures(path, [r for r in inside if r.path == path], end - begin, attempts, None))
    return rows


def recovered_s(told: Sequence[Told], healed: float, end: float, usual_p95_ms: float | None) -> float | None:
    """Seconds from ``healed`` until a calm second begins; None when none did before ``end``.

    Calm: whoever came within `CALM_S` was answered well, and the p95 of them is the usual one.
    """
    after = [request for request in told if healed <= request.at < end and request.sent]
    bound_ms = math.inf if usual_p95_ms is None else SLOWER * usual_p95_ms + SLACK_MS
    first = 0
    for begin in (healed, *(request.at for request in after)):
        while first < len(after) and after[first].at < begin:
            first += 1
        window = _until(after, first, begin + CALM_S)
        if begin + CALM_S > end or not window:
            return None
        if all(request.good for request in window) and _p95(window) <= bound_ms:
            return round(begin - healed, 3)
    return None


def _until(told: Sequence[Told], first: int, end: float) -> list[Told]:
    window = []
    for request in told[first:]:
        if request.at >= end:
            break
        window.append(request)
    return window


def _p95(told: Sequence[Told]) -> float:
    return quantile(sorted(request.response_ms for request in told), QUANTILES["p95"]) or 0.0


def series(told: Sequence[Told], begin: float, end: float, attempts: Attempts) -> dict[str, Any]:
    """Second by second from ``begin`` to ``end`` (epoch seconds)."""
    count = max(math.ceil(end - begin), 1)
    arrived = _spread(told, begin, count, lambda request: request.at)
    sent = [[request for request in second if request.sent] for second in arrived]
    answered = _spread(
        [r for r in told if r.sent], begin, count, lambda request: request.at + request.response_ms / 1000
    )
    errors = [Counter(request.outcome for request in second if not request.good) for second in sent]
    classes = sorted({outcome for counter in errors for outcome in counter})
    return {
        "every_s": 1,
        "arrivals": [len(second) for second in arrived],
        "answered": [len(second) for second in answered],
        "good": [sum(request.good for request in second) for second in sent],
        "dropped": [len(came) - len(went) for came, went in zip(arrived, sent, strict=True)],
        **_percentiles(sent),
        "errors": {outcome: [counter[outcome] for counter in errors] for outcome in classes},
        "attempts": {
            "reached": _counts(attempts.times, begin, count) if attempts.counted else None,
            "refused": _counts(attempts.refused, begin, count),
        },
    }


def _percentiles(seconds: Sequence[Sequence[Told]]) -> dict[str, Any]:
    rows = [times_ms(request.response_ms for request in second) for second in seconds]
    service = [times_ms(request.service_ms for request in second) for second in seconds]
    response = {f"{name}_ms": [row[name] for row in rows] for name in QUANTILES}
    return response | {f"service_{name}_ms": [row[name] for row in service] for name in QUANTILES}


def _spread(told: Sequence[Told], begin: float, count: int, moment: Any) -> list[list[Told]]:
    seconds: list[list[Told]] = [[] for _ in range(count)]
    for request in told:
        place = math.floor(moment(request) - begin)
        if 0 <= place < count:
            seconds[place].append(request)
    return seconds


def _counts(times: Sequence[float], begin: float, count: int) -> list[int]:
    found = Counter(math.floor(at - begin) for at in times)
    return [found[second] for second in range(count)]
