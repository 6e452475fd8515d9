"""The figures: each a question, its answer in a sentence, and the curves that show it on the one time axis."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.report.page import scales, words
from harness.report.page.course import Course
from harness.report.page.scales import Points, Scale

HEIGHT, TALL = 150.0, 220.0
APART_MS, APART = 50.0, 0.2  # response and service time differ when by more than both
REACHED, REFUSED = "reached the upstream", "were refused there"
ATTEMPT_LOOKS = {REACHED: "reached", REFUSED: "error-1"}
OF_CONTROL = ("control", "band")
LOOKS = 9  # of errors: the stylesheet has so many


@dataclass(frozen=True)
class Curve:
    """A line or an area: its ``look`` names its style, ``values`` are for reading them off."""

    name: str
    look: str
    path: str
    values: Points = ()


@dataclass(frozen=True)
class Figure:
    """``ticks`` are heights in pixels and what they say; areas are drawn before lines, each in its order."""

    id: str
    question: str
    answer: str
    axis: str
    unit: str
    height: float
    ticks: Sequence[tuple[float, str]]
    areas: Sequence[Curve] = ()
    lines: Sequence[Curve] = ()

    @property
    def legend(self) -> list[Curve]:
        """The curves that have a name, the gates and the control's last."""
        named = [curve for curve in [*self.lines, *self.areas] if curve.name]
        return sorted(named, key=lambda curve: (curve.look in OF_CONTROL, curve.look.startswith("limit")))


@dataclass(frozen=True)
class Limit:
    """A gate on the p95 of all paths, in milliseconds, and the phase it is on."""

    value: float
    from_s: float
    to_s: float
    held: bool


@dataclass(frozen=True)
class Drawing:
    """What all figures are drawn from; ``usual`` is the control's row of all paths."""

    run: Course
    control: Course | None
    usual: Mapping[str, Any] | None
    rate_per_s: float
    end_s: float
    phase_at: Callable[[float], str]
    most_tries: tuple[float, str] | None = None
    control_end_s: float = 0.0
    limits: Sequence[Limit] = ()

    def line(self, points: Points, scale: Scale, name: str, look: str) -> Curve:
        """A curve through the middle of each point's seconds."""
        every = self.run.every_s
        return Curve(name, look, scales.line(points, every / 2, every, self.end_s, scale), points)

    def stacked(self, layers: Mapping[str, Sequence[float]], looks: Sequence[str], scale: Scale) -> list[Curve]:
        """Columns on one another, the first at the bottom."""
        curves, below = [], [0.0] * len(next(iter(layers.values()), ()))
        for (name, values), look in zip(layers.items(), looks, strict=False):
            above = [foot + value for foot, value in zip(below, values, strict=True)]
            path = scales.steps(below, above, self.run.every_s, self.end_s, scale)
            curves.append(Curve(name, look, path, values))
            below = above
        return curves

    def level(self, value: float | None, scale: Scale) -> list[Curve]:
        """The control's figure as a level, from where its course ends."""
        if value is None or self.control_end_s >= self.end_s:
            return []
        left = scales.x(self.control_end_s, self.end_s)
        return [Curve("", "level", f"M{left} {scale.y(value)}H{scales.WIDTH:g}")]

    def worst(self, points: Points) -> tuple[float, str] | None:
        """The greatest of ``points``, and when it was in words."""
        seen = [(value, i) for i, value in enumerate(points) if value is not None]
        if not seen:
            return None
        value, i = max(seen, key=lambda one: one[0])
        at = i * self.run.every_s
        where = self.phase_at(at + self.run.every_s / 2)
        return value, f"at {words.clock(at, self.end_s)}{f' in “{where}”' if where else ''}"


def all_of(drawing: Drawing) -> list[Figure]:
    """The figures that this run has."""
    figures = [_rate(drawing), _times(drawing)]
    if _apart(drawing.run):
        figures.append(_waiting(drawing))
    return [*figures, _errors(drawing), _attempts(drawing)]


