"""The part of PromQL that alert rules need, evaluated on a history (Prometheus' documentation, "Querying").

Selectors, ``increase`` and ``rate``, ``sum``, ``min``, ``max`` and ``count`` with ``by`` or ``without``, arithmetic
and comparisons with a number.  Anything else is a HarnessError that names it.  A range holds both its ends, as in
Prometheus 2; 3 leaves out the first.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import promql_parser as grammar

from harness.alerts.history import NAME, History, Sample
from harness.errors import HarnessError
from harness.target.metrics import Labels

LOOKBACK_S = 300.0  # how old the last sample of a series may be (--query.lookback-delta)
NEAR_EDGE = 1.1  # of the usual distance between samples: up to here a series is taken to reach the edge of its range

Vector = dict[Labels, float]
Value = Vector | float

ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}
AGGREGATIONS: dict[str, Callable[[Sequence[float]], float]] = {"sum": sum, "min": min, "max": max, "count": len}


def parse(text: str) -> Any:
    """The syntax of an expression; HarnessError where it is none."""
    try:
        return grammar.parse(text)
    except ValueError as exc:
        raise HarnessError(f"not PromQL: {text!r}: {exc}") from exc


def seconds(duration: str) -> float:
    """A duration as rules write it ("30s", "5m")."""
    return float(grammar.parse_duration(duration).total_seconds()) if duration.strip("0smh") else 0.0


def evaluate(expr: Any, history: History, at: float) -> Value:
    """The value of an expression at a moment: a number, or values by labels."""
    if isinstance(expr, grammar.NumberLiteral):
        return float(expr.val)
    if isinstance(expr, grammar.ParenExpr):
        return evaluate(expr.expr, history, at)
    if isinstance(expr, grammar.VectorSelector):
        return _instant(expr, history, at)
    if isinstance(expr, grammar.Call):
        return _call(expr, history, at)
    if isinstance(expr, grammar.AggregateExpr):
        return _aggregate(expr, history, at)
    if isinstance(expr, grammar.BinaryExpr):
        return _binary(expr, history, at)
    raise HarnessError(f"alert rules cannot be evaluated with {type(expr).__name__} in them: {expr}")


def _instant(selector: Any, history: History, at: float) -> Vector:
    found = {}
    for labels, samples in _selected(selector, history):
        past = [value for moment, value in samples if at - LOOKBACK_S < moment <= at]
        if past:
            found[labels] = past[-1]
    return found


def _selected(selector: Any, history: History) -> list[tuple[Labels, list[Sample]]]:
    if selector.offset is not None or selector.at is not None:
        raise HarnessError(f"alert rules cannot be evaluated with offset or @ in them: {selector}")
    matchers = [(str(one.op), one.name, one.value) for one in selector.matchers.matchers]
    if selector.name:
        matchers.append(("MatchOp.Equal", NAME, selector.name))
    return [
        (labels, samples)
        for labels, samples in history.series.items()
        if all(_matches(dict(labels).get(name, ""), op, wanted) for op, name, wanted in matchers)
    ]


def _matches(value: str, op: str, wanted: str) -> bool:
    holds = bool(re.fullmatch(wanted, value)) if "Re" in op else value == wanted
    return holds != ("Not" in op)


def _call(call: Any, history: History, at: float) -> Vector:
    name = call.func.name
    if name not in ("increase", "rate"):
        raise HarnessError(f"alert rules cannot be evaluated with {name}() in them")
    matrix = call.args[0]
    width = matrix.range.total_seconds()
    found = {}
    for labels, samples in _selected(matrix.vector_selector, history):
        grown = increase([(moment, v) for moment, v in samples if at - width <= moment <= at], at - width, at)
        if grown is not None:
            found[_unnamed(labels)] = grown / (width if name == "rate" else 1.0)
    return found


def increase(samples: Sequence[Sample], start: float, end: float) -> float | None:
    """How much a counter grew between two moments, as Prometheus extrapolates it; None of fewer than two samples."""
    if len(samples) < 2:
        return None
    (first_at, first), (last_at, _) = samples[0], samples[-1]
    grown = sum(b - a if b >= a else b for (_, a), (_, b) in pairwise(samples))
    sampled = last_at - first_at
    usual = sampled / (len(samples) - 1)
    before = _to_edge(first_at - start, usual)
    if grown > 0 and first >= 0:
        before = min(before, sampled * (first / grown))  # a counter was never below zero
    return grown * (sampled + before + _to_edge(end - last_at, usual)) / sampled


def _to_edge(distance: float, usual: float) -> float:
    return distance if distance < usual * NEAR_EDGE else usual / 2


def _aggregate(expr: Any, history: History, at: float) -> Vector:
    name = str(expr.op)
    if name not in AGGREGATIONS:
        raise HarnessError(f"alert rules cannot be evaluated with {name} in them")
    vector = evaluate(expr.expr, history, at)
    if not isinstance(vector, dict):
        raise HarnessError(f"{name} of a number: {expr}")
    groups: dict[Labels, list[float]] = {}
    for labels, value in vector.items():
        groups.setdefault(_group(labels, expr.modifier), []).append(value)
    return {labels: AGGREGATIONS[name](values) for labels, values in groups.items()}


def _group(labels: Labels, modifier: Any) -> Labels:
    if modifier is None:
        return ()
    if str(modifier.type).endswith("By"):
        return tuple(one for one in labels if one[0] in modifier.labels)
    return tuple(one for one in _unnamed(labels) if one[0] not in modifier.labels)


def _binary(expr: Any, history: History, at: float) -> Value:
    left, right = evaluate(expr.lhs, history, at), evaluate(expr.rhs, history, at)
    symbol = str(expr.op)
    if isinstance(right, dict):
        raise HarnessError(f"alert rules can be evaluated only with a number on the right: {expr}")
    if symbol in COMPARISONS and isinstance(left, dict):
        return {labels: value for labels, value in left.items() if COMPARISONS[symbol](value, right)}
    if symbol not in ARITHMETIC:
        raise HarnessError(f"alert rules cannot be evaluated with {symbol} there: {expr}")
    if not isinstance(left, dict):
        return ARITHMETIC[symbol](left, right)
    return {_unnamed(labels): ARITHMETIC[symbol](value, right) for labels, value in left.items()}


def _unnamed(labels: Labels) -> Labels:
    return tuple(one for one in labels if one[0] != NAME)