def _ticks(scale: Scale, said: Callable[[float], str]) -> list[tuple[float, str]]:
    return [(scale.y(value), said(value)) for value in scale.ticks()]


def _rate(drawing: Drawing) -> Figure:
    run, control = drawing.run, drawing.control
    scale = scales.counting([*run.arrivals, *run.good, *(control.good if control else [])], HEIGHT)
    lines = [drawing.line(control.good, scale, "answered well in the control", "control")] if control else []
    lines += drawing.level(drawing.usual["good_per_s"] if drawing.usual else None, scale)
    lines += [
        drawing.line(run.arrivals, scale, "were to be sent", "thin"),
        drawing.line(run.good, scale, "answered well", "main"),
    ]
    came, good, dropped = (run.totals[name] for name in ("arrivals", "good", "dropped"))
    answer = f"{words.plural(came, 'request')} were to be sent, {drawing.rate_per_s:g} per second were asked for; "
    answer += f"{words.count(good)} ({words.percent(good / came if came else None)}) were answered with 2xx or 3xx."
    if dropped:
        answer += f" {words.plural(dropped, 'arrival')} could not be sent."
    ticks = _ticks(scale, words.rate)
    return Figure("rate", "Was what came answered?", answer, "requests per second", "/s", HEIGHT, ticks, lines=lines)


def _times(drawing: Drawing) -> Figure:
    run, control = drawing.run, drawing.control
    shown = [*run.response.values(), *(control.response.values() if control else [])]
    limits = [limit.value for limit in drawing.limits]
    scale = scales.logarithmic([*limits, *(value for points in shown for value in points)], TALL)
    areas, lines = [], []
    if control:
        low, high = control.response["p50"], control.response["p99"]
        path = scales.band(low, high, run.every_s / 2, run.every_s, drawing.end_s, scale)
        areas.append(Curve("control, p50 to p99", "band", path))
        lines.append(drawing.line(control.response["p95"], scale, "control, p95", "control"))
    lines += drawing.level(drawing.usual["response_ms"]["p95"] if drawing.usual else None, scale)
    lines += _limits(drawing, scale)
    for name, look in (("p50", "dashed"), ("p95", "main"), ("p99", "thin")):
        lines.append(drawing.line(run.response[name], scale, name, look))
    return Figure(
        "times",
        "How long did a caller wait?",
        _times_answer(drawing),
        "response time, logarithmic",
        "ms",
        TALL,
        _ticks(scale, words.ms),
        areas,
        lines,
    )


def _limits(drawing: Drawing, scale: Scale) -> list[Curve]:
    """The gates on p95, each as long as its phase."""
    curves = []
    for look, name, held in (("limit", "gate on p95, held", True), ("limit broken", "gate on p95, broken", False)):
        of_it = [limit for limit in drawing.limits if limit.held == held]
        ends = [(scales.x(limit.from_s, drawing.end_s), scales.x(limit.to_s, drawing.end_s)) for limit in of_it]
        path = "".join(
            f"M{left} {scale.y(limit.value)}H{right}" for limit, (left, right) in zip(of_it, ends, strict=True)
        )
        if path:
            curves.append(Curve(name, look, path))
    return curves


def _times_answer(drawing: Drawing) -> str:
    worst = drawing.worst(drawing.run.response["p95"])
    if worst is None:
        return "Nothing was answered."
    answer = f"At worst p95 was {words.ms(worst[0])}, {worst[1]}"
    usual = drawing.usual["response_ms"]["p95"] if drawing.usual else None
    answer += f"; the control’s p95 was {words.ms(usual)}." if usual is not None else "."
    gap = max((a - b for a, b in _both(drawing.run)), default=0.0)
    if not _apart(drawing.run):
        answer += f" Service time, from when a request was really sent, is at most {words.ms(gap)} below (p95)."
    return answer


def _both(run: Course) -> list[tuple[float, float]]:
    pairs = zip(run.response["p95"], run.service["p95"], strict=True)
    return [(a, b) for a, b in pairs if a is not None and b is not None]


def _apart(run: Course) -> bool:
    return any(a - b > max(APART_MS, APART * a) for a, b in _both(run))


def _waiting(drawing: Drawing) -> Figure:
    response, service = drawing.run.response["p95"], drawing.run.service["p95"]
    scale = scales.logarithmic([*response, *service], HEIGHT)
    every = drawing.run.every_s
    gap = [None if a is None or b is None else max(a - b, 0.0) for a, b in zip(response, service, strict=True)]
    worst = drawing.worst(gap) or (0.0, "")
    return Figure(
        "waiting",
        "How much of that was waiting to be sent?",
        f"Up to {words.ms(worst[0])} of the p95, {worst[1]}: service time alone would not show it.",
        "p95, logarithmic",
        "ms",
        HEIGHT,
        _ticks(scale, words.ms),
        [Curve("", "band", scales.band(service, response, every / 2, every, drawing.end_s, scale))],
        [
            drawing.line(service, scale, "service time, from when it was sent", "thin"),
            drawing.line(response, scale, "response time, from when it was to be sent", "main"),
        ],
    )


def _errors(drawing: Drawing) -> Figure:
    run, control = drawing.run, drawing.control
    together = [sum(values) for values in zip(*run.errors.values(), strict=True)]
    usual = [sum(values) for values in zip(*control.errors.values(), strict=True)] if control else []
    scale = scales.counting([*together, *usual], HEIGHT)
    looks = [f"error-{i % LOOKS}" for i in range(len(run.errors))]
    lines = [drawing.line(usual, scale, "in the control", "control")] if any(usual) else []
    total = sum(run.error_totals.values())
    counted = words.outcomes(run.error_totals)
    answer = f"{words.plural(total, 'request')} failed: {counted}." if total else "No request failed."
    if control:
        before = sum(control.error_totals.values())
        answer += f" In the control {words.count(before) if before else 'none'} did."
    return Figure(
        "errors",
        "What went wrong, and when?",
        answer,
        "errors per second, by status or kind",
        "/s",
        HEIGHT,
        _ticks(scale, words.rate),
        drawing.stacked(run.errors, looks, scale),
        lines,
    )


def _attempts(drawing: Drawing) -> Figure:
    run, control = drawing.run, drawing.control
    layers = {} if run.reached is None else {REACHED: run.reached}
    if any(run.refused):
        layers[REFUSED] = run.refused
    together = [sum(values) for values in zip(*layers.values(), strict=True)]
    usual = control.reached if control else None
    scale = scales.counting([*together, *run.arrivals, *(usual or [])], HEIGHT)
    lines = [drawing.line(usual, scale, "reached it in the control", "control")] if usual else []
    lines.append(drawing.line(run.arrivals, scale, "requests that were to be sent", "thin"))
    looks = [ATTEMPT_LOOKS[name] for name in layers]
    return Figure(
        "attempts",
        "How often was the upstream tried?",
        _attempts_answer(drawing),
        "attempts per second",
        "/s",
        HEIGHT,
        _ticks(scale, words.rate),
        drawing.stacked(layers, looks, scale),
        lines,
    )


def _attempts_answer(drawing: Drawing) -> str:
    run = drawing.run
    refused = f"{words.plural(run.totals['refused'], 'connect')} to it were refused"
    if run.reached is None:
        return f"Attempts that reached it cannot be told: the proxy does not hand a request’s id on. {refused}."
    answer = f"{words.plural(run.totals['reached'], 'attempt')} reached it, {refused}"
    if drawing.most_tries and drawing.most_tries[0] > 1:
        tries, phase = drawing.most_tries
        return f"{answer}; the most per request were {words.rate(tries)}, in “{phase}”."
    return f"{answer}; in no phase was that more than one per request."
